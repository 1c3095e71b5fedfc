"""The receiver itself: an ASGI application with one address, ``POST /hooks/mlflow``."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from weightmark.errors import MalformedError, VerificationError, WeightmarkError
from weightmark.model.card import split_names
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import Fact, Tag
from weightmark.workspace import Outcome, Workspace
from weightmark_adapters.mlflow import MlflowRegistry
from weightmark_hooks.webhook.event import read_event
from weightmark_hooks.webhook.inbox import Claim, Inbox
from weightmark_hooks.webhook.signature import check_delivery, read_secrets

MAX_BODY: Final = 1 << 20
"""A larger delivery (1 MiB) is refused unread."""

_log = logging.getLogger(__name__)


class MlflowReceiver:
    """Takes MLflow's deliveries, each once.

    Args:
        secrets: the webhook's secrets; a delivery signed with any of them is taken.
        inbox: remembers what was handled.
        workspace: handles events; None to open the process's own when the first event comes.
        registry: finds and tags models; None for the one that MLflow's client was told.
        clock: gives seconds since 1970 UTC.
    """

    def __init__(
        self,
        *,
        secrets: Sequence[bytes],
        inbox: Inbox,
        workspace: Workspace | None = None,
        registry: MlflowRegistry | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._secrets = tuple(secrets)
        self._inbox = inbox
        self._workspace = workspace
        self._registry = registry or MlflowRegistry()
        self._clock = clock
        self._lock = threading.Lock()

    async def receive(self, request: Request) -> JSONResponse:
        """Answer one delivery.

        Returns:
            200 handled, ignored or handled before; 400 not a message; 401 not MLflow's, or too old;
            413 too large; 503 not handled, send it again.
        """
        body = await _read(request)
        if body is None:
            return _answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too large")
        try:
            delivery = check_delivery(request.headers, body, secrets=self._secrets, now=self._clock())
            event = read_event(body)
        except VerificationError as error:
            _log.warning("a delivery was refused: %s", error.message)
            return _answer(HTTPStatus.UNAUTHORIZED, "refused")
        except MalformedError as error:
            _log.warning("a delivery could not be read: %s", error.message)
            return _answer(HTTPStatus.BAD_REQUEST, "malformed")
        if event is None:
            return _answer(HTTPStatus.OK, "ignored")
        return await run_in_threadpool(self._take, delivery, event)

    def _take(self, delivery: str, event: ModelEvent) -> JSONResponse:
        try:
            claim = self._inbox.claim(delivery, self._clock())
        except Exception:
            _log.exception("the inbox cannot be used")
            return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "failed")
        if claim is Claim.DONE:
            return _answer(HTTPStatus.OK, "already handled")
        if claim is Claim.BUSY:
            return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "in progress")
        try:
            outcome = self._handle(event)
            self._inbox.finish(delivery)
        except Exception as error:
            message = error.message if isinstance(error, WeightmarkError) else type(error).__name__
            unforeseen = not isinstance(error, WeightmarkError)
            _log.warning("%s of %r failed: %s", event.kind.value, event.uri, message, exc_info=unforeseen)
            self._inbox.release(delivery)
            return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "failed")
        return _answer(HTTPStatus.OK, "handled", allowed=outcome.allowed)

    def _handle(self, event: ModelEvent) -> Outcome:
        """Take the workspace's road and write the verdict to the version's tags.

        Our tags come back as ``model_version_tag`` deliveries, which are ignored: nothing goes in circles.
        """
        with self._registry.checkout(event.uri) as resolved:
            facts = resolved.facts
            event = replace(
                event,
                license=facts.get(Fact.LICENSE),
                owner=facts.get(Fact.OWNER),
                base_models=tuple(
                    self._registry.pin(base) if base.startswith("models:/") else base
                    for base in split_names(facts.get(Fact.BASE_MODEL, ""))
                ),
            )
            outcome = self._open().handle(event, resolved=resolved)
        tags = outcome.tags()
        if not outcome.allowed:
            _log.warning("%s of %r is not allowed: %s", event.kind.value, event.uri, outcome.refusal())
            verdict = f"{outcome.decision.outcome.value} ({outcome.decision.code.value})"
            tags |= {Tag.VERDICT.value: verdict, Tag.REASON.value: outcome.refusal()}
        self._registry.annotate(event.uri, tags)
        return outcome

    def _open(self) -> Workspace:
        with self._lock:
            if self._workspace is None:
                self._workspace = Workspace.open()
            return self._workspace


def create_app(receiver: MlflowReceiver | None = None) -> Starlette:
    """Make the application.

    Args:
        receiver: what answers; None for one with the secrets of the environment and an inbox in the
            workspace's home folder.

    Raises:
        MalformedError: the environment has no secret, or a setting is malformed.
    """
    if receiver is None:
        from weightmark.workspace import Configuration

        secrets = read_secrets()
        receiver = MlflowReceiver(secrets=secrets, inbox=Inbox(Configuration.load().home / "webhook.db"))
    return Starlette(
        routes=[
            Route("/hooks/mlflow", receiver.receive, methods=["POST"]),
            Route("/health", _healthy, methods=["GET"]),
        ]
    )


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
