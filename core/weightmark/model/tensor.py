"""Where a tensor lies in a model's files, and how its canonical bytes are read.

Not promised: that the file is as it was when the span was found; ``ArtifactFile.opened`` looks after that.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from weightmark.errors import MalformedError
from weightmark.model.artifact import Reader
from weightmark.model.layout import BUFFER, Layout, Stored

LEAST_MADE: Final = 1 << 30
"""Bytes that layouts may always read and make."""

MOST_TIMES: Final = 16
"""How many times the model's own bytes layouts may read and make beyond that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpan:
    """One tensor as a range of bytes in one file.

    Attributes:
        name: as the format gives it.
        dtype: the field's name for it, as NumPy and ml_dtypes spell it: ``float32``, ``bfloat16``, ``int8``.
        shape: lengths, outermost first; ``()`` for a scalar. The canonical bytes are row-major and
            little-endian.
        path: the file, relative to the model's folder, POSIX.
        start: the first byte's offset in the file.
        stop: the offset after the last byte.
        layout: how the canonical bytes are made from those in the file; None when they are the same.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    path: str
    start: int
    stop: int
    layout: Layout | None = None

    @property
    def size(self) -> int:
        """Count the canonical bytes."""
        return self.stop - self.start if self.layout is None else self.layout.size

    def blocks(self, reader: Reader) -> Iterator[bytes]:
        """Read the canonical bytes, block by block.

        Args:
            reader: the tensor's file, opened.

        Raises:
            MalformedError: the file cannot be read, or the stored bytes are not what the layout expects.
        """
        if self.layout is not None:
            yield from self.layout.blocks(self.stored(reader))
            return
        for position in range(self.start, self.stop, BUFFER):
            yield reader.read(position, min(BUFFER, self.stop - position))

    def stored(self, reader: Reader) -> Stored:
        """Give access to the bytes that the file stores for this tensor.

        Args:
            reader: the tensor's file, opened.

        Raises:
            Nothing.
        """
        return Stored(
            what=f"tensor {self.name[:200]!r} in {self.path}",
            size=self.stop - self.start,
            read=lambda start, size: reader.read(self.start + start, size),
        )


def check_work(spans: Iterable[TensorSpan], size: int) -> None:
    """Refuse a bomb: a model whose layouts make far more bytes, also on the way, than its files have.

    Args:
        spans: all tensors of the model.
        size: the bytes of its files.

    Raises:
        MalformedError: they make more than ``MOST_TIMES`` its bytes, and more than ``LEAST_MADE``.
    """
    work, most = 0, max(LEAST_MADE, MOST_TIMES * size)
    for span in spans:
        work += 0 if span.layout is None else max(span.layout.work, span.stop - span.start)
        if work > most:
            raise MalformedError(
                f"the tensors up to {span.name[:200]!r} in {span.path} unfold to {work} bytes; the model's "
                f"{size} bytes may unfold to {most}",
                hint="Save the model again without compression, views or repeated elements.",
            )
