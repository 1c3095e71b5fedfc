"""Where a tensor lies in a model's files, and what its numbers are.

Not promised: the numbers themselves. Nothing here reads them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpan:
    """One tensor as a range of bytes in one file.

    Attributes:
        name: as the format gives it.
        dtype: the field's name for it, as NumPy and ml_dtypes spell it: ``float32``, ``bfloat16``, ``int8``.
        shape: lengths, outermost first; ``()`` for a scalar. The bytes are row-major, little-endian.
        path: the file, relative to the model's folder, POSIX.
        start: the first byte's offset in the file.
        stop: the offset after the last byte.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    path: str
    start: int
    stop: int
