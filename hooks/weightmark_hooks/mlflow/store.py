"""MLflow's own registry stores with the guard in front, chosen as MLflow chooses them."""

import functools
import os
from importlib.metadata import entry_points
from typing import Any, Final

from weightmark.errors import PlatformError
from weightmark_adapters.mlflow import MlflowRegistry, sdk
from weightmark_adapters.mlflow.registry import GUARD
from weightmark_hooks.mlflow.guard import StoreCallback

_READ_REPLICA: Final = "_MLFLOW_SERVER_READ_REPLICA_BACKEND_STORE"
_GROUP: Final = "mlflow.model_registry_store"


def guarded_store(store_uri: str, tracking_uri: str | None = None) -> Any:
    """Make the registry store that MLflow would make for the bare URI, with the guard in front.

    MLflow calls this for the URI schemes under its entry points ``mlflow.model_registry_store``.

    Args:
        store_uri: ``weightmark+`` and the URI of a database or of a tracking server.
        tracking_uri: where runs and logged models are; None for what MLflow's client was told.

    Returns:
        An instance of a subclass of MLflow's own store.

    Raises:
        ValueError: the URI does not begin with ``weightmark+``.
        MissingExtraError: MLflow is not installed.
    """
    if not store_uri.startswith(GUARD):
        raise ValueError(f"{store_uri.split(':', 1)[0]!r} must begin with {GUARD!r}")
    bare = store_uri.removeprefix(GUARD)
    store = _open_rest(bare) if bare.startswith(("http://", "https://")) else _open_database(bare)
    store.weightmark_registry = MlflowRegistry(tracking_uri=tracking_uri, registry_uri=bare)
    return store


def protect(registry_uri: str | None = None) -> str:
    """Guard the model registry for this process and those it starts; called again, it changes nothing.

    The check runs in this process, so it holds those who mean well; to hold everybody, guard the server.

    Args:
        registry_uri: the registry; None for the one that MLflow uses now.

    Returns:
        The guarded URI that MLflow uses from now on.

    Raises:
        PlatformError: this kind of registry cannot be guarded.
        MissingExtraError: MLflow is not installed.

    >>> import weightmark_hooks.mlflow
    >>> weightmark_hooks.mlflow.protect("sqlite:///mlflow.db")   # doctest: +SKIP
    'weightmark+sqlite:///mlflow.db'
    """
    mlflow = sdk.load()
    uri = GUARD + (registry_uri or str(mlflow.get_registry_uri())).removeprefix(GUARD)
    scheme = uri.split(":", 1)[0]
    known = sorted(entry.name for entry in entry_points(group=_GROUP) if entry.name.startswith(GUARD))
    if scheme not in known:
        bare = scheme.removeprefix(GUARD)
        raise PlatformError(
            f"a registry at {bare!r} cannot be guarded",
            hint=f"Use one of: {', '.join(name.removeprefix(GUARD) for name in known)}.",
        )
    mlflow.set_registry_uri(uri)
    return uri


def _open_rest(uri: str) -> Any:
    rest = sdk.load("mlflow.store.model_registry.rest_store")
    credentials = sdk.load("mlflow.utils.credentials")
    return _guarded(rest.RestStore)(functools.partial(credentials.get_default_host_creds, uri))


def _open_database(uri: str) -> Any:
    environment = sdk.load("mlflow.environment_variables")
    workspaces = getattr(environment, "MLFLOW_ENABLE_WORKSPACES", None)
    if workspaces is not None and workspaces.get():
        base = sdk.load(
            "mlflow.store.model_registry.sqlalchemy_workspace_store"
        ).WorkspaceAwareSqlAlchemyStore
    else:
        base = sdk.load("mlflow.store.model_registry.sqlalchemy_store").SqlAlchemyStore
    replica = os.environ.get(_READ_REPLICA)
    return _guarded(base)(uri, read_db_uri=replica) if replica else _guarded(base)(uri)


@functools.cache
def _guarded(base: type) -> Any:
    """Subclass, not wrap: MLflow asks its stores what they are."""
    return type(f"Guarded{base.__name__}", (StoreCallback, base), {"__module__": __name__})
