"""What is asked at each step: log, promote, load."""

import inspect
import logging
import os
import shutil
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

from weightmark.errors import PlatformError, RefusedError, WeightmarkError
from weightmark.model.event import ModelEvent
from weightmark.model.path import check_path
from weightmark.ports.registry import ResolvedModel
from weightmark.vocabulary import EventKind, Tag
from weightmark.workspace import Outcome, Workspace
from weightmark.workspace.asking import ask, failing_closed, process_workspace
from weightmark_adapters.trackio import sdk
from weightmark_adapters.trackio.facts import encode_tags, gather_facts, is_model, name_uri, without_tags

_log = logging.getLogger(__name__)
_CONTEXT: Final = {"platform": "trackio"}


class TrackioGuard:
    """Asks one workspace about artifacts; each method stands in front of one of trackio's.

    Args:
        workspace: who is asked; None for the process's own.
    """

    def __init__(self, workspace: Workspace | None = None) -> None:
        self._workspace = workspace
        self._used: WeakKeyDictionary[Any, dict[tuple[str, str], None]] = WeakKeyDictionary()

    def log(self, original: Any, run: Any, *args: Any, **kwargs: Any) -> Any:
        """Register a model before it is stored, with the receipt in its metadata.

        Raises:
            RefusedError: the gate refuses.
        """
        given = inspect.signature(original).bind(run, *args, **kwargs)
        artifact = given.arguments["artifact_or_path"] = _as_artifact(given.arguments)
        if not is_model(_type_of(artifact)) or artifact.version is not None:
            return original(*given.args, **given.kwargs)
        outcome = self._register(artifact, run)
        logged = original(*given.args, **given.kwargs)
        if outcome is not None:
            self._link(outcome, logged)
        return logged

    def link(self, original: Any, *args: Any, **kwargs: Any) -> Any:
        """Ask whether a version may be put to use; refused, nothing is linked.

        Raises:
            RefusedError: it may not.
        """
        given = inspect.signature(original).bind(*args, **kwargs).arguments
        artifact = given.get("artifact", given["self"])
        if is_model(_type_of(artifact)):
            if artifact.version is None and artifact is not given["self"]:
                given["self"].log_artifact(artifact)
            if artifact.version is not None:
                self._promote(artifact, given)
        return original(*args, **kwargs)

    def use(self, original: Any, run: Any, *args: Any, **kwargs: Any) -> Any:
        """Remember what a run used."""
        artifact = original(run, *args, **kwargs)
        try:
            self._used.setdefault(run, {})[artifact.type, _uri(artifact)] = None
        except Exception:
            _log.exception("what the run used is not known")
        return artifact

    def download(self, original: Any, artifact: Any, *args: Any, **kwargs: Any) -> Any:
        """Check what was downloaded against the registration.

        Raises:
            RefusedError: it is not what was registered, or that could not be checked.
        """
        root = original(artifact, *args, **kwargs)
        if is_model(artifact.type) and self._demands(EventKind.LOAD):
            with failing_closed(f"to load {artifact.name!r}"):
                files = {str(entry["path"]): Path(root, entry["path"]) for entry in artifact.manifest}
                with _laid_out(files) as folder:
                    self._ask(EventKind.LOAD, artifact, folder)
        return root

    def _register(self, artifact: Any, run: Any) -> Outcome | None:
        """Register what is about to be logged; a gate that requires nothing refuses nothing."""
        own, name = without_tags(artifact.metadata), artifact.name
        try:
            with failing_closed(f"logging {name!r}"), _laid_out(_pending(artifact)) as folder:
                uri = name_uri(run.project, name)
                facts = gather_facts(own, folder, self._used.get(run, ()))
                event = ModelEvent(
                    kind=EventKind.LOG, uri=uri, name=name, context={**_CONTEXT, "run": run.id}
                )
                resolved = ResolvedModel(uri=uri, path=folder, name=name, facts=facts)
                outcome = ask(event, resolved=resolved, workspace=self._workspace)
        except RefusedError as error:
            if not error.undecided or self._demands(EventKind.LOG):
                raise
            _log.warning("%s is logged, but not registered: %s", name, error.message)
            verdict = {Tag.VERDICT.value: "undecided (not-checked)", Tag.REASON.value: error.message[:256]}
            artifact.metadata = {**own, **encode_tags(verdict)}
            return None
        artifact.metadata = {**own, **encode_tags(outcome.tags())}
        return outcome

    def _promote(self, artifact: Any, given: Mapping[str, Any]) -> None:
        target, aliases = str(given["target_path"]), given.get("aliases") or ()
        with failing_closed(f"promoting {artifact.name!r}"), tempfile.TemporaryDirectory() as folder:
            if artifact.references:
                raise PlatformError(f"{artifact.name!r} only refers to files that trackio does not hold")
            inspect.unwrap(sdk.load().Artifact.download)(artifact, folder)
            context = {"link": target, "alias": ",".join(aliases)}
            self._link(self._ask(EventKind.PROMOTE, artifact, Path(folder), context), artifact)

    def _ask(
        self, kind: EventKind, artifact: Any, folder: Path, context: Mapping[str, str] | None = None
    ) -> Outcome:
        uri, name, version = _uri(artifact), artifact.source_name, artifact.source_version
        event = ModelEvent(
            kind=kind, uri=uri, name=name, version=version, context={**_CONTEXT, **(context or {})}
        )
        resolved = ResolvedModel(uri=uri, path=folder, name=name, version=version)
        return ask(event, resolved=resolved, workspace=self._workspace)

    def _link(self, outcome: Outcome, artifact: Any) -> None:
        """Record which version a model became; without, the gates go by its files."""
        found, model = outcome.fingerprint, outcome.model
        try:
            if found and model and found.bundle == model.bundle and _uri(artifact).startswith("trackio:"):
                workspace = self._workspace or process_workspace()
                workspace.link(outcome, uri=_uri(artifact), version=artifact.source_version)
        except Exception:
            _log.exception("%s is registered, but its version is not recorded", artifact.name)

    def _demands(self, kind: EventKind) -> bool:
        """Say whether a gate requires anything; one that cannot be asked does."""
        try:
            return bool((self._workspace or process_workspace()).configuration.gates[kind].requires)
        except WeightmarkError:
            return True


def _type_of(artifact: Any) -> str:
    return str(artifact.type) if isinstance(artifact, sdk.load().Artifact) else ""


def _as_artifact(given: dict[str, Any]) -> Any:
    """Make the artifact that trackio would make of a model's path; all else stays as it is."""
    path, kind, make = given["artifact_or_path"], given.get("type"), sdk.load().Artifact
    if isinstance(path, make) or not isinstance(kind, str) or not is_model(kind):
        return path
    artifact = make(name=given.get("name") or Path(path).name, type=kind)
    (artifact.add_dir if Path(path).is_dir() else artifact.add_file)(path)
    given.update({key: None for key in ("name", "type") if key in given})
    return artifact


def _uri(artifact: Any) -> str:
    """Name the version that an artifact's bytes are of.

    The numbers of a Space or a server are not this machine's: they get a scheme that is never linked.
    """
    uri = name_uri(artifact.source_project, artifact.source_name, artifact.source_version)
    return uri if artifact._remote_source is None else uri.replace("trackio:", "trackio+remote:", 1)  # noqa: SLF001


def _pending(artifact: Any) -> dict[str, Path]:
    """Give where the files lie that are about to be logged; trackio tells it nowhere in public."""
    if artifact._pending_references or not artifact._pending_files:  # noqa: SLF001
        raise PlatformError(
            f"{artifact.name!r} has no files, or refers to some elsewhere", hint="Add the files themselves."
        )
    return {path: place for place, path in artifact._pending_files}  # noqa: SLF001


@contextmanager
def _laid_out(files: Mapping[str, Path]) -> Generator[Path, None, None]:
    """Show files from several places as the one folder that they are; hard links where that is possible."""
    beside = max(files.values(), key=lambda place: place.stat().st_size).parent
    where = beside if os.access(beside, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix=".weightmark-", dir=where) as folder:
        for path, place in files.items():
            check_path(path, what="the artifact")
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(place, target, follow_symlinks=False)
            except OSError:
                shutil.copyfile(place, target)
        yield Path(folder)
