"""The GGUF format, in one file or in parts; headers are read here, by no library.

Names are the file's (``blk.0.attn_q.weight``); ``weightmark_plugins.formats.gguf_names.hf_name`` maps those
of the common architectures to the names in ``transformers``. Parts of one split model share their names;
every other file that repeats a name has its path before it.

One layout is undone. For LLaMA and its relatives (``PERMUTED``) the converter reorders the rows of the query
and key projections within each head, because its rotary embedding takes neighbours where ``transformers``
takes halves. Those tensors are given in the order of ``transformers``, quantised or not, so that they equal
those of the model that was converted. A model that was converted from Mistral's own files was in the other
order before and is given in that of ``transformers`` too.

Quantised numbers keep the format's name in lowercase (``q4_k``), the shape is in elements, and the canonical
bytes are the blocks in their order.

Not promised: that numbers which a converter changed are those of the source, such as norms of Gemma (plus
one), experts stacked into one tensor, or factors of the rotary embedding.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Final

from weightmark.errors import MalformedError
from weightmark.fingerprinting import name_apart
from weightmark.hookspecs import hookimpl
from weightmark.model.artifact import Artifact
from weightmark.model.layout import Strided
from weightmark.model.tensor import TensorSpan
from weightmark.ports import Format
from weightmark_plugins.formats.apart import check_apart
from weightmark_plugins.formats.gguf_header import GgufHeader, GgufTensor, Value, read_header
from weightmark_plugins.formats.window import HINT, open_window, show

SUFFIX: Final = ".gguf"
PERMUTED: Final = frozenset(
    {
        *("arcee", "deci", "granite", "granitemoe", "llama", "minicpm", "mistral3", "olmo", "smollm3"),
        "xverse",
    }
)
"""Architectures whose converter reorders the rows of queries and keys."""

_PART: Final = re.compile(r"(?P<stem>.+)-(?P<number>[0-9]{5})-of-(?P<count>[0-9]{5})\.gguf\Z")
_ROTATED: Final = re.compile(r"blk\.(?P<layer>[0-9]{1,6})\.attn_(?P<kind>[qk])\.(?:weight|bias)\Z")


class GgufFormat(Format):
    """Reads the headers of GGUF files."""

    name: ClassVar[str] = "gguf"

    def claims(self, artifact: Artifact) -> Sequence[str]:
        """Name the files that end in ``.gguf`` and are not empty."""
        return tuple(file.path for file in artifact.files if file.path.endswith(SUFFIX) and file.size)

    def tensors(self, artifact: Artifact, paths: Sequence[str]) -> Sequence[TensorSpan]:
        """Say where the tensors lie.

        Args:
            artifact: the model's files.
            paths: what ``claims`` gave.

        Returns:
            One span per tensor, of one model after the other.

        Raises:
            MalformedError: a header is damaged, claims what the file does not hold, or a part is missing.
        """
        found: list[list[TensorSpan]] = []
        for parts in _models(sorted(paths)):
            headers = {path: _read(artifact, path) for path in parts}
            metadata = headers[parts[0]].metadata
            found.append([_span(path, one, metadata) for path in parts for one in headers[path].tensors])
        for spans in found:
            _check_names(spans)
        named = tuple(name_apart(found))
        check_apart(named)
        return named


def read_metadata(artifact: Artifact, path: str) -> Mapping[str, Value]:
    """Read what one GGUF file says of its model.

    Args:
        artifact: the model's files.
        path: the GGUF file.

    Returns:
        Texts, numbers and short lists of integers, by key: ``general.license``,
        ``general.base_model.0.repo_url``.

    Raises:
        MalformedError: the header is damaged.
    """
    return _read(artifact, path).metadata


def _read(artifact: Artifact, path: str) -> GgufHeader:
    with open_window(artifact, path) as window:
        return read_header(window)


def _models(paths: Sequence[str]) -> Iterator[list[str]]:
    """Give the files of one model after the other; the parts of a split one in their order."""
    present = set(paths)
    for path in paths:
        part = _PART.match(path)
        if part is None:
            yield [path]
            continue
        count = int(part["count"])
        if not 1 <= int(part["number"]) <= count:
            raise MalformedError(f"{path} says that it is part {part['number']} of {count}", hint=HINT)
        first = f"{part['stem']}-00001-of-{part['count']}{SUFFIX}"
        if path != first and first in present:
            continue
        names = [f"{part['stem']}-{number:05}-of-{part['count']}{SUFFIX}" for number in range(1, count + 1)]
        missing = next((name for name in names if name not in present), None)
        if missing is not None:
            raise MalformedError(
                f"{path} is one of {count} parts, of which {missing} is not there",
                hint="Download all parts into one folder, and pass that.",
            )
        yield names


def _check_names(spans: Sequence[TensorSpan]) -> None:
    taken: dict[str, str] = {}
    for span in spans:
        if span.name in taken:
            raise MalformedError(
                f"the name {show(span.name)} stands for two tensors, in {taken[span.name]} and in "
                f"{span.path}",
                hint=HINT,
            )
        taken[span.name] = span.path


def _span(path: str, tensor: GgufTensor, metadata: Mapping[str, Value]) -> TensorSpan:
    return TensorSpan(
        name=tensor.name,
        dtype=tensor.dtype,
        shape=tensor.shape,
        path=path,
        start=tensor.start,
        stop=tensor.stop,
        layout=_order(path, tensor, metadata),
    )


def _order(path: str, tensor: GgufTensor, metadata: Mapping[str, Value]) -> Strided | None:
    """Give the layout that puts the rows of queries and keys back into the order of ``transformers``."""
    architecture, rotated = metadata.get("general.architecture"), _ROTATED.match(tensor.name)
    if architecture not in PERMUTED or rotated is None or tensor.start == tensor.stop:
        return None
    rows = tensor.shape[0] if tensor.shape else 1
    item = tensor.row if len(tensor.shape) > 1 else (tensor.stop - tensor.start) // rows
    heads = _heads(metadata, f"{architecture}.attention.head_count", int(rotated["layer"]))
    if rotated["kind"] == "k":
        key = f"{architecture}.attention.head_count_kv"
        heads = _heads(metadata, key, int(rotated["layer"])) if key in metadata else heads
    if not heads or rows % (2 * heads) or len(tensor.shape) > 2 or item * rows != tensor.stop - tensor.start:  # noqa: PLR2004 - a matrix
        raise MalformedError(
            f"tensor {show(tensor.name)} in {path} has {rows} rows, which are not those of {heads} heads",
            hint=HINT,
        )
    half = rows // heads // 2
    return Strided(itemsize=item, lengths=(heads, 2, half), strides=(2 * half, 1, 2)) if half > 1 else None


def _heads(metadata: Mapping[str, Value], key: str, layer: int) -> int:
    """Give how many heads a layer has; 0 when it is not said."""
    value = metadata.get(key, 0)
    if isinstance(value, tuple):
        return value[layer] if layer < len(value) else 0
    return value if isinstance(value, int) and value > 0 else 0


@hookimpl
def weightmark_formats() -> list[type[Format]]:
    """Offer GGUF."""
    return [GgufFormat]
