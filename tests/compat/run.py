"""Runs a platform's tests against named releases of its library, each in an environment of its own.

    python tests/compat/run.py mlflow                  # its oldest and its newest release
    python tests/compat/run.py mlflow 3.9.0 3.17.2     # these
    python tests/compat/run.py                         # every platform, oldest and newest

The environments are made with uv, from the lock where the release allows it, in ``.venv/compat``.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = Path(__file__).with_name("versions.toml")
TESTING = ("hypothesis", "pytest", "pytest-timeout", "editables", "hatchling", "pyyaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """One entry of the table."""

    name: str
    extra: str
    package: str
    oldest: str
    newest: str
    tests: tuple[str, ...]
    oldest_pins: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    newest_tests: tuple[str, ...] = ()

    def chosen(self, version: str) -> tuple[str, ...]:
        """Give the tests that are run against a release."""
        return (*self.tests, *(self.newest_tests if version == self.newest else ()))

    def pins(self, version: str) -> tuple[str, ...]:
        """Give what a release needs beside it."""
        return self.oldest_pins if version == self.oldest else ()


def read_table() -> dict[str, Platform]:
    """Read the table.

    Raises:
        TypeError: an entry has a field that is not known, or lacks one.
    """
    entries = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return {
        name: Platform(
            name=name,
            **{key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()},
        )
        for name, entry in entries.items()
    }


def find_uv() -> str:
    """Find uv beside this interpreter, else on the path.

    Raises:
        SystemExit: there is none.
    """
    found = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if found is None:
        raise SystemExit("uv was not found; run `make test` once, or install it: pip install uv")
    return found


def make_environment(uv: str, platform: Platform, version: str, folder: Path) -> Path:
    """Make an environment with one release of the platform's library; give its interpreter.

    The lock decides what the release leaves open; where they do not get along, the lock is left out.
    """
    python = folder / "bin" / "python"
    run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
    chosen = [f"{platform.package}=={version}", *platform.pins(version)]
    project = ("-r", "pyproject.toml", "--extra", platform.extra)
    install = (uv, "pip", "install", "--quiet", "--python", str(python))
    wanted = (*project, *chosen, *platform.needs, *TESTING)
    with tempfile.TemporaryDirectory() as temporary:
        lock = Path(temporary) / "lock.txt"
        lock.write_text(unpinned(platform, version), encoding="utf-8")
        if run(*install, *wanted, "--constraints", str(lock), check=False):
            run(*install, *wanted)
    run(*install, "--no-deps", "--no-build-isolation", "--editable", ".")
    return python


def unpinned(platform: Platform, version: str) -> str:
    """Give the lock's pins, without hashes and without those that the release overrides."""
    given = [platform.package, *(re.split(r"[<>=!~\[ ]", pin)[0] for pin in platform.pins(version))]
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [line.rstrip(" \\") for line in lines if re.match(r"[a-zA-Z0-9]", line)]
    kept = [pin for pin in pins if not any(re.match(rf"{name}([-_]\w+)*==", pin) for name in given)]
    return "\n".join(kept) + "\n"


def run(*command: str, check: bool = True) -> int:
    """Run a command; give its exit code.

    Raises:
        SystemExit: it failed, and that was not expected.
    """
    done = subprocess.run(command, cwd=ROOT, check=False, stderr=None if check else subprocess.DEVNULL)
    if check and done.returncode:
        raise SystemExit(f"{' '.join(command[:4])} … ended with {done.returncode}")
    return done.returncode


def main() -> int:
    """Read the arguments, run, print a table."""
    table = read_table()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("platform", nargs="?", choices=sorted(table), help="all when left out")
    parser.add_argument("version", nargs="*", help="releases; the oldest and the newest when left out")
    parser.add_argument("--tests", nargs="*", help="these tests only")
    parser.add_argument("--folder", type=Path, default=ROOT / ".venv" / "compat", help="for the environments")
    options = parser.parse_args()
    uv, failed = find_uv(), 0
    rows = ["| platform | release | tests | seconds |", "| --- | --- | --- | --- |"]
    for platform in [table[options.platform]] if options.platform else table.values():
        for version in options.version or dict.fromkeys((platform.oldest, platform.newest)):
            started = time.monotonic()
            options.folder.mkdir(parents=True, exist_ok=True)
            folder = (options.folder / f"{platform.name}-{version}").absolute()
            python = make_environment(uv, platform, version, folder)
            environ = {key: value for key, value in os.environ.items() if not key.startswith("WEIGHTMARK_")}
            tests = options.tests or platform.chosen(version)
            command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
            code = subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode
            failed += code != 0
            verdict = "passed" if code == 0 else f"failed with {code}"
            rows.append(f"| {platform.name} | {version} | {verdict} | {time.monotonic() - started:.0f} |")
    sys.stdout.write("\n".join([*rows, ""]))
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
