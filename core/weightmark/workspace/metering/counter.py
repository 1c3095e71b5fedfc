"""A counter for hot paths: takes units from a block that is reserved durably, without a write for each.

What was taken is never lost: the whole block is on the disk, counted, before its first unit is given out.
After a killed process the count is too high, by what was left of its one block, until somebody settles that
block, which is listed as lapsed.
"""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from types import TracebackType
from typing import Self
from uuid import uuid4

from weightmark.errors import WeightmarkError
from weightmark.workspace.metering.reservation import Desk
from weightmark.workspace.metering.usage import Reserved, check_units


class Counter:
    """Counts one entitlement of one grant. Safe to use from many threads.

    Args:
        desk: where blocks are reserved.
        clock: gives the present time, UTC.
        subject: the grant's id, or the digest of a model whose own terms have limits.
        name: the entitlement's name.
        block: how many units are reserved at once.
        seconds: after how long a block is settled, so that the count that others see is not older, and the
            grant is looked at again.

    Raises:
        ValueError: a number is out of bounds.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - made by the meter only
        self, desk: Desk, clock: Callable[[], datetime], subject: str, name: str, block: int, seconds: float
    ) -> None:
        check_units(name, block)
        if not 0 < seconds <= 86_400:  # noqa: PLR2004 - a day
            raise ValueError(f"a block is settled after up to a day, not after {seconds} s")
        self._desk = desk
        self._clock = clock
        self._subject = subject
        self._name = name
        self._block = block
        self._span = timedelta(seconds=seconds)
        self._lock = Lock()
        self._held: Reserved | None = None
        self._taken = 0
        self._process = os.getpid()
        self._is_closed = False

    def take(self, units: int = 1) -> None:
        """Count units. When this returns they count, whatever happens to this process.

        Raises:
            QuotaExceededError: so many are not left.
            LicensingError: the grant does not hold any more, or there is none.
            LedgerError: the usage file cannot be written.
            ValueError: it is no number that can be counted.
        """
        check_units(self._name, units)
        if self._process != os.getpid():
            self._leave_to_parent()
        with self._lock:
            if self._is_closed:
                raise WeightmarkError("the counter is closed", hint="Take another from the meter.")
            held = self._held
            if held is None or held.made + self._span <= self._clock() or self._left(held) < units:
                self._settle()
                self._held = self._reserve(units)
            self._taken += units

    def flush(self) -> None:
        """Settle the block at hand, so that what others see is exact.

        Raises:
            LedgerError: the usage file cannot be written.
        """
        if self._process != os.getpid():
            self._leave_to_parent()
        with self._lock:
            self._settle()

    def close(self) -> None:
        """Settle the block at hand and take no more; closing twice does nothing.

        Raises:
            LedgerError: the usage file cannot be written; then the block counts in full.
        """
        self.flush()
        self._is_closed = True

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close: what was taken was used, whatever came after."""
        self.close()

    def _left(self, held: Reserved) -> int:
        return held.units[self._name] - self._taken

    def _reserve(self, units: int) -> Reserved:
        most = {self._name: max(self._block, units)}
        key = f"block-{uuid4().hex}"
        return self._desk.reserve(self._subject, most, key, 2 * self._span, least={self._name: units})

    def _settle(self) -> None:
        held, taken = self._held, self._taken
        if held is None:
            return
        if taken:
            self._desk.settle(self._subject, held.key, {self._name: taken})
        else:
            self._desk.release(self._subject, held.key)
        self._held, self._taken = None, 0

    def _leave_to_parent(self) -> None:
        """Forget the block in a process that was forked: it is the parent's to settle."""
        self._lock = Lock()
        self._held, self._taken, self._process = None, 0, os.getpid()
