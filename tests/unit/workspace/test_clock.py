"""The clock: what was seen is not forgotten, and a time before it is refused."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.licence_files import NOW, URI, Party, status_bytes

from weightmark.claims.offline.status_token import StatusEvidence, verify_status
from weightmark.errors import ClockError, LedgerError, MalformedError, StaleStatusError
from weightmark.workspace.offline import clock as module
from weightmark.workspace.offline.clock import ClockKeeper, Uptime, clock_of, read_uptime
from weightmark.workspace.offline.clock_state import MOST_LISTS, MOST_MARKS, ClockState

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
LAB = Party("lab")


class Hands:
    """A machine whose clock and whose start can be set."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now = folder, NOW
        self.boot, self.seconds = "", 0.0

    def keeper(self) -> ClockKeeper:
        return ClockKeeper(self.folder, wall=lambda: self.now, uptime=self.uptime)

    def uptime(self) -> Uptime:
        return Uptime(boot=self.boot, seconds=self.seconds)

    def check(self) -> datetime:
        return self.keeper().check()

    def run(self, span: timedelta) -> None:
        self.now += span
        self.seconds += span.total_seconds()


@pytest.fixture
def hands(tmp_path: Path) -> Hands:
    return Hands(tmp_path / "clock")


def listed(made: datetime, uri: str = URI) -> StatusEvidence:
    return verify_status(status_bytes(LAB, issued_at=made, uri=uri), LAB.trusted(), made)


def test_time_goes_on(hands: Hands) -> None:
    for _ in range(3):
        assert hands.check() == hands.now
        hands.run(HOUR)


def test_a_clock_that_was_put_back_is_refused_and_says_what_was_seen(hands: Hands) -> None:
    hands.check()
    hands.now -= HOUR
    with pytest.raises(ClockError) as caught:
        hands.check()
    for word in ("2026-11-22 08:30:00", "2026-11-22 09:30:00", "wall", "put back by 1:00:00"):
        assert word in caught.value.message
    assert "weightmark license clock reset" in caught.value.hint


def test_five_minutes_are_taken_for_skew_and_no_more(hands: Hands) -> None:
    hands.check()
    hands.now = NOW - 5 * MINUTE
    assert hands.check() == NOW, "the highest time is given, so that skew lengthens nothing"
    hands.now -= SECOND
    with pytest.raises(ClockError):
        hands.check()


def test_skew_cannot_be_taken_again_and_again(hands: Hands) -> None:
    hands.check()
    for _ in range(3):
        hands.now -= 2 * MINUTE
        if hands.now >= NOW - 5 * MINUTE:
            assert hands.check() == NOW
    with pytest.raises(ClockError):
        hands.check()


def test_times_that_others_signed_count(hands: Hands) -> None:
    keeper = hands.keeper()
    keeper.check()
    keeper.note([(NOW + 4 * MINUTE, "licence file")])
    assert keeper.check() == NOW + 4 * MINUTE
    hands.now -= 2 * MINUTE
    with pytest.raises(ClockError, match="licence file"):
        keeper.check()


def test_an_older_signed_time_changes_nothing(hands: Hands) -> None:
    keeper = hands.keeper()
    keeper.check()
    before = keeper.file.read_bytes()
    keeper.note([(NOW - HOUR, "licence file")])
    keeper.note()
    assert keeper.file.read_bytes() == before


def test_a_clock_that_is_held_while_the_machine_runs_is_noticed(hands: Hands) -> None:
    hands.boot = "this start"
    hands.check()
    hands.run(HOUR)
    hands.now = NOW + MINUTE
    with pytest.raises(ClockError, match="the machine has run"):
        hands.check()
    hands.boot, hands.seconds = "the next start", 3.0
    assert hands.check() == NOW + MINUTE


def test_a_clock_that_is_put_back_within_a_process_is_noticed(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = hands.keeper()
    keeper.check()
    real = time.monotonic
    monkeypatch.setattr(module.time, "monotonic", lambda: real() + 3600)
    with pytest.raises(ClockError, match="this process"):
        keeper.check()
    keeper.reset("tested")
    assert keeper.check() == NOW


def test_a_reset_is_kept_with_its_cause(hands: Hands) -> None:
    hands.check()
    hands.now -= HOUR
    keeper = hands.keeper()
    assert keeper.reset("the battery was empty") == hands.now
    assert keeper.check() == hands.now
    marks = keeper.show().marks
    assert [mark.source for mark in marks] == ["wall", "reset"]
    assert marks[-1].cause == "the battery was empty"
    assert marks[-1].before == marks[0].digest


@pytest.mark.parametrize("cause", ["", "a\nb", "x" * 1025])
def test_a_reset_needs_a_cause(hands: Hands, cause: str) -> None:
    with pytest.raises(MalformedError):
        hands.keeper().reset(cause)


def edit(file: Path) -> None:
    state = json.loads(file.read_bytes())
    state["marks"][-1]["high"] = "2020-01-01T00:00:00Z"
    file.write_text(json.dumps(state))


def edit_first(file: Path) -> None:
    state = json.loads(file.read_bytes())
    state["marks"][0]["cause"] = "none"
    file.write_text(json.dumps(state))


def forget_lists(file: Path) -> None:
    state = json.loads(file.read_bytes())
    state["lists"] = {}
    file.write_text(json.dumps(state))


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (edit, "an older one was put back"),
        (edit_first, "edited"),
        (forget_lists, "edited"),
        (Path.unlink, "missing"),
        (lambda file: file.write_bytes(b""), "damaged"),
        (lambda file: file.write_bytes(b"{}"), "damaged"),
        (lambda file: file.write_bytes(file.read_bytes()[:-30]), "damaged"),
        (lambda file: file.write_text('{"lists":{},"marks":[],"version":1}'), "0 marks"),
        (lambda file: file.write_text('{"lists":{},"marks":[],"version":2}'), "version 2"),
        (lambda file: file.with_name("seal").unlink(), "missing"),
        (lambda file: file.with_name("seal").write_text("new\n"), "older one was put back"),
        (lambda file: file.with_name("seal").write_bytes(b"\xff"), "older one was put back"),
    ],
)
def test_marks_that_were_edited_or_taken_away(
    hands: Hands, spoil: Callable[[Path], object], word: str
) -> None:
    keeper = hands.keeper()
    keeper.check()
    keeper.note(lists=[listed(NOW)])
    spoil(keeper.file)
    for ask in (keeper.check, keeper.note, keeper.show):
        with pytest.raises(ClockError, match=word):
            ask()
    keeper.reset("the disk was damaged")
    assert keeper.check() == NOW
    assert keeper.show().marks[-1].cause.startswith("the disk was damaged")


def test_an_older_file_put_back_is_noticed(hands: Hands) -> None:
    keeper = hands.keeper()
    keeper.check()
    older = keeper.file.read_bytes()
    for _ in range(2):
        hands.run(HOUR)
        keeper.check()
    keeper.file.write_bytes(older)
    with pytest.raises(ClockError, match="put back"):
        keeper.check()


def test_the_chain_stays_short(hands: Hands) -> None:
    keeper = hands.keeper()
    for _ in range(MOST_MARKS + 5):
        keeper.check()
        hands.run(HOUR)
    state = keeper.show()
    assert len(state.marks) == MOST_MARKS
    assert state.marks[0].before
    assert len(keeper.file.read_bytes()) < 64_000


def test_looking_often_writes_seldom(hands: Hands) -> None:
    keeper = hands.keeper()
    keeper.check()
    before = keeper.file.stat().st_mtime_ns
    for _ in range(50):
        hands.now += SECOND
        keeper.check()
    assert keeper.file.stat().st_mtime_ns == before


def test_an_older_list_than_one_seen_before_is_refused(hands: Hands) -> None:
    keeper = hands.keeper()
    keeper.check()
    keeper.note(lists=[listed(NOW)])
    keeper.note(lists=[listed(NOW)])
    keeper.note(lists=[listed(NOW - HOUR, uri="urn:another")])
    with pytest.raises(StaleStatusError, match="older than the one of 2026-11-22T09:30:00Z"):
        keeper.note(lists=[listed(NOW - SECOND)])
    keeper.note(lists=[listed(NOW + MINUTE)])
    with pytest.raises(StaleStatusError):
        keeper.note(lists=[listed(NOW)])
    keeper.reset("a wrong clock")
    with pytest.raises(StaleStatusError):
        keeper.note(lists=[listed(NOW)])
    assert URI not in keeper.file.read_text()


def test_more_lists_than_can_be_kept(hands: Hands) -> None:
    keeper = hands.keeper()
    keeper.check()
    full = keeper.show().with_lists({f"list {number}": NOW for number in range(MOST_LISTS)})
    keeper._write(full.add(full.marks[-1]))
    with pytest.raises(ClockError, match="status lists"):
        keeper.note(lists=[listed(NOW)])
    keeper.reset("too many")
    keeper.note(lists=[listed(NOW)])


def test_a_home_that_cannot_be_written_is_no_yes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LedgerError, match="cannot be kept") as caught:
        ClockKeeper(tmp_path / "file" / "clock").check()
    assert "WEIGHTMARK_HOME" in caught.value.hint


@pytest.mark.parametrize("written", [0, 1, 2])
@pytest.mark.parametrize("first", [True, False])
def test_a_crash_between_two_writes_loses_nothing(
    hands: Hands, monkeypatch: pytest.MonkeyPatch, *, written: int, first: bool
) -> None:
    if not first:
        hands.check()
        hands.run(HOUR)
    done: list[Path] = []

    def write(path: Path, data: bytes) -> None:
        if len(done) == written:
            raise KeyboardInterrupt
        done.append(path)
        real(path, data)

    real = module.write_whole
    with monkeypatch.context() as patch:
        patch.setattr(module, "write_whole", write)
        if not first and written == 2:
            hands.check()
        else:
            with pytest.raises(KeyboardInterrupt):
                hands.check()
    for _ in range(2):
        hands.run(HOUR)
        assert hands.check() == hands.now
    hands.now -= HOUR
    with pytest.raises(ClockError):
        hands.check()


def test_crashes_at_the_same_place_again_and_again(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    hands.check()
    real = module.write_whole

    def write(path: Path, data: bytes) -> None:
        if path.name == "seal" and data.decode().strip() not in json.dumps(known):
            raise KeyboardInterrupt
        real(path, data)

    for _ in range(4):
        hands.run(HOUR)
        # The mark that is written next is not sealed; the one before it may be.
        known = [mark.digest for mark in hands.keeper().show().marks]
        with monkeypatch.context() as patch:
            patch.setattr(module, "write_whole", write)
            with pytest.raises(KeyboardInterrupt):
                hands.check()
    hands.run(HOUR)
    assert hands.check() == hands.now


def test_the_system_says_how_long_it_runs() -> None:
    first, second = read_uptime(), read_uptime()
    assert first.boot == second.boot
    assert 0 <= first.seconds <= second.seconds
    if sys.platform == "linux":
        assert first.boot


def test_where_the_system_does_not_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "_BOOT_ID", tmp_path / "nothing")
    assert read_uptime() == Uptime(boot="", seconds=0.0)


def test_one_keeper_for_each_home(tmp_path: Path) -> None:
    assert clock_of(tmp_path) is clock_of(tmp_path)
    assert clock_of(tmp_path) is not clock_of(tmp_path / "other")


MANY = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from weightmark.workspace.offline.clock import ClockKeeper, Uptime
number, folder = int(sys.argv[1]), Path(sys.argv[2])
start = datetime(2026, 11, 22, tzinfo=UTC)
hands = [start]
keeper = ClockKeeper(folder, wall=lambda: hands[0], uptime=lambda: Uptime(boot="", seconds=0))
print("ready", flush=True)
for step in range(120):
    hands[0] = start + timedelta(minutes=step * 2)
    try:
        keeper.check()
    except Exception as error:
        if "put back" not in str(error) or "older one" in str(error):
            raise
"""


def test_several_processes_at_once_and_one_killed(tmp_path: Path) -> None:
    folder = tmp_path / "clock"
    started = [
        subprocess.Popen([sys.executable, "-c", MANY, str(number), str(folder)], stdout=subprocess.PIPE)
        for number in range(3)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            process.stdout.readline()
        time.sleep(0.2)
        os.kill(started[0].pid, signal.SIGKILL)
        assert [process.wait(60) for process in started[1:]] == [0, 0]
        started[0].wait(60)
    finally:
        for process in started:
            process.kill()
            process.wait(60)
            if process.stdout is not None:
                process.stdout.close()
    state = ClockKeeper(folder).show()
    assert isinstance(state, ClockState)
    assert state.last is not None
    assert not [left for left in folder.iterdir() if left.name.startswith(".marks")][1:]
