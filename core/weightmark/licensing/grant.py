"""Grants: what one licensor lets one grantee do with one model.

Not promised: enforcement. A grant is a record of an agreement; copies that were handed out stay handed out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from weightmark.encoding import Digest, Json, Record, format_time
from weightmark.errors import MalformedError
from weightmark.licensing.capability import Capability, read_capabilities
from weightmark.licensing.entitlement import Entitlement
from weightmark.licensing.renewal import Renewal
from weightmark.licensing.tier import Tier
from weightmark.licensing.window import Window, in_utc

_Member = TypeVar("_Member", bound=StrEnum)
MOST_NOTICE_DAYS = 3_660


class FailMode(StrEnum):
    """What a grant with limits does when use could not be counted."""

    CLOSED = "closed"
    """The answer is undecided."""
    OPEN_AND_LOG = "open-and-log"
    """It is allowed, with the duty to record the use and settle it later."""
    DEGRADE = "degrade"
    """Only what the tier ``degrade_to`` holds is allowed; for the rest the answer is undecided."""


class GrantState(StrEnum):
    """How far a grant has come; whether it is over is for its window and its revocation to say."""

    PENDING = "pending"
    """It waits for its grantee to accept it, or for its approvers."""
    IN_EFFECT = "in-effect"
    SUSPENDED = "suspended"


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
        acceptance: whether it takes effect only when the grantee has accepted it.
        approvers: who may approve it; empty when nobody need.
        threshold: how many of them must, before it takes effect.
        notice_days: days of 24 hours between a revocation and its effect; none after a breach.
        transferable: whether the grantee may assign it to somebody else.
        parent: the id of the grant under which this is a sublicence; empty when it is none.
        seats: how many people or machines may use it by name; None when it is not bound to seats.
        trial: whether it is a trial, of which a grantee has one for each model.
        renewal: how it renews itself at its end; None when it does not.

    Raises:
        ValueError: it grants nothing or names nobody, a time has no zone, the end is not after the start,
            a number is out of bounds, or a trial or a renewal has no end.
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
    acceptance: bool = False
    approvers: tuple[str, ...] = ()
    threshold: int = 0
    notice_days: int = 0
    transferable: bool = False
    parent: str = ""
    seats: int | None = None
    trial: bool = False
    renewal: Renewal | None = None
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
        self._check_numbers()

    def _check_numbers(self) -> None:
        approvers = dict.fromkeys(sorted(self.approvers))
        object.__setattr__(self, "approvers", tuple(approvers))
        if bool(approvers) != bool(self.threshold) or not 0 <= self.threshold <= len(approvers):
            raise ValueError(f"{self.threshold} of {len(approvers)} approvers cannot approve it")
        if not 0 <= self.notice_days <= MOST_NOTICE_DAYS:
            raise ValueError(f"the notice is {self.notice_days} days, not 0 to {MOST_NOTICE_DAYS}")
        if self.seats is not None and self.seats < 1:
            raise ValueError(f"the grant has {self.seats} seats; at least 1 is needed")
        if self.end is None and (self.trial or self.renewal is not None):
            raise ValueError(f"a {'trial' if self.trial else 'renewal'} needs an end")
        if self.trial and self.renewal is not None:
            raise ValueError("a trial does not renew itself")

    def to_json(self) -> dict[str, Json]:
        """Write it as JSON; what is empty is left out.

        Raises:
            Nothing.
        """
        members: dict[str, Json] = {
            "acceptance": self.acceptance or None,
            "approvers": list(self.approvers),
            "bounds": [bound.to_json() for bound in self.bounds],
            "capabilities": sorted(self.capabilities),
            "end": None if self.end is None else format_time(self.end),
            "noticeDays": self.notice_days or None,
            "parent": self.parent,
            "price": self.price,
            "purposes": sorted(self.purposes),
            "renewal": None if self.renewal is None else self.renewal.to_json(),
            "seats": self.seats,
            "terms": self.terms,
            "threshold": self.threshold or None,
            "tier": self.tier,
            "transferable": self.transferable or None,
            "trial": self.trial or None,
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
                acceptance=record.boolean("acceptance", default=False),
                approvers=record.texts("approvers", required=False),
                threshold=record.integer("threshold", default=0),
                notice_days=record.integer("noticeDays", default=0),
                transferable=record.boolean("transferable", default=False),
                parent=record.digest("parent") if record.has("parent") else "",
                seats=record.integer("seats") if record.has("seats") else None,
                trial=record.boolean("trial", default=False),
                renewal=Renewal.from_record(record.record("renewal")) if record.has("renewal") else None,
            )
        except ValueError as error:
            raise MalformedError(f"{what}: {error}") from error
        record.done()
        return grant


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedGrant:
    """A grant as the ledger holds it, in one edition.

    What changes a grant (an amendment, a renewal, an assignment, a seat) begins a new edition of the same
    id, which holds from then on. A decision is handed all editions and looks at the one of its moment.

    Args:
        id: the digest of the statement that granted it.
        grant: what was granted, as it stands in this edition.
        revoked_at: the first moment at which it no longer holds, with a zone; None when it was not revoked.
            The same in every edition.
        since: the edition's first moment, with a zone; None when it is the first.
        until: the first moment of the next edition, with a zone; None when it is the last.
        state: how far the grant has come in this edition.
        holders: who has its seats.
        used: units used under it so far, by entitlement name; None to take the request's.
        under: the editions of the grant of which it is a sublicence; empty when it is none.
        bundle: the registered files about which it was said; empty when nobody knows. Of somebody who owned
            a model once, it counts for those files alone, and not for others with the same weights.

    Raises:
        ValueError: a time has no zone.
    """

    id: str
    grant: Grant
    revoked_at: datetime | None = None
    since: datetime | None = None
    until: datetime | None = None
    state: GrantState = GrantState.IN_EFFECT
    holders: frozenset[str] = frozenset()
    used: Mapping[str, int] | None = None
    under: "tuple[IssuedGrant, ...]" = ()
    bundle: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        """Check the values; see Raises."""
        for name in ("revoked_at", "since", "until"):
            moment: datetime | None = getattr(self, name)
            if moment is not None:
                object.__setattr__(self, name, in_utc(moment))


def _read_member(record: Record, key: str, kind: type[_Member], default: _Member | None = None) -> _Member:
    text = record.text(key, default)
    try:
        return kind(text)
    except ValueError as error:
        raise MalformedError(_not_one_of(key, record.what, text, kind)) from error


def _not_one_of(key: str, what: str, text: str, kind: Iterable[StrEnum]) -> str:
    return f"{key!r} in {what} is {text[:40]!r}, not one of {', '.join(kind)}"
