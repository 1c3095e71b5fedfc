"""AWS Lambda on this machine: the archive unpacked, boto3 beside it, and nothing else of this environment."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

GIVEN = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
"""What Lambda's own Python has."""

RUN = """
import importlib, json, sys, time
started = time.perf_counter()
sys.path[:0] = json.loads(sys.argv[1])
module, _, name = sys.argv[2].rpartition(".")
function = getattr(importlib.import_module(module), name)
loaded = time.perf_counter()
try:
    answers = [function(event, None) for event in json.loads(sys.stdin.read())]
except Exception as error:
    sys.stderr.write(f"{type(error).__name__}: {error}")
    raise SystemExit(1)
print(json.dumps({"answers": answers, "load": loaded - started, "all": time.perf_counter() - started}))
"""


class LambdaRuntime:
    """Runs a handler as Lambda does: a new process, with the archive's folder first on its path.

    Args:
        archive: the archive.
        folder: where it is unpacked.
    """

    def __init__(self, archive: Path, folder: Path) -> None:
        task, runtime = folder / "task", folder / "runtime"
        runtime.mkdir(parents=True)
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(task)
        for name in GIVEN:
            spec = find_spec(name)
            assert spec is not None, name
            origin = Path(str(spec.origin))
            source = origin.parent if origin.name == "__init__.py" else origin
            (runtime / source.name).symlink_to(source)
        self._paths = [str(task), str(runtime)]

    def call(
        self, handler: str, *events: Mapping[str, Any], env: Mapping[str, str], code: int = 0
    ) -> dict[str, Any]:
        """Call a handler with events, one after the other in one process."""
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-B", "-c", RUN, json.dumps(self._paths), handler],
            input=json.dumps(events),
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **env},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, done.stderr
        return dict(json.loads(done.stdout)) if code == 0 else {"error": done.stderr}
