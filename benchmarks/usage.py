"""How many uses a meter counts in a second, beside bare SQLite that keeps as much with the same care.

    python benchmarks/usage.py [--json] [--seconds 2]

Every way ends on the disk: WAL, synchronous=FULL, one sync for each transaction. The bare rows write one row
for each use under its key and add to one sum, and check no grant and no bound. All ways are measured in turn,
several times, and the median is told: the disk is shared with whatever else is running.
"""

import argparse
import json
import multiprocessing
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from weightmark.claims import GrantClaim
from weightmark.licensing import Entitlement, Grant, Tier
from weightmark.workspace import Configuration, Workspace
from weightmark.workspace.metering.meter import Meter
from weightmark.workspace.metering.usage import Use

BATCH = 1000
ROUNDS = 5
NUMBERS = count()


def opened(folder: Path) -> Workspace:
    return Workspace(Configuration.load({"home": str(folder / "home"), "party": "lab"}, {}))


def made(folder: Path) -> str:
    """Make a workspace with one model and one grant with a limit nobody reaches."""
    (model := folder / "model").mkdir()
    (model / "weights.bin").write_bytes(b"weights")
    with opened(folder) as workspace:
        registered = workspace.register(str(model), mine=True).model
        assert registered is not None
        grant = Grant(
            model=registered.bundle,
            licensor="lab",
            grantee="acme",
            tier=Tier.INFERENCE,
            start=datetime.now(UTC),
            bounds=(Entitlement(name="inferences", unit="requests", limit=10**12),),
        )
        claim = GrantClaim(grant=grant, issued_at=workspace.clock())
        return workspace.record(registered, claim).statement.digest


def rate(call: Callable[[], int], seconds: float) -> float:
    """Call for some time; give how many uses it counted in a second."""
    start, done = time.perf_counter(), 0
    while (spent := time.perf_counter() - start) < seconds:
        done += call()
    return done / spent


def own_ways(meter: Meter, grant: str) -> Iterator[tuple[str, Callable[[], int]]]:
    def one() -> int:
        meter.use(grant, "inferences", 1, key=f"one-{next(NUMBERS)}")
        return 1

    def batch() -> int:
        keys = [f"batch-{next(NUMBERS)}" for _ in range(BATCH)]
        meter.use_all([Use(subject=grant, name="inferences", units=1, key=key) for key in keys])
        return BATCH

    counter = meter.counter(grant, "inferences", block=BATCH)

    def take() -> int:
        for _ in range(100):
            counter.take()
        return 100

    yield "one by one", one
    yield f"batches of {BATCH}", batch
    yield f"counter, blocks of {BATCH}", take


def bare_ways(folder: Path) -> Iterator[tuple[str, Callable[[], int]]]:
    database = sqlite3.connect(folder / "bare.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE entry (key TEXT PRIMARY KEY, units INTEGER) WITHOUT ROWID")
    database.execute("CREATE TABLE tally (id INTEGER PRIMARY KEY, used INTEGER)")
    database.execute("INSERT INTO tally VALUES (1, 0)")

    def write(number: int) -> int:
        database.execute("BEGIN IMMEDIATE")
        for _ in range(number):
            database.execute("INSERT INTO entry VALUES (?, 1)", (f"bare-{next(NUMBERS)}",))
            database.execute("UPDATE tally SET used = used + 1 WHERE id = 1")
        database.execute("COMMIT")
        return number

    yield "bare SQLite, one by one", lambda: write(1)
    yield f"bare SQLite, batches of {BATCH}", lambda: write(BATCH)


def work(folder: Path, grant: str, worker: int, seconds: float) -> int:
    """Count one by one in a process of its own; give how many."""
    with opened(folder) as workspace:
        meter, done, until = Meter(workspace.resources), 0, time.perf_counter() + seconds
        while time.perf_counter() < until:
            meter.use(grant, "inferences", 1, key=f"{worker}-{time.time_ns()}-{done}")
            done += 1
        return done


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    share = options.seconds / ROUNDS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        grant = made(folder)
        with opened(folder) as workspace, multiprocessing.get_context("spawn").Pool(2) as pool:
            ways = [*own_ways(Meter(workspace.resources), grant), *bare_ways(folder)]
            rates: dict[str, list[float]] = {way: [] for way, _ in ways}
            for _ in range(ROUNDS):
                for way, call in ways:
                    rates[way].append(rate(call, share))
            together = sum(
                pool.starmap(work, [(folder, grant, worker, options.seconds) for worker in range(2)])
            )
            rates["two processes, one by one"] = [together / options.seconds]
    rows = [{"way": way, "uses_per_second": round(statistics.median(each))} for way, each in rates.items()]
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'way':<36} {'uses/s':>10}")
    for row in rows:
        print(f"{row['way']:<36} {row['uses_per_second']:>10,}")


if __name__ == "__main__":
    main()
