"""A process that records use is killed again and again: what it acknowledged is there, each once."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.integration.recorder import person
from tests.usage_chains import meter, trust

from weightmark.claims.offline.usage_chain import UsageChain, verify_chain

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks"),
]

ROOT = Path(__file__).parents[2]
KILLS = 15
SEED = "offline"


def record_and_kill(file: Path, start: int, choose: random.Random) -> tuple[set[int], int]:
    """Let a process record until it is killed; give what it acknowledged, and the last use it began."""
    command = [sys.executable, "-m", "tests.integration.recorder", str(file), SEED, str(start)]
    acknowledged: set[int] = set()
    begun, wanted = start - 1, choose.randint(0, 60)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        killed = False
        for line in process.stdout:
            word, number = line.split()
            if word == "ack":
                acknowledged.add(int(number))
            else:
                begun = int(number)
            if not killed and len(acknowledged) >= wanted:
                time.sleep(choose.uniform(0, 0.004))
                process.send_signal(signal.SIGKILL)
                killed = True
        assert process.wait(timeout=30) == -signal.SIGKILL
    return acknowledged, begun


def test_no_acknowledged_use_is_lost_or_doubled_by_kills(tmp_path: Path) -> None:
    choose = random.Random(5)
    file, everything, start = tmp_path / "chain", set[int](), 0
    lengths: list[int] = []
    for _ in range(KILLS):
        acknowledged, begun = record_and_kill(file, start, choose)
        everything |= acknowledged
        # What had begun and was not acknowledged is recorded again under its own key.
        start = max(begun, 0)
        lengths.append(file.stat().st_size)
    kept = meter(file, person(SEED))
    recorded: UsageChain = verify_chain(kept.export(), trust(person(SEED)))
    numbers = [int(key.split()[1]) for key in recorded.keys]
    assert everything <= set(numbers)
    assert numbers == list(range(len(numbers)))
    assert recorded.totals == {"images": len(numbers)}
    assert lengths == sorted(lengths)
