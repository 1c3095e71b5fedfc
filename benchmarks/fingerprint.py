"""Times the fingerprint of a 2 GiB model, end to end, against the tools that people use today.

Every command runs as a process of its own, start-up included, on files that are in the page cache; the
commands take turns within one run, so that a busy machine slows all alike. What is printed: the median time,
the speed, the peak memory of the process, and the ratio to ``model_signing sign``.

    python benchmarks/fingerprint.py --rounds 5 --json result.json
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

SHARDS, TENSORS, SMALL_FILES = 4, 300, 500
BLOCK = 4 * 1024 * 1024
REFERENCE = "model_signing sign"
ENGINE = """
import sys
from weightmark.encoding import Algorithm
from weightmark.fingerprinting import fingerprint_artifact
from weightmark.model.artifact import Artifact
from weightmark_plugins.formats.safetensors import SafetensorsFormat
artifact, reader = Artifact.open(sys.argv[1]), SafetensorsFormat()
spans = reader.tensors(artifact, reader.claims(artifact))
print(fingerprint_artifact(artifact, spans, algorithm=Algorithm(sys.argv[2])).bundle)
"""
LIMIT = """
import hashlib, mmap, pathlib, sys, threading
import blake3
make = {"sha256": hashlib.sha256, "blake3": blake3.blake3}[sys.argv[2]]
step, work = 16 << 20, []
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*")):
    if path.is_file():
        with path.open("rb") as file:
            view = memoryview(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
        work += [view[start : start + step] for start in range(0, len(view), step)]
units = iter(work)
lock = threading.Lock()
def hash_units():
    while True:
        with lock:
            unit = next(units, None)
        if unit is None:
            return
        make(unit).digest()
threads = [threading.Thread(target=hash_units) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
"""What can be had at most: two threads that hash the mapped files and do nothing else, not even add up."""


@dataclass(frozen=True)
class Result:
    """What one command cost: seconds (median and best), GB/s at the median, MB at the peak, CPU seconds."""

    name: str
    median: float
    best: float
    speed: float
    memory: float
    cpu: float
    ratio: float | None = None


def write_model(folder: Path, size: int) -> None:
    """Write safetensors shards with 300 tensors in all, and 500 small files, ``size`` bytes in total."""
    folder.mkdir(parents=True)
    source = random.Random(1)
    block = source.randbytes(BLOCK)
    small = 40_000
    per_tensor = (size - SMALL_FILES * small) // TENSORS // 2 * 2
    for shard in range(SHARDS):
        count = TENSORS // SHARDS
        header = {
            f"layer.{shard * count + i}.weight": {
                "dtype": "BF16",
                "shape": [per_tensor // 2],
                "data_offsets": [i * per_tensor, (i + 1) * per_tensor],
            }
            for i in range(count)
        }
        raw = json.dumps(header).encode()
        with (folder / f"model-{shard + 1:05}-of-{SHARDS:05}.safetensors").open("wb") as file:
            file.write(len(raw).to_bytes(8, "little") + raw)
            for i in range(count):
                left, first = per_tensor, source.randbytes(16) + bytes([i])
                file.write(first[:left])
                left -= len(first)
                while left > 0:
                    left -= file.write(block[:left])
    for i in range(SMALL_FILES):
        place = folder / f"assets/{i % 10}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"file-{i}.txt").write_bytes(block[i : i + small])


def list_commands(model: Path, work: Path) -> dict[str, list[str]]:
    """Give the commands to be timed, by name; those whose tool is missing are left out."""
    python, tools = sys.executable, Path(sys.executable).parent
    files = sorted(str(path) for path in model.rglob("*") if path.is_file())
    commands: dict[str, list[str]] = {}
    for algorithm in ("sha256", "blake3"):
        commands[f"limit {algorithm}"] = [python, "-c", LIMIT, str(model), algorithm]
        commands[f"engine {algorithm}"] = [python, "-c", ENGINE, str(model), algorithm]
    if (
        subprocess.run([python, "-m", "weightmark", "--help"], capture_output=True, check=False).returncode
        == 0
    ):
        for algorithm in ("sha256", "blake3"):
            commands[f"weightmark {algorithm}"] = [
                *[str(tools / "weightmark"), "fingerprint", str(model), "--json"],
                *(["--algorithm", algorithm] if algorithm != "sha256" else []),
            ]
        kept = ["--cache", str(work / "digests.db")]
        commands["weightmark, unchanged"] = [*commands["weightmark sha256"], *kept]
    key = work / "key.pem"
    make_key = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key)]
    signer = subprocess.run([python, "-m", "model_signing", "--help"], capture_output=True, check=False)
    if shutil.which("openssl") and signer.returncode == 0:
        subprocess.run(make_key, check=True)
        options = ["--private_key", str(key), "--signature", str(work / "model.sig")]
        commands[REFERENCE] = [str(tools / "model_signing"), "sign", "key", str(model), *options]
    for name, command in (("openssl dgst", ["openssl", "dgst", "-sha256"]), ("sha256sum", ["sha256sum"])):
        if shutil.which(command[0]):
            commands[name] = [*command, *files]
    return commands


def run_once(command: Sequence[str]) -> tuple[float, float, float]:
    """Run a command; give seconds, peak memory in MB and CPU seconds."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        errors = process.stderr.read() if process.stderr is not None else b""
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        said = errors.decode(errors="replace")[-800:]
        sys.exit(f"{' '.join(command[:6])} failed with {process.returncode}: {said}")
    return seconds, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def measure(commands: dict[str, list[str]], rounds: int, size: int) -> list[Result]:
    """Run all commands in turns, after one round that is not counted."""
    runs: dict[str, list[tuple[float, float, float]]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            run = run_once(command)
            if turn:
                runs[name].append(run)
    medians = {name: statistics.median(run[0] for run in values) for name, values in runs.items()}
    return [
        Result(
            name=name,
            median=medians[name],
            best=min(run[0] for run in values),
            speed=size / medians[name] / 1e9,
            memory=max(run[1] for run in values),
            cpu=statistics.median(run[2] for run in values),
            ratio=medians[REFERENCE] / medians[name] if REFERENCE in medians else None,
        )
        for name, values in runs.items()
    ]


def show(results: Sequence[Result]) -> None:
    """Print a table."""
    print(f"{'command':24}{'median s':>10}{'best s':>10}{'GB/s':>8}{'CPU s':>8}{'peak MB':>9}{'faster':>10}")
    for result in results:
        ratio = "-" if result.ratio is None else f"{result.ratio:.2f}"
        print(
            f"{result.name:24}{result.median:10.3f}{result.best:10.3f}{result.speed:8.2f}{result.cpu:8.2f}"
            f"{result.memory:9.0f}{ratio:>10}"
        )


def main() -> None:
    """Read the arguments, make the model once, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--workdir", type=Path, help="where the model is kept between runs; by default nowhere"
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each command is timed")
    parser.add_argument("--size", type=int, default=2048, help="the model's size in MiB")
    parser.add_argument("--json", type=Path, help="also write the results here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="weightmark-") as temporary:
        work = options.workdir or Path(temporary)
        model = work / f"model-{options.size}"
        if not model.exists():
            write_model(model, options.size * 1024 * 1024)
        size = sum(path.stat().st_size for path in model.rglob("*") if path.is_file())
        results = measure(list_commands(model, work), options.rounds, size)
    load = os.getloadavg()[0]
    print(f"{size:,} bytes, {os.cpu_count()} processors, median of {options.rounds}, against {REFERENCE}")
    print(
        f"load {load:.1f}; far above the number of these commands' threads, times say little and CPU s more"
    )
    show(results)
    if options.json:
        report = {"bytes": size, "processors": os.cpu_count(), "rounds": options.rounds, "load": load}
        options.json.write_text(
            json.dumps({**report, "results": [asdict(result) for result in results]}, indent=2)
        )


if __name__ == "__main__":
    main()
