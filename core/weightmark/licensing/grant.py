"""Grants: what one licensor lets one grantee do with one model.

Not promised: enforcement. A grant is a record of an agreement; copies that were handed out stay handed out.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from weightmark.encoding import Digest, Json, Record, format_time
from weightmark.errors import MalformedError
from weightmark.licensing.capability import Capability, read_capabilities
from weightmark.licensing.entitlement import Entitlement
from weightmark.licensing.tier import Tier
from weightmark.licensing.window import Window, in_utc

_Member = TypeVar("_Member", bound=StrEnum)


class FailMode(StrEnum):
    """What a grant with limits does when use could not be counted."""

    CLOSED = "closed"
    """The answer is undecided."""
    OPEN_AND_LOG = "open-and-log"
    """It is allowed, with the duty to record the use and settle it later."""
    DEGRADE = "degrade"
    """Only what the tier ``degrade_to`` holds is allowed; for the rest the answer is undecided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """An agreement held by one grantee.

    Args:
        model: the bundle's or the weights' digest of the model it is for.
        licensor: who grants; counts only when they own the model or may grant for it.
        grantee: who may.
        capabilities: what they may do, beside what the tier holds.
        tier: a bundle of capabilities; None when all are listed.
        commercial: whether a commercial grantee may use it.
        start: the first moment, with a zone.
        end: the first moment after it, with a zone; None when it has no end.
        grace_days: days of 24 hours after ``end`` in which it still holds, with the duty to renew.
        bounds: countable limits; all must have something left.
        purposes: what it may be used for; empty for anything.
        fail_mode: what to do when use could not be counted and there are bounds.
        degrade_to: the tier left under ``degrade``.
        terms: the digest of the statement with the full terms; empty when there are none.
        price: a reference to a price or an order; empty when free. Carried, not enforced.

    Raises:
        ValueError: it grants nothing or names nobody, a time has no zone, the end is not after the start,
            or the grace is out of bounds.
    """

    model: Digest
    licensor: str
    grantee: str
    capabilities: frozenset[Capability] = frozenset()
    tier: Tier | None = None
    commercial: bool = True
    start: datetime
    end: datetime | None = None
    grace_days: int = 0
    bounds: tuple[Entitlement, ...] = ()
    purposes: frozenset[str] = frozenset()
    fail_mode: FailMode = FailMode.CLOSED
    degrade_to: Tier = Tier.METADATA
    terms: str = ""
    price: str = ""
    window: Window = field(init=False, repr=False, compare=False)
    allows: frozenset[Capability] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the values; see Raises."""
        window = Window(start=self.start, end=self.end, grace_days=self.grace_days)
        bundle = frozenset[Capability]() if self.tier is None else self.tier.capabilities
        object.__setattr__(self, "window", window)
        object.__setattr__(self, "start", window.start)
        object.__setattr__(self, "end", window.end)
        object.__setattr__(self, "allows", self.capabilities | bundle)
        if not self.licensor or not self.grantee:
            raise ValueError("the grant does not say who grants to whom")
        if not self.allows:
            raise ValueError("the grant names no capability and no tier, so it grants nothing")

    def to_json(self) -> dict[str, Json]:
        """Write it as JSON; what is empty is left out.

        Raises:
            Nothing.
        """
        members: dict[str, Json] = {
            "bounds": [bound.to_json() for bound in self.bounds],
            "capabilities": sorted(self.capabilities),
            "end": None if self.end is None else format_time(self.end),
            "price": self.price,
            "purposes": sorted(self.purposes),
            "terms": self.terms,
            "tier": self.tier,
        }
        return {
            "commercial": self.commercial,
            "degradeTo": self.degrade_to,
            "failMode": self.fail_mode,
            "graceDays": self.grace_days,
            "grantee": self.grantee,
            "licensor": self.licensor,
            "model": self.model,
            "start": format_time(self.start),
            **{key: member for key, member in members.items() if member not in (None, "", [])},
        }

    @classmethod
    def from_json(cls, value: Json, *, what: str = "the grant") -> "Grant":
        """Read it from JSON, strictly.

        Args:
            value: what ``to_json`` wrote.
            what: its name in messages.

        Raises:
            MalformedError: a field is missing, unknown, of another type or makes no sense.
        """
        record = Record(value, what)
        try:
            grant = cls(
                model=record.digest("model"),
                licensor=record.text("licensor"),
                grantee=record.text("grantee"),
                capabilities=read_capabilities(record, "capabilities"),
                tier=_read_member(record, "tier", Tier) if record.has("tier") else None,
                commercial=record.boolean("commercial"),
                start=record.time("start"),
                end=record.optional_time("end"),
                grace_days=record.integer("graceDays", default=0),
                bounds=tuple(map(Entitlement.from_record, record.records("bounds", required=False))),
                purposes=frozenset(record.texts("purposes", required=False)),
                fail_mode=_read_member(record, "failMode", FailMode, FailMode.CLOSED),
                degrade_to=_read_member(record, "degradeTo", Tier, Tier.METADATA),
                terms=record.text("terms", ""),
                price=record.text("price", ""),
            )
        except ValueError as error:
            raise MalformedError(f"{what}: {error}") from error
        record.done()
        return grant


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedGrant:
    """A grant as the ledger holds it.

    Args:
        id: the digest of the statement that granted it.
        grant: what was granted.
        revoked_at: the first moment at which it no longer holds, with a zone; None when it was not revoked.

    Raises:
        ValueError: the time has no zone.
    """

    id: str
    grant: Grant
    revoked_at: datetime | None = None

    def __post_init__(self) -> None:
        """Check the values; see Raises."""
        if self.revoked_at is not None:
            object.__setattr__(self, "revoked_at", in_utc(self.revoked_at))


def _read_member(record: Record, key: str, kind: type[_Member], default: _Member | None = None) -> _Member:
    text = record.text(key, default)
    try:
        return kind(text)
    except ValueError as error:
        raise MalformedError(_not_one_of(key, record.what, text, kind)) from error


def _not_one_of(key: str, what: str, text: str, kind: Iterable[StrEnum]) -> str:
    return f"{key!r} in {what} is {text[:40]!r}, not one of {', '.join(kind)}"
