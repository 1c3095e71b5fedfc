"""The index: who may say what, and which ledgers it takes for a continuation."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.claim_examples import signed_payload, signer
from tests.ledger_examples import (
    about,
    bundle_of,
    derives,
    grants,
    licenses,
    moment,
    new_ledger,
    registers,
    resign,
    revokes,
    said,
    tell,
    transfers,
    trust_in,
    versions,
    weights_of,
)

from weightmark.claims import Statement, TrustRoot, sign
from weightmark.errors import InclusionError, LedgerError, VerificationError
from weightmark.index import Index, RegisteredModel
from weightmark_plugins.ledgers.memory import MemoryLedger


@pytest.fixture
def ledger() -> MemoryLedger:
    return new_ledger()


@pytest.fixture
def trust(ledger: MemoryLedger) -> TrustRoot:
    return trust_in(ledger, "acme", "openlab", "mallory")


@pytest.fixture
def index() -> Iterator[Index]:
    opened = Index("sqlite://")
    yield opened
    opened.close()


def found(index: Index, reference: str) -> RegisteredModel:
    model = index.find(reference)
    assert model is not None
    return model


def notes(index: Index) -> list[str]:
    return [entry.note for entry in index.history() if not entry.accepted]


def test_a_registered_model_is_found_by_all_its_names(
    index: Index, ledger: MemoryLedger, trust: TrustRoot
) -> None:
    tell(ledger, registers("acme", at=7), "m", "acme")
    tell(ledger, versions("models:/m/1"), "m", "acme")
    assert index.catch_up(ledger, trust) == 2
    assert index.catch_up(ledger, trust) == 0
    model = found(index, "m")
    assert (model.owner, model.license, model.entry, model.registered_at) == ("acme", "MIT", 0, moment(7))
    for reference in (bundle_of("m"), weights_of("m"), "models:/m/1"):
        assert index.find(reference) == model
    assert index.versions(model.bundle) == [("m", "1", "models:/m/1")]
    for reference in ("", "M", "models:/m/2", "%", bundle_of("other")):
        assert index.find(reference) is None


def test_only_the_named_owner_registers_and_only_once(
    index: Index, ledger: MemoryLedger, trust: TrustRoot
) -> None:
    tell(ledger, registers("acme"), "m", "mallory")
    tell(ledger, registers("acme"), "m", "nobody-known")
    tell(ledger, registers("acme", at=1), "m", "acme", "openlab")
    tell(ledger, registers("mallory", at=2), "m", "mallory")
    index.catch_up(ledger, trust)
    assert found(index, "m").owner == "acme"
    said_why = notes(index)
    assert "signed by mallory" in said_why[0]
    assert "already registered, by acme" in said_why[2]
    assert [entry.signers for entry in index.history()][:2] == [("mallory",), ()]


def test_of_equal_names_the_newest_of_equal_weights_the_first(
    index: Index, ledger: MemoryLedger, trust: TrustRoot
) -> None:
    tell(ledger, registers("acme"), "m", "acme")
    tell(ledger, registers("openlab"), "m-again", "openlab")
    subject = replace(about("new"), name="m")
    ledger.append(sign(Statement(subject=subject, claim=registers("acme")), [signer("acme")]))
    index.catch_up(ledger, trust)
    assert found(index, "m").bundle == bundle_of("new")
    assert found(index, weights_of("m")).bundle == bundle_of("m")
    assert [model.owner for model in index.same_weights(weights_of("m"))] == ["acme", "openlab"]


@pytest.mark.parametrize("author", ["openlab", "mallory", "nobody-known"])
def test_what_only_the_owner_may_say_does_not_count_from_others(
    index: Index, ledger: MemoryLedger, trust: TrustRoot, author: str
) -> None:
    tell(ledger, registers("acme"), "m", "acme")
    given = tell(ledger, grants(bundle_of("m"), "acme", "bob"), "m", "acme")
    index.catch_up(ledger, trust)
    before = {name: rows for name, rows in index.dump().items() if name != "index_entry"}
    for claim in (
        grants(bundle_of("m"), author, author),
        grants(bundle_of("m"), "acme", author),
        licenses("Apache-2.0"),
        revokes(given),
        transfers("mallory"),
        derives("other"),
    ):
        tell(ledger, claim, "m", author)
    index.catch_up(ledger, trust)
    assert {name: rows for name, rows in index.dump().items() if name != "index_entry"} == before
    assert len(notes(index)) == 6


def test_claims_about_what_nobody_registered_do_not_count(
    index: Index, ledger: MemoryLedger, trust: TrustRoot
) -> None:
    for claim in (licenses("MIT"), transfers("acme"), versions("models:/m/1"), derives("x")):
        tell(ledger, claim, "m", "acme")
    index.catch_up(ledger, trust)
    assert all("not registered" in note for note in notes(index))
    assert len(notes(index)) == 4


def test_entries_that_are_no_statements_are_kept_with_the_reason(
    index: Index, ledger: MemoryLedger, trust: TrustRoot
) -> None:
    for payload in (b"", b"noise", b"{}", b"[]", b"\xff"):
        ledger.append(signed_payload(payload, name="acme"))
    index.catch_up(ledger, trust)
    assert [entry.accepted for entry in index.history()] == [False] * 5
    assert all(notes(index))


def test_a_grant_for_another_model_does_not_count(
    index: Index, ledger: MemoryLedger, trust: TrustRoot
) -> None:
    tell(ledger, registers("acme"), "m", "acme")
    tell(ledger, registers("mallory"), "mine", "mallory")
    tell(ledger, grants(bundle_of("m"), "mallory", "eve"), "mine", "mallory")
    forged = Statement(
        subject=about("mine", weights_of("m")), claim=grants(weights_of("m"), "mallory", "eve", at=1)
    )
    ledger.append(sign(forged, [signer("mallory")]))
    tell(ledger, grants(weights_of("m"), "acme", "bob"), "m", "acme")
    index.catch_up(ledger, trust)
    given = index.grants([bundle_of("m"), weights_of("m")])
    assert [issued.grant.grantee for issued in given] == ["bob"]
    assert index.grants([bundle_of("m")], "eve") == []
    assert len(notes(index)) == 2


def test_a_grant_that_was_taken_back_cannot_be_brought_back_by_another_signature(
    index: Index, ledger: MemoryLedger, trust: TrustRoot
) -> None:
    tell(ledger, registers("acme"), "m", "acme")
    first = said(grants(bundle_of("m"), "acme", "mallory"), "m", "acme")
    given = Statement.decode(first.payload).digest
    ledger.append(first)
    tell(ledger, revokes(given, at=5), "m", "acme")
    # The grantee signs the owner's old statement too, so that it is a new entry.
    replay = replace(first, signatures=(*first.signatures, *resign(first, "mallory").signatures))
    assert ledger.append(replay).index == 3
    index.catch_up(ledger, trust)
    (issued,) = index.grants([bundle_of("m")], "mallory")
    assert issued.revoked_at == moment(5)
    assert notes(index) == ["the same statement counts already, as entry 1"]


def test_an_old_licence_or_transfer_cannot_be_brought_back_either(
    index: Index, ledger: MemoryLedger, trust: TrustRoot
) -> None:
    tell(ledger, registers("acme"), "m", "acme")
    free = said(licenses("MIT", at=1), "m", "acme")
    sold = said(transfers("openlab", at=2), "m", "acme")
    for envelope in (free, said(licenses("CC-BY-NC-4.0", at=3), "m", "acme"), sold):
        ledger.append(envelope)
    tell(ledger, transfers("acme", at=4), "m", "openlab")
    for envelope in (free, sold):
        ledger.append(
            replace(envelope, signatures=(*envelope.signatures, *resign(envelope, "mallory").signatures))
        )
    index.catch_up(ledger, trust)
    assert (found(index, "m").owner, found(index, "m").license) == ("acme", "CC-BY-NC-4.0")
    assert len(notes(index)) == 2


def test_of_several_revocations_the_earliest_moment_holds(
    index: Index, ledger: MemoryLedger, trust: TrustRoot
) -> None:
    tell(ledger, registers("acme"), "m", "acme")
    given = tell(ledger, grants(bundle_of("m"), "acme", "bob"), "m", "acme")
    for at in (9, 4, 6):
        tell(ledger, revokes(given, at=at), "m", "acme")
    index.catch_up(ledger, trust)
    assert index.grants([bundle_of("m")])[0].revoked_at == moment(4)


def test_a_version_can_be_pointed_elsewhere_only_by_who_holds_it(
    index: Index, ledger: MemoryLedger, trust: TrustRoot
) -> None:
    tell(ledger, registers("acme"), "m", "acme")
    tell(ledger, registers("mallory"), "free", "mallory")
    tell(ledger, registers("acme"), "next", "acme")
    tell(ledger, versions("models:/m/1"), "m", "openlab")
    tell(ledger, versions("models:/m/1", at=1), "free", "mallory")
    tell(ledger, versions("models:/m/1", at=2), "m", "mallory")
    index.catch_up(ledger, trust)
    assert found(index, "models:/m/1").bundle == bundle_of("m")
    assert index.holders("models:/m/1") == {"acme", "openlab"}
    assert len(notes(index)) == 2
    tell(ledger, versions("models:/m/1", at=3), "next", "acme")
    tell(ledger, versions("file:///m", at=3), "m", "acme")
    tell(ledger, versions("file:///m", at=3), "free", "mallory")
    index.catch_up(ledger, trust)
    assert found(index, "models:/m/1").bundle == bundle_of("next")
    assert found(index, "file:///m").bundle == bundle_of("free")
    assert index.holders("file:///m") == index.holders("models:/none/1") == frozenset()


def test_another_trust_root_makes_the_index_anew(
    index: Index, ledger: MemoryLedger, trust: TrustRoot
) -> None:
    tell(ledger, registers("acme"), "m", "acme")
    tell(ledger, registers("openlab"), "n", "openlab")
    assert index.catch_up(ledger, trust_in(ledger, "acme")) == 2
    assert index.find("n") is None
    assert index.catch_up(ledger, trust) == 2
    assert found(index, "n").owner == "openlab"
    assert index.catch_up(ledger, trust_in(ledger)) == 2
    assert index.find("m") is None


def three(seed: str, *models: str) -> MemoryLedger:
    ledger = new_ledger(seed)
    for model in models:
        tell(ledger, registers("acme"), model, "acme")
    return ledger


@pytest.mark.parametrize(
    ("seed", "models", "error"),
    [
        ("log", ("a", "b"), InclusionError),
        ("log", (), InclusionError),
        ("log", ("a", "x", "c"), InclusionError),
        ("log", ("a", "c", "b"), InclusionError),
        ("log", ("a", "b", "x", "d"), InclusionError),
        ("another key", ("a", "b", "c", "d"), VerificationError),
    ],
)
def test_a_ledger_that_is_no_continuation_is_refused_and_changes_nothing(
    index: Index, seed: str, models: tuple[str, ...], error: type[Exception]
) -> None:
    ledger = three("log", "a", "b", "c")
    trust = trust_in(ledger, "acme")
    index.catch_up(ledger, trust)
    before = index.dump()
    with pytest.raises(error):
        index.catch_up(three(seed, *models), trust)
    assert index.dump() == before
    assert index.catch_up(three("log", "a", "b", "c", "d"), trust) == 1
    other = three(seed, *models)
    assert index.rebuild(other, trust) == len(models)
    assert len(index.history()) == len(models)


def test_an_index_in_a_file_is_kept_and_shared(
    tmp_path: Path, ledger: MemoryLedger, trust: TrustRoot
) -> None:
    url = f"sqlite:///{tmp_path / 'index.db'}"
    tell(ledger, registers("acme"), "m", "acme")
    first, second = Index(url), Index(url)
    assert first.catch_up(ledger, trust) == 1
    assert second.catch_up(ledger, trust) == 0
    assert second.find("m") == first.find("m")
    first.close()
    second.close()
    first.close()


def test_a_failure_on_the_way_leaves_no_trace(
    index: Index, ledger: MemoryLedger, trust: TrustRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(ledger, registers("acme"), "m", "acme")
    index.catch_up(ledger, trust)
    before = index.dump()
    tell(ledger, registers("acme"), "n", "acme")
    tell(ledger, registers("acme"), "o", "acme")
    entries = ledger.entries

    def failing(start: int = 0, stop: int | None = None) -> Iterator[object]:
        yield next(entries(start, stop))
        raise LedgerError("the disk went away")

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "entries", failing)
        with pytest.raises(LedgerError, match="went away"):
            index.catch_up(ledger, trust)
    assert index.dump() == before
    assert index.catch_up(ledger, trust) == 2


@pytest.mark.parametrize("url", ["nonsense", "nosuch://host/db", "sqlite:////proc/nowhere/index.db"])
def test_a_database_that_cannot_be_opened(url: str) -> None:
    with pytest.raises(LedgerError, match="the index"):
        Index(url)


def test_a_password_in_the_url_is_never_shown() -> None:
    with pytest.raises(LedgerError) as caught:
        Index("nosuch://user:hunter2@host/db")
    assert "hunter2" not in caught.value.message


def test_a_digest_is_no_uri_and_no_name(index: Index, ledger: MemoryLedger, trust: TrustRoot) -> None:
    tell(ledger, registers("acme"), "m", "acme")
    tell(ledger, registers("mallory"), "evil", "mallory")
    for number, digest in enumerate((bundle_of("m"), weights_of("m"), bundle_of("unknown"))):
        tell(ledger, versions(digest, at=number), "evil", "mallory")
    named = replace(about("worse"), name=bundle_of("unknown"))
    ledger.append(sign(Statement(subject=named, claim=registers("mallory")), [signer("mallory")]))
    index.catch_up(ledger, trust)
    assert found(index, bundle_of("m")).owner == found(index, weights_of("m")).owner == "acme"
    assert index.find(bundle_of("unknown")) is None


def test_an_entry_with_words_that_no_database_holds_stops_nothing(
    index: Index, ledger: MemoryLedger, trust: TrustRoot
) -> None:
    lie = json.loads(Statement(subject=about("m"), claim=registers("acme")).encode())
    lie["\ud800\x1b"] = 1
    ledger.append(signed_payload(json.dumps(lie).encode(), name="acme"))
    tell(ledger, registers("acme"), "m", "acme")
    assert index.catch_up(ledger, trust) == 2
    assert found(index, "m").owner == "acme"
    assert notes(index) == ["the statement has unknown fields: \\ud800\\x1b"]
    assert index.find("\ud800") is None
    assert index.grants([bundle_of("m")], "\ud800") == []
