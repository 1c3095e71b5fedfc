"""A model that runs in a process of its own: inputs go in, outputs come out, the weights stay there.

What the process answers is taken for hostile: bounded, and read without executing anything.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from weightmark.encoding import printable
from weightmark.errors import InferenceError
from weightmark.ports import Arrays, ResolvedModel, Runner
from weightmark.workspace.opening.arrays import pack_arrays, unpack_arrays
from weightmark.workspace.opening.inferring import ARRAYS, FAILED, READY, receive, send

if TYPE_CHECKING:
    import numpy as np

TIMEOUT: Final = 60.0
"""Seconds that one run may take, with loading the model when it is the first."""

_MODULE: Final = "weightmark.workspace.opening.inferring"
_KEPT: Final = frozenset(
    {
        "CUDA_VISIBLE_DEVICES", "DYLD_LIBRARY_PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "OMP_NUM_THREADS",
        "PATH", "SYSTEMROOT", "TMPDIR", "TZ", "VIRTUAL_ENV",
    }
)  # fmt: skip
"""What the process sees of our environment: no token and no passphrase."""

_TAIL: Final = 4096
_GRACE: Final = 2.0


class ModelProcess:
    """One process with one loaded model. For one thread at a time.

    Args:
        runner: what runs it.
        path: the model's folder or file, which nobody else writes to.
    """

    def __init__(self, runner: type[Runner], path: Path) -> None:
        self._runner = runner
        home = tempfile.mkdtemp(prefix="weightmark-run-")
        ours, theirs = socket.socketpair()
        place = f"{runner.__module__}:{runner.__qualname__}"
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                [sys.executable, "-P", "-m", _MODULE, str(theirs.fileno()), place, str(path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                cwd=home,
                env=_environment(home),
            )
        self._channel = ours
        self._ready = False
        self._tail = bytearray()
        self._reader = threading.Thread(target=_drain, args=(self._process, self._tail), daemon=True)
        self._reader.start()
        self._end = weakref.finalize(self, _end, self._process, ours, self._reader, home, os.getpid())

    @property
    def alive(self) -> bool:
        """Whether it can be asked once more."""
        return self._end.alive

    def run(self, inputs: Arrays, timeout: float) -> "dict[str, np.ndarray]":
        """Run the model once; after a failure that was not the model's own answer the process is gone.

        Args:
            inputs: arrays by name.
            timeout: seconds, with loading when it is the first run.

        Raises:
            InferenceError: it could not be loaded or run, crashed, took too long, or its answer is none.
        """
        data, deadline = pack_arrays(inputs), time.monotonic() + timeout
        try:
            if not self._ready:
                self._take(READY, deadline)
                self._ready = True
            self._channel.settimeout(max(0.001, deadline - time.monotonic()))
            send(self._channel, ARRAYS, data)
            return unpack_arrays(self._take(ARRAYS, deadline), what="the model's answer")
        except TimeoutError as error:
            self.close()
            raise InferenceError(
                f"the model took more than {timeout:g} s, so its process was ended",
                hint="Allow it more time, or give it less to do.",
            ) from error
        except (EOFError, OSError) as error:
            raise self._crashed() from error
        except ValueError as error:
            self.close()
            raise InferenceError(f"the model's process sent what is no answer: {error}") from error
        except InferenceError:
            if not self._ready:
                self.close()
            raise
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the process and all that it started; closing twice does nothing."""
        self._end()

    def _take(self, expected: int, deadline: float) -> bytes:
        kind, data = receive(lambda size: self._receive(size, deadline))
        if kind == FAILED:
            raise self._failed(data)
        if kind != expected:
            raise ValueError(f"a message of the kind {kind} came")
        return data

    def _receive(self, size: int, deadline: float) -> bytes:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._channel.settimeout(left)
        return self._channel.recv(size)

    def _failed(self, data: bytes) -> InferenceError:
        try:
            told: Any = json.loads(data)
            message, hint = printable(str(told["message"])), printable(str(told["hint"]))
        except Exception as error:
            raise ValueError("an error that cannot be read") from error
        verb = "run" if self._ready else "load"
        return InferenceError(f"{self._runner.name} could not {verb} the model: {message}", hint=hint)

    def _crashed(self) -> InferenceError:
        """Say how the process ended, with the last that it wrote."""
        code = _wait_dead(self._process.pid)
        self.close()
        how = "closed its connection"
        if code is not None:
            how = f"was ended by {_signal_name(-code)}" if code < 0 else f"ended with code {code}"
        lines = bytes(self._tail).decode("utf-8", "replace").strip().splitlines()
        last = f": {printable(lines[-1])[:500]}" if lines else ""
        return InferenceError(f"the process that ran the model {how}{last}")


def choose_runner(
    runners: Mapping[str, type[Runner]], resolved: ResolvedModel, *, trust_code: bool
) -> type[Runner]:
    """Find what runs a model; what executes nothing of its maker's goes before what does.

    Args:
        runners: what is installed, by name.
        resolved: the model.
        trust_code: whether code that comes with the model may be executed.

    Raises:
        InferenceError: nothing runs it, or only what executes code.
        MalformedError: the files cannot be listed safely.
    """
    artifact = resolved.open()
    able = [cls for _, cls in sorted(runners.items()) if cls().claims(artifact)]
    if not able:
        known = "; ".join(f"{name} runs {cls.runs}" for name, cls in sorted(runners.items())) or "nothing"
        raise InferenceError(
            f"nothing that is installed runs {resolved.uri}: {known}",
            hint="Export the model to ONNX, or log it with MLflow; or run its weights yourself, as the"
            " tier fine-tune or full.",
        )
    chosen = next((cls for cls in able if not cls.executes), able[0])
    if chosen.executes and not trust_code:
        raise InferenceError(
            f"{resolved.uri} is run by {chosen.name}: {chosen.executes}",
            hint="If you trust its maker as you trust their programs: trust_code=True, or --trust-code.",
        )
    return chosen


def _environment(home: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in _KEPT}
    paths = os.pathsep.join(path for path in sys.path if path)
    return kept | {
        "HOME": home,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": paths,
    }


def _drain(process: "subprocess.Popen[bytes]", tail: bytearray) -> None:
    """Read what the process writes, so that it never waits for us, and keep the last of it."""
    stream = process.stdout
    if stream is None:
        return
    with stream, suppress(OSError, ValueError):
        while part := os.read(stream.fileno(), _TAIL):
            tail += part
            del tail[:-_TAIL]


def _end(
    process: "subprocess.Popen[bytes]",
    channel: socket.socket,
    reader: threading.Thread,
    home: str,
    owner: int,
) -> None:
    channel.close()
    if os.getpid() != owner:  # forked: the process is the parent's
        return
    # Before it is waited for: until then nobody else can have its number.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    reader.join(_GRACE)
    shutil.rmtree(home, ignore_errors=True)


def _wait_dead(process: int) -> int | None:
    """Wait a moment for a process to end, and say how it did without taking it off the system's list."""
    until = time.monotonic() + _GRACE
    while time.monotonic() < until:
        found = os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        if found is not None:
            return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
        time.sleep(0.01)
    return None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
