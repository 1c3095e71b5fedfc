"""Runners that do what a model's process may do, well and badly."""

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from weightmark.model.artifact import Artifact
from weightmark.ports import SINGLE, Arrays, Runner

HEAD = struct.Struct(">BQ")


class Doubler(Runner):
    name: ClassVar[str] = "doubler"
    runs: ClassVar[str] = "anything"

    def claims(self, artifact: Artifact) -> bool:
        return bool(artifact.files)

    def load(self, path: Path) -> Callable[[Arrays], Arrays]:
        sys.stdout.write(f"loading {path}\n")
        return self.run

    def run(self, inputs: Arrays) -> Any:
        return {name or "y": array * 2 for name, array in inputs.items()}


class Unloadable(Doubler):
    def load(self, path: Path) -> Callable[[Arrays], Arrays]:
        raise SystemExit("this model\x1b[2J is for another library")


class Thrower(Doubler):
    def run(self, inputs: Arrays) -> Any:
        raise ValueError("negative age " + "x" * 10_000)


class Talker(Doubler):
    def run(self, inputs: Arrays) -> Any:
        sys.stdout.write("chatter\n" * 200_000)
        sys.stderr.write("the last words\n")
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGSEGV)


class Quitter(Doubler):
    def run(self, inputs: Arrays) -> Any:
        os._exit(7)


class Sleeper(Doubler):
    """Starts a process of its own, tells its number where it is told to, and sleeps."""

    def run(self, inputs: Arrays) -> Any:
        if "where" not in inputs:
            return {}
        child = subprocess.Popen(["sleep", "600"])
        Path(inputs["where"].item()).write_text(str(child.pid))
        time.sleep(600)
        return {}


class Objects(Doubler):
    def run(self, inputs: Arrays) -> Any:
        return {"y": np.array([{"a": 1}], dtype=object)}


class Environment(Doubler):
    def run(self, inputs: Arrays) -> Any:
        return {"names": np.array(sorted(os.environ)), "home": np.array(os.environ["HOME"])}


class Liar(Doubler):
    """Answers with bytes of its own, past all that is in place for answers."""

    data: ClassVar[bytes] = b""

    def run(self, inputs: Arrays) -> Any:
        os.write(int(sys.argv[1]), self.data)
        time.sleep(600)


class Boaster(Liar):
    data = HEAD.pack(1, 1 << 60)


class Stranger(Liar):
    data = HEAD.pack(9, 0)


class Garbler(Liar):
    data = HEAD.pack(1, 5) + b"PK\x03\x04!"


class BadError(Liar):
    data = HEAD.pack(3, 2) + b"[]"


SAMPLE: Arrays = {SINGLE: np.arange(3.0)}
