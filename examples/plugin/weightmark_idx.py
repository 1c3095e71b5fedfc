"""Reads IDX files, in which MNIST came, for Weightmark: big-endian lengths, then big-endian numbers."""

import math
from collections.abc import Sequence

import weightmark
from weightmark.errors import MalformedError
from weightmark.model.artifact import Artifact
from weightmark.model.layout import Strided
from weightmark.model.tensor import TensorSpan
from weightmark.ports import Format

DTYPES = {
    8: ("uint8", 1),
    9: ("int8", 1),
    11: ("int16", 2),
    12: ("int32", 4),
    13: ("float32", 4),
    14: ("float64", 8),
}


class IdxFormat(Format):
    """One array in each file, named as the file."""

    name = "idx"

    def claims(self, artifact: Artifact) -> Sequence[str]:
        """Name the files that end in .idx."""
        return [file.path for file in artifact.files if file.path.endswith(".idx")]

    def tensors(self, artifact: Artifact, paths: Sequence[str]) -> Sequence[TensorSpan]:
        """Give one span for each file."""
        return [_span(artifact, file.path, file.size) for file in artifact.files if file.path in paths]


def _span(artifact: Artifact, path: str, size: int) -> TensorSpan:
    head = artifact.read(path, 0, min(size, 4 + 4 * 255))
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in DTYPES or size < 4 + 4 * head[3]:
        raise MalformedError(f"{path} does not begin as an IDX file does")
    (dtype, width), start = DTYPES[head[2]], 4 + 4 * head[3]
    shape = tuple(int.from_bytes(head[at : at + 4], "big") for at in range(4, start, 4))
    count = math.prod(shape)
    if start + width * count != size:
        raise MalformedError(
            f"the header of {path} wants {start + width * count} bytes, but the file has {size}"
        )
    layout = Strided(itemsize=width, lengths=(count,), strides=(1,), swapped=True) if width > 1 else None
    name = path.removesuffix(".idx")
    return TensorSpan(name=name, dtype=dtype, shape=shape, path=path, start=start, stop=size, layout=layout)


@weightmark.hookimpl
def weightmark_formats() -> list[type[Format]]:
    """Offer the format."""
    return [IdxFormat]
