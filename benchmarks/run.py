"""Runs every benchmark beside this file and prints one Markdown section, to be put into RESULTS.md.

    make bench >> benchmarks/RESULTS.md

Only numbers from one run of one machine may be compared with each other.
"""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMED = ("weightmark", "model-signing", "cryptography", "blake3", "sqlalchemy")


def describe_processor() -> str:
    """Give the processor's name as the system knows it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def describe_machine() -> list[str]:
    """Give what a reader needs to judge the numbers."""
    gibibytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [
        f"* processor: {describe_processor()}, {os.cpu_count()} in use",
        f"* load at the start: {os.getloadavg()[0]:.1f}",
        f"* memory: {gibibytes:.0f} GiB",
        f"* system: {platform.system()}, Python {platform.python_version()}",
        f"* versions: {', '.join(filter(None, map(describe_package, NAMED)))}",
    ]


def describe_package(name: str) -> str:
    """Give a package's name and version; nothing when it is not installed."""
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return ""


def main() -> int:
    """Run them one after the other; a failing one is shown and the rest still run."""
    print(f"## {datetime.now(UTC):%Y-%m-%d}\n\n{chr(10).join(describe_machine())}")
    failed = 0
    for script in sorted(path for path in HERE.glob("*.py") if path.name != "run.py"):
        print(f"\n### {script.stem}\n\n```text", flush=True)
        done = subprocess.run(
            [sys.executable, str(script)], stdout=None, stderr=subprocess.PIPE, text=True, check=False
        )
        if done.returncode:
            failed += 1
            print(f"failed with {done.returncode}:\n{done.stderr.strip()}")
        print("```", flush=True)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
