"""Posts JSON when something is refused, or a watch found something changed.

``WEIGHTMARK_NOTIFY_URL`` says where, ``WEIGHTMARK_NOTIFY_SECRET`` signs it as Standard Webhooks does:
HMAC-SHA256 over identifier, time and body. The receiver checks ``webhook-signature`` with the same secret,
and that ``webhook-timestamp`` is recent.

Not promised: delivery. What fails is repeated for seconds, then left alone for a minute; the log says so.

Source: Standard Webhooks 1.0.0, "Signature scheme".
"""

import base64
import binascii
import hashlib
import hmac
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final

from weightmark.encoding import Json, encode
from weightmark.errors import MalformedError, MissingExtraError, PlatformError
from weightmark.hookspecs import hookimpl
from weightmark.model.event import ModelEvent
from weightmark.ports import Observer
from weightmark_plugins.observers.news import Rest, headline, is_news

if TYPE_CHECKING:
    import httpx

URL: Final = "WEIGHTMARK_NOTIFY_URL"
SECRET: Final = "WEIGHTMARK_NOTIFY_SECRET"  # noqa: S105 - the variable's name
TIMEOUT_SECONDS: Final = 2.0
ATTEMPTS: Final = 3
_PREFIX: Final = "whsec_"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    url: str = field(repr=False)
    secret: bytes = field(repr=False)
    host: str


class WebhookObserver(Observer):
    """One request for each refusal and each change that a watch found; nothing else is sent."""

    name: ClassVar[str] = "webhook"
    first_wait_seconds: ClassVar[float] = 0.2
    """Before the second attempt; the waits grow."""

    def __init__(self) -> None:
        self._rest = Rest()

    def notice(self, event: ModelEvent, outcome: Mapping[str, Json]) -> None:
        """Send the request, and again under the same identifier when it fails in a way that may pass.

        Raises:
            MalformedError: a setting is missing or not what it should be.
            MissingExtraError: httpx is not installed.
            PlatformError: the receiver could not be reached, or refused.
        """
        if not is_news(event, outcome) or not self._rest.is_over:
            return
        try:
            import httpx
            from tenacity import Retrying, retry_if_exception, stop_after_attempt
            from tenacity.wait import wait_exponential, wait_random
        except ModuleNotFoundError as error:
            raise MissingExtraError("notify") from error
        settings, first = _read_settings(os.environ), self.first_wait_seconds
        body, identifier = encode(_message(event, outcome)), f"msg_{uuid.uuid4().hex}"
        retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, PlatformError) and error.retryable),
            wait=wait_exponential(multiplier=first, max=1.0) + wait_random(0, first),
            stop=stop_after_attempt(ATTEMPTS),
            reraise=True,
        )
        with (
            self._rest.trying(),
            httpx.HTTPTransport(trust_env=False) as transport,
        ):
            retrying(_post, transport, settings, identifier, body)


def _post(transport: "httpx.HTTPTransport", settings: _Settings, identifier: str, body: bytes) -> None:
    """Send it by the transport alone: a client of httpx writes the whole address to the log."""
    import httpx

    moment = str(int(time.time()))
    headers = {
        "content-type": "application/json",
        "webhook-id": identifier,
        "webhook-timestamp": moment,
        "webhook-signature": sign(settings.secret, identifier, moment, body),
    }
    try:
        extensions = {"timeout": httpx.Timeout(TIMEOUT_SECONDS).as_dict()}
        request = httpx.Request("POST", settings.url, content=body, headers=headers, extensions=extensions)
        if request.url.userinfo:
            request = next(
                httpx.BasicAuth(request.url.username, request.url.password).sync_auth_flow(request)
            )
        answer = transport.handle_request(request)
        answer.close()
        status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # The address may hold a secret, so it is not repeated.
        raise PlatformError(
            f"{settings.host} could not be told: {type(error).__name__}", retryable=True
        ) from None
    if not httpx.codes.is_success(status):
        busy = status == httpx.codes.TOO_MANY_REQUESTS.value or httpx.codes.is_server_error(status)
        raise PlatformError(f"{settings.host} answered {status}", retryable=busy)


def sign(secret: bytes, identifier: str, moment: str, body: bytes) -> str:
    """Sign a message as Standard Webhooks does.

    >>> sign(b"secret", "msg_1", "1700000000", b"{}")[:3]
    'v1,'
    """
    signed = f"{identifier}.{moment}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def _message(event: ModelEvent, outcome: Mapping[str, Json]) -> dict[str, Json]:
    told: dict[str, Json] = {
        "kind": event.kind.value,
        "uri": event.uri,
        "name": event.name,
        "version": event.version,
        "actor": event.actor,
        "context": dict(event.context),
    }
    kind = "watch.changed" if event.context.get("watch") else "event.refused"
    return {"type": kind, "headline": headline(event, outcome), "event": told, "outcome": dict(outcome)}


def _read_settings(environ: Mapping[str, str]) -> _Settings:
    from urllib.parse import urlsplit

    missing = [name for name in (URL, SECRET) if not environ.get(name)]
    if missing:
        raise MalformedError(f"nobody can be told: {', '.join(missing)} is not set")
    try:
        parts = urlsplit(environ[URL])
        host = parts.hostname if parts.scheme in {"http", "https"} else None
    except ValueError:
        host = None
    if not host:
        raise MalformedError(f"{URL} must begin with https:// or http:// and name a host")
    return _Settings(url=environ[URL], secret=_read_secret(environ[SECRET]), host=host)


def _read_secret(text: str) -> bytes:
    """Read a secret: Base64 after ``whsec_``, as Standard Webhooks writes it; else the text itself."""
    if not text.startswith(_PREFIX):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError(f"{SECRET} begins with {_PREFIX}, but no Base64 follows") from None


@hookimpl
def weightmark_observers() -> list[type[Observer]]:
    """Offer the webhook observer."""
    return [WebhookObserver]
