"""The receiver on a real workspace, with a platform of folders: deliveries in every order, and the pages."""

import hashlib
import hmac
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import urlopen

import pytest
from starlette.testclient import TestClient
from tests import shelf
from tests.shelf import Shelf
from tests.workshop import Shell, flip_byte

from weightmark.discovery import Plugins
from weightmark.encoding import Record, decode
from weightmark.errors import SignatureError
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind, Predicate
from weightmark.workspace import Configuration, Workspace
from weightmark_hooks.webhook import Receiver, create_app
from weightmark_hooks.webhook.inbox import Inbox
from weightmark_hooks.webhook.page import STYLE
from weightmark_hooks.webhook.source import Delivery, Message, Source

pytestmark = pytest.mark.integration

SECRET = b"correct horse battery staple"
ONCE = {Predicate.REGISTRATION: 1, Predicate.VERSION: 1}


class ShelfSource(Source):
    """What the shelf sends: an event and its HMAC."""

    platform = "shelf"

    def read(self, message: Message, now: float) -> Delivery:
        del now
        expected = hmac.new(self._secrets[0], message.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, message.headers.get("x-signature", "")):
            raise SignatureError("not the shelf's")
        told = Record(decode(message.body, what="the delivery"), "the delivery")
        uri = told.text("uri")
        name, version = uri.removeprefix("shelf:/").split("/")
        event = ModelEvent(
            kind=EventKind(told.text("kind")),
            uri=uri,
            name=name,
            version=version,
            context={"alias": told.text("alias", "")},
        )
        return Delivery(id=told.text("id"), events=(event,))


class World:
    """A platform, a home, and as many receivers on it as a test wants."""

    def __init__(self, folder: Path, plugins: Plugins) -> None:
        self.folder, self.plugins = folder, plugins
        self.platform = Shelf(folder / "shelf")
        self.workspaces: list[Workspace] = []
        self.client = self.start()

    def start(self) -> TestClient:
        """Start one more receiver, as another worker would be."""
        workspace = Workspace(Configuration.load(), self.plugins)
        self.workspaces.append(workspace)
        inbox = Inbox(self.folder / "home" / "webhook.db")
        return TestClient(create_app(Receiver([ShelfSource([SECRET])], inbox, workspace=workspace)))

    def send(
        self, kind: str, uri: str, *, id_: str, alias: str = "", client: TestClient | None = None
    ) -> int:
        body = json.dumps({"kind": kind, "uri": uri, "id": id_, "alias": alias}).encode()
        signature = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
        chosen = client or self.client
        return chosen.post("/hooks/shelf", content=body, headers={"x-signature": signature}).status_code

    def said(self) -> Counter[str]:
        history = self.workspaces[0].resources
        history.catch_up()
        entries = history.index.history()
        assert all(entry.accepted for entry in entries)
        return Counter(entry.predicate_type for entry in entries)


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return shelf.plugins()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugins: Plugins) -> Iterator[World]:
    monkeypatch.setenv(shelf.ROOT, str(tmp_path / "shelf"))
    monkeypatch.setenv("WEIGHTMARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WEIGHTMARK_PARTY", "acme")
    monkeypatch.chdir(tmp_path)
    opened = World(tmp_path, plugins)
    yield opened
    for workspace in opened.workspaces:
        workspace.close()


def test_events_in_the_wrong_order_twice_and_under_new_names(world: World) -> None:
    uri = world.platform.publish("churn", 1, [1.0])
    world.platform.point("churn", "prod", 1)
    assert world.send("promote", uri, id_="b", alias="prod") == 200
    assert world.send("register", uri, id_="a") == 200
    for number in range(3):
        assert world.send("register", uri, id_=f"again-{number}") == 200
    assert world.send("promote", uri, id_="b", alias="prod") == 200
    assert world.said() == ONCE
    assert world.platform.alias("churn", "prod") == "1"
    assert world.platform.tags(uri)["weightmark.verdict"].startswith("allowed")


def test_a_platform_that_is_down_and_comes_back(world: World) -> None:
    uri = world.platform.publish("churn", 1, [1.0])
    world.platform.break_it("resolve")
    assert [world.send("register", uri, id_="a") for _ in range(2)] == [503, 503]
    world.platform.mend("resolve")
    world.platform.break_it("annotate", times=1)
    assert world.send("register", uri, id_="a") == 503
    assert world.said() == ONCE
    assert world.send("register", uri, id_="a") == 200
    assert world.said() == ONCE
    assert world.platform.tags(uri)["weightmark.owner"] == "acme"


def test_what_can_never_be_registered(world: World) -> None:
    uri = world.platform.publish("churn", 1, [1.0])
    flip_byte(world.platform.models / "churn" / "1" / "model.safetensors", 3)
    world.platform.point("churn", "prod", 1)
    assert world.send("promote", uri, id_="a", alias="prod") == 422
    assert world.platform.alias("churn", "prod") is None
    assert world.send("register", "shelf:/nothing/1", id_="b") == 422
    assert world.said() == {}


def test_two_workers_on_one_event(world: World) -> None:
    uris = [world.platform.publish("churn", number, [float(number)]) for number in range(5)]
    clients = [world.client, *(world.start() for _ in range(3))]
    with ThreadPoolExecutor(12) as pool:
        answers = list(
            pool.map(
                lambda job: world.send("register", job[0], id_=job[2], client=job[1]),
                [
                    (uri, client, f"{uri}-{name}")
                    for uri in uris
                    for client in clients
                    for name in ("same", id(client))
                ],
            )
        )
    assert set(answers) <= {200, 503}, "503: another worker is at the same delivery"
    assert answers.count(200) >= len(uris) * len(clients)
    assert world.said() == {Predicate.REGISTRATION: 5, Predicate.VERSION: 5}


def bundle_at(world: World, uri: str) -> str:
    world.workspaces[0].resources.catch_up()
    model = world.workspaces[0].resources.index.at(uri)
    assert model is not None
    return model.bundle


def test_the_page_of_a_model_says_what_is_known(world: World) -> None:
    world.platform.publish("base", 1, [5.0], card="---\nlicense: cc-by-nc-4.0\n---\n")
    world.send("register", "shelf:/base/1", id_="a")
    uri = world.platform.publish(
        "churn", 1, [1.0], card="---\nlicense: mit\nbase_model: shelf:/base/1\n---\n"
    )
    world.send("register", uri, id_="b")
    bundle = bundle_at(world, uri)
    page = world.client.get(f"/models/{bundle}")
    assert page.status_code == 200
    for text in (
        bundle,
        "acme",
        "MIT",
        "CC-BY-NC-4.0",
        "refused",
        "shelf:/churn/1",
        "registration",
        "Permits",
    ):
        assert text in page.text, text
    assert "<script" not in page.text
    assert not re.search(r"(?:src|href)=\"(?!/models/)", page.text)
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert f"<style>{STYLE}</style>" in page.text


def test_what_strangers_wrote_is_escaped(world: World) -> None:
    uri = world.platform.publish("<script>alert(1)<b>", 1, [1.0], card="---\nlicense: '<img src=x>'\n---\n")
    assert world.send("register", uri, id_="a") == 200
    page = world.client.get(f"/models/{bundle_at(world, uri)}").text
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize("reference", ["nothing", "sha256:" + "0" * 64, "churn", "..%2f..%2fetc", "%00"])
def test_what_is_not_registered_has_no_page(world: World, reference: str) -> None:
    world.send("register", world.platform.publish("churn", 1, [1.0]), id_="a")
    for path in ("", "/bundle", "/manifest"):
        answer = world.client.get(f"/models/{reference}{path}")
        assert answer.status_code == 404
        assert "content-security-policy" in answer.headers or "Not Found" in answer.text


def test_a_stranger_verifies_what_the_server_gave(world: World, tmp_path: Path) -> None:
    uri = world.platform.publish("churn", 1, [1.0])
    world.send("register", uri, id_="a")
    bundle = bundle_at(world, uri)
    given = world.client.get(f"/models/{bundle}/bundle")
    assert given.headers["content-type"].startswith("application/vnd.dev.sigstore.bundle")
    name = given.headers["content-disposition"].partition('"')[2].rstrip('"')
    (tmp_path / name).write_bytes(given.content)
    manifest = world.client.get(f"/models/{bundle}/manifest")
    (tmp_path / f"{name}.manifest.json").write_bytes(manifest.content)
    shell = Shell(folder=tmp_path, env={"WEIGHTMARK_HOME": str(tmp_path / "home")})
    model = world.platform.models / "churn" / "1"
    against = ("--bundle", tmp_path / name, "--trust", tmp_path / "home" / "trust.json")
    assert shell.json("verify", model, *against)["ok"]
    flip_byte(model / "model.safetensors", -1)
    assert not shell.json("verify", model, *against, code=3)["ok"]


@pytest.mark.parametrize("secret", ["", "correct horse"])
def test_serve_starts_says_where_and_stops(tmp_path: Path, secret: str) -> None:
    environment: Mapping[str, str] = {
        **os.environ,
        "WEIGHTMARK_HOME": str(tmp_path / "home"),
        "WEIGHTMARK_WEBHOOK_SECRET_MLFLOW": secret,
    }
    command = [sys.executable, "-m", "weightmark", "serve", "--port", "0"]
    with subprocess.Popen(
        command, env=environment, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        said = ""
        while "Models are at" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        address = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert address is not None
        with urlopen(f"{address[0]}/health", timeout=30) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=30)[0]
    assert ("/hooks/mlflow" in said) is bool(secret)
    assert ("hooks answer 404" in said) is not bool(secret)
    assert "Traceback" not in said + rest
    assert secret == "" or secret not in said + rest


def test_an_address_that_is_taken_is_an_error(tmp_path: Path) -> None:
    shell = Shell(folder=tmp_path, env={"WEIGHTMARK_HOME": str(tmp_path / "home")})
    assert "cannot be listened on" in shell.fail("serve", "--host", "192.0.2.1", code=1)
