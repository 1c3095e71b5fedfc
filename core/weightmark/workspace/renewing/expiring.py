"""Grants that end soon or are in their days of grace, with the days that are left."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from weightmark.encoding import Digest, Json, format_time
from weightmark.licensing.window import Phase
from weightmark.workspace.renewing.renewable import known_grants
from weightmark.workspace.resource import Resources

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiring:
    """One grant that ends soon, or has ended and is in its days of grace.

    Attributes:
        grant: its id.
        model: the model's name.
        licensor: who gave it.
        grantee: who has it.
        end: when it ends or ended.
        last: from when it no longer holds, when the days of grace are over.
        phase: ``within`` or ``grace``.
        days_left: days of 24 hours until it no longer holds, counted up; 1 on the last day.
        renews: whether it renews itself.
    """

    grant: Digest
    model: str
    licensor: str
    grantee: str
    end: datetime
    last: datetime
    phase: Phase
    days_left: int
    renews: bool

    def to_json(self) -> dict[str, Json]:
        """Write it as JSON."""
        return {
            "grant": self.grant,
            "model": self.model,
            "licensor": self.licensor,
            "grantee": self.grantee,
            "end": format_time(self.end),
            "last": format_time(self.last),
            "phase": self.phase.value,
            "days_left": self.days_left,
            "renews": self.renews,
        }


def expiring(resources: Resources, within: timedelta, at: datetime) -> list[Expiring]:
    """Give the grants from us and to us that end soon or are in grace, those with the least time left first.

    Args:
        resources: the ledger, the index and our party.
        within: so soon.
        at: the present time.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    resources.catch_up()
    party, found = resources.configuration.party.name, list[Expiring]()
    for known in known_grants(resources):
        grant = known.life.grant
        end, last = grant.end, grant.window.last
        revoked = known.life.revoked_at is not None and known.life.revoked_at <= at
        if party not in (known.licensor, grant.grantee) or end is None or last is None or revoked:
            continue
        phase, _ = grant.window.locate(at)
        if phase is Phase.GRACE or (phase is Phase.WITHIN and end - at <= within):
            model = resources.index.find(known.bundle)
            found.append(
                Expiring(
                    grant=known.id,
                    model=known.bundle if model is None else model.name,
                    licensor=known.licensor,
                    grantee=grant.grantee,
                    end=end,
                    last=last,
                    phase=phase,
                    days_left=math.ceil((last - at) / _DAY),
                    renews=grant.renewal is not None,
                )
            )
    return sorted(found, key=lambda each: (each.last, each.grant))
