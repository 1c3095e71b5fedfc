"""Loads from the Hub: what was registered must be what came, before anybody reads it.

A file is checked on its own, against the registered manifest, for a model is mostly loaded without its
other files. Not promised: anything about a file that is changed between the check and the reading.
"""

import logging
import os
import re
import threading
from pathlib import Path
from typing import Any, Final

from weightmark.attribution import is_beside
from weightmark.encoding import Algorithm, Digest
from weightmark.errors import Failure, MalformedError, PlatformError, RefusedError
from weightmark.fingerprinting import fingerprint_artifact
from weightmark.index import RegisteredModel
from weightmark.licensing import Action
from weightmark.model import Artifact, ModelManifest, TensorSpan
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind
from weightmark.workspace import Outcome, Workspace, failing_closed, manifest_of, process_workspace
from weightmark.workspace.asking import refusal_of
from weightmark.workspace.deciding import READING, ask_licence, pass_gate
from weightmark.workspace.lineage import works_of
from weightmark_adapters.huggingface import HuggingfaceRegistry, sdk
from weightmark_adapters.huggingface.uri import SHA, model_uri

_log = logging.getLogger(__name__)
_SNAPSHOT: Final = re.compile(r"(?:^|/)snapshots/([0-9a-f]{40})(?:/|$)")
_lock: Final = threading.Lock()
_seen: Final[dict[tuple[object, ...], None]] = {}
_pinned: Final[dict[str, str]] = {}
_MAX_SEEN: Final = 100_000
_MAX_VERSIONS: Final = 1000


class LoadRefusedError(RefusedError, OSError):
    """A load is refused; an ``OSError`` too, which transformers passes on as it is, with its reason."""


def forget() -> None:
    """Forget what was checked in this process."""
    with _lock:
        _seen.clear()
        _pinned.clear()


def check_file(repo: str, path: str, file: Path, sha: str) -> None:
    """Check one file of a revision; a model that nobody registered passes.

    Args:
        repo: ``organisation/model``.
        path: the file's path there.
        file: where it lies here.
        sha: the commit that it came from.

    Raises:
        LoadRefusedError: it is not the registered file, the gate asks for more, or it could not be checked.
    """
    try:
        _check(repo, path, file, sha)
    except RefusedError as error:
        raise LoadRefusedError(error.message, undecided=error.undecided, hint=error.hint) from error


def _check(repo: str, path: str, file: Path, sha: str) -> None:
    with failing_closed(f"to load {path} of hf://{repo}"):
        if is_beside(path, file):
            return
        if not SHA.fullmatch(sha):
            _require_unknown(process_workspace(), repo, path)
            return
        status = Path(os.path.realpath(file)).stat()
        identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        key = (repo, sha, path, *identity)
        with _lock:
            if key in _seen:
                return
        outcome = _judge(process_workspace(), repo, path, file, sha)
    if outcome is not None and not outcome.allowed:
        raise refusal_of(outcome)
    with _lock:
        if len(_seen) >= _MAX_SEEN:
            _seen.clear()
        _seen[key] = None


def _require_unknown(workspace: Workspace, repo: str, path: str) -> None:
    """Let a file pass of which no commit is known, unless its model is registered.

    Raises:
        RefusedError: it is, and the gate asks for something.
    """
    if not workspace.configuration.gates[EventKind.LOAD].requires:
        return
    workspace.resources.catch_up()
    if workspace.resources.index.find(repo) is not None:
        raise RefusedError(
            f"Weightmark cannot tell, so it refuses to load {path} of hf://{repo}: it was changed here after"
            " its download, or nothing says which commit it came from",
            undecided=True,
            hint="Remove the file, then download it again.",
        )


def check_folder(repo: str, folder: Path, sha: str) -> None:
    """Check every file of a snapshot's folder, as ``check_file``.

    Raises:
        LoadRefusedError: one of them is not the registered file.
    """
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        check_file(repo, file.relative_to(folder).as_posix(), file, sha)


def commit_of(path: Path, file: str, local_dir: str | os.PathLike[str] | None) -> str:
    """Give the commit that a downloaded file came from; empty when nothing says it."""
    if local_dir is None:
        found = _SNAPSHOT.search(path.as_posix())
        return found.group(1) if found else ""
    notes: Any = sdk.load("huggingface_hub._local_folder")
    note = notes.read_download_metadata(Path(local_dir), file)
    return "" if note is None else str(note.commit_hash)


def _judge(workspace: Workspace, repo: str, path: str, file: Path, sha: str) -> Outcome | None:
    """Judge one file; None when the gate asks for nothing."""
    gate = workspace.configuration.gates[EventKind.LOAD]
    if not gate.requires:
        return None
    resources, uri = workspace.resources, model_uri(repo, sha)
    try:
        model = _registered(workspace, repo, uri)
        failures = (
            ()
            if model is None or not gate.requires & READING
            else _check_against(workspace, model, path, file)
        )
    except PlatformError as error:
        _log.warning("%s is not known to be registered, and the Hub was not asked: %s", uri, error.message)
        model, failures = _fitting(workspace, repo, path, file)
    works = () if model is None else works_of(resources.index, model)
    event = ModelEvent(kind=EventKind.LOAD, uri=uri, name=repo, version=sha, context={"file": path})
    licence = ask_licence(resources, works, Action.LOAD, workspace.clock())
    decision = pass_gate(gate, event, model, licence, failures)
    return Outcome(
        event=event,
        decision=decision,
        preview=decision,
        model=model,
        works=works,
        fingerprint=None,
        receipt=None,
        origin=resources.ledger.origin,
    )


def _registered(workspace: Workspace, repo: str, uri: str) -> RegisteredModel | None:
    """Find what a commit stands for; one that only wrote our own note stands for the one before it."""
    resources = workspace.resources
    resources.catch_up()
    model = resources.index.at(uri)
    if model is not None:
        return model
    if resources.index.find(repo) is None and not resources.index.below(f"{model_uri(repo)}@", 1):
        return None
    with _lock:
        pinned = _pinned.get(uri)
    if pinned is None:
        pinned = HuggingfaceRegistry().pin(uri)
        with _lock:
            _pinned[uri] = pinned
    return resources.index.at(pinned)


def _fitting(
    workspace: Workspace, repo: str, path: str, file: Path
) -> tuple[RegisteredModel | None, tuple[Failure, ...]]:
    """Find a registered version of a repository that has just this file, when the commit cannot be placed.

    Returns:
        The version; when there are some and none has the file, the newest, and that the file is another. None
        when the repository has none.
    """
    versions = workspace.resources.index.below(f"{model_uri(repo)}@", _MAX_VERSIONS)
    roots: dict[object, Digest | None] = {}
    for model in versions:
        manifest = manifest_of(workspace.resources, model)
        if manifest is not None and not _compare(manifest, path, file, roots):
            return model, ()
    found = versions[0] if versions else workspace.resources.index.find(repo)
    return found, () if found is None else (Failure(path=path, reason="of no registered version"),)


def _check_against(
    workspace: Workspace, model: RegisteredModel, path: str, file: Path
) -> tuple[Failure, ...]:
    return _compare(manifest_of(workspace.resources, model), path, file, {})


def _compare(
    manifest: ModelManifest | None, path: str, file: Path, roots: dict[object, Digest | None]
) -> tuple[Failure, ...]:
    """Compare a file with a manifest; roots that were computed already are not computed again."""
    if manifest is None:
        return (Failure(path=path, reason="cannot be checked: the store has no manifest"),)
    entry = next((one for one in manifest.files if one.path == path), None)
    if entry is None:
        return (Failure(path=path, reason="unexpected"),)
    name = path.rsplit("/", 1)[-1]
    spans = tuple(
        TensorSpan(
            name=tensor.name,
            dtype=tensor.dtype,
            shape=tensor.shape,
            path=name,
            start=tensor.start,
            stop=tensor.stop,
        )
        for tensor in manifest.tensors
        if tensor.path == path and not tensor.layout
    )
    changed = (Failure(path=path, reason="changed"),)
    if Path(os.path.realpath(file)).stat().st_size != entry.size:
        return changed
    plan = (manifest.algorithm, frozenset((span.start, span.stop) for span in spans))
    if plan not in roots:
        roots[plan] = _root_of(file, spans, manifest.algorithm)
    return () if roots[plan] == entry.root else changed


def _root_of(file: Path, spans: tuple[TensorSpan, ...], algorithm: Algorithm) -> Digest | None:
    try:
        found = fingerprint_artifact(Artifact.open(file), spans, algorithm=algorithm)
    except MalformedError as error:
        _log.warning("%s cannot be read: %s", file, error.message)
        return None
    return found.manifest.files[0].root
