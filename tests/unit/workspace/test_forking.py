"""Processes that are forked while other threads hold locks."""

import os
import signal
import threading
import weakref
from collections.abc import Callable

import pytest

from weightmark import forking
from weightmark.workspace import Workspace, asking

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks")


def forked_while(lock: "threading.Lock | threading.RLock", work: Callable[[], object]) -> int:  # type: ignore[valid-type]
    """Fork while another thread holds a lock; give the exit code of a child that works."""
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:  # type: ignore[attr-defined]
            inside.set()
            leave.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(30)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(10)
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    try:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:
        leave.set()
        thread.join()


def test_a_child_opens_what_another_thread_was_opening(workspace: Workspace) -> None:
    workspace.resources.catch_up()
    assert forked_while(workspace.resources._lock, workspace.resources.catch_up) == 0


def test_a_child_has_a_workspace_of_its_own() -> None:
    asking._opened.clear()
    before = asking.process_workspace()

    def work() -> None:
        assert asking.process_workspace() is not before

    assert forked_while(asking._locks[os.getpid()], work) == 0
    assert asking.process_workspace() is before
    before.close()
    asking._opened.clear()


class Connected:
    """Something with a connection, as an index and a ledger are."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.closed = 0
        forking.disconnect_at_fork(self)

    def disconnect(self) -> None:
        self.closed += 1

    def forget_threads(self) -> None:
        self.lock = threading.RLock()


def test_a_fork_does_not_hold_up_who_reads_the_ledger_for_the_index() -> None:
    ledger, index = Connected(), Connected()
    inside = threading.Event()

    def catch_up() -> None:
        with index.lock:
            inside.set()
            threading.Event().wait(0.2)
            with ledger.lock:
                pass

    thread = threading.Thread(target=catch_up, daemon=True)
    thread.start()
    inside.wait(30)
    forking._before()
    forking._after_in_parent()
    thread.join(30)
    assert not thread.is_alive()
    assert (ledger.closed, index.closed) == (1, 1)


def test_what_is_gone_is_not_closed_at_a_fork() -> None:
    gone = Connected()
    reference = weakref.ref(gone)
    del gone
    forking._before()
    forking._after_in_parent()
    assert reference() is None
