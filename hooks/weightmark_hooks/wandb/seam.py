"""Where the library is taken hold of: its public methods, wrapped; put back by ``unprotect``.

``Artifact.finalize`` is called by every way to log, online and offline, before anything is sent.
"""

import atexit
import functools
import inspect
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from weightmark.errors import RefusedError
from weightmark.workspace import Workspace
from weightmark.workspace.configuration import Configuration
from weightmark_adapters.wandb import sdk
from weightmark_hooks.wandb import syncing
from weightmark_hooks.wandb.choice import Choice
from weightmark_hooks.wandb.guard import ArtifactGuard, tell

WAIT_SECONDS: Final = 600
"""How long the end of a process waits for versions to get their numbers."""

_log = logging.getLogger(__name__)
_lock = threading.Lock()
_replaced: Final[list[tuple[Any, str, Any]]] = []
_guards: Final[list[ArtifactGuard]] = []

_LOGGING: Final = ("log_artifact", "log_model", "upsert_artifact", "finish_artifact", "link_model")
_ENDING: Final = ("finish", "__exit__")


def protect(workspace: Workspace | None = None, *, choice: Choice | None = None) -> None:
    """Guard the artifacts of this process; called again, it changes nothing.

    The check runs in this process, so it holds those who mean well; an automation tells of the rest.

    Args:
        workspace: who is asked; None for the process's own, opened when the first model is logged.
        choice: which types and aliases are guarded; None for what the environment says.

    Raises:
        MalformedError: a setting is not what it should be.
        MissingExtraError: the library is not installed.
    """
    with _lock:
        if _replaced:
            return
        if workspace is None:
            Configuration.load()
        guard = ArtifactGuard(choice or Choice.from_environment(), workspace)
        wandb = sdk.load()
        _guards.append(guard)
        for name, wrap in _ARTIFACT.items():
            _replace(wandb.Artifact, name, wrap, guard)
        for name in _LOGGING:
            _replace(wandb.Run, name, _log_through, guard)
        for name in _ENDING:
            _replace(wandb.Run, name, _end, guard)
        _replace(wandb.Run, "use_artifact", _use, guard)
        _replace(sdk.load("wandb.apis.public").Run, "log_artifact", _log_again, guard)
        _rebind(wandb)
        syncing.install(guard)


def unprotect() -> None:
    """Put the library's own methods back."""
    with _lock:
        while _replaced:
            owner, name, original = _replaced.pop()
            setattr(owner, name, original)
        _rebind(sdk.load())
        while _guards:
            atexit.unregister(_settle)
            syncing.remove()
            _guards.pop()


def _replace(owner: Any, name: str, wrap: Callable[..., Any], guard: ArtifactGuard) -> None:
    original = getattr(owner, name, None)
    if original is None:
        return

    @functools.wraps(original)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        return wrap(guard, original, self, *args, **kwargs)

    _replaced.append((owner, name, original))
    setattr(owner, name, wrapped)


def _rebind(wandb: Any) -> None:
    """Let the library's own names, such as ``wandb.log_artifact``, lead a run that began before here too."""
    for name in (*_LOGGING, *_ENDING, "use_artifact"):
        bound: Any = getattr(wandb, name, None)
        if isinstance(getattr(bound, "__self__", None), wandb.Run):
            setattr(wandb, name, getattr(bound.__self__, name))


def _finalize(guard: ArtifactGuard, original: Any, artifact: Any) -> Any:
    if artifact.is_draft() and guard.concerns(artifact) and guard.memory.see(artifact):
        try:
            guard.log(artifact, guard.memory.note(artifact, sdk.load().run))
        except BaseException:
            guard.memory.forget(artifact)
            raise
        _settle_at_exit(guard)
    return original(artifact)


def _wait(guard: ArtifactGuard, original: Any, artifact: Any, *args: Any, **kwargs: Any) -> Any:
    answer = original(artifact, *args, **kwargs)
    guard.settle(artifact)
    return answer


def _save(guard: ArtifactGuard, original: Any, artifact: Any, *args: Any, **kwargs: Any) -> Any:
    if not artifact.is_draft() and guard.concerns(artifact):
        held = set(getattr(artifact, "_saved_aliases", ()))
        new = guard.choice.promoting(alias for alias in artifact.aliases if alias not in held)
        if new:
            guard.promote(artifact, {"alias": ",".join(new)})
    return original(artifact, *args, **kwargs)


def _link(guard: ArtifactGuard, original: Any, artifact: Any, *args: Any, **kwargs: Any) -> Any:
    if guard.concerns(artifact):
        given = inspect.signature(original).bind(artifact, *args, **kwargs).arguments
        if artifact.is_draft():
            _commit(artifact)
        aliases = given.get("aliases") or ()
        guard.promote(artifact, {"link": str(given["target_path"]), "alias": ",".join(aliases)})
    return original(artifact, *args, **kwargs)


def _commit(artifact: Any) -> None:
    """Have a draft logged, as linking it would."""
    not_logged = sdk.load("wandb.sdk.artifacts.exceptions").ArtifactNotLoggedError
    try:
        artifact.wait()
    except not_logged:
        artifact.save()
        artifact.wait()


def _download(guard: ArtifactGuard, original: Any, artifact: Any, *args: Any, **kwargs: Any) -> Any:
    path = original(artifact, *args, **kwargs)
    if guard.concerns(artifact):
        given = inspect.signature(original).bind(artifact, *args, **kwargs).arguments
        partial = given.get("path_prefix") or given.get("allow_missing_references")
        guard.load(artifact, Path(path), partial=bool(partial))
    return path


def _file(guard: ArtifactGuard, original: Any, artifact: Any, *args: Any, **kwargs: Any) -> Any:
    path = original(artifact, *args, **kwargs)
    if guard.concerns(artifact):
        (entry,) = artifact.manifest.entries
        guard.load(artifact, Path(str(path).removesuffix(str(entry))))
    return path


def _use(guard: ArtifactGuard, original: Any, run: Any, *args: Any, **kwargs: Any) -> Any:
    with guard.memory.logging_to(run):
        artifact = original(run, *args, **kwargs)
    if not sdk.is_speaking():
        try:
            guard.memory.use(run, artifact)
        except Exception:
            _log.exception("what the run used is not known; the server's own record is asked later")
    return artifact


def _log_through(guard: ArtifactGuard, original: Any, run: Any, *args: Any, **kwargs: Any) -> Any:
    """Log without the aliases that promote, unless the model may be promoted."""
    bound = inspect.signature(original).bind(run, *args, **kwargs)
    promoting = guard.choice.promoting(bound.arguments.get("aliases") or ())
    with guard.memory.logging_to(run) as call:
        if not promoting or original.__name__ == "link_model":
            return original(run, *args, **kwargs)
        given = list(bound.arguments.values())[1]
        if isinstance(given, sdk.load().Artifact):
            return _log_artifact(guard, original, given, bound, promoting)
        if not guard.choice.guards(
            "model" if original.__name__ == "log_model" else bound.arguments.get("type") or ""
        ):
            return original(run, *args, **kwargs)
        bound.arguments["aliases"] = [one for one in bound.arguments["aliases"] if one not in promoting]
        answer = original(*bound.args, **bound.kwargs)
        _name_later(call.artifact, run, promoting)
        return answer


def _log_artifact(
    guard: ArtifactGuard, original: Any, artifact: Any, bound: Any, promoting: list[str]
) -> Any:
    if not guard.concerns(artifact):
        return original(*bound.args, **bound.kwargs)
    if not artifact.is_draft():
        guard.promote(artifact, {"alias": ",".join(promoting)})
        return original(*bound.args, **bound.kwargs)
    artifact.finalize()
    try:
        guard.promote_files(artifact, bound.args[0], promoting)
    except RefusedError as error:
        bound.arguments["aliases"] = [one for one in bound.arguments["aliases"] if one not in promoting]
        original(*bound.args, **bound.kwargs)
        tell(f"{artifact.name} is logged without the alias {', '.join(promoting)}")
        raise error from None
    return original(*bound.args, **bound.kwargs)


def _log_again(
    guard: ArtifactGuard, original: Any, run: Any, artifact: Any, *args: Any, **kwargs: Any
) -> Any:
    """Let the public client's run name a version that is logged already, through the gate."""
    bound = inspect.signature(original).bind(run, artifact, *args, **kwargs)
    promoting = guard.choice.promoting(bound.arguments.get("aliases") or ())
    if promoting and guard.concerns(artifact):
        guard.promote(artifact, {"alias": ",".join(promoting)})
    return original(*bound.args, **bound.kwargs)


def _name_later(artifact: Any, run: Any, promoting: list[str]) -> None:
    """Give aliases to what was logged from a path, through the gate.

    Raises:
        RefusedError: it may not be promoted, or that cannot be known.
    """
    if artifact is None or run.offline:
        raise RefusedError(
            f"what is logged offline from a path cannot be promoted; {', '.join(promoting)} is not set",
            undecided=True,
            hint="Make a wandb.Artifact of the files and pass that to log_artifact.",
        )
    artifact.wait()
    artifact.aliases.extend(promoting)
    artifact.save()


def _end(guard: ArtifactGuard, original: Any, run: Any, *args: Any, **kwargs: Any) -> Any:
    answer = original(run, *args, **kwargs)
    _settle(guard, run)
    return answer


def _settle_at_exit(guard: ArtifactGuard) -> None:
    """Settle before the library ends its runs: what is registered last runs first."""
    atexit.unregister(_settle)
    atexit.register(_settle, guard)


def _settle(guard: ArtifactGuard, run: Any = None) -> None:
    """Wait for what was logged and record its numbers; what fails is left to `weightmark sync`."""
    for artifact in guard.memory.waiting(run):
        try:
            artifact.wait(timeout=WAIT_SECONDS)
        except Exception as error:
            _log.debug("%s has no number yet: %s", artifact.name, error)
        guard.memory.take(artifact)


_ARTIFACT: Final[dict[str, Callable[..., Any]]] = {
    "finalize": _finalize,
    "wait": _wait,
    "save": _save,
    "link": _link,
    "download": _download,
    "file": _file,
}
