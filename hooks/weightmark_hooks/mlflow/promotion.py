"""What a promotion weighs beside the record: what the version's tags say now.

Tags can be set after the registration. A base model that they name is recorded before the promotion is
decided; a licence that they name can only make the answer stricter.
"""

from dataclasses import replace

from weightmark.errors import RefusedError
from weightmark.licensing import Action
from weightmark.licensing import Outcome as Verdict
from weightmark.licensing.organisation.barring import against
from weightmark.model.event import ModelEvent
from weightmark.ports import ResolvedModel
from weightmark.vocabulary import EventKind
from weightmark.workspace import (
    Outcome,
    Requirement,
    Workspace,
    ask,
    canonical_license,
    process_workspace,
)
from weightmark.workspace.asking import refusal_of
from weightmark.workspace.deciding import ask_licence
from weightmark.workspace.realm import out_of_realm


def ask_promotion(event: ModelEvent, resolved: ResolvedModel, stated_license: str) -> Outcome:
    """Ask whether a version may be promoted, as its tags are now.

    Args:
        event: the promotion, with the base models that the tags name.
        resolved: the version's files.
        stated_license: the licence that the tags name; empty when they name none.

    Returns:
        What was decided; it is a yes.

    Raises:
        RefusedError: the gate refuses, or it could not be asked.
    """
    workspace = process_workspace()
    outcome = ask(event, resolved=resolved, workspace=workspace)
    if _names_new_bases(workspace, outcome, event):
        ask(replace(event, kind=EventKind.REGISTER, version=""), resolved=resolved, workspace=workspace)
        outcome = ask(event, resolved=resolved, workspace=workspace)
    refusal = _under(workspace, outcome, stated_license)
    if refusal is not None:
        raise refusal
    return outcome


def _names_new_bases(workspace: Workspace, outcome: Outcome, event: ModelEvent) -> bool:
    if outcome.model is None or not event.base_models:
        return False
    index, realm = workspace.resources.index, workspace.configuration.realm
    known = index.parents(outcome.model.bundle)
    digests = {parent.bundle for parent in known}
    uris = {out_of_realm(parent.uri, realm) for parent in known}
    for base in event.base_models:
        found = index.find(base)
        if found is None and base not in uris:
            return True
        if found is not None and not {found.bundle, found.weights} & digests and base not in uris:
            return found.bundle != outcome.model.bundle
    return False


def _under(workspace: Workspace, outcome: Outcome, stated: str) -> RefusedError | None:
    """Decide as if the model had been registered under the licence that its tags name."""
    model, license_ = outcome.model, canonical_license(stated) if stated else None
    if model is None or license_ is None or license_ == model.license:
        return None
    gate = workspace.configuration.gates[outcome.event.kind]
    # An owner who said so decides; a licence set with `weightmark license set` counts more than a tag.
    if not model.presumed or model.terms is not None or Requirement.LICENSED not in gate.requires:
        return None
    works = (replace(outcome.works[0], license=license_, presumed=True), *outcome.works[1:])
    action = Action(outcome.event.kind.value)
    decision = ask_licence(workspace.resources, works, action, workspace.clock())
    # What the organisation's policy leaves undecided no gate lets pass.
    waved = decision.outcome is Verdict.UNDECIDED and not against(decision) and gate.passes_undecided(action)
    return None if decision.allowed or waved else refusal_of(replace(outcome, decision=decision))
