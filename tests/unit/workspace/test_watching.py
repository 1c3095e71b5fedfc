"""Watching: only what changed is told, and nothing that could not be looked at is called changed."""

import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from tests import shelf
from tests.shelf import Shelf, ShelfRegistry
from tests.workshop import flip_byte

from weightmark import EventKind, ModelEvent
from weightmark.claims import GrantClaim, Revocation, Suspension
from weightmark.discovery import Plugins
from weightmark.encoding import Json
from weightmark.errors import LedgerError, UnknownPluginError
from weightmark.licensing import Capability, Grant
from weightmark.ports import Observer
from weightmark.workspace import Configuration, Round, State, Workspace
from weightmark.workspace.pacing import Pace
from weightmark.workspace.watching import keep_watching

START = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


class Listener(Observer):
    name: ClassVar[str] = "listener"

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, str]] = []
        self.told: list[tuple[ModelEvent, Mapping[str, Json]]] = []

    def notice(self, event: ModelEvent, outcome: Mapping[str, Json]) -> None:
        if event.context.get("watch"):
            self.heard.append((event.uri, event.context["was"], event.context["now"]))
            self.told.append((event, outcome))

    def news(self) -> list[tuple[str, str, str]]:
        heard, self.heard = self.heard, []
        return heard


class World:
    def __init__(self, folder: Path, plugins: Plugins) -> None:
        self.platform = Shelf(folder / "shelf")
        self.now = START
        self.plugins = plugins
        self.listener = Listener()
        self.workspace = self.open()

    def open(self) -> Workspace:
        workspace = Workspace(Configuration.load(), self.plugins, clock=lambda: self.now)
        workspace.resources._made["observers"] = [self.listener]
        return workspace

    def look(self, *, deployed_only: bool = False) -> Round:
        self.now += timedelta(hours=1)
        (found,) = self.workspace.watch("shelf:/", deployed_only=deployed_only)
        return found

    def register(self, name: str, version: int, values: list[float], *, card: str = "") -> str:
        uri = self.platform.publish(name, version, values, card=card)
        self.workspace.follow(ModelEvent(kind=EventKind.REGISTER, uri=uri, name=name, version=str(version)))
        return uri

    def file(self, uri: str) -> Path:
        return self.platform.models / uri.removeprefix("shelf:/") / "model.safetensors"


@pytest.fixture(scope="module")
def shelf_plugins() -> Plugins:
    return shelf.plugins()


@pytest.fixture
def world(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shelf_plugins: Plugins
) -> Iterator[World]:
    monkeypatch.setenv(shelf.ROOT, str(tmp_path / "shelf"))
    monkeypatch.setattr(Pace.__init__, "__kwdefaults__", {"first_wait": 0.005})
    opened = World(tmp_path, shelf_plugins)
    yield opened
    opened.workspace.close()


def test_what_is_whole_is_seen_and_not_told(world: World) -> None:
    uri = world.register("churn", 1, [1.0])
    world.platform.point("churn", "prod", 1)
    found = world.look()
    assert (found.states, found.exit_code, found.error) == ({State.WHOLE: 1}, 0, None)
    assert world.platform.tags(uri)["weightmark.seen"] == "2026-11-22T10:30:00Z"
    assert world.platform.tags(uri)["weightmark.verdict"].startswith("allowed")
    assert world.look().states == {State.WHOLE: 1}
    assert world.platform.tags(uri)["weightmark.seen"] == "2026-11-22T11:30:00Z"
    assert world.listener.news() == []


def test_a_change_is_told_once_and_so_is_its_mending(world: World) -> None:
    uri, other = world.register("churn", 1, [1.0]), world.register("churn", 2, [2.0])
    world.look()
    flip_byte(world.file(uri), -1)
    found = world.look()
    assert (found.states, found.exit_code) == ({State.CHANGED: 1, State.WHOLE: 1}, 3)
    assert world.listener.news() == [(uri, "whole", "changed")]
    _, told = world.listener.told[-1]
    assert told["allowed"] is False
    assert told["failures"] == [{"path": "model.safetensors", "tensor": "x", "reason": "changed"}]
    tags = world.platform.tags(uri)
    assert tags["weightmark.verdict"] == "refused (not-intact)"
    assert tags["weightmark.seen"] == "2026-11-22T10:30:00Z", "it was last seen whole in the round before"
    assert world.platform.tags(other)["weightmark.seen"] == "2026-11-22T11:30:00Z"
    world.workspace.close()
    world.workspace = world.open()
    assert world.look().exit_code == 3
    assert world.listener.news() == [], "nothing changed since, also after a restart"
    flip_byte(world.file(uri), -1)
    assert world.look().exit_code == 0
    assert world.listener.news() == [(uri, "changed", "whole")]


def test_files_that_cannot_be_read_any_more_are_changed(world: World) -> None:
    uri = world.register("churn", 1, [1.0])
    flip_byte(world.file(uri), 3)
    assert world.look().states == {State.CHANGED: 1}
    assert world.listener.news() == [(uri, "", "changed")]


def test_files_that_were_being_written_are_read_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = world.register("churn", 1, [1.0])
    flip_byte(world.file(uri), -1)
    whole, reads = ShelfRegistry.resolve, []

    def mended(self: ShelfRegistry, asked: str) -> object:
        reads.append(asked)
        if len(reads) == 2:
            flip_byte(world.file(uri), -1)
        return whole(self, asked)

    monkeypatch.setattr(ShelfRegistry, "resolve", mended)
    assert world.look().exit_code == 0
    assert len(reads) == 2


def test_what_cannot_be_reached_is_never_called_changed(world: World) -> None:
    uri, other = world.register("churn", 1, [1.0]), world.register("churn", 2, [2.0])
    world.look()
    world.platform.break_it(uri)
    found = world.look()
    assert (found.states, found.exit_code) == ({State.UNREACHABLE: 1, State.WHOLE: 1}, 5)
    world.platform.break_it(other, "final")
    found = world.look()
    assert (found.states, found.exit_code) == ({State.UNREACHABLE: 1, State.UNREADABLE: 1}, 5)
    world.platform.mend(uri)
    world.platform.mend(other)
    assert world.look().exit_code == 0
    assert world.listener.news() == [(other, "whole", "unreadable"), (other, "unreadable", "whole")]
    assert world.platform.tags(uri)["weightmark.verdict"].startswith("allowed")


def test_a_platform_that_is_down_ends_the_round_and_forgets_nothing(world: World) -> None:
    for number in range(6):
        world.register("churn", number, [float(number)])
    world.look()
    world.platform.break_it("resolve")
    found = world.look()
    assert found.error is not None
    assert found.states == {State.UNREACHABLE: 3}
    assert found.exit_code == 5
    world.platform.break_it("versions")
    assert world.look().states == {}
    world.platform.mend("resolve")
    world.platform.mend("versions")
    assert world.look().states == {State.WHOLE: 6}
    assert world.listener.news() == []


def test_a_version_that_is_gone_is_missed_once(world: World) -> None:
    uri = world.register("churn", 1, [1.0])
    world.look()
    moved = world.file(uri).parent
    moved.rename(moved.parents[2] / "elsewhere")
    found = world.look()
    assert (found.states, found.exit_code) == ({State.MISSING: 1}, 3)
    assert world.listener.news() == [(uri, "whole", "missing")]
    assert world.look().exit_code == 0


def test_what_is_deployed_and_nobody_registered_is_refused(world: World) -> None:
    uri = world.platform.publish("wild", 1, [7.0])
    assert world.look().states == {}, "it is not in use"
    world.platform.point("wild", "prod", 1)
    found = world.look()
    assert (found.states, found.exit_code) == ({State.UNREGISTERED: 1}, 4)
    assert world.listener.news() == [(uri, "", "unregistered")]
    assert world.platform.tags(uri)["weightmark.verdict"] == "refused (not-registered)"
    world.workspace.sync("shelf:/")
    assert world.look().exit_code == 0
    assert world.listener.news() == [(uri, "unregistered", "whole")]


def test_only_what_is_deployed_when_asked(world: World) -> None:
    world.register("churn", 1, [1.0])
    uri = world.register("churn", 2, [2.0])
    world.platform.point("churn", "prod", 2)
    assert world.look(deployed_only=True).states == {State.WHOLE: 1}
    (world.platform.state / "alias churn prod").unlink()
    found = world.look(deployed_only=True)
    assert (found.states, found.exit_code) == ({}, 0), f"{uri} is not missing, only not in use"


def lend(world: World, *, until: datetime | None, license_: str | None = "cc-by-nc-4.0") -> str:
    """Deploy a model of another's that stands under a licence which forbids it, under a grant."""
    for step in ("keygen openlab.pem", "trust add openlab.pem.pub --identity openlab"):
        subprocess.run([sys.executable, "-m", "weightmark", *step.split()], check=True, capture_output=True)
    settings = Configuration.load({"party": "openlab", "signer": "file:openlab.pem"})
    with Workspace(settings, world.plugins, clock=lambda: world.now) as lab:
        uri = world.platform.publish("base", 1, [3.0])
        model = lab.register(uri, license_=license_, mine=True).model
        assert model is not None
        grant = Grant(
            model=model.bundle,
            licensor="openlab",
            grantee="acme",
            capabilities=frozenset(Capability),
            start=world.now,
            end=until,
        )
        said = lab.record(model, GrantClaim(grant=grant, issued_at=world.now), owner_only="grant it")
        world.revoke = lambda: lab_revokes(world, settings, model, said.statement.digest)  # type: ignore[attr-defined]
        world.suspend = lambda: lab_suspends(world, settings, model, said.statement.digest)  # type: ignore[attr-defined]
    world.platform.point("base", "prod", 1)
    return uri


def lab_revokes(world: World, settings: Configuration, model: object, grant: str) -> None:
    with Workspace(settings, world.plugins, clock=lambda: world.now) as lab:
        claim = Revocation(target=grant, cause="they did not pay", issued_at=world.now)  # type: ignore[arg-type]
        lab.record(model, claim, owner_only="revoke it")  # type: ignore[arg-type]


def lab_suspends(world: World, settings: Configuration, model: object, grant: str) -> None:
    with Workspace(settings, world.plugins, clock=lambda: world.now) as lab:
        claim = Suspension(target=grant, cause="an audit", issued_at=world.now)  # type: ignore[arg-type]
        lab.record(model, claim)  # type: ignore[arg-type]


def test_a_grant_that_is_suspended_is_noticed(world: World) -> None:
    uri = lend(world, until=None)
    assert world.look().exit_code == 0
    world.suspend()  # type: ignore[attr-defined]
    found = world.look()
    assert (found.states, found.exit_code) == ({State.SUSPENDED: 1}, 4)
    assert world.listener.news() == [(uri, "whole", "suspended")]


def test_a_grant_that_ends_is_noticed(world: World) -> None:
    uri = lend(world, until=START + timedelta(hours=2, minutes=30))
    assert world.look().exit_code == 0
    assert world.look().exit_code == 0
    found = world.look()
    assert (found.states, found.exit_code) == ({State.EXPIRED: 1}, 4)
    assert world.listener.news() == [(uri, "whole", "expired")]
    assert "grant-expired" in world.platform.tags(uri)["weightmark.verdict"]
    assert "weightmark.seen" in world.platform.tags(uri), "its bytes are whole"


def test_a_grant_that_was_taken_back_is_noticed(world: World) -> None:
    uri = lend(world, until=None)
    assert world.look().exit_code == 0
    world.revoke()  # type: ignore[attr-defined]
    found = world.look()
    assert (found.states, found.exit_code) == ({State.REVOKED: 1}, 4)
    assert world.listener.news() == [(uri, "whole", "revoked")]


def test_a_grant_that_was_taken_back_is_noticed_where_no_licence_is_stated(world: World) -> None:
    uri = lend(world, until=None, license_=None)
    assert world.look().exit_code == 0
    world.revoke()  # type: ignore[attr-defined]
    found = world.look()
    assert (found.states, found.exit_code) == ({State.REVOKED: 1}, 4)
    assert world.listener.news() == [(uri, "whole", "revoked")]


def test_tags_that_cannot_be_written_stop_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.register("churn", 1, [1.0])
    world.platform.break_it("annotate")
    assert world.look().states == {State.WHOLE: 1}
    assert "could not be written" in caplog.text


def test_a_version_that_breaks_the_adapter_does_not_end_the_round(world: World) -> None:
    uri = world.register("churn", 1, [1.0])
    world.register("churn", 2, [2.0])
    world.platform.break_it(uri, "boom")
    found = world.look()
    assert found.states == {State.UNREADABLE: 1, State.WHOLE: 1}
    assert "secret-of-the-platform" not in str(found.to_json())


def test_who_is_killed_before_it_is_remembered_is_told_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = world.register("churn", 1, [1.0])
    world.look()
    flip_byte(world.file(uri), -1)

    def die(*_args: object) -> None:
        raise LedgerError("killed here")

    with monkeypatch.context() as patch:
        patch.setattr("weightmark.workspace.sighting.Sightings.keep", die)
        assert world.look().error is not None
    world.look()
    assert world.listener.news() == [(uri, "whole", "changed")] * 2


def test_notes_of_another_release_are_made_anew(world: World, home: Path) -> None:
    world.register("churn", 1, [1.0])
    world.look()
    with sqlite3.connect(home / "watch.db") as database:
        database.execute("DROP TABLE sighting")
        database.execute("CREATE TABLE sighting (x)")
        database.execute("PRAGMA user_version = 99")
    database.close()
    assert world.look().error is None
    (home / "watch.db").write_bytes(b"no database at all" * 100)
    (home / "watch.db-wal").unlink(missing_ok=True)
    with pytest.raises(LedgerError, match="cannot be used"):
        world.look()


def test_an_unknown_platform_is_an_error(world: World) -> None:
    with pytest.raises(UnknownPluginError):
        world.workspace.watch("nowhere:/")


def rounds(errors: list[bool]) -> Callable[[], Round]:
    left = list(errors)

    def look() -> Round:
        found = Round(uri="x")
        found.error = LedgerError("down") if left.pop(0) else None
        found.interrupted = not left
        return found

    return look


class Waiting(threading.Event):
    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(round(timeout or 0))
        return False


def test_a_round_that_failed_is_repeated_sooner_with_growing_pauses() -> None:
    stopped = Waiting()
    list(keep_watching(rounds([False, True, True, True, True, False, False]), 200.0, stopped))
    assert stopped.waited == [200, 30, 60, 120, 200, 200]


def test_it_stops_between_rounds_and_between_versions(world: World) -> None:
    for number in range(5):
        world.register("churn", number, [float(number)])
    stopped = threading.Event()
    seen = 0

    def stop(found: Round) -> None:
        nonlocal seen
        seen = found.states.total()
        if seen == 2:
            stopped.set()

    (found,) = world.workspace.watch("shelf:/", every=3600, stopped=stopped, tell=stop)
    assert found.interrupted
    assert seen == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_command_cleanly(world: World, tmp_path: Path, number: signal.Signals) -> None:
    import os

    world.register("churn", 1, [1.0])
    world.workspace.close()
    environment = {**os.environ, **shelf.install(tmp_path / "installed", tmp_path / "shelf")}
    command = [sys.executable, "-m", "weightmark", "watch", "shelf:/", "--every", "1h", "--json"]
    with subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert '"whole": 1' in line, line
        process.send_signal(number)
        assert process.wait(timeout=30) == 0


def test_a_configuration_without_observers_is_watched_too(world: World) -> None:
    world.workspace.resources._made["observers"] = []
    flip_byte(world.file(world.register("churn", 1, [1.0])), -1)
    assert replace(world.look().wrong[0], failures=()).state is State.CHANGED
