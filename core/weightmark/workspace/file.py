"""Small files: read no further than they may go, written whole or not at all, changed by one at a time.

Not promised: that a file whose bytes were acknowledged has its new name after a power cut.
"""

import os
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from weightmark.errors import LedgerError, MalformedError, WeightmarkError


def read_bounded(path: Path, most: int) -> bytes:
    """Read a file that somebody else may have made.

    Args:
        path: where.
        most: the most bytes that are taken into memory.

    Raises:
        MalformedError: it is longer.
        WeightmarkError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise WeightmarkError(
            f"{path} cannot be read: {error}", hint="Check the path and its permissions."
        ) from error
    if len(data) > most:
        raise MalformedError(f"{path} has more than {most} bytes, the most that are read of such a file")
    return data


@contextmanager
def alone(folder: Path) -> Generator[None]:
    """Wait until no other process is in here for the same folder, where the system has such locks.

    Raises:
        LedgerError: the folder cannot be opened or locked.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise LedgerError(f"{folder} could not be locked: {error}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            raise LedgerError(f"{folder} could not be locked: {error}") from error
        try:
            yield
        finally:
            # Said, not only closed: a process that was forked meanwhile still has it open.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def write_whole(path: Path, data: bytes, *, over: bool = True, shared: bool = False) -> None:
    """Write a file so that it is there whole or not at all, whatever happens.

    Args:
        path: where; its folder is made when it is not there.
        data: what.
        over: whether to replace a file that is there already; else it is left as it is.
        shared: whether a new file may be read by whom the process's umask allows; else by its owner only. A
            file that replaces another has the other's mode.

    Raises:
        LedgerError: it could not be written; what was there before is still there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666 & ~_umask() if shared else 0o600
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                Path(temporary).chmod(mode)
                os.fsync(file.fileno())
            if over:
                Path(temporary).replace(path)
            else:
                _place_new(Path(temporary), path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise LedgerError(f"{path} could not be written: {error}") from error


def sync_folder(folder: Path) -> None:
    """Make the name of a new file durable, where the system can.

    Raises:
        OSError: the folder cannot be opened or synchronised.
    """
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    """Read the process's umask, which can only be read by setting it."""
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def _place_new(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        temporary.unlink()
    except OSError:
        # A file system without hard links: the best that it offers.
        temporary.replace(path)
    else:
        temporary.unlink()
