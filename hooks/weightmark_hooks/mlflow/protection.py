"""Guards MLflow in this process, whatever tracking server it is told to use later.

Not promised: that nobody gets around it; it holds those who mean well. To hold everybody, guard the server.
"""

import functools
import os
import threading
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Final

from weightmark.errors import PlatformError
from weightmark.vocabulary import HOOKS
from weightmark_adapters.mlflow import sdk
from weightmark_adapters.mlflow.uri import GUARD
from weightmark_hooks.mlflow.store import guarded_store

_NAME: Final = "mlflow"
_GROUP: Final = "mlflow.model_registry_store"
_FOLDERS: Final = frozenset({"", "file"})
_lock: Final = threading.Lock()
_undo: Final[list[Callable[[], object]]] = []


def protect(registry_uri: str | None = None) -> str:
    """Guard MLflow for this process and those it starts; called again, it changes nothing.

    From now on every registry store that MLflow opens has the guard in front, also for a server that is named
    later, and every model that MLflow downloads to load it is checked first.

    Args:
        registry_uri: a registry to use from now on; None to go by what MLflow is told, now and later.

    Returns:
        The guarded URI of the registry that MLflow would use now.

    Raises:
        PlatformError: this kind of registry cannot be guarded.
        MissingExtraError: MLflow is not installed.

    >>> import weightmark_hooks.mlflow
    >>> weightmark_hooks.mlflow.protect("sqlite:///mlflow.db")   # doctest: +SKIP
    'weightmark+sqlite:///mlflow.db'
    """
    mlflow = sdk.load()
    uri = GUARD + (registry_uri or str(mlflow.get_registry_uri())).removeprefix(GUARD)
    _require_guardable(uri.removeprefix(GUARD))
    with _lock:
        if not _undo:
            _install()
        if registry_uri is not None:
            _use(mlflow, uri)
    return uri


def unprotect() -> None:
    """Take away what ``protect`` put in; does nothing when it put in nothing."""
    with _lock:
        while _undo:
            _undo.pop()()


def is_protected() -> bool:
    """Say whether ``protect`` stands in this process."""
    return bool(_undo)


def _install() -> None:
    registry = sdk.load("mlflow.tracking._model_registry.registry").ModelRegistryStoreRegistry
    models = sdk.load("mlflow.store.artifact.models_artifact_repo").ModelsArtifactRepository
    runs = sdk.load("mlflow.store.artifact.runs_artifact_repo").RunsArtifactRepository
    forget = registry._get_store_with_resolved_uri.cache_clear  # noqa: SLF001 - else stores made before stay
    _undo.append(forget)
    _replace(registry, "get_store_builder", _guard_builder)
    tracking = sdk.load("mlflow.tracking._tracking_service.client").TrackingServiceClient
    _replace(models, "download_artifacts", _guard_lazily("load", "guard_models"))
    _replace(runs, "download_artifacts", _guard_lazily("load", "guard_runs"))
    _replace(tracking, "finalize_logged_model", _guard_lazily("logged", "guard_client"))
    _inherit()
    forget()


def _guard_lazily(module: str, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Wrap a call by a guard that is imported when the first one happens."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.cache
        def guarded() -> Callable[..., Any]:
            guards = import_module(f"weightmark_hooks.mlflow.{module}")
            made: Callable[..., Any] = getattr(guards, name)(original)
            return made

        @functools.wraps(original)
        def asking(*args: Any, **kwargs: Any) -> Any:
            return guarded()(*args, **kwargs)

        return asking

    return wrap


def _guard_builder(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the choice of a registry store by its URI, the one place that all of MLflow goes through."""

    @functools.wraps(original)
    def get_store_builder(registry: Any, store_uri: str) -> Any:
        if store_uri.startswith(GUARD):
            return original(registry, store_uri)

        def build(store_uri: str, tracking_uri: str | None = None) -> Any:
            _require_guardable(store_uri)
            return guarded_store(GUARD + store_uri, tracking_uri)

        return build

    return get_store_builder


def _require_guardable(uri: str) -> None:
    scheme = uri.split(":", 1)[0] if ":" in uri else ""
    known = sorted(
        entry.name.removeprefix(GUARD) for entry in entry_points(group=_GROUP) if entry.name.startswith(GUARD)
    )
    if scheme not in {*known, *_FOLDERS}:
        raise PlatformError(
            f"a registry at {scheme!r} cannot be guarded",
            hint=f"Use one of: {', '.join(known)}; or take mlflow out of {HOOKS}.",
        )


def _replace(owner: Any, name: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    own = name in vars(owner)
    original = getattr(owner, name)
    setattr(owner, name, wrap(original))
    _undo.append(lambda: setattr(owner, name, original) if own else delattr(owner, name))


def _inherit() -> None:
    """Let processes that this one starts be guarded too."""
    before = os.environ.get(HOOKS)
    names = [name.strip() for name in (before or "").split(",") if name.strip()]
    if _NAME in (name.lower() for name in names):
        return
    os.environ[HOOKS] = ",".join([*names, _NAME])
    _undo.append(lambda: _restore(HOOKS, before))


def _use(mlflow: Any, uri: str) -> None:
    module, variable = sdk.load("mlflow.tracking._model_registry.utils"), "MLFLOW_REGISTRY_URI"
    before, inherited = module._registry_uri, os.environ.get(variable)  # noqa: SLF001 - to put it back
    if before == uri:
        return
    mlflow.set_registry_uri(uri)

    def put_back() -> None:
        module._registry_uri = before  # noqa: SLF001 - as above
        _restore(variable, inherited)

    _undo.append(put_back)


def _restore(variable: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(variable, None)
    else:
        os.environ[variable] = value
