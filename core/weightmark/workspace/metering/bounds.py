"""Which limits hold for a use: those of its grant, of the grants above it, or of the model's own terms."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Final

from weightmark.encoding import Digest, format_time, is_digest
from weightmark.errors import GrantRevokedError, NotEntitledError, UnknownEntitlementError, UnknownGrantError
from weightmark.licensing import Entitlement, GrantState, IssuedGrant
from weightmark.licensing.window import Phase
from weightmark.workspace.resource import Resources

REFRESH_SECONDS: Final = 2.0
"""For so long a meter takes a grant as it last read it; then a revocation or an amendment is noticed."""

_MOST_KEPT: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One limit.

    Attributes:
        subject: under what it is counted: a grant's id, or a model's digest.
        entitlement: the name, the unit, the limit and the overage.
    """

    subject: str
    entitlement: Entitlement


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What holds for uses under one subject.

    Attributes:
        subject: the grant's id; or the digest of a model whose own terms have limits.
        name: what it is called in messages.
        editions: the grant's editions; empty for a model.
        entitlements: the limits of a model's own terms; empty for a grant.
        above: the ids of the grants of which it is a sublicence, the nearest first.
    """

    subject: str
    name: str
    editions: tuple[IssuedGrant, ...] = ()
    entitlements: tuple[Entitlement, ...] = ()
    above: tuple[str, ...] = ()

    def bounds(self, name: str, at: datetime) -> list[Bound]:
        """Give the limits of an entitlement at a moment: the grant's own, and those of the grants above it.

        Raises:
            UnknownEntitlementError: nothing is counted under this name.
        """
        found = [bound for bound in self._all(at) if bound.entitlement.name == name]
        if not found:
            known = ", ".join(sorted({bound.entitlement.name for bound in self._all(at)})) or "nothing"
            raise UnknownEntitlementError(
                f"{self.name} counts no {name[:80]!r}; what it counts: {known}",
            )
        return found

    def own(self, at: datetime) -> tuple[Entitlement, ...]:
        """Give all limits of the grant itself, or of the model's terms, at a moment."""
        if not self.editions:
            return self.entitlements
        return _edition(self.editions, at).grant.bounds

    def require_in_effect(self, at: datetime) -> None:
        """Check that the grant, and each above it, holds at a moment.

        Raises:
            GrantRevokedError: it was revoked.
            NotEntitledError: it has not begun, is over, suspended or waits for an acceptance or approval.
        """
        for issued in _chain(self.editions, at):
            _require_in_effect(issued, at)

    def _all(self, at: datetime) -> Iterator[Bound]:
        for entitlement in self.entitlements:
            yield Bound(subject=self.subject, entitlement=entitlement)
        for issued in _chain(self.editions, at):
            for entitlement in issued.grant.bounds:
                yield Bound(subject=issued.id, entitlement=entitlement)


class LimitFinder:
    """Finds limits in the index, and reads them anew when they were read some seconds ago.

    Args:
        resources: the index and the ledger.
        refresh_seconds: how long what was read is taken as it was.
        monotonic: gives seconds.
    """

    def __init__(
        self,
        resources: Resources,
        *,
        refresh_seconds: float = REFRESH_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resources = resources
        self._refresh = refresh_seconds
        self._monotonic = monotonic
        self._lock = Lock()
        self._kept: dict[str, tuple[float, Limits]] = {}

    def find(self, subject: str) -> Limits:
        """Give the limits of a grant, or of a model's own terms.

        Raises:
            UnknownGrantError: there is neither such a grant nor such a model.
        """
        now = self._monotonic()
        kept = self._kept.get(subject)
        if kept is not None and now - kept[0] < self._refresh:
            return kept[1]
        self._resources.catch_up()
        limits = read_limits(self._resources, subject)
        with self._lock:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[subject] = now, limits
        return limits


def read_limits(resources: Resources, subject: str) -> Limits:
    """Read the limits of a grant, or of a model's own terms, from the index.

    Raises:
        UnknownGrantError: there is neither such a grant nor such a model.
    """
    if is_digest(subject):
        editions = editions_of(resources, Digest(subject))
        if editions:
            above = tuple(issued.id for issued in _chain(editions, editions[-1].since))[1:]
            return Limits(subject=subject, name=f"the grant {subject}", editions=editions, above=above)
        model = resources.index.find(subject)
        if model is not None and model.bundle == subject:
            terms = () if model.terms is None else model.terms.bounds
            return Limits(subject=subject, name=f"the terms of {model.name}", entitlements=terms)
    raise UnknownGrantError(f"the ledger has no grant {subject[:80]}")


def editions_of(resources: Resources, grant: Digest) -> tuple[IssuedGrant, ...]:
    """Give every edition of a grant, in order; empty when the ledger has no such grant."""
    known = resources.index.grant(grant)
    return () if known is None else known.editions


def _edition(editions: Sequence[IssuedGrant], at: datetime | None) -> IssuedGrant:
    """Take the edition of a moment; the first for a moment before it, the last for None."""
    if at is None:
        return editions[-1]
    found = editions[0]
    for issued in editions:
        if issued.since is None or issued.since <= at:
            found = issued
    return found


def _chain(editions: Sequence[IssuedGrant], at: datetime | None) -> Iterator[IssuedGrant]:
    """Give a grant's edition of a moment, and those of the grants above it."""
    while editions:
        issued = _edition(editions, at)
        yield issued
        editions = issued.under


def _require_in_effect(issued: IssuedGrant, at: datetime) -> None:
    named = f"the grant {issued.id}"
    if issued.revoked_at is not None and at >= issued.revoked_at:
        raise GrantRevokedError(
            f"{named} was revoked with effect from {format_time(issued.revoked_at)}",
            hint=f"Ask {issued.grant.licensor} for another.",
        )
    if issued.state is not GrantState.IN_EFFECT:
        waits = (
            "is suspended" if issued.state is GrantState.SUSPENDED else "has not been accepted or approved"
        )
        raise NotEntitledError(f"{named} {waits}")
    phase, _ = issued.grant.window.locate(at)
    if phase is Phase.BEFORE:
        raise NotEntitledError(f"{named} begins at {format_time(issued.grant.start)}")
    if phase is Phase.AFTER:
        end = issued.grant.end
        raise NotEntitledError(
            f"{named} ended at {'' if end is None else format_time(end)}, and its days of grace are over",
            hint=f"Ask {issued.grant.licensor} for a renewal.",
        )
