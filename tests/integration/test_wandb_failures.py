"""What goes wrong between us and Weights & Biases, and what comes of it."""

import threading
from typing import Any

import pytest
from tests.integration.test_wandb_webhook import Post, automate, set_alias
from tests.integration.wandb import fixture
from tests.integration.wandb.fixture import Desk
from tests.integration.wandb.server import Fault

from weightmark.errors import LedgerError, PlatformError, RefusedError
from weightmark.vocabulary import EventKind
from weightmark.workspace.gate import Gate, Requirement
from weightmark_adapters.wandb import WandbRegistry, sdk

server, bare, desk = fixture.server, fixture.bare, fixture.desk
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]

REGISTRY = "wandb-registry-model/churn"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdk, "WAIT_SECONDS", 2)


def break_ledger(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any, **_kwargs: Any) -> Any:
        raise LedgerError("the ledger cannot be reached", outcome="no")

    monkeypatch.setattr(type(desk.workspace.resources.ledger), "append_all", refuse)


def test_when_the_ledger_is_down_the_work_is_logged_and_not_promoted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_ledger(desk, monkeypatch)
    with desk.run() as run:
        made = run.log_artifact(desk.artifact(desk.model(), epochs=3)).wait()
        with pytest.raises(RefusedError, match="not registered"):
            run.link_artifact(made, REGISTRY)
    metadata = desk.metadata(made.name)
    assert metadata["epochs"] == 3
    assert "weightmark_fingerprint" not in metadata
    monkeypatch.undo()
    assert desk.workspace.register(desk.uri(made.name), mine=True).allowed
    assert "weightmark_fingerprint" in desk.metadata(made.name)


def test_when_the_ledger_is_down_a_policy_that_demands_something_stops_the_log(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_ledger(desk, monkeypatch)
    gates = dict(desk.workspace.configuration.gates)
    gates[EventKind.LOG] = Gate(requires=frozenset({Requirement.REGISTERED}))
    object.__setattr__(desk.workspace.configuration, "gates", gates)
    with desk.run() as run, pytest.raises(RefusedError, match="could not check"):
        run.log_artifact(desk.artifact(desk.model()))


def test_when_the_server_dies_in_the_middle_nothing_is_promoted(desk: Desk) -> None:
    with desk.run() as run:
        made = run.log_artifact(desk.artifact(desk.model())).wait()
        desk.server.faults = [Fault(on="GET /blob/md5", status=0, times=100)]
        with pytest.raises(RefusedError, match="could not check"):
            run.link_artifact(made, REGISTRY)
        desk.server.faults = []
        assert run.link_artifact(made, REGISTRY).is_link


@pytest.mark.parametrize("step", ["ArtifactMembershipByName", "GET /blob/md5"])
def test_a_lost_connection_may_be_tried_again(desk: Desk, step: str) -> None:
    uri = desk.uri(desk.log(desk.model()))
    desk.server.faults = [Fault(on=step, status=0, times=100)]
    with pytest.raises(PlatformError) as caught:
        WandbRegistry().resolve(uri)
    assert caught.value.retryable


def test_expired_credentials_are_not_tried_again_and_not_shown(desk: Desk) -> None:
    uri = desk.uri(desk.log(desk.model()))
    desk.server.faults = [Fault(on="ArtifactMembershipByName", status=401, times=100)]
    with pytest.raises(PlatformError) as caught:
        WandbRegistry().resolve(uri)
    assert not caught.value.retryable
    assert "0123456789abcdef" not in f"{caught.value} {caught.value.hint}"


def test_too_many_requests_say_how_long_to_wait(desk: Desk) -> None:
    uri = desk.uri(desk.log(desk.model()))
    desk.server.faults = [Fault(on="GET /blob/md5", status=429, times=100, headers={"Retry-After": "7"})]
    with pytest.raises(PlatformError) as caught:
        WandbRegistry().resolve(uri)
    assert (caught.value.retryable, caught.value.retry_after) == (True, 7.0)
    desk.server.faults = [
        Fault(on="ArtifactMembershipByName", status=429, times=1, headers={"Retry-After": "1"})
    ]
    assert WandbRegistry().pin(uri.replace(":v0", ":latest")) == uri


def test_a_partial_upload_is_found_when_it_is_to_be_promoted(desk: Desk) -> None:
    desk.server.faults = [Fault(on="PUT /blob/md5", truncate=True, times=1)]
    with desk.run() as run:
        made = run.log_artifact(desk.artifact(desk.model())).wait()
        with pytest.raises(RefusedError, match="manifest"):
            run.link_artifact(made, REGISTRY)


def test_an_upload_that_fails_leaves_the_registration_without_a_version(desk: Desk) -> None:
    desk.server.faults = [Fault(on="PUT /blob", status=403, times=100)]
    run = desk.run()
    run.log_artifact(desk.artifact(desk.model()))
    run.finish()
    desk.server.faults = []
    model = desk.workspace.find("churn")
    assert not desk.workspace.resources.index.versions(model.bundle)
    assert desk.log(desk.model()) == "churn:v0"
    assert desk.workspace.find(desk.uri("churn:v0")).bundle == model.bundle


def test_duplicate_and_reordered_events_are_one_registration(bare: Desk) -> None:
    desk, post = bare, Post(bare)
    desk.log(desk.model("first", 0.5))
    automate(desk)
    name = desk.log(desk.model("mine", 4.0, card="---\nlicense: mit\nowner: acme\n---\n"))
    set_alias(desk, name, "production")
    created, promoted = desk.server.deliveries()
    for delivery in (promoted, created, promoted, created, created):
        assert post.bring(delivery)[0] == 200
    post.now += 3 * 86_400
    assert post.bring(promoted) == (200, "handled")
    assert "production" in desk.aliases(name)
    model = desk.workspace.find(desk.uri(name))
    assert len(desk.workspace.resources.index.versions(model.bundle)) == 1


def test_two_workers_on_one_event_make_one_registration(bare: Desk) -> None:
    desk, posts = bare, [Post(bare), Post(bare)]
    desk.log(desk.model("first", 0.5))
    automate(desk)
    name = desk.log(desk.model("mine", 4.0))
    (created,) = desk.server.deliveries()
    answers: list[tuple[int, str]] = []
    threads = [
        threading.Thread(target=lambda post=post: answers.append(post.bring(created))) for post in posts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {status for status, _ in answers} <= {200, 503}
    assert (200, "handled") in answers
    assert posts[0].bring(created) == (200, "already handled")
    model = desk.workspace.find(desk.uri(name))
    assert len(desk.workspace.resources.index.versions(model.bundle)) == 1


def test_an_event_waits_until_the_server_can_be_reached(bare: Desk) -> None:
    desk, post = bare, Post(bare)
    desk.log(desk.model("first", 0.5))
    automate(desk)
    name = desk.log(desk.model("mine", 4.0))
    (created,) = desk.server.deliveries()
    desk.server.faults = [Fault(on="GET /blob/md5", status=503, times=100)]
    assert post.bring(created) == (503, "failed")
    desk.server.faults = []
    assert post.bring(created) == (200, "handled")
    assert desk.workspace.find(desk.uri(name)).name == "churn"


def test_a_clock_that_is_wrong_changes_nothing(bare: Desk) -> None:
    desk, post = bare, Post(bare)
    desk.log(desk.model("first", 0.5))
    automate(desk)
    name = desk.log(desk.model("mine", 4.0, card="---\nlicense: mit\nowner: acme\n---\n"))
    set_alias(desk, name, "production")
    _, promoted = desk.server.deliveries()
    for moment in (0.0, 4e9):
        post.now = moment
        assert post.bring(promoted) == (200, "handled")
    assert "production" in desk.aliases(name)
