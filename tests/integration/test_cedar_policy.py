"""Cedar: the port's suite, what a policy in Cedar may say, and the same answers as our own rules give."""

import random
from datetime import UTC, datetime, timedelta
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest
from tests.workshop import Shell, write_model

from weightmark.discovery import Plugins
from weightmark.encoding import digest_bytes
from weightmark.errors import MalformedError, UnknownPluginError
from weightmark.licensing import (
    Action,
    Capability,
    Grant,
    IssuedGrant,
    Party,
    Relation,
    Request,
    Terms,
    Work,
    decide,
)
from weightmark.licensing.organisation.applying import apply_rulings
from weightmark.licensing.organisation.case import PolicyQuestion
from weightmark.licensing.organisation.policy import Weight
from weightmark.model.event import ModelEvent
from weightmark.testing.policy_engine import PolicyEngineSuite, ask
from weightmark.vocabulary import EventKind
from weightmark.workspace import Configuration, Workspace
from weightmark.workspace.policing.policy_file import TomlEngine, open_policy
from weightmark_plugins.policies.cedar import CedarEngine

pytestmark = pytest.mark.integration

TURN = datetime(2027, 1, 1, tzinfo=UTC)
TOML = b"""
[[rule]]
id = "allowed"
when = ["merge", "push"]
licences.allow = ["MIT", "Apache-2.0"]

[[rule]]
id = "commercial"
when = ["production"]
require = ["commercial-use-permitted"]

[[rule]]
id = "copyleft"
effect = "warn"
duties.deny = ["copyleft"]

[[rule]]
id = "germany"
territory.require = ["DE"]

[[rule]]
id = "known"
when = ["deploy", "embed"]
require = ["known-licence"]
unless-granted = true

[[rule]]
id = "large"
when = ["production"]
conditions.deny = ["large-user"]
[[rule.except]]
models = ["acme/*"]
until = 2027-01-01

[[rule]]
id = "no-agpl"
unknown = "allow"
licences.deny = ["AGPL-*"]

[[rule]]
id = "owner"
when = ["push"]
of = "model"
owners.allow = ["ours", "lab.example"]

[[rule]]
id = "registered"
require = ["registered"]

[[rule]]
id = "sublicense"
when = ["sublicense"]
never = true
until = 2027-01-01

[[rule]]
id = "tunable"
when = ["load"]
capabilities.require = ["fine-tune"]
"""
CEDAR = b"""
@id("allowed")
forbid (principal, action in [Action::"merge", Action::"push"], resource)
when { !resource.ours }
unless { !resource.licences.isEmpty() && ["MIT", "Apache-2.0"].containsAll(resource.licences) };

@id("commercial")
forbid (principal, action in Action::"production", resource)
when { !resource.ours && !resource.granted_commercial && !resource.commercial };

@id("copyleft") @effect("warn")
forbid (principal, action in Action::"use", resource)
when { !resource.ours && (!resource.known || resource.duties.contains("copyleft")) };

@id("germany")
forbid (principal, action in Action::"use", resource)
when { !resource.ours && (!resource.known || !(resource.worldwide || resource.territory.contains("DE"))) };

@id("known")
forbid (principal, action in [Action::"deploy", Action::"embed"], resource)
when { !resource.ours && !resource.granted && !resource.known };

@id("large")
forbid (principal, action in Action::"production", resource)
when { !resource.ours && (!resource.known || resource.conditions.contains("large-user")) }
unless {
  context.at < datetime("2027-01-01T00:00:00Z")
  && (resource.name like "acme/*" || context.model like "acme/*")
};

@id("no-agpl")
forbid (principal, action in Action::"use", resource)
when { !resource.ours && resource.license like "*AGPL-*" };

@id("owner")
forbid (principal, action == Action::"push", resource)
when { resource.relation != "parent" && !resource.ours && resource.owner != "lab.example" };

@id("registered")
forbid (principal, action in Action::"use", resource)
unless { resource.registered };

@id("sublicense")
forbid (principal, action == Action::"sublicense", resource)
when { resource.relation != "parent" && context.at < datetime("2027-01-01T00:00:00Z") };

@id("tunable")
forbid (principal, action == Action::"load", resource)
when { !resource.ours && (!resource.known || !resource.permits.contains("fine-tune")) };
"""
LICENCES = (
    *(
        "MIT",
        "apache-2.0",
        "cc-by-nc-4.0",
        "agpl-3.0",
        "AGPL-3.0-or-later",
        "llama3.1",
        "gemma",
        "cc-by-nd-4.0",
    ),
    *(
        "mit OR agpl-3.0",
        "cc-by-nc-4.0 OR agpl-3.0",
        "MIT AND Apache-2.0",
        "mit AND (cc-by-nc-4.0 OR gpl-3.0)",
    ),
    *(
        "GPL-2.0-only WITH Classpath-exception-2.0",
        "eupl-1.2",
        "other",
        "strange",
        "LicenseRef-own",
        "(",
        None,
    ),
)
GERMAN = Terms(id="LicenseRef-DE", permissions=frozenset(Capability), territory=("DE", "FR"))
FRENCH = Terms(id="LicenseRef-FR", permissions=frozenset(Capability), territory=("FR",), commercial=False)


class TestCedar(PolicyEngineSuite):
    engine = CedarEngine

    def policy(self) -> bytes:
        return b"""
@id("no-nc")
@because("We sell what we run.")
@ask("legal@acme.example")
forbid (principal, action in Action::"production", resource)
unless { resource.commercial };
"""


class TestCedarWithPermits(TestCedar):
    def policy(self) -> bytes:
        return super().policy() + b"permit (principal, action, resource);"


def opened(text: str | bytes) -> CedarEngine:
    return CedarEngine.open(Path("acme.cedar"), text if isinstance(text, bytes) else text.encode())


def random_work(dice: random.Random, position: int) -> Work:
    name = dice.choice(["acme/one", "lab/net", "x", f"n{position}"])
    relation = Relation.SELF if not position else dice.choice([Relation.PARENT, Relation.SAME_WEIGHTS])
    return Work(
        name=name,
        subject=None if dice.random() < 0.1 else digest_bytes(f"{name}{position}".encode()),
        owner=dice.choice(["lab.example", "acme.example", "ours", ""]),
        license=dice.choice(LICENCES),
        terms=dice.choice([GERMAN, FRENCH, None, None, None, None]),
        presumed=dice.random() < 0.2,
        relation=relation,
    )


def random_question(dice: random.Random) -> PolicyQuestion:
    works = tuple(random_work(dice, position) for position in range(dice.choice([0, 1, 1, 1, 2, 3])))
    party = Party(name=dice.choice(["acme.example", "bob"]), commercial=dice.random() < 0.5)
    at = TURN + timedelta(milliseconds=dice.choice([-86_400_000, -1, 0, 1]))
    request = Request(action=dice.choice(list(Action)), party=party, at=at)
    grants = [
        IssuedGrant(
            id=digest_bytes(f"grant{position}".encode()),
            grant=Grant(
                model=work.subject,
                licensor=work.owner,
                grantee=party.name,
                capabilities=frozenset(Capability),
                commercial=dice.random() < 0.5,
                start=TURN - timedelta(days=9),
            ),
        )
        for position, work in enumerate(works)
        if work.subject and work.owner and dice.random() < 0.3
    ]
    decision = decide(request, works, grants)
    return PolicyQuestion(request=request, works=works, decision=decision, grants=grants, own="acme.example")


def test_cedar_and_our_own_rules_give_the_same_answers():
    dice = random.Random(20261122)
    ours, theirs = TomlEngine.open(Path("p.toml"), TOML), opened(CEDAR)
    seen: dict[tuple[str, str], int] = {}
    for _ in range(3_000):
        question = random_question(dice)
        answers = [
            sorted(
                (ruling.weight, ruling.rule, ruling.work)
                for ruling in engine.judge(question)
                if ruling.weight in (Weight.DENY, Weight.WARN)
            )
            for engine in (ours, theirs)
        ]
        assert answers[0] == answers[1], question
        for weight, rule, _ in answers[0]:
            seen[weight, rule] = seen.get((weight, rule), 0) + 1
    denied = {rule for weight, rule in seen if weight == "deny"}
    assert denied == {line[6:-1] for line in TOML.decode().splitlines() if line.startswith("id")} - {
        "copyleft"
    }
    assert seen["warn", "copyleft"] > 100


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('forbid (principal, action, resource) when { resource.licnese == "" };', "licnese"),
        ('forbid (principal, action, resource) when { context.when == "" };', "when"),
        ('forbid (principal, action == Action::"fly", resource);', "fly"),
        ('forbid (principal, action, resource in Licence::"apach-2.0");', "apach-2.0"),
        ('@id("a") forbid (principal, action, resource in Licence::"apach-2.0");', "1: policy a: "),
        ('@id("a") forbid (principal, action, resource);' * 2, "two policies of the @id 'a'"),
        ('@effect("warn") permit (principal, action, resource);', "only a forbid can warn"),
        ("forbid (principal == ?principal, action, resource);", "templates"),
        ("forbid (principal, action, resource) when { resource.name == 1 };", ""),
        ("// nothing", "holds no policy"),
        ("forbid (principal, action, resource) when { " + "(" * 100_000, "nested deeper than 64"),
        ("forbid (", "no policy in Cedar"),
    ],
)
def test_what_a_policy_may_not_say_is_an_error_when_it_is_opened(text, message):
    with pytest.raises(MalformedError, match=rf"acme\.cedar.*{message}") as caught:
        opened(text)
    assert caught.value.hint


def test_a_typing_slip_offers_the_nearest_licence():
    with pytest.raises(MalformedError) as caught:
        opened('forbid (principal, action, resource in Licence::"apach-2.0");')
    assert "Apache-2.0" in caught.value.hint


def test_what_cannot_be_evaluated_is_refused_with_the_name_of_the_policy():
    engine = opened('@id("big") forbid (principal, action, resource) when { 9223372036854775807 + 1 == 0 };')
    (ruling,) = engine.judge(ask("mit"))
    assert (ruling.weight, ruling.rule) == (Weight.DENY, "big")
    assert "cannot be evaluated" in ruling.message
    assert "acme.cedar:1" in ruling.clause


def test_a_warning_that_cannot_be_evaluated_refuses_too():
    text = (
        '@id("w") @effect("warn") forbid (principal, action, resource) when { 9223372036854775807 + 1 == 0 };'
    )
    assert [ruling.weight for ruling in opened(text).judge(ask("mit"))] == [Weight.DENY]


def test_a_file_with_a_permit_refuses_what_no_permit_allows():
    engine = opened('permit (principal, action, resource in Licence::"MIT");')
    assert engine.judge(ask("mit")) == ()
    (ruling,) = engine.judge(ask("apache-2.0"))
    assert (ruling.weight, ruling.rule) == (Weight.DENY, "no-permit")


def test_a_permit_allows_nothing_that_the_licence_refuses():
    question = ask("proprietary")
    assert not question.decision.allowed
    rulings = opened("permit (principal, action, resource);").judge(question)
    assert apply_rulings(question.decision, rulings) == question.decision


def test_a_warning_is_a_duty_and_its_time_is_when_to_ask_again():
    engine = opened(
        '@id("w") @effect("warn") @because("Talk to us.") forbid (principal, action, resource)'
        ' when { context.at < datetime("2027-01-01T00:00:00Z") };'
    )
    question = ask("mit")
    decision = apply_rulings(question.decision, engine.judge(question))
    assert decision.allowed
    assert decision.duties[-1].id == "policy-warning"
    assert "Talk to us." in decision.duties[-1].sentence
    assert decision.until == TURN
    later = opened('forbid (principal, action, resource) when { context.at >= datetime("2027-01-01") };')
    assert apply_rulings(question.decision, later.judge(question)).until == TURN


def test_the_schema_has_every_action():
    for action in Action:
        opened(f'forbid (principal, action == Action::"{action.value}", resource);')


ENTRY = EntryPoint(name="policy-cedar", value="weightmark_plugins.policies.cedar", group="weightmark")


def test_a_cedar_file_finds_its_engine_by_its_suffix(tmp_path):
    file = tmp_path / "acme.cedar"
    file.write_bytes(CEDAR)
    plugins = Plugins([ENTRY])
    policy = open_policy(file, plugins)
    assert isinstance(policy.engine, CedarEngine)
    assert policy.digest == digest_bytes(CEDAR)
    assert ("policy", "cedar", "weightmark_plugins.policies.cedar.CedarEngine") in list(plugins.listing())
    file.rename(tmp_path / "acme.rego")
    with pytest.raises(UnknownPluginError, match=r"acme\.rego.*\.cedar, \.toml"):
        open_policy(tmp_path / "acme.rego", plugins)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEIGHTMARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WEIGHTMARK_PARTY", "acme")
    return tmp_path


def register_theirs(folder: Path, licence: str) -> Path:
    """Register a model of somebody else's, whose licence binds us."""
    model = write_model(folder / "net")
    Shell(folder=folder).run("register", model, "--license", licence)
    return model


def test_a_gate_asks_cedar_on_the_one_road(home):
    model = register_theirs(home, "agpl-3.0")
    (home / "acme.cedar").write_bytes(CEDAR)
    settings = Configuration.load({"policy": str(home / "acme.cedar")})
    others = [entry for entry in entry_points(group="weightmark") if entry.name != ENTRY.name]
    with Workspace(settings, Plugins([*others, ENTRY])) as workspace:
        outcome = workspace.handle(ModelEvent(kind=EventKind.DEPLOY, uri=str(model)))
        assert (outcome.decision.outcome, outcome.decision.code) == ("refused", "policy")
        assert "acme policy, rule no-agpl (acme.cedar:" in outcome.refusal()
        assert outcome.to_json()["policy"] == digest_bytes(CEDAR)
        (home / "acme.cedar").write_text("forbid (")
        outcome = workspace.handle(ModelEvent(kind=EventKind.DEPLOY, uri=str(model)))
        assert (outcome.decision.outcome, outcome.decision.code) == ("undecided", "policy")
        (home / "acme.cedar").write_text('forbid (principal, action, resource in Licence::"MIT");')
        assert workspace.handle(ModelEvent(kind=EventKind.DEPLOY, uri=str(model))).allowed


@pytest.mark.parametrize("times", [100, 5_000, 60_000])
@pytest.mark.parametrize(
    "part", ["(", "[", "{", "!", "1 + ", "true && ", "if true then ", "resource.", "-", "a == "]
)
def test_what_is_nested_deeply_is_an_error_and_ends_no_process(part, times):
    with pytest.raises(MalformedError):
        opened("forbid (principal, action, resource) when { " + part * times + "1 };")


@pytest.mark.parametrize("seed", range(40))
def test_damaged_policies_are_an_error_or_a_policy(seed):
    dice = random.Random(seed)
    data = bytearray(CEDAR)
    for _ in range(dice.randrange(1, 6)):
        place = dice.randrange(len(data))
        data[place : place + dice.randrange(3)] = dice.choice(
            [b"", b'"', b"}", b"\xff", b"resource", b"@id", b";"]
        )
    try:
        engine = opened(bytes(data))
    except MalformedError as error:
        assert "acme.cedar" in error.message
    else:
        assert all(ruling.clause for ruling in engine.judge(ask("agpl-3.0")))
