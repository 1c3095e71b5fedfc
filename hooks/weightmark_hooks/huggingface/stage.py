"""The stage: a folder that holds what a repository will hold after a push; the user's files stay as they are.

Every file is a copy, so that what is read is what is sent, whatever happens to the user's folder meanwhile,
and several may push one folder at once. Disks that can share the bytes of two files do so.
"""

import os
import shutil
import struct
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from weightmark.attribution import (
    BESIDE,
    MAX_HEADER,
    Mark,
    write_card,
    write_config,
    write_header,
    write_index,
)
from weightmark.errors import MalformedError
from weightmark.model.path import check_path

CARD: Final = "README.md"
CONFIG: Final = "config.json"

WEIGHTS: Final = (
    ".safetensors",
    ".bin",
    ".pt",
    ".pth",
    ".ckpt",
    ".gguf",
    ".ggml",
    ".onnx",
    ".h5",
    ".keras",
    ".msgpack",
    ".tflite",
    ".npz",
    ".npy",
    ".pkl",
    ".joblib",
    ".mlmodel",
    ".pb",
    ".pt2",
    ".engine",
    ".safetensors.index.json",
)
"""How files end that hold a model's numbers."""

_INDEX: Final = ".safetensors.index.json"
_TENSORS: Final = ".safetensors"
_PART: Final = 1 << 24

Identity = tuple[int, int, int, int, int]
"""Which file it is, and as of when: device, number, size in bytes, mtime and ctime in nanoseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A header that was written over in place.

    Attributes:
        before: the file before it was opened for that.
        after: the file after it was written.
        size: bytes at the file's beginning that were written; all others are as they were.
    """

    before: Identity
    after: Identity
    size: int


@dataclass(slots=True, kw_only=True)
class Stage:
    """What a repository will hold.

    Attributes:
        folder: where its files lie; ours, and deleted at the end.
        sent: paths of the files that the push brings.
        brought: paths of files that are on the Hub already and stay; they are here only to be read.
        tensors: whether the headers of safetensors files are to be marked.
        stamped: by path, the headers that were written over.
        fixed: by path, the files that the fingerprint is of.
    """

    folder: Path
    sent: set[str] = field(default_factory=set[str])
    brought: set[str] = field(default_factory=set[str])
    tensors: bool = True
    stamped: dict[str, Stamp] = field(default_factory=dict[str, Stamp])
    fixed: dict[str, Identity] = field(default_factory=dict[str, Identity])

    def add(self, path: str, source: Path) -> None:
        """Put a file of the user's on the stage.

        Raises:
            MalformedError: the path is not one of a model's files.
        """
        check_path(path, what="the push")
        target = self._clear(path)
        if self.tensors and path.endswith(_TENSORS):
            _copy_marked(source, target, None)
        else:
            _copy(source, target)
        self.sent.add(path)

    def write(self, path: str, data: bytes) -> None:
        """Write a file anew; it is sent if it was not there with these bytes.

        Raises:
            MalformedError: the path is not one of a model's files.
        """
        check_path(path, what="the push")
        present = self.folder / path
        if path in self.brought and present.read_bytes() == data:
            return
        self._clear(path).write_bytes(data)
        self.brought.discard(path)
        self.sent.add(path)

    def receive(self, path: str, copy: Callable[[Path], object]) -> None:
        """Let somebody write a file of the push."""
        with tempfile.TemporaryDirectory(prefix="weightmark-") as folder:
            file = Path(folder) / "file"
            copy(file)
            self.add(path, file)

    def drop_brought(self) -> None:
        """Remove what is on the Hub already, so that it is not sent again."""
        for path in self.brought:
            (self.folder / path).unlink()
        self.brought.clear()

    def sizes(self) -> Mapping[str, int]:
        """Give the bytes of each file that is to be sent."""
        return {path: (self.folder / path).stat().st_size for path in self.sent}

    @property
    def weights(self) -> bool:
        """Whether a model's numbers are among the files, sent or not."""
        return any(map(has_weights, self.sent | self.brought))

    def mark(self, mark: Mark) -> None:
        """Write a mark into card, configuration and tensors' headers; what is not sent stays as it is.

        Raises:
            MalformedError: one of them is not what its name says.
        """
        card = self.folder / CARD
        self.write(CARD, write_card(card.read_bytes() if card.is_file() else b"", mark))
        for path in sorted(self.sent):
            file = self.folder / path
            if path == CONFIG:
                self.write(path, write_config(file.read_bytes(), mark))
            elif self.tensors and path.endswith(_INDEX):
                self.write(path, write_index(file.read_bytes(), mark))
            elif self.will_stamp(path) and (stamp := _stamp(file, mark)) is not None:
                self.stamped[path] = stamp

    def will_stamp(self, path: str) -> bool:
        """Say whether a mark is written into the header of this file."""
        return self.tensors and path in self.sent and path.endswith(_TENSORS)

    def check_unchanged(self) -> None:
        """Check that what is to be sent is what was fingerprinted.

        Raises:
            MalformedError: a file was changed, or is gone.
        """
        for path in sorted(self.sent & self.fixed.keys()):
            try:
                found = _identify((self.folder / path).stat())
            except OSError:
                found = None
            if found != self.fixed[path]:
                raise MalformedError(
                    f"{path} was changed between its fingerprint and the push",
                    hint="See what else writes to the temporary folder, then push again.",
                )

    def _clear(self, path: str) -> Path:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        return target


@contextmanager
def staged(*, tensors: bool = True) -> Generator[Stage, None, None]:
    """Make an empty stage, deleted at the end.

    Args:
        tensors: whether the headers of safetensors files are to be marked.
    """
    folder = Path(tempfile.mkdtemp(prefix="weightmark-"))
    try:
        yield Stage(folder=folder, tensors=tensors)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def has_weights(path: str) -> bool:
    """Say whether a file of this name holds a model's numbers.

    >>> has_weights("model-00001-of-00002.safetensors"), has_weights("tokenizer.json")
    (True, False)
    """
    return path.lower().endswith(WEIGHTS)


def is_own(path: str) -> bool:
    """Say whether a path is one of the files that Weightmark itself writes to a repository."""
    return path in BESIDE


def _stamp(file: Path, mark: Mark) -> Stamp | None:
    """Write a mark over the header of a copy of ours; None when it is too long: then copy once more."""
    with file.open("r+b") as stream:
        before = _identify(os.fstat(stream.fileno()))
        header = _read_header(stream, file.name)
        written = write_header(header, mark)
        if len(written) == len(header) + 8:
            stream.seek(0)
            stream.write(written)
            stream.flush()
            return Stamp(before=before, after=_identify(os.fstat(stream.fileno())), size=len(written))
    made = file.with_name(f".{file.name}.marked")
    _copy_marked(file, made, mark)
    made.replace(file)
    return None


def _identify(status: os.stat_result) -> Identity:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _copy_marked(source: Path, target: Path, mark: Mark | None) -> None:
    """Copy a safetensors file with another header; the tensors' bytes follow as they were."""
    with source.open("rb") as origin, target.open("wb") as made:
        header = _read_header(origin, source.name)
        made.write(write_header(header, mark))
        made.flush()
        _copy_rest(origin.fileno(), made.fileno(), 8 + len(header))


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as origin, target.open("wb") as made:
        _copy_rest(origin.fileno(), made.fileno(), 0)


def _read_header(stream: BinaryIO, name: str) -> bytes:
    start = stream.read(8)
    size = struct.unpack("<Q", start)[0] if len(start) == 8 else MAX_HEADER + 1  # noqa: PLR2004
    if size > min(MAX_HEADER, os.fstat(stream.fileno()).st_size - 8):
        raise MalformedError(f"{name} has no safetensors header")
    return stream.read(size)


def _copy_rest(source: int, target: int, offset: int) -> None:
    """Copy a file from an offset on, inside the kernel where it can."""
    os.lseek(target, 0, os.SEEK_END)
    left = os.fstat(source).st_size - offset
    os.lseek(source, offset, os.SEEK_SET)
    in_kernel = hasattr(os, "copy_file_range")
    while left > 0:
        copied = 0
        if in_kernel:
            try:
                copied = os.copy_file_range(source, target, min(left, 1 << 30))
            except OSError:
                in_kernel = False
        if not in_kernel:
            copied = os.write(target, os.read(source, min(left, _PART)))
        if copied == 0:
            raise MalformedError("a file became shorter while it was copied")
        left -= copied
