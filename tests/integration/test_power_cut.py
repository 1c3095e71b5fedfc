"""The power goes: of the write-ahead log only a beginning reached the disk, and perhaps rubbish after it."""

import random
from pathlib import Path

import pytest

from weightmark.log.checkpoint import SignedCheckpoint
from weightmark.testing.ledger import ORIGIN, FixedSigner, example_envelopes
from weightmark_plugins.ledgers.sqlite import SqliteLedger

pytestmark = pytest.mark.integration

CUTS = 150


def opened(path: Path) -> SqliteLedger:
    return SqliteLedger.open(f"sqlite:///{path}", signer=FixedSigner(), origin=ORIGIN)


def test_what_was_answered_before_the_cut_is_there(tmp_path: Path):
    """A cut after the bytes that were synced for an answer never loses that answer."""
    path, log = tmp_path / "ledger.db", tmp_path / "ledger.db-wal"
    envelopes = example_envelopes(300)
    answered: list[tuple[int, SignedCheckpoint]] = []
    with opened(path) as ledger:
        start = 0
        for count in (1, 1, 40, 1, 7, 100, 1, 1, 60, 88):
            head = ledger.append_all(envelopes[start : start + count])[0].checkpoint
            start += count
            answered.append((log.stat().st_size, head))
        main, whole = path.read_bytes(), log.read_bytes()
    sizes = {size for size, _ in answered}
    assert len(sizes) == len(answered), "the log was reset in between; the cuts would mean nothing"
    choose = random.Random(5)
    cuts = sorted(sizes) + [choose.randrange(min(sizes), len(whole)) for _ in range(CUTS)]
    for number, cut in enumerate(cuts):
        again = tmp_path / f"cut-{number}.db"
        again.write_bytes(main)
        rubbish = choose.randbytes(choose.choice((0, 100, 5000)))
        again.with_name(f"{again.name}-wal").write_bytes(whole[:cut] + rubbish)
        kept = max((head for size, head in answered if size <= cut), key=lambda head: head.checkpoint.size)
        with opened(again) as ledger:
            assert ledger.audit() == kept
            size = kept.checkpoint.size
            assert [entry.envelope for entry in ledger.entries()] == envelopes[:size]
            assert ledger.append(envelopes[-1]).index in (size, len(envelopes) - 1)
        again.unlink()
