"""What every hook does: ask the workspace, and take anything but a yes for a no.

A hook translates a platform's step into an event, calls ``ask``, and lets ``RefusedError`` become the
platform's own refusal. Fail closed is written once, here.
"""

import logging
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from weightmark.errors import RefusedError, WeightmarkError
from weightmark.fingerprinting import DigestCache
from weightmark.licensing import Outcome as Verdict
from weightmark.model.event import ModelEvent
from weightmark.ports import ResolvedModel
from weightmark.workspace.outcome import Outcome
from weightmark.workspace.reading import Progress
from weightmark.workspace.workspace import Workspace

_log = logging.getLogger(__name__)
_locks: Final[dict[int, threading.Lock]] = {}
_opened: Final[dict[int, Workspace]] = {}


def process_workspace() -> Workspace:
    """Give this process's own workspace, opened when it is first needed; a forked process opens its own.

    Raises:
        MalformedError: a setting is not what it should be.
    """
    process = os.getpid()
    # A lock for each process: the thread that held the parent's does not exist in its child.
    with _locks.setdefault(process, threading.Lock()):
        if process not in _opened:
            _opened.clear()
            _opened[process] = Workspace.open()
        return _opened[process]


@contextmanager
def failing_closed(step: str) -> Generator[None, None, None]:
    """Turn every failure to check into a refusal.

    Args:
        step: what could not be checked, as it reads after "refuses": ``pushing 'acme/churn'``.

    Raises:
        RefusedError: for whatever was raised inside, which is chained.
    """
    try:
        yield
    except RefusedError:
        raise
    except WeightmarkError as error:
        _log.warning("%s could not be checked: %s", step, error.message)
        raise RefusedError(
            f"Weightmark could not check, so it refuses {step}: {error.message}",
            undecided=True,
            hint=error.hint,
        ) from error
    except Exception as error:
        _log.exception("%s could not be checked", step)
        raise RefusedError(
            f"Weightmark could not check, so it refuses {step}: {type(error).__name__}",
            undecided=True,
            hint="The log says more; `weightmark doctor` looks for what is wrong.",
        ) from error


def ask(
    event: ModelEvent,
    *,
    resolved: ResolvedModel | None = None,
    workspace: Workspace | None = None,
    progress: Progress | None = None,
    cache: DigestCache | None = None,
) -> Outcome:
    """Ask whether a platform may take a step.

    Args:
        event: what is about to happen.
        resolved: the files, when the caller has them already.
        workspace: who is asked; None for the process's own.
        progress: told the bytes done and the bytes in all.
        cache: digests of files that have not changed since; None to read everything.

    Returns:
        What was recorded and decided; it is a yes.

    Raises:
        RefusedError: the gate refuses, or it could not be asked.
    """
    with failing_closed(f"to {event.kind.value} {event.uri}"):
        outcome = (workspace or process_workspace()).handle(
            event, resolved=resolved, progress=progress, cache=cache
        )
    if not outcome.allowed:
        raise refusal_of(outcome)
    return outcome


def refusal_of(outcome: Outcome) -> RefusedError:
    """Write a refusal as the error that a hook raises."""
    event, undecided = outcome.event, outcome.decision.outcome is Verdict.UNDECIDED
    verdict = "cannot tell, so it refuses" if undecided else "refuses"
    return RefusedError(
        f"Weightmark {verdict} to {event.kind.value} {event.uri}: {outcome.refusal()}", undecided=undecided
    )
