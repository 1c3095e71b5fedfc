"""A process that registers, for tests that kill it or run several of it.

``syncer.py serve`` reads lines ``JOBS`` and for each forks a child that runs a back-fill of the shelf; it
writes ``pid N`` before and ``ended STATUS`` after. ``syncer.py register THREADS URI…`` waits for a line, then
lets each thread follow the registration of every URI, and writes ``done``.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

from tests import shelf

from weightmark import EventKind, ModelEvent
from weightmark.workspace import Workspace


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def sync(jobs: int) -> int:
    with Workspace(plugins=shelf.plugins()) as workspace:
        return 0 if workspace.sync("shelf:/", jobs=jobs).whole else 5


def serve() -> None:
    shelf.plugins()
    with Workspace(plugins=shelf.plugins()) as workspace:
        workspace.resources.catch_up()  # reads what a child needs, once
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = sync(int(line))
            except BaseException as error:
                say(f"failed {error!r}")
            finally:
                os._exit(code)
        say(f"pid {child}")
        _, status = os.waitpid(child, 0)
        say(f"ended {os.waitstatus_to_exitcode(status)}")


def register(threads: int, uris: list[str]) -> None:
    with Workspace(plugins=shelf.plugins()) as workspace:
        say("ready")
        sys.stdin.readline()

        def follow(uri: str) -> None:
            workspace.follow(ModelEvent(kind=EventKind.REGISTER, uri=uri))

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(follow, [uri for uri in uris for _ in range(threads)]))
    say("done")


if __name__ == "__main__":
    serve() if sys.argv[1] == "serve" else register(int(sys.argv[2]), sys.argv[3:])
