import sqlite3
from pathlib import Path

import pytest

from weightmark.encoding import digest_bytes
from weightmark.errors import DigestMismatchError, LedgerError, MalformedError
from weightmark.ports import Store
from weightmark.testing.ledger import ORIGIN, FixedSigner, example_envelope
from weightmark.testing.store import StoreSuite
from weightmark_plugins.ledgers.sqlite import SqliteLedger
from weightmark_plugins.stores.memory import MemoryStore
from weightmark_plugins.stores.sqlite import SqliteStore


class TestSqlite(StoreSuite):
    def make(self, tmp_path: Path) -> Store:
        return SqliteStore.open(f"sqlite:///{tmp_path}/made/store.db")


class TestMemory(StoreSuite):
    is_persistent = False

    def make(self, tmp_path: Path) -> Store:
        return MemoryStore.open("memory:")


class TestNamedMemory(StoreSuite):
    def make(self, tmp_path: Path) -> Store:
        return MemoryStore.open(f"memory://{tmp_path}")


def test_other_bytes_under_a_digest_are_seen_and_put_right(tmp_path: Path):
    store = SqliteStore.open(f"sqlite:///{tmp_path}/store.db")
    digest = store.put(b"right")
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute("UPDATE store_object SET body = ?", (b"wrong",))
    connection.close()
    with pytest.raises(DigestMismatchError, match=r"store\.db"):
        store.get(digest)
    store.put(b"right")
    assert store.get(digest) == b"right"


def test_a_store_shares_the_ledgers_file(tmp_path: Path):
    uri = f"sqlite:///{tmp_path}/one.db"
    store = SqliteStore.open(uri)
    with SqliteLedger.open(uri, signer=FixedSigner(), origin=ORIGIN) as ledger:
        ledger.append(example_envelope(1))
        digest = store.put(b"text")
        ledger.append(example_envelope(2))
        assert store.get(digest) == b"text"
        ledger.audit()


def test_a_file_that_is_no_database_is_named(tmp_path: Path):
    (tmp_path / "store.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(MalformedError, match=r"store\.db"):
        SqliteStore.open(f"sqlite:///{tmp_path}/store.db")


def test_a_file_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LedgerError, match=r"store\.db"):
        SqliteStore.open(f"sqlite:///{tmp_path}/file/store.db")


def test_the_file_is_its_owners_alone(tmp_path: Path):
    SqliteStore.open(f"sqlite:///{tmp_path}/folder/store.db")
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "folder" / "store.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("uri", ["memory", "memory:name", "sqlite:///x.db"])
def test_memory_refuses_other_uris(uri: str):
    with pytest.raises(LedgerError, match="memory"):
        MemoryStore.open(uri)


@pytest.mark.parametrize("uri", ["sqlite:", "sqlite:///", "sqlite:///:memory:", "memory:"])
def test_sqlite_refuses_other_uris(uri: str):
    with pytest.raises(LedgerError, match="names no SQLite file"):
        SqliteStore.open(uri)


def test_a_digest_is_found_by_its_own_algorithm_only(tmp_path: Path):
    store = SqliteStore.open(f"sqlite:///{tmp_path}/store.db")
    store.put(b"text")
    assert store.get(digest_bytes(b"text")) == b"text"
