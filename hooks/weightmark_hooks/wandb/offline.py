"""Offline runs, checked before they are sent: is each model still what was logged, and may it go?"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from weightmark.errors import MalformedError, PlatformError, RefusedError
from weightmark.model.event import ModelEvent
from weightmark.ports.registry import ResolvedModel
from weightmark.vocabulary import EventKind, Tag
from weightmark.workspace import Outcome, Workspace
from weightmark.workspace.asking import ask, failing_closed, process_workspace
from weightmark_adapters.wandb import lineage, sdk
from weightmark_adapters.wandb.metadata import decode_tags, without_tags
from weightmark_adapters.wandb.registry import WandbRegistry
from weightmark_adapters.wandb.uri import parse_uri
from weightmark_hooks.wandb.choice import Choice
from weightmark_hooks.wandb.folder import gathered
from weightmark_hooks.wandb.journal import LoggedArtifact, read_artifacts, wait_for_end

_CONTEXT: Final = {"platform": "wandb", "delivered": "offline"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is said of one model of an offline run.

    Attributes:
        artifact: the model.
        refusal: why it may not be sent; empty when it may.
        outcome: what was recorded; None when nothing was.
    """

    artifact: LoggedArtifact
    refusal: str = ""
    outcome: Outcome | None = None


def check(
    run: Path | str, workspace: Workspace | None = None, *, choice: Choice | None = None
) -> tuple[Finding, ...]:
    """Check the models of offline runs; what is not registered yet is registered.

    Args:
        run: a ``.wandb`` file, a run's folder, or the folder of many (``wandb``).
        workspace: who is asked; None for the process's own.
        choice: which types and aliases are guarded; None for what the environment says.

    Returns:
        One finding for each model, in order; every failure to check is a refusal.

    Raises:
        MalformedError: there is no run at this place, or its file is damaged.
    """
    choice = choice or Choice.from_environment()
    asked = workspace or process_workspace()
    findings: list[Finding] = []
    for file in find_runs([Path(run)]):
        wait_for_end(file)
        findings += [
            _check(asked, choice, artifact)
            for artifact in read_artifacts(file)
            if choice.guards(artifact.kind)
        ]
    return tuple(findings)


def find_runs(paths: Iterable[Path]) -> list[Path]:
    """Find the files of runs.

    Raises:
        MalformedError: there is none at one of the places.
    """
    found: dict[Path, None] = {}
    for path in paths:
        files = [path] if path.is_file() else sorted({*path.glob("*.wandb"), *path.glob("*run-*/*.wandb")})
        if not files:
            raise MalformedError(
                f"there is no run of Weights & Biases at {str(path)!r}",
                hint="Give a run's folder, such as wandb/offline-run-20261122_111350-kublu1t8.",
            )
        found |= {file.resolve(): None for file in files}
    return list(found)


def _check(workspace: Workspace, choice: Choice, artifact: LoggedArtifact) -> Finding:
    try:
        with failing_closed(f"to send {artifact.name}"):
            return Finding(artifact=artifact, outcome=_ask(workspace, choice, artifact))
    except RefusedError as error:
        return Finding(artifact=artifact, refusal=f"{error.message} {error.hint}".rstrip())


def _ask(workspace: Workspace, choice: Choice, artifact: LoggedArtifact) -> Outcome:
    gone = [path for path, place in artifact.files.items() if not place or not Path(place).is_file()]
    if gone or not artifact.files:
        raise PlatformError(
            f"{(gone or ['a file'])[0]} of {artifact.name!r} is not on this machine any more",
            hint="Log the model again; register a reference after it was sent: `weightmark register`.",
        )
    with gathered(artifact.files) as folder:
        own = without_tags(artifact.metadata)
        uri = f"wandb://{artifact.entity or 'offline'}/{artifact.project or 'uncategorized'}/{artifact.name}"
        facts = lineage.stated_facts(own, artifact.description, folder)
        resolved = ResolvedModel(uri=uri, path=folder, name=artifact.name, facts=facts)
        _require_unchanged(workspace, artifact, resolved)
        event = ModelEvent(kind=EventKind.LOG, uri=uri, name=artifact.name, context=_CONTEXT)
        outcome = ask(event, resolved=resolved, workspace=workspace)
        if promoting := choice.promoting(artifact.aliases):
            context = {**_CONTEXT, "alias": ",".join(promoting)}
            ask(
                replace(event, kind=EventKind.PROMOTE, context=context),
                resolved=resolved,
                workspace=workspace,
            )
        return outcome


def _require_unchanged(workspace: Workspace, artifact: LoggedArtifact, resolved: ResolvedModel) -> None:
    """Compare the files with the fingerprint that was written when they were logged."""
    stamped = decode_tags(artifact.metadata).get(Tag.FINGERPRINT, "")
    if not stamped:
        return
    found = workspace.fingerprint(resolved)
    if found.bundle != stamped:
        raise RefusedError(
            f"{artifact.name} is not what was logged: it was {stamped}, now it is {found.bundle}",
            undecided=False,
            hint="Log the model again.",
        )


def settle(findings: Iterable[Finding], workspace: Workspace, *, entity: str, project: str) -> None:
    """Record the versions that models became when they were sent, and write their receipts there.

    Args:
        findings: what was checked before.
        workspace: who is asked.
        entity: where they were sent to; empty for where they say.
        project: likewise.

    Raises:
        PlatformError: the server refused or failed.
        LedgerError: recording failed.
    """
    for finding in findings:
        if finding.outcome is None or finding.outcome.model is None:
            continue
        one = finding.artifact
        with sdk.speaking(one.name):
            client = sdk.client()
            place = f"{entity or one.entity or client.default_entity}/{project or one.project}/{one.run}"
            sent = [found for found in client.run(place).logged_artifacts() if _is_same(found, one)]
        for found in sent:
            uri = lineage.name_exactly(found)
            workspace.link(finding.outcome, uri=uri, version=parse_uri(uri).alias)
            WandbRegistry().annotate(uri, finding.outcome.tags())


def _is_same(found: Any, one: LoggedArtifact) -> bool:
    return str(found.name).partition(":")[0] == one.name and str(found.digest) == one.digest
