"""Duties, restrictions, conditions and clauses: the pieces of a licence, each with where it is written.

Not promised: the licence's own words. The sentences are ours; the text at the clause is what binds.
"""

from dataclasses import dataclass

from weightmark.encoding import Json, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """Something that must be done.

    Args:
        id: a stable name: ``attribution``, ``share-alike``, ``renew``.
        sentence: what to do, and when, in plain words.
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
    def from_record(cls, record: Record) -> "Duty":
        """Read it from JSON, strictly.

        Raises:
            MalformedError: a field is missing, unknown or of another type.
        """
        duty = cls(id=record.text("id"), sentence=record.text("sentence"), clause=record.text("clause"))
        record.done()
        return duty


@dataclass(frozen=True, slots=True, kw_only=True)
class UseRestriction:
    """A purpose for which the model may not be used.

    Args:
        id: a stable name, compared with the purpose of a request: ``medical-advice``.
        sentence: what is forbidden, in plain words.
        clause: where it is written.
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
    def from_record(cls, record: Record) -> "UseRestriction":
        """Read it from JSON, strictly.

        Raises:
            MalformedError: a field is missing, unknown or of another type.
        """
        restriction = cls(
            id=record.text("id"), sentence=record.text("sentence"), clause=record.text("clause")
        )
        record.done()
        return restriction


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A fact about the licensee on which the permissions hang, and which no request states.

    Args:
        id: a stable name: ``large-user``, ``revenue``.
        sentence: when the permissions do not hold, or what they need first, in plain words.
        clause: where it is written.
    """

    id: str
    sentence: str
    clause: str

    def as_duty(self) -> Duty:
        """Put it as something to make sure of, for whoever lists what is owed.

        Raises:
            Nothing.
        """
        return Duty(id=f"condition-{self.id}", sentence=self.sentence, clause=self.clause)

    def to_json(self) -> dict[str, Json]:
        """Write it as JSON.

        Raises:
            Nothing.
        """
        return {"clause": self.clause, "id": self.id, "sentence": self.sentence}

    @classmethod
    def from_record(cls, record: Record) -> "Condition":
        """Read it from JSON, strictly.

        Raises:
            MalformedError: a field is missing, unknown or of another type.
        """
        condition = cls(id=record.text("id"), sentence=record.text("sentence"), clause=record.text("clause"))
        record.done()
        return condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """Where a permission, a prohibition or a condition is written.

    Args:
        topic: a capability's name, or ``commercial`` for the condition on commercial use.
        place: the licence and the number of the clause: ``"CC-BY-NC-4.0 section 2(a)(1)"``.
    """

    topic: str
    place: str
