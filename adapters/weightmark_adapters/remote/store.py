"""What every kind of remote store can do: list a model's objects, and give ranges of their bytes."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from weightmark.errors import MalformedError

STILL = "Wait until whatever writes to the model has ended, then try again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One object, as the store listed it.

    Attributes:
        path: relative to the model, POSIX.
        key: where it lies, in the store's own words; without secrets.
        size: bytes.
        etag: what the store calls this content: an ETag, a generation; empty when it does not.
        changed: when it was last changed, in the store's own words; empty when it does not say.
        strong: whether two contents never have the same ``etag``.
    """

    path: str
    key: str
    size: int
    etag: str
    changed: str
    strong: bool


class Store(ABC):
    """One model's place in one store. Made in any thread; all else is called in the connection's own loop."""

    @property
    @abstractmethod
    def origin(self) -> str:
        """The store's address, so that two stores with the same names are not taken for one."""

    @property
    @abstractmethod
    def single(self) -> bool:
        """Whether what was listed is one object and not a folder."""

    @abstractmethod
    async def open(self) -> None:
        """Make the client."""

    @abstractmethod
    async def close(self) -> None:
        """Close what was opened; also when opening failed."""

    @abstractmethod
    def entries(self) -> AsyncGenerator[Entry, None]:
        """List the objects, page by page.

        Raises:
            Exception: the library's own errors.
            PlatformError: there is nothing, or the store cannot give what is needed.
        """

    @abstractmethod
    def chunks(self, entry: Entry, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Ask once for a range of an object, and give the bytes as they come.

        Raises:
            Exception: the library's own errors.
            MalformedError: the object is not the one that was listed.
        """


def changed(path: str, how: str) -> MalformedError:
    """Make the error for an object that is not the one that was listed."""
    return MalformedError(f"{path} changed while it was read: {how}", hint=STILL)
