"""The gate for loading: what leaves MLflow must be what was registered.

In a client it stands where MLflow has downloaded a model, and so before any flavour reads it. On a server it
stands where the address of a version's bytes is given away.

Not promised: anything about a part of a model that is downloaded by itself, or about ``load_model`` of a path
or an artifact URI, which name no model.
"""

import functools
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

from weightmark.model.event import ModelEvent
from weightmark.ports import ResolvedModel
from weightmark.vocabulary import EventKind
from weightmark.workspace import Requirement, ask, process_workspace
from weightmark_adapters.mlflow import MlflowRegistry, sdk
from weightmark_adapters.mlflow.registry import OWN_FILES
from weightmark_adapters.mlflow.uri import parse_uri, version_uri
from weightmark_hooks.mlflow.request import asking_user
from weightmark_hooks.mlflow.tag import is_prompt
from weightmark_hooks.mlflow.verdict import refusing

REMEMBER_SECONDS: Final = 5.0
"""For so long a server remembers that it found a version whole: one load asks several times."""

_CONTEXT: Final = {"platform": "mlflow"}
_UNCHANGED: Final = frozenset({Requirement.UNCHANGED})
_whole: Final[dict[tuple[str, str, str], float]] = {}
_lock: Final = threading.Lock()
_inside: Final = threading.local()


def check_served(registry: MlflowRegistry, version: Any, source: str) -> None:
    """Check a version whose address a server is about to give away.

    Args:
        registry: finds its bytes.
        version: MLflow's own entity.
        source: where the bytes are.

    Raises:
        MlflowException: the gate for loading refuses, or could not be asked.
    """
    if is_prompt(version.tags, version.source):
        return
    uri = version_uri(str(version.name), str(version.version))
    with refusing(f"loading {uri!r}"):
        key, now = (uri, source, asking_user()), time.monotonic()
        if not _requires() or _is_remembered(key, now):
            return
        with registry.checkout(source) as resolved:
            ask(_event(uri, source), resolved=resolved)
        with _lock:
            _whole[key] = now


def check_loaded(uri: str, path: str) -> None:
    """Check what was downloaded, before anything reads it.

    Args:
        uri: the URI that was to be loaded.
        path: where it lies now.

    Raises:
        MlflowException: the gate for loading refuses, or could not be asked.
    """
    with refusing(f"loading {uri!r}"):
        requires = _requires()
        folder = Path(path)
        if not requires or not folder.is_dir():
            return
        exact = MlflowRegistry().pin(uri)
        named = parse_uri(exact)
        if not named.version and (requires <= _UNCHANGED or not (folder / "MLmodel").is_file()):
            return  # nobody registered it, so there is nothing that it could differ from
        resolved = ResolvedModel(
            uri=exact, path=folder, name=named.name, version=named.version, ignore=OWN_FILES
        )
        ask(_event(exact, ""), resolved=resolved)


def guard_models(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the download of ``models:/`` URIs."""

    @functools.wraps(original)
    def download_artifacts(repository: Any, artifact_path: Any, *args: Any, **kwargs: Any) -> Any:
        path = original(repository, artifact_path, *args, **kwargs)
        if not artifact_path and not _is_nested():
            logged = not getattr(repository, "model_version", None)
            uri = (
                str(repository.artifact_uri)
                if logged
                else version_uri(str(repository.model_name), str(repository.model_version))
            )
            check_loaded(uri, str(path))
        return path

    return download_artifacts


def guard_runs(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the download of ``runs:/`` URIs; MLflow hides what is raised inside, so it asks at the end."""

    @functools.wraps(original)
    def download_artifacts(repository: Any, artifact_path: Any, *args: Any, **kwargs: Any) -> Any:
        with _nested() if not _is_nested() else nullcontext():
            path = original(repository, artifact_path, *args, **kwargs)
        if artifact_path and not _is_nested():
            check_loaded(f"{str(repository.artifact_uri).rstrip('/')}/{artifact_path}", str(path))
        return path

    return download_artifacts


class _nested:  # noqa: N801 - reads as a word of the language
    """Marks that a download is part of another, in this thread."""

    def __enter__(self) -> None:
        _inside.deep = True

    def __exit__(self, *_error: object) -> None:
        _inside.deep = False


def _is_nested() -> bool:
    return sdk.is_speaking() or getattr(_inside, "deep", False)


def _requires() -> frozenset[Requirement]:
    return process_workspace().configuration.gates[EventKind.LOAD].requires


def _event(uri: str, source: str) -> ModelEvent:
    named = parse_uri(uri)
    return ModelEvent(
        kind=EventKind.LOAD,
        uri=uri,
        source=source,
        name=named.name,
        version=named.version,
        actor=asking_user(),
        context=_CONTEXT,
    )


def _is_remembered(key: tuple[str, str, str], now: float) -> bool:
    with _lock:
        for old in [old for old, at in _whole.items() if now - at > REMEMBER_SECONDS]:
            del _whole[old]
        return key in _whole
