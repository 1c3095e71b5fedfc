"""What goes wrong, and what comes of it: nothing leaves unchecked, nothing is recorded twice or lost."""

import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.integration.huggingface.world import (
    ACME,
    APACHE_CARD,
    NC_CARD,
    World,
    forget_workspace,
    guarded,
    world,
)
from tests.workshop import write_model

from weightmark.errors import PlatformError, RefusedError
from weightmark_adapters.huggingface import HuggingfaceRegistry

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]
__all__ = ["guarded", "world"]

SECRET = "a secret of this test"


def api():
    from huggingface_hub import HfApi

    return HfApi()


def registrations(world: World) -> list[str]:
    """Give the names of all models that the ledger holds a registration of."""
    workspace = world.workspace()
    workspace.resources.catch_up()
    ledger = workspace.resources.ledger
    size = ledger.checkpoint().checkpoint.size
    entries = [entry.envelope.payload for entry in ledger.entries(0, size)]
    return [entry.decode() for entry in entries if b"weightmark.dev/registration/v1" in entry]


# -- pushes


def test_a_ledger_that_is_down_refuses_the_push_and_nothing_leaves(guarded, tmp_path):
    guarded.patch.setenv("WEIGHTMARK_LEDGER", f"sqlite:///{tmp_path / 'no' / 'such' / 'folder'}/ledger.db")
    (tmp_path / "no").write_text("a file where a folder should be")
    forget_workspace()
    api().create_repo("acme/churn")
    with pytest.raises(RefusedError, match="could not check"):
        api().upload_folder(
            repo_id="acme/churn", folder_path=write_model(tmp_path / "churn", card=APACHE_CARD)
        )
    assert guarded.hub.calls("PUT|/preupload/|/commit/") == []


def test_a_hub_that_dies_before_the_commit_is_pushed_to_again_and_recorded_once(guarded, tmp_path):
    model = write_model(tmp_path / "churn", card=APACHE_CARD)
    api().create_repo("acme/churn")
    guarded.hub.fail("POST .*/commit/", status=500)
    with pytest.raises(Exception, match="500"):
        api().upload_folder(repo_id="acme/churn", folder_path=model)
    assert "model.safetensors" not in guarded.hub.files("acme/churn")
    done = api().upload_folder(repo_id="acme/churn", folder_path=model)
    assert len(registrations(guarded)) == 1
    assert guarded.workspace().find(f"hf://acme/churn@{done.oid}").name == "acme/churn"


def test_an_upload_that_is_cut_short_is_not_taken_for_the_model(guarded, tmp_path):
    api().create_repo("acme/churn")
    guarded.hub.fail("PUT /_lfs/", cut=True)
    done = api().upload_folder(
        repo_id="acme/churn", folder_path=write_model(tmp_path / "churn", card=APACHE_CARD)
    )
    assert len(guarded.hub.calls("PUT /_lfs/")) == 1
    assert guarded.workspace().verify(f"hf://acme/churn@{done.oid}").registration.owner == "acme"
    assert len(registrations(guarded)) == 1


def test_a_token_that_expired_refuses_the_push_and_is_not_shown(guarded, tmp_path, caplog):
    guarded.hub.shelf.create("acme/churn")
    guarded.token("hf_expiredexpired")
    with pytest.raises(RefusedError, match="did not take the token") as caught:
        api().upload_folder(
            repo_id="acme/churn", folder_path=write_model(tmp_path / "churn", card=APACHE_CARD)
        )
    assert "renew HF_TOKEN" in caught.value.hint
    assert "hf_expired" not in str(caught.value) + caplog.text
    assert guarded.hub.calls("PUT|/preupload/|/commit/") == []


def test_two_processes_that_push_one_model_record_it_once(guarded, tmp_path):
    model = write_model(tmp_path / "churn", card=APACHE_CARD)
    api().create_repo("acme/churn")
    with ThreadPoolExecutor(2) as pool:
        pushes = [pool.submit(api().upload_folder, repo_id="acme/churn", folder_path=model) for _ in range(2)]
        done = [push.result(120) for push in pushes]
    assert len(registrations(guarded)) == 1
    assert all(guarded.workspace().find(f"hf://acme/churn@{one.oid}") for one in done)


# -- reading


@pytest.mark.parametrize(
    ("status", "retryable", "wait"),
    [(429, True, 7.0), (503, True, 7.0), (500, True, 7.0), (403, False, None)],
)
def test_a_busy_hub_says_when_to_come_again(world, status, retryable, wait):
    uri = publish(world)
    world.hub.fail("GET /api/models/", status=status, Retry_After="7")
    with pytest.raises(PlatformError) as caught:
        HuggingfaceRegistry().resolve(uri)
    assert (caught.value.retryable, caught.value.retry_after) == (retryable, wait)
    assert HuggingfaceRegistry().resolve(uri).uri == uri


def test_an_expired_token_is_no_reason_to_come_again(world):
    uri = publish(world)
    world.token("hf_expiredexpired")
    for ask in (
        HuggingfaceRegistry().resolve,
        lambda uri: HuggingfaceRegistry().annotate(uri, {"weightmark.owner": "acme"}),
        lambda uri: [*HuggingfaceRegistry().versions("hf://acme")],
    ):
        with pytest.raises(PlatformError) as caught:
            ask(uri)
        assert not caught.value.retryable
        assert "hf_expired" not in caught.value.message


def test_a_hub_that_is_not_there_can_be_tried_again(world, monkeypatch):
    from huggingface_hub import constants, hf_api

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", gone)
    monkeypatch.setattr(hf_api.api, "endpoint", gone)
    with pytest.raises(PlatformError) as caught:
        HuggingfaceRegistry().resolve("hf://acme/churn")
    assert caught.value.retryable
    assert gone in caught.value.hint
    status = HuggingfaceRegistry().inspect()
    assert status.reachable is False


def test_a_download_that_is_cut_short_is_finished_or_refused(world):
    uri = publish(world)
    world.hub.fail("GET .*/resolve/.*safetensors", cut=True)
    registry = HuggingfaceRegistry()
    try:
        resolved = registry.resolve(uri)
    except PlatformError as error:
        assert error.retryable
        resolved = registry.resolve(uri)
    there = world.hub.read("acme/churn", "model.safetensors")
    assert (resolved.path / "model.safetensors").read_bytes() == there


def publish(world: World, card: str = APACHE_CARD, **layers: list[float]) -> str:
    folder = world.folder / f"upload-{time.monotonic_ns()}"
    model = write_model(folder, layers, card=card) if layers else write_model(folder, card=card)
    return f"hf://acme/churn@{world.hub.shelf.publish('acme/churn', model)}"


# -- webhooks


class Post:
    """A receiver that listens, and what is sent to it."""

    def __init__(self, world: World, name: str = "webhook.db") -> None:
        import uvicorn

        from weightmark_hooks.webhook import Receiver, create_app
        from weightmark_hooks.webhook.huggingface import HuggingfaceSource
        from weightmark_hooks.webhook.inbox import Inbox

        receiver = Receiver(
            [HuggingfaceSource([SECRET.encode()])],
            Inbox(world.folder / name),
            workspace=world.workspace(),
        )
        config = uvicorn.Config(create_app(receiver), port=0, log_level="error", ws="none")
        self.server = uvicorn.Server(config)
        self.socket = config.bind_socket()
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/hooks/huggingface"
        self.thread = threading.Thread(target=self.server.run, args=([self.socket],), daemon=True)
        self.thread.start()
        deadline = time.monotonic() + 30
        while not self.server.started and time.monotonic() < deadline:
            time.sleep(0.01)

    def send(self, body: bytes, secret: str = SECRET) -> int:
        headers = {"Content-Type": "application/json", "X-Webhook-Secret": secret}
        try:
            with urllib.request.urlopen(
                urllib.request.Request(self.url, body, headers), timeout=60
            ) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def until(self, body: bytes, status: int = 200) -> None:
        """Send as the Hub does, again while it is told to."""
        deadline = time.monotonic() + 60
        while (answer := self.send(body)) == 503 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert answer == status

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(30)
        self.socket.close()


@pytest.fixture
def post(world) -> Iterator[Post]:
    made = Post(world)
    yield made
    made.close()


def told(world: World, uri: str, old: str = "") -> bytes:
    """Give the webhook of a commit, without sending it."""
    world.hub.tell(world.hub.shelf.repos["acme/churn"], old or "0" * 40, uri.partition("@")[2])
    return world.hub.delivered[-1]


def test_a_push_by_anybody_is_registered_and_annotated_and_the_annotation_ends_there(world, post, tmp_path):
    world.hub.webhook, world.hub.secret = post.url, SECRET
    api().create_repo("acme/churn")
    done = api().upload_folder(
        repo_id="acme/churn", folder_path=write_model(tmp_path / "churn", card=APACHE_CARD)
    )
    deadline = time.monotonic() + 60
    while len(world.hub.delivered) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    post.until(world.hub.delivered[1])
    assert len(world.hub.calls("/commit/")) == 2
    uri = f"hf://acme/churn@{done.oid}"
    tags = HuggingfaceRegistry().read_tags(uri)
    assert tags["weightmark.fingerprint"] == world.workspace().find(uri).bundle
    assert len(registrations(world)) == 1


def test_duplicates_at_once_are_one_registration(world, post):
    body = told(world, publish(world))
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(post.send, [body] * 6)) <= {200, 503}
    post.until(body)
    assert len(registrations(world)) == 1
    assert len(world.hub.calls("/commit/")) == 1


def test_the_later_first_ends_the_same(world, post):
    first = publish(world)
    second = publish(world, card=NC_CARD)
    for uri in (second, first, second):
        post.until(told(world, uri))
    workspace = world.workspace()
    assert workspace.find(first).license == "Apache-2.0"
    assert workspace.find(second).license == "CC-BY-NC-4.0"
    assert len(registrations(world)) == 2


def test_a_forged_delivery_does_nothing_and_a_replayed_one_nothing_more(world, post):
    uri = publish(world)
    body = told(world, uri)
    for secret in ("", "wrong", ACME):
        assert post.send(body, secret) == 401
    assert registrations(world) == []
    post.until(body)
    reads = len(world.hub.calls("GET /api/models/"))
    assert post.send(body) == 200
    assert len(world.hub.calls("GET /api/models/")) == reads
    assert len(registrations(world)) == 1


def test_two_workers_on_one_event_register_once(world, post):
    other = Post(world, "another.db")
    try:
        body = told(world, publish(world))
        with ThreadPoolExecutor(2) as pool:
            assert set(pool.map(lambda one: one.send(body), [post, other])) <= {200, 503}
        post.until(body)
        other.until(body)
    finally:
        other.close()
    assert len(registrations(world)) == 1


def test_a_delivery_about_what_is_gone_can_never_be_handled(world, post):
    uri = publish(world)
    body = told(world, uri)
    del world.hub.shelf.repos["acme/churn"]
    assert post.send(body) == 422
    world.hub.shelf.create("acme/churn")
    world.hub.fail("GET /api/models/", status=503, Retry_After="1")
    again = publish(world)
    assert post.send(told(world, again)) == 503
    post.until(told(world, again))
    assert len(registrations(world)) == 1
