"""Group commit: appends that wait at the same time are recorded together, by the first that may write.

Not promised: an order between threads. Within one append the order is the caller's.
"""

import os
from collections import deque
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field

from weightmark.errors import LedgerError
from weightmark.log.receipt import Receipt
from weightmark_plugins.ledgers.database import Database
from weightmark_plugins.ledgers.signing import Leaf


@dataclass(slots=True, kw_only=True, eq=False)
class _Job:
    """One append that waits: its leaves, and in the end its receipts or its error."""

    leaves: Sequence[Leaf]
    process: int = field(default_factory=os.getpid)
    receipts: list[Receipt] | None = None
    error: Exception | None = None


class Group:
    """Merges the appends of many threads into one transaction.

    Args:
        database: its lock says who may write.
        record: records batches in one transaction and gives the receipts of each; called under the lock.
    """

    def __init__(
        self, database: Database, record: Callable[[Sequence[Sequence[Leaf]]], Sequence[list[Receipt]]]
    ) -> None:
        self._database = database
        self._record = record
        self._waiting: deque[_Job] = deque()

    def append(self, leaves: Sequence[Leaf]) -> list[Receipt]:
        """Record leaves, together with those of other threads that wait.

        Returns:
            A receipt for each leaf, in order.

        Raises:
            WeightmarkError: what ``record`` raised.
        """
        job = _Job(leaves=leaves)
        self._waiting.append(job)
        with self._database.lock:
            if job.receipts is None and job.error is None:
                self._lead()
                if job.error is not None:
                    raise job.error
        if job.receipts is not None:
            return job.receipts
        error = job.error or LedgerError("the append was given up", outcome="unknown")
        raise copy(error) from error

    def _lead(self) -> None:
        """Record everything that waits; a job from before a fork is its parent's."""
        jobs: list[_Job] = []
        while self._waiting:
            jobs.append(self._waiting.popleft())
        jobs = [job for job in jobs if job.process == os.getpid()]
        try:
            for job, receipts in zip(jobs, self._record([job.leaves for job in jobs]), strict=True):
                job.receipts = receipts
        except BaseException as error:
            interrupted = LedgerError("the append was interrupted", outcome="unknown")
            for job in jobs:
                job.error = error if isinstance(error, Exception) else interrupted
            if not isinstance(error, Exception):
                raise
