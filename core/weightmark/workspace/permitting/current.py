"""What a party may do now: the ledger's newest entries first, then the decision."""

from dataclasses import dataclass

from weightmark.encoding import Digest
from weightmark.licensing import Action, Decision
from weightmark.workspace.deciding import ask_licence
from weightmark.workspace.lineage import works_of
from weightmark.workspace.resource import Clock, Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessQuestion:
    """Who asks about which model, and what for; asked again and again.

    Attributes:
        bundle: the model.
        party: who wants to; empty for our own party.
        purpose: what it is for, as grants and use restrictions name it; empty when nobody said.
    """

    bundle: Digest
    party: str = ""
    purpose: str = ""

    def ask(self, resources: Resources, clock: Clock, action: Action) -> Decision:
        """Ask once more.

        Args:
            resources: ledger, index and our party.
            clock: gives the present time, UTC.
            action: what is to be done.

        Raises:
            WeightmarkError: the ledger or the index is out of reach, so nothing can be said.
        """
        resources.catch_up()
        index = resources.index
        with index.still():
            model = index.find(self.bundle)
            works = () if model is None else works_of(index, model)
            return ask_licence(resources, works, action, clock(), party=self.party, purpose=self.purpose)
