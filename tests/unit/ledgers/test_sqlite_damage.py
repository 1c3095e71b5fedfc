"""What somebody with the file in hand can do to it, and how the ledger says so."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from weightmark.errors import (
    InclusionError,
    MalformedError,
    SignatureError,
    VerificationError,
    WeightmarkError,
)
from weightmark.log.checkpoint import Checkpoint, LogKey, sign_checkpoint
from weightmark.log.merkle import hash_leaf, root_of
from weightmark.testing.ledger import ORIGIN, FixedSigner, example_envelope, example_envelopes
from weightmark_plugins.ledgers.sqlite import SqliteLedger

COUNT = 600
ENVELOPES = example_envelopes(COUNT)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a whole ledger of 600 entries, written in several batches."""
    path = tmp_path_factory.mktemp("image") / "ledger.db"
    with opened(path) as ledger:
        ledger.append_all(ENVELOPES[:100])
        for number in range(100, 110):
            ledger.append(ENVELOPES[number])
        ledger.append_all(ENVELOPES[110:590])
        ledger.append_all(ENVELOPES[590:])
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path, image: bytes) -> Path:
    """A copy of the ledger, to be spoilt."""
    path = tmp_path / "ledger.db"
    path.write_bytes(image)
    return path


def opened(path: Path, *, seed: bytes = b"one", origin: str = ORIGIN) -> SqliteLedger:
    return SqliteLedger.open(f"sqlite:///{path}", signer=FixedSigner(seed), origin=origin)


@contextmanager
def forger(path: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection for which nothing is forbidden; the triggers are there again afterwards."""
    with closing(sqlite3.connect(path)) as connection, connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        yield connection
        for _, sql in triggers:
            connection.execute(sql)


def change_body(connection: sqlite3.Connection, index: int) -> None:
    connection.execute("UPDATE ledger_entry SET body = CAST(body || ' ' AS BLOB) WHERE idx = ?", (index,))


def replace_entry(connection: sqlite3.Connection, index: int) -> None:
    body = example_envelope(10_000).encode()
    connection.execute(
        "UPDATE ledger_entry SET body = ?, leaf = ? WHERE idx = ?", (body, hash_leaf(body), index)
    )


def replace_entry_and_tile(connection: sqlite3.Connection, index: int) -> None:
    replace_entry(connection, index)
    number, place = divmod(index, 256)
    where = (0, number)
    (hashes,) = connection.execute(
        "SELECT hashes FROM ledger_tile WHERE level = ? AND number = ?", where
    ).fetchone()
    leaf = hash_leaf(example_envelope(10_000).encode())
    changed = hashes[: place * 32] + leaf + hashes[place * 32 + 32 :]
    connection.execute("UPDATE ledger_tile SET hashes = ? WHERE level = ? AND number = ?", (changed, *where))


def swap(connection: sqlite3.Connection, first: int, second: int) -> None:
    for old, new in ((first, -1), (second, first), (-1, second)):
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE ledger_entry SET idx = ? WHERE idx = ?", (new, old))


def break_tile(connection: sqlite3.Connection, level: int, number: int) -> None:
    connection.execute(
        "UPDATE ledger_tile SET hashes = CAST(substr(hashes, 1, 31) || x'00' || substr(hashes, 33) AS BLOB) "
        "WHERE level = ? AND number = ?",
        (level, number),
    )


Spoil = Callable[[sqlite3.Connection], object]

FOUND_BY_AUDIT: list[tuple[str, Spoil, type[WeightmarkError], str]] = [
    ("a changed body", lambda c: change_body(c, 17), MalformedError, "entry 17 is damaged"),
    ("two changed bodies", lambda c: [change_body(c, n) for n in (400, 30)],
     MalformedError, "entry 30 is damaged"),
    ("a changed leaf", lambda c: c.execute("UPDATE ledger_entry SET leaf = zeroblob(32) WHERE idx = 5"),
     MalformedError, "entry 5 is damaged"),
    ("a body that is no blob", lambda c: c.execute("UPDATE ledger_entry SET body = 'text' WHERE idx = 5"),
     MalformedError, "entry 5 in .* does not hold bytes"),
    ("a replaced entry", lambda c: replace_entry(c, 42), InclusionError, "entry 42 is not the one"),
    ("a replaced entry and its tile", lambda c: replace_entry_and_tile(c, 42),
     InclusionError, "first 100 entries"),
    ("a replaced entry late", lambda c: replace_entry(c, 599), InclusionError, "entry 599 is not the one"),
    ("swapped entries", lambda c: swap(c, 101, 300), InclusionError, "entry 101 is not the one"),
    ("an entry that was cut out", lambda c: c.execute("DELETE FROM ledger_entry WHERE idx = 250"),
     InclusionError, "entry 250 is missing"),
    ("a first entry that was cut out", lambda c: c.execute("DELETE FROM ledger_entry WHERE idx = 0"),
     InclusionError, "entry 0 is missing"),
    ("a tile of leaves", lambda c: break_tile(c, 0, 0), InclusionError, "entry 0 is not the one"),
    ("a tile that is gone", lambda c: c.execute("DELETE FROM ledger_tile WHERE level = 0 AND number = 1"),
     InclusionError, "entry 256 is not the one"),
    ("an old checkpoint's note", lambda c: c.execute(
        "UPDATE ledger_checkpoint SET note = replace(note, char(10) || '101' || char(10), "
        "char(10) || '102' || char(10)) WHERE size = 101"), SignatureError, "does not fit"),
    ("an old checkpoint under another size", lambda c: c.execute(
        "UPDATE ledger_checkpoint SET size = 120 WHERE size = 110"), MalformedError, "kept for 120"),
    ("an old checkpoint that is no note", lambda c: c.execute(
        "UPDATE ledger_checkpoint SET note = 'x' WHERE size = 110"), MalformedError, "checkpoint"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [case[1:] for case in FOUND_BY_AUDIT],
    ids=[case[0] for case in FOUND_BY_AUDIT],
)
def test_the_audit_names_it(path: Path, spoil: Spoil, error: type[WeightmarkError], message: str):
    with opened(path) as ledger:
        assert ledger.audit().checkpoint.size == COUNT
    with forger(path) as connection:
        spoil(connection)
    with opened(path) as ledger, pytest.raises(error, match=message):
        ledger.audit()


FOUND_ON_OPENING: list[tuple[str, Spoil, type[WeightmarkError], str]] = [
    ("a dropped last entry", lambda c: c.execute("DELETE FROM ledger_entry WHERE idx = 599"),
     InclusionError, "has 599 entries, but its newest checkpoint covers 600"),
    ("an added entry", lambda c: c.execute("INSERT INTO ledger_entry VALUES (600, zeroblob(32), x'00')"),
     InclusionError, "has 601 entries, but its newest checkpoint covers 600"),
    ("all entries dropped", lambda c: c.execute("DELETE FROM ledger_entry"), InclusionError, "has 0 entries"),
    ("a dropped newest checkpoint", lambda c: c.execute("DELETE FROM ledger_checkpoint WHERE size = 600"),
     InclusionError, "covers 590"),
    ("all checkpoints dropped", lambda c: c.execute("DELETE FROM ledger_checkpoint"),
     MalformedError, "no checkpoint"),
    ("an edited checkpoint", lambda c: c.execute(
        "UPDATE ledger_checkpoint SET note = replace(note, char(10) || '600', char(10) || '601') "
        "WHERE size = 600"),
     SignatureError, "does not fit"),
    ("a checkpoint of bytes", lambda c: c.execute(
        "UPDATE ledger_checkpoint SET note = x'ff' WHERE size = 600"), MalformedError, "no checkpoint"),
    ("a checkpoint under a larger size", lambda c: c.execute(
        "UPDATE ledger_checkpoint SET size = 700 WHERE size = 600"), InclusionError, "as one of 700"),
    ("a broken right edge", lambda c: break_tile(c, 0, 2), InclusionError, "tiles"),
    ("a broken upper tile", lambda c: break_tile(c, 1, 0), InclusionError, "tiles"),
    ("a short right edge", lambda c: c.execute(
        "UPDATE ledger_tile SET hashes = substr(hashes, 1, 32) WHERE level = 0 AND number = 2"),
     InclusionError, "tile/0/002"),
    ("a ragged right edge", lambda c: c.execute(
        "UPDATE ledger_tile SET hashes = hashes || 'x' WHERE level = 0 AND number = 2"),
     MalformedError, "tile 2 of level 0"),
    ("another origin", lambda c: c.execute("UPDATE ledger_meta SET value = 'x' WHERE name = 'origin'"),
     MalformedError, "origin"),
    ("another version", lambda c: c.execute("UPDATE ledger_meta SET value = '9' WHERE name = 'schema'"),
     MalformedError, "schema"),
    ("no meta", lambda c: c.execute("DELETE FROM ledger_meta"), MalformedError, "schema"),
    ("a lost table", lambda c: c.execute("DROP TABLE ledger_tile"), MalformedError, "lost ledger_tile"),
    ("a table of another shape", lambda c: (c.execute("DROP TABLE ledger_tile"),
     c.execute("CREATE TABLE ledger_tile(x)")), MalformedError, "no such column"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [case[1:] for case in FOUND_ON_OPENING],
    ids=[case[0] for case in FOUND_ON_OPENING],
)
def test_opening_refuses_it(path: Path, spoil: Spoil, error: type[WeightmarkError], message: str):
    with forger(path) as connection:
        spoil(connection)
    with pytest.raises(error, match=message) as caught:
        opened(path)
    assert caught.value.hint


def test_a_lost_trigger_is_named(path: Path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER ledger_entry_kept")
    with pytest.raises(MalformedError, match="lost ledger_entry_kept"):
        opened(path)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entry SET body = x'00' WHERE idx = 3",
        "DELETE FROM ledger_entry WHERE idx = 599",
        "INSERT INTO ledger_entry VALUES (700, zeroblob(32), x'00')",
        "INSERT OR REPLACE INTO ledger_entry VALUES (3, zeroblob(32), x'00')",
        "UPDATE ledger_checkpoint SET note = ''",
        "DELETE FROM ledger_checkpoint",
    ],
)
def test_an_accident_is_stopped_by_the_file_itself(path: Path, statement: str):
    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)


def test_another_key_or_origin_is_refused(path: Path):
    with pytest.raises(MalformedError, match="vkey"):
        opened(path, seed=b"two")
    with pytest.raises(MalformedError, match="origin"):
        opened(path, origin="log.example/other")


def test_a_log_signed_anew_by_another_key_is_refused(path: Path):
    """A forger who rewrites the key too has a log of his own, and no reader's trust."""
    signer = FixedSigner(b"forger")
    key = LogKey(name=ORIGIN, public=signer.public_key.raw_ed25519)
    leaves = [hash_leaf(envelope.encode()) for envelope in ENVELOPES]
    head = sign_checkpoint(
        Checkpoint(origin=ORIGIN, size=COUNT, root=root_of(leaves)), lambda text: signer.sign(text).value, key
    )
    with forger(path) as connection:
        connection.execute("UPDATE ledger_checkpoint SET note = ? WHERE size = ?", (head.note, COUNT))
    with pytest.raises(SignatureError):
        opened(path)
    with forger(path) as connection:
        connection.execute("UPDATE ledger_meta SET value = ? WHERE name = 'vkey'", (key.text,))
    with pytest.raises(MalformedError, match="vkey"):
        opened(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_named(path: Path, image: bytes, share: float):
    path.write_bytes(image[: int(len(image) * share)])
    with pytest.raises((MalformedError, InclusionError), match=r"ledger\.db"), opened(path) as ledger:
        ledger.audit()


def test_overwritten_pages_are_never_believed(path: Path, image: bytes):
    """Each page in turn is filled with rubbish: opening or the audit refuses, by an error of ours."""
    for start in range(0, len(image), 4096):
        spoilt = bytearray(image)
        spoilt[start : start + 4096] = b"\xa5" * 4096
        path.write_bytes(spoilt)
        with suppress(MalformedError, VerificationError), opened(path) as ledger:
            ledger.audit()
            assert [entry.envelope for entry in ledger.entries()] == ENVELOPES
            assert [ledger.find(envelope) for envelope in ENVELOPES[:3]] == [0, 1, 2]


def test_a_file_that_is_no_database_is_named(tmp_path: Path):
    (tmp_path / "ledger.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(MalformedError, match=r"ledger\.db"):
        opened(tmp_path / "ledger.db")


def test_a_damaged_entry_is_named_while_reading(path: Path):
    with forger(path) as connection:
        change_body(connection, 17)
    with opened(path) as ledger:
        assert len(list(ledger.entries(0, 17))) == 17
        with pytest.raises(MalformedError, match="entry 17"):
            list(ledger.entries())


@pytest.mark.parametrize("index", [0, 300, 599])
def test_a_missing_entry_is_named_while_reading(path: Path, index: int):
    with opened(path) as ledger:
        with forger(path) as connection:
            connection.execute("DELETE FROM ledger_entry WHERE idx = ?", (index,))
        with pytest.raises(MalformedError, match=f"entry {index} .* is missing"):
            list(ledger.entries())


def test_a_proof_from_a_damaged_tile_is_not_handed_out(path: Path):
    with forger(path) as connection:
        break_tile(connection, 0, 1)
    with opened(path) as ledger:
        ledger.prove_inclusion(10)
        with pytest.raises(InclusionError, match="tiles"):
            ledger.prove_inclusion(300)
        with pytest.raises(InclusionError, match="tiles"):
            ledger.append(ENVELOPES[300])
        with pytest.raises(InclusionError):
            ledger.prove_consistency(257)


def test_a_ledger_that_went_back_is_refused(path: Path, image: bytes):
    """An older copy of the file, whole in itself, put in place while the ledger is open."""
    with opened(path) as ledger:
        ledger.append(example_envelope(1000))
        with forger(path) as connection:
            connection.execute("DELETE FROM ledger_entry WHERE idx = 600")
            connection.execute("DELETE FROM ledger_checkpoint WHERE size = 601")
        with pytest.raises(InclusionError, match="does not continue"):
            ledger.append(example_envelope(1001))
        with pytest.raises(InclusionError, match="does not continue"):
            ledger.checkpoint()


def test_a_ledger_that_was_rewritten_is_refused(path: Path, tmp_path: Path):
    """Another history, signed by the same key, is no continuation of what was seen."""
    with opened(tmp_path / "other.db") as other:
        other.append_all(example_envelopes(700, first=5000))
    with opened(path) as ledger:
        with forger(path) as connection:
            connection.execute("ATTACH ? AS other", (str(tmp_path / "other.db"),))
            for table in ("ledger_entry", "ledger_tile", "ledger_checkpoint"):
                connection.execute(f"DELETE FROM main.{table}")
                connection.execute(f"INSERT INTO main.{table} SELECT * FROM other.{table}")
        with pytest.raises(InclusionError, match="does not continue"):
            ledger.append(example_envelope(1001))
    with opened(path) as ledger:
        assert ledger.audit().checkpoint.size == 700
