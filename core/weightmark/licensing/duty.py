"""Duties, restrictions, conditions and clauses: the pieces of a licence, each with where it is written.

Not promised: the licence's own words. The sentences are ours; the text at the clause is what binds.
"""

from dataclasses import dataclass
from typing import Final, Self

from weightmark.encoding import Json, Record

PRIVATE_ONLY: Final = "keep-adaptations-private"
"""The duty of licences under which one may adapt, and may not share what was adapted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One thing that a licence says: its name, a sentence, and where it is written.

    Args:
        id: a stable name.
        sentence: what is said, in plain words.
        clause: where it is written: ``"Apache-2.0 section 4(b)"``.
    """

    id: str
    sentence: str
    clause: str

    def to_json(self) -> dict[str, Json]:
        """Write it as JSON.

        Raises:
            Nothing.
        """
        return {"clause": self.clause, "id": self.id, "sentence": self.sentence}

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read it from JSON, strictly.

        Raises:
            MalformedError: a field is missing, unknown or of another type.
        """
        point = cls(id=record.text("id"), sentence=record.text("sentence"), clause=record.text("clause"))
        record.done()
        return point


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty(Point):
    """Something that must be done: ``attribution``, ``share-alike``, ``renew``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UseRestriction(Point):
    """A purpose for which the model may not be used; its name is compared with that of a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition(Point):
    """A fact about the licensee on which the permissions hang, and which no request states."""

    def as_duty(self) -> Duty:
        """Put it as something to make sure of, for whoever lists what is owed.

        Raises:
            Nothing.
        """
        return Duty(id=f"condition-{self.id}", sentence=self.sentence, clause=self.clause)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """Where a permission, a prohibition or a condition is written.

    Args:
        topic: a capability's name, or ``commercial`` for the condition on commercial use.
        place: the licence and the number of the clause: ``"CC-BY-NC-4.0 section 2(a)(1)"``.
    """

    topic: str
    place: str
