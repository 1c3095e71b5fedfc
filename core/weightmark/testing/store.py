"""What every store must keep to.

Not here: speed, and what happens when a disk fails. A suite sees only what a store answers.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import pytest

from weightmark.encoding.digest import Algorithm, Digest, digest_bytes
from weightmark.errors import MalformedError, WeightmarkError
from weightmark.ports.store import Store


class StoreSuite(ABC):
    """Conformance suite for `Store`: subclass it, say how to make one, inherit the tests.

    Source: the port's own docstrings.
    """

    is_persistent: ClassVar[bool] = True
    """Whether ``make``, called again with the same folder, opens the same store again."""

    @abstractmethod
    def make(self, tmp_path: Path) -> Store:
        """Open the store that belongs to a folder: empty at first.

        Args:
            tmp_path: a folder; another folder, another store.
        """

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        """One empty store."""
        store = self.make(tmp_path)
        yield store
        store.close()

    def test_the_scheme_is_named(self, store: Store) -> None:
        """A URI finds its store by this name."""
        assert store.name
        assert ":" not in store.name

    @pytest.mark.parametrize("data", [b"", b"\0", b"text", bytes(range(256)) * 1000])
    def test_bytes_come_back_under_their_digest(self, store: Store, data: bytes) -> None:
        """Whatever the bytes are."""
        digest = store.put(data)
        assert digest == digest_bytes(data)
        assert store.get(digest) == data

    def test_the_same_bytes_are_kept_once(self, store: Store) -> None:
        """Keeping twice is no error and gives the same digest."""
        assert store.put(b"same") == store.put(b"same")
        assert store.get(digest_bytes(b"same")) == b"same"

    def test_what_was_never_kept_is_not_there(self, store: Store) -> None:
        """None, and no exception."""
        store.put(b"something")
        assert store.get(digest_bytes(b"something else")) is None
        assert store.get(digest_bytes(b"something else", Algorithm.BLAKE3)) is None

    def test_what_is_no_digest_is_refused(self, store: Store) -> None:
        """Before anything is looked up."""
        with pytest.raises(MalformedError):
            store.get(Digest("../etc/passwd"))

    def test_threads_keep_at_once(self, store: Store) -> None:
        """Nothing is lost or mixed up."""
        objects = [str(number % 20).encode() for number in range(60)]
        with ThreadPoolExecutor(8) as pool:
            digests = list(pool.map(store.put, objects))
        assert [store.get(digest) for digest in digests] == objects

    def test_a_closed_store_says_so(self, tmp_path: Path) -> None:
        """Closing twice does nothing; using it then is an error of ours, not of a library."""
        store = self.make(tmp_path)
        digest = store.put(b"text")
        store.close()
        store.close()
        with pytest.raises(WeightmarkError):
            store.put(b"more")
        with pytest.raises(WeightmarkError):
            store.get(digest)

    def test_what_was_kept_stays(self, tmp_path: Path) -> None:
        """A store that is opened again has everything."""
        if not self.is_persistent:
            pytest.skip("this store does not outlive its process")
        store = self.make(tmp_path)
        digest = store.put(b"text")
        store.close()
        again = self.make(tmp_path)
        assert again.get(digest) == b"text"
        again.close()
