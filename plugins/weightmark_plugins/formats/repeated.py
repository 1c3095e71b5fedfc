"""A layout for tensors that a message lists number by number, instead of storing their bytes.

Not promised: a check that a number fits its type; the low bytes are taken.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from weightmark.errors import MalformedError
from weightmark.model.layout import Layout, Stored
from weightmark_plugins.formats.protobuf import BYTES, VARINT, Field, fields
from weightmark_plugins.formats.window import HINT, Window

if TYPE_CHECKING:
    import numpy as np

_PIECE: Final = 1 << 20
_LONGEST: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated(Layout):
    """The numbers of one repeated field of a protocol buffers message, packed or not.

    Attributes:
        field: the field's number; the stored bytes are the message.
        kind: how its numbers are written: ``VARINT``, ``FIXED32`` or ``FIXED64``.
        itemsize: bytes of one canonical number.
        length: how many canonical bytes it must give.
    """

    field: int
    kind: int
    itemsize: int
    length: int

    @property
    def name(self) -> str:
        """Give ``repeated``."""
        return "repeated"

    @property
    def size(self) -> int:
        """Count the canonical bytes."""
        return self.length

    def blocks(self, stored: Stored) -> Iterator[bytes]:
        """Decode the numbers.

        Raises:
            MalformedError: there are more or fewer than the tensor needs, or they are damaged.
        """
        window = Window(stored.fetch, stored.size, stored.what)
        made = 0
        for field in fields(window, 0, stored.size):
            if field.number != self.field:
                continue
            for block in self._content(window, field):
                made += len(block)
                if made > self.length:
                    break
                yield block
        if made != self.length:
            found = "more" if made > self.length else f"only {made}"
            raise MalformedError(
                f"{stored.what} should have {self.length} bytes and gives {found}", hint=HINT
            )

    def _content(self, window: Window, field: Field) -> Iterator[bytes]:
        if field.kind == BYTES and self.kind == VARINT:
            yield from self._varints(window, field)
        elif field.kind == BYTES:
            for start in range(field.start, field.stop, _PIECE):
                yield window.read(start, min(_PIECE, field.stop - start))
        elif field.kind == self.kind:
            yield field.value.to_bytes(8, "little")[: self.itemsize]
        else:
            raise MalformedError(f"{window.what} has numbers of the wrong kind {field.kind}", hint=HINT)

    def _varints(self, window: Window, field: Field) -> Iterator[bytes]:
        import numpy as np

        rest = b""
        for start in range(field.start, field.stop, _PIECE):
            data = rest + window.read(start, min(_PIECE, field.stop - start))
            codes = np.frombuffer(data, np.uint8)
            ends = np.flatnonzero(codes < 0x80)  # noqa: PLR2004 - the bit that says that more follows
            used = int(ends[-1]) + 1 if ends.size else 0
            rest = data[used:]
            if len(rest) >= _LONGEST:
                break
            yield self._decode(window, codes, ends)
        if rest:
            raise MalformedError(f"{window.what} has a number that does not end", hint=HINT)

    def _decode(self, window: Window, codes: "np.ndarray", ends: "np.ndarray") -> bytes:
        import numpy as np

        starts = np.concatenate([[0], ends[:-1] + 1])[: ends.size]
        lengths = ends - starts + 1
        longest = int(lengths.max(initial=0))
        if longest > _LONGEST:
            raise MalformedError(f"{window.what} has a number that does not end", hint=HINT)
        values = np.zeros(ends.size, "<u8")
        for index in range(longest):
            more = lengths > index
            digits = codes[starts[more] + index].astype(np.uint64) & np.uint64(0x7F)
            values[more] |= digits << np.uint64(7 * index)
        return values.view(np.uint8).reshape(-1, 8)[:, : self.itemsize].tobytes()
