"""Several processes append to one ledger at once: nothing is lost, nothing is doubled."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.statements import envelope_of

from weightmark.log.merkle import hash_leaf
from weightmark.testing.ledger import ORIGIN, FixedSigner
from weightmark_plugins.ledgers.sqlite import SqliteLedger

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
PROCESSES, EACH, SHARED = 4, 100, 20


def test_four_processes_append(tmp_path: Path):
    """Each appends a hundred; the last twenty of each are the first twenty of the next."""
    uri = f"sqlite:///{tmp_path}/ledger.db"
    step = EACH - SHARED
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.integration.appender", uri, "count", str(step * each), str(EACH)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for each in range(PROCESSES)
    ]
    places: dict[str, int] = {}
    for process in running:
        answers, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        for line in answers.splitlines():
            _, index, leaf = line.split()
            assert places.setdefault(leaf, int(index)) == int(index)
    total = step * PROCESSES + SHARED
    with SqliteLedger.open(uri, signer=FixedSigner(), origin=ORIGIN) as ledger:
        assert ledger.audit().checkpoint.size == total
        leaves = [hash_leaf(entry.envelope.encode()).hex() for entry in ledger.entries()]
    assert sorted(leaves) == sorted(hash_leaf(each.encode()).hex() for each in map(envelope_of, range(total)))
    assert places == {leaf: index for index, leaf in enumerate(leaves)}
