"""The gate of a push: what is on the stage is registered, and leaves only when its licences allow it."""

import logging
from dataclasses import replace
from pathlib import Path

from weightmark.attribution import BUNDLE, MANIFEST, NOTE, Mark, credit_line, names_beside
from weightmark.errors import RefusedError
from weightmark.fingerprinting import Fingerprint
from weightmark.index import RegisteredModel
from weightmark.licensing import Action
from weightmark.model.card import read_facts, split_names
from weightmark.model.event import ModelEvent
from weightmark.ports import ResolvedModel
from weightmark.vocabulary import EventKind, Fact
from weightmark.workspace import Outcome, Requirement, Workspace, bundle_of, explain, manifest_of
from weightmark.workspace.asking import refusal_of
from weightmark.workspace.deciding import ask_licence, pass_gate
from weightmark.workspace.lineage import works_of
from weightmark_adapters.huggingface.note import Note
from weightmark_adapters.huggingface.uri import model_uri
from weightmark_hooks.huggingface.digest import StageDigests
from weightmark_hooks.huggingface.stage import Stage

_log = logging.getLogger(__name__)


def check_bases(workspace: Workspace, repo: str, facts: dict[str, str]) -> None:
    """Ask about the base models that a card names, before anything is read or copied.

    Raises:
        RefusedError: the licence of one forbids to pass on what came from it, or is not known.
        WeightmarkError: it could not be asked.
    """
    gate = workspace.configuration.gates[EventKind.PUSH]
    if Requirement.LICENSED not in gate.requires:
        return
    resources = workspace.resources
    resources.catch_up()
    for base in _bases(facts):
        model = resources.index.find(base)
        if model is None and gate.undecided.value == "refuse":
            raise RefusedError(
                f"Weightmark cannot tell, so it refuses to push {model_uri(repo)}: its base model {base} is"
                " not registered, so its licence is not known",
                undecided=True,
                hint=f"Register it: `weightmark register {_source(base)}`.",
            )
        decision = workspace.check(base, Action.PUSH) if model is not None else None
        if decision is None or decision.allowed:
            continue
        if decision.outcome.value == "undecided" and gate.undecided.value == "allow":
            continue
        raise RefusedError(
            f"Weightmark refuses to push {model_uri(repo)}, which came from {base}: {explain(decision)}",
            undecided=decision.outcome.value == "undecided",
        )


def admit(workspace: Workspace, repo: str, stage: Stage) -> Outcome:
    """Mark, register and judge what is on the stage, and lay the signed bundle beside it.

    Args:
        workspace: who is asked.
        repo: where it goes.
        stage: what the repository will hold.

    Returns:
        The outcome of the registration; the push is allowed.

    Raises:
        RefusedError: the gate refuses.
        WeightmarkError: it could not be read, recorded or decided.
    """
    facts = read_facts(stage.folder)
    check_bases(workspace, repo, facts)
    resolved = _resolved(repo, stage.folder, facts)
    digests = StageDigests(stage, workspace.configuration.algorithm)
    digests.read(resolved, workspace.plugins)
    found = workspace.fingerprint(resolved, cache=digests)
    known = _known(workspace, found)
    party = workspace.configuration.party.name
    mine = known is not None and known.owner == party and not known.presumed
    license_ = facts.get(Fact.LICENSE) or (None if known is None else known.license)
    bases = _bases(facts)
    mark = Mark(
        name=repo,
        owner=party if known is None else known.owner,
        license=license_,
        weights=found.weights,
        base_models=bases,
        credits="" if known is None else credit_line(works_of(workspace.resources.index, known)[1:]),
    )
    stage.mark(mark)
    event = ModelEvent(
        kind=EventKind.REGISTER,
        uri=model_uri(repo),
        source=str(stage.folder),
        name=repo,
        owner=party if mine else None,
        license=license_,
        base_models=bases,
        context={"platform": "huggingface"},
    )
    outcome = workspace.handle(event, resolved=_resolved(repo, stage.folder, facts), cache=digests)
    require_push(workspace, outcome)
    _lay_beside(workspace, outcome, stage)
    return outcome


def require_push(workspace: Workspace, outcome: Outcome) -> None:
    """Judge a push of what was registered a moment ago; its files need not be read again.

    Raises:
        RefusedError: the gate refuses.
    """
    resources, model = workspace.resources, outcome.model
    event = replace(outcome.event, kind=EventKind.PUSH)
    works = () if model is None else works_of(resources.index, model)
    licence = ask_licence(resources, works, Action.PUSH, workspace.clock())
    decision = pass_gate(workspace.configuration.gates[EventKind.PUSH], event, model, licence, ())
    judged = replace(outcome, event=event, decision=decision)
    resources.notify(event, judged.to_json())
    if not judged.allowed:
        raise refusal_of(judged)


def link_pushed(workspace: Workspace, repo: str, sha: str, outcome: Outcome) -> None:
    """Record which commit the model became; it left already, so a failure is told and not raised."""
    uri = model_uri(repo, sha)
    try:
        workspace.link(outcome, uri=uri, version=sha)
    except Exception:
        _log.exception("%s was registered and pushed, but its commit is not recorded", uri)


def _lay_beside(workspace: Workspace, outcome: Outcome, stage: Stage) -> None:
    if outcome.model is None:
        return
    stage.write(BUNDLE, bundle_of(workspace.resources, outcome.model).encode())
    manifest = manifest_of(workspace.resources, outcome.model)
    if manifest is not None:
        stage.write(MANIFEST, manifest.encode())
    stage.write(NOTE, Note(tags=outcome.tags()).encode())


def _known(workspace: Workspace, found: Fingerprint) -> RegisteredModel | None:
    """Find what is registered of these files, or of these numbers; what is our own goes before all else."""
    resources, party = workspace.resources, workspace.configuration.party.name
    resources.catch_up()
    exact = resources.index.find(found.bundle)
    twins = [] if found.weights is None else resources.index.same_weights(found.weights)
    models = [model for model in (exact, *twins) if model is not None]
    own = [model for model in models if model.owner == party and not model.presumed]
    return next(iter([*own, *models]), None)


def _resolved(repo: str, folder: Path, facts: dict[str, str]) -> ResolvedModel:
    return ResolvedModel(
        uri=model_uri(repo), path=folder, name=repo, facts=facts, ignore=names_beside(folder)
    )


def _bases(facts: dict[str, str]) -> tuple[str, ...]:
    """Give the base models of a card; a folder of this machine is known by its URI."""
    named = split_names(facts.get(Fact.BASE_MODEL, ""))
    return tuple(Path(name).resolve().as_uri() if Path(name).is_dir() else name for name in named)


def _source(base: str) -> str:
    return base if ":" in base else model_uri(base)
