"""Where trackio is taken hold of: its public methods, wrapped; put back by ``unprotect``."""

import functools
import threading
from collections.abc import Callable
from typing import Any, Final

from weightmark.workspace import Workspace
from weightmark.workspace.configuration import Configuration
from weightmark_adapters.trackio import sdk
from weightmark_hooks.trackio.guard import TrackioGuard

_lock = threading.Lock()
_replaced: Final[list[tuple[Any, str, Any]]] = []


def protect(workspace: Workspace | None = None) -> None:
    """Guard the artifacts of this process; called again, it changes nothing.

    Args:
        workspace: who is asked; None for the process's own, opened when the first model is logged.

    Raises:
        MalformedError: a setting is not what it should be.
        MissingExtraError: trackio is not installed.
    """
    with _lock:
        if _replaced:
            return
        if workspace is None:
            Configuration.load()
        guard, run, artifact = TrackioGuard(workspace), sdk.load("trackio.run").Run, sdk.load().Artifact
        for owner, name, wrap in (
            (run, "log_artifact", guard.log),
            (run, "link_artifact", guard.link),
            (run, "use_artifact", guard.use),
            (artifact, "link", guard.link),
            (artifact, "download", guard.download),
        ):
            original = getattr(owner, name)
            _replaced.append((owner, name, original))
            setattr(owner, name, _wrapped(original, wrap))


def unprotect() -> None:
    """Put trackio's own methods back."""
    with _lock:
        while _replaced:
            owner, name, original = _replaced.pop()
            setattr(owner, name, original)


def _wrapped(original: Callable[..., Any], wrap: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return wrap(original, *args, **kwargs)

    return wrapped
