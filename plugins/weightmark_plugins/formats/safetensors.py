"""The safetensors format, in one file or in shards with an index; headers are read here, by no library.

Not promised: that a loader takes the file too. The checks are those of the format's own document or stricter.
"""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Final

from weightmark.encoding import Json, Record, decode
from weightmark.errors import MalformedError
from weightmark.hookspecs import hookimpl
from weightmark.model.artifact import Artifact, ArtifactFile
from weightmark.model.tensor import TensorSpan
from weightmark.ports import Format
from weightmark_plugins.formats.sharding import check_index, name_spaces

SUFFIX: Final = ".safetensors"
INDEX_SUFFIX: Final = ".safetensors.index.json"
MAX_HEADER: Final = 100_000_000
"""The most bytes of a header, and of an index; the format's reference implementation has the same bound."""

MAX_TENSORS: Final = 250_000
"""The most tensors of one file; they are counted before the header is read."""

DTYPES: Final[Mapping[str, tuple[str, int]]] = {
    "BOOL": ("bool", 8),
    "F4": ("float4_e2m1fn", 4),
    "F6_E2M3": ("float6_e2m3fn", 6),
    "F6_E3M2": ("float6_e3m2fn", 6),
    "U8": ("uint8", 8),
    "I8": ("int8", 8),
    "F8_E5M2": ("float8_e5m2", 8),
    "F8_E4M3": ("float8_e4m3fn", 8),
    "F8_E8M0": ("float8_e8m0fnu", 8),
    "F8_E4M3FNUZ": ("float8_e4m3fnuz", 8),
    "F8_E5M2FNUZ": ("float8_e5m2fnuz", 8),
    "I16": ("int16", 16),
    "U16": ("uint16", 16),
    "F16": ("float16", 16),
    "BF16": ("bfloat16", 16),
    "I32": ("int32", 32),
    "U32": ("uint32", 32),
    "F32": ("float32", 32),
    "C64": ("complex64", 64),
    "F64": ("float64", 64),
    "I64": ("int64", 64),
    "U64": ("uint64", 64),
}
"""The format's number types, the field's names for them, and bits per element. Elements smaller than a byte
are packed; a tensor of them must fill whole bytes."""

_OTHERS: Final = frozenset({".bin", ".gguf", ".h5", ".msgpack", ".onnx", ".pt", ".pth"})
"""Endings of files that may hold the model when an index is all that is there of its shards."""

_LENGTH: Final = 8
_MAX_COUNT: Final = 2**53 - 1
_METADATA: Final = "__metadata__"
_LFS: Final = b"version "
_SHOWN: Final = 200
_SHOWN_LENGTHS: Final = 8
_HINT: Final = "The file was cut short or written wrongly: download it again, or save the model again."
_HINT_LFS: Final = "This is a Git LFS pointer and not the model: run `git lfs pull`."


class SafetensorsFormat(Format):
    """Reads the headers of safetensors files."""

    name: ClassVar[str] = "safetensors"

    def claims(self, artifact: Artifact) -> Sequence[str]:
        """Name the files that end in ``.safetensors`` or ``.safetensors.index.json``."""
        return tuple(file.path for file in artifact.files if file.path.endswith((SUFFIX, INDEX_SUFFIX)))

    def tensors(self, artifact: Artifact, paths: Sequence[str]) -> Sequence[TensorSpan]:
        """Say where the tensors lie.

        Args:
            artifact: the model's files.
            paths: what ``claims`` gave.

        Returns:
            One span per tensor, sorted by path and place.

        Raises:
            MalformedError: a header or an index is damaged, claims what the files do not hold, or contradicts
                another; the message names file and tensor.

        Source: https://github.com/huggingface/safetensors, "Format".
        """
        files = {path: tuple(_read_header(artifact, path)) for path in sorted(paths) if path.endswith(SUFFIX)}
        endings = {posixpath.splitext(file.path)[1] for file in artifact.files}
        spaces: dict[str, str] = {}
        for path in sorted(paths):
            if path.endswith(INDEX_SUFFIX):
                for shard in check_index(
                    artifact, path, files, kind="safetensors", absent=bool(_OTHERS & endings), most=MAX_HEADER
                ):
                    spaces.setdefault(shard, path)
        return tuple(name_spaces(files, spaces))


def _read_header(artifact: Artifact, path: str) -> Iterator[TensorSpan]:
    file = _find(artifact, path)
    if file.size < _LENGTH:
        raise MalformedError(
            f"{path} has {file.size} bytes, too few for the length of its header", hint=_HINT
        )
    prefix = artifact.read(path, 0, _LENGTH)
    length = int.from_bytes(prefix, "little")
    if length > min(file.size - _LENGTH, MAX_HEADER):
        hint = _HINT_LFS if prefix == _LFS else _HINT
        raise MalformedError(
            f"{path} claims a header of {length} bytes; the file has {file.size - _LENGTH} after the length, "
            f"and a header has at most {MAX_HEADER}",
            hint=hint,
        )
    data = artifact.read(path, _LENGTH, length)
    if data.count(b'"data_offsets"') > MAX_TENSORS:
        raise MalformedError(
            f"the header of {path} has more than {MAX_TENSORS} tensors",
            hint="No model needs so many in one file: it is damaged or was made to waste time and memory.",
        )
    if not data.startswith(b"{"):
        raise MalformedError(f"the header of {path} begins with {data[:1]!r}, not with '{{'", hint=_HINT)
    header = Record(decode(data, what=f"the header of {path}"), f"the header of {path}").members()
    _check_metadata(header.pop(_METADATA, None), path)
    offset = _LENGTH + length
    spans = [_read_tensor(name, value, path, offset) for name, value in header.items()]
    spans.sort(key=lambda span: (span.start, span.stop, span.name))
    _check_cover(spans, path, offset, file.size)
    yield from spans


def _check_metadata(value: Json, path: str) -> None:
    if value is None:
        return
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise MalformedError(f"{_METADATA!r} in {path} must be an object of strings", hint=_HINT)


def _read_tensor(name: str, value: Json, path: str, offset: int) -> TensorSpan:
    what = f"tensor {_show(name)} in {path}"
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise MalformedError(f"{what} has a name that is not Unicode text", hint=_HINT) from error
    record = Record(value, what)
    code, shape = record.text("dtype"), _integers(record, "shape")
    offsets = _integers(record, "data_offsets")
    record.done()
    if code not in DTYPES:
        raise MalformedError(
            f"{what} has the unknown number type {code[:40]!r}; known are {', '.join(sorted(DTYPES))}",
            hint="If the type is a new one, a newer Weightmark may know it.",
        )
    dtype, bits = DTYPES[code]
    if len(offsets) != 2 or offsets[0] > offsets[1]:  # noqa: PLR2004 - where it begins and where it ends
        raise MalformedError(
            f"{what} has the offsets {list(offsets)[:4]}, not where it begins and ends", hint=_HINT
        )
    count = _count(shape, what)
    if count * bits != (offsets[1] - offsets[0]) * 8:
        raise MalformedError(
            f"{what} of {code} and shape {_show_shape(shape)} needs {count * bits} bits; "
            f"its offsets give {(offsets[1] - offsets[0]) * 8}",
            hint=_HINT,
        )
    start, stop = offset + offsets[0], offset + offsets[1]
    return TensorSpan(name=name, dtype=dtype, shape=shape, path=path, start=start, stop=stop)


def _integers(record: Record, key: str) -> tuple[int, ...]:
    values = record.items(key)
    numbers = tuple(value for value in values if isinstance(value, int) and not isinstance(value, bool))
    if len(numbers) != len(values) or any(not 0 <= number <= _MAX_COUNT for number in numbers):
        raise MalformedError(f"{key!r} of {record.what} must be integers from 0 to {_MAX_COUNT}", hint=_HINT)
    return numbers


def _count(shape: Sequence[int], what: str) -> int:
    """Multiply lengths; stops at the bound, so that a hostile shape costs nothing."""
    if 0 in shape:
        return 0
    count = 1
    for length in shape:
        count *= length
        if count > _MAX_COUNT:
            raise MalformedError(f"{what} claims more than {_MAX_COUNT} elements", hint=_HINT)
    return count


def _check_cover(spans: Sequence[TensorSpan], path: str, offset: int, size: int) -> None:
    """Check that tensors, in the order of their bytes, fill the file to its end without hole or overlap."""
    position, before = offset, "the header"
    for span in spans:
        if span.start != position:
            found = "overlaps" if span.start < position else "leaves a hole after"
            raise MalformedError(
                f"tensor {_show(span.name)} in {path} {found} {before}: "
                f"it begins at byte {span.start}, not {position}",
                hint=_HINT,
            )
        position, before = span.stop, f"tensor {_show(span.name)}"
    if position != size:
        found = "is cut short" if position > size else "has bytes that belong to no tensor"
        raise MalformedError(
            f"{path} {found}: its tensors end at byte {position}, the file at {size}", hint=_HINT
        )


def _find(artifact: Artifact, path: str) -> ArtifactFile:
    file = artifact.find(path)
    if file is None:
        raise ValueError(f"the artifact has no file {path!r}")
    return file


def _show(name: str) -> str:
    """Quote a name for a message, cut to a length that a person can read."""
    return repr(name[:_SHOWN])


def _show_shape(shape: Sequence[int]) -> str:
    """Write a shape for a message; a hostile one has millions of lengths."""
    shown = ", ".join(str(length) for length in shape[:_SHOWN_LENGTHS])
    return f"[{shown}{', …' if len(shape) > _SHOWN_LENGTHS else ''}]"


@hookimpl
def weightmark_formats() -> list[type[Format]]:
    """Offer safetensors."""
    return [SafetensorsFormat]
