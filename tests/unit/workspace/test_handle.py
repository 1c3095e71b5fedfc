"""The road: events, gates, observers, and what happens when something fails."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import pytest
from tests.workshop import flip_byte, write_model

from weightmark import Action, EventKind, ModelEvent
from weightmark.attribution.tag import MAX_VALUE
from weightmark.claims import Envelope, TermsClaim, TrustedKey
from weightmark.discovery import Plugins
from weightmark.encoding import Json
from weightmark.errors import (
    LedgerError,
    LicensingError,
    MalformedError,
    NotEntitledError,
    PlatformError,
    UntrustedKeyError,
)
from weightmark.licensing import ReasonCode
from weightmark.log import Receipt
from weightmark.ports import Observer
from weightmark.workspace import Configuration, Gate, Requirement, WhenUndecided, Workspace
from weightmark_plugins.ledgers.memory import MemoryLedger
from weightmark_plugins.signers.file import FileSigner

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def event(kind: EventKind, model: Path, **more: str) -> ModelEvent:
    return ModelEvent(kind=kind, uri=str(model), **more)  # type: ignore[arg-type]


def gated(workspace: Workspace, kind: EventKind, gate: Gate) -> Workspace:
    """Give a workspace with the same ledger and another gate."""
    settings = replace(workspace.configuration, gates={**workspace.configuration.gates, kind: gate})
    other = Workspace(settings, workspace.plugins, clock=workspace.clock)
    share(workspace, other)
    return other


def share(one: Workspace, other: Workspace) -> None:
    """Let another workspace use what one has opened; who closes the one closes all."""
    other.resources._made, other.resources._opened = one.resources._made, one.resources._opened


def shorten(text: str) -> str:
    return text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…"


def requires(*names: Requirement, undecided: WhenUndecided = WhenUndecided.REFUSE) -> Gate:
    return Gate(requires=frozenset(names), undecided=undecided)


def test_register_records_and_is_allowed_by_default(workspace: Workspace, model: Path) -> None:
    outcome = workspace.handle(event(EventKind.REGISTER, model, name="churn"))
    assert outcome.allowed
    assert outcome.receipt is not None
    assert outcome.model is not None
    assert (outcome.model.name, outcome.model.owner) == ("churn", "acme")
    assert outcome.refusal() == ""
    assert outcome.tags()["weightmark.owner"] == "acme"
    again = workspace.handle(event(EventKind.REGISTER, model, name="churn"))
    assert again.receipt is None
    assert again.model == outcome.model


def test_log_records_too(workspace: Workspace, model: Path) -> None:
    assert workspace.handle(event(EventKind.LOG, model)).receipt is not None


def test_a_version_of_the_platform_is_linked_once(workspace: Workspace, model: Path) -> None:
    said = ModelEvent(
        kind=EventKind.REGISTER, uri="models:/churn/3", source=str(model), name="churn", version="3"
    )
    workspace.handle(said)
    assert workspace.find("models:/churn/3").name == "churn"
    size = len(workspace.resources.index.history())
    workspace.handle(said)
    assert len(workspace.resources.index.history()) == size


def test_a_uri_cannot_be_pointed_at_other_files_by_somebody_else(workspace: Workspace, model: Path) -> None:
    said = ModelEvent(
        kind=EventKind.REGISTER, uri="models:/churn/3", source=str(model), name="churn", version="3"
    )
    workspace.handle(said)
    lab = FileSigner.generate("file:openlab.pem")
    trust = workspace.resources.trust.add(TrustedKey(identity="openlab", key=lab.public_key))
    workspace.resources.save_trust(trust)
    other = Workspace(
        Configuration.load({"ledger": "memory:", "party": "openlab", "signer": "file:openlab.pem"}),
        workspace.plugins,
        clock=workspace.clock,
    )
    made = workspace.resources._made
    other.resources._made = {name: made[name] for name in ("ledger", "store", "index", "log_signer")}
    free = write_model(model.parent / "free", {"x": [1.0]})
    with pytest.raises(LicensingError, match="only acme may link"):
        other.handle(replace(said, source=str(free)))
    assert workspace.find("models:/churn/3").owner == "acme"
    # Its owner may.
    workspace.handle(replace(said, source=str(write_model(model.parent / "new", {"y": [1.0]}))))
    assert workspace.find("models:/churn/3").entry > 0


@pytest.mark.parametrize("kind", [EventKind.PROMOTE, EventKind.PUSH, EventKind.DEPLOY])
def test_use_of_what_is_not_registered_is_refused(workspace: Workspace, model: Path, kind: EventKind) -> None:
    outcome = workspace.handle(event(kind, model))
    assert not outcome.allowed
    assert outcome.decision.code is ReasonCode.NOT_REGISTERED
    assert "weightmark register" in outcome.refusal()
    assert outcome.tags() == {
        "weightmark.verdict": "refused (not-registered)",
        "weightmark.reason": shorten(outcome.refusal()),
    }
    assert outcome.to_json()["model"] is None


@pytest.mark.parametrize("kind", [EventKind.PROMOTE, EventKind.PUSH, EventKind.DEPLOY])
def test_use_of_ones_own_model_is_allowed(workspace: Workspace, model: Path, kind: EventKind) -> None:
    workspace.handle(event(EventKind.REGISTER, model))
    outcome = workspace.handle(event(kind, model))
    assert outcome.allowed
    assert outcome.receipt is None


def test_use_of_changed_files_is_refused_by_name(workspace: Workspace, model: Path) -> None:
    workspace.register(str(model))
    flip_byte(model / "model.safetensors", -1)
    outcome = workspace.handle(ModelEvent(kind=EventKind.DEPLOY, uri=model.as_uri()))
    assert outcome.decision.code is ReasonCode.NOT_INTACT
    assert "dense.bias" in outcome.refusal()


def test_the_gate_may_leave_out_the_files(workspace: Workspace, model: Path) -> None:
    said = ModelEvent(kind=EventKind.REGISTER, uri="models:/churn/3", source=str(model), version="3")
    workspace.handle(said)
    loose = gated(workspace, EventKind.DEPLOY, requires(Requirement.REGISTERED))
    outcome = loose.handle(ModelEvent(kind=EventKind.DEPLOY, uri="models:/churn/3"))
    assert outcome.allowed
    assert outcome.fingerprint is None


def test_files_at_a_path_are_read_even_when_the_gate_leaves_them_out(
    workspace: Workspace, model: Path
) -> None:
    workspace.register(str(model), name="churn")
    loose = gated(workspace, EventKind.DEPLOY, requires(Requirement.REGISTERED))
    for uri in ("churn", str(model), model.as_uri()):
        assert loose.handle(ModelEvent(kind=EventKind.DEPLOY, uri=uri)).allowed
    flip_byte(model / "model.safetensors", -1)
    for uri in ("churn", str(model), model.as_uri()):
        outcome = loose.handle(ModelEvent(kind=EventKind.DEPLOY, uri=uri))
        assert outcome.decision.code is ReasonCode.NOT_REGISTERED


def derived(workspace: Workspace, model: Path) -> None:
    workspace.register(str(model), license_="MIT", bases=("hf://somebody/something",))


def test_undecided_is_refused_unless_the_gate_allows_it(workspace: Workspace, model: Path) -> None:
    derived(workspace, model)
    refused = workspace.handle(event(EventKind.DEPLOY, model))
    assert (refused.allowed, refused.decision.outcome.value) == (False, "undecided")
    everything = (Requirement.REGISTERED, Requirement.SIGNED, Requirement.INTACT, Requirement.LICENSED)
    lenient = gated(workspace, EventKind.DEPLOY, requires(*everything, undecided=WhenUndecided.ALLOW))
    waved = lenient.handle(event(EventKind.DEPLOY, model))
    assert waved.allowed
    assert waved.decision.code is ReasonCode.NOT_ASKED
    *told, mode = waved.decision.reasons
    assert (*told,) == refused.decision.reasons[:-1]
    assert "lets pass what cannot be known (allow)" in mode.message
    assert "refuses what cannot be known (refuse)" in refused.decision.reasons[-1].message


def test_a_refusal_is_never_waved_through_as_undecided(workspace: Workspace, model: Path) -> None:
    base = write_model(model.parent / "base", {"x": [1.0]})
    workspace.register(str(base), license_="cc-by-nc-4.0", name="base")
    workspace.register(str(model), license_="MIT", bases=("base",))
    settings = replace(workspace.configuration, party=replace(workspace.configuration.party, name="bob"))
    bob = Workspace(settings, workspace.plugins, clock=workspace.clock)
    share(workspace, bob)
    lenient = gated(bob, EventKind.DEPLOY, requires(Requirement.LICENSED, undecided=WhenUndecided.ALLOW))
    assert lenient.handle(event(EventKind.DEPLOY, model)).decision.code is ReasonCode.NON_COMMERCIAL
    # A gate that does not ask for a licence lets it pass, and keeps the reasons.
    open_gate = gated(bob, EventKind.DEPLOY, requires(Requirement.REGISTERED))
    passed = open_gate.handle(event(EventKind.DEPLOY, model))
    assert passed.allowed
    assert passed.decision.reasons[0].code is ReasonCode.NON_COMMERCIAL


def test_attributed_requires_a_licence(workspace: Workspace, model: Path) -> None:
    strict = gated(workspace, EventKind.REGISTER, requires(Requirement.ATTRIBUTED))
    outcome = strict.handle(event(EventKind.REGISTER, model))
    assert outcome.decision.code is ReasonCode.NO_LICENCE
    assert outcome.receipt is not None, "facts are recorded whatever the verdict"
    found = workspace.find(str(model))
    workspace.record(found, TermsClaim(license="MIT", issued_at=NOW), owner_only="set its licence")
    assert strict.handle(event(EventKind.REGISTER, model)).allowed


def test_check_is_undecided_for_what_is_not_there_and_find_raises(workspace: Workspace) -> None:
    assert workspace.check("nothing", Action.DEPLOY).code is ReasonCode.NOT_REGISTERED
    with pytest.raises(NotEntitledError, match="nothing"):
        workspace.find("nothing")
    with pytest.raises(MalformedError):
        workspace.check("nothing", Action.DEPLOY, at="yesterday")


def test_a_stated_owner_that_is_not_us_is_refused(workspace: Workspace, model: Path) -> None:
    with pytest.raises(LicensingError, match="openlab"):
        workspace.handle(event(EventKind.REGISTER, model, owner="openlab"))
    assert workspace.resources.index.history() == []


def test_a_key_that_does_not_speak_for_us_records_nothing(workspace: Workspace, model: Path) -> None:
    workspace.resources.catch_up()
    trust = workspace.resources.trust
    expired = replace(trust.keys[0], valid_until=NOW)
    workspace.resources.save_trust(replace(trust, keys=(expired,)))
    with pytest.raises(UntrustedKeyError, match="does not count now"):
        workspace.handle(event(EventKind.REGISTER, model))
    workspace.resources.save_trust(replace(trust, keys=()))
    with pytest.raises(UntrustedKeyError, match="not in the trust root") as caught:
        workspace.handle(event(EventKind.REGISTER, model))
    assert "weightmark trust add" in caught.value.hint
    assert workspace.resources.ledger.checkpoint().checkpoint.size == 0


class Broken(Observer):
    name: ClassVar[str] = "broken"

    def notice(self, event: ModelEvent, outcome: Mapping[str, Json]) -> None:
        raise RuntimeError("out of order")


class Keen(Observer):
    name: ClassVar[str] = "keen"
    seen: ClassVar[list[tuple[str, object]]] = []

    def notice(self, event: ModelEvent, outcome: Mapping[str, Json]) -> None:
        self.seen.append((event.kind.value, outcome["allowed"]))


def test_an_observer_that_fails_stops_nothing(
    workspace: Workspace, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Keen.seen.clear()
    workspace.resources._made["observers"] = [Broken(), Keen()]
    with caplog.at_level(logging.ERROR):
        assert workspace.handle(event(EventKind.REGISTER, model)).allowed
        assert not workspace.handle(
            event(EventKind.DEPLOY, write_model(model.parent / "x", {"x": [1.0]}))
        ).allowed
    assert Keen.seen == [("register", True), ("deploy", False)]
    assert "broken" in caplog.text


class FullLedger(MemoryLedger):
    name: ClassVar[str] = "full"

    def append_all(self, envelopes: Sequence[Envelope]) -> list[Receipt]:
        raise LedgerError("the disk is full", outcome="unknown")


@pytest.fixture
def full(plugins: Plugins) -> Iterator[Workspace]:
    with Workspace(Configuration.load({"ledger": "memory:"}), plugins, clock=lambda: NOW) as opened:
        ledger = opened.resources.ledger
        assert isinstance(ledger, MemoryLedger)
        opened.resources._made["ledger"] = FullLedger(ledger._log, opened.resources.log_signer)
        yield opened


def test_a_ledger_that_fails_is_never_a_permission(full: Workspace, model: Path) -> None:
    with pytest.raises(LedgerError, match="the disk is full") as caught:
        full.handle(event(EventKind.REGISTER, model))
    assert caught.value.outcome == "unknown"
    assert not full.handle(event(EventKind.DEPLOY, model)).allowed


def test_files_that_are_not_there_raise(workspace: Workspace) -> None:
    for kind in EventKind:
        with pytest.raises(PlatformError):
            workspace.handle(ModelEvent(kind=kind, uri="/nowhere/at/all"))


def test_settings_inside_the_model_are_refused(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (model / "weightmark.toml").write_text('party = "evil"\nledger = "memory:"\n')
    monkeypatch.chdir(model)
    with Workspace.open() as inside, pytest.raises(MalformedError, match="lie inside the model"):
        inside.fingerprint(".")


def test_many_bases_are_recorded_in_statements_that_stay_small(workspace: Workspace, model: Path) -> None:
    bases = tuple(f"hf://somebody/{'x' * 300}-{number}" for number in range(40))
    outcome = workspace.register(str(model), bases=bases)
    assert outcome.model is not None
    assert [parent.uri for parent in workspace.resources.index.parents(outcome.model.bundle)] == list(bases)
    assert len(outcome.works) == 41


def test_a_lineage_in_a_circle_ends(workspace: Workspace, model: Path) -> None:
    other = write_model(model.parent / "other", {"x": [1.0]})
    workspace.register(str(model), name="a", license_="MIT")
    workspace.register(str(other), name="b", license_="MIT", bases=("a",))
    workspace.register(str(model), name="a", bases=("b",))
    assert workspace.check("a", Action.DEPLOY, party="bob").allowed


def test_the_one_line_functions(model: Path, home: Path) -> None:
    import weightmark

    outcome = weightmark.register(model, license="apache-2.0")
    assert outcome.model is not None
    assert outcome.model.license == "Apache-2.0"
    assert weightmark.fingerprint(model).bundle == outcome.model.bundle
    assert weightmark.verify(model).registration.owner == "acme"
    assert weightmark.check(model, "deploy", party="bob").allowed
    assert (home / "trust.json").exists()


@pytest.mark.parametrize("asked", [Requirement.INTACT, Requirement.ATTRIBUTED, Requirement.SIGNED])
def test_what_is_not_registered_is_not_what_was_registered(
    workspace: Workspace, model: Path, asked: Requirement
) -> None:
    outcome = gated(workspace, EventKind.PROMOTE, requires(asked)).handle(event(EventKind.PROMOTE, model))
    assert not outcome.allowed
    assert outcome.decision.code is ReasonCode.NOT_REGISTERED
