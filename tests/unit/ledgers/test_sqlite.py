import os
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from weightmark.claims.envelope import Signature
from weightmark.claims.key import PublicKey
from weightmark.errors import LedgerError
from weightmark.log.checkpoint import LogKey
from weightmark.log.receipt import Receipt, verify_receipt
from weightmark.testing.ledger import ORIGIN, FixedSigner, example_envelope, example_envelopes
from weightmark_plugins.ledgers.group import Group
from weightmark_plugins.ledgers.signing import Leaf
from weightmark_plugins.ledgers.sqlite import SqliteLedger


class HastyLedger(SqliteLedger):
    busy_seconds = 0.0


class BrokenSigner(FixedSigner):
    """Fails, or signs wrongly, while it is told to."""

    error: BaseException | None = None
    is_wrong = False

    def sign(self, message: bytes) -> Signature:
        if self.error is not None:
            raise self.error
        return super().sign(message + b"!" if self.is_wrong else message)


def opened(path: Path, signer: FixedSigner | None = None) -> SqliteLedger:
    return HastyLedger.open(f"sqlite:///{path}", signer=signer or FixedSigner(), origin=ORIGIN)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    with opened(path) as ledger:
        yield ledger


def test_files_and_folders_are_their_owners_alone(tmp_path: Path):
    with opened(tmp_path / "one" / "two" / "ledger.db") as ledger:
        ledger.append(example_envelope(1))
        for folder in (tmp_path / "one", tmp_path / "one" / "two"):
            assert folder.stat().st_mode & 0o777 == 0o700
        files = list((tmp_path / "one" / "two").iterdir())
        assert len(files) == 3
        assert {each.stat().st_mode & 0o777 for each in files} == {0o600}


def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with SqliteLedger.open("sqlite:///here.db", signer=FixedSigner(), origin=ORIGIN) as ledger:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        ledger.append(example_envelope(1))
        ledger.audit()
    assert (tmp_path / "here.db").exists()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_every_commit_is_synced(ledger: SqliteLedger):
    with ledger._database.reading() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_locked_file_says_that_nothing_happened(path: Path, ledger: SqliteLedger):
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="locked") as caught:
            ledger.append(example_envelope(1))
        assert caught.value.outcome == "no"
        assert ledger.find(example_envelope(1)) is None
        assert ledger.checkpoint().checkpoint.size == 0
    assert ledger.append(example_envelope(1)).index == 0


def test_a_full_disk_says_that_nothing_happened(ledger: SqliteLedger):
    ledger.append(example_envelope(1))
    before = ledger.checkpoint()
    with ledger._database.reading() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerError, match="full") as caught:
        ledger.append_all(example_envelopes(200, first=2))
    assert caught.value.outcome == "no"
    assert "space" in caught.value.hint
    assert ledger.checkpoint() == before == ledger.audit()
    with ledger._database.reading() as connection:
        connection.execute("PRAGMA max_page_count = 100000")
    assert ledger.append_all(example_envelopes(200, first=2))[-1].index == 200
    ledger.audit()


def test_a_file_that_may_not_be_written_says_that_nothing_happened(ledger: SqliteLedger):
    with ledger._database.reading() as connection:
        connection.execute("PRAGMA query_only = ON")
    with pytest.raises(LedgerError, match="readonly") as caught:
        ledger.append(example_envelope(1))
    assert caught.value.outcome == "no"


def deny_commit(_action: int, what: str | None, *_rest: object) -> int:
    return sqlite3.SQLITE_DENY if what == "COMMIT" else sqlite3.SQLITE_OK


def test_a_failed_commit_leaves_the_outcome_open(ledger: SqliteLedger):
    ledger.append(example_envelope(1))
    connection = ledger._database._connection
    assert connection is not None
    connection.set_authorizer(deny_commit)
    with pytest.raises(LedgerError, match="committed") as caught:
        ledger.append(example_envelope(2))
    assert caught.value.outcome == "unknown"
    connection.set_authorizer(None)
    assert ledger.append(example_envelope(3)).index == 1
    ledger.audit()


def test_a_place_that_cannot_be_is_named(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LedgerError, match=r"x\.db"):
        opened(tmp_path / "file" / "x.db")
    with pytest.raises(LedgerError, match="opened"):
        opened(tmp_path)


def test_nothing_is_written_to_a_file_that_was_moved_away(tmp_path: Path, path: Path, ledger: SqliteLedger):
    ledger.append(example_envelope(1))
    path.rename(tmp_path / "moved.db")
    with pytest.raises(LedgerError, match="No such file") as caught:
        ledger.append(example_envelope(2))
    assert caught.value.outcome == "no"
    path.write_bytes(b"")
    with pytest.raises(LedgerError, match="was replaced"):
        ledger.append(example_envelope(2))
    path.unlink()
    (tmp_path / "moved.db").rename(path)
    assert ledger.append(example_envelope(2)).index == 1
    ledger.audit()


@pytest.mark.parametrize("name", ["with space.db", "50%.db", "a#b.db", "ä.db", "a&mode=ro.db"])
def test_any_file_name_will_do(tmp_path: Path, name: str):
    with opened(tmp_path / name) as ledger:
        ledger.append(example_envelope(1))
    with opened(tmp_path / name) as ledger:
        assert ledger.audit().checkpoint.size == 1
    assert {each.name for each in tmp_path.iterdir()} == {name}


def test_a_key_that_is_not_ed25519_is_refused(path: Path):
    signer = FixedSigner()
    der = (
        generate_private_key(SECP256R1())
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    signer._public = PublicKey(der=der)
    with pytest.raises(LedgerError, match="Ed25519"):
        opened(path, signer)
    assert not path.exists()


@pytest.mark.parametrize("error", [OSError("the key store is gone"), LedgerError("no", outcome="unknown")])
def test_a_signer_that_fails_leaves_all_as_it_was(path: Path, error: Exception):
    signer = BrokenSigner()
    with opened(path, signer) as ledger:
        ledger.append(example_envelope(1))
        before = ledger.checkpoint()
        signer.error = error
        with pytest.raises(LedgerError, match="could not be signed") as caught:
            ledger.append_all(example_envelopes(300, first=2))
        assert caught.value.outcome == "no"
        assert caught.value.__cause__ is error
        signer.error = None
        assert ledger.checkpoint() == before
        assert ledger.append(example_envelope(2)).index == 1
        ledger.audit()


def test_a_signature_that_does_not_fit_is_not_written(path: Path):
    signer = BrokenSigner()
    with opened(path, signer) as ledger:
        signer.is_wrong = True
        with pytest.raises(LedgerError, match="could not be signed"):
            ledger.append(example_envelope(1))
    with opened(path) as ledger:
        assert ledger.audit().checkpoint.size == 0


def test_an_interrupt_leaves_all_as_it_was(path: Path):
    signer = BrokenSigner()
    with opened(path, signer) as ledger:
        signer.error = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            ledger.append(example_envelope(1))
        signer.error = None
        assert ledger.append(example_envelope(2)).index == 0
        ledger.audit()


class SlowSigner(FixedSigner):
    """Waits for leave to sign once it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.leave = Event(), Event()
        self.leave.set()
        self.error: Exception | None = None

    def sign(self, message: bytes) -> Signature:
        self.began.set()
        assert self.leave.wait(30)
        if self.error is not None:
            raise self.error
        return super().sign(message)


def wait_until_waiting(group: Group, count: int) -> None:
    while len(group._waiting) < count:
        os.sched_yield()


@pytest.mark.parametrize("fails", [False, True])
def test_appends_that_wait_are_committed_together(path: Path, *, fails: bool):
    signer = SlowSigner()
    with opened(path, signer) as ledger, ThreadPoolExecutor(9) as pool:
        signer.began.clear()
        signer.leave.clear()
        first = pool.submit(ledger.append, example_envelope(0))
        assert signer.began.wait(30)
        others = [pool.submit(ledger.append, example_envelope(number)) for number in range(1, 9)]
        wait_until_waiting(ledger._group, 8)
        signer.error = OSError("gone") if fails else None
        signer.leave.set()
        if fails:
            for each in (first, *others):
                with pytest.raises(LedgerError, match="could not be signed"):
                    each.result(30)
            signer.error = None
            assert ledger.append(example_envelope(1)).index == 0
            return
        assert first.result(30).checkpoint.checkpoint.size == 1
        receipts = [each.result(30) for each in others]
        assert {each.checkpoint.checkpoint.size for each in receipts} == {9}
        for number, receipt in enumerate(receipts, 1):
            verify_receipt(example_envelope(number).encode(), receipt, [LogKey.parse(ledger.verifier_key)])
        ledger.audit()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_ledger_is_used_on_both_sides_of_a_fork(path: Path, ledger: SqliteLedger):
    """Servers fork their workers after loading; the child appends, and then the parent."""
    assert ledger.append(example_envelope(1)).index == 0
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if ledger.append(example_envelope(2)).index == 1 else 2
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert ledger.append(example_envelope(3)).index == 2
    assert ledger.find(example_envelope(2)) == 1
    ledger.audit()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_in_the_middle_of_other_threads_appends(path: Path, monkeypatch: pytest.MonkeyPatch):
    """No lock of a thread that the child does not have holds the child up, and no append is lost."""
    monkeypatch.setattr(HastyLedger, "busy_seconds", 30.0)
    ledger = opened(path)
    stop = Event()
    receipts: list[Receipt] = []

    def append() -> None:
        number = 1000
        while not stop.is_set():
            receipts.append(ledger.append(example_envelope(number)))
            number += 1

    thread = Thread(target=append)
    thread.start()
    try:
        for number in range(5):
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    ledger.append(example_envelope(number))
                    status = 0
                finally:
                    os._exit(status)
            _, status = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(status) == 0
    finally:
        stop.set()
        thread.join(30)
    found = [entry.envelope for entry in ledger.entries()]
    assert {example_envelope(number) in found for number in range(5)} == {True}
    assert len(found) == len(receipts) + 5
    ledger.audit()
    ledger.close()


def test_two_opened_in_one_process_see_each_other(path: Path, ledger: SqliteLedger):
    with opened(path) as other:
        for number in range(300):
            assert (ledger, other)[number % 2].append(example_envelope(number)).index == number
        assert ledger.audit() == other.checkpoint()


def test_records_of_leaves_keep_their_order_across_pages(ledger: SqliteLedger):
    envelopes = example_envelopes(1200)
    ledger.append_all(envelopes)
    assert [entry.envelope for entry in ledger.entries()] == envelopes
    assert [entry.index for entry in ledger.entries(250, 770)] == list(range(250, 770))
    assert [each.index for each in ledger.append_all(envelopes[::-1])] == list(range(1199, -1, -1))


def test_an_iterator_of_entries_outlives_new_appends(ledger: SqliteLedger):
    ledger.append_all(example_envelopes(300))
    reading = ledger.entries()
    next(reading)
    ledger.append_all(example_envelopes(300, first=300))
    assert len(list(reading)) == 299


def test_a_group_without_an_answer_leaves_the_outcome_open(ledger: SqliteLedger):
    """A record function that answers for fewer than it was given is no success for the rest."""
    none: list[list[Receipt]] = []

    def record(batches: Sequence[Sequence[Leaf]]) -> list[list[Receipt]]:
        return none

    with pytest.raises(ValueError, match="zip"):
        Group(ledger._database, record).append([(bytes(32), b"")])
