"""Automations end to end: made with the real library, sent by the stand-in, received by our application."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Mapping

import pytest
from starlette.applications import Starlette
from tests.integration.test_wandb_hook import register_base
from tests.integration.wandb import fixture
from tests.integration.wandb.fixture import Desk
from tests.integration.wandb.server import Delivery

from weightmark_hooks.webhook import create_app
from weightmark_hooks.webhook.inbox import Inbox
from weightmark_hooks.webhook.receiver import Receiver
from weightmark_hooks.webhook.wandb import PAYLOAD, WandbSource

server, bare = fixture.server, fixture.bare
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]

SECRET = b"the integration's secret"


class Post:
    """Carries deliveries to the application."""

    def __init__(self, desk: Desk, secrets: tuple[bytes, ...] = (b"the next one", SECRET)) -> None:
        self.now = 1_795_347_690.0
        source = WandbSource(secrets)
        inbox = Inbox(desk.folder / "inbox.db")
        receiver = Receiver([source], inbox, workspace=desk.workspace, clock=lambda: self.now)
        self.app = create_app(receiver)

    def bring(self, delivery: Delivery) -> tuple[int, str]:
        return asyncio.run(send(self.app, delivery.headers, delivery.body))


async def send(app: Starlette, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
    messages = [{"type": "http.request", "body": body, "more_body": False}]
    sent = []

    async def receive():
        return messages.pop(0)

    async def answer(message):
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/hooks/wandb",
        "raw_path": b"/hooks/wandb",
        "root_path": "",
        "query_string": b"",
        "headers": [(key.lower().encode(), value.encode()) for key, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, answer)
    return sent[0]["status"], json.loads(sent[1]["body"])["status"]


def automate(desk: Desk, name: str = "churn", registry: str = "") -> None:
    """Make the automations of the how-to page, with the library's own classes."""
    import wandb
    from wandb.automations import (
        ArtifactEvent,
        OnAddArtifactAlias,
        OnCreateArtifact,
        OnLinkArtifact,
        SendWebhook,
    )

    if not desk.server.world.integrations:
        values = {"name": "weightmark", "urlEndpoint": "https://receiver.example.org/hooks/wandb"}
        desk.server.schema.create_integration(values)
    api = wandb.Api()
    webhook = next(one for one in api.webhook_integrations(entity="acme") if one.name == "weightmark")
    action = SendWebhook.from_integration(webhook, payload=json.loads(PAYLOAD))
    collection = api.artifact_collection("model", f"acme/{desk.project}/{name}")
    promoted = ArtifactEvent.alias.matches_regex("^prod")
    api.create_automation(OnCreateArtifact(scope=collection) >> action, name=f"register {desk.project}")
    api.create_automation(
        OnAddArtifactAlias(scope=collection, filter=promoted) >> action, name=f"promote {desk.project}"
    )
    if registry:
        place = api.artifact_collection("model", f"acme-org/wandb-registry-model/{registry}")
        api.create_automation(OnLinkArtifact(scope=place) >> action, name=f"link {desk.project}")
    desk.server.deliveries()


def set_alias(desk: Desk, name: str, alias: str) -> None:
    import wandb

    artifact = wandb.Api().artifact(f"acme/{desk.project}/{name}")
    artifact.aliases.append(alias)
    artifact.save()


def test_a_version_is_registered_and_a_refused_alias_is_taken_away(bare: Desk) -> None:
    desk, post = bare, Post(bare)
    desk.log(desk.model("first", 0.5))
    automate(desk)
    desk.server.deliveries()
    base = desk.model("base", 2.0)
    register_base(desk, base, "cc-by-nc-4.0")
    name = desk.log(base)
    (created,) = desk.server.deliveries()
    assert post.bring(created) == (200, "handled")
    assert post.bring(created) == (200, "already handled")
    assert desk.metadata(name)["weightmark_owner"] == "openlab"
    set_alias(desk, name, "production")
    (promoted,) = desk.server.deliveries()
    assert json.loads(promoted.body)["artifact_version"].endswith(":production")
    assert post.bring(promoted) == (200, "handled")
    assert "production" not in desk.aliases(name)
    assert "NC" in desk.metadata(name)["weightmark_reason"].upper()


def test_an_alias_set_again_is_judged_again(bare: Desk) -> None:
    desk, post = bare, Post(bare)
    base = desk.model("base", 2.0)
    register_base(desk, base, "cc-by-nc-4.0")
    name = desk.log(base)
    automate(desk)
    for _ in range(2):
        set_alias(desk, name, "production")
        (promoted,) = desk.server.deliveries()
        assert post.bring(promoted) == (200, "handled")
        assert "production" not in desk.aliases(name)
        post.now += 60


def test_an_allowed_promotion_stays_and_comes_before_its_registration(bare: Desk) -> None:
    desk, post = bare, Post(bare)
    desk.log(desk.model("first", 0.5))
    automate(desk)
    desk.server.deliveries()
    name = desk.log(desk.model("mine", 4.0, card="---\nlicense: mit\nowner: acme\n---\n"))
    set_alias(desk, name, "production")
    created, promoted = desk.server.deliveries()
    assert post.bring(promoted) == (200, "handled")
    assert post.bring(created) == (200, "handled")
    assert "production" in desk.aliases(name)
    model = desk.workspace.find(desk.uri(name))
    assert len(desk.workspace.resources.index.versions(model.bundle)) == 1


def test_a_refused_link_is_cut(bare: Desk) -> None:
    import wandb

    desk, post = bare, Post(bare)
    first = desk.log(desk.model("first", 0.5))
    wandb.Api().artifact(f"acme/{desk.project}/{first}").link(f"wandb-registry-model/{desk.project}")
    automate(desk, registry=desk.project)
    base = desk.model("base", 2.0)
    register_base(desk, base, "cc-by-nc-4.0")
    name = desk.log(base)
    desk.server.deliveries()
    linked = wandb.Api().artifact(f"acme/{desk.project}/{name}").link(f"wandb-registry-model/{desk.project}")
    assert linked.is_link
    (delivery,) = desk.server.deliveries()
    assert json.loads(delivery.body)["event_type"] == "LINK_ARTIFACT"
    assert post.bring(delivery) == (200, "handled")
    assert not wandb.Api().artifact(f"acme/{desk.project}/{name}").linked_artifacts


def test_what_is_not_the_integrations_own_is_refused(bare: Desk) -> None:
    post = Post(bare)
    body = json.dumps({"event_type": "ADD_ARTIFACT_ALIAS", "alias": "production"}).encode()

    def bring(**headers: str) -> tuple[int, str]:
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return post.bring(Delivery(url="", headers=named, body=body))

    good = hmac.new(SECRET, body, hashlib.sha256)
    forged = hmac.new(b"guessed", body, hashlib.sha256).digest()
    assert bring() == (401, "refused")
    assert bring(x_wandb_signature="not base64 at all") == (401, "refused")
    assert bring(x_wandb_signature=base64.b64encode(forged).decode()) == (401, "refused")
    assert bring(x_wandb_signature="0" * 64, authorization=f"Bearer {SECRET.decode()}") == (401, "refused")
    assert bring(authorization="Bearer guessed") == (401, "refused")
    assert bring(authorization="Bearer ") == (401, "refused")
    assert bring(x_wandb_signature=good.hexdigest()) == (400, "malformed")
    assert bring(authorization=f"Bearer {SECRET.decode()}") == (400, "malformed")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"event_type": "REMOVE_ARTIFACT_TAG"}, (200, "ignored")),
        ({"alias": "latest"}, (200, "ignored")),
        ({"alias": "v7"}, (200, "ignored")),
        ({"artifact_version": "acme/p"}, (400, "malformed")),
        ({"artifact_version": "acme/p/../x:v1"}, (400, "malformed")),
        ({"collection": "another"}, (400, "malformed")),
        ({"artifact_version": "acme/nowhere/churn:production", "project": "nowhere"}, (422, "failed")),
    ],
)
def test_messages_that_need_no_answer_or_have_none(
    bare: Desk, changed: dict[str, str], expected: tuple[int, str]
) -> None:
    message = {
        "event_type": "ADD_ARTIFACT_ALIAS",
        "event_author": "someone",
        "alias": "production",
        "artifact_version": "acme/p/churn:production",
        "collection": "churn",
        "project": "p",
        "entity": "acme",
        **changed,
    }
    body = json.dumps(message).encode()
    mac = base64.b64encode(hmac.new(SECRET, body, hashlib.sha256).digest()).decode()
    delivery = Delivery(url="", headers={"X-Wandb-Signature": mac}, body=body)
    assert Post(bare).bring(delivery) == expected
