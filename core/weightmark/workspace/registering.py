"""Looking and recording as one step, for many at once: who comes while another records is in the next batch.

What a step costs (the lock, the ledger's commit and its checkpoint, the index) is paid once for a batch.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from weightmark.claims import Claim, Subject, VersionClaim
from weightmark.encoding import Digest
from weightmark.errors import LedgerError
from weightmark.forking import renew_in_child
from weightmark.index import RegisteredModel
from weightmark.log import Receipt
from weightmark.workspace.recording import record_all
from weightmark.workspace.resource import Clock, Resources

MOST = 64
"""Registrations in one batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is to be recorded about one model.

    Attributes:
        subject: the model.
        claims: in order; empty when everything is recorded already.
        kept: what the store is to keep with it: its encoded manifest, its sketches.
        notes: what was stated and is left out, each as a sentence.
    """

    subject: Subject
    claims: Sequence[Claim] = ()
    kept: Sequence[bytes] = ()
    notes: Sequence[str] = ()


@dataclass(slots=True, kw_only=True)
class Job:
    """One registration on its way.

    Attributes:
        bundle: the digest of the files.
        uri: where they are; two jobs of one batch share neither the files nor the URI.
        plan: says what is to be recorded, from what is recorded now.
        model: the model as it is registered afterwards; None when it is not.
        receipt: the receipt of what was said about the model itself; None when nothing was.
        notes: as ``Said`` has them.
        error: why it failed.
        is_done: whether it needs nothing more.
    """

    bundle: Digest
    uri: str
    plan: Callable[[], Said]
    model: RegisteredModel | None = None
    receipt: Receipt | None = None
    notes: Sequence[str] = ()
    error: Exception | None = None
    is_done: bool = field(default=False)


class Registrar:
    """Registers for all threads of a process; between processes the home folder's lock decides.

    Args:
        resources: key, ledger, store, index.
        clock: gives the present time, UTC.
    """

    def __init__(self, resources: Resources, clock: Clock) -> None:
        self._resources = resources
        self._clock = clock
        self.forget_threads()
        renew_in_child(self)

    def forget_threads(self) -> None:
        """Take new locks and begin with nobody waiting, in a process that was forked."""
        self._queue, self._leading = threading.Lock(), threading.RLock()
        self._waiting: list[Job] = []

    def register(self, job: Job) -> None:
        """Look and record; ``job`` says afterwards what came of it.

        Raises:
            WeightmarkError: as ``plan`` raised it; nothing of this job was recorded.
            LedgerError: recording failed; says whether it may have happened.
        """
        with self._queue:
            self._waiting.append(job)
        with self._leading:
            while not job.is_done:
                self._lead(self._take())
        if job.error is not None:
            raise job.error

    def _take(self) -> list[Job]:
        """Take those that came first and do not depend on one another."""
        taken: list[Job] = []
        left: list[Job] = []
        seen: set[str] = set()
        with self._queue:
            for job in self._waiting:
                free = len(taken) < MOST and job.bundle not in seen and job.uri not in seen
                (taken if free else left).append(job)
                seen |= {job.bundle, job.uri}
            self._waiting = left
        return taken

    def _lead(self, jobs: list[Job]) -> None:
        try:
            with self._resources.alone():
                self._record(jobs)
        except Exception as error:
            _fail(jobs, error)
        except BaseException:
            _fail(jobs, LedgerError("registering was interrupted", outcome="unknown"))
            raise
        finally:
            for job in jobs:
                job.is_done = True

    def _record(self, jobs: list[Job]) -> None:
        resources = self._resources
        resources.catch_up()
        planned: list[tuple[Job, Said]] = []
        with resources.index.still():
            for job in jobs:
                try:
                    planned.append((job, job.plan()))
                except Exception as error:
                    job.error = error
        said = [(job, said) for job, said in planned if said.claims]
        for _, each in said:
            for data in each.kept:
                resources.store.put(data)
        if said:
            answers = record_all(resources, [(each.subject, each.claims) for _, each in said], self._clock())
            for (job, _), answer in zip(said, answers, strict=True):
                if isinstance(answer, Exception):
                    job.error = answer
                elif not isinstance(answer[0].statement.claim, VersionClaim):
                    job.receipt = answer[0].receipt
        with resources.index.still():
            for job, each in planned:
                job.model, job.notes = resources.index.find(job.bundle), each.notes


def _fail(jobs: Sequence[Job], error: Exception) -> None:
    for job in jobs:
        job.error = job.error or error
