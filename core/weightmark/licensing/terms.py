"""Terms: what a licence permits, forbids and demands, each with the clause where it is written.

Not promised: legal advice, and not the licence's text. Territory, seats and price are carried, not enforced.
"""

from dataclasses import dataclass
from datetime import datetime

from weightmark.encoding import Json, Record, format_time
from weightmark.errors import MalformedError
from weightmark.licensing.capability import Capability, read_capabilities
from weightmark.licensing.duty import Clause, Duty, UseRestriction
from weightmark.licensing.entitlement import Entitlement
from weightmark.licensing.window import Window

COMMERCIAL = "commercial"
"""The topic of the clause that conditions commercial use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Permissions, prohibitions and duties.

    Args:
        id: an SPDX identifier, ``LicenseRef-`` and a name for what SPDX does not list.
        title: the licence's full name.
        url: where its text stands; empty when it has no public text.
        permissions: what it allows.
        prohibitions: what it forbids in so many words; wins over a permission.
        commercial: whether commercial parties may use what is permitted.
        duties: what must be done in return.
        use_restrictions: purposes for which the model may not be used.
        start: first moment at which the terms hold, with a zone; None when always.
        end: first moment at which they no longer hold, with a zone; None when never.
        bounds: countable limits of use.
        territory: ISO 3166-1 alpha-2 codes; empty for the whole world. Carried, not enforced.
        seats: how many people; None for any number. Carried, not enforced.
        price: a reference to a price or an order; empty when free. Carried, not enforced.
        clauses: where each permission, prohibition and condition is written.

    Raises:
        ValueError: there is no id, a time has no zone, the end is not after the start, or seats are negative.
    """

    id: str
    title: str = ""
    url: str = ""
    permissions: frozenset[Capability] = frozenset()
    prohibitions: frozenset[Capability] = frozenset()
    commercial: bool = True
    duties: tuple[Duty, ...] = ()
    use_restrictions: tuple[UseRestriction, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    bounds: tuple[Entitlement, ...] = ()
    territory: tuple[str, ...] = ()
    seats: int | None = None
    price: str = ""
    clauses: tuple[Clause, ...] = ()

    def __post_init__(self) -> None:
        """Check the values; see Raises."""
        if not self.id:
            raise ValueError("terms need an id")
        if self.seats is not None and self.seats < 0:
            raise ValueError(f"{self.id} has {self.seats} seats")
        window = self.window
        object.__setattr__(self, "start", window.start)
        object.__setattr__(self, "end", window.end)

    @property
    def window(self) -> Window:
        """When the terms hold."""
        return Window(start=self.start, end=self.end)

    def clause(self, topic: str) -> str:
        """Say where something is written.

        Args:
            topic: a capability, or ``commercial``.

        Returns:
            The place, such as ``"Apache-2.0 section 2"``; the bare id when no clause speaks of it.

        Raises:
            Nothing.
        """
        for clause in self.clauses:
            if clause.topic == topic:
                return clause.place
        return self.id

    def to_json(self) -> dict[str, Json]:
        """Write them as JSON; what is empty is left out.

        Raises:
            Nothing.
        """
        members: dict[str, Json] = {
            "bounds": [bound.to_json() for bound in self.bounds],
            "clauses": {clause.topic: clause.place for clause in self.clauses},
            "duties": [duty.to_json() for duty in self.duties],
            "end": None if self.end is None else format_time(self.end),
            "permissions": sorted(self.permissions),
            "price": self.price,
            "prohibitions": sorted(self.prohibitions),
            "seats": self.seats,
            "start": None if self.start is None else format_time(self.start),
            "territory": list(self.territory),
            "title": self.title,
            "url": self.url,
            "useRestrictions": [restriction.to_json() for restriction in self.use_restrictions],
        }
        filled = {key: member for key, member in members.items() if member not in (None, "", [], {})}
        return {"commercial": self.commercial, "id": self.id, **filled}

    @classmethod
    def from_json(cls, value: Json, *, what: str = "the terms") -> "Terms":
        """Read them from JSON, strictly.

        Args:
            value: what ``to_json`` wrote.
            what: its name in messages.

        Raises:
            MalformedError: a field is missing, unknown, of another type or makes no sense.
        """
        record = Record(value, what)
        try:
            terms = cls(
                id=record.text("id"),
                title=record.text("title", ""),
                url=record.text("url", ""),
                permissions=read_capabilities(record, "permissions"),
                prohibitions=read_capabilities(record, "prohibitions"),
                commercial=record.boolean("commercial"),
                duties=tuple(map(Duty.from_record, record.records("duties", required=False))),
                use_restrictions=tuple(
                    map(UseRestriction.from_record, record.records("useRestrictions", required=False))
                ),
                start=record.optional_time("start"),
                end=record.optional_time("end"),
                bounds=tuple(map(Entitlement.from_record, record.records("bounds", required=False))),
                territory=record.texts("territory", required=False),
                seats=record.integer("seats") if record.has("seats") else None,
                price=record.text("price", ""),
                clauses=_read_clauses(record),
            )
        except ValueError as error:
            raise MalformedError(f"{what}: {error}") from error
        record.done()
        return terms


def _read_clauses(record: Record) -> tuple[Clause, ...]:
    if not record.has("clauses"):
        return ()
    places = record.record("clauses")
    topics = places.members()
    return tuple(Clause(topic=topic, place=places.text(topic)) for topic in sorted(topics))
