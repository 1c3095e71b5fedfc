"""What is asked at each step: log, promote, load.

Not promised: anything about bytes that a run reads past ``download`` (single entries of an artifact, files in
a bucket that an artifact refers to).
"""

import filecmp
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from weightmark.errors import DigestMismatchError, PlatformError, RefusedError, WeightmarkError
from weightmark.model.event import ModelEvent
from weightmark.ports.registry import ResolvedModel
from weightmark.vocabulary import EventKind, Tag
from weightmark.workspace import Outcome, Workspace
from weightmark.workspace.asking import ask, failing_closed, process_workspace, refusal_of
from weightmark_adapters.wandb import lineage, sdk
from weightmark_adapters.wandb.metadata import encode_tags, without_tags
from weightmark_adapters.wandb.registry import WandbRegistry
from weightmark_adapters.wandb.uri import parse_uri
from weightmark_hooks.wandb.choice import Choice
from weightmark_hooks.wandb.folder import gathered
from weightmark_hooks.wandb.memory import Memory

_log = logging.getLogger(__name__)

_CONTEXT: Final = {"platform": "wandb"}
_MAX_VALUE: Final = 256
_NOT_CHECKED: Final = "undecided (not-checked)"


class ArtifactGuard:
    """Asks one workspace about artifacts.

    Args:
        choice: what is guarded.
        workspace: who is asked; None for the process's own.
    """

    def __init__(self, choice: Choice, workspace: Workspace | None = None) -> None:
        self.choice = choice
        self.memory = Memory()
        self._workspace = workspace

    def workspace(self) -> Workspace:
        """Give who is asked."""
        return self._workspace or process_workspace()

    def concerns(self, artifact: Any) -> bool:
        """Say whether an artifact is a model, and the call not our own."""
        return not sdk.is_speaking() and self.choice.guards(str(artifact.type))

    def log(self, artifact: Any, run: Any) -> None:
        """Register an artifact that is about to be logged, and write the receipt into its metadata.

        A gate that requires nothing refuses nothing: what could not be recorded is logged without a receipt,
        and will be refused when it is to be promoted.

        Raises:
            RefusedError: the gate refuses.
        """
        own = without_tags(artifact.metadata)
        event = self._log_event(artifact, run)
        try:
            with failing_closed(f"logging {artifact.name!r}"):
                files = _local_files(artifact)
                with gathered(files) as folder:
                    resolved = self._resolve(artifact, run, folder, own, event)
                    outcome = ask(event, resolved=resolved, workspace=self._workspace)
        except RefusedError as error:
            if not error.undecided or self._demands(EventKind.LOG):
                raise
            tell(f"{artifact.name} is logged, but not registered: {error.message}")
            verdict = {Tag.VERDICT.value: _NOT_CHECKED, Tag.REASON.value: error.message[:_MAX_VALUE]}
            artifact.metadata = {**own, **encode_tags(verdict)}
            return
        artifact.metadata = {**own, **encode_tags(outcome.tags())}
        self.memory.await_number(artifact, outcome, run)

    def promote(self, artifact: Any, context: Mapping[str, str]) -> None:
        """Ask whether a logged version may be put to use; the verdict goes into its metadata.

        Raises:
            RefusedError: it may not.
        """
        with failing_closed(f"promoting {artifact.name!r}"):
            uri = lineage.name_exactly(artifact)
            with WandbRegistry().checkout(uri) as resolved:
                event = ModelEvent(
                    kind=EventKind.PROMOTE,
                    uri=uri,
                    name=resolved.name,
                    version=resolved.version,
                    context={**_CONTEXT, **context},
                )
                outcome = self.workspace().handle(event, resolved=resolved)
        self._link(outcome, uri, resolved.version)
        _annotate(artifact, outcome)
        if not outcome.allowed:
            raise refusal_of(outcome)

    def promote_files(self, artifact: Any, run: Any, aliases: list[str]) -> None:
        """Ask whether an artifact that is not logged yet may be logged under aliases that put it to use.

        Raises:
            RefusedError: it may not.
        """
        event = replace(
            self._log_event(artifact, run),
            kind=EventKind.PROMOTE,
            context={**_CONTEXT, "alias": ",".join(aliases)},
        )
        with failing_closed(f"promoting {artifact.name!r}"), gathered(_local_files(artifact)) as folder:
            resolved = ResolvedModel(uri=event.uri, path=folder, name=event.name)
            outcome = self.workspace().handle(event, resolved=resolved)
        artifact.metadata = {**artifact.metadata, **encode_tags(outcome.tags())}
        if not outcome.allowed:
            raise refusal_of(outcome)

    def load(self, artifact: Any, root: Path, *, partial: bool = False) -> None:
        """Check what was downloaded against the registration.

        Args:
            artifact: the artifact.
            root: where its files lie.
            partial: whether only some of them do; the whole is then brought here and compared with them.

        Raises:
            RefusedError: it is not what was registered, or it could not be checked.
        """
        uri = lineage.name_exactly(artifact)
        parsed = parse_uri(uri)
        event = ModelEvent(
            kind=EventKind.LOAD, uri=uri, name=parsed.name, version=parsed.alias, context=_CONTEXT
        )
        if not self._demands(EventKind.LOAD):
            return
        if partial:
            self._load_part(artifact, root, event)
            return
        with failing_closed(f"to load {uri}"):
            files = {str(path): root / str(path) for path in artifact.manifest.entries}
            with gathered(files) as folder:
                resolved = ResolvedModel(uri=uri, path=folder, name=parsed.name, version=parsed.alias)
                ask(event, resolved=resolved, workspace=self._workspace)

    def _load_part(self, artifact: Any, root: Path, event: ModelEvent) -> None:
        with failing_closed(f"to load {event.uri}"), WandbRegistry().checkout(event.uri) as resolved:
            ask(event, resolved=resolved, workspace=self._workspace)
            for path in map(str, artifact.manifest.entries):
                here = root / path
                if here.exists() and not filecmp.cmp(here, resolved.path / path, shallow=False):
                    raise DigestMismatchError(
                        f"{path} is not what the server holds",
                        hint="Empty the library's cache with `wandb artifact cache cleanup 0`.",
                    )

    def settle(self, artifact: Any) -> None:
        """Record the number of a version that was registered, once it has one; never fails."""
        outcome = self.memory.take(artifact)
        if outcome is not None:
            with suppress(Exception):
                uri = lineage.name_exactly(artifact)
                self._link(outcome, uri, parse_uri(uri).alias)

    def _link(self, outcome: Outcome, uri: str, version: str) -> None:
        if outcome.model is None or not (
            outcome.fingerprint and outcome.fingerprint.bundle == outcome.model.bundle
        ):
            return
        try:
            self.workspace().link(outcome, uri=uri, version=version)
        except Exception:
            _log.exception(
                "%s was registered, but its number is not recorded; the gates go by its files", uri
            )

    def _demands(self, kind: EventKind) -> bool:
        """Say whether a gate requires anything; one that cannot be asked does."""
        try:
            return bool(self.workspace().configuration.gates[kind].requires)
        except WeightmarkError:
            return True

    def _log_event(self, artifact: Any, run: Any) -> ModelEvent:
        name = str(artifact.name).partition(":")[0]
        entity = str(getattr(run, "entity", "") or "offline")
        project = str(getattr(run, "project", "") or "uncategorized")
        context = {**_CONTEXT, "run": str(getattr(run, "id", "") or "")}
        uri = f"wandb://{entity}/{project}/{name}"
        return ModelEvent(kind=EventKind.LOG, uri=uri, name=name, context=context)

    def _resolve(
        self, artifact: Any, run: Any, folder: Path, own: Mapping[str, Any], event: ModelEvent
    ) -> ResolvedModel:
        stated = lineage.stated_facts(own, artifact.description, folder)
        known = lineage.used_facts(self.memory.used(run))
        facts = lineage.join_facts(stated, known)
        return ResolvedModel(uri=event.uri, path=folder, name=event.name, facts=facts)


def tell(message: str) -> None:
    """Say something in the run's own terminal, and in the log."""
    _log.warning("%s", message)
    with suppress(Exception):
        sdk.load().termwarn(f"Weightmark: {message}", repeat=False)


def _local_files(artifact: Any) -> dict[str, str]:
    """Give where the files of an artifact lie that is about to be logged.

    Raises:
        PlatformError: there are none, or some are elsewhere.
    """
    files: dict[str, str] = {}
    for path, entry in artifact.manifest.entries.items():
        if entry.ref or not entry.local_path:
            raise PlatformError(
                f"{path} of {artifact.name!r} is not on this machine, so its fingerprint cannot be known",
                hint="Log the files themselves, or register the version afterwards: `weightmark register`.",
            )
        files[str(path)] = str(entry.local_path)
    if not files:
        raise PlatformError(f"{artifact.name!r} has no files", hint="Add the model's files first.")
    return files


def _annotate(artifact: Any, outcome: Outcome) -> None:
    """Write the verdict into a logged version's metadata; a server that fails here changes no verdict."""
    written = {**artifact.metadata, **encode_tags(outcome.tags())}
    if written == dict(artifact.metadata):
        return
    try:
        with sdk.speaking(str(artifact.name)):
            fresh = sdk.client().artifact(artifact.qualified_name)
            fresh.metadata = {**fresh.metadata, **encode_tags(outcome.tags())}
            fresh.save()
            artifact.metadata = written
    except PlatformError as error:
        _log.warning("the verdict is not in the metadata: %s", error.message)
