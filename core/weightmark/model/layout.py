"""How a tensor's canonical bytes (row-major, little-endian) are made from the bytes that a file stores.

Most formats store the canonical bytes themselves and need none of this. Where one stores a view, a transpose,
big-endian numbers or compressed bytes, the span says so with a layout. Layouts are plain data: two that are
equal make the same bytes from the same bytes.

Not promised: speed. A transposed tensor that is larger than the buffer is read several times over.
"""

import math
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from weightmark.errors import MalformedError

if TYPE_CHECKING:
    import numpy as np

BUFFER: Final = 32 << 20
"""Bytes that a layout holds at once, about."""

MOST_WHOLE: Final = 256 << 20
"""The most bytes that are made at once, for a layout that picks from what another one makes."""

_HINT: Final = "The file was written wrongly or tampered with: save the model again with its own library."


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The bytes of one tensor as its file has them.

    Attributes:
        what: the tensor, for messages.
        size: how many bytes.
        read: gives ``size`` bytes from an offset within them.
    """

    what: str
    size: int
    read: Callable[[int, int], bytes]

    def fetch(self, start: int, size: int) -> bytes:
        """Read a range.

        Raises:
            MalformedError: it is not inside the stored bytes.
        """
        if start < 0 or size < 0 or start + size > self.size:
            raise MalformedError(
                f"{self.what} wants bytes {start} to {start + size}, but {self.size} are stored", hint=_HINT
            )
        return self.read(start, size)


class Layout(ABC):
    """Makes canonical bytes from stored ones; a frozen dataclass, whose ``repr`` names it."""

    __slots__ = ()

    @property
    @abstractmethod
    def name(self) -> str:
        """One word for people and manifests: ``strided``."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many canonical bytes it makes."""

    @property
    def work(self) -> int:
        """How many bytes it makes on the way, those included that are not in the tensor."""
        return self.size

    @abstractmethod
    def blocks(self, stored: Stored) -> Iterator[bytes]:
        """Make the canonical bytes, block by block, each at most a few times ``BUFFER``.

        Raises:
            MalformedError: the stored bytes are too few, or are not what the layout expects.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Strided(Layout):
    """Elements picked from the stored ones with a stride along each dimension: a view, a transpose.

    Attributes:
        itemsize: bytes of one element.
        lengths: how many elements along each dimension, outermost first; the tensor's shape may join or split
            them, only the order counts.
        strides: how many stored elements to go on along each dimension, at least 0.
        offset: the first element's place among the stored ones.
        swapped: whether the stored elements are big-endian.
        inner: what makes the stored elements from the file's bytes; None when they are the file's bytes.
    """

    itemsize: int
    lengths: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0
    swapped: bool = False
    inner: Layout | None = None

    @property
    def name(self) -> str:
        """Give ``strided``, and what lies below."""
        return "strided" if self.inner is None else f"strided+{self.inner.name}"

    @property
    def size(self) -> int:
        """Count the canonical bytes."""
        return math.prod(self.lengths) * self.itemsize

    @property
    def work(self) -> int:
        """Count the canonical bytes, and those that they are picked from."""
        return self.size + (0 if self.inner is None else self.inner.work)

    def blocks(self, stored: Stored) -> Iterator[bytes]:
        """Pick the elements.

        Raises:
            MalformedError: an element lies outside of what is stored, a stride is negative, or the elements
                are picked from more bytes than are made at once.
        """
        if len(self.lengths) != len(self.strides) or min((*self.strides, self.offset, 0)) < 0:
            raise MalformedError(
                f"{stored.what} has the strides {self.strides} from {self.offset} for {self.lengths}",
                hint=_HINT,
            )
        if not self.size:
            return
        source = stored if self.inner is None else _whole(self.inner, stored)
        yield from self._part(source, self.offset, self.lengths or (1,), self.strides or (0,))

    def _part(
        self, stored: Stored, offset: int, lengths: tuple[int, ...], strides: tuple[int, ...]
    ) -> Iterator[bytes]:
        """Give the elements in canonical order, as many outer indices at a time as fit the buffer."""
        import numpy as np

        outer, inner = lengths[0], lengths[1:]
        row = math.prod(inner) * self.itemsize
        if row > BUFFER and inner:
            for index in range(outer):
                yield from self._part(stored, offset + index * strides[0], inner, strides[1:])
            return
        step = max(1, BUFFER // row)
        for first in range(0, outer, step):
            block = np.empty((min(step, outer - first), *inner), f"V{self.itemsize}")
            self._fill(block, stored, offset + first * strides[0], strides)
            yield self._bytes(block)

    def _fill(self, target: "np.ndarray", stored: Stored, offset: int, strides: tuple[int, ...]) -> None:
        """Copy elements, by halves along the dimension that reaches furthest until a half fits the buffer."""
        import numpy as np

        reach = [(length - 1) * stride for length, stride in zip(target.shape, strides, strict=True)]
        elements = sum(reach) + 1
        if elements * self.itemsize > BUFFER and max(reach):
            axis = reach.index(max(reach))
            half = target.shape[axis] // 2
            cut = (slice(None),) * axis
            self._fill(target[(*cut, slice(None, half))], stored, offset, strides)
            self._fill(target[(*cut, slice(half, None))], stored, offset + half * strides[axis], strides)
            return
        data = stored.fetch(offset * self.itemsize, elements * self.itemsize)
        source = np.frombuffer(data, f"V{self.itemsize}")
        steps = tuple(stride * self.itemsize for stride in strides)
        target[...] = np.lib.stride_tricks.as_strided(source, target.shape, steps, writeable=False)

    def _bytes(self, block: "np.ndarray") -> bytes:
        if self.swapped and self.itemsize > 1:
            return block.view(f"u{self.itemsize}").byteswap().tobytes()
        return block.tobytes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inflated(Layout):
    """Bytes compressed with raw deflate, as zip members are.

    Attributes:
        length: the canonical bytes that they must give, no fewer and no more, after those to skip.
        skip: bytes at the beginning that do not belong to the tensor, such as a header.
    """

    length: int
    skip: int = 0

    @property
    def name(self) -> str:
        """Give ``deflate``."""
        return "deflate"

    @property
    def size(self) -> int:
        """Count the canonical bytes."""
        return self.length

    @property
    def work(self) -> int:
        """Count the canonical bytes, and those before them."""
        return self.length + self.skip

    def blocks(self, stored: Stored) -> Iterator[bytes]:
        """Inflate.

        Raises:
            MalformedError: the bytes are not deflated ones, or give another number of bytes.
        """
        position, skip, made = 0, self.skip, 0
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        while position < stored.size and made <= self.length and not inflater.eof:
            data = stored.fetch(position, min(1 << 20, stored.size - position))
            position += len(data)
            while data and made <= self.length:
                try:
                    block = inflater.decompress(data, 1 << 20)
                except zlib.error as error:
                    raise MalformedError(
                        f"{stored.what} cannot be decompressed: {error}", hint=_HINT
                    ) from error
                data = inflater.unconsumed_tail
                kept = block[skip:]
                skip -= len(block) - len(kept)
                made += len(kept)
                if kept and made <= self.length:
                    yield kept
        if made != self.length:
            found = "more" if made > self.length else f"only {made}"
            raise MalformedError(
                f"{stored.what} should have {self.length} bytes and gives {found}", hint=_HINT
            )


def _whole(inner: Layout, stored: Stored) -> Stored:
    """Make all bytes of an inner layout at once."""
    if inner.work > MOST_WHOLE:
        raise MalformedError(
            f"{stored.what} is picked from {inner.work} bytes that have to be made first; "
            f"at most {MOST_WHOLE} are made at once",
            hint="Save the model again without compression.",
        )
    made = bytearray()
    for block in inner.blocks(stored):
        made += block
    return Stored(
        what=stored.what, size=len(made), read=lambda start, size: bytes(made[start : start + size])
    )
