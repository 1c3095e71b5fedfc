from pathlib import Path

import pytest

from weightmark.errors import LedgerError, MalformedError
from weightmark.ports import Ledger
from weightmark.testing.ledger import ORIGIN, FixedSigner, LedgerSuite, example_envelope
from weightmark_plugins.ledgers.memory import MemoryLedger
from weightmark_plugins.ledgers.sqlite import SqliteLedger


class TestSqlite(LedgerSuite):
    def make(self, tmp_path: Path) -> Ledger:
        return SqliteLedger.open(f"sqlite:///{tmp_path}/made/ledger.db", signer=FixedSigner(), origin=ORIGIN)


class TestMemory(LedgerSuite):
    is_persistent = False

    def make(self, tmp_path: Path) -> Ledger:
        return MemoryLedger.open("memory:", signer=FixedSigner(), origin=ORIGIN)


class TestNamedMemory(LedgerSuite):
    def make(self, tmp_path: Path) -> Ledger:
        return MemoryLedger.open(f"memory://{tmp_path}", signer=FixedSigner(), origin=ORIGIN)


def test_memory_without_a_name_is_new_each_time():
    first = MemoryLedger.open("memory:", signer=FixedSigner(), origin=ORIGIN)
    first.append(example_envelope(1))
    assert MemoryLedger.open("memory:", signer=FixedSigner(), origin=ORIGIN).checkpoint().checkpoint.size == 0


def test_a_named_memory_ledger_has_one_key(tmp_path: Path):
    MemoryLedger.open(f"memory://{tmp_path}", signer=FixedSigner(), origin=ORIGIN)
    for signer, origin in ((FixedSigner(b"two"), ORIGIN), (FixedSigner(), "log.example/other")):
        with pytest.raises(MalformedError, match="key"):
            MemoryLedger.open(f"memory://{tmp_path}", signer=signer, origin=origin)


@pytest.mark.parametrize("uri", ["memory", "memory:name", "sqlite:///x.db", ""])
def test_memory_refuses_other_uris(uri: str):
    with pytest.raises(LedgerError, match="memory"):
        MemoryLedger.open(uri, signer=FixedSigner(), origin=ORIGIN)


@pytest.mark.parametrize(
    "uri", ["sqlite:", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///a.db?x=1", "memory:", ""]
)
def test_sqlite_refuses_other_uris(uri: str):
    with pytest.raises(LedgerError, match="names no SQLite file"):
        SqliteLedger.open(uri, signer=FixedSigner(), origin=ORIGIN)


def test_an_origin_that_no_note_can_hold_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="cannot name a log"):
        SqliteLedger.open(f"sqlite:///{tmp_path}/x.db", signer=FixedSigner(), origin="two words")
