"""Terms: what a licence permits, forbids and demands, each with the clause where it is written.

Not promised: legal advice, and not the licence's text. Territory, seats and price are carried, not enforced.
"""

from dataclasses import dataclass
from datetime import datetime

from weightmark.encoding import Json, Record, format_time
from weightmark.errors import MalformedError
from weightmark.licensing.capability import Capability, read_capabilities
from weightmark.licensing.duty import Clause, Condition, Duty, UseRestriction
from weightmark.licensing.entitlement import Entitlement
from weightmark.licensing.sharing import ShareAlike
from weightmark.licensing.window import Window
from weightmark.licensing.work_kind import WorkKind, read_work_kinds

COMMERCIAL = "commercial"
"""The topic of the clause that conditions commercial use."""
RENEWALS = ("", "auto")
"""What may happen at the end: nothing, or a renewal without asking."""


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
        clauses: where each permission, prohibition and condition is written, by topic.
        share_alike: what it demands of the licence of other works; None when nothing.
        conditions: facts about the licensee that must hold; reported, never decided by themselves.
        covers: the kinds of works it speaks of; empty for whatever it is put on.
        organisations: the parties it is for, by name; empty for anybody.
        purposes: the only purposes it is for; empty for any that is not restricted.
        grace_days: days of 24 hours after ``end`` in which it still holds, with the duty to renew.
        renewal: ``auto`` when it renews itself; empty when it does not.
        warranty: what is warranted, in the licensor's words; empty when nothing is said.
        law: the governing law; empty when nothing is said.

    Raises:
        ValueError: there is no id, a time has no zone, the end is not after the start, seats are negative,
            the grace is out of bounds, or the renewal is of no known kind.
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
    share_alike: ShareAlike | None = None
    conditions: tuple[Condition, ...] = ()
    covers: frozenset[WorkKind] = frozenset()
    organisations: tuple[str, ...] = ()
    purposes: frozenset[str] = frozenset()
    grace_days: int = 0
    renewal: str = ""
    warranty: str = ""
    law: str = ""

    def __post_init__(self) -> None:
        """Check the values; see Raises."""
        if not self.id:
            raise ValueError("terms need an id")
        if self.seats is not None and self.seats < 0:
            raise ValueError(f"{self.id} has {self.seats} seats")
        if self.renewal not in RENEWALS:
            raise ValueError(f"the renewal of {self.id} is {self.renewal[:40]!r}, not 'auto' or empty")
        window = self.window
        object.__setattr__(self, "start", window.start)
        object.__setattr__(self, "end", window.end)
        topics = {clause.topic: clause for clause in reversed(self.clauses)}
        object.__setattr__(self, "clauses", tuple(topics[topic] for topic in sorted(topics)))

    @property
    def window(self) -> Window:
        """When the terms hold, and the days of grace after."""
        return Window(start=self.start, end=self.end, grace_days=self.grace_days)

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
            "conditions": [condition.to_json() for condition in self.conditions],
            "covers": sorted(self.covers),
            "duties": [duty.to_json() for duty in self.duties],
            "end": None if self.end is None else format_time(self.end),
            "graceDays": self.grace_days or None,
            "law": self.law,
            "organisations": list(self.organisations),
            "permissions": sorted(self.permissions),
            "price": self.price,
            "prohibitions": sorted(self.prohibitions),
            "purposes": sorted(self.purposes),
            "renewal": self.renewal,
            "seats": self.seats,
            "shareAlike": None if self.share_alike is None else self.share_alike.to_json(),
            "start": None if self.start is None else format_time(self.start),
            "territory": list(self.territory),
            "title": self.title,
            "url": self.url,
            "useRestrictions": [restriction.to_json() for restriction in self.use_restrictions],
            "warranty": self.warranty,
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
                share_alike=(
                    ShareAlike.from_record(record.record("shareAlike")) if record.has("shareAlike") else None
                ),
                conditions=tuple(map(Condition.from_record, record.records("conditions", required=False))),
                covers=read_work_kinds(record, "covers"),
                organisations=record.texts("organisations", required=False),
                purposes=frozenset(record.texts("purposes", required=False)),
                grace_days=record.integer("graceDays", default=0),
                renewal=record.text("renewal", ""),
                warranty=record.text("warranty", ""),
                law=record.text("law", ""),
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
