"""The receiver under the messages of a real MLflow server, signed anew with a secret of ours."""

import asyncio
import base64
import hashlib
import hmac
import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest

from weightmark.errors import (
    DigestMismatchError,
    LedgerError,
    LicensingError,
    MalformedError,
    MissingExtraError,
    PlatformError,
)
from weightmark.index import Index
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind
from weightmark.workspace import Outcome
from weightmark.workspace.sighting import Sightings
from weightmark_hooks.webhook import Receiver, create_app, receiver
from weightmark_hooks.webhook import mlflow as mlflow_source
from weightmark_hooks.webhook.inbox import LEASE_SECONDS, Claim, Inbox
from weightmark_hooks.webhook.mlflow import MlflowSource
from weightmark_hooks.webhook.receiver import MAX_BODY, SOURCES, open_sources
from weightmark_hooks.webhook.source import Delivery, Reply, Source, read_secrets

SECRET = b"correct horse battery staple"
NOW = 1_795_347_692
VECTORS = Path(__file__).parents[2] / "vectors" / "mlflow"


def recorded(number):
    (path,) = VECTORS.glob(f"mlflow-webhook-{number:02d}-*.json")
    return json.loads(path.read_text())["body"]


CREATED, PROMOTED, TEST = recorded(3), recorded(4), recorded(1)


class FakeWorkspace:
    """Notes what it is given; the real one is under the receiver in test_receiver_road.py."""

    def __init__(self):
        self.events, self.allowed, self.error = [], True, None

    def follow(self, event):
        self.events.append(event)
        if self.error:
            raise self.error
        return Outcome(
            event=event,
            decision=SimpleNamespace(allowed=self.allowed),
            preview=None,
            model=None,
            works=(),
            fingerprint=None,
            receipt=None,
            origin="",
        )


class World:
    def __init__(self, folder):
        self.folder = folder
        self.workspace, self.time = FakeWorkspace(), NOW
        self.sources = [MlflowSource([b"the next secret", SECRET])]
        self.restart()

    def restart(self):
        inbox = Inbox(self.folder / "inbox.db")
        self.receiver = Receiver(self.sources, inbox, workspace=self.workspace, clock=lambda: self.time)
        self.app = create_app(self.receiver)

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


def test_a_created_version_is_registered(world):
    assert world.send(CREATED) == (200, "handled")
    (event,) = world.workspace.events
    assert (event.kind, event.uri, event.name, event.version) == (
        EventKind.REGISTER,
        "models:/demo/1",
        "demo",
        "1",
    )


def test_an_alias_is_a_promotion(world):
    world.workspace.allowed = False
    assert world.send(PROMOTED) == (200, "handled")
    (event,) = world.workspace.events
    assert event.kind is EventKind.PROMOTE
    assert event.context["alias"]


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
    assert world.workspace.events == []


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


@pytest.mark.parametrize(
    "error",
    [
        PlatformError("down", retryable=True),
        LedgerError("busy"),
        MissingExtraError("mlflow"),
        RuntimeError("boom"),
    ],
)
def test_a_failure_that_may_pass_can_be_repeated(world, error):
    world.workspace.error = error
    assert world.send(CREATED) == (503, "failed")
    world.workspace.error = None
    assert world.send(CREATED) == (200, "handled")


@pytest.mark.parametrize(
    "error",
    [
        PlatformError("there is no such version"),
        MalformedError("no safetensors"),
        DigestMismatchError("other bytes"),
        LicensingError("it is openlab's"),
    ],
)
def test_what_can_never_succeed_is_said_to_be(world, error):
    world.workspace.error = error
    assert world.send(CREATED) == (422, "failed")
    assert world.send(CREATED) == (422, "failed")


def test_settings_that_cannot_be_read_lose_no_delivery(world, tmp_path, monkeypatch):
    (tmp_path / "broken.toml").write_text("party = ")
    monkeypatch.setenv("WEIGHTMARK_CONFIG", str(tmp_path / "broken.toml"))
    world.workspace = None
    world.restart()
    assert world.send(CREATED) == (503, "failed")


class Several(Source):
    """A platform that sends several events at once, a handshake, and nonsense that breaks its reader."""

    platform = "several"
    events: ClassVar = tuple(
        ModelEvent(kind=EventKind.REGISTER, uri=f"models:/demo/{number}") for number in range(3)
    )

    def greet(self, message):
        return Reply(body={"answer": message.query["ask"]}) if "ask" in message.query else None

    def read(self, message, now):
        if message.body == b"nonsense":
            raise RecursionError
        return Delivery(id="1", events=self.events)


def test_an_event_that_fails_does_not_take_those_beside_it_along(world):
    world.sources = [Several([SECRET])]
    world.restart()
    follow = world.workspace.follow

    def second_fails(event):
        outcome = follow(event)
        if event.uri.endswith("/1"):
            raise MalformedError("no safetensors")
        return outcome

    world.workspace.follow = second_fails
    assert world.send(b"x", path="/hooks/several") == (422, "failed")
    assert len(world.workspace.events) == 3
    world.workspace.follow = follow
    assert world.send(b"x", path="/hooks/several") == (200, "handled")


def test_a_reader_that_breaks_is_no_yes(world, caplog):
    world.sources = [Several([SECRET])]
    world.restart()
    assert world.send(b"nonsense", path="/hooks/several") == (503, "failed")
    assert "RecursionError" in caplog.text


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


def test_an_inbox_that_fails_when_a_delivery_is_let_go_is_no_error_of_the_server(world, monkeypatch, caplog):
    def fail(_inbox, _delivery):
        raise OSError("the disk is full")

    monkeypatch.setattr(Inbox, "release", fail)
    world.workspace.error = PlatformError("MLflow is down", retryable=True)
    assert world.send(CREATED) == (503, "failed")
    assert "until its lease has run out" in caplog.text


def test_secrets_are_compared_in_constant_time(world, monkeypatch):
    compared = []
    whole = hmac.compare_digest
    monkeypatch.setattr(
        mlflow_source.hmac, "compare_digest", lambda one, other: compared.append(1) or whole(one, other)
    )
    for secret in (SECRET, b"wrong", b"the next secret"):
        world.send(CREATED, secret=secret, id_=f"delivery-{len(compared)}")
    assert len(compared) == 3 * 2, "every secret is tried, whichever fits"


def test_a_replay_is_answered_from_the_inbox_and_a_forged_one_is_not(world):
    assert world.send(CREATED) == (200, "handled")
    assert world.send(CREATED) == (200, "already handled")
    assert world.send(CREATED, secret=b"wrong") == (401, "refused")
    world.time = NOW + 301
    assert world.send(CREATED) == (401, "refused"), "what is too old is refused before the inbox is asked"
    assert len(world.workspace.events) == 1


def test_secrets_come_from_the_environment_or_a_file(tmp_path):
    file = tmp_path / "secrets"
    file.write_text("one\n\ntwo\n")
    environ = {"WEIGHTMARK_WEBHOOK_SECRET": "zero", "WEIGHTMARK_WEBHOOK_SECRET_FILE": str(file)}
    assert read_secrets("mlflow", environ) == (b"zero", b"one", b"two")
    own = {**environ, "WEIGHTMARK_WEBHOOK_SECRET_MLFLOW": "own"}
    assert read_secrets("mlflow", own) == (b"own",)
    assert read_secrets("wandb", own) == (b"zero", b"one", b"two")
    with pytest.raises(MalformedError, match="cannot be read"):
        read_secrets("mlflow", {"WEIGHTMARK_WEBHOOK_SECRET_FILE": str(tmp_path / "none")})


def test_a_platform_without_a_secret_is_not_listened_to(tmp_path, monkeypatch, caplog):
    assert open_sources() == []
    assert "hooks answer 404" in caplog.text
    monkeypatch.setenv("WEIGHTMARK_HOME", str(tmp_path))
    scope = asyncio.run(request(create_app(), "POST", "/hooks/mlflow", {}, b"{}"))
    assert scope[0] == 404
    assert asyncio.run(request(create_app(), "GET", "/health", {}, b"")) == (200, "ready")
    monkeypatch.setenv("WEIGHTMARK_WEBHOOK_SECRET_MLFLOW", "x")
    assert [source.platform for source in open_sources()] == ["mlflow"]


def test_every_source_can_be_opened_under_a_name_of_its_own(monkeypatch):
    monkeypatch.setenv("WEIGHTMARK_WEBHOOK_SECRET", "x")
    opened = open_sources()
    assert len({source.platform for source in opened}) == len(opened) == len(SOURCES)


def test_no_secret_is_logged(world, caplog):
    caplog.set_level("DEBUG")
    world.workspace.error = RuntimeError("boom")
    world.send(CREATED)
    world.send(CREATED, secret=b"wrong")
    assert caplog.records
    assert SECRET.decode() not in caplog.text


def _open_both(folder):
    try:
        Inbox(folder / "inbox.db")
        Sightings(folder / "watch.db", "models:/")
        Index(f"sqlite:///{folder}/index.db").close()
    except Exception as error:
        return repr(error)
    return ""


def test_many_processes_may_start_at_once(tmp_path):
    with ProcessPoolExecutor(8, get_context("forkserver")) as pool:
        for number in range(12):
            folder = tmp_path / str(number)
            folder.mkdir()
            assert set(pool.map(_open_both, [folder] * 8)) == {""}


def test_the_folder_it_makes_is_its_owners(tmp_path):
    Inbox(tmp_path / "home" / "inbox.db")
    assert (tmp_path / "home").stat().st_mode & 0o077 == 0


def test_a_body_that_never_comes_is_given_up(world, monkeypatch):
    monkeypatch.setattr(receiver, "READ_SECONDS", 0.05)
    scope = {"type": "http", "method": "POST", "path": "/hooks/mlflow", "headers": [], "query_string": b""}
    sent = []

    async def receive():
        await asyncio.sleep(30)

    async def send(message):
        sent.append(message)

    asyncio.run(asyncio.wait_for(world.app(scope, receive, send), 5))
    assert sent[0]["status"] == 408
