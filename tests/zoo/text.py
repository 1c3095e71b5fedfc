"""What the zoo's models learn: Python's own sources and its own prose, as numbers.

The text lies in every Python; nothing is fetched. Another release has other text, and so another zoo.
"""

import re
import sysconfig
from collections import Counter
from functools import cache
from pathlib import Path

import torch

TOKEN = re.compile(r"[A-Za-z_]+| +|\s|\d|[^\w\s]")
CODE_BYTES = 3_000_000


@cache
def read_code() -> str:
    """Give the sources of the standard library's single modules, one after the other."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    parts = [path.read_text("utf-8", "replace") for path in sorted(folder.glob("*.py"))]
    return "".join(parts)[:CODE_BYTES]


@cache
def read_prose() -> str:
    """Give the English of Python's built-in help."""
    from pydoc_data.topics import topics

    return "\n".join(topics[name] for name in sorted(topics))


@cache
def find_vocabulary(size: int) -> dict[str, int]:
    """Number the most frequent pieces of the code; number 0 stands for every other piece."""
    counted = Counter(TOKEN.findall(read_code()))
    return {piece: number for number, (piece, _) in enumerate(counted.most_common(size - 1), start=1)}


@cache
def tokens_of(corpus: str, size: int) -> torch.Tensor:
    """Give a corpus, ``code`` or ``prose``, as numbers below ``size``."""
    vocabulary = find_vocabulary(size)
    text = read_code() if corpus == "code" else read_prose()
    return torch.tensor([vocabulary.get(piece, 0) for piece in TOKEN.findall(text)])
