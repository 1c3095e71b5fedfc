"""The receiver: one ASGI application for all platforms, each at ``/hooks/`` and its name.

It serves the pages of registered models too, at ``/models/`` and the fingerprint.
"""

import asyncio
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

from weightmark.encoding import printable
from weightmark.errors import MalformedError, VerificationError, WeightmarkError
from weightmark.model.event import ModelEvent
from weightmark.workspace import Configuration, Outcome, Workspace, is_lasting
from weightmark_hooks.webhook.inbox import Claim, Inbox
from weightmark_hooks.webhook.page import give_bundle, give_manifest, show_model
from weightmark_hooks.webhook.source import Delivery, Message, Source

Show = Callable[[Workspace, str], Response]

MAX_BODY: Final = 1 << 20
"""A larger delivery (1 MiB) is refused unread."""

READ_SECONDS: Final = 30.0
"""A delivery that takes longer to come is given up."""

SOURCES: Final = (
    ("mlflow", "MlflowSource"),
    ("eventbridge", "EventBridgeSource"),
    ("eventgrid", "EventGridSource"),
    ("huggingface", "HuggingfaceSource"),
    ("wandb", "WandbSource"),
)
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
        old; 408 it did not come; 413 too large; 422 can never be handled; 503 not handled, send it again.
        """

        async def answer(request: Request) -> Response:
            try:
                async with asyncio.timeout(READ_SECONDS):
                    body = await _read(request)
            except TimeoutError:
                return _answer(HTTPStatus.REQUEST_TIMEOUT, "too slow")
            if body is None:
                return _answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too large")
            message = Message(
                method=request.method, headers=request.headers, query=dict(request.query_params), body=body
            )
            delivery = self._understand(source, message)
            if isinstance(delivery, Response):
                return delivery
            return await run_in_threadpool(self._take, f"{source.platform}:{delivery.id}", delivery)

        return answer

    def _understand(self, source: Source, message: Message) -> Delivery | Response:
        """Check and read a message; an answer when there is nothing to handle."""
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
        except Exception:
            _log.exception("a delivery to %s could not be checked", source.platform)
            return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "failed")
        return delivery if delivery.events else _answer(HTTPStatus.OK, "ignored")

    def page(self, show: Show) -> Callable[[Request], Awaitable[Response]]:
        """Give what answers the requests for one kind of page about a model."""

        def write(reference: str) -> Response:
            try:
                return show(self._open(), reference)
            except WeightmarkError as error:
                _log.warning("the page of %r could not be written: %s", reference, error.message)
                return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "failed")

        async def answer(request: Request) -> Response:
            return await run_in_threadpool(write, str(request.path_params["bundle"]))

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
            workspace = self._open()
            found = [_follow(workspace, event) for event in delivery.events]
            failures = [each for each in found if isinstance(each, Exception)]
            if not failures:
                self._inbox.finish(key)
                allowed = all(each.allowed for each in found if isinstance(each, Outcome))
                return _answer(HTTPStatus.OK, "handled", allowed=allowed)
        except Exception as error:
            # What stands in the way lies with us, and once it is mended the delivery can be handled.
            _log.warning("a delivery failed: %s", _describe(error), exc_info=_unforeseen(error))
            failures = []
        self._release(key)
        lasting = bool(failures) and all(map(is_lasting, failures))
        return _answer(
            HTTPStatus.UNPROCESSABLE_ENTITY if lasting else HTTPStatus.SERVICE_UNAVAILABLE, "failed"
        )

    def _release(self, key: str) -> None:
        try:
            self._inbox.release(key)
        except Exception:
            _log.exception("the inbox cannot be used, so a delivery waits until its lease has run out")

    def _open(self) -> Workspace:
        with self._lock:
            if self._workspace is None:
                self._workspace = Workspace.open()
            return self._workspace


def create_app(receiver: Receiver | None = None) -> Starlette:
    """Make the application.

    Args:
        receiver: what answers; None for one with the secrets of the environment and an inbox in the
            workspace's home folder. A platform without a secret is not listened to.

    Raises:
        MalformedError: a setting is malformed, or a file of secrets cannot be read.
    """
    if receiver is None:
        receiver = open_receiver()
    hooks = [
        Route(f"/hooks/{source.platform}", receiver.endpoint(source), methods=list(source.methods))
        for source in receiver.sources
    ]
    shown = {"": show_model, "/bundle": give_bundle, "/manifest": give_manifest}
    pages = [
        Route(f"/models/{{bundle}}{path}", receiver.page(show), methods=["GET"])
        for path, show in shown.items()
    ]
    return Starlette(routes=[*hooks, *pages, Route("/health", _healthy, methods=["GET"])])


def open_receiver() -> Receiver:
    """Make a receiver with the secrets of the environment and an inbox in the workspace's home folder.

    Raises:
        MalformedError: a setting is malformed, or a file of secrets cannot be read.
    """
    return Receiver(open_sources(), Inbox(Configuration.load().home / "webhook.db"))


def open_sources() -> list[Source]:
    """Give every platform for which the environment holds a secret.

    Raises:
        MalformedError: a file of secrets cannot be read.
    """
    opened: list[Source] = []
    for module, name in SOURCES:
        cls = cast("type[Source]", getattr(import_module(f"weightmark_hooks.webhook.{module}"), name))
        source = cls.from_environment()
        if source is not None:
            opened.append(source)
    if not opened:
        _log.warning("no secret is set for any platform, so nothing is listened to: hooks answer 404")
    return opened


def _follow(workspace: Workspace, event: ModelEvent) -> Outcome | Exception:
    """Handle one event; what fails is given back, so that the events beside it are handled all the same."""
    try:
        return workspace.follow(event)
    except Exception as error:
        kind, reason = event.kind.value, _describe(error)
        _log.warning("%s of %r failed: %s", kind, event.uri, reason, exc_info=_unforeseen(error))
        return error


def _describe(error: Exception) -> str:
    return printable(error.message) if isinstance(error, WeightmarkError) else type(error).__name__


def _unforeseen(error: Exception) -> Exception | None:
    """Give an error whose trace is worth a log."""
    return None if isinstance(error, WeightmarkError) else error


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
