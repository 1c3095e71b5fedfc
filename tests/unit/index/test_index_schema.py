"""An index that another release left behind is made anew, not stumbled over."""

import sqlite3
from pathlib import Path

from tests.integration.statements import SIGNER, TRUST, envelope_of

from weightmark.index import Index
from weightmark.testing.ledger import ORIGIN
from weightmark_plugins.ledgers.memory import MemoryLedger


def test_tables_of_another_version_are_made_anew(tmp_path: Path) -> None:
    ledger = MemoryLedger.open("memory:", signer=SIGNER, origin=ORIGIN)
    ledger.append_all([envelope_of(number) for number in range(10)])
    url = f"sqlite:///{tmp_path}/index.db"
    index = Index(url)
    assert index.catch_up(ledger, TRUST) == 10
    dump = index.dump()
    index.close()
    with sqlite3.connect(tmp_path / "index.db") as database:
        database.execute("ALTER TABLE index_model DROP COLUMN manifest")
        database.execute("UPDATE index_state SET value = '0' WHERE key = 'schema'")
    database.close()
    again = Index(url)
    assert again.catch_up(ledger, TRUST) == 10
    assert again.dump() == dump
    again.close()
