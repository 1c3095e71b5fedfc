"""Times what the hook adds to logging a model with Weights & Biases, beside the library's own time.

The real library speaks to the stand-in of its server on this machine, so there is no network to hide behind.
Each round logs one new model with the hook and one without, in turns; what is timed is the whole step: the
artifact, its files, ``log_artifact``, and the wait until the server has it. "Cold" is the first model of a
new process; its workspace is opened then.

    python benchmarks/hook_wandb.py --size 1024 --rounds 3
"""

import argparse
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.integration.wandb.fixture import settings
from tests.integration.wandb.server import serving

MIB = 1 << 20
GOALS = {"small": "under 50 ms", "large": "under 10 %"}


def write_model(folder: Path, mebibytes: float) -> Path:
    """Write a safetensors file of random bytes, another each time; the larger part repeats."""
    folder.mkdir(exist_ok=True)
    size = int(mebibytes * MIB)
    header = b'{"weight":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}' % (size, size)
    header += b" " * (-len(header) % 8)
    block = os.urandom(min(size, MIB))
    with (folder / "model.safetensors").open("wb") as stream:
        stream.write(struct.pack("<Q", len(header)) + header)
        left = size
        while left:
            stream.write(os.urandom(16) + block[16 : min(left, len(block))] if left > 16 else block[:left])
            left -= min(left, len(block))
    (folder / "config.json").write_text("{}")
    return folder


@contextmanager
def hooked(*, wanted: bool) -> Iterator[None]:
    """Guard the library for a while, or not."""
    from weightmark_hooks.wandb import protect, unprotect

    if wanted:
        protect()
    try:
        yield
    finally:
        unprotect()


def log(run: Any, folder: Path, *, wanted: bool) -> float:
    """Log a model; give the time of the whole step, in seconds."""
    import wandb

    with hooked(wanted=wanted):
        started = time.perf_counter()
        artifact = wandb.Artifact("churn", "model")
        artifact.add_dir(str(folder))
        run.log_artifact(artifact).wait()
        return time.perf_counter() - started


def measure(folder: Path, mebibytes: float, rounds: int) -> tuple[list[float], list[float]]:
    """Log models in turns, with the hook and without; give seconds of both, a first pair left out."""
    import wandb

    times: dict[bool, list[float]] = {False: [], True: []}
    with wandb.init(project="bench") as run:
        for turn in range(rounds + 1):
            for wanted in (False, True) if turn % 2 else (True, False):
                took = log(run, write_model(folder / "model", mebibytes), wanted=wanted)
                if turn:
                    times[wanted].append(took)
    return times[False], times[True]


def measure_cold(folder: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Log one small model in each of many processes, with a home that has its keys."""
    times: dict[bool, list[float]] = {False: [], True: []}
    for turn in range(rounds + 1):
        for wanted in (False, True):
            write_model(folder / "model", 0.01)
            command = [sys.executable, __file__, "--once", str(int(wanted)), str(folder / "model")]
            found = subprocess.run(command, check=True, capture_output=True, text=True)
            if turn:
                times[wanted].append(float(found.stdout.split()[-1]))
    return times[False], times[True]


def row(name: str, plain: list[float], guarded: list[float], goal: str) -> str:
    """Write a row: medians in milliseconds, and the median of the differences of pairs."""
    added = statistics.median(two - one for one, two in zip(plain, guarded, strict=True)) * 1000
    one, two = statistics.median(plain) * 1000, statistics.median(guarded) * 1000
    return f"| {name} | {one:.0f} ms | {two:.0f} ms | {added:.0f} ms | {added / one:.1%} | {goal} |"


def once(wanted: str, folder: str) -> None:
    """Log one model and write the seconds it took."""
    import wandb

    with wandb.init(project="bench") as run:
        print(log(run, Path(folder), wanted=wanted == "1"))


def main() -> None:
    """Read the arguments, measure, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=float, default=1024, help="MiB of the large model")
    parser.add_argument(
        "--rounds", type=int, default=3, help="pairs of the large model; ten times of the small"
    )
    parser.add_argument("--once", nargs=2, metavar=("HOOK", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        once(*options.once)
        return
    with tempfile.TemporaryDirectory() as made, serving(Path(made) / "server") as server:
        folder = Path(made)
        os.environ.update(settings(folder, server.address))
        os.environ["WEIGHTMARK_HOME"] = str(folder / "home")
        rows = [
            row("small, warm", *measure(folder, 0.01, options.rounds * 10), GOALS["small"]),
            row("small, cold process", *measure_cold(folder, options.rounds), GOALS["small"]),
            row(f"{options.size:.0f} MiB", *measure(folder, options.size, options.rounds), GOALS["large"]),
        ]
        import wandb

        wandb.teardown()
    print("| model | plain | with the hook | added | share | goal |\n| --- | --- | --- | --- | --- | --- |")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
