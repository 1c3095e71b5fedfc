"""Gates: what must hold before a platform may go on."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from weightmark.licensing import Action, Tier
from weightmark.vocabulary import EventKind


class Requirement(StrEnum):
    """One thing a gate can ask for.

    ``intact`` asks that a model is registered and its files are the registered ones; ``unchanged`` only the
    latter, so that what nobody registered passes. ``policy`` asks that the organisation's policy does not
    bar it; where the settings name a policy, every gate of a use has it.
    """

    REGISTERED = "registered"
    SIGNED = "signed"
    INTACT = "intact"
    UNCHANGED = "unchanged"
    LICENSED = "licensed"
    ATTRIBUTED = "attributed"
    POLICY = "policy"


class WhenUndecided(StrEnum):
    """What a gate does when the licence gives no answer: its fail mode.

    ``refuse``, which may also be spelled ``closed``, stops the event. ``allow`` lets it pass and asks for
    nothing. ``open-and-log`` lets it pass with the duty to record it and to settle it later. ``degrade`` lets
    it pass when the gate's tier holds what it needs, with the duty to use no more than the tier.
    """

    REFUSE = "refuse"
    ALLOW = "allow"
    OPEN_AND_LOG = "open-and-log"
    DEGRADE = "degrade"

    @classmethod
    def _missing_(cls, value: object) -> "WhenUndecided | None":
        return cls.REFUSE if value == "closed" else None


class VersionRule(StrEnum):
    """Whether the number of a version that is registered must say how far it goes beyond the one before.

    ``semantic`` judges semantic versions and lets others pass; ``strict`` refuses the others.
    """

    OFF = "off"
    SEMANTIC = "semantic"
    STRICT = "strict"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What one kind of event requires.

    Attributes:
        requires: all of these must hold.
        undecided: what happens when it cannot be known whether the licence allows it.
        degrade_to: the tier that is left under ``degrade``.
    """

    requires: frozenset[Requirement]
    undecided: WhenUndecided = WhenUndecided.REFUSE
    degrade_to: Tier = Tier.METADATA

    def passes_undecided(self, action: Action) -> bool:
        """Say whether the gate lets an action pass of which it cannot be known whether it is allowed.

        Raises:
            Nothing.
        """
        if self.undecided is WhenUndecided.DEGRADE:
            return action.needs <= self.degrade_to.capabilities
        return self.undecided is not WhenUndecided.REFUSE


_STRICT = Gate(
    requires=frozenset({Requirement.REGISTERED, Requirement.SIGNED, Requirement.INTACT, Requirement.LICENSED})
)

DEFAULT_GATES: Mapping[EventKind, Gate] = {
    EventKind.LOG: Gate(requires=frozenset()),
    EventKind.REGISTER: Gate(requires=frozenset()),
    EventKind.PROMOTE: _STRICT,
    EventKind.PUSH: _STRICT,
    EventKind.DEPLOY: _STRICT,
    EventKind.LOAD: Gate(requires=frozenset({Requirement.UNCHANGED})),
}
"""Record everything; let nothing be used that is not registered, whole and licensed, nor loaded if changed.
"""
