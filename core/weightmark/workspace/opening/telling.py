"""Telling observers what of an opened model is given and refused, each once."""

from typing import NoReturn

from weightmark.encoding import Json
from weightmark.errors import NotEntitledError
from weightmark.index import RegisteredModel
from weightmark.licensing import Capability, Decision, Tier
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import SCHEMA_VERSION, EventKind
from weightmark.workspace.resource import Resources


class AccessTeller:
    """Tells observers of the first time that something is given, and of the first refusal.

    Args:
        resources: whose observers.
        model: the model.
        uri: where its files are.
        tier: as what it was opened.
        party: who opened it.
    """

    def __init__(
        self, resources: Resources, model: RegisteredModel, *, uri: str, tier: Tier, party: str
    ) -> None:
        self._resources = resources
        self._model = model
        self._uri = uri
        self._tier = tier
        self._party = party
        self._told: set[tuple[Capability, bool]] = set()

    def tell(self, capability: Capability, decision: Decision) -> None:
        """Tell what licence and grants say.

        Raises:
            WeightmarkError: an observer that the settings name is not there.
        """
        self._tell(capability, allowed=decision.allowed, code=decision.code.value, answer=decision.to_json())

    def refuse(self, capability: Capability) -> NoReturn:
        """Tell that the tier does not hold something, and refuse it.

        Raises:
            NotEntitledError: always.
        """
        self._tell(capability, allowed=False, code="tier", answer={})
        wider = [tier.value for tier in Tier if capability in tier.capabilities]
        name, party = self._model.name, self._party
        raise NotEntitledError(
            f"{name} was opened as {self._tier.value}, which does not hold {capability.value}",
            hint=f"Open it as {' or '.join(wider)}. If {party} has no grant for that, ask"
            f" {self._model.owner} for the tier {wider[0]}:"
            f" `weightmark grant {name} --to {party} --for {wider[0]}`.",
        )

    def _tell(self, capability: Capability, *, allowed: bool, code: str, answer: dict[str, Json]) -> None:
        if (capability, allowed) in self._told:
            return
        self._told.add((capability, allowed))
        context = {"open": self._tier.value, "capability": capability.value, "party": self._party}
        event = ModelEvent(kind=EventKind.LOAD, uri=self._uri, name=self._model.name, context=context)
        words: dict[str, Json] = {"schema": SCHEMA_VERSION, "event": event.kind.value, "uri": self._uri}
        words |= answer | context | {"allowed": allowed, "code": code}
        self._resources.notify(event, words)
