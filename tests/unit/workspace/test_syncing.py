"""Back-fill: each version once, whatever fails on the way."""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
from tests import shelf
from tests.shelf import Shelf
from tests.workshop import flip_byte

from weightmark.discovery import Plugins
from weightmark.errors import (
    LedgerError,
    MalformedError,
    PlatformError,
    UnknownPluginError,
    UntrustedKeyError,
)
from weightmark.ports import Ledger
from weightmark.vocabulary import Predicate
from weightmark.workspace import Configuration, Synced, Workspace, pacing, syncing
from weightmark.workspace.pacing import Pace, may_pass, patiently


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.setenv(shelf.ROOT, str(tmp_path / "shelf"))
    monkeypatch.setattr(Pace.__init__, "__kwdefaults__", {"first_wait": 0.01})
    return Shelf(tmp_path / "shelf")


@pytest.fixture(scope="module")
def shelf_plugins() -> Plugins:
    return shelf.plugins()


@pytest.fixture
def workspace(home: Path, platform: Shelf, shelf_plugins: Plugins) -> Iterator[Workspace]:
    with Workspace(Configuration.load(), shelf_plugins) as opened:
        yield opened


def publish(platform: Shelf, count: int, *, name: str = "m") -> list[str]:
    return [platform.publish(name, f"{number:04}", [float(number), len(name)]) for number in range(count)]


def said(workspace: Workspace) -> Counter[str]:
    """Count the statements of each kind; every one of them counts."""
    history = workspace.resources.index.history()
    assert all(entry.accepted for entry in history)
    return Counter(entry.predicate_type for entry in history)


def test_what_is_there_is_registered_once(workspace: Workspace, platform: Shelf) -> None:
    uris = publish(platform, 25)
    synced = workspace.sync("shelf:/", jobs=3)
    assert (synced.registered, synced.present, synced.failed, synced.whole) == (25, 0, 0, True)
    assert said(workspace) == {Predicate.REGISTRATION: 25, Predicate.VERSION: 25}
    assert all("weightmark.receipt" in platform.tags(uri) for uri in uris)
    again = workspace.sync("shelf:/")
    assert (again.registered, again.present, again.annotated) == (0, 25, 0)
    assert said(workspace).total() == 50


def test_only_what_the_uri_names_is_registered(workspace: Workspace, platform: Shelf) -> None:
    publish(platform, 2, name="one")
    publish(platform, 3, name="other")
    assert workspace.sync("shelf:/other").registered == 3
    assert workspace.sync("shelf:/").registered == 2


def test_equal_files_are_one_registration_and_many_versions(workspace: Workspace, platform: Shelf) -> None:
    for number in range(30):
        platform.publish("same", number, [1.0])
    assert workspace.sync("shelf:/", jobs=8).registered == 30
    assert said(workspace) == {Predicate.REGISTRATION: 1, Predicate.VERSION: 30}


def test_what_is_registered_and_not_annotated_is_annotated(workspace: Workspace, platform: Shelf) -> None:
    uris = publish(platform, 3)
    platform.break_it("annotate", "final", times=3)
    first = workspace.sync("shelf:/", jobs=1)
    assert (first.registered, first.failed) == (0, 3)
    assert platform.tags(uris[0]) == {}
    second = workspace.sync("shelf:/")
    assert (second.registered, second.present, second.annotated) == (0, 3, 3)
    assert platform.tags(uris[0])["weightmark.owner"] == "acme"
    assert said(workspace) == {Predicate.REGISTRATION: 3, Predicate.VERSION: 3}


def test_tags_may_wait_for_another_run(workspace: Workspace, platform: Shelf) -> None:
    uris = publish(platform, 3)
    assert workspace.sync("shelf:/", tags=False).registered == 3
    assert workspace.sync("shelf:/", tags=False).annotated == 0
    assert [platform.tags(uri) for uri in uris] == [{}, {}, {}]
    assert workspace.sync("shelf:/").annotated == 3
    assert all("weightmark.receipt" in platform.tags(uri) for uri in uris)


def test_a_failure_that_passes_is_tried_again(workspace: Workspace, platform: Shelf) -> None:
    publish(platform, 5)
    platform.break_it("resolve", "retryable", times=4)
    assert workspace.sync("shelf:/", jobs=1).whole


def test_the_platform_says_how_long_to_wait_and_all_wait(workspace: Workspace, platform: Shelf) -> None:
    publish(platform, 6)
    platform.break_it("resolve", "after-0.4", times=1)
    started = monotonic()
    assert workspace.sync("shelf:/", jobs=3).whole
    assert monotonic() - started >= 0.4


def test_bad_versions_are_noted_and_the_run_goes_on(workspace: Workspace, platform: Shelf) -> None:
    uris = publish(platform, 12)
    platform.break_it(uris[2], "final")
    platform.break_it(uris[3], "boom")
    flip_byte(platform.models / "m" / "0004" / "model.safetensors", 3)
    synced = workspace.sync("shelf:/", jobs=2)
    assert (synced.registered, synced.failed, synced.stopped) == (9, 3, None)
    assert {uri: failure.error for uri, failure in synced.failures.items()} == {
        uris[2]: "PlatformError",
        uris[3]: "RuntimeError",
        uris[4]: "MalformedError",
    }
    assert "secret-of-the-platform" not in str(synced.to_json())
    assert platform.tags(uris[4])["weightmark.verdict"] == "refused (not-registered)"
    platform.mend(uris[2])
    assert workspace.sync("shelf:/").registered == 1


def test_some_versions_that_do_not_answer_are_not_a_platform_that_is_down(
    workspace: Workspace, platform: Shelf
) -> None:
    uris = publish(platform, 12)
    for uri in uris[2:9]:
        platform.break_it(uri)
    synced = workspace.sync("shelf:/", jobs=2)
    assert (synced.registered, synced.failed, synced.stopped) == (5, 7, None)


def test_what_failed_is_tried_once_more_when_asked(workspace: Workspace, platform: Shelf) -> None:
    uris = publish(platform, 4)
    platform.break_it(uris[0], "final", times=1)
    synced = workspace.sync("shelf:/", retry_failed=True)
    assert (synced.registered, synced.failed, synced.whole) == (4, 0, True)


def test_a_platform_that_is_down_ends_the_run_clearly(workspace: Workspace, platform: Shelf) -> None:
    publish(platform, 50)
    workspace.sync("shelf:/", limit=10)
    platform.break_it("resolve")
    platform.break_it("versions", times=1_000_000)
    with pytest.raises(PlatformError, match="out of order at versions"):
        workspace.sync("shelf:/")
    platform.mend("versions")
    whole = platform.__class__.fail_if_broken
    listed = 0

    def once(self: Shelf, *places: str) -> None:
        nonlocal listed
        if places == ("versions",):
            listed += 1
            if listed > 45:
                raise PlatformError("gone", retryable=True)
        whole(self, *places)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Shelf, "fail_if_broken", once)
        synced = workspace.sync("shelf:/", jobs=2)
    assert synced.stopped is not None
    assert not synced.whole
    assert synced.registered == 0
    platform.mend("resolve")
    assert workspace.sync("shelf:/").registered == 40


def test_a_list_that_breaks_off_is_begun_anew_and_nothing_counted_twice(
    workspace: Workspace, platform: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "PAGE", 4)
    publish(platform, 10)
    workspace.sync("shelf:/", limit=6)
    listed = 0

    def sometimes(_self: Shelf, *places: str) -> None:
        nonlocal listed
        listed += places == ("versions",)
        if listed in {3, 9}:
            listed += 1
            raise PlatformError("a page was lost", retryable=True)

    monkeypatch.setattr(Shelf, "fail_if_broken", sometimes)
    synced = workspace.sync("shelf:/")
    assert (synced.registered, synced.present, synced.whole) == (4, 6, True)


def test_a_ledger_that_is_down_ends_the_run(
    workspace: Workspace, platform: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(platform, 9)

    def full(_self: Ledger, _envelopes: object) -> None:
        raise LedgerError("the disk is full")

    ledger = type(workspace.resources.ledger)
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "append_all", full)
        synced = workspace.sync("shelf:/", jobs=1)
    assert synced.stopped is not None
    assert "the disk is full" in synced.stopped.message
    assert synced.registered == 0
    assert workspace.sync("shelf:/").registered == 9


def test_a_limit_is_kept_and_the_next_run_goes_on(workspace: Workspace, platform: Shelf) -> None:
    publish(platform, 9)
    assert [workspace.sync("shelf:/", limit=4).registered for _ in range(4)] == [4, 4, 1, 0]


def test_a_rate_is_kept(workspace: Workspace, platform: Shelf) -> None:
    publish(platform, 5)
    started = monotonic()
    assert workspace.sync("shelf:/", rate=20).registered == 5
    assert monotonic() - started >= 4 / 20


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), float("-inf"), 0.0, -1.0])
def test_a_rate_that_is_none_is_refused(workspace: Workspace, platform: Shelf, rate: float) -> None:
    with pytest.raises(ValueError, match="rate must be"):
        workspace.sync("shelf:/", rate=rate)


def test_versions_are_never_all_in_memory(
    workspace: Workspace, platform: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "PAGE", 3)
    publish(platform, 40)
    listed = 0
    registry = workspace.plugins.registries["shelf"]
    whole = registry.versions

    def counted(self: object, uri: str) -> Iterator[object]:
        nonlocal listed
        for version in whole(self, uri):  # type: ignore[arg-type]
            listed += 1
            yield version

    monkeypatch.setattr(registry, "versions", counted)
    ahead: list[int] = []
    workspace.sync("shelf:/", jobs=2, tell=lambda so_far: ahead.append(listed - so_far.registered))
    assert max(ahead) <= 3 + 2 * 2 + 3


def test_ctrl_c_leaves_everything_whole(workspace: Workspace, platform: Shelf) -> None:
    publish(platform, 30)
    calls = 0

    def interrupt(_so_far: Synced) -> None:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise KeyboardInterrupt

    synced = workspace.sync("shelf:/", jobs=2, tell=interrupt)
    assert synced.interrupted
    assert not synced.whole
    done = said(workspace)
    assert done[Predicate.REGISTRATION] == done[Predicate.VERSION]
    assert 0 < done[Predicate.VERSION] < 30
    workspace.sync("shelf:/")
    assert said(workspace) == {Predicate.REGISTRATION: 30, Predicate.VERSION: 30}
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("weightmark-sync")]


def test_nothing_begins_when_nothing_could_be_registered(workspace: Workspace, platform: Shelf) -> None:
    publish(platform, 1)
    with pytest.raises(UnknownPluginError):
        workspace.sync("nowhere:/")
    with pytest.raises(PlatformError, match="cannot list"):
        workspace.sync("file:///nowhere")
    _ = workspace.resources.trust
    workspace.resources.save_trust(type(workspace.resources.trust)())
    with pytest.raises(UntrustedKeyError):
        workspace.sync("shelf:/")


def test_patience_ends() -> None:
    calls = 0

    def fail() -> None:
        nonlocal calls
        calls += 1
        raise PlatformError("down", retryable=True)

    with pytest.raises(PlatformError):
        patiently(fail, Pace(first_wait=0.001))
    assert calls == pacing.ATTEMPTS
    with pytest.raises(MalformedError):
        patiently(lambda: (_ for _ in ()).throw(MalformedError("no")), Pace())


def test_waits_grow_differ_and_are_bounded() -> None:
    pace = Pace(first_wait=1.0)
    waits = [pace.delay(None, attempt) for attempt in range(1, 12)]
    assert all(0.5 * 2 ** min(n, 10) <= wait or wait >= 15 for n, wait in enumerate(waits))
    assert max(waits) <= pacing.LONGEST_WAIT_SECONDS * 1.5
    assert pace.delay(PlatformError("slow down", retryable=True, retry_after=1e9), 1) == 600
    assert pace.delay(PlatformError("slow down", retryable=True, retry_after=-5), 1) == 0


def test_what_may_pass() -> None:
    assert may_pass(LedgerError("busy"))
    assert may_pass(PlatformError("429", retryable=True))
    assert not may_pass(PlatformError("404"))
    assert not may_pass(MalformedError("no"))


@pytest.mark.parametrize("page", [2, 200])
def test_what_is_in_hand_when_the_list_breaks_off_is_not_taken_again(
    workspace: Workspace, platform: Shelf, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(syncing, "PAGE", page)
    publish(platform, 10)
    platform.write("delay", "0.1")
    listed = 0

    def sometimes(_self: Shelf, *places: str) -> None:
        nonlocal listed
        listed += places == ("versions",)
        if listed == 6:
            listed += 1
            raise PlatformError("a page was lost", retryable=True, retry_after=0.01)

    monkeypatch.setattr(Shelf, "fail_if_broken", sometimes)
    synced = workspace.sync("shelf:/", jobs=8)
    assert (synced.registered, synced.present, synced.annotated) == (10, 0, 0)


@pytest.mark.parametrize("asked", [1e308, float("inf"), float("nan"), -5.0])
def test_a_platform_that_asks_for_nonsense_is_given_minutes(asked: float) -> None:
    seconds = Pace().delay(PlatformError("busy", retryable=True, retry_after=asked), 1)
    assert 0 <= seconds <= pacing.LONGEST_ASKED_SECONDS
