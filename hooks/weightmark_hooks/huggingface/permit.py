"""Permits: which files may leave for which repository, now that the gate has let them pass."""

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

_lock: Final = threading.Lock()
_open: Final[list["Permit"]] = []
_own: Final[ContextVar["Permit | None"]] = ContextVar("weightmark-huggingface-permit", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """One push that may go on.

    Attributes:
        repo: ``organisation/model``.
        sizes: the bytes of each file that may be sent, by its path in the repository.
    """

    repo: str
    sizes: Mapping[str, int]


@contextmanager
def permitted(permit: Permit) -> Generator[None, None, None]:
    """Let a push pass the wire for a while; seen by every thread, since the library sends from several."""
    token = _own.set(permit)
    with _lock:
        _open.append(permit)
    try:
        yield
    finally:
        with _lock:
            _open.remove(permit)
        _own.reset(token)


def is_permitted(repo: str, sizes: Mapping[str, int]) -> bool:
    """Say whether all these files may be sent to a repository now."""
    with _lock:
        return any(_covers(permit, repo, sizes) for permit in _open)


def is_continued(repo: str, sizes: Mapping[str, int]) -> bool:
    """Say whether this call is part of a push that was let pass, and not another one at the same time."""
    permit = _own.get()
    return permit is not None and _covers(permit, repo, sizes)


def is_open(repo: str) -> bool:
    """Say whether anything may be sent to a repository now."""
    with _lock:
        return any(permit.repo == repo for permit in _open)


def _covers(permit: Permit, repo: str, sizes: Mapping[str, int]) -> bool:
    return permit.repo == repo and all(permit.sizes.get(path) == size for path, size in sizes.items())
