"""Back-fills a real MLflow server with ``weightmark sync``, kills it again and again, and counts.

The versions are small and made in bulk, past the server. The run is killed with SIGKILL in the middle,
several times, and begun again; at the end every version must be registered once and linked once.

    python benchmarks/sync.py --versions 10000 --kills 5
"""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from examples.mlflow_server import serve

from weightmark.vocabulary import Predicate
from weightmark.workspace import Configuration, Workspace

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}
VERSIONS_PER_MODEL = 20
HEADER = b'{"weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}     '


def publish_many(database: Path, folder: Path, count: int) -> None:
    """Put versions into MLflow's tables in bulk, each with a small model of its own."""
    from mlflow.store.model_registry.dbmodels.models import SqlModelVersion, SqlRegisteredModel
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
    from sqlalchemy.orm import Session

    store = SqlAlchemyStore(f"sqlite:///{database}")
    now = int(time.time() * 1000) - count
    with Session(store.engine) as session:
        for number in range(count):
            name, version = f"model-{number // VERSIONS_PER_MODEL:05}", number % VERSIONS_PER_MODEL + 1
            times = {"creation_time": now + number, "last_updated_time": now + number}
            if version == 1:
                session.add(SqlRegisteredModel(name=name, **times))
                session.flush()
            source = write_model(folder / name / str(number), number).as_uri()
            session.add(SqlModelVersion(name=name, version=version, source=source, **times))
        session.commit()
    store.engine.dispose()


def write_model(folder: Path, number: int) -> Path:
    """Write a model of two numbers and a card."""
    folder.mkdir(parents=True)
    data = len(HEADER).to_bytes(8, "little") + HEADER + number.to_bytes(8, "little")
    (folder / "model.safetensors").write_bytes(data)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    return folder


def start(environ: Mapping[str, str], how: list[str]) -> "subprocess.Popen[str]":
    """Begin ``weightmark sync``."""
    command = [sys.executable, "-m", "weightmark", "sync", "models:/", "--json", *how]
    return subprocess.Popen(
        command, env=dict(environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def size_of(workspace: Workspace) -> int:
    """Count the ledger's entries."""
    return workspace.resources.ledger.checkpoint().checkpoint.size


def run_to_the_end(
    workspace: Workspace, environ: Mapping[str, str], kills: list[int], how: list[str]
) -> dict[str, object]:
    """Run it, killed each time the ledger has grown to one of the sizes, until it ends by itself."""
    for size in kills:
        process = start(environ, how)
        while process.poll() is None and size_of(workspace) < size:
            threading.Event().wait(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if process.returncode != -signal.SIGKILL:
            raise RuntimeError(f"it ended by itself with {process.returncode}, before it was killed")
    process = start(environ, how)
    output, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(f"it ended with {process.returncode}: {output[-1000:]} {errors[-1000:]}")
    found: dict[str, object] = json.loads(output)
    return found


def count_entries(workspace: Workspace) -> tuple[int, int, int]:
    """Count registrations, links, and what stands in the ledger more than once."""
    index = workspace.resources.index
    kinds = Counter(entry.predicate_type for entry in index.history())
    models = len(index.dump()["index_model"])
    return kinds[Predicate.REGISTRATION], kinds[Predicate.VERSION], kinds[Predicate.REGISTRATION] - models


def main() -> None:
    """Read the arguments, measure, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--versions", type=int, default=10_000, help="how many model versions there are")
    parser.add_argument("--kills", type=int, default=5, help="how often it is killed")
    parser.add_argument("--jobs", type=int, default=4, help="how many versions at once")
    parser.add_argument("--no-tags", action="store_true", help="register only; write nothing to MLflow")
    options = parser.parse_args()
    how = ["--jobs", str(options.jobs), *(["--no-tags"] if options.no_tags else [])]
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))  # so that servers are ended
    os.environ.update(QUIET)
    with tempfile.TemporaryDirectory(prefix="weightmark-") as temporary:
        folder = Path(temporary)
        home = {"WEIGHTMARK_HOME": str(folder / "weightmark"), "WEIGHTMARK_PARTY": "acme"}
        (folder / "mlflow").mkdir()
        started = time.monotonic()
        publish_many(folder / "mlflow" / "mlflow.db", folder / "models", options.versions)
        made = time.monotonic() - started
        settings = Configuration.load({"home": home["WEIGHTMARK_HOME"], "party": "acme"})
        environ = {**os.environ, **QUIET, **home}
        with (
            Workspace(settings) as workspace,
            serve(folder / "mlflow", environ, guarded=False) as address,
        ):
            environ["MLFLOW_TRACKING_URI"] = address
            step = 2 * options.versions // (options.kills + 1)
            started = time.monotonic()
            kills = [step * number for number in range(1, options.kills + 1)]
            last = run_to_the_end(workspace, environ, kills, how)
            seconds = time.monotonic() - started
            again = run_to_the_end(workspace, environ, [], how)
            workspace.resources.catch_up()
            registrations, links, doubled = count_entries(workspace)
        report(options, made, seconds, last, again)
        print(f"| registrations, links, doubled | {registrations}, {links}, {doubled} |")
    if (registrations, links, doubled) != (options.versions, options.versions, 0):
        raise SystemExit("a registration was lost or doubled")


def report(
    options: argparse.Namespace,
    made: float,
    seconds: float,
    last: Mapping[str, object],
    again: Mapping[str, object],
) -> None:
    """Print the table, but for the count."""
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print("| what | value |\n| --- | --- |")
    print(f"| versions, made in bulk | {options.versions} in {made:.0f} s |")
    print(f"| killed with SIGKILL and begun again | {options.kills} times |")
    print(f"| in all, {options.jobs} jobs | {seconds:.0f} s, {options.versions / seconds:.1f} versions/s |")
    print(f"| the last run | {last['registered']} registered, {last['present']} there already |")
    print(f"| one run more, with nothing to do | {again['seconds']} s, {again['registered']} registered |")
    print(f"| largest process (server or sync) | {memory:.0f} MiB |")


if __name__ == "__main__":
    main()
