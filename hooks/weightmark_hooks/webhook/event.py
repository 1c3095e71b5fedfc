"""MLflow's webhook messages, turned into events."""

from typing import Final

from weightmark.encoding import Record, decode
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind

_KINDS: Final = {
    ("model_version", "created"): EventKind.REGISTER,
    ("model_version_alias", "created"): EventKind.PROMOTE,
}
_EXAMPLE: Final = "example_model"
"""The name in the deliveries that MLflow's ``test_webhook`` sends."""

_EXAMPLE_SOURCE: Final = "models:/123"


def read_event(body: bytes) -> ModelEvent | None:
    """Read a message.

    Args:
        body: JSON: ``entity``, ``action``, ``timestamp`` and ``data``.

    Returns:
        A registration or a promotion; None for a test delivery and for everything that needs no answer.

    Raises:
        MalformedError: it is not a message of MLflow's.

    Source: MLflow 3.3, webhooks, "Webhook payloads".
    """
    message = Record(decode(body, what="the delivery"), "the delivery")
    entity, action = message.text("entity"), message.text("action")
    data = message.record("data")
    kind = _KINDS.get((entity, action))
    if kind is None or _is_test(data):
        return None
    name, version = data.text("name"), data.text("version")
    context = {"platform": "mlflow", "delivered": "webhook"}
    if kind is EventKind.PROMOTE:
        context["alias"] = data.text("alias")
    return ModelEvent(kind=kind, uri=f"models:/{name}/{version}", name=name, version=version, context=context)


def _is_test(data: Record) -> bool:
    example = data.text("name") == _EXAMPLE
    return example and data.text("source", "") in {"", _EXAMPLE_SOURCE}
