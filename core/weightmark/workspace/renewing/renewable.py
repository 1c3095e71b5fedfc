"""Which of our grants renew themselves, and what is to be done next about a renewal.

Not here: the doing; see ``renewing``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from weightmark.claims import RenewalClaim
from weightmark.claims.offline.status_list import Status
from weightmark.encoding import Digest
from weightmark.index import KnownGrant
from weightmark.licensing.grant import Grant
from weightmark.licensing.renewal_state import (
    LATE,
    LEAD_DAYS,
    OVER,
    RETRY_DAYS,
    UNDECIDED,
    RenewalState,
)
from weightmark.vocabulary import Predicate
from weightmark.workspace.offline.licence_issuing import edition_at, status_at
from weightmark.workspace.renewing.renewal_file import RenewalEntry
from weightmark.workspace.resource import Resources


class Act(StrEnum):
    """What is done next about a renewal."""

    WAIT = "wait"
    SCHEDULE = "schedule"
    CHARGE = "charge"
    ASK = "ask"
    """Ask the provider how far the payment is."""
    RECORD = "record"
    """Write the renewal to the ledger."""
    GIVE_UP = "give-up"
    CANCEL = "cancel"


_ALWAYS: Final = {
    RenewalState.PAID: Act.RECORD,
    **dict.fromkeys(UNDECIDED, Act.ASK),
    **dict.fromkeys(OVER, Act.WAIT),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When renewals are charged.

    Args:
        lead_days: so many days of 24 hours before the end; no more than the renewal is for.
        retry_days: after each failure in turn, in so many days.

    Raises:
        ValueError: a number is negative or no number of days.
    """

    lead_days: int = LEAD_DAYS
    retry_days: tuple[int, ...] = RETRY_DAYS

    def __post_init__(self) -> None:
        """Check the values; see Raises."""
        if not 0 <= self.lead_days <= 3_660 or not all(0 < days <= 366 for days in self.retry_days):  # noqa: PLR2004 - days
            raise ValueError(
                "a renewal is charged 0 to 3660 days before the end, and again after 1 to 366 days"
            )

    def due(self, grant: Grant) -> datetime | None:
        """Say when the renewal of a grant is charged; None when it does not renew itself."""
        if grant.renewal is None or grant.end is None:
            return None
        return grant.end - timedelta(days=min(self.lead_days, grant.renewal.days))


def known_grants(resources: Resources) -> Iterator[KnownGrant]:
    """Give every grant in the ledger that counts."""
    for entry in resources.index.history():
        if entry.accepted and entry.predicate_type == Predicate.GRANT.value:
            known = resources.index.grant(Digest(entry.statement))
            if known is not None:
                yield known


def is_wanted(known: KnownGrant | None, party: str, ends: datetime) -> bool:
    """Say whether a grant is ours, and is to be renewed when this end of it comes."""
    if known is None or known.licensor != party or known.life.revoked_at is not None:
        return False
    grant = known.life.grant
    return grant.renewal is not None and grant.end == ends and known.life.effective_at is not None


def status_above(known: KnownGrant, at: datetime) -> Status:
    """Say how the grants above a sublicence are; nobody is charged for what cannot hold."""
    edition = edition_at(known.editions, at)
    return status_at(edition.under, at) if edition is not None and edition.under else Status.VALID


def is_recorded(known: KnownGrant, entry: RenewalEntry) -> bool:
    """Say whether the ledger has a renewal already: one that names its payment, or for a free one its end."""
    payment = payment_of(entry)
    end = entry.ends + timedelta(days=entry.days)
    return any(
        isinstance(claim, RenewalClaim) and claim.payment == payment and (payment or claim.end == end)
        for claim in known.claims.values()
    )


def payment_of(entry: RenewalEntry) -> str:
    """Give the reference to a renewal's payment; empty when it is free."""
    return entry.key if entry.amount else ""


def next_act(
    entry: RenewalEntry, known: KnownGrant | None, party: str, schedule: Schedule, at: datetime
) -> Act:
    """Say what is to be done next about a renewal.

    Args:
        entry: how far it is.
        known: its grant; None when the ledger has none.
        party: who we are.
        schedule: when renewals are charged.
        at: the present time.

    Raises:
        Nothing.
    """
    state = entry.state
    if state in _ALWAYS:
        return _ALWAYS[state]
    if is_wanted(known, party, entry.ends) is (state is RenewalState.CANCELLED):
        return Act.SCHEDULE if state is RenewalState.CANCELLED else Act.CANCEL
    if known is not None and state in (RenewalState.SCHEDULED, RenewalState.FAILED):
        last, suspended_at = known.life.grant.window.last, known.life.suspended_at
        if (last is not None and at >= last) or entry.attempts > len(schedule.retry_days):
            return Act.GIVE_UP
        suspended = suspended_at is not None and at >= suspended_at
        if at >= entry.due and not suspended and status_above(known, at) is Status.VALID:
            return Act.CHARGE
    return Act.ASK if state in LATE and entry.attempts else Act.WAIT
