"""Permits: a running gate that asks again, so that an end is noticed to the second and a revocation soon.

Between two questions ``require`` looks at two clocks and at nothing else. An answer is asked anew when its
own end has come (``Decision.until``), when it is older than ``recheck`` seconds, or when the clock was set
back behind the moment at which it was given.

Not promised: that work which has begun is stopped. A permit is looked at when somebody calls ``require``; a
long job calls it again and again. Units are not counted here.
"""

import asyncio
import functools
import inspect
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, ParamSpec, TypeVar, cast

from weightmark.errors import WeightmarkError
from weightmark.forking import renew_in_child
from weightmark.licensing import Decision, FailMode, ReasonCode
from weightmark.workspace.permitting.answer import Answer
from weightmark.workspace.resource import Clock

RECHECK: Final = 60.0
"""Seconds after which a revocation is noticed at the latest, when nobody says otherwise."""

PATIENCE: Final = 30.0
"""Seconds that an answer is still used, or waited for, when the ledger does not answer."""

_LONGEST: Final = 86_400.0
_RETRY: Final = 1.0
_LOST: Final = 600.0
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_DAY: Final = timedelta(days=1)

_log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")


class _Attempt:
    """One question that is on its way.

    Args:
        patience: seconds that are waited for its answer.
    """

    def __init__(self, patience: float) -> None:
        self.done = threading.Event()
        self._began = time.monotonic()
        self._patience = max(patience, _RETRY)

    @property
    def lost(self) -> bool:
        """Whether nothing is expected of it any more."""
        return time.monotonic() - self._began > self._patience + _LOST

    def wait(self) -> bool:
        """Wait for the answer, as long as patience lasts."""
        return self.done.wait(max(0.0, self._began + self._patience - time.monotonic()))


class Permit:
    """The right to do one thing with one model, asked for anew while it is used.

    Safe to use from many threads.

    Args:
        ask: gives the decision of this moment, or raises when it cannot.
        what: for messages: ``deploy churn as acme``.
        clock: gives the present time, UTC.
        recheck: seconds after which it is asked anew, 1 to 86400.
        patience: for how many seconds beyond that the last answer still holds when nobody answers, never
            beyond its own end; and how long a caller waits for an answer at most.
        fail_mode: what happens after that: ``closed`` refuses, ``open-and-log`` lets pass and says so.
        ticks: seconds by a clock that nobody sets.

    Raises:
        ValueError: a number is out of bounds, or the fail mode is ``degrade``.
    """

    def __init__(  # noqa: PLR0913 - its parts
        self,
        ask: Callable[[], Decision],
        *,
        what: str,
        clock: Clock,
        recheck: float = RECHECK,
        patience: float = PATIENCE,
        fail_mode: FailMode = FailMode.CLOSED,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 1 <= recheck <= _LONGEST or not 0 <= patience <= _LONGEST:
            raise ValueError(f"recheck {recheck} is not 1 to 86400 s, or patience {patience} not 0 to 86400")
        if fail_mode is FailMode.DEGRADE:
            raise ValueError("a permit is for one action, so there is no tier to degrade to")
        self._ask = ask
        self._what = what
        self._clock = clock
        self._ticks = ticks
        self._recheck = recheck
        self._patience = patience
        self._fail_mode = fail_mode
        self._answer: Answer | None = None
        self._listeners: list[Callable[[Answer], None]] = []
        self._warned: object = None
        self.forget_threads()
        renew_in_child(self)

    def forget_threads(self) -> None:
        """Take a new lock, in a process that was forked; a question on its way stayed with the parent."""
        self._lock = threading.Lock()
        self._attempt: _Attempt | None = None

    def require(self) -> None:
        """Return when it is allowed now.

        Raises:
            NotEntitledError: it is refused.
            GrantRevokedError: the grant that would allow it was revoked.
            QuotaExceededError: the limit is used up.
            UndecidedError: it cannot be known, or nobody answered in time.
        """
        answer = self._answer
        # As ``_is_fresh``, without the call: this is asked before every request.
        if (
            answer is None
            or not answer.asked <= self._clock() < answer.due
            or self._ticks() >= answer.due_ticks
        ):
            answer = self._renew()
        if not answer.allowed:
            answer.require()

    def look(self) -> Answer:
        """Give what the permit goes by now, asked anew when that is due; refuses nothing.

        Raises:
            Nothing.
        """
        answer = self._answer
        return answer if answer is not None and self._is_fresh(answer) else self._renew()

    def on_change(self, listener: Callable[[Answer], None]) -> None:
        """Tell somebody whenever the answer becomes another: allowed, refused, by another grant, or none.

        Told after the change, by the thread that asked. What the listener raises is logged.
        """
        self._listeners.append(listener)

    def guards(self, function: Callable[P, R]) -> Callable[P, R]:
        """Make a function, also an asynchronous one, that asks before each call; a generator when made.

        Raises:
            LicensingError: from the function that is made, as ``require``.
        """
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def later(*args: P.args, **kwargs: P.kwargs) -> object:
                answer = self._answer
                fresh = answer is not None and self._is_fresh(answer)
                # A question may take its time, and other work goes on meanwhile.
                self.require() if fresh else await asyncio.to_thread(self.require)
                return await function(*args, **kwargs)

            return cast("Callable[P, R]", later)

        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            self.require()
            return function(*args, **kwargs)

        return wrapper

    def _is_fresh(self, answer: Answer) -> bool:
        return answer.asked <= self._clock() < answer.due and self._ticks() < answer.due_ticks

    def _renew(self) -> Answer:
        """Ask, and wait for the answer as long as patience lasts."""
        with self._lock:
            answer = self._answer
            if answer is not None and self._is_fresh(answer):
                return answer
            attempt = self._attempt
            if attempt is None or attempt.lost:
                attempt = self._attempt = _Attempt(self._patience)
                name = "weightmark-permit"
                threading.Thread(target=self._try, args=(attempt,), name=name, daemon=True).start()
        if not attempt.wait():
            self._put(attempt, self._without(WeightmarkError("no answer came in time"), waited=True))
        answer = self._answer
        assert answer is not None  # noqa: S101 - an attempt that was waited for has left one
        return answer

    def _try(self, attempt: _Attempt) -> None:
        began, began_ticks = self._clock(), self._ticks()
        try:
            decision = self._ask()
        except WeightmarkError as error:
            answer = self._without(error)
        except Exception as error:
            _log.exception("it could not be asked whether one may %s", self._what)
            answer = self._without(WeightmarkError(f"asking failed: {type(error).__name__}"))
        else:
            # From before the question: what was revoked while it was on its way may not be in the answer.
            answer = Answer(
                decision=decision,
                failure=None,
                allowed=decision.allowed,
                asked=began,
                due=min(_after(began, self._recheck), decision.until or _NEVER),
                due_ticks=began_ticks + self._recheck,
                over=min(_after(began, self._recheck + self._patience), decision.until or _NEVER),
                over_ticks=began_ticks + self._recheck + self._patience,
            )
            self._warn(decision, began)
        self._put(attempt, answer, done=True)

    def _put(self, attempt: _Attempt, answer: Answer, *, done: bool = False) -> None:
        """Go by an answer from now on, unless a later question has been asked, or this one answered."""
        with self._lock:
            if self._attempt is not attempt:
                attempt.done.set()
                return
            if done:
                self._attempt = None
            before, self._answer = self._answer, answer
        if done:
            attempt.done.set()
        for listener in self._listeners if before is None or before.differs(answer) else ():
            try:
                listener(answer)
            except Exception:
                _log.exception("a listener of the permit to %s failed", self._what)

    def _without(self, failure: WeightmarkError, *, waited: bool = False) -> Answer:
        """Say what holds while nobody answers."""
        now, ticks, last = self._clock(), self._ticks(), self._answer
        again, again_ticks = _after(now, _RETRY), ticks + _RETRY
        decision = None if last is None else last.decision
        still = last is not None and last.failure is None and not waited
        if last is not None and still and last.asked <= now < last.over and ticks < last.over_ticks:
            _log.warning("%s: the last answer still counts: %s", self._what, failure.message)
            due, due_ticks = min(again, last.over), min(again_ticks, last.over_ticks)
            return replace(last, due=due, due_ticks=due_ticks)
        refused = decision is not None and not decision.allowed
        allowed = self._fail_mode is FailMode.OPEN_AND_LOG and not refused
        verb = "it is let pass, as the gate was told" if allowed else "it is refused"
        _log.error("%s: nobody answers, so %s: %s", self._what, verb, failure.message)
        return Answer(
            decision=decision,
            failure=failure,
            allowed=allowed,
            asked=now,
            due=again,
            due_ticks=again_ticks,
            over=again,
            over_ticks=again_ticks,
        )

    def _warn(self, decision: Decision, now: datetime) -> None:
        """Say once a day how many days are left of a grace."""
        if decision.code is not ReasonCode.GRACE or decision.until is None or now.date() == self._warned:
            return
        self._warned = now.date()
        left = -(-(decision.until - now) // _DAY)
        _log.warning(
            "%s: the grant has ended; %d day%s of grace left, until %s: renew it",
            self._what,
            left,
            "" if left == 1 else "s",
            f"{decision.until:%Y-%m-%d %H:%M:%S} UTC",
        )


def _after(moment: datetime, seconds: float) -> datetime:
    """Give a later moment, or the calendar's last."""
    return _NEVER if moment > _NEVER - timedelta(seconds=seconds) else moment + timedelta(seconds=seconds)
