"""Damages files at random and reads them: refused in words, or sound, and nothing else."""

import tempfile
from pathlib import Path

from hypothesis import strategies as st
from tests.format_files import read_or_refuse

from weightmark.ports import Format

EDITS = st.lists(
    st.tuples(
        st.integers(0, 1 << 20), st.binary(min_size=1, max_size=4), st.sampled_from(["set", "put", "cut"])
    ),
    min_size=1,
    max_size=4,
)
"""Where, which bytes, and whether they are written over others, put between them, or stand for a cut."""


def damage(content: bytes, edits: list[tuple[int, bytes, str]]) -> bytes:
    for place, data, kind in edits:
        at = place % (len(content) + 1)
        end = {"set": at + len(data), "put": at, "cut": at + data[0]}[kind]
        content = content[:at] + (b"" if kind == "cut" else data) + content[end:]
    return content


def check(cls: type[Format], name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(content)
        read_or_refuse(cls, Path(folder))
