"""What the Hub's webhooks send. Their secret comes as it is, in a header; nothing is signed, nothing dated.

So a replay cannot be told from a repetition: both are one delivery, known by what it says and taken once.
"""

import hashlib
import hmac
import re
from typing import Final

from weightmark.encoding import Record, decode
from weightmark.errors import MalformedError, SignatureError
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind
from weightmark_hooks.webhook.source import Delivery, Message, Source

_NAME: Final = re.compile(r"(?!\.)[\w.-]{1,96}/(?!\.)[\w.-]{1,96}", re.ASCII)
_SHA: Final = re.compile(r"[0-9a-f]{40}")
_DEFAULT_BRANCH: Final = "refs/heads/main"
_GONE: Final = "0" * 40


class HuggingfaceSource(Source):
    """The Hub's webhooks, version 3.

    A new commit on the default branch of a model is a registration. A commit that wrote Weightmark's own note
    is one too: the registry leads it back to the commit before, which is known, so that it ends there.
    """

    platform = "huggingface"

    def read(self, message: Message, now: float) -> Delivery:
        """Check the secret; a new commit of a model is registered.

        Source: Hugging Face Hub, webhooks, "Webhook payload" and "Webhook secret".
        """
        del now
        given = message.headers.get("x-webhook-secret", "").encode()
        held = [hmac.compare_digest(given, secret) for secret in self._secrets]
        if not any(held):
            raise SignatureError("the delivery does not have the webhook's secret")
        body = Record(decode(message.body, what="the delivery"), "the delivery")
        event, repo = body.record("event"), body.record("repo")
        scope, action = event.text("scope"), event.text("action")
        webhook = body.record("webhook").text("id", "") if body.has("webhook") else ""
        if repo.text("type") != "model" or scope.partition(".")[0] != "repo" or action not in _ACTIONS:
            return Delivery(id=_id(webhook, "", scope, action))
        name = repo.text("name")
        if not _NAME.fullmatch(name):
            raise MalformedError(f"the delivery is about {name[:80]!r}, which is no model's name")
        sha = _new_head(body) if scope != "repo.config" else ""
        delivery = _id(webhook, f"{name}@{sha}", scope, action)
        if not sha:
            return Delivery(id=delivery)
        context = {"platform": "huggingface", "delivered": "webhook"}
        found = ModelEvent(
            kind=EventKind.REGISTER, uri=f"hf://{name}@{sha}", name=name, version=sha, context=context
        )
        return Delivery(id=delivery, events=(found,))


_ACTIONS: Final = frozenset({"create", "update"})


def _new_head(body: Record) -> str:
    """Give the commit that the default branch points at now; empty when that is not what changed."""
    for ref in body.records("updatedRefs", required=False):
        if ref.text("ref") == _DEFAULT_BRANCH:
            sha = ref.optional_text("newSha")
            if sha is None or sha == _GONE:
                return ""
            if not _SHA.fullmatch(sha):
                raise MalformedError(f"the delivery names the commit {sha[:80]!r}")
            return sha
    return ""


def _id(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
