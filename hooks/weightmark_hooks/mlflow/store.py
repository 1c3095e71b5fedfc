"""MLflow's own registry stores with the guard in front, chosen as MLflow chooses them.

Importing it costs next to nothing: MLflow does, in every process of an environment that has it.
"""

import functools
import os
from typing import Any, Final

_READ_REPLICA: Final = "_MLFLOW_SERVER_READ_REPLICA_BACKEND_STORE"
_REGISTRY: Final = "_MLFLOW_SERVER_REGISTRY_STORE"
_PREFIX: Final = "weightmark+"


def guarded_store(store_uri: str, tracking_uri: str | None = None) -> Any:
    """Make the registry store that MLflow would make for the bare URI, with the guard in front.

    MLflow calls this for the URI schemes under its entry points ``mlflow.model_registry_store``.

    Args:
        store_uri: ``weightmark+`` and the URI of a database, of a tracking server or of a folder.
        tracking_uri: where runs and logged models are; None for what MLflow's client was told.

    Returns:
        An instance of a subclass of MLflow's own store.

    Raises:
        ValueError: the URI does not begin with ``weightmark+``.
        MissingExtraError: MLflow is not installed.
    """
    from weightmark_adapters.mlflow import MlflowRegistry
    from weightmark_adapters.mlflow.uri import GUARD

    if not store_uri.startswith(GUARD):
        raise ValueError(f"{store_uri.split(':', 1)[0]!r} must begin with {GUARD!r}")
    bare = store_uri.removeprefix(GUARD)
    if bare.startswith(("http://", "https://")):
        store = _open_rest(bare)
    elif bare.startswith("file:") or "://" not in bare:
        store = _guarded(_class("file_store", "FileStore"))(bare)
    else:
        store = _open_database(bare)
    store.weightmark_registry = MlflowRegistry(tracking_uri=tracking_uri, registry_uri=bare)
    return store


def _class(module: str, name: str) -> type:
    from weightmark_adapters.mlflow import sdk

    found: type = getattr(sdk.load(f"mlflow.store.model_registry.{module}"), name)
    return found


def _open_rest(uri: str) -> Any:
    from weightmark_adapters.mlflow import sdk

    credentials = sdk.load("mlflow.utils.credentials")
    return _guarded(_class("rest_store", "RestStore"))(
        functools.partial(credentials.get_default_host_creds, uri)
    )


def _open_database(uri: str) -> Any:
    from weightmark_adapters.mlflow import sdk

    environment = sdk.load("mlflow.environment_variables")
    workspaces = getattr(environment, "MLFLOW_ENABLE_WORKSPACES", None)
    if workspaces is not None and workspaces.get():
        base = _class("sqlalchemy_workspace_store", "WorkspaceAwareSqlAlchemyStore")
    else:
        base = _class("sqlalchemy_store", "SqlAlchemyStore")
    replica = os.environ.get(_READ_REPLICA)
    return _guarded(base)(uri, read_db_uri=replica) if replica else _guarded(base)(uri)


def _guard_logging() -> None:
    """Guard the logging of models too, in a server whose registry is to be guarded.

    MLflow imports this module when the server starts, but opens its registry only when somebody first asks
    for it, which may be after a model was logged.
    """
    uri = os.environ.get(_REGISTRY, "")
    if uri.startswith(_PREFIX):
        from weightmark_adapters.mlflow import MlflowRegistry
        from weightmark_hooks.mlflow.logged import guard_server

        guard_server(MlflowRegistry(registry_uri=uri.removeprefix(_PREFIX)))


_guard_logging()


@functools.cache
def _guarded(base: type) -> Any:
    """Subclass, not wrap: MLflow asks its stores what they are."""
    from weightmark_hooks.mlflow.guard import StoreCallback

    return type(f"Guarded{base.__name__}", (StoreCallback, base), {"__module__": __name__})
