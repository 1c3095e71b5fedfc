"""What Azure Event Grid sends about Azure ML, in its own schema or as CloudEvents 1.0.

Event Grid signs nothing. It proves itself by a secret that the subscription was given: a parameter ``code``
in the address, which the handshake brings too, or a static delivery header. It repeats a delivery for a day
with the event's first time, so an event may be as old as the receiver remembers deliveries, and no older.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from typing import Final

from weightmark.encoding import Json, decode, parse_time
from weightmark.errors import ExpiredError, MalformedError, SignatureError
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind
from weightmark_adapters.azureml.uri import Place, asset_uri, parse_uri, version_uri
from weightmark_hooks.webhook.inbox import KEEP_SECONDS
from weightmark_hooks.webhook.source import TOLERANCE_SECONDS, Delivery, Message, Reply, Source

HEADER: Final = "x-weightmark-secret"
"""The delivery header that may hold the secret; its name is ours to choose."""

PARAMETER: Final = "code"
"""The parameter in the address that may hold the secret."""

MAX_AGE_SECONDS: Final = KEEP_SECONDS - TOLERANCE_SECONDS

_MAX_EVENTS: Final = 1000
_MAX_MODELS: Final = 100
_VALIDATION: Final = "microsoft.eventgrid.subscriptionvalidationevent"
_REGISTERED: Final = "microsoft.machinelearningservices.modelregistered"
_DEPLOYED: Final = "microsoft.machinelearningservices.modeldeployed"
_ID: Final = re.compile(r"[\x21-\x7e]{1,200}")
_HOST: Final = re.compile(r"[A-Za-z0-9.*-]{1,253}")
_RATE: Final = re.compile(r"[0-9]{1,9}")
_FINE: Final = re.compile(r"(\.[0-9]{6})[0-9]{1,6}")
"""Event Grid writes a ten-millionth of a second, which is finer than is read here."""

_CODE: Final = re.compile(r"[A-Za-z0-9-]{1,200}")


class EventGridSource(Source):
    """Azure ML's events, by Event Grid."""

    platform = "azureml"
    methods = ("POST", "OPTIONS")

    def greet(self, message: Message) -> Reply | None:
        """Answer the handshakes of both schemas, if they bring the secret.

        Source: Azure Event Grid, "Endpoint validation"; CloudEvents 1.0, "HTTP 1.1 Web Hooks", section 4.
        """
        self._authenticate(message)
        if message.method == "OPTIONS":
            return _allow(message.headers)
        for event in _read_events(message.body):
            if _kind(event) == _VALIDATION:
                code = _text(_data(event), "validationcode")
                if not _CODE.fullmatch(code):
                    raise MalformedError("the handshake brings no validation code")
                return Reply(body={"validationResponse": code})
        return None

    def read(self, message: Message, now: float) -> Delivery:
        """Check the secret and the time; a new version is registered, what a service runs is deployed.

        Source: Azure Event Grid, "Azure Machine Learning as an Event Grid source".
        """
        self._authenticate(message)
        events = list(_read_events(message.body))
        found: list[ModelEvent] = []
        identifiers: list[str] = []
        for event in events:
            identifiers.append(_identifier(event))
            _check_time(event, now)
            found += _translate(event)
        return Delivery(id=_joined(identifiers), events=tuple(found))

    def _authenticate(self, message: Message) -> None:
        given = [
            text.encode()
            for text in (message.query.get(PARAMETER, ""), message.headers.get(HEADER, ""))
            if text
        ]
        if not any([hmac.compare_digest(one, secret) for one in given for secret in self._secrets]):  # noqa: C419  all of them, in the same time
            raise SignatureError(
                "the delivery does not bring the subscription's secret",
                hint=f"Put it into the address as {PARAMETER}=…, or into the delivery header {HEADER}.",
            )


def _allow(headers: Mapping[str, str]) -> Reply:
    origin = headers.get("webhook-request-origin", "")
    if not _HOST.fullmatch(origin):
        raise MalformedError("the handshake names no origin")
    rate = headers.get("webhook-request-rate", "")
    return Reply(
        headers={
            "WebHook-Allowed-Origin": origin,
            "WebHook-Allowed-Rate": rate if _RATE.fullmatch(rate) else "*",
            "Allow": "POST, OPTIONS",
        }
    )


def _read_events(body: bytes) -> Iterator[dict[str, Json]]:
    value = decode(body, what="the delivery")
    events = value if isinstance(value, list) else [value]
    if len(events) > _MAX_EVENTS:
        raise MalformedError(f"the delivery has {len(events)} events, more than {_MAX_EVENTS}")
    for event in events:
        if not isinstance(event, dict):
            raise MalformedError("the delivery holds something that is no event")
        yield _folded(event)


def _folded(value: Mapping[str, Json]) -> dict[str, Json]:
    """Write keys in lower case: Event Grid's documents say ModelName, its libraries modelName."""
    return {key.lower(): item for key, item in value.items()}


def _kind(event: Mapping[str, Json]) -> str:
    return (_text(event, "type") or _text(event, "eventtype")).lower()


def _data(event: Mapping[str, Json]) -> dict[str, Json]:
    data = event.get("data")
    return _folded(data) if isinstance(data, dict) else {}


def _text(values: Mapping[str, Json], key: str) -> str:
    value = values.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def _identifier(event: Mapping[str, Json]) -> str:
    identifier = _text(event, "id")
    if not _ID.fullmatch(identifier):
        raise MalformedError("an event has no identifier")
    return identifier


def _joined(identifiers: list[str]) -> str:
    """Name a delivery: by its event, or by all of them when it is a batch."""
    if len(identifiers) == 1:
        return identifiers[0]
    return f"batch-{hashlib.sha256(chr(10).join(sorted(identifiers)).encode()).hexdigest()}"


def _check_time(event: Mapping[str, Json], now: float) -> None:
    stated = _text(event, "time") or _text(event, "eventtime")
    age = now - parse_time(_FINE.sub(r"\1", stated), what="the event's time").timestamp()
    if age > MAX_AGE_SECONDS or age < -TOLERANCE_SECONDS:
        raise ExpiredError(
            f"the event's time, {stated}, is older than a day or lies ahead of ours",
            hint="Set this machine's clock; back-fill what was missed with `weightmark sync`.",
        )


def _translate(event: Mapping[str, Json]) -> Iterator[ModelEvent]:
    kind, data = _kind(event), _data(event)
    if kind == _REGISTERED:
        name, version = _text(data, "modelname"), _text(data, "modelversion")
        yield _event(EventKind.REGISTER, version_uri(_place(event), name, version), {})
    elif kind == _DEPLOYED:
        place, service = _place(event), _text(data, "servicename")
        for model in _models(data.get("modelids")):
            yield _event(EventKind.DEPLOY, asset_uri(model, place), {"endpoint": service} if service else {})


def _event(kind: EventKind, uri: str, context: Mapping[str, str]) -> ModelEvent:
    parsed = parse_uri(uri)
    if not parsed.version:
        raise MalformedError(f"the event names no version of a model: {uri[:200]!r}")
    context = {"platform": "azureml", "delivered": "eventgrid", **context}
    return ModelEvent(kind=kind, uri=uri, name=parsed.name, version=parsed.version, context=context)


def _place(event: Mapping[str, Json]) -> Place:
    """Read which workspace an event is from: its topic, or its source."""
    topic = _text(event, "source") or _text(event, "topic")
    place = parse_uri(f"azureml:{topic}").place
    if place is None:
        raise MalformedError(f"the event names no workspace: {topic[:200]!r}")
    return place


def _models(value: Json) -> list[str]:
    names = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    found = [name.strip() for name in names if isinstance(name, str) and name.strip()]
    if len(found) > _MAX_MODELS:
        raise MalformedError(f"the event names {len(found)} models, more than {_MAX_MODELS}")
    return found
