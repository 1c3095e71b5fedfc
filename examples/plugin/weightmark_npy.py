"""Reads NumPy's .npy files for Weightmark, without NumPy and without executing anything."""

import math
import re
from collections.abc import Sequence

import weightmark
from weightmark.errors import MalformedError
from weightmark.model.artifact import Artifact
from weightmark.model.tensor import TensorSpan
from weightmark.ports import Format

MAGIC = b"\x93NUMPY\x01\x00"
HEADER = re.compile(
    rb"\{'descr': '(.{3})', 'fortran_order': False, 'shape': \(((?:\d{1,18}, ?)*\d{0,18})\),? ?\}\s*"
)
DTYPES = {b"<f2": ("float16", 2), b"<f4": ("float32", 4), b"<f8": ("float64", 8), b"<i8": ("int64", 8)}


class NpyFormat(Format):
    """One array in each file, named as the file."""

    name = "npy"

    def claims(self, artifact: Artifact) -> Sequence[str]:
        """Name the files that end in .npy and begin as version 1.0 of NumPy's format does."""
        named = [file for file in artifact.files if file.path.endswith(".npy") and file.size >= 10]
        return [file.path for file in named if artifact.read(file.path, 0, 8) == MAGIC]

    def tensors(self, artifact: Artifact, paths: Sequence[str]) -> Sequence[TensorSpan]:
        """Give one span for each file."""
        sizes = {file.path: file.size for file in artifact.files}
        return [_span(artifact, path, sizes[path]) for path in paths]


def _span(artifact: Artifact, path: str, size: int) -> TensorSpan:
    start = 10 + int.from_bytes(artifact.read(path, 8, 2), "little")
    if start > size:
        raise MalformedError(f"the header of {path} ends at byte {start}, but the file has {size}")
    header = HEADER.fullmatch(artifact.read(path, 10, start - 10))
    if header is None or header[1] not in DTYPES:
        raise MalformedError(
            f"the header of {path} is not one that is read here: row-major, of a known dtype"
        )
    dtype, width = DTYPES[header[1]]
    shape = tuple(int(length) for length in re.findall(rb"\d+", header[2]))
    stop = start + width * math.prod(shape)
    if stop != size:
        raise MalformedError(f"the header of {path} wants {stop} bytes, but the file has {size}")
    return TensorSpan(
        name=path.removesuffix(".npy"), dtype=dtype, shape=shape, path=path, start=start, stop=stop
    )


@weightmark.hookimpl
def weightmark_formats() -> list[type[Format]]:
    """Offer the format."""
    return [NpyFormat]
