"""One model's connection: a thread of its own with an event loop, in which the store's client lives.

The thread, the loop and the client's sockets are closed by ``close``, or when nobody holds the connection any
more, or when the process ends.
"""

import asyncio
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, Final, TypeVar

from weightmark.errors import PlatformError
from weightmark_adapters.remote import retrying, sdk
from weightmark_adapters.remote.store import Entry, Store

BLOCK: Final = 256 << 10
"""Bytes of a block that is kept for small reads, such as those of headers."""

BLOCKS: Final = 32
"""How many blocks are kept for one model: 8 MiB."""

_CLOSE_SECONDS: Final = 10.0

T = TypeVar("T")


class Connection:
    """Reads from one store, for any number of threads.

    Args:
        store: the store; opened and closed here.
        uri: the model, without secrets, for messages.

    Raises:
        WeightmarkError: the client cannot be made.
    """

    def __init__(self, store: Store, uri: str) -> None:
        self.store = store
        self.uri = uri
        self._process = os.getpid()
        self._blocks: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._lock = threading.Lock()
        started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        thread = threading.Thread(target=_live, args=(store, started), name="weightmark-remote", daemon=True)
        thread.start()
        try:
            self._loop, ended = started.result()
        except Exception as error:
            thread.join(_CLOSE_SECONDS)
            raise sdk.explain(uri, error) from error
        self._close = weakref.finalize(self, _end, self._loop, ended, thread, os.getpid())

    def close(self) -> None:
        """Close the client and end the thread; a second time does nothing."""
        self._close()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a call in the connection's thread.

        Raises:
            PlatformError: the connection was closed, or belongs to the process that this one was forked from.
        """
        if not self._close.alive or os.getpid() != self._process:
            coroutine.close()
            raise PlatformError(
                f"the connection to {self.uri!r} was closed",
                hint="Resolve the model again, in the process and at the time it is read.",
            )
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def wait(self, future: Future[T]) -> T:
        """Wait for a call.

        Raises:
            WeightmarkError: what it raised, in our words.
        """
        try:
            return future.result()
        except CancelledError as error:
            raise PlatformError(f"the connection to {self.uri!r} was closed") from error
        except Exception as error:
            raise sdk.explain(self.uri, error) from error
        except BaseException:
            future.cancel()
            raise

    def start(self, entry: Entry, start: int, stop: int) -> Future[bytearray]:
        """Begin to read a range.

        Raises:
            PlatformError: the connection was closed.
        """
        return self.submit(retrying.fetch(self.store, entry, start, stop))

    def read(self, entry: Entry, start: int, stop: int) -> bytearray:
        """Read a range.

        Raises:
            MalformedError: the object is not the one that was listed.
            PlatformError: the store refused or failed.
        """
        return self.wait(self.start(entry, start, stop))

    def known(self, entry: Entry, position: int) -> memoryview | None:
        """Give what is kept from a position to the end of its block; None when it is not kept."""
        with self._lock:
            key = (entry.path, position // BLOCK)
            block = self._blocks.get(key)
            if block is None:
                return None
            self._blocks.move_to_end(key)
        return memoryview(block)[position % BLOCK :]

    def block(self, entry: Entry, position: int) -> memoryview:
        """Give the bytes from a position to the end of its block, and keep the block for a while.

        Raises:
            MalformedError: the object is not the one that was listed.
            PlatformError: the store refused or failed.
        """
        found = self.known(entry, position)
        if found is not None:
            return found
        start = position - position % BLOCK
        data = bytes(self.read(entry, start, min(start + BLOCK, entry.size)))
        with self._lock:
            self._blocks[entry.path, position // BLOCK] = data
            while len(self._blocks) > BLOCKS:
                self._blocks.popitem(last=False)
        return memoryview(data)[position % BLOCK :]


def _live(store: Store, started: "Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]") -> None:
    """Run the loop until it is told to end; then close everything that lives in it."""

    async def main() -> None:
        ended = asyncio.Event()
        try:
            await store.open()
            started.set_result((asyncio.get_running_loop(), ended))
            await ended.wait()
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)
        finally:
            await _settle()
            await store.close()
            await asyncio.sleep(0)

    with asyncio.Runner() as runner:
        runner.run(main())


async def _settle() -> None:
    """Cancel what still runs and wait for it, so that it closes what it had open."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _end(loop: asyncio.AbstractEventLoop, ended: asyncio.Event, thread: threading.Thread, pid: int) -> None:
    if os.getpid() != pid:
        return
    try:
        loop.call_soon_threadsafe(ended.set)
    except RuntimeError:
        return
    if threading.current_thread() is not thread:
        thread.join(_CLOSE_SECONDS)
