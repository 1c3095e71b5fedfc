"""Measure the SQLite ledger against a bare SQLite table and pymerkle, in one run on one disk.

``python benchmarks/ledger.py [--entries N] [--large] [--json]``

Every number is of durable work: each batch is committed with a sync. The ledger also hashes, signs a
checkpoint for each batch and gives a receipt with an inclusion proof for each entry; the peers do less: the
bare table has no tree, and pymerkle's tree has neither checkpoints nor proofs here.
"""

import argparse
import json
import os
import platform
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import version

from pymerkle import SqliteTree

from weightmark.claims.envelope import Envelope
from weightmark.log.checkpoint import LogKey
from weightmark.log.receipt import verify_receipt
from weightmark.testing.ledger import ORIGIN, FixedSigner, example_envelope
from weightmark_plugins.ledgers.sqlite import SqliteLedger

Row = dict[str, str | int | float]
BATCHES = (1, 100, 1000)
PAYLOAD_BYTES = 1000
LARGE = 1_000_000


def rate(count: int, batch: int, work: Callable[[int, int], object]) -> float:
    """Give entries per second of ``work(start, stop)`` over ``count`` entries."""
    begun = time.perf_counter()
    for start in range(0, count, batch):
        work(start, min(start + batch, count))
    return count / (time.perf_counter() - begun)


def opened(folder: str, name: str) -> SqliteLedger:
    return SqliteLedger.open(f"sqlite:///{folder}/{name}.db", signer=FixedSigner(), origin=ORIGIN)


def weightmark_rate(envelopes: list[Envelope], batch: int) -> float:
    with tempfile.TemporaryDirectory() as folder, opened(folder, "ledger") as ledger:
        found = rate(len(envelopes), batch, lambda start, stop: ledger.append_all(envelopes[start:stop]))
        key = LogKey.parse(ledger.verifier_key)
        verify_receipt(envelopes[-1].encode(), ledger.append(envelopes[-1]), [key])
        return found


def table_rate(bodies: list[bytes], batch: int) -> float:
    """The least that can be called durable: a table, WAL, a sync for each commit; no tree, no proof."""
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(sqlite3.connect(f"{folder}/table.db", isolation_level=None)) as connection,
    ):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE entry(idx INTEGER PRIMARY KEY, body BLOB NOT NULL)")

        def insert(start: int, stop: int) -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT INTO entry(body) VALUES (?)", [(body,) for body in bodies[start:stop]]
            )
            connection.execute("COMMIT")

        return rate(len(bodies), batch, insert)


def pymerkle_rate(bodies: list[bytes], batch: int) -> float:
    """Pymerkle's own SQLite tree, as it comes; it signs nothing and gives no proofs here."""
    with tempfile.TemporaryDirectory() as folder, SqliteTree(f"{folder}/tree.db", algorithm="sha256") as tree:

        def append(start: int, stop: int) -> None:
            if batch == 1:
                tree.append_entry(bodies[start])
            else:
                tree.append_entries(bodies[start:stop])

        return rate(len(bodies), batch, append)


def appends(count: int) -> list[Row]:
    rows: list[Row] = []
    envelopes = [example_envelope(number, size=PAYLOAD_BYTES) for number in range(count)]
    bodies = [envelope.encode() for envelope in envelopes]
    for batch in BATCHES:
        some = count if batch > 1 else min(count, 1000)
        rows += [
            {
                "what": "weightmark: append, receipts",
                "batch": batch,
                "per_second": weightmark_rate(envelopes[:some], batch),
            },
            {"what": "bare table: insert", "batch": batch, "per_second": table_rate(bodies[:some], batch)},
            {"what": "pymerkle: append", "batch": batch, "per_second": pymerkle_rate(bodies[:some], batch)},
        ]
    return rows


def proofs(size: int) -> list[Row]:
    """Build a ledger of a size, open it anew, and prove entries here and there."""
    choose = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        with opened(folder, "large") as ledger:
            begun = time.perf_counter()
            step = 10_000
            for start in range(0, size, step):
                ledger.append_all(
                    [example_envelope(number) for number in range(start, min(start + step, size))]
                )
            built = time.perf_counter() - begun
            more = [example_envelope(number, size=PAYLOAD_BYTES) for number in range(size, size + 20_000)]
            at_size = rate(len(more), 1000, lambda start, stop: ledger.append_all(more[start:stop]))
        begun = time.perf_counter()
        ledger = opened(folder, "large")
        opening = time.perf_counter() - begun
        with ledger:
            times: list[float] = []
            for _ in range(2000):
                index = choose.randrange(size)
                begun = time.perf_counter()
                ledger.prove_inclusion(index)
                times.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            ledger.prove_consistency(size // 3)
            consistency = time.perf_counter() - begun
            begun = time.perf_counter()
            if size < LARGE:
                ledger.audit()
            audit = time.perf_counter() - begun
        cuts = statistics.quantiles(times, n=100)
        rows: list[Row] = [
            {"what": "build, with making the envelopes", "entries": size, "seconds": built},
            {"what": "append at this size, batches of 1000", "entries": size, "per_second": at_size},
            {"what": "open", "entries": size, "milliseconds": opening * 1e3},
            {
                "what": "inclusion proof, median",
                "entries": size,
                "milliseconds": statistics.median(times) * 1e3,
            },
            {"what": "inclusion proof, 99th percentile", "entries": size, "milliseconds": cuts[98] * 1e3},
            {"what": "inclusion proof, slowest", "entries": size, "milliseconds": max(times) * 1e3},
            {"what": "consistency proof, one", "entries": size, "milliseconds": consistency * 1e3},
        ]
        if size < LARGE:
            rows.append({"what": "audit", "entries": size, "per_second": (size + len(more)) / audit})
        return rows


def surroundings() -> Row:
    return {
        "cpus": os.cpu_count() or 0,
        "machine": platform.machine(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "pymerkle": version("pymerkle"),
        "payload_bytes": PAYLOAD_BYTES,
    }


def show(rows: list[Row]) -> None:
    for row in rows:
        what, *rest = row.items()
        values = [
            f"{key} {value:,.2f}" if isinstance(value, float) else f"{key} {value:,}" for key, value in rest
        ]
        print(f"{what[1]:<40} " + "   ".join(f"{value:<22}" for value in values).rstrip())


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=int, default=20_000, help="entries of each run of batches")
    parser.add_argument(
        "--large", action="store_true", help="prove in a ledger of a million entries, not 50,000"
    )
    parser.add_argument("--json", action="store_true", help="write JSON")
    options = parser.parse_args()
    rows = appends(options.entries) + proofs(LARGE if options.large else 50_000)
    if options.json:
        json.dump({"surroundings": surroundings(), "rows": rows}, sys.stdout, indent=2)
        print()
    else:
        print("  ".join(f"{key} {value}" for key, value in surroundings().items()))
        show(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
