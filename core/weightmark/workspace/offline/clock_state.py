"""What was seen of the time, as a chain of marks: each holds the digest of the one before.

Not promised: that nobody made the whole chain anew. Nothing on a machine is secret to whoever owns it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Final, Self

from weightmark.encoding import Digest, Json, Record, decode, digest_bytes, encode, format_time, parse_time
from weightmark.errors import ClockError, MalformedError

MOST_MARKS: Final = 64
MOST_LISTS: Final = 4_096
MAX_SIZE: Final = 2 << 20
MAX_CAUSE: Final = 1_024

_EDITED = (
    "Put the file back from a copy; or accept that the times seen are lost, and say why:"
    " `weightmark license clock reset --cause TEXT`."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One time that was seen.

    Args:
        high: the highest time seen so far, with a zone; a reset sets it back.
        source: who said so: ``wall``, ``licence file``, ``status list``, ``reset``.
        wall: what the clock showed then.
        boot: the digest of this start of the machine; empty when the system does not say.
        uptime: seconds since then.
        cause: why it was set back; empty otherwise.
        lists: the digest of the lists seen.
        before: the digest of the mark before; empty for the first.
    """

    high: datetime
    source: str
    wall: datetime
    boot: str
    uptime: float
    cause: str
    lists: str
    before: str

    def to_json(self) -> dict[str, Json]:
        """Write it."""
        return {
            "before": self.before,
            "boot": self.boot,
            "cause": self.cause,
            "high": format_time(self.high),
            "lists": self.lists,
            "source": self.source,
            "uptime": round(self.uptime * 1000),
            "wall": format_time(self.wall),
        }

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read it.

        Raises:
            MalformedError: it is no mark.
        """
        mark = cls(
            high=record.time("high"),
            source=record.text("source"),
            wall=record.time("wall"),
            boot=record.text("boot"),
            uptime=record.integer("uptime") / 1000,
            cause=record.text("cause"),
            lists=record.text("lists"),
            before=record.text("before"),
        )
        record.done()
        return mark

    @property
    def digest(self) -> Digest:
        """What the next mark holds of it."""
        return digest_bytes(encode(self.to_json()))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockState:
    """Everything that was seen.

    Args:
        marks: the last ones, in order.
        lists: when the newest list of each name was made, by the digest of issuer and name.
    """

    marks: tuple[Mark, ...] = ()
    lists: Mapping[str, datetime] = field(default_factory=dict[str, datetime])

    @property
    def last(self) -> Mark | None:
        """The newest mark; None when nothing was seen yet."""
        return self.marks[-1] if self.marks else None

    def with_lists(self, lists: Mapping[str, datetime]) -> Self:
        """Take other lists; the next mark seals them.

        Raises:
            ClockError: there are more than are kept.
        """
        if len(lists) > MOST_LISTS:
            raise ClockError(
                f"{len(lists)} status lists were seen; the newest of at most {MOST_LISTS} can be kept",
                hint="Forget them: `weightmark license clock reset --cause TEXT`.",
            )
        return replace(self, lists=dict(lists))

    def add(self, mark: Mark) -> Self:
        """Give the chain with one more mark, which is tied to the one before and to the lists."""
        last = self.last
        tied = replace(mark, before="" if last is None else last.digest, lists=_digest(self.lists))
        return replace(self, marks=(*self.marks, tied)[-MOST_MARKS:])

    def encode(self) -> bytes:
        """Write it as canonical JSON."""
        lists: dict[str, Json] = {name: format_time(made) for name, made in self.lists.items()}
        return encode({"lists": lists, "marks": [mark.to_json() for mark in self.marks], "version": 1})

    @classmethod
    def decode(cls, data: bytes, what: str) -> Self:
        """Read it, and check that every mark holds the one before.

        Raises:
            ClockError: it was edited, or is damaged.
        """
        try:
            record = Record(decode(data, what=what), what)
            version = record.integer("version")
            marks = tuple(Mark.from_record(mark) for mark in record.records("marks"))
            lists = {
                name: parse_time(str(made), what=f"a list's time in {what}")
                for name, made in record.record("lists").members().items()
            }
            record.done()
        except MalformedError as error:
            raise ClockError(f"{what} is damaged: {error.message}", hint=_EDITED) from error
        if version != 1:
            raise ClockError(f"{what} is of the version {version}; only 1 is known here", hint=_EDITED)
        state = cls(marks=marks, lists=lists)
        state.check(what)
        return state

    def check(self, what: str) -> None:
        """Check that nothing in it was changed by itself.

        Raises:
            ClockError: something was.
        """
        if not self.marks or len(self.marks) > MOST_MARKS:
            raise ClockError(f"{what} has {len(self.marks)} marks, not 1 to {MOST_MARKS}", hint=_EDITED)
        broken = any(later.before != earlier.digest for earlier, later in pairwise(self.marks))
        if broken or self.marks[-1].lists != _digest(self.lists):
            raise ClockError(f"{what} was edited: its marks do not follow from each other", hint=_EDITED)

    def holds(self, digest: str) -> bool:
        """Say whether a mark of this digest is the newest, or the one before it."""
        last = self.last
        return last is not None and digest in (last.digest, last.before)


def list_name(issuer: str, uri: str) -> str:
    """Name a status list by a digest, so that the file tells nobody whose lists were seen.

    Raises:
        MalformedError: a text has no UTF-8 form.
    """
    return digest_bytes(encode([issuer, uri]))


def _digest(lists: Mapping[str, datetime]) -> Digest:
    rows: Sequence[Json] = [[name, format_time(made)] for name, made in sorted(lists.items())]
    return digest_bytes(encode(rows))
