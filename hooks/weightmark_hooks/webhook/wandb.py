"""What automations of Weights & Biases send: a body of one's own making, signed with HMAC-SHA256 over it.

The protocol has neither a time nor a delivery's identifier, so a message cannot be too old. That does no
harm: a message carries no verdict, it only makes us look at what is there now. The same body within a few
seconds is the same delivery; after that it is looked at again, since an alias that was taken away may have
been set anew.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from weightmark.encoding import Record, decode
from weightmark.errors import MalformedError, SignatureError
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind
from weightmark_adapters.wandb.uri import parse_uri
from weightmark_hooks.webhook.source import Delivery, Message, Source

PAYLOAD: Final = json.dumps(
    {
        "event_type": "${event_type}",
        "event_author": "${event_author}",
        "alias": "${alias}",
        "artifact_version": "${artifact_version_string}",
        "collection": "${artifact_collection_name}",
        "project": "${project_name}",
        "entity": "${entity_name}",
    },
    indent=2,
)
"""The payload that an automation must have; Weights & Biases fills in the variables."""

SAME_SECONDS: Final = 10
"""So long the same alias or link, set again, counts as the same delivery."""

_KINDS: Final = {
    "CREATE_ARTIFACT": EventKind.REGISTER,
    "CREATE_ARTIFACT_VERSION": EventKind.REGISTER,
    "ADD_ARTIFACT_ALIAS": EventKind.PROMOTE,
    "LINK_ARTIFACT": EventKind.PROMOTE,
    "LINK_MODEL": EventKind.PROMOTE,
}
_FREE: Final = re.compile(r"latest|v\d{1,9}")
_BEARER: Final = "bearer "


class WandbSource(Source):
    """Automations of Weights & Biases, with the payload ``PAYLOAD``."""

    platform = "wandb"

    def read(self, message: Message, now: float) -> Delivery:
        """Check the signature, or the token when there is none; then say what it means.

        Source: Weights & Biases, "Create a webhook automation".
        """
        self._check(message)
        event = _read_event(message.body)
        identifier = hashlib.sha256(message.body).hexdigest()
        if event is not None and event.kind is EventKind.PROMOTE:
            identifier += f"-{int(now) // SAME_SECONDS}"
        return Delivery(id=identifier, events=() if event is None else (event,))

    def _check(self, message: Message) -> None:
        given = message.headers.get("x-wandb-signature", "")
        if given:
            found = [value for value in _decode(given) if value]
            expected = [hmac.new(secret, message.body, hashlib.sha256).digest() for secret in self._secrets]
        else:
            found = [_token(message.headers)]
            expected = list(self._secrets)
        if not any([hmac.compare_digest(one, other) for one in expected for other in found]):  # noqa: C419  all of them, in the same time
            raise SignatureError("the delivery has neither the integration's signature nor its token")


def _read_event(body: bytes) -> ModelEvent | None:
    """Read a message; None for everything that needs no answer."""
    message = Record(decode(body, what="the delivery"), "the delivery")
    event_type, alias = message.text("event_type"), message.text("alias", "")
    kind = _KINDS.get(event_type)
    if kind is None or (event_type == "ADD_ARTIFACT_ALIAS" and _FREE.fullmatch(alias)):
        return None
    uri = f"wandb://{message.text('artifact_version')}"
    parsed = parse_uri(uri)
    collection = f"{message.text('entity')}/{message.text('project')}/{message.text('collection')}"
    if collection != f"{parsed.entity}/{parsed.project}/{parsed.name}":
        raise MalformedError(f"the delivery names {uri!r} and a collection {collection!r}, which is another")
    context = {"platform": "wandb", "delivered": "automation"}
    if kind is EventKind.PROMOTE:
        context["collection"] = collection
        context["alias"] = alias if event_type == "ADD_ARTIFACT_ALIAS" else ""
    return ModelEvent(kind=kind, uri=uri, actor=message.text("event_author", ""), context=context)


def _token(headers: Mapping[str, str]) -> bytes:
    text = headers.get("authorization", "")
    return text[len(_BEARER) :].strip().encode() if text.lower().startswith(_BEARER) else b""


def _decode(signature: str) -> list[bytes]:
    """Read a signature as base64, as it is documented, or as hexadecimal, as many such tools write it."""
    text = signature.strip().removeprefix("sha256=")
    found: list[bytes] = []
    with suppress(binascii.Error, ValueError):
        found.append(base64.b64decode(text, validate=True))
    with suppress(ValueError):
        found.append(bytes.fromhex(text))
    return found
