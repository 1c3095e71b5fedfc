"""Events that have happened already: late, twice, in the wrong order, and when something fails on the way."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests import shelf
from tests.shelf import Shelf, ShelfRegistry
from tests.workshop import flip_byte

from weightmark import EventKind, ModelEvent
from weightmark.claims import Envelope
from weightmark.discovery import Plugins
from weightmark.errors import (
    DigestMismatchError,
    LedgerError,
    LicensingError,
    MalformedError,
    MissingExtraError,
    PlatformError,
    UndecidedError,
)
from weightmark.licensing import ReasonCode
from weightmark.log import Receipt
from weightmark.vocabulary import Predicate
from weightmark.workspace import Configuration, Gate, Workspace
from weightmark.workspace.following import is_lasting

CARD = "---\nlicense: {}\n---\n"


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.setenv(shelf.ROOT, str(tmp_path / "shelf"))
    return Shelf(tmp_path / "shelf")


@pytest.fixture(scope="module")
def shelf_plugins() -> Plugins:
    return shelf.plugins()


@pytest.fixture
def workspace(home: Path, platform: Shelf, shelf_plugins: Plugins) -> Iterator[Workspace]:
    with Workspace(Configuration.load(), shelf_plugins) as opened:
        yield opened


def registered(uri: str) -> ModelEvent:
    name, version = uri.removeprefix("shelf:/").split("/")
    return ModelEvent(kind=EventKind.REGISTER, uri=uri, name=name, version=version)


def promoted(uri: str, alias: str = "prod") -> ModelEvent:
    return replace(registered(uri), kind=EventKind.PROMOTE, context={"alias": alias})


def said(workspace: Workspace) -> Counter[str]:
    history = workspace.resources.index.history()
    assert all(entry.accepted for entry in history)
    return Counter(entry.predicate_type for entry in history)


ONCE = {Predicate.REGISTRATION: 1, Predicate.VERSION: 1}


def test_what_was_registered_there_is_registered_here(workspace: Workspace, platform: Shelf) -> None:
    uri = platform.publish("churn", 1, [1.0], card=CARD.format("mit"))
    outcome = workspace.follow(registered(uri))
    assert outcome.allowed
    assert outcome.model is not None
    assert (outcome.model.name, outcome.model.license, said(workspace)) == ("churn", "MIT", ONCE)
    assert platform.tags(uri) == outcome.tags()
    again = workspace.follow(registered(uri))
    assert (again.receipt, said(workspace)) == (None, ONCE)


def test_a_platform_without_names_and_versions_is_followed_too(
    workspace: Workspace, platform: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = platform.publish("churn", 1, [1.0])
    whole = ShelfRegistry.resolve

    def nameless(self: ShelfRegistry, uri: str) -> object:
        return replace(whole(self, uri), name="", version="")

    monkeypatch.setattr(ShelfRegistry, "resolve", nameless)
    outcome = workspace.follow(ModelEvent(kind=EventKind.REGISTER, uri=uri))
    assert outcome.model is not None
    assert workspace.resources.index.at(uri) == outcome.model
    workspace.follow(ModelEvent(kind=EventKind.REGISTER, uri=uri))
    assert said(workspace) == ONCE


def test_a_promotion_that_comes_first_registers_first_and_then_judges(
    workspace: Workspace, platform: Shelf
) -> None:
    uri = platform.publish("churn", 1, [1.0])
    platform.point("churn", "prod", 1)
    outcome = workspace.follow(promoted(uri))
    assert outcome.allowed
    assert outcome.event.kind is EventKind.PROMOTE
    assert outcome.receipt is not None
    assert platform.alias("churn", "prod") == "1"
    assert said(workspace) == ONCE
    # The event that it followed from comes late.
    assert workspace.follow(registered(uri)).receipt is None
    assert said(workspace) == ONCE


def test_the_files_are_read_once_when_a_promotion_registers(
    workspace: Workspace, platform: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    from weightmark.workspace import road

    uri = platform.publish("churn", 1, [1.0])
    whole, read = road.read_fingerprint, []
    monkeypatch.setattr(road, "read_fingerprint", lambda *a, **k: read.append(1) or whole(*a, **k))
    workspace.follow(promoted(uri))
    assert len(read) == 1


def test_an_alias_is_followed_to_the_version_it_stands_for(workspace: Workspace, platform: Shelf) -> None:
    uri = platform.publish("churn", 1, [1.0])
    platform.point("churn", "prod", 1)
    outcome = workspace.follow(ModelEvent(kind=EventKind.PROMOTE, uri="shelf:/churn@prod"))
    assert outcome.event.uri == uri
    assert workspace.resources.index.at(uri) is not None
    assert workspace.resources.index.at("shelf:/churn@prod") is None


def test_a_refused_use_is_undone_and_said(workspace: Workspace, platform: Shelf) -> None:
    uri = platform.publish("churn", 1, [1.0], card=CARD.format("cc-by-nc-4.0"))
    platform.point("churn", "prod", 1)
    outcome = workspace.follow(promoted(uri))
    assert outcome.decision.code is ReasonCode.NON_COMMERCIAL
    assert platform.alias("churn", "prod") is None
    assert platform.tags(uri)["weightmark.verdict"] == "refused (non-commercial)"
    assert said(workspace) == ONCE, "what is refused is recorded all the same"
    assert not workspace.follow(promoted(uri)).allowed


def test_bytes_changed_after_registration_are_refused_and_not_recorded_anew(
    workspace: Workspace, platform: Shelf
) -> None:
    uri = platform.publish("churn", 1, [1.0])
    before = workspace.follow(registered(uri)).model
    flip_byte(platform.models / "churn" / "1" / "model.safetensors", -1)
    platform.point("churn", "prod", 1)
    assert workspace.follow(registered(uri)).model == before
    outcome = workspace.follow(promoted(uri))
    assert outcome.decision.code is ReasonCode.NOT_INTACT
    assert platform.alias("churn", "prod") is None
    assert platform.tags(uri)["weightmark.verdict"] == "refused (not-intact)"
    assert workspace.resources.index.at(uri) == before
    assert said(workspace) == ONCE


@pytest.mark.parametrize("broken", ["annotate", "withdraw"])
def test_what_fails_on_the_platform_is_mended_by_repeating(
    workspace: Workspace, platform: Shelf, broken: str
) -> None:
    uri = platform.publish("churn", 1, [1.0], card=CARD.format("cc-by-nc-4.0"))
    platform.point("churn", "prod", 1)
    platform.break_it(broken)
    with pytest.raises(PlatformError, match="out of order"):
        workspace.follow(promoted(uri))
    # The one is done although the other failed.
    assert (platform.alias("churn", "prod") is None) is (broken == "annotate")
    assert bool(platform.tags(uri)) is (broken == "withdraw")
    platform.mend(broken)
    assert not workspace.follow(promoted(uri)).allowed
    assert platform.alias("churn", "prod") is None
    assert platform.tags(uri)["weightmark.verdict"] == "refused (non-commercial)"
    assert said(workspace) == ONCE


def test_a_ledger_that_fails_leaves_nothing_and_undoes_nothing(
    workspace: Workspace, platform: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = platform.publish("churn", 1, [1.0])
    platform.point("churn", "prod", 1)

    def full(_self: object, _envelopes: Sequence[Envelope]) -> list[Receipt]:
        raise LedgerError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(type(workspace.resources.ledger), "append_all", full)
        with pytest.raises(LedgerError):
            workspace.follow(promoted(uri))
    assert (platform.tags(uri), platform.alias("churn", "prod")) == ({}, "1")
    assert workspace.follow(promoted(uri)).allowed
    assert said(workspace) == ONCE


def test_a_use_that_can_never_be_judged_is_undone(workspace: Workspace, platform: Shelf) -> None:
    uri = platform.publish("churn", 1, [1.0])
    flip_byte(platform.models / "churn" / "1" / "model.safetensors", 3)
    platform.point("churn", "prod", 1)
    with pytest.raises(MalformedError):
        workspace.follow(promoted(uri))
    assert platform.alias("churn", "prod") is None
    assert platform.tags(uri)["weightmark.verdict"] == "refused (not-registered)"
    assert workspace.resources.index.history() == []


def test_a_gate_that_asks_for_nothing_undoes_nothing(
    home: Path, platform: Shelf, shelf_plugins: Plugins
) -> None:
    uri = platform.publish("churn", 1, [1.0])
    flip_byte(platform.models / "churn" / "1" / "model.safetensors", 3)
    platform.point("churn", "prod", 1)
    settings = Configuration.load()
    gates = {**settings.gates, EventKind.PROMOTE: Gate(requires=frozenset())}
    with (
        Workspace(replace(settings, gates=gates), shelf_plugins) as loose,
        pytest.raises(MalformedError),
    ):
        loose.follow(promoted(uri))
    assert (platform.alias("churn", "prod"), platform.tags(uri)) == ("1", {})


def test_a_model_of_somebody_else_is_not_recorded_as_ours(workspace: Workspace, platform: Shelf) -> None:
    uri = platform.publish("churn", 1, [1.0])
    with pytest.raises(LicensingError, match="openlab"):
        workspace.follow(replace(registered(uri), owner="openlab"))
    assert workspace.resources.index.history() == []
    assert "openlab" in platform.tags(uri)["weightmark.reason"]


def test_a_platform_that_is_down_is_not_written_to(workspace: Workspace, platform: Shelf) -> None:
    uri = platform.publish("churn", 1, [1.0])
    platform.break_it("resolve")
    with pytest.raises(PlatformError):
        workspace.follow(promoted(uri))
    assert platform.tags(uri) == {}
    platform.mend("resolve")
    assert workspace.follow(promoted(uri)).allowed


def test_what_lasts_and_what_does_not() -> None:
    lasting = [
        PlatformError("404"),
        MalformedError("no"),
        DigestMismatchError("other bytes"),
        LicensingError("not ours"),
    ]
    passing = [PlatformError("503", retryable=True), LedgerError("busy"), MissingExtraError("mlflow")]
    passing += [UndecidedError("not yet"), RuntimeError("boom")]  # type: ignore[list-item]
    assert all(map(is_lasting, lasting))
    assert not any(map(is_lasting, passing))


def test_an_alias_hides_no_change(workspace: Workspace, platform: Shelf) -> None:
    uri = platform.publish("churn", 1, [1.0], card=CARD.format("mit"))
    other = platform.publish("other", 1, [2.0], card=CARD.format("mit"))
    workspace.follow(registered(uri))
    workspace.follow(registered(other))
    platform.point("churn", "prod", 1)
    for kind in (EventKind.LOAD, EventKind.DEPLOY):
        assert workspace.handle(ModelEvent(kind=kind, uri="shelf:/churn@prod")).allowed
    for values in ([3.0], [2.0]):  # files nobody registered, and those of another registered model
        platform.publish("churn", 1, values, card=CARD.format("mit"))
        for kind in (EventKind.LOAD, EventKind.DEPLOY):
            outcome = workspace.handle(ModelEvent(kind=kind, uri="shelf:/churn@prod"))
            assert outcome.decision.code is ReasonCode.NOT_INTACT


def test_files_that_change_while_two_follow_one_event_are_not_recorded(
    workspace: Workspace, platform: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = platform.publish("churn", 1, [1.0], card=CARD.format("mit"))
    take = workspace._road.take

    def late(*given: object, **more: object) -> object:
        monkeypatch.setattr(workspace._road, "take", take)
        workspace.follow(registered(uri))
        platform.publish("churn", 1, [2.0], card=CARD.format("mit"))
        return take(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(workspace._road, "take", late)
    with pytest.raises(DigestMismatchError, match="registered as other files"):
        workspace.follow(registered(uri))
    assert said(workspace) == ONCE


def later(workspace: Workspace, **settings: str) -> Workspace:
    """Give a workspace with the same ledger, two hours from now."""
    return Workspace(
        Configuration.load(settings),
        workspace.plugins,
        clock=lambda: datetime.now(UTC) + timedelta(hours=2),
    )


def test_a_registration_that_is_said_again_later_hides_no_change(
    workspace: Workspace, platform: Shelf
) -> None:
    uri = platform.publish("churn", 1, [1.0], card=CARD.format("mit"))
    before = workspace.follow(registered(uri)).model
    with later(workspace) as two_hours_on:
        assert two_hours_on.follow(registered(uri)).allowed
        assert said(two_hours_on) == ONCE
        flip_byte(platform.models / "churn" / "1" / "model.safetensors", -1)
        with pytest.raises(DigestMismatchError, match="registered as other files"):
            two_hours_on.follow(registered(uri))
        assert platform.tags(uri)["weightmark.verdict"] == "refused (not-intact)"
        assert two_hours_on.resources.index.at(uri) == before


def test_a_delivery_that_is_repeated_at_once_reads_nothing(
    workspace: Workspace, platform: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = platform.publish("churn", 1, [1.0], card=CARD.format("mit"))
    workspace.follow(registered(uri))
    monkeypatch.delattr(ShelfRegistry, "resolve")
    assert workspace.follow(registered(uri)).allowed


def test_a_gate_that_asks_for_whole_files_reads_them_for_every_delivery(
    workspace: Workspace, platform: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = platform.publish("churn", 1, [1.0], card=CARD.format("mit"))
    workspace.follow(registered(uri))
    flip_byte(platform.models / "churn" / "1" / "model.safetensors", -1)
    settings = Path("weightmark.toml")
    settings.write_text('[gates.register]\nrequires = ["intact"]\n')
    with (
        Workspace(Configuration.load(), workspace.plugins) as strict,
        pytest.raises(DigestMismatchError),
    ):
        strict.follow(registered(uri))
