"""A process that appends is killed at random moments: nothing that was acknowledged is lost."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from tests.integration.statements import TRUST

from weightmark.index import Index
from weightmark.log.checkpoint import LogKey, SignedCheckpoint, open_checkpoint
from weightmark.log.merkle import hash_leaf
from weightmark.ports.ledger import Ledger
from weightmark.testing.ledger import ORIGIN, FixedSigner, example_envelope
from weightmark_plugins.ledgers.sqlite import SqliteLedger

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks"),
]

KILLS = 200
KILLS_WHILE_MADE = 30
ROOT = Path(__file__).parents[2]

REBUILDS = 100
"""After so many kills each, the index is compared with one made anew."""


def opened(path: Path) -> Ledger:
    return SqliteLedger.open(f"sqlite:///{path}", signer=FixedSigner(), origin=ORIGIN)


@contextmanager
def server(path: Path) -> Iterator[tuple[IO[str], IO[str]]]:
    """Run the process that forks appenders; give what it is told and what it says."""
    command = [sys.executable, "-m", "tests.integration.appender", f"sqlite:///{path}", "serve"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, cwd=ROOT
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdin, process.stdout
        finally:
            process.stdin.close()
            process.wait(timeout=30)


def kill_one(tell: IO[str], hear: IO[str], order: str, choose: random.Random, most: int) -> dict[int, str]:
    """Start an appender and kill it after some answers and a moment; give what it acknowledged."""
    acknowledged: dict[int, str] = {}
    tell.write(f"{order}\n")
    child, heard, wanted = 0, 0, choose.randint(0, most)
    while True:
        word, *rest = hear.readline().split()
        if word == "pid":
            child = int(rest[0])
        elif word == "ack":
            acknowledged[int(rest[0])] = rest[1]
            heard += 1
        elif word == "ended":
            assert int(rest[0]) == -signal.SIGKILL
            return acknowledged
        else:
            assert word == "open", rest
            heard += 1
        if child and heard >= wanted:
            time.sleep(choose.uniform(0, 0.012))
            os.kill(child, signal.SIGKILL)
            child, wanted = 0, 1 << 30


def check_kept(ledger: Ledger, acknowledged: dict[int, str]) -> None:
    """Every acknowledged entry is there, in the place that was acknowledged."""
    for index, leaf in acknowledged.items():
        (entry,) = ledger.entries(index, index + 1)
        assert (entry.index, hash_leaf(entry.envelope.encode()).hex()) == (index, leaf)


def check_continues(ledger: Ledger, old: SignedCheckpoint) -> None:
    key = LogKey.parse(ledger.verifier_key)
    before, after = open_checkpoint(old.note, key).checkpoint, ledger.checkpoint().checkpoint
    ledger.prove_consistency(before.size).check(before.root, after.root)


def check_index(path: Path, ledger: Ledger, *, rebuild: bool) -> None:
    """The index in the same file catches up after a kill, and equals one that is made anew."""
    index = Index(f"sqlite:///{path}")
    try:
        index.catch_up(ledger, TRUST)
        if not rebuild:
            return
        dump = index.dump()
        anew = Index("sqlite://")
        assert anew.rebuild(ledger, TRUST) == ledger.checkpoint().checkpoint.size
        assert anew.dump() == dump
        assert dump["index_model"]
        assert dump["index_grant"]
        anew.close()
    finally:
        index.close()


def test_nothing_acknowledged_is_lost(tmp_path: Path):
    path = tmp_path / "ledger.db"
    choose = random.Random(20261122)
    acknowledged: dict[int, str] = {}
    seen: list[SignedCheckpoint] = []
    unfinished = 0
    with server(path) as (tell, hear):
        for kill in range(KILLS):
            order = f"{kill * 100_000} {choose.randrange(1 << 30)}"
            found = kill_one(tell, hear, order, choose, most=choose.choice((0, 1, 2, 10, 100)))
            assert all(acknowledged.get(index, leaf) == leaf for index, leaf in found.items())
            acknowledged |= found
            with opened(path) as ledger:
                check_kept(ledger, dict(list(found.items())[-10:]))
                if seen:
                    check_continues(ledger, seen[-1])
                seen.append(ledger.checkpoint())
                unfinished += seen[-1].checkpoint.size > max(acknowledged, default=-1) + 1
                check_index(path, ledger, rebuild=(kill + 1) % REBUILDS == 0)
    with opened(path) as ledger:
        held = ledger.audit()
        assert held.checkpoint.size > KILLS
        leaves = [hash_leaf(entry.envelope.encode()).hex() for entry in ledger.entries()]
        assert len(leaves) == held.checkpoint.size
        assert len(set(leaves)) == len(leaves)
        assert {index: leaves[index] for index in acknowledged} == acknowledged
        for old in seen:
            check_continues(ledger, old)
        assert ledger.append(example_envelope(-1)).index == held.checkpoint.size
    assert len(acknowledged) > KILLS
    assert unfinished > 0, "no kill came between a commit and its answer: the moments are not random enough"


def test_a_ledger_is_made_wholly_or_not_at_all(tmp_path: Path):
    """The first appender of a ledger is killed while it makes the tables, or a little later."""
    choose = random.Random(11)
    path = tmp_path / "ledger.db"
    with server(path) as (tell, hear):
        for kill in range(KILLS_WHILE_MADE):
            acknowledged = kill_one(tell, hear, f"0 {kill}", choose, most=0)
            with opened(path) as ledger:
                check_kept(ledger, acknowledged)
                ledger.append(example_envelope(-1))
                ledger.audit()
            for each in tmp_path.iterdir():
                each.unlink()
