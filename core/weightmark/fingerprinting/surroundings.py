"""What stands in a Merkle tree around the leaves that are shown: the rest of it, as hashes of subtrees.

Not promised: secrecy of what can be guessed. The subtree beside a leaf may be one other leaf: whoever guesses
a whole tensor or file, with its name, can see that the guess was right.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from weightmark.encoding import Algorithm, Json, Record
from weightmark.encoding.digest import DIGEST_SIZE
from weightmark.errors import MalformedError
from weightmark.log.part import Joiner, Part, cut

_HEX: Final = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The subtrees to the left and to the right of neighbouring leaves.

    Attributes:
        before: to the left, in order.
        after: to the right, in order.
    """

    before: tuple[Part, ...]
    after: tuple[Part, ...]

    @classmethod
    def of(cls, leaves: Sequence[bytes], first: int, last: int, algorithm: Algorithm) -> Self:
        """Take them from a whole tree, around the leaves from ``first`` to before ``last``.

        Raises:
            Nothing.
        """
        before = cut(leaves, 0, first, algorithm=algorithm)
        after = cut(leaves, last, len(leaves), algorithm=algorithm)
        return cls(before=tuple(before), after=tuple(after))

    def root(self, shown: Sequence[bytes], algorithm: Algorithm) -> tuple[bytes, int]:
        """Compute the root with the leaves that are shown, and count all leaves.

        Raises:
            InclusionError: these are not the parts of any tree.

        Source: RFC 6962 section 2.1.
        """
        joiner = Joiner(algorithm)
        for part in (*self.before, *(Part(count=1, hash=leaf) for leaf in shown), *self.after):
            joiner.add(part)
        return joiner.root(), joiner.size

    def to_json(self) -> Json:
        """Give them as JSON.

        Raises:
            Nothing.
        """
        return {"before": _write(self.before), "after": _write(self.after)}

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read what ``to_json`` gave.

        Raises:
            MalformedError: it is something else.
        """
        before = tuple(read_part(item) for item in record.records("before"))
        after = tuple(read_part(item) for item in record.records("after"))
        record.done()
        return cls(before=before, after=after)


def write_part(part: Part) -> dict[str, Json]:
    """Give a part of a tree as JSON.

    Raises:
        Nothing.
    """
    return {"count": part.count, "hash": part.hash.hex()}


def read_part(record: Record) -> Part:
    """Read a part of a tree.

    Raises:
        MalformedError: it is something else.
    """
    part = Part(count=record.integer("count", least=1), hash=read_hash(record.text("hash"), record.what))
    record.done()
    return part


def read_hash(text: str, what: str) -> bytes:
    """Read 64 lowercase hexadecimal digits.

    Raises:
        MalformedError: they are something else.
    """
    if _HEX.match(text) is None:
        raise MalformedError(f"{what} has the hash {text[:80]!r}, not {2 * DIGEST_SIZE} hexadecimal digits")
    return bytes.fromhex(text)


def _write(parts: Iterable[Part]) -> list[Json]:
    return [write_part(part) for part in parts]
