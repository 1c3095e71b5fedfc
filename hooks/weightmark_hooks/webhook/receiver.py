"""The receiver: one ASGI application for all platforms, each at ``/hooks/`` and its name."""

import logging
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from importlib import import_module
from typing import Final, cast

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from weightmark.errors import MalformedError, PlatformError, VerificationError, WeightmarkError
from weightmark.workspace import Outcome, Workspace
from weightmark_hooks.webhook.inbox import Claim, Inbox
from weightmark_hooks.webhook.source import SECRET, Delivery, Message, Source

MAX_BODY: Final = 1 << 20
"""A larger delivery (1 MiB) is refused unread."""

SOURCES: Final = (("mlflow", "MlflowSource"),)
"""The modules of this package that read a platform's deliveries, and their classes."""

_log = logging.getLogger(__name__)


class Receiver:
    """Takes deliveries of all platforms, each once.

    Args:
        sources: the platforms.
        inbox: remembers what was handled.
        workspace: handles events; None to open the process's own when the first event comes.
        clock: gives seconds since 1970 UTC.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        inbox: Inbox,
        *,
        workspace: Workspace | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.sources = tuple(sources)
        self._inbox = inbox
        self._workspace = workspace
        self._clock = clock
        self._lock = threading.Lock()

    def endpoint(self, source: Source) -> Callable[[Request], Awaitable[Response]]:
        """Give what answers the requests of one platform.

        It answers 200 handled, ignored or handled before; 400 not a message; 401 not the platform's, or too
        old; 413 too large; 422 can never be handled; 503 not handled, send it again.
        """

        async def answer(request: Request) -> Response:
            body = await _read(request)
            if body is None:
                return _answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too large")
            message = Message(
                method=request.method, headers=request.headers, query=dict(request.query_params), body=body
            )
            try:
                if (greeting := source.greet(message)) is not None:
                    return JSONResponse(dict(greeting.body), headers=dict(greeting.headers))
                delivery = source.read(message, self._clock())
            except VerificationError as error:
                _log.warning("a delivery to %s was refused: %s", source.platform, error.message)
                return _answer(HTTPStatus.UNAUTHORIZED, "refused")
            except MalformedError as error:
                _log.warning("a delivery to %s could not be read: %s", source.platform, error.message)
                return _answer(HTTPStatus.BAD_REQUEST, "malformed")
            if not delivery.events:
                return _answer(HTTPStatus.OK, "ignored")
            return await run_in_threadpool(self._take, f"{source.platform}:{delivery.id}", delivery)

        return answer

    def _take(self, key: str, delivery: Delivery) -> Response:
        try:
            claim = self._inbox.claim(key, self._clock())
        except Exception:
            _log.exception("the inbox cannot be used")
            return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "failed")
        if claim is Claim.DONE:
            return _answer(HTTPStatus.OK, "already handled")
        if claim is Claim.BUSY:
            return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "in progress")
        try:
            outcomes = [self._open().follow(event) for event in delivery.events]
            self._inbox.finish(key)
        except Exception as error:
            self._inbox.release(key)
            return _failed(delivery, error)
        return _answer(HTTPStatus.OK, "handled", allowed=all(map(_is_allowed, outcomes)))

    def _open(self) -> Workspace:
        with self._lock:
            if self._workspace is None:
                self._workspace = Workspace.open()
            return self._workspace


def create_app(receiver: Receiver | None = None) -> Starlette:
    """Make the application.

    Args:
        receiver: what answers; None for one with the secrets of the environment and an inbox in the
            workspace's home folder.

    Raises:
        MalformedError: the environment has no secret, or a setting is malformed.
    """
    if receiver is None:
        from weightmark.workspace import Configuration

        receiver = Receiver(open_sources(), Inbox(Configuration.load().home / "webhook.db"))
    hooks = [
        Route(f"/hooks/{source.platform}", receiver.endpoint(source), methods=list(source.methods))
        for source in receiver.sources
    ]
    return Starlette(routes=[*hooks, Route("/health", _healthy, methods=["GET"])])


def open_sources() -> list[Source]:
    """Give every platform for which the environment holds a secret.

    Raises:
        MalformedError: there is none.
    """
    opened: list[Source] = []
    for module, name in SOURCES:
        cls = cast("type[Source]", getattr(import_module(f"weightmark_hooks.webhook.{module}"), name))
        source = cls.from_environment()
        if source is not None:
            opened.append(source)
    if not opened:
        raise MalformedError(
            "the receiver has no secret, so it could not tell a platform from anybody else",
            hint=f"Set {SECRET}_MLFLOW (or another platform's), or {SECRET}_MLFLOW_FILE, to the secret that"
            " was given to the platform.",
        )
    return opened


def _is_allowed(outcome: Outcome) -> bool:
    return outcome.allowed


def _failed(delivery: Delivery, error: Exception) -> Response:
    """Say whether sending it again can help; what cannot be foreseen may."""
    kinds = ", ".join(f"{event.kind.value} of {event.uri!r}" for event in delivery.events)
    message = error.message if isinstance(error, WeightmarkError) else type(error).__name__
    _log.warning("%s failed: %s", kinds, message, exc_info=not isinstance(error, WeightmarkError))
    final = isinstance(error, (MalformedError, VerificationError)) or (
        isinstance(error, PlatformError) and not error.retryable
    )
    status = HTTPStatus.UNPROCESSABLE_ENTITY if final else HTTPStatus.SERVICE_UNAVAILABLE
    return _answer(status, "failed")


async def _healthy(_request: Request) -> JSONResponse:
    return _answer(HTTPStatus.OK, "ready")


async def _read(request: Request) -> bytes | None:
    """Read the body; None when it is too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return None
    return bytes(body)


def _answer(status: HTTPStatus, word: str, **more: bool) -> JSONResponse:
    return JSONResponse({"status": word, **more}, status_code=status)
