"""What EventBridge sends through an API destination: a SageMaker event, with the connection's API key.

Not promised: a signature over the body; EventBridge makes none. Whoever has the key can say anything, so the
receiver belongs behind TLS, and the key in the connection's secret and nowhere else.
"""

import hmac
import re
from datetime import UTC
from typing import ClassVar, Final

from weightmark.encoding import Record, decode
from weightmark.errors import ExpiredError, MalformedError, SignatureError
from weightmark_adapters.sagemaker.event import read_event
from weightmark_hooks.webhook.inbox import KEEP_SECONDS
from weightmark_hooks.webhook.source import TOLERANCE_SECONDS, Delivery, Message, Source

HEADER: Final = "x-api-key"
"""The header that the connection's API key is sent in."""

MAX_AGE_SECONDS: Final = KEEP_SECONDS - TOLERANCE_SECONDS
"""EventBridge repeats an event for a day; what is older than the receiver's memory could be a replay."""

_ID: Final = re.compile(r"[\x21-\x7e]{1,200}")


class EventBridgeSource(Source):
    """EventBridge's API destinations, with SageMaker's events."""

    platform: ClassVar[str] = "eventbridge"

    def read(self, message: Message, now: float) -> Delivery:
        """Check the key and the time; an event of another kind needs no answer.

        Source: Amazon EventBridge, "API destinations", "Connections", "EventBridge events".
        """
        given = message.headers.get(HEADER, "").encode("utf-8", "replace")
        if not any([hmac.compare_digest(given, secret) for secret in self._secrets]):  # noqa: C419  all of them, in the same time
            raise SignatureError("the event does not carry the connection's API key")
        event = Record(decode(message.body, what="the event"), "the event")
        delivery = event.text("id")
        if not _ID.fullmatch(delivery):
            raise MalformedError("the event's identifier is none")
        age = now - event.time("time").astimezone(UTC).timestamp()
        if age > MAX_AGE_SECONDS or age < -TOLERANCE_SECONDS:
            raise ExpiredError(
                "the event's time is a day in the past or minutes in the future",
                hint="Set this machine's clock; what was missed is registered by `weightmark sync sagemaker://`.",
            )
        told = read_event(event)
        return Delivery(id=delivery, events=() if told is None else (told,))
