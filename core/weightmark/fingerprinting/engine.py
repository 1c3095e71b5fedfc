"""Reads files in threads and hashes their chunks, each byte once.

Files are read into one small buffer per thread and not mapped into memory: a mapped file that somebody cuts
short kills the whole process, a read one gives an error.

Not promised: speed on a disk that is slower than the hash.
"""

import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from weightmark.encoding import Algorithm, hasher
from weightmark.encoding.digest import Hasher
from weightmark.errors import MalformedError
from weightmark.fingerprinting.tree import CHUNK_SIZE, FilePlan
from weightmark.log.merkle import root_of
from weightmark.model.artifact import ArtifactFile, Reader

BUFFER_SIZE = 512 * 1024
"""Bytes that a thread reads at once; chosen to stay in the processor's cache between reading and hashing."""

UNIT_SIZE = 16 * 1024 * 1024
"""Bytes after which a unit of work is full; its last chunk may go beyond."""

UNIT_PIECES = 256
"""Files after which a unit of work is full."""

MADE_PIECES = 16
"""Tensors with a layout in one unit of work."""

MAX_THREADS = 8
"""The most threads that are used unasked."""

PROGRESS_STEPS = 200
"""How often progress is told at most, for one artifact."""

Progress = Callable[[int, int], None]
"""Told of the bytes done and the bytes in all, from the thread that asked for the fingerprint."""


@dataclass(frozen=True, slots=True)
class HashJob:
    """One file to be hashed, and the place for what comes out.

    Attributes:
        file: the file.
        plan: how it is cut.
        chunk_size: the most bytes of one chunk of a tensor with a layout.
        leaves: one leaf of 32 bytes per chunk, filled in by the engine.
        derived: the root of each tensor with a layout, 32 bytes, filled in by the engine.
        whole: the plain SHA-256 of the whole file, 32 bytes, in a list of one; empty when it is not wanted.
        done: how many chunks and tensors with a layout are hashed, piece by piece, each after the file was
            found unchanged.
    """

    file: ArtifactFile
    plan: FilePlan
    chunk_size: int = CHUNK_SIZE
    leaves: list[bytes] = field(default_factory=list[bytes])
    derived: list[bytes] = field(default_factory=list[bytes])
    whole: list[bytes] = field(default_factory=list[bytes])
    done: list[int] = field(default_factory=list[int])

    @property
    def finished(self) -> bool:
        """Say whether the whole file is hashed."""
        return sum(self.done) == self.plan.chunks + len(self.plan.derived)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Chunks of one file.

    Attributes:
        job: the file.
        first: the first chunk.
        last: the chunk after the last one.
    """

    job: HashJob
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Made:
    """One tensor whose canonical bytes are made by a layout.

    Attributes:
        job: its file.
        number: its place in the plan's ``derived``.
    """

    job: HashJob
    number: int


Unit = list[Stretch] | list[Made]


def hash_files(
    jobs: Sequence[HashJob],
    algorithm: Algorithm,
    *,
    threads: int | None = None,
    whole: bool = False,
    progress: Progress | None = None,
) -> None:
    """Hash the chunks of files.

    Args:
        jobs: the files; their ``leaves`` are filled in, and ``whole`` when it is wanted.
        algorithm: the hash function of the leaves.
        threads: how many threads; by default one more than processors, so that one reads while others hash,
            at most 8.
        whole: whether the plain SHA-256 of each file is wanted too; each file is then read by one thread.
        progress: told of bytes done and bytes in all, at most 200 times.

    Raises:
        ValueError: fewer than one thread was asked for.
        MalformedError: a file cannot be read or changed while it was read.
    """
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    for job in jobs:
        job.leaves[:] = [b""] * job.plan.chunks
        job.derived[:] = [b""] * len(job.plan.derived)
        job.done.clear()
    units = list(_units(jobs, whole=whole))
    total = sum(job.file.size + job.plan.made_bytes for job in jobs)
    pool = _Pool(units, algorithm, whole=whole)
    step, told, done = max(1, total // PROGRESS_STEPS), 0, 0
    if progress is not None:
        progress(0, total)
    try:
        pool.start(min(threads or min((os.cpu_count() or 1) + 1, MAX_THREADS), len(units)))
        for _ in units:
            done += pool.wait()
            if progress is not None and (done - told >= step or done == total > told):
                told = done
                progress(done, total)
    finally:
        pool.stop()


def _units(jobs: Sequence[HashJob], *, whole: bool) -> Iterator[Unit]:
    """Gather chunks into units of about the same size, so that a unit costs little beside its bytes."""
    unit: list[Stretch] = []
    filled = 0
    for job in jobs:
        bounds = job.plan.bounds
        first = 0
        for last in range(1, len(bounds)):
            room = UNIT_SIZE - filled
            if not whole and bounds[last] - bounds[first] >= room:
                yield [*unit, Stretch(job, first, last)]
                unit, filled, first = [], 0, last
        if first < job.plan.chunks or (whole and not job.plan.chunks):
            unit.append(Stretch(job, first, job.plan.chunks))
            filled += bounds[-1] - bounds[first]
        if filled >= UNIT_SIZE or len(unit) >= UNIT_PIECES:
            yield unit
            unit, filled = [], 0
    if unit:
        yield unit
    for job in jobs:
        for first in range(0, len(job.plan.derived), MADE_PIECES):
            last = min(first + MADE_PIECES, len(job.plan.derived))
            yield [Made(job, number) for number in range(first, last)]


class _Pool:
    """Threads that take units until there are none, or until one fails."""

    def __init__(self, units: Sequence[Unit], algorithm: Algorithm, *, whole: bool) -> None:
        self._units = iter(units)
        self._algorithm = algorithm
        self._whole = whole
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._results: queue.SimpleQueue[int | BaseException] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def start(self, count: int) -> None:
        for number in range(count):
            thread = threading.Thread(target=self._work, name=f"weightmark-hash-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def wait(self) -> int:
        """Wait for one unit; give its bytes or raise what went wrong in it."""
        result = self._results.get()
        if isinstance(result, BaseException):
            raise result
        return result

    def stop(self) -> None:
        self._ended.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _work(self) -> None:
        try:
            buffer = memoryview(bytearray(BUFFER_SIZE))
            while not self._ended.is_set():
                with self._lock:
                    unit = next(self._units, None)
                if unit is None:
                    return
                self._results.put(sum(self._hash(piece, buffer) for piece in unit))
        except BaseException as error:
            self._results.put(error)

    def _hash(self, piece: Stretch | Made, buffer: memoryview) -> int:
        if isinstance(piece, Made):
            return self._make(piece)
        job, bounds = piece.job, piece.job.plan.bounds
        whole = hasher(Algorithm.SHA256) if self._whole else None
        with job.file.opened() as reader:
            self._read(reader, piece, buffer, whole)
        if self._ended.is_set():
            return 0
        if whole is not None:
            job.whole[:] = [whole.digest()]
        job.done.append(piece.last - piece.first)
        return bounds[piece.last] - bounds[piece.first]

    def _read(self, reader: Reader, piece: Stretch, buffer: memoryview, whole: Hasher | None) -> None:
        job, index, algorithm = piece.job, piece.first, self._algorithm
        bounds = job.plan.bounds
        position, stop = bounds[index], bounds[piece.last]
        reader.expect(position, stop)
        leaf = hasher(algorithm, b"\x00")
        while position < stop and not self._ended.is_set():
            got = reader.read_into(buffer[: stop - position], position)
            if whole is not None:
                whole.update(buffer[:got])
            used = 0
            while used < got:
                take = min(bounds[index + 1] - position, got - used)
                leaf.update(buffer[used : used + take])
                used += take
                position += take
                if position == bounds[index + 1]:
                    job.leaves[index] = leaf.digest()
                    index += 1
                    leaf = hasher(algorithm, b"\x00")

    def _make(self, piece: Made) -> int:
        """Hash the bytes that a layout makes, as if a file stored them."""
        job, span = piece.job, piece.job.plan.derived[piece.number]
        leaves: list[bytes] = []
        made = 0
        with job.file.opened() as reader:
            leaf = hasher(self._algorithm, b"\x00")
            for block in span.blocks(reader):
                used = 0
                while used < len(block) and not self._ended.is_set():
                    take = min(job.chunk_size - made % job.chunk_size, len(block) - used)
                    leaf.update(memoryview(block)[used : used + take])
                    used += take
                    made += take
                    if not made % job.chunk_size:
                        leaves.append(leaf.digest())
                        leaf = hasher(self._algorithm, b"\x00")
            if made % job.chunk_size:
                leaves.append(leaf.digest())
        if self._ended.is_set():
            return 0
        if made != span.size:
            raise MalformedError(
                f"tensor {span.name[:200]!r} in {span.path} should have {span.size} bytes and has {made}",
                hint="The plugin that reads this format is wrong: report it to whoever wrote it.",
            )
        job.derived[piece.number] = root_of(leaves, self._algorithm)
        job.done.append(1)
        return made
