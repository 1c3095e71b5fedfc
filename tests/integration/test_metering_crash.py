"""Processes that count are killed at random moments: what was acknowledged counts, once, within the bound."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import pytest
from tests.integration.metered import PARTY, opened
from tests.metered import World

from weightmark.errors import QuotaExceededError
from weightmark.licensing import Entitlement
from weightmark.workspace.metering.meter import Meter, used
from weightmark.workspace.metering.usage import ReservationState

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks"),
]

KILLS = 100
KILLS_AT_THE_BOUND = 30
PROCESSES = 3
ROOT = Path(__file__).parents[2]


@dataclass(slots=True)
class Said:
    """What one child acknowledged before it was killed."""

    uses: dict[str, int] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    settled: dict[str, int] = field(default_factory=dict)
    taken: int = 0
    used_up: bool = False


@contextmanager
def server(home: Path, grant: str) -> Iterator[tuple[IO[str], IO[str]]]:
    command = [sys.executable, "-m", "tests.integration.metered", str(home), grant]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, cwd=ROOT
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdin, process.stdout
        finally:
            process.stdin.close()
            process.wait(timeout=60)


def kill_one(tell: IO[str], hear: IO[str], number: int, choose: random.Random) -> Said:
    """Start a child and kill it after some answers and a moment."""
    tell.write(f"{number * 1_000_000} {choose.randrange(1 << 30)}\n")
    said, child, heard, wanted = Said(), 0, 0, choose.choice((0, 1, 3, 10, 40))
    while True:
        word, *rest = hear.readline().split()
        heard += word != "pid"
        if word == "pid":
            child = int(rest[0])
        elif word == "use":
            said.uses[rest[0]] = int(rest[1])
        elif word == "held":
            said.held[rest[0]] = int(rest[1])
        elif word == "settled":
            said.settled[rest[0]] = int(rest[1])
        elif word == "taken":
            said.taken = int(rest[0])
        elif word == "left":
            said.used_up = True
        elif word == "ended":
            assert said.used_up or int(rest[0]) == -signal.SIGKILL
            return said
        else:
            assert word == "open", (word, rest)
        if child and heard >= wanted and not said.used_up:
            time.sleep(choose.uniform(0, 0.01))
            os.kill(child, signal.SIGKILL)
            child = 0


def kill_many(home: Path, grant: str, worker: int, kills: int) -> list[Said]:
    choose = random.Random(worker)
    with server(home, grant) as (tell, hear):
        return [
            kill_one(tell, hear, 1 + worker * 1000 + number, choose)
            for number in range(-(-kills // PROCESSES))
        ]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def made(folder: Path, limit: int) -> str:
    """Make a workspace with a grant that allows so many inferences."""
    world = World(folder, f"sqlite:///{folder / 'home'}/weightmark.db")
    assert world.workspace.configuration.party.name == PARTY
    calls = Entitlement(name="inferences", unit="requests", limit=limit)
    world.now = datetime.now(UTC)
    grant = world.grant(calls, end=None)
    world.close()
    return grant


def check(home: Path, grant: str, said: list[Said], limit: int) -> int:
    """Hold what is in the file against what was acknowledged; give what is counted."""
    with opened(str(home)) as workspace:
        meter = Meter(workspace.resources, workspace.clock)
        with workspace.resources.usage.reading() as file:
            assert file is not None
            entries = dict(file.execute("SELECT key, units FROM usage_entry").fetchall())
            assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        reservations = {each.key: each for each in meter.reservations(grant, ended=True)}
        for each in said:
            assert each.uses.items() <= entries.items()
            for key, units in each.held.items():
                assert reservations[key].units == {"inferences": units}
            for key, units in each.settled.items():
                assert reservations[key].actual == {"inferences": units}
        blocks = [each for key, each in reservations.items() if key.startswith("block-")]
        taken = sum(each.taken for each in said)
        assert taken <= sum(sum((each.actual or each.units).values()) for each in blocks)
        released = ReservationState.RELEASED
        counted = sum(entries.values()) + sum(
            sum((each.actual or each.units).values())
            for each in reservations.values()
            if each.state is not released
        )
        assert used(workspace.resources, [grant]) == {grant: {"inferences": counted}}
        assert counted <= limit
        return counted


def run(home: Path, grant: str, kills: int) -> list[Said]:
    with ThreadPoolExecutor(PROCESSES) as pool:
        waiting = [pool.submit(kill_many, home, grant, worker, kills) for worker in range(PROCESSES)]
        return [said for each in waiting for said in each.result()]


def test_nothing_acknowledged_is_lost_or_counted_twice(tmp_path: Path, home: Path):
    grant = made(tmp_path, 10**9)
    said = run(home, grant, KILLS)
    assert len(said) >= KILLS
    counted = check(home, grant, said, 10**9)
    acknowledged = sum(sum(each.uses.values()) + each.taken for each in said)
    assert counted >= acknowledged > KILLS
    with opened(str(home)) as workspace:
        meter = Meter(workspace.resources, workspace.clock)
        for key, units in {key: units for each in said for key, units in each.uses.items()}.items():
            assert meter.use(grant, "inferences", units, key=key).repeated
        assert used(workspace.resources, [grant]) == {grant: {"inferences": counted}}


def test_the_bound_is_never_passed_by_many_that_are_killed(tmp_path: Path, home: Path):
    grant = made(tmp_path, 400)
    said = run(home, grant, KILLS_AT_THE_BOUND)
    assert check(home, grant, said, 400) > 300
    assert any(each.used_up for each in said)
    with opened(str(home)) as workspace:
        meter = Meter(workspace.resources, workspace.clock)
        for reserved in meter.reservations(grant):
            meter.reservation(grant, reserved.key).release()
        (balance,) = meter.balances(grant)
        assert balance.reserved == 0
        if balance.left:
            meter.use(grant, "inferences", balance.left, key="rest")
        with pytest.raises(QuotaExceededError):
            meter.reserve(grant, {"inferences": 1}, key="more", lasts=timedelta(hours=1))
