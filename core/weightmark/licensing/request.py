"""Requests: who wants to do what, when, for what purpose, and how much was used so far."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from weightmark.licensing.action import Action
from weightmark.licensing.capability import Capability
from weightmark.licensing.party import Party
from weightmark.licensing.window import in_utc

_NOTHING: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question.

    Args:
        action: what is about to be done.
        party: who does it.
        at: the moment, with a zone; kept in UTC.
        usage: units used so far by entitlement name, not counting this action; what is not named was not
            used. None when use could not be counted; then each grant's fail mode says what happens.
        purpose: what it is for, as grants and use restrictions name it: ``research``, ``medical-advice``.
        seat: the person or the machine that acts, as the seats of grants name it; empty when none is named.
        amount: units that the action takes, by entitlement name, none less than 0; one of each that is not
            named.

    Raises:
        ValueError: the moment has no zone, or an amount is negative.
    """

    action: Action
    party: Party
    at: datetime
    usage: Mapping[str, int] | None = field(default_factory=lambda: _NOTHING)
    purpose: str = ""
    seat: str = ""
    amount: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    needs: frozenset[Capability] = field(init=False, repr=False, compare=False)
    """The action's ``needs``, at hand."""
    exercises: bool = field(init=False, repr=False, compare=False)
    """The action's ``exercises``, at hand."""

    def __post_init__(self) -> None:
        """Check the values, and keep what nobody can change afterwards; see Raises."""
        for name, units in self.amount.items():
            if units < 0:
                raise ValueError(f"the amount of {name[:40]!r} is negative; an action takes 0 or more")
        object.__setattr__(self, "at", in_utc(self.at))
        object.__setattr__(self, "amount", MappingProxyType(dict(self.amount)))
        if self.usage is not None:
            object.__setattr__(self, "usage", MappingProxyType(dict(self.usage)))
        object.__setattr__(self, "needs", self.action.needs)
        object.__setattr__(self, "exercises", self.action.exercises)
