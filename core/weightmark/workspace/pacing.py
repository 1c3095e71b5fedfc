"""Calling a platform politely: not too often, again when it may pass, and no more when it is no use."""

import math
import random
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from weightmark.errors import LedgerError, PlatformError

if TYPE_CHECKING:
    from tenacity import RetryCallState

T = TypeVar("T")

ATTEMPTS: Final = 5
"""How often a call is tried that fails in a way that may pass."""

FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 30.0
LONGEST_ASKED_SECONDS: Final = 600.0
"""The longest that a platform is given when it says how long to wait."""


class Pace:
    """Keeps the calls of several threads below a rate, and lets all of them wait when the platform asks.

    Args:
        rate: calls in a second; None for as many as there can be.
        first_wait: seconds before the second attempt of a call; later waits grow.

    Raises:
        ValueError: the rate is not a number above 0.
    """

    def __init__(self, rate: float | None = None, *, first_wait: float = FIRST_WAIT_SECONDS) -> None:
        if rate is not None and not (math.isfinite(rate) and rate > 0):
            raise ValueError(f"the rate must be a number above 0, not {rate}")
        self._apart = 0.0 if rate is None else 1 / rate
        self._first_wait = first_wait
        self._next = 0.0
        self._lock = threading.Lock()
        self.stopped = threading.Event()
        """Set to end all waiting at once."""

    def wait(self) -> None:
        """Wait until it is this thread's turn."""
        while not self.stopped.is_set():
            with self._lock:
                left = self._next - time.monotonic()
                if left <= 0:
                    self._next = time.monotonic() + self._apart
                    return
            self.stopped.wait(left)

    def delay(self, error: BaseException | None, attempt: int) -> float:
        """Say how long to wait after a failure; when the platform said it, everybody waits.

        Waits grow with the attempts, and differ, so that many who failed together do not come back together.

        Args:
            error: what failed.
            attempt: the how manieth attempt it was, from 1.
        """
        if isinstance(error, PlatformError) and error.retry_after is not None:
            seconds = max(0.0, min(LONGEST_ASKED_SECONDS, error.retry_after))  # in this order for NaN too
            with self._lock:
                self._next = max(self._next, time.monotonic() + seconds)
            return seconds
        growing = min(self._first_wait * 2.0 ** (attempt - 1), LONGEST_WAIT_SECONDS)
        return growing * random.uniform(0.5, 1.5)  # noqa: S311 - nothing secret


def patiently(call: Callable[[], T], pace: Pace) -> T:
    """Call, and call again while the failure is one that may pass.

    Args:
        call: what is done; doing it twice must do no harm.
        pace: whose turn it is, and how long to wait.

    Raises:
        WeightmarkError: as the last of ``ATTEMPTS`` calls raised it.
    """
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_when_event_set

    def wait(state: "RetryCallState") -> float:
        error = None if state.outcome is None else state.outcome.exception()
        return pace.delay(error, state.attempt_number)

    def rest(seconds: float) -> None:
        pace.stopped.wait(seconds)

    def once() -> T:
        pace.wait()
        return call()

    return Retrying(
        retry=retry_if_exception(may_pass),
        wait=wait,
        stop=stop_after_attempt(ATTEMPTS) | stop_when_event_set(pace.stopped),
        sleep=rest,
        reraise=True,
    )(once)


def may_pass(error: BaseException) -> bool:
    """Say whether the same call may succeed in a moment."""
    return isinstance(error, LedgerError) or (isinstance(error, PlatformError) and error.retryable)
