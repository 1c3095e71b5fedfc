"""The organisation's policy on the one road: read as it is now, never passed over, asked at every gate."""

import pytest
from tests.workshop import Shell, write_model

from weightmark.encoding import digest_bytes
from weightmark.errors import LedgerError, MalformedError, RefusedError
from weightmark.licensing import Action
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind
from weightmark.workspace import Configuration, Workspace, ask
from weightmark.workspace.deciding import grants_for

RULES = '[[rule]]\nid = "no-agpl"\nlicences.deny = ["AGPL-*"]\nask = "legal@acme.example"\n'


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEIGHTMARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WEIGHTMARK_PARTY", "acme")
    (tmp_path / "weightmark.toml").write_text(
        'policy = "rules/acme.toml"\n[gates.push]\nundecided = "allow"\n'
    )
    (tmp_path / "rules").mkdir()
    file = tmp_path / "rules" / "acme.toml"
    file.write_text(RULES)
    return file


@pytest.fixture
def model(file, tmp_path):
    model = write_model(tmp_path / "net")
    Shell(folder=tmp_path).run("register", model, "--license", "agpl-3.0")
    return model


def event(kind, model):
    return ModelEvent(kind=EventKind(kind), uri=str(model))


def test_every_gate_of_a_use_refuses_what_the_policy_denies(file, model):
    for kind in ("promote", "push", "deploy", "load"):
        refuses_by_policy(file, model, kind)
        file.write_text(RULES)


def refuses_by_policy(file, model, kind):
    with Workspace.open() as workspace:
        outcome = workspace.handle(event(kind, model))
        assert (outcome.allowed, outcome.decision.outcome, outcome.decision.code) == (
            False,
            "refused",
            "policy",
        )
        assert "rule no-agpl (acme.toml:1)" in outcome.refusal()
        assert "Ask legal@acme.example" in outcome.refusal()
        with pytest.raises(RefusedError, match="no-agpl"):
            ask(event(kind, model), workspace=workspace)
        file.write_text(RULES.replace("AGPL", "LGPL"))
        assert workspace.handle(event(kind, model)).allowed


def test_recording_goes_on_and_its_preview_tells_what_the_policy_says(file, model):
    with Workspace.open() as workspace:
        outcome = workspace.handle(event("register", model))
    assert outcome.allowed
    assert outcome.preview.code == "policy"
    assert "refused (policy)" in outcome.tags().values()
    assert outcome.to_json()["policy"] == digest_bytes(RULES.encode())


def test_a_gate_that_asks_for_nothing_asks_the_policy(file, model, tmp_path):
    (tmp_path / "weightmark.toml").write_text('policy = "rules/acme.toml"\n[gates.load]\nrequires = []\n')
    with Workspace.open() as workspace:
        assert workspace.configuration.gates[EventKind.LOAD].requires == {"policy"}
        assert workspace.configuration.gates[EventKind.LOG].requires == set()
        assert workspace.handle(event("load", model)).decision.code == "policy"
        stranger = write_model(tmp_path / "stranger", {"a": [1.0]})
        assert workspace.handle(event("load", stranger)).decision.code == "policy"
        file.write_text(f'{RULES}unknown = "allow"')
        assert workspace.handle(event("load", stranger)).allowed
        assert not workspace.handle(event("deploy", stranger)).allowed


def test_a_rule_can_reach_recording_when_it_says_so(file, model):
    file.write_text('[[rule]]\nid = "r"\nwhen = ["recording"]\nnever = true')
    with Workspace.open() as workspace:
        assert workspace.handle(event("register", model)).decision.code == "policy"


@pytest.mark.parametrize("how", ["gone", "broken", "folder", "suffix"])
def test_a_policy_that_is_missing_or_broken_stops_every_gate(file, model, how, monkeypatch):
    if how == "broken":
        file.write_text("[[rule]]")
    elif how == "suffix":
        monkeypatch.setenv("WEIGHTMARK_POLICY", str(file.rename(file.with_suffix(".rego"))))
    else:
        file.unlink()
        if how == "folder":
            file.mkdir()
    with Workspace.open() as workspace:
        for kind in EventKind:
            outcome = workspace.handle(event(kind, model))
            decision = outcome.decision
            assert (outcome.allowed, decision.outcome, decision.code) == (False, "undecided", "policy"), kind
        assert workspace.check(str(model), Action.INFER).outcome == "undecided"


def test_an_engine_that_fails_stops_every_gate(file, model):
    with Workspace.open() as workspace:
        workspace.handle(event("deploy", model))
        kept = workspace.resources.policing._kept
        kept[1].engine.judge = None
        outcome = workspace.handle(event("deploy", model))
    assert (outcome.decision.outcome, outcome.decision.code) == ("undecided", "policy")
    assert "TypeError" in outcome.refusal()


def test_a_policy_that_is_named_with_nothing_is_an_error(file, monkeypatch):
    monkeypatch.setenv("WEIGHTMARK_POLICY", "")
    with pytest.raises(MalformedError, match="policy is ''"):
        Configuration.load()


def test_without_a_setting_there_is_no_policy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEIGHTMARK_HOME", str(tmp_path / "home"))
    (tmp_path / "weightmark-policy.toml").write_text("broken")
    with Workspace.open() as workspace:
        assert workspace.configuration.policy is None
        assert workspace.resources.policing.current() is None
        assert workspace.resources.policing.digest == ""


def test_check_says_the_rule_the_line_and_whom_to_ask(file, model, tmp_path):
    shell = Shell(folder=tmp_path)
    shown = shell.run("check", model, code=4).stdout
    assert "acme may not deploy" in shown
    assert "the organisation policy, rule no-agpl (acme.toml:1)" in shown
    assert "Ask legal@acme.example for an exception from the rule no-agpl." in shown
    file.unlink()
    assert "policy /" in shell.run("check", model, code=5).stdout


def granted(model, tmp_path):
    """Register a closed model as Openlab's, and grant acme ten uses."""
    shell = Shell(folder=tmp_path)
    shell.run("keygen", tmp_path / "openlab.pem")
    shell.run("trust", "add", tmp_path / "openlab.pem.pub", "--identity", "openlab")
    speaker = ("--as", "openlab", "--key", f"file:{tmp_path / 'openlab.pem'}")
    shell.run("register", model, "--license", "proprietary", "--mine", *speaker)


def test_what_was_used_is_put_into_grants(file, tmp_path, monkeypatch):
    from datetime import timedelta

    from weightmark.claims import GrantClaim
    from weightmark.licensing import Capability, Entitlement, Grant
    from weightmark.workspace.lineage import works_of
    from weightmark.workspace.metering import meter

    file.write_text(RULES)
    model = write_model(tmp_path / "closed")
    granted(model, tmp_path)
    settings = Configuration.load({"party": "openlab", "signer": f"file:{tmp_path / 'openlab.pem'}"})
    with Workspace(settings) as openlab:
        owned, now = openlab.find(str(model)), openlab.clock()
        grant = Grant(
            model=owned.bundle,
            licensor="openlab",
            grantee="acme",
            capabilities=frozenset({Capability.INFER}),
            bounds=(Entitlement(name="inferences", unit="calls", limit=10),),
            start=now - timedelta(days=1),
        )
        openlab.record(owned, GrantClaim(grant=grant, issued_at=now), owner_only="grant its use")
    with Workspace.open() as acme:
        resources = acme.resources
        resources.catch_up()
        works = works_of(resources.index, acme.find(str(model)))
        (issued,) = grants_for(resources, works)
        assert issued.used == {}
        assert acme.check(str(model), Action.INFER).allowed
        monkeypatch.setattr(meter, "used", lambda resources, ids: {each: {"inferences": 10} for each in ids})
        assert acme.check(str(model), Action.INFER).code == "quota-exceeded"

        def fail(resources, ids):
            raise LedgerError("the usage file cannot be read")

        monkeypatch.setattr(meter, "used", fail)
        (issued,) = grants_for(resources, works)
        assert issued.used is None
        assert acme.check(str(model), Action.INFER).code == "usage-unknown"
