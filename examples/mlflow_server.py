"""Start a real MLflow server with the guard in front of its model registry, and end it again."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

WAIT_SECONDS = 180


@contextmanager
def serve(folder: Path, environ: Mapping[str, str], *more: str, guarded: bool = True) -> Iterator[str]:
    """Run ``mlflow server`` on this machine only, with everything it keeps in one folder.

    Args:
        folder: for the database, the artifacts and the server's log.
        environ: the server's environment.
        more: further arguments of ``mlflow server``.
        guarded: whether Weightmark stands in front of its model registry.

    Yields:
        The server's address.

    Raises:
        RuntimeError: it did not start; the end of its log is in the message.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    database = f"sqlite:///{folder / 'mlflow.db'}"
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--backend-store-uri", database),
        *("--registry-store-uri", f"weightmark+{database}" if guarded else database),
        *("--artifacts-destination", str(folder / "artifacts"), "--serve-artifacts", *more),
    ]
    log = folder / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait(process, f"http://127.0.0.1:{port}/health", log)
        yield f"http://127.0.0.1:{port}"
    finally:
        _end(process)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            if answer.status == 200:
                return
        time.sleep(0.2)
    end = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    raise RuntimeError(f"the MLflow server did not start within {WAIT_SECONDS} seconds:\n{end}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server and all that it started: they are one process group."""
    for number, patience in ((signal.SIGTERM, 15), (signal.SIGKILL, 15)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            break
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
