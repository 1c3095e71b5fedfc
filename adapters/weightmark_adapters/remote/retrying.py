"""What failed for a passing reason is asked for again, later each time; a range from where it stopped."""

import random
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final, TypeVar

from weightmark_adapters.remote import sdk
from weightmark_adapters.remote.store import Entry, Store

ATTEMPTS: Final = 6
"""How often in a row a request may fail without progress."""

FIRST_SECONDS: Final = 0.25
MOST_SECONDS: Final = 10.0
PATIENCE_SECONDS: Final = 60.0
"""The longest wait that a server may ask for; a longer one is told to whoever asked us."""

_PROGRESS: Final = 64 << 10
"""Bytes after which a request counts as one that went well for a while."""

T = TypeVar("T")


class _Count:
    """Failures in a row."""

    def __init__(self) -> None:
        self.failures = 0

    def wait(self, state: Any) -> float:
        asked = sdk.retry_after(state.outcome.exception())
        if asked is not None:
            return asked
        longest = min(FIRST_SECONDS * 2.0**self.failures, MOST_SECONDS)
        return longest * random.uniform(0.5, 1)  # noqa: S311 - only so that not all ask at once

    def stop(self, state: Any) -> bool:
        asked = sdk.retry_after(state.outcome.exception())
        return self.failures >= ATTEMPTS or (asked is not None and asked > PATIENCE_SECONDS)


async def call(once: Callable[[], Awaitable[T]]) -> T:
    """Make a request until it succeeds, or fails for good.

    Raises:
        Exception: what it raised at last.
    """
    count = _Count()

    async def attempt() -> T:
        try:
            return await once()
        except BaseException:
            count.failures += 1
            raise

    return await _repeat(attempt, count)


async def fetch(store: Store, entry: Entry, start: int, stop: int) -> bytearray:
    """Read a range of an object.

    Args:
        store: where it lies.
        entry: the object.
        start: the first byte's offset.
        stop: the offset after the last byte; so many bytes are allocated.

    Raises:
        Exception: what the last attempt raised.
        MalformedError: the object is not the one that was listed.
    """
    data = bytearray(stop - start)
    count = _Count()
    done = 0

    async def attempt() -> None:
        nonlocal done
        before = done
        try:
            async with aclosing(store.chunks(entry, start + done, stop)) as chunks:
                async for chunk in chunks:
                    used = min(len(chunk), len(data) - done)
                    data[done : done + used] = chunk[:used]
                    done += used
                    if done == len(data):
                        return
        except BaseException:
            count.failures = 1 if done - before >= _PROGRESS else count.failures + 1
            raise
        count.failures = 1 if done - before >= _PROGRESS else count.failures + 1
        raise sdk.CutError(f"{stop - start - done} bytes did not come")

    await _repeat(attempt, count)
    return data


async def _repeat(attempt: Callable[[], Awaitable[T]], count: _Count) -> T:
    from tenacity import AsyncRetrying, retry_if_exception

    retrying = AsyncRetrying(
        retry=retry_if_exception(sdk.is_passing), wait=count.wait, stop=count.stop, reraise=True
    )
    return await retrying(attempt)
