"""The receiver under the messages of a real MLflow server, signed anew with a secret of ours."""

import asyncio
import base64
import hashlib
import hmac
import json
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from weightmark.errors import MalformedError, PlatformError
from weightmark.ports.registry import ResolvedModel
from weightmark.vocabulary import EventKind
from weightmark_hooks.webhook import MlflowReceiver, create_app
from weightmark_hooks.webhook.inbox import LEASE_SECONDS, Claim, Inbox
from weightmark_hooks.webhook.receiver import MAX_BODY
from weightmark_hooks.webhook.signature import read_secrets

SECRET = b"correct horse battery staple"
NOW = 1_795_347_692
VECTORS = Path(__file__).parents[2] / "vectors" / "mlflow"


def recorded(number):
    (path,) = VECTORS.glob(f"mlflow-webhook-{number:02d}-*.json")
    return json.loads(path.read_text())["body"]


CREATED, PROMOTED, TEST = recorded(3), recorded(4), recorded(1)


class FakeWorkspace:
    def __init__(self):
        self.events, self.allowed, self.error = [], True, None

    def handle(self, event, *, resolved):
        self.events.append((event, resolved))
        if self.error:
            raise self.error
        decision = SimpleNamespace(
            outcome=SimpleNamespace(value="refused"), code=SimpleNamespace(value="commercial-use")
        )
        return SimpleNamespace(
            allowed=self.allowed,
            decision=decision,
            tags=lambda: {"weightmark.owner": "acme"},
            refusal=lambda: "the licence forbids it",
        )


class FakeRegistry:
    def __init__(self):
        self.written = []

    @contextmanager
    def checkout(self, uri):
        yield ResolvedModel(
            uri=uri, path=Path("/model"), facts={"license": "mit", "base_model": "models:/b@x,c/d"}
        )

    def pin(self, uri):
        return uri.replace("@x", "/7")

    def annotate(self, uri, tags):
        self.written.append((uri, dict(tags)))


class World:
    def __init__(self, folder):
        self.folder = folder
        self.workspace, self.registry, self.time = FakeWorkspace(), FakeRegistry(), NOW
        self.restart()

    def restart(self):
        self.app = create_app(
            MlflowReceiver(
                secrets=[b"the next secret", SECRET],
                inbox=Inbox(self.folder / "inbox.db"),
                workspace=self.workspace,
                registry=self.registry,
                clock=lambda: self.time,
            )
        )

    def send(
        self, body, *, id_="delivery-1", at=NOW, secret=SECRET, method="POST", path="/hooks/mlflow", **headers
    ):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        mac = hmac.new(secret, f"{id_}.{at}.".encode() + raw, hashlib.sha256).digest()
        sent = {
            "x-mlflow-delivery-id": id_,
            "x-mlflow-timestamp": str(at),
            "x-mlflow-signature": f"v1,{base64.b64encode(mac).decode()}",
            **{key.replace("_", "-"): value for key, value in headers.items()},
        }
        return asyncio.run(request(self.app, method, path, sent, raw))


async def request(app, method, path, headers, body):
    parts = [body[start : start + 65536] for start in range(0, len(body), 65536)] or [b""]
    incoming = [
        {"type": "http.request", "body": part, "more_body": number < len(parts)}
        for number, part in enumerate(parts, start=1)
    ]
    sent = []

    async def receive():
        return incoming.pop(0)

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(key.encode(), value.encode()) for key, value in headers.items() if value is not None],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], json.loads(body)["status"] if body.startswith(b"{") else body.decode()


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_a_created_version_is_registered_and_tagged(world):
    assert world.send(CREATED) == (200, "handled")
    ((event, resolved),) = world.workspace.events
    assert (event.kind, event.uri, event.name, event.version) == (
        EventKind.REGISTER,
        "models:/demo/1",
        "demo",
        "1",
    )
    assert (event.license, event.base_models) == ("mit", ("models:/b/7", "c/d"))
    assert resolved.uri == "models:/demo/1"
    assert world.registry.written == [("models:/demo/1", {"weightmark.owner": "acme"})]


def test_a_refused_promotion_is_said_on_the_version(world):
    world.workspace.allowed = False
    assert world.send(PROMOTED) == (200, "handled")
    assert world.workspace.events[0][0].kind is EventKind.PROMOTE
    ((_, tags),) = world.registry.written
    assert tags["weightmark.verdict"] == "refused (commercial-use)"
    assert tags["weightmark.reason"] == "the licence forbids it"


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.json")), ids=lambda path: path.stem[15:])
def test_every_message_of_a_real_server_is_taken(world, path):
    body = json.loads(path.read_text())["body"]
    acted = (body["entity"], body["action"]) in {
        ("model_version", "created"),
        ("model_version_alias", "created"),
    }
    acted = acted and body["data"]["name"] != "example_model"
    assert world.send(body) == (200, "handled" if acted else "ignored")
    assert len(world.workspace.events) == acted


def test_our_own_tags_do_not_go_in_circles(world):
    assert world.send(recorded(17)) == (200, "ignored")
    assert world.registry.written == []


def test_a_test_delivery_is_answered_and_ignored(world):
    assert world.send(TEST) == (200, "ignored")


@pytest.mark.parametrize(
    "headers",
    [
        {"x_mlflow_signature": None},
        {"x_mlflow_signature": ""},
        {"x_mlflow_signature": "v1,AAAA"},
        {"x_mlflow_signature": "v1,not base64!"},
        {"x_mlflow_signature": "v2,MHHkN8+nVUlJv6LlEbnx8NO8u6gjATP/V39KeG0rSG4="},
        {"x_mlflow_delivery_id": None},
        {"x_mlflow_delivery_id": "delivery-2"},
        {"x_mlflow_delivery_id": "x" * 201},
        {"x_mlflow_timestamp": None},
        {"x_mlflow_timestamp": "soon"},
        {"x_mlflow_timestamp": "-1"},
        {"x_mlflow_timestamp": str(NOW + 1)},
    ],
)
def test_what_mlflow_did_not_sign_is_refused(world, headers):
    assert world.send(CREATED, **headers) == (401, "refused")
    assert world.workspace.events == []


def test_another_secret_is_refused(world):
    assert world.send(CREATED, secret=b"wrong") == (401, "refused")


def test_the_secret_that_comes_next_is_taken_already(world):
    assert world.send(CREATED, secret=b"the next secret") == (200, "handled")


def test_a_changed_body_is_refused(world):
    raw = json.dumps(CREATED).encode()
    mac = hmac.new(SECRET, f"delivery-1.{NOW}.".encode() + raw, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(mac).decode()}"
    assert world.send(raw.replace(b"demo", b"evil"), x_mlflow_signature=signature) == (401, "refused")


@pytest.mark.parametrize(("at", "status"), [(-301, 401), (-300, 200), (300, 200), (301, 401)])
def test_a_delivery_must_be_recent(world, at, status):
    assert world.send(CREATED, at=NOW + at)[0] == status


def test_the_same_delivery_is_handled_once_even_after_a_restart(world):
    assert world.send(CREATED) == (200, "handled")
    assert world.send(CREATED) == (200, "already handled")
    world.restart()
    assert world.send(CREATED) == (200, "already handled")
    assert len(world.workspace.events) == 1


def test_the_same_message_delivered_anew_is_handled_anew(world):
    assert world.send(CREATED) == (200, "handled")
    assert world.send(CREATED, id_="delivery-2") == (200, "handled")


@pytest.mark.parametrize("error", [PlatformError("down", retryable=True), RuntimeError("boom")])
def test_a_failure_can_be_repeated(world, error):
    world.workspace.error = error
    assert world.send(CREATED) == (503, "failed")
    world.workspace.error = None
    assert world.send(CREATED) == (200, "handled")


def test_only_what_nobody_foresaw_is_logged_with_its_trace(world, caplog):
    world.workspace.error = PlatformError("MLflow is down")
    world.send(CREATED)
    assert "MLflow is down" in caplog.text
    assert "Traceback" not in caplog.text
    world.workspace.error = RuntimeError("boom")
    world.send(CREATED)
    assert "Traceback" in caplog.text


def test_a_name_cannot_write_lines_of_its_own_into_the_log(world, caplog):
    world.workspace.error = PlatformError("MLflow is down")
    world.send({**CREATED, "data": {**CREATED["data"], "name": "x\nregister of models:/forged/1 was fine"}})
    assert "\nregister of" not in caplog.text


def test_a_failure_to_write_tags_can_be_repeated(world, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(world.registry, "annotate", lambda _uri, _tags: 1 / 0)
        assert world.send(CREATED) == (503, "failed")
    assert world.send(CREATED) == (200, "handled")


def test_a_body_too_large_is_refused_unread(world):
    assert world.send(b" " * (MAX_BODY + 1)) == (413, "too large")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"entity": "model_version"}',
        b'{"entity": 1, "action": "created", "data": {}}',
        b'{"entity": "model_version", "action": "created", "data": {"name": "x"}}',
        b'{"entity": "model_version", "entity": "x", "action": "created", "data": {}}',
        b"[" * 100_000,
    ],
)
def test_garbage_is_refused_even_when_signed(world, body):
    assert world.send(body) == (400, "malformed")


def test_there_is_no_other_way_in(world):
    assert world.send(CREATED, method="GET")[0] == 405
    assert world.send(CREATED, path="/")[0] == 404
    assert world.send(b"", method="GET", path="/health") == (200, "ready")


def test_a_delivery_that_is_being_handled_waits(tmp_path):
    inbox = Inbox(tmp_path / "inbox.db")
    assert inbox.claim("a", NOW) is Claim.OURS
    assert inbox.claim("a", NOW) is Claim.BUSY
    assert inbox.claim("a", NOW + LEASE_SECONDS + 1) is Claim.OURS
    inbox.finish("a")
    assert inbox.claim("a", NOW + LEASE_SECONDS * 3) is Claim.DONE
    inbox.release("a")
    assert inbox.claim("a", NOW + LEASE_SECONDS * 3) is Claim.DONE


def test_secrets_come_from_the_environment_or_a_file(tmp_path):
    file = tmp_path / "secrets"
    file.write_text("one\n\ntwo\n")
    environ = {"WEIGHTMARK_WEBHOOK_SECRET": "zero", "WEIGHTMARK_WEBHOOK_SECRET_FILE": str(file)}
    assert read_secrets(environ) == (b"zero", b"one", b"two")


def test_without_a_secret_it_does_not_start(tmp_path):
    with pytest.raises(MalformedError, match="no secret"):
        read_secrets({})
    with pytest.raises(MalformedError, match="cannot be read"):
        read_secrets({"WEIGHTMARK_WEBHOOK_SECRET_FILE": str(tmp_path / "none")})


def test_no_secret_is_logged(world, caplog):
    caplog.set_level("DEBUG")
    world.workspace.error = RuntimeError("boom")
    world.send(CREATED)
    world.send(CREATED, secret=b"wrong")
    assert caplog.records
    assert SECRET.decode() not in caplog.text
