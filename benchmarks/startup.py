"""Times what every command pays before it does anything: the start of the program.

Each command is a process of its own; the commands take turns, so that a busy machine slows all alike. Peers
are the interpreter by itself, the floor of all, and ``model_signing --help``, the tool that people use today.

    python benchmarks/startup.py --rounds 15
"""

import argparse
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

GOAL = "`weightmark --help`: under 300 ms"


def write_model(folder: Path) -> None:
    """Write a safetensors file with one tensor of 4 KiB."""
    folder.mkdir()
    header = b'{"weight":{"dtype":"F32","shape":[1024],"data_offsets":[0,4096]}}'
    header += b" " * (-len(header) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4096))


def list_commands(model: Path) -> dict[str, Sequence[str]]:
    """Name the commands to time; a peer that is not installed is left out."""
    tools = Path(sys.executable).parent
    commands: dict[str, Sequence[str]] = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "python -c 'import weightmark'": [sys.executable, "-c", "import weightmark"],
        "weightmark --help": [str(tools / "weightmark"), "--help"],
        "weightmark fingerprint, 4 KiB": [str(tools / "weightmark"), "fingerprint", str(model)],
    }
    if (tools / "model_signing").exists():
        commands["model_signing --help"] = [str(tools / "model_signing"), "--help"]
    return commands


def measure(commands: Mapping[str, Sequence[str]], rounds: int, home: Path) -> dict[str, list[float]]:
    """Run each command once to warm up and then ``rounds`` times; give milliseconds."""
    environment = {**os.environ, "HOME": str(home)}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            started = time.perf_counter()
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
            if turn:
                times[name].append((time.perf_counter() - started) * 1000)
    return times


def main() -> None:
    """Read the arguments, measure, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15, help="how often each command is timed")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="weightmark-") as temporary:
        write_model(Path(temporary) / "model")
        times = measure(list_commands(Path(temporary) / "model"), rounds, Path(temporary))
    print(f"Median and best of {rounds} runs in turn. Goal: {GOAL}.\n")
    print(f"{'command':32}{'median ms':>10}{'best ms':>10}")
    for name, values in times.items():
        print(f"{name:32}{statistics.median(values):10.0f}{min(values):10.0f}")


if __name__ == "__main__":
    main()
