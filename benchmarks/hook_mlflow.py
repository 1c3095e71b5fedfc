"""Times what the guard adds to logging and registering a model with MLflow, beside MLflow's own time.

Two servers run at once, one plain and one guarded; the same files go to both in turn, so a busy machine slows
both alike. Then the same without a server: MLflow in this process, with and without ``protect()``. Every
round changes the model, so nothing is known already. "Cold" is the first model that a process sees.

    python benchmarks/hook_mlflow.py --size 1024 --rounds 3
"""

import argparse
import json
import logging
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from examples.mlflow_server import serve

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "600",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
MIB = 1 << 20
GOALS = {"small": "under 50 ms", "large": "under 10 %"}


def make_model(mebibytes: float) -> Any:
    """Make a PyTorch module of one tensor of random numbers."""
    import torch

    torch.manual_seed(0)
    module = torch.nn.Module()
    module.weight = torch.nn.Parameter(torch.rand(int(mebibytes * MIB / 4)))
    return module


def change(module: Any) -> None:
    """Make another model of it: one number is new."""
    import torch

    with torch.no_grad():
        module.weight[0] = torch.rand(1).item() + time.time()


def publish(module: Any, address: str, name: str) -> tuple[float, float]:
    """Log and register with MLflow's own calls; give the times of both, in seconds."""
    import mlflow

    mlflow.set_tracking_uri(address)
    with mlflow.start_run():
        started = time.perf_counter()
        info = mlflow.pytorch.log_model(
            module,
            name="model",
            pip_requirements=["torch"],
            metadata={"license": "mit"},
            serialization_format="pickle",
        )
        middle = time.perf_counter()
        mlflow.register_model(info.model_uri, name)
        ended = time.perf_counter()
    return middle - started, ended - middle


@contextmanager
def servers(folder: Path) -> Iterator[tuple[str, str]]:
    """Run a plain and a guarded server; give their addresses."""
    environ = {
        **os.environ,
        **QUIET,
        "WEIGHTMARK_HOME": str(folder / "weightmark"),
        "WEIGHTMARK_PARTY": "acme",
    }
    with (
        serve(folder / "plain", environ, guarded=False) as plain,
        serve(folder / "guarded", environ) as guarded,
    ):
        yield plain, guarded


def compare(
    module: Any,
    rounds: int,
    plain: Callable[[], tuple[float, float]],
    ours: Callable[[], tuple[float, float]],
) -> dict[str, tuple[float, float]]:
    """Take turns; give the medians of (log, register), in seconds, and the first pair, which is cold."""
    change(module)
    cold = (plain(), ours())
    pairs: list[tuple[tuple[float, float], tuple[float, float]]] = []
    for turn in range(rounds):
        change(module)
        first, second = (plain, ours) if turn % 2 else (ours, plain)
        one, other = first(), second()
        pairs.append((one, other) if turn % 2 else (other, one))
    return {
        "cold": (sum(cold[0]), cold[1][1] - cold[0][1]),
        "warm": (
            statistics.median(sum(one) for one, _ in pairs),
            statistics.median(other[1] - one[1] for one, other in pairs),
        ),
    }


def report(where: str, what: str, goal: str, measured: dict[str, tuple[float, float]]) -> None:
    """Print one row for cold and one for warm."""
    for when, (alone, added) in measured.items():
        print(
            f"| {where} | {what} | {when} | {alone * 1000:.0f} ms | {added * 1000:+.0f} ms |"
            f" {added / alone:+.1%} | {goal} |"
        )
    sys.stdout.flush()


IN_PROCESS = """
import sys, json
sys.path.insert(0, sys.argv[1])
import hook_mlflow as bench
size, rounds = float(sys.argv[2]), int(sys.argv[3])
bench.be_quiet()
import weightmark_hooks.mlflow as hook
address = "sqlite:///mlflow.db"
bench.publish(bench.make_model(0.01), address, "warm-up")
module = bench.make_model(size)
def plain():
    hook.unprotect()
    return bench.publish(module, address, "plain")
def ours():
    hook.protect()
    return bench.publish(module, address, "guarded")
print("RESULT " + json.dumps(bench.compare(module, rounds, plain, ours)))
"""


def in_process(size: float, rounds: int, work: Path) -> dict[str, tuple[float, float]]:
    """Do the same without a server, in a fresh process."""
    work.mkdir()
    environ = {**os.environ, "WEIGHTMARK_HOME": str(work / "weightmark"), "WEIGHTMARK_PARTY": "acme"}
    command = [sys.executable, "-c", IN_PROCESS, str(Path(__file__).parent), str(size), str(rounds)]
    done = subprocess.run(command, cwd=work, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    return {key: (value[0], value[1]) for key, value in json.loads(line.removeprefix("RESULT ")).items()}


def disabled(rounds: int) -> None:
    """Time the import of MLflow with our hooks installed but asleep, and with them named."""
    times: dict[str, list[float]] = {"": [], "mlflow": []}
    for _ in range(rounds):
        for value, taken in times.items():
            environ = {**os.environ, **QUIET, "WEIGHTMARK_HOOKS": value}
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", "import mlflow"], env=environ, check=True)
            taken.append(time.perf_counter() - started)
    asleep, awake = statistics.median(times[""]), statistics.median(times["mlflow"])
    print(
        f"| `import mlflow` | WEIGHTMARK_HOOKS=mlflow | | {asleep * 1000:.0f} ms |"
        f" {(awake - asleep) * 1000:+.0f} ms | {awake / asleep - 1:+.1%} | |"
    )


def main() -> None:
    """Read the arguments, measure, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=1024, help="MiB of the large model")
    parser.add_argument("--rounds", type=int, default=3, help="how often the large model is taken")
    parser.add_argument("--small-rounds", type=int, default=15, help="how often the small one is")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))  # so that servers are ended
    be_quiet()
    tasks = (("4 KiB", 0.004, options.small_rounds, GOALS["small"]),)
    tasks += ((f"{options.size} MiB", float(options.size), options.rounds, GOALS["large"]),)
    print("| where | model | | MLflow alone: log and register | the guard adds | | goal |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="weightmark-") as temporary:
        folder = Path(temporary)
        with servers(folder) as (plain, guarded):
            publish(make_model(0.01), plain, "warm-up")
            for what, size, rounds, goal in tasks:
                module = make_model(size)
                found = compare(
                    module,
                    rounds,
                    lambda module=module: publish(module, plain, "model"),
                    lambda module=module: publish(module, guarded, "model"),
                )
                report("guarded server", what, goal, found)
        for what, size, rounds, goal in tasks:
            found = in_process(size, rounds, folder / what.replace(" ", "-"))
            report("`protect()`, no server", what, goal, found)
    disabled(3)


def be_quiet() -> None:
    """Let MLflow print nothing but what is wrong."""
    os.environ.update(QUIET)
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")


if __name__ == "__main__":
    main()
