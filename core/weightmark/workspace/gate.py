"""Gates: what must hold before a platform may go on."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from weightmark.vocabulary import EventKind


class Requirement(StrEnum):
    """One thing a gate can ask for.

    ``intact`` asks that a model is registered and its files are the registered ones; ``unchanged`` only the
    latter, so that what nobody registered passes.
    """

    REGISTERED = "registered"
    SIGNED = "signed"
    INTACT = "intact"
    UNCHANGED = "unchanged"
    LICENSED = "licensed"
    ATTRIBUTED = "attributed"


class WhenUndecided(StrEnum):
    """What a gate does when the licence gives no answer."""

    REFUSE = "refuse"
    ALLOW = "allow"


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
    """

    requires: frozenset[Requirement]
    undecided: WhenUndecided = WhenUndecided.REFUSE


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
