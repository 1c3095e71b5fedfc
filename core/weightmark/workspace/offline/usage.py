"""Offline use: recorded where there is no ledger, in a chain that is settled later.

What was recorded when a call returns is on the disk. Not promised: protection from whoever owns the disk.
They may leave uses out, or put back an older state of the whole machine; the second is seen at settlement.
"""

import os
import secrets
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import RLock
from typing import Final

from weightmark.claims import PublicKey, Signature
from weightmark.claims.offline.jws import TOLERANCE
from weightmark.claims.offline.usage_chain import MAX_CHAIN, ChainHeader, UsageChain, begin_chain
from weightmark.encoding import Digest, format_time
from weightmark.errors import (
    ClockError,
    ExpiredError,
    LedgerError,
    MalformedError,
    QuotaExceededError,
    UsageConflictError,
    WeightmarkError,
)
from weightmark.licensing import Grant
from weightmark.licensing.window import Phase
from weightmark.workspace.file import sync_folder
from weightmark.workspace.metering.usage import check_key, check_units
from weightmark.workspace.resource import Clock, now

SEAL_EVERY: Final = 100
"""Entries after which the chain is sealed, so that a lost machine leaves little that nobody signed."""

_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedUse:
    """What became of one use.

    Attributes:
        seq: the entry's number.
        key: what names it.
        repeated: whether it was recorded before.
        used: units used so far by this chain, of this name.
        left: units left, overage among them; None when there is no bound of this name.
    """

    seq: int
    key: str
    repeated: bool
    used: int
    left: int | None


@dataclass(slots=True, kw_only=True, eq=False)
class OfflineMeter:
    """Records use in one chain file. Safe to use from many threads and many processes.

    Args:
        file: the chain; begun when it is not there.
        id: the grant's id.
        grant: the grant, as a licence file or the ledger gives it; its time and its bounds are kept.
        party: who uses it.
        public_key: the public half of the key that seals.
        sign: signs with it.
        clock: gives the present time, UTC.
        tolerance: by how much the clock may go back between two uses; such a use has the time of the one
            before it.
    """

    file: Path
    id: Digest
    grant: Grant
    party: str
    public_key: PublicKey
    sign: Callable[[bytes], Signature]
    clock: Clock = now
    tolerance: timedelta = TOLERANCE
    _chain: UsageChain | None = field(default=None, init=False)
    _size: int = field(default=0, init=False)
    _lock: RLock = field(default_factory=RLock, init=False)

    def record(self, name: str, units: int = 1, *, key: str = "") -> RecordedUse:
        """Record a use, if the grant holds and has that much left.

        Args:
            name: the entitlement's name.
            units: how many.
            key: what names this use; the same key is recorded once. Empty for one at random.

        Raises:
            QuotaExceededError: so many are not left.
            ExpiredError: the grant has not begun or is over.
            ClockError: the clock went back.
            UsageConflictError: the key was recorded with another name or number.
            MalformedError: the file is no chain of this grant and this key.
            LedgerError: the file cannot be written; nothing was recorded, or it may have been.
            ValueError: the units or the key are none.
        """
        key = key or secrets.token_hex(16)
        check_key(key)
        check_units(name, units)
        with self._open() as (descriptor, chain):
            before = chain.keys.get(key)
            if before is not None:
                if before != (name, units):
                    raise UsageConflictError(f"the key {key!r} was recorded as {before[1]} {before[0]}")
                seq = list(chain.keys).index(key) + 1
                return self._recorded(chain, seq, name, key, repeated=True)
            moment = self._moment(chain)
            left = self._left(chain, name)
            if left is not None and units > left:
                raise QuotaExceededError(
                    f"the grant {self.id} has {max(0, left)} {name} left here, and {units} were asked for",
                    hint="Settle what was recorded, and ask the licensor for more.",
                )
            lines = [chain.next_entry(name, units, key, moment).encode()]
            self._append(descriptor, chain, lines)
            seq = len(chain.entries)
            if seq - chain.sealed >= SEAL_EVERY:
                self._append(descriptor, chain, [chain.seal(self.sign)])
            return self._recorded(chain, seq, name, key, repeated=False)

    def export(self) -> bytes:
        """Seal the chain and give it; twice without a use in between gives the same bytes.

        Raises:
            MalformedError: nothing was recorded, or the file is no chain of this grant and this key.
            LedgerError: the file cannot be written.
        """
        with self._open() as (descriptor, chain):
            if chain.sealed != len(chain.entries) or not chain.entries:
                self._append(descriptor, chain, [chain.seal(self.sign)])
            os.lseek(descriptor, 0, os.SEEK_SET)
            return _read_all(descriptor)

    def show(self) -> UsageChain:
        """Give the chain as it is; do not change it.

        Raises:
            MalformedError: the file is no chain of this grant and this key.
            LedgerError: it cannot be read.
        """
        with self._open() as (_, chain):
            return chain

    def _recorded(self, chain: UsageChain, seq: int, name: str, key: str, *, repeated: bool) -> RecordedUse:
        used = chain.totals.get(name, 0)
        return RecordedUse(seq=seq, key=key, repeated=repeated, used=used, left=self._left(chain, name))

    def _left(self, chain: UsageChain, name: str) -> int | None:
        bounds: Mapping[str, int] = {bound.name: bound.limit + bound.overage for bound in self.grant.bounds}
        return bounds[name] - chain.totals.get(name, 0) if name in bounds else None

    def _moment(self, chain: UsageChain) -> datetime:
        moment, last = self.clock().astimezone(UTC), chain.ended or chain.header.made
        if moment < last - self.tolerance:
            raise ClockError(
                f"the clock shows {format_time(moment)}, and the last use was at {format_time(last)}",
                hint="Set the clock right, and record again.",
            )
        phase, _ = self.grant.window.locate(moment)
        if phase in (Phase.BEFORE, Phase.AFTER):
            end = self.grant.window.last
            over = "has not begun" if phase is Phase.BEFORE or end is None else f"ended at {format_time(end)}"
            raise ExpiredError(f"the grant {self.id} {over}, so nothing can be used under it")
        return max(moment, last)

    @contextmanager
    def _open(self) -> Generator[tuple[int, UsageChain]]:
        with self._lock, _faults(self.file):
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
            descriptor = os.open(self.file, flags, 0o600)
            try:
                _alone(descriptor)
                yield descriptor, self._catch_up(descriptor)
            finally:
                os.close(descriptor)

    def _catch_up(self, descriptor: int) -> UsageChain:
        """Read what other processes appended since, and cut off a line that a crash tore."""
        size = os.fstat(descriptor).st_size
        if size > MAX_CHAIN:
            raise MalformedError(f"{self.file} has {size} bytes; at most {MAX_CHAIN} are read")
        if size < self._size or self._chain is None:
            self._chain, self._size = None, 0
        os.lseek(descriptor, self._size, os.SEEK_SET)
        data = _read_all(descriptor)
        whole = data.rfind(b"\n") + 1
        if whole != len(data):
            os.ftruncate(descriptor, self._size + whole)
            os.fsync(descriptor)
        for line in data[:whole].split(b"\n")[:-1]:
            self._take(line)
        self._size += whole
        if self._chain is None:
            self._begin(descriptor)
        chain = self._chain
        if chain is None or (chain.header.grant, chain.header.key, chain.header.party) != (
            self.id,
            self.public_key.key_id,
            self.party,
        ):
            raise MalformedError(
                f"{self.file} is a chain of another grant, party or key",
                hint="Use a file of its own for each: --chain FILE.",
            )
        return chain

    def _take(self, line: bytes) -> None:
        if self._chain is None:
            self._chain = begin_chain(line, f"line 1 of {self.file}")
        else:
            self._chain.add(line, f"a line of {self.file}")

    def _begin(self, descriptor: int) -> None:
        header = ChainHeader(
            chain=secrets.token_hex(16),
            grant=self.id,
            party=self.party,
            key=self.public_key.key_id,
            made=self.clock().astimezone(UTC),
        )
        line = header.encode()
        _write(descriptor, line + b"\n")
        sync_folder(self.file.parent)
        self._chain, self._size = begin_chain(line), len(line) + 1

    def _append(self, descriptor: int, chain: UsageChain, lines: list[bytes]) -> None:
        data = b"".join(line + b"\n" for line in lines)
        if self._size + len(data) > MAX_CHAIN:
            raise LedgerError(
                f"{self.file} has {self._size} bytes, the most of a chain",
                hint="Export and settle it, and begin another file.",
            )
        try:
            _write(descriptor, data)
            for line in lines:
                chain.add(line, f"the new line of {self.file}")
            self._size += len(data)
        except BaseException:
            self._chain, self._size = None, 0  # what is in the file is read anew
            raise


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.fsync(descriptor)


def _read_all(descriptor: int) -> bytes:
    parts: list[bytes] = []
    while part := os.read(descriptor, _BLOCK):
        parts.append(part)
    return b"".join(parts)


def _alone(descriptor: int) -> None:
    """Wait until no other process has the file, where the system has such locks; closing ends it."""
    try:
        import fcntl
    except ImportError:
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX)


@contextmanager
def _faults(file: Path) -> Generator[None]:
    try:
        yield
    except WeightmarkError:
        raise
    except OSError as error:
        raise LedgerError(
            f"{file} could not be written: {error}",
            outcome="unknown",
            hint="Record it again under the same key: it counts once.",
        ) from error
