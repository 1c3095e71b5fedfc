"""Small reads from a large file, each inside of what the file holds.

Not promised: anything about what the bytes mean.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from struct import unpack
from typing import Final, TypeVar

from weightmark.errors import MalformedError
from weightmark.model.artifact import Artifact

BLOCK: Final = 1 << 16
"""Bytes that are read at once and kept for the next small read."""

MAX_STEPS: Final = 3_000_000
"""The most fields, entries or links that one file's header is read for; real models have a few thousands."""

MAX_TENSORS: Final = 1_000_000
"""The most tensors of one file."""

MAX_KEPT: Final = 100_000
"""The most parts of one message that are remembered at once."""

MAX_NAME: Final = 1 << 16
"""The most bytes of one name."""

MAX_NAMES: Final = 256 << 20
"""The most bytes of all names of one file, where a few stored bytes can make many."""

MAX_ELEMENTS: Final = 2**53 - 1
"""The most elements of one tensor: what a JSON number holds exactly."""

POINTER: Final = b"version https://git-lfs"
"""How a file begins that stands for one which Git LFS keeps elsewhere."""

HINT: Final = "The file was cut short or written wrongly: download it again, or save the model again."
_SHOWN: Final = 200
_SHOWN_LENGTHS: Final = 8

Kept = TypeVar("Kept")


class Window:
    """A range of a file, read piece by piece.

    Args:
        read: gives bytes from an offset.
        size: how many bytes there are.
        what: the file, for messages.
    """

    __slots__ = ("_at", "_block", "_read", "_steps", "size", "what")

    def __init__(self, read: Callable[[int, int], bytes], size: int, what: str) -> None:
        self.size = size
        self.what = what
        self._read = read
        self._at = 0
        self._block = b""
        self._steps = 0

    def read(self, start: int, size: int) -> bytes:
        """Read a range.

        Raises:
            MalformedError: it is not inside the file.
        """
        if start < 0 or size < 0 or start + size > self.size:
            raise MalformedError(
                f"{self.what} refers to bytes {start} to {start + size}, but has {self.size}", hint=HINT
            )
        if size > BLOCK:
            return self._read(start, size)
        if start < self._at or start + size > self._at + len(self._block):
            self._at = start
            self._block = self._read(start, min(BLOCK, self.size - start))
        return self._block[start - self._at : start - self._at + size]

    def byte(self, start: int) -> int:
        """Read one byte.

        Raises:
            MalformedError: it is not inside the file.
        """
        place = start - self._at
        return self._block[place] if 0 <= place < len(self._block) else self.read(start, 1)[0]

    def integer(self, start: int, size: int) -> int:
        """Read an unsigned little-endian integer.

        Raises:
            MalformedError: it is not inside the file.
        """
        return int.from_bytes(self.read(start, size), "little")

    def number(self, start: int, code: str, size: int) -> int | float | bool:
        """Read a little-endian number by its code of the module ``struct``.

        Raises:
            MalformedError: it is not inside the file.
        """
        value: int | float | bool = unpack(f"<{code}", self.read(start, size))[0]
        return value

    def text(self, start: int, size: int, what: str) -> str:
        """Read a name.

        Raises:
            MalformedError: it is too long, or is not UTF-8.
        """
        if size > MAX_NAME:
            raise MalformedError(
                f"{what} in {self.what} has {size} bytes; at most {MAX_NAME} are read", hint=HINT
            )
        try:
            return self.read(start, size).decode()
        except UnicodeDecodeError as error:
            raise MalformedError(f"{what} in {self.what} is not UTF-8 text", hint=HINT) from error

    def step(self) -> None:
        """Count one more thing that was read.

        Raises:
            MalformedError: there are more than any model has.
        """
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise MalformedError(
                f"the header of {self.what} has more than {MAX_STEPS} entries",
                hint="No model needs so many: the file is damaged or was made to waste time.",
            )


def keep(kept: list[Kept], one: Kept, what: str) -> None:
    """Add one to a list that must stay small.

    Raises:
        MalformedError: it is full.
    """
    if len(kept) >= MAX_KEPT:
        raise MalformedError(
            f"a message in {what} has more than {MAX_KEPT} parts",
            hint="No model needs so many: the file is damaged or was made to waste memory.",
        )
    kept.append(one)


@contextmanager
def open_window(artifact: Artifact, path: str) -> Generator[Window]:
    """Open one file of an artifact.

    Yields:
        The whole file.

    Raises:
        MalformedError: the file cannot be read or changed.
    """
    file = artifact.find(path)
    if file is None:
        raise ValueError(f"the artifact has no file {path!r}")
    check_pointer(artifact, path)
    with file.opened() as reader:
        yield Window(reader.read, file.size, path)


def check_pointer(artifact: Artifact, path: str) -> None:
    """Refuse a file that is only Git's pointer to a model.

    Raises:
        MalformedError: it is one.
    """
    file = artifact.find(path)
    if file is not None and artifact.read(path, 0, min(file.size, len(POINTER))) == POINTER:
        raise MalformedError(
            f"{path} is a pointer of Git LFS and not the model",
            hint="Run `git lfs pull` in the folder, or leave the file out.",
        )


def count_elements(shape: tuple[int, ...], what: str) -> int:
    """Multiply lengths; stops at the bound, so that a hostile shape costs nothing.

    Raises:
        MalformedError: there are more elements than a tensor may have, or a length is negative.
    """
    if any(length < 0 for length in shape):
        raise MalformedError(f"{what} has the shape {show_shape(shape)}, with a negative length", hint=HINT)
    if 0 in shape:
        return 0
    count = 1
    for length in shape:
        count *= length
        if count > MAX_ELEMENTS:
            raise MalformedError(f"{what} claims more than {MAX_ELEMENTS} elements", hint=HINT)
    return count


def show(name: str) -> str:
    """Quote a name for a message, cut to a length that a person can read."""
    return repr(name[:_SHOWN])


def show_shape(shape: tuple[int, ...]) -> str:
    """Write a shape for a message; a hostile one has millions of lengths."""
    shown = ", ".join(str(length) for length in shape[:_SHOWN_LENGTHS])
    return f"[{shown}{', …' if len(shape) > _SHOWN_LENGTHS else ''}]"
