"""What MLflow's webhooks send, and their signature: HMAC-SHA256 over delivery id, time and body."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

from weightmark.encoding import Record, decode
from weightmark.errors import ExpiredError, SignatureError
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind
from weightmark_hooks.webhook.source import TOLERANCE_SECONDS, Delivery, Message, Source

_MAX_SIGNATURES: Final = 8
_TIME: Final = re.compile(r"[0-9]{1,12}")
_ID: Final = re.compile(r"[\x21-\x7e]{1,200}")
_KINDS: Final = {
    ("model_version", "created"): EventKind.REGISTER,
    ("model_version_alias", "created"): EventKind.PROMOTE,
}
_EXAMPLE: Final = "example_model"
_EXAMPLE_SOURCE: Final = "models:/123"


class MlflowSource(Source):
    """MLflow's webhooks, from version 3.3."""

    platform = "mlflow"

    def read(self, message: Message, now: float) -> Delivery:
        """Check the signature and the time; a version that was made is registered, an alias is a promotion.

        Source: MLflow 3.3, webhooks, "Webhook payloads" and "Webhook security".
        """
        delivery = self._check(message, now)
        event = _read_event(message.body)
        return Delivery(id=delivery, events=() if event is None else (event,))

    def _check(self, message: Message, now: float) -> str:
        delivery = message.headers.get("x-mlflow-delivery-id", "")
        time = message.headers.get("x-mlflow-timestamp", "")
        if not _ID.fullmatch(delivery) or not _TIME.fullmatch(time):
            raise SignatureError("the delivery's identifier or time is missing or malformed")
        signed = f"{delivery}.{time}.".encode() + message.body
        found = [value for value in map(_decode, _signatures(message.headers)) if value]
        expected = [hmac.new(secret, signed, hashlib.sha256).digest() for secret in self._secrets]
        if not any([hmac.compare_digest(one, other) for one in expected for other in found]):  # noqa: C419  all of them, in the same time
            raise SignatureError("the delivery is not signed with the webhook's secret")
        if abs(now - int(time)) > TOLERANCE_SECONDS:
            raise ExpiredError(
                f"the delivery's time is more than {TOLERANCE_SECONDS} seconds from ours",
                hint="Set the clocks of both machines.",
            )
        return delivery


def _read_event(body: bytes) -> ModelEvent | None:
    """Read a message; None for a test delivery and for everything that needs no answer."""
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


def _signatures(headers: Mapping[str, str]) -> list[str]:
    return headers.get("x-mlflow-signature", "").split(" ")[:_MAX_SIGNATURES]


def _decode(signature: str) -> bytes:
    version, _, value = signature.partition(",")
    try:
        return base64.b64decode(value, validate=True) if version == "v1" else b""
    except (binascii.Error, ValueError):
        return b""
