"""A model's files, found by a safe walk of one folder, and the means to read them without being fooled.

Not promised: that nobody writes to the folder meanwhile. It is noticed and refused, not prevented; a change
that follows another within one tick of the file system's clock (a few milliseconds) and keeps the size may go
unnoticed. Folders without files leave no trace, neither do owners, modes and times. POSIX systems only.
"""

import os
import stat
from bisect import bisect_left
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from weightmark.errors import MalformedError
from weightmark.model.path import check_path, collision_key

MAX_FILES = 1_000_000
"""The most files that one artifact may have."""

IGNORED = frozenset({".git"})
"""Names at the folder's top that never belong to the model."""

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_STILL = "Wait until whatever writes to the model has ended, then try again."
_COPY = "Copy the model with `cp -rL` to a new folder and pass that, or pass the folder the links point to."


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactFile:
    """One regular file, as it was when the folder was walked.

    Attributes:
        path: relative to the model's folder, POSIX.
        location: the absolute path of the file itself; of its target, when it is a link inside the folder.
        size: bytes.
        device: the file system's number.
        inode: the file's number there.
        mtime_ns: last change of the content, nanoseconds since 1970 UTC.
        ctime_ns: last change of content, owner or mode, nanoseconds since 1970 UTC.
    """

    path: str
    location: str
    size: int
    device: int
    inode: int
    mtime_ns: int
    ctime_ns: int

    @contextmanager
    def opened(self) -> Generator["Reader"]:
        """Open the file for reading, and check that it is the one that was walked, before and after.

        Yields:
            What reads it, closed afterwards; for one thread.

        Raises:
            MalformedError: the file cannot be read, or is not as it was walked.
        """
        try:
            descriptor = os.open(self.location, _FLAGS)
        except FileNotFoundError as error:
            raise _changed(self.path, "it was removed") from error
        except OSError as error:
            raise _unreadable(self.path, error) from error
        try:
            self.check(descriptor)
            yield Reader(self, descriptor)
            self.check(descriptor)
        finally:
            os.close(descriptor)

    def check(self, descriptor: int) -> None:
        """Check that an open file is still the one that was walked, unchanged.

        Args:
            descriptor: an open file descriptor.

        Raises:
            MalformedError: its identity, size or times differ.
        """
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or _identity(status) != self._identity():
            raise _changed(self.path, f"{self.size} bytes when listed, {status.st_size} bytes now")

    def fail_short(self, offset: int) -> MalformedError:
        """Make the error for a read that met the file's end too early.

        Args:
            offset: where the file ended, in bytes.

        Raises:
            Nothing; the error is returned, to be raised by the caller.
        """
        return _changed(self.path, f"{self.size} bytes when listed, but it ends at byte {offset}")

    def _identity(self) -> tuple[int, int, int, int, int]:
        return (self.device, self.inode, self.size, self.mtime_ns, self.ctime_ns)


class Reader:
    """Reads one open file.

    Args:
        file: the file, for messages.
        descriptor: it, opened.
    """

    __slots__ = ("_descriptor", "_file")

    def __init__(self, file: ArtifactFile, descriptor: int) -> None:
        self._file = file
        self._descriptor = descriptor

    def expect(self, start: int, stop: int) -> None:
        """Be told which bytes are read next, in order: what reads over a network fetches up to there."""

    def read_into(self, buffer: memoryview, position: int) -> int:
        """Fill a buffer, or its beginning.

        Args:
            buffer: at least one byte.
            position: the offset in the file of the first byte.

        Returns:
            How many bytes were read, at least one.

        Raises:
            MalformedError: the file cannot be read, or ends here although it should not.
        """
        try:
            got = os.preadv(self._descriptor, [buffer], position)
        except OSError as error:
            raise MalformedError(
                f"{self._file.path} cannot be read at byte {position}: {error.strerror}",
                hint="Check that the disk is well and still mounted.",
            ) from error
        if not got:
            raise self._file.fail_short(position)
        return got

    def read(self, position: int, size: int) -> bytes:
        """Read a range.

        Args:
            position: the first byte's offset in the file.
            size: how many bytes; allocated at once, so bound it first.

        Returns:
            Exactly ``size`` bytes.

        Raises:
            MalformedError: the file cannot be read, or ends before.
        """
        whole = bytearray(size)
        view = memoryview(whole)
        done = 0
        while done < size:
            done += self.read_into(view[done:], position + done)
        return bytes(whole)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """The files of one model: a folder's, or a single one.

    Attributes:
        root: the folder, absolute and free of links; for a single file the folder it lies in.
        files: sorted by the UTF-8 bytes of their paths.
        single: whether the artifact is one file and not its folder.
        ignore: names at the folder's top that were left out, besides ``.git``.
    """

    root: Path
    files: tuple[ArtifactFile, ...]
    single: bool
    ignore: frozenset[str] = frozenset()

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, ignore: frozenset[str] = frozenset()) -> Self:
        """List a model's files without reading them.

        A link is followed when its target is a regular file in the same folder; every other link is refused.
        The path itself may be a link.

        Args:
            path: a folder or a file.
            ignore: names directly under the folder to leave out; ``.git`` always is.

        Returns:
            The artifact; its files are opened and checked only when they are read.

        Raises:
            MalformedError: nothing is there, the folder is empty or cannot be read, it holds links that lead
                out, devices, pipes or sockets, names that are not plain UTF-8 text, two paths that differ
                only in case or Unicode form, or more than a million files.
        """
        given = os.fspath(path)
        try:
            real = os.path.realpath(given, strict=True)
            status = Path(real).stat()
        except FileNotFoundError as error:
            raise MalformedError(f"{given} does not exist", hint="Check the path.") from error
        except (OSError, ValueError) as error:
            raise _unreadable(given, error) from error
        if stat.S_ISDIR(status.st_mode):
            return cls(root=Path(real), files=_walk(real, IGNORED | ignore), single=False, ignore=ignore)
        name = os.path.basename(given.rstrip("/"))  # noqa: PTH119 - Path would drop a closing `..`
        check_path(name, what=given)
        if not stat.S_ISREG(status.st_mode):
            raise _irregular(name)
        files = (_file(name, real, status),)
        return cls(root=Path(real).parent, files=files, single=True, ignore=ignore)

    @property
    def size(self) -> int:
        """Count the bytes of all files."""
        return sum(file.size for file in self.files)

    def find(self, path: str) -> ArtifactFile | None:
        """Find a file.

        Args:
            path: relative to the artifact, POSIX.

        Returns:
            The file, or None when the artifact has none at this path.

        Raises:
            Nothing.
        """
        index = bisect_left(self.files, path, key=lambda file: file.path)
        found = self.files[index] if index < len(self.files) else None
        return found if found is not None and found.path == path else None

    def read(self, path: str, start: int, size: int) -> bytes:
        """Read a range of one file.

        Args:
            path: relative to the artifact, POSIX.
            start: the first byte's offset.
            size: how many bytes; allocated at once, so bound it first.

        Returns:
            Exactly ``size`` bytes.

        Raises:
            ValueError: there is no such file, or the range is not inside it.
            MalformedError: the file cannot be read, or changed since the folder was walked.
        """
        file = self.find(path)
        if file is None:
            raise ValueError(f"the artifact has no file {path!r}")
        if start < 0 or size < 0 or start + size > file.size:
            raise ValueError(f"bytes {start} to {start + size} are not inside {path!r} of {file.size} bytes")
        with file.opened() as reader:
            return reader.read(start, size)

    def check_unchanged(self) -> None:
        """Walk again and check that every file is as it was.

        Raises:
            MalformedError: a file was added, removed or changed since the first walk; the message names it.
        """
        try:
            # a single file is checked at its own place: the path it was given by may be a link elsewhere
            files = _restat(self.files) if self.single else _walk(str(self.root), IGNORED | self.ignore)
        except MalformedError as error:
            raise MalformedError(
                f"the model changed while it was read: {error.message}", hint=_STILL
            ) from error
        before = {file.path: file for file in self.files}
        after = {file.path: file for file in files}
        for path in sorted(before.keys() | after.keys()):
            if path not in after:
                raise _changed(path, "it was removed")
            if path not in before:
                raise _changed(path, "it was added")
            if before[path] != after[path]:
                raise _changed(path, f"{before[path].size} bytes when listed, {after[path].size} bytes now")


def _walk(root: str, ignore: frozenset[str]) -> tuple[ArtifactFile, ...]:
    found: list[ArtifactFile] = []
    folders = [""]
    while folders:
        folder = folders.pop()
        for entry in _entries(root, folder):
            if not folder and entry.name in ignore:
                continue
            path = f"{folder}{entry.name}"
            check_path(path, what="the model's folder")
            try:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{path}/")
                else:
                    found.append(_visit(root, path, entry))
            except OSError as error:
                raise _unreadable(path, error) from error
            if len(found) > MAX_FILES:
                raise MalformedError(
                    f"the model's folder has more than {MAX_FILES} files",
                    hint="Pass the folder of one model, or leave out with `ignore` what is not part of it.",
                )
    if not found:
        raise MalformedError(f"{root} has no files", hint="Pass the folder that the model was saved to.")
    found.sort(key=lambda file: file.path)
    _check_collisions(found)
    return tuple(found)


def _entries(root: str, folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(f"{root.rstrip('/')}/{folder}") as entries:
            return list(entries)
    except OSError as error:
        raise _unreadable(folder or root, error) from error


def _visit(root: str, path: str, entry: os.DirEntry[str]) -> ArtifactFile:
    if entry.is_symlink():
        return _follow(root, path, entry.path)
    status = entry.stat(follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode):
        raise _irregular(path)
    return _file(path, entry.path, status)


def _follow(root: str, path: str, link: str) -> ArtifactFile:
    try:
        target = os.path.realpath(link, strict=True)
    except OSError as error:
        raise MalformedError(f"{path} is a link that leads nowhere: {error.strerror}", hint=_COPY) from error
    if not target.startswith(root.rstrip("/") + "/"):
        raise MalformedError(
            f"{path} is a link that leads out of the model's folder, to {target}", hint=_COPY
        )
    status = Path(target).stat()
    if stat.S_ISDIR(status.st_mode):
        raise MalformedError(f"{path} is a link to a folder, which is not followed", hint=_COPY)
    if not stat.S_ISREG(status.st_mode):
        raise _irregular(path)
    return _file(path, target, status)


def _restat(files: tuple[ArtifactFile, ...]) -> tuple[ArtifactFile, ...]:
    try:
        return tuple(_file(file.path, file.location, os.lstat(file.location)) for file in files)
    except OSError as error:
        raise _unreadable(files[0].path, error) from error


def _check_collisions(files: list[ArtifactFile]) -> None:
    seen: dict[str, str] = {}
    for file in files:
        other = seen.setdefault(collision_key(file.path), file.path)
        if other != file.path:
            raise MalformedError(
                f"{other!r} and {file.path!r} differ only in case or Unicode form",
                hint="Rename one of the two: some file systems take them for one file.",
            )


def _file(path: str, location: str, status: os.stat_result) -> ArtifactFile:
    device, inode, size, mtime_ns, ctime_ns = _identity(status)
    return ArtifactFile(
        path=path,
        location=location,
        size=size,
        device=device,
        inode=inode,
        mtime_ns=mtime_ns,
        ctime_ns=ctime_ns,
    )


def _identity(status: os.stat_result) -> tuple[int, int, int, int, int]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _changed(path: str, how: str) -> MalformedError:
    return MalformedError(f"{path} changed while it was read: {how}", hint=_STILL)


def _irregular(path: str) -> MalformedError:
    return MalformedError(
        f"{path} is not a regular file but a device, a pipe or a socket",
        hint="Remove it from the model's folder.",
    )


def _unreadable(path: str, error: OSError | ValueError) -> MalformedError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return MalformedError(
        f"{path} cannot be read: {reason}", hint="Check who may read it, and that the disk is well."
    )
