"""Actions: what somebody is about to do, as gates and people name it.

Not here: whether it is allowed; see ``deciding``.
"""

from enum import StrEnum
from typing import Final

from weightmark.licensing.capability import VIEWS, Capability


class Action(StrEnum):
    """An event that has a gate, or one capability asked for by its own name."""

    LOG = "log"
    REGISTER = "register"
    PROMOTE = "promote"
    PUSH = "push"
    DEPLOY = "deploy"
    LOAD = "load"
    VIEW_METADATA = "view-metadata"
    VIEW_ARCHITECTURE = "view-architecture"
    INFER = "infer"
    EMBED = "embed"
    DOWNLOAD_WEIGHTS = "download-weights"
    FINE_TUNE = "fine-tune"
    MERGE = "merge"
    DISTILL = "distill"
    REDISTRIBUTE = "redistribute"
    SUBLICENSE = "sublicense"
    RESELL = "resell"

    @property
    def needs(self) -> frozenset[Capability]:
        """The capabilities it takes, all of them; empty for recording a fact, which takes no permission."""
        return _NEEDS[self]

    @property
    def production(self) -> bool:
        """Whether the model is put to use in production by it."""
        return self in _PRODUCTION

    @property
    def exercises(self) -> bool:
        """Whether it uses a right in the model, and does not only record or look at facts about it.

        Conditions (commercial use, use restrictions, quotas) reach these actions and no others.
        """
        return self in _EXERCISES


_GATES: Final[dict[Action, frozenset[Capability]]] = {
    Action.LOG: frozenset(),
    Action.REGISTER: frozenset(),
    Action.PROMOTE: frozenset({Capability.INFER}),
    Action.PUSH: frozenset({Capability.REDISTRIBUTE}),
    Action.DEPLOY: frozenset({Capability.INFER}),
    Action.LOAD: frozenset({Capability.INFER}),
}
_NEEDS: Final = _GATES | {Action(capability.value): frozenset({capability}) for capability in Capability}
_PRODUCTION: Final = frozenset({Action.PROMOTE, Action.DEPLOY, Action.INFER, Action.EMBED, Action.RESELL})
_EXERCISES: Final = frozenset(action for action, needs in _NEEDS.items() if needs - VIEWS)
