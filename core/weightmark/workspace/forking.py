"""Locks in a forked process: the thread that held one in the parent does not exist in the child."""

import os
from typing import Protocol
from weakref import WeakSet


class HoldsLocks(Protocol):
    """Something with locks of its own."""

    def forget_threads(self) -> None:
        """Take new locks."""


_holders: WeakSet[HoldsLocks] = WeakSet()


def renew_in_child(holder: HoldsLocks) -> None:
    """Let something take new locks in every process that is forked from this one."""
    _holders.add(holder)


def _renew() -> None:
    for holder in list(_holders):
        holder.forget_threads()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
