"""Use that is recorded offline: durable, in order, within the grant."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from tests.licence_files import Party
from tests.usage_chains import ID, NOW, Watch, grant, meter, trust

from weightmark.claims.offline.usage_chain import verify_chain
from weightmark.claims.offline.usage_text import UsageText
from weightmark.errors import (
    ClockError,
    ExpiredError,
    LedgerError,
    MalformedError,
    QuotaExceededError,
    SignatureError,
    UntrustedKeyError,
    UsageConflictError,
    VerificationError,
)
from weightmark.workspace.offline.usage import SEAL_EVERY

RESELLER = Party("reseller")
TRUST = trust(RESELLER)


def test_what_was_recorded_is_exported_and_verifies(tmp_path: Path) -> None:
    kept = meter(tmp_path / "c", RESELLER)
    first = kept.record("tokens", 120)
    assert (first.seq, first.used, first.left, first.repeated) == (1, 120, 880, False)
    kept.record("images", 3)
    chain = verify_chain(kept.export(), TRUST)
    assert chain.totals == {"tokens": 120, "images": 3}
    assert chain.header.grant == ID
    assert len(chain.entries) == 2


def test_an_export_without_a_use_in_between_is_the_same(tmp_path: Path) -> None:
    kept = meter(tmp_path / "c", RESELLER)
    kept.record("tokens")
    once = kept.export()
    assert kept.export() == once
    kept.record("tokens")
    again = kept.export()
    assert again.startswith(once)
    assert verify_chain(again, TRUST).totals == {"tokens": 2}


def test_the_same_key_is_recorded_once(tmp_path: Path) -> None:
    kept = meter(tmp_path / "c", RESELLER)
    kept.record("tokens", 5, key="request-1")
    again = kept.record("tokens", 5, key="request-1")
    assert again.repeated
    assert (again.seq, again.used) == (1, 5)
    with pytest.raises(UsageConflictError):
        kept.record("tokens", 6, key="request-1")


def test_another_process_goes_on_where_the_first_stopped(tmp_path: Path) -> None:
    one, other = meter(tmp_path / "c", RESELLER), meter(tmp_path / "c", RESELLER)
    for number in range(6):
        (one if number % 2 else other).record("tokens", 1, key=str(number))
    assert one.show().totals == {"tokens": 6}
    assert one.record("tokens", 1, key="0").repeated


def test_many_threads_lose_nothing(tmp_path: Path) -> None:
    kept = [meter(tmp_path / "c", RESELLER) for _ in range(4)]
    threads = [
        threading.Thread(target=lambda each=each: [each.record("tokens", 2) for _ in range(15)])
        for each in kept
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verify_chain(kept[0].export(), TRUST).totals == {"tokens": 120}


def test_the_bound_of_the_grant_holds_offline(tmp_path: Path) -> None:
    kept = meter(tmp_path / "c", RESELLER, grant(100))
    kept.record("tokens", 100)
    with pytest.raises(QuotaExceededError, match="0 tokens left"):
        kept.record("tokens", 1)
    assert kept.show().totals == {"tokens": 100}


def test_nothing_is_recorded_outside_the_time_of_the_grant(tmp_path: Path) -> None:
    terms = grant(grace_days=2)
    for at, allowed in (
        (NOW - timedelta(seconds=2), False),
        (NOW, True),
        (NOW + timedelta(days=367, seconds=-2), True),
        (NOW + timedelta(days=367, seconds=2), False),
    ):
        kept = meter(tmp_path / f"{at:%m%d%H%M%S}", RESELLER, terms, Watch(at - timedelta(seconds=1)))
        if allowed:
            kept.record("tokens")
        else:
            with pytest.raises(ExpiredError):
                kept.record("tokens")


def test_a_clock_that_goes_back_a_little_is_taken_forward_and_a_lot_is_refused(tmp_path: Path) -> None:
    clock = Watch(NOW + timedelta(hours=1))
    kept = meter(tmp_path / "c", RESELLER, clock=clock)
    kept.record("tokens")
    before = kept.show().ended
    clock.at -= timedelta(minutes=4)
    kept.record("tokens")
    assert kept.show().ended == before
    clock.at -= timedelta(minutes=4)
    with pytest.raises(ClockError):
        kept.record("tokens")
    verify_chain(kept.export(), TRUST)


def test_a_torn_line_is_cut_off_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "c"
    kept = meter(file, RESELLER)
    kept.record("tokens", 7)
    whole = file.read_bytes()
    kept.record("tokens", 8, key="late")
    longer = file.read_bytes()
    for cut in range(len(whole), len(longer)):
        file.write_bytes(longer[:cut])
        again = meter(file, RESELLER)
        assert again.show().totals == {"tokens": 7}
        assert file.read_bytes() == whole
    assert not again.record("tokens", 8, key="late").repeated
    assert verify_chain(again.export(), TRUST).totals == {"tokens": 15}


def test_a_header_that_was_torn_is_written_again(tmp_path: Path) -> None:
    file = tmp_path / "c"
    file.write_bytes(b'{"chain":"00')
    meter(file, RESELLER).record("tokens", 3)
    assert meter(file, RESELLER).show().totals == {"tokens": 3}


def test_a_long_chain_is_sealed_as_it_grows(tmp_path: Path) -> None:
    kept = meter(tmp_path / "c", RESELLER)
    for _ in range(SEAL_EVERY + 1):
        kept.record("tokens")
    assert kept.show().sealed == SEAL_EVERY
    assert len(verify_chain(kept.export(), TRUST).envelopes) == 2


def test_a_file_of_another_key_or_grant_is_not_written_to(tmp_path: Path) -> None:
    file = tmp_path / "c"
    meter(file, RESELLER).record("tokens")
    before = file.read_bytes()
    with pytest.raises(MalformedError, match="another grant, party or key"):
        meter(file, Party("reseller")).record("tokens")
    assert file.read_bytes() == before


def test_a_changed_line_is_noticed_before_anything_is_added(tmp_path: Path) -> None:
    file = tmp_path / "c"
    meter(file, RESELLER).record("tokens", 5)
    meter(file, RESELLER).record("tokens", 5)
    file.write_bytes(file.read_bytes().replace(b'"units":5', b'"units":4', 1))
    with pytest.raises(MalformedError):
        meter(file, RESELLER).record("tokens")


def test_a_file_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError):
        meter(tmp_path / "file" / "c", RESELLER).record("tokens")


def test_nothing_can_be_exported_before_the_first_use(tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match="without a use"):
        meter(tmp_path / "c", RESELLER).export()


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    meter(tmp_path / "c", RESELLER).record("tokens")
    assert (tmp_path / "c").stat().st_mode & 0o077 == 0


def test_a_chain_by_a_stranger_or_outside_the_keys_time_does_not_verify(tmp_path: Path) -> None:
    kept = meter(tmp_path / "c", RESELLER)
    kept.record("tokens")
    data = kept.export()
    with pytest.raises(UntrustedKeyError):
        verify_chain(data, trust())
    with pytest.raises(UntrustedKeyError):
        verify_chain(data, trust(Party("reseller")))
    with pytest.raises(ExpiredError):
        verify_chain(data, trust(RESELLER, until=NOW))


def test_a_chain_that_is_not_sealed_to_its_end_does_not_verify(tmp_path: Path) -> None:
    kept = meter(tmp_path / "c", RESELLER)
    kept.record("tokens")
    kept.export()
    kept.record("tokens")
    with pytest.raises(VerificationError, match="2 entries, of which 1"):
        verify_chain((tmp_path / "c").read_bytes(), TRUST)


def text_of(kept_file: Path) -> tuple[UsageText, str]:
    kept = meter(kept_file, RESELLER)
    kept.record("tokens", 12)
    kept.record("tökens", 3)
    totals = UsageText.of(kept.show())
    return totals, totals.sign(RESELLER.key.key_id, RESELLER.sign)


def test_the_short_text_says_the_same_in_any_case_and_with_any_spaces(tmp_path: Path) -> None:
    totals, text = text_of(tmp_path / "c")
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567-")
    assert len(text) < 500
    for form in (text, text.lower(), text.replace("-", " \n"), text.replace("-", "")):
        assert UsageText.verify(form, TRUST) == (totals, "reseller")


def test_a_mistyped_text_is_noticed_and_a_strangers_is_not_believed(tmp_path: Path) -> None:
    _, text = text_of(tmp_path / "c")
    for wrong in (text[:-3], "Q" + text[1:], text.replace("A", "B", 1), "", "0189", text * 20):
        with pytest.raises((MalformedError, SignatureError)):
            UsageText.verify(wrong, TRUST)
    with pytest.raises(UntrustedKeyError):
        UsageText.verify(text, trust())
    with pytest.raises(ExpiredError):
        UsageText.verify(text, trust(RESELLER, until=NOW))
