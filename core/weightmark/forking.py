"""What a process holds when it is forked: connections are closed before, locks are renewed in the child.

SQLite's locks and a server's sessions do not survive in a child, and the thread that held a lock in the
parent does not exist there.
"""

import os
from threading import RLock
from typing import Protocol
from weakref import WeakKeyDictionary, WeakSet


class HoldsLocks(Protocol):
    """Something with locks of its own."""

    def forget_threads(self) -> None:
        """Take new locks."""


class HoldsConnection(HoldsLocks, Protocol):
    """Something with a connection that is used under its lock."""

    lock: RLock

    def disconnect(self) -> None:
        """Close the connection, unless this thread is using it; the next use opens another."""


_holders: WeakSet[HoldsLocks] = WeakSet()
_connected: WeakKeyDictionary[HoldsConnection, None] = WeakKeyDictionary()
_held: list[HoldsConnection] = []


def renew_in_child(holder: HoldsLocks) -> None:
    """Let something take new locks in every process that is forked from this one."""
    _holders.add(holder)


def disconnect_at_fork(holder: HoldsConnection) -> None:
    """Let something close its connection before every fork; parent and child open their own afterwards.

    No other thread uses it while the process forks. Of two, the one that was named here later is locked
    first: an index is opened after the ledger that it reads under its own lock.
    """
    _connected[holder] = None


def _before() -> None:
    for reference in reversed(_connected.keyrefs()):
        holder = reference()
        if holder is not None:
            holder.lock.acquire()
            _held.append(holder)
            holder.disconnect()


def _after_in_parent() -> None:
    while _held:
        _held.pop().lock.release()


def _after_in_child() -> None:
    while _held:
        _held.pop().forget_threads()
    for holder in list(_holders):
        holder.forget_threads()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
