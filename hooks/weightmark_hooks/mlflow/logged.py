"""The gate for logging: a model is judged when MLflow calls it ready, which is after its files are safe.

What is refused stays where it was logged, with the reason among its tags; whoever logged it gets the error,
so that nothing that follows in the same call happens, such as its registration. The default gate asks for
nothing, and then nothing is read.

Not promised: anything about files that are logged as a run's artifacts and never called a model.
"""

import functools
import logging
from collections.abc import Callable
from typing import Any, Final

from weightmark.attribution import write_verdict
from weightmark.errors import RefusedError
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind
from weightmark.workspace import failing_closed, process_workspace
from weightmark.workspace.asking import refusal_of
from weightmark_adapters.mlflow import MlflowRegistry, sdk
from weightmark_hooks.mlflow.request import asking_user
from weightmark_hooks.mlflow.verdict import refusing

_READY: Final = "READY"
_STORES: Final = (
    ("mlflow.store.tracking.sqlalchemy_store", "SqlAlchemyStore"),
    ("mlflow.store.tracking.file_store", "FileStore"),
)
_log = logging.getLogger(__name__)


def guard_client(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the call by which MLflow's client says that a logged model is ready, or that it failed."""

    @functools.wraps(original)
    def finalize_logged_model(client: Any, model_id: str, status: Any, *args: Any, **kwargs: Any) -> Any:
        model = original(client, model_id, status, *args, **kwargs)
        if str(status) == _READY:
            check_logged(MlflowRegistry(tracking_uri=str(client.tracking_uri)), model)
        return model

    return finalize_logged_model


def guard_server(registry: MlflowRegistry) -> None:
    """Let the tracking stores of the MLflow server that this process is ask too; once is enough.

    Args:
        registry: finds the bytes of what was logged.
    """
    for module, name in _STORES:
        store = getattr(sdk.load(module), name)
        original = store.finalize_logged_model
        if not hasattr(original, "weightmark"):
            store.finalize_logged_model = _asking_store(original, registry)


def check_logged(registry: MlflowRegistry, model: Any) -> None:
    """Judge a logged model whose files are uploaded, and write what came of it to its tags.

    Args:
        registry: finds its bytes.
        model: MLflow's own entity.

    Raises:
        MlflowException: the gate for logging refuses, or could not be asked; the model stays.
    """
    uri = f"models:/{model.model_id}"
    try:
        with failing_closed(f"to log {uri}"):
            if not process_workspace().configuration.gates[EventKind.LOG].requires:
                return
            tags, refusal = _judge(registry, uri, str(model.name or ""))
    except RefusedError as error:
        tags, refusal = write_verdict("undecided (not checked)", error.message), error
    try:
        registry.tell_logged_model(uri, tags)
    except Exception:
        _log.exception("the logged model %r has no tags of ours", uri)
    if refusal is not None:
        with refusing(f"logging {uri!r}"):
            raise refusal


def _judge(registry: MlflowRegistry, uri: str, name: str) -> tuple[dict[str, str], RefusedError | None]:
    with registry.checkout(uri) as resolved:
        event = ModelEvent(
            kind=EventKind.LOG, uri=uri, name=name, actor=asking_user(), context={"platform": "mlflow"}
        )
        outcome = process_workspace().handle(event, resolved=resolved)
    return outcome.tags(), None if outcome.allowed else refusal_of(outcome)


def _asking_store(original: Callable[..., Any], registry: MlflowRegistry) -> Callable[..., Any]:
    @functools.wraps(original)
    def finalize_logged_model(store: Any, model_id: str, status: Any, *args: Any, **kwargs: Any) -> Any:
        model = original(store, model_id, status, *args, **kwargs)
        if str(status) == _READY:
            check_logged(registry, model)
        return model

    finalize_logged_model.weightmark = True  # type: ignore[attr-defined]
    return finalize_logged_model
