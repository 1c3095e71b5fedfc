"""A clock that notices when it is put back: the highest time seen is kept in the home folder.

Kept are what this machine's clock showed and what others signed. A clock that shows less than that, by more
than five minutes, is refused; so is one that ran slower than the machine itself since it was last looked at.

Not promised: the true time. Whoever controls a machine can stop its clock, or put back its whole disk with
everything that was noted on it (a snapshot of a virtual machine). Nothing on that machine can tell.
"""

import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

from weightmark.claims.offline.jws import TOLERANCE
from weightmark.claims.offline.status_token import StatusEvidence
from weightmark.claims.subject import check_text
from weightmark.encoding import digest_bytes, format_time
from weightmark.errors import ClockError, LedgerError, StaleStatusError
from weightmark.workspace.file import alone, read_bounded, write_whole
from weightmark.workspace.offline.clock_state import (
    MAX_CAUSE,
    MAX_SIZE,
    MOST_LISTS,
    ClockState,
    Mark,
    list_name,
)
from weightmark.workspace.resource import Clock, now

STEP: Final = timedelta(minutes=1)
"""A time that is less than this above the highest is not worth a write."""

_NEW = "new"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Uptime:
    """How long this machine has run.

    Attributes:
        boot: the digest of this start; empty when the system does not say.
        seconds: since then, also while it slept.
    """

    boot: str
    seconds: float


def read_uptime() -> Uptime:
    """Ask the system how long it has run."""
    try:
        boot = digest_bytes(b"weightmark/boot\0" + _BOOT_ID.read_bytes())
        return Uptime(boot=boot, seconds=time.clock_gettime(time.CLOCK_BOOTTIME))
    except (OSError, AttributeError):
        return Uptime(boot="", seconds=0.0)


@cache
def clock_of(home: Path) -> "ClockKeeper":
    """Give this process's keeper of a home folder: one for all, so that it also counts for itself."""
    return ClockKeeper(home / "clock")


class ClockKeeper:
    """Gives the present time, or says why it cannot be believed. Safe among threads and processes.

    Args:
        folder: where the marks are kept; made when it is not there.
        wall: gives the time that the clock shows, UTC.
        uptime: says how long the machine has run.

    Raises:
        ClockError: from every method: the clock was put back, or the marks do not hold.
        LedgerError: from every method: the folder cannot be read or written.
    """

    def __init__(
        self, folder: Path, *, wall: Clock = now, uptime: Callable[[], Uptime] = read_uptime
    ) -> None:
        self.folder = folder
        self._wall, self._uptime = wall, uptime
        self._began = (wall(), time.monotonic())
        self._known = (b"", ClockState())

    @property
    def file(self) -> Path:
        """Where the marks are."""
        return self.folder / "marks.json"

    @property
    def seal(self) -> Path:
        """Where the digest of the newest mark is, by which a file that was put back is known."""
        return self.folder / "seal"

    def check(self) -> datetime:
        """Give the present time, never below the highest that was seen, and note it.

        Raises:
            ClockError: the clock was put back, or the marks do not hold.
        """
        with self._alone():
            state, wall, uptime = self._read(), self._wall(), self._uptime()
            self._check_process(wall)
            _check_wall(state.last, wall, uptime)
            last = state.last
            if last is None or wall - last.high >= STEP or (uptime.boot and uptime.boot != last.boot):
                high = wall if last is None else max(wall, last.high)
                self._write(state.add(_mark(high, "wall", wall, uptime)))
            return wall if last is None else max(wall, last.high)

    def note(self, signed: Iterable[tuple[datetime, str]] = (), lists: Iterable[StatusEvidence] = ()) -> None:
        """Note times that others signed, and which lists were seen.

        Args:
            signed: each time, and what said it: ``licence file``. Only of what was verified.
            lists: status lists that were verified.

        Raises:
            ClockError: the marks do not hold, or more lists were seen than can be kept.
            StaleStatusError: a newer one of a list was seen before.
        """
        with self._alone():
            state = self._read()
            seen = dict(state.lists)
            times = list(signed)
            for listed in lists:
                _check_newer(seen, listed)
                times.append((listed.token.issued_at, "status list"))
            changed = state.with_lists(seen) if seen != state.lists else state
            high, source = max(times, default=(datetime.min.replace(tzinfo=UTC), ""))
            last = state.last
            if changed is not state or last is None or high > last.high:
                top = high if last is None else max(high, last.high)
                self._write(changed.add(_mark(top, source, self._wall(), self._uptime())))

    def reset(self, cause: str) -> datetime:
        """Take the clock as it is now; the cause stays in the marks.

        Args:
            cause: why, 1 to 1024 printable characters.

        Returns:
            The time from which is counted now.

        Raises:
            MalformedError: there is no cause, or it does not print.
        """
        check_text(cause, "the cause", least=1, most=MAX_CAUSE)
        with self._alone():
            try:
                state = self._read()
            except ClockError as error:
                # What is left of the old marks says nothing any more; that they were lost is kept.
                state, cause = ClockState(), f"{cause} ({error.message})"[:MAX_CAUSE]
            wall = self._wall()
            kept = state if len(state.lists) < MOST_LISTS else state.with_lists({})
            self._write(kept.add(_mark(wall, "reset", wall, self._uptime(), cause)))
            self._began = (wall, time.monotonic())
            return wall

    def show(self) -> ClockState:
        """Give what was seen; nothing is noted.

        Raises:
            ClockError: the marks do not hold.
        """
        with self._alone():
            return self._read()

    def _check_process(self, wall: datetime) -> None:
        began, monotonic = self._began
        expected = began + timedelta(seconds=time.monotonic() - monotonic)
        if wall < expected - TOLERANCE:
            raise _put_back(expected, "this process counts", wall)

    def _read(self) -> ClockState:
        sealed, kept = self._read_file(self.seal), self._read_file(self.file)
        seal = None if sealed is None else sealed.decode("ascii", "replace").strip()
        if kept is None:
            if seal in (None, _NEW):
                return ClockState()
            raise ClockError(f"{self.file} is missing, and {self.seal} shows that it was there")
        if kept != self._known[0]:
            self._known = (kept, ClockState.decode(kept, str(self.file)))
        state = self._known[1]
        if seal is None:
            raise ClockError(f"{self.seal} is missing, and {self.file} shows that it was there")
        if not state.holds(seal) and (seal != _NEW or len(state.marks) > 1):
            raise ClockError(f"{self.file} is not the one that was written last: an older one was put back")
        last = state.last
        if last is not None and seal != last.digest:
            # A crash came between the file and its seal.
            write_whole(self.seal, f"{last.digest}\n".encode())
        return state

    def _read_file(self, path: Path) -> bytes | None:
        return read_bounded(path, MAX_SIZE) if path.exists() else None

    def _write(self, state: ClockState) -> None:
        last = state.last
        if last is None:
            return
        if not self.file.exists():
            write_whole(self.seal, f"{_NEW}\n".encode())
        write_whole(self.file, state.encode())
        write_whole(self.seal, f"{last.digest}\n".encode())

    @contextmanager
    def _alone(self) -> Generator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise LedgerError(
                f"the times seen cannot be kept in {self.folder}: {error}",
                hint="Give a home folder that can be written: set WEIGHTMARK_HOME.",
            ) from error
        with alone(self.folder):
            yield


def _check_wall(last: Mark | None, wall: datetime, uptime: Uptime) -> None:
    if last is None:
        return
    if wall < last.high - TOLERANCE:
        raise _put_back(last.high, f"seen by {last.source}, noted at {format_time(last.wall)},", wall)
    if uptime.boot and uptime.boot == last.boot:
        expected = last.wall + timedelta(seconds=uptime.seconds - last.uptime)
        if wall < expected - TOLERANCE:
            raise _put_back(expected, "the machine has run since its clock was last looked at", wall)


def _check_newer(seen: dict[str, datetime], listed: StatusEvidence) -> None:
    token = listed.token
    name = list_name(listed.signer.identity, token.uri)
    known = seen.get(name)
    if known is not None and token.issued_at < known:
        raise StaleStatusError(
            f"the status list of {format_time(token.issued_at)} is older than the one of"
            f" {format_time(known)}, which was seen here before"
        )
    seen[name] = token.issued_at


def _put_back(expected: datetime, who: str, wall: datetime) -> ClockError:
    with suppress(OverflowError):
        expected = expected.replace(microsecond=0)
    return ClockError(
        f"the clock shows {wall:%Y-%m-%d %H:%M:%S} UTC, but {expected:%Y-%m-%d %H:%M:%S} UTC was reached"
        f" already ({who}): it was put back by {expected - wall.replace(microsecond=0)}"
    )


def _mark(high: datetime, source: str, wall: datetime, uptime: Uptime, cause: str = "") -> Mark:
    return Mark(
        high=high,
        source=source,
        wall=wall,
        boot=uptime.boot,
        uptime=uptime.seconds,
        cause=cause,
        lists="",
        before="",
    )
