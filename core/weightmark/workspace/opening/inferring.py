"""The process that runs one model for another process, which never sees the weights.

Started as ``python -m weightmark.workspace.opening.inferring DESCRIPTOR MODULE:CLASS PATH``; it answers on
the socket that it was handed until the other end is closed. Nothing is written where the model lies.

Not promised: a cage. Whoever runs as the same user can read what it reads.
"""

import importlib
import json
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from weightmark.errors import WeightmarkError
from weightmark.ports import Arrays, Runner
from weightmark.workspace.opening.arrays import MOST_ARRAYS, MOST_BYTES, pack_arrays, unpack_arrays

HEAD: Final = struct.Struct(">BQ")
"""Before each message: its kind, and how many bytes it has."""

ARRAYS, READY, FAILED = 1, 2, 3
"""The kinds of messages: inputs or outputs, the model is loaded, an error as JSON."""

MOST_MESSAGE: Final = MOST_BYTES + 65_536 * MOST_ARRAYS
_MOST_TEXT: Final = 2000


def main(arguments: list[str]) -> int:
    """Load the model, say so, and run it once for each message.

    Args:
        arguments: the socket's descriptor, the runner's place, the model's path.
    """
    descriptor, place, path = arguments
    _keep_no_core()
    with socket.socket(fileno=int(descriptor)) as channel:
        try:
            run = find_runner(place)().load(Path(path))
        except BaseException as error:
            _fail(channel, error)
            return 1
        send(channel, READY, b"")
        while True:
            try:
                _, data = receive(channel.recv)
            except EOFError:
                return 0
            _answer(channel, run, data)


def find_runner(place: str) -> type[Runner]:
    """Import a runner by its place, ``module:class``."""
    module, _, name = place.partition(":")
    found: type[Runner] = getattr(importlib.import_module(module), name)
    return found


def send(channel: socket.socket, kind: int, data: bytes) -> None:
    """Send one message."""
    channel.sendall(HEAD.pack(kind, len(data)))
    channel.sendall(data)


def receive(take: Callable[[int], bytes]) -> tuple[int, bytes]:
    """Take one message.

    Args:
        take: gives at most so many bytes; none when the other end is closed.

    Raises:
        EOFError: the other end is closed.
        ValueError: it is larger than any message may be.
    """
    kind, size = HEAD.unpack(_exactly(take, HEAD.size))
    if size > MOST_MESSAGE:
        raise ValueError(f"a message of {size} bytes was announced; at most {MOST_MESSAGE} are taken")
    return kind, _exactly(take, size)


def _exactly(take: Callable[[int], bytes], size: int) -> bytes:
    """Take so many bytes; memory grows with what has come, not with what was announced."""
    whole = bytearray()
    while len(whole) < size:
        part = take(min(1 << 20, size - len(whole)))
        if not part:
            raise EOFError
        whole += part
    return bytes(whole)


def _answer(channel: socket.socket, run: Callable[[Arrays], Arrays], data: bytes) -> None:
    try:
        outputs = pack_arrays(run(unpack_arrays(data, what="the inputs")))
    except Exception as error:
        _fail(channel, error)
    else:
        send(channel, ARRAYS, outputs)


def _fail(channel: socket.socket, error: BaseException) -> None:
    message = error.message if isinstance(error, WeightmarkError) else f"{type(error).__name__}: {error}"
    hint = error.hint if isinstance(error, WeightmarkError) else ""
    told = {"message": message[:_MOST_TEXT], "hint": hint[:_MOST_TEXT]}
    with suppress(OSError):
        send(channel, FAILED, json.dumps(told).encode())


def _keep_no_core() -> None:
    """Let a crash leave no file with the model's weights."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
