"""What an organisation's rules say of a model: each demand, exceptions, times, choices, and who is ours."""

from datetime import UTC, datetime, timedelta

import pytest

from weightmark.encoding import digest_bytes
from weightmark.licensing import (
    Action,
    Capability,
    Decision,
    Grant,
    IssuedGrant,
    Judge,
    OrganisationPolicy,
    Party,
    PolicyQuestion,
    Relation,
    Request,
    Terms,
    Work,
    decide,
    read_policy,
)
from weightmark.licensing.organisation.applying import apply_rulings, leave_undecided
from weightmark.licensing.organisation.barring import against

AT = datetime(2026, 11, 22, tzinfo=UTC)
DAY = timedelta(days=1)
SUBJECT = digest_bytes(b"net")


def policy(rules: str, top: str = "") -> OrganisationPolicy:
    return read_policy(f'name = "acme"\n{top}\n{rules}'.encode(), file="p.toml")


def rule(body: str, top: str = "") -> OrganisationPolicy:
    return policy(f'[[rule]]\nid = "r"\n{body}', top)


def work(name: str = "lab/net", license: str | None = "mit", owner: str = "lab", **change: object) -> Work:
    return Work(**{"name": name, "subject": SUBJECT, "owner": owner, "license": license} | change)


def ask(
    rules: OrganisationPolicy,
    *works: Work,
    action: str = "deploy",
    at: datetime = AT,
    grants: tuple[IssuedGrant, ...] = (),
    commercial: bool = False,
) -> Decision:
    request = Request(action=Action(action), party=Party(name="acme", commercial=commercial), at=at)
    decision = decide(request, works, grants)
    question = PolicyQuestion(request=request, works=works, decision=decision, grants=grants, own="acme")
    return apply_rulings(decision, Judge(rules).judge(question))


def said(decision: Decision) -> str:
    if decision.allowed:
        return "warned" if any(duty.id == "policy-warning" for duty in decision.duties) else "allowed"
    return "denied" if decision.code == "policy" else decision.code


@pytest.mark.parametrize(
    ("body", "change", "answer"),
    [
        ('require = ["commercial-use-permitted"]', {"license": "cc-by-nc-4.0"}, "denied"),
        ('require = ["commercial-use-permitted"]', {"license": "mit"}, "allowed"),
        ('require = ["known-licence"]', {"license": "mit"}, "allowed"),
        ('licences.deny = ["CC-BY-NC-*"]', {"license": "cc-by-nc-sa-4.0"}, "denied"),
        ('licences.deny = ["llama*"]', {"license": "llama3.1"}, "denied"),
        ('licences.deny = ["GPL-2.0"]', {"license": "GPL-2.0-only WITH Classpath-exception-2.0"}, "denied"),
        ('licences.allow = ["gpl-2.0"]', {"license": "GPL-2.0-only WITH Classpath-exception-2.0"}, "allowed"),
        ('licences.allow = ["MIT", "apache-2.0"]', {"license": "Apache-2.0"}, "allowed"),
        ('licences.allow = ["MIT"]', {"license": "Apache-2.0"}, "denied"),
        ('licences.allow = ["MIT"]', {"license": "Apache-2.0 OR MIT"}, "warned"),
        ('licences.allow = ["MIT"]', {"license": "Apache-2.0 AND MIT"}, "denied"),
        ('owners.allow = ["lab"]', {"owner": "lab"}, "allowed"),
        ('owners.allow = ["ours"]', {"owner": "lab"}, "denied"),
        ('owners.allow = ["ours"]', {"owner": "acme"}, "allowed"),
        ('owners.allow = ["ours"]', {"owner": "acme", "presumed": True}, "denied"),
        ('owners.allow = ["ours"]', {"owner": "ours"}, "denied"),
        ('owners.deny = ["ours"]', {"owner": "acme"}, "denied"),
        ('owners.deny = ["l*b"]', {"owner": "lab"}, "denied"),
        ('owners.deny = ["bad"]\nunknown = "allow"', {"owner": ""}, "allowed"),
        ('owners.deny = ["bad"]', {"owner": ""}, "denied"),
        ('models.deny = ["lab/*"]', {}, "denied"),
        ('models.allow = ["other/*"]', {}, "denied"),
        (f'models.allow = ["{SUBJECT}"]', {}, "allowed"),
        ('duties.deny = ["copyleft"]', {"license": "gpl-3.0"}, "denied"),
        ('duties.deny = ["network-copyleft"]', {"license": "gpl-3.0"}, "allowed"),
        ('duties.deny = ["network-copyleft"]', {"license": "agpl-3.0"}, "denied"),
        ('conditions.deny = ["large-user"]', {"license": "llama3.1"}, "denied"),
        ('capabilities.require = ["fine-tune"]', {"license": "cc-by-nd-4.0"}, "allowed"),
        ('territory.require = ["DE"]', {"license": "mit"}, "allowed"),
        ("never = true", {}, "denied"),
        ('never = true\nwhen = ["push"]', {}, "allowed"),
        ('never = true\neffect = "warn"', {}, "warned"),
        ("never = true\nuntil = 2026-11-22", {}, "allowed"),
        ("never = true\nfrom = 2026-11-23", {}, "warned"),
        ('when = ["recording"]\nnever = true', {}, "allowed"),
        ('require = ["registered"]', {}, "allowed"),
        ('licences.deny = ["AGPL-*"]\nlicences.allow = ["*GPL-*"]', {"license": "agpl-3.0"}, "denied"),
    ],
)
def test_each_demand_answers(body, change, answer):
    assert said(ask(rule(body), work(**change))) == answer


@pytest.mark.parametrize("licence", [None, "other", "nobody-knows", "(", "LicenseRef-own"])
@pytest.mark.parametrize(
    "body",
    [
        'licences.deny = ["AGPL-*"]',
        'licences.allow = ["MIT"]',
        'duties.deny = ["copyleft"]',
        'require = ["commercial-use-permitted"]',
        'territory.require = ["DE"]',
    ],
)
def test_what_cannot_be_known_denies_unless_the_rule_lets_it_pass(body, licence):
    assert said(ask(rule(body), work(license=licence))) == "denied"
    assert said(ask(rule(f'{body}\nunknown = "allow"'), work(license=licence))) != "denied"
    assert said(ask(rule(body, 'unknown = "allow"'), work(license=licence))) != "denied"


def test_a_licence_without_rules_is_known_by_its_name():
    assert ask(rule('licences.deny = ["AGPL-*"]'), work(license="eupl-1.2")).code == "unknown-licence"
    assert said(ask(rule('licences.deny = ["EUPL-*"]'), work(license="eupl-1.2"))) == "denied"


def test_no_licence_binds_us_where_a_model_is_ours():
    ours = work(owner="acme", license=None)
    assert said(ask(rule('licences.allow = ["MIT"]'), ours)) == "allowed"
    assert said(ask(rule('licences.allow = ["MIT"]', 'ours = ["acme.example"]'), ours)) == "denied"


def test_the_whole_lineage_is_judged_or_the_model_alone():
    works = work(), work("base", "agpl-3.0", relation=Relation.PARENT)
    decision = ask(rule('licences.deny = ["AGPL-*"]'), *works)
    assert (said(decision), decision.reasons[0].work) == ("denied", "base")
    assert said(ask(rule('of = "model"\nlicences.deny = ["AGPL-*"]'), *works)) == "allowed"
    twin = work("old", "agpl-3.0", relation=Relation.SAME_WEIGHTS)
    assert said(ask(rule('of = "model"\nlicences.deny = ["AGPL-*"]'), work(), twin)) == "denied"


def test_a_model_that_is_not_registered_is_denied_by_what_it_cannot_show():
    for body in ('require = ["registered"]', 'licences.deny = ["AGPL-*"]', 'owners.allow = ["ours"]'):
        assert said(ask(rule(body))) == "denied"
    assert ask(rule('licences.deny = ["AGPL-*"]\nunknown = "allow"')).code == "not-registered"


def grant(*, commercial: bool = True, name: str = "1", terms: str = "") -> IssuedGrant:
    held = Grant(
        model=SUBJECT,
        licensor="lab",
        grantee="acme",
        capabilities=frozenset(Capability),
        commercial=commercial,
        start=AT - DAY,
        terms=terms,
    )
    return IssuedGrant(id=digest_bytes(name.encode()), grant=held)


def test_a_grant_permits_commercial_use_and_stands_for_the_licence_where_a_rule_says_so():
    closed = work(license="cc-by-nc-4.0")
    needs = rule('require = ["commercial-use-permitted"]')
    assert said(ask(needs, closed)) == "denied"
    assert said(ask(needs, closed, grants=(grant(),))) == "allowed"
    assert said(ask(needs, closed, grants=(grant(commercial=False),))) == "denied"
    listed = 'licences.allow = ["MIT"]'
    assert said(ask(rule(listed), closed, grants=(grant(),))) == "denied"
    assert said(ask(rule(f"{listed}\nunless-granted = true"), closed, grants=(grant(),))) == "allowed"


def test_a_grant_for_one_work_does_not_stand_for_another_of_the_same_name():
    other = work(license="cc-by-nc-4.0", subject=digest_bytes(b"other"), relation=Relation.PARENT)
    needs = rule('require = ["commercial-use-permitted"]')
    assert said(ask(needs, work(license="cc-by-nc-4.0"), other, grants=(grant(),))) == "denied"


def test_a_choice_is_made_once_for_all_rules():
    both = policy(
        '[[rule]]\nid = "a"\nlicences.deny = ["MIT"]\n[[rule]]\nid = "b"\nlicences.deny = ["AGPL-*"]'
    )
    assert said(ask(both, work(license="mit OR agpl-3.0"))) == "denied"
    assert said(ask(both, work(license="mit OR apache-2.0"))) == "warned"


def test_only_a_licence_that_permits_the_use_is_chosen():
    rules = rule('licences.deny = ["AGPL-*"]')
    decision = ask(rules, work(license="cc-by-nc-4.0 OR agpl-3.0"), commercial=True)
    assert said(decision) == "denied"
    assert said(ask(rules, work(license="cc-by-nc-4.0 OR agpl-3.0"))) == "warned"


def test_the_licence_that_the_policy_accepts_is_named():
    duties = ask(rule('licences.deny = ["MIT"]'), work(license="mit OR apache-2.0")).duties
    assert "the policy accepts Apache-2.0: keep to its duties" in duties[-1].sentence


EXCEPTED = """
never = true
because = "Too old."
ask = "legal@acme"
[[rule.except]]
models = ["lab/*"]
owners = ["lab"]
when = ["deploy"]
from = 2026-11-20
until = 2026-12-01T12:00:00+01:00
because = "It is replaced."
"""


def test_an_exception_lets_pass_until_it_ends_and_says_so():
    end = datetime(2026, 12, 1, 11, tzinfo=UTC)
    decision = ask(rule(EXCEPTED), work())
    assert decision.allowed
    assert (decision.duties[-1].id, decision.until) == ("policy-exemption", end)
    assert "It is replaced." in decision.duties[-1].sentence
    assert decision.duties[-1].clause == "acme policy, rule r (p.toml:9)"
    for at, answer in (
        (end - timedelta(seconds=1), True),
        (end, False),
        (AT - 2 * DAY, True),
        (AT - 3 * DAY, False),
    ):
        assert ask(rule(EXCEPTED), work(), at=at).allowed is answer
    early = ask(rule(EXCEPTED), work(), at=AT - 3 * DAY)
    assert early.until == AT - 2 * DAY
    assert not ask(rule(EXCEPTED), work("other")).allowed
    assert not ask(rule(EXCEPTED), work(owner="x")).allowed
    assert not ask(rule(EXCEPTED), work(), action="infer").allowed


def test_an_exception_for_a_model_covers_what_it_stands_on():
    rules = rule('licences.deny = ["AGPL-*"]\n[[rule.except]]\nmodels = ["acme/net"]\nuntil = 2027-01-01')
    base = work("base", "agpl-3.0", relation=Relation.PARENT, subject=digest_bytes(b"base"))
    assert ask(rules, work("acme/net"), base).allowed
    assert ask(rules, work("acme/other"), base).code == "policy"


def test_a_refusal_says_the_rule_the_place_and_whom_to_ask():
    decision = ask(rule('never = true\nbecause = "Too old."\nask = "legal@acme"'), work())
    first, second = decision.reasons
    assert (first.code, first.work) == ("policy", "lab/net")
    assert first.message == "'lab/net' is barred: nobody may deploy anything: Too old."
    assert first.clause == "acme policy, rule r (p.toml:3)"
    assert first.hint == "Ask legal@acme for an exception from the rule r."
    assert second.code == "permitted-by-licence"
    assert (decision.outcome, decision.duties) == ("refused", ())


def test_what_the_licence_refuses_keeps_its_reason_and_gains_the_policys():
    decision = ask(rule("never = true"), work(license="proprietary"))
    assert decision.code == "not-permitted"
    assert [reason.code for reason in decision.reasons] == ["not-permitted", "policy"]


def test_what_is_undecided_becomes_a_refusal():
    decision = ask(rule("never = true"), work(license=None))
    assert (decision.outcome, decision.code) == ("refused", "policy")
    assert decision.reasons[-1].code == "no-licence"


def test_a_policy_that_cannot_be_asked_leaves_it_undecided_and_no_gate_lets_it_pass():
    allowed = ask(rule("never = true"), work(), action="push")
    decision = leave_undecided(
        ask(rule('never = true\nwhen = ["push"]'), work()), "Broken.", "Mend it.", "p.toml"
    )
    assert (decision.outcome, decision.code, decision.duties) == ("undecided", "policy", ())
    assert against(decision) == decision
    refused = leave_undecided(
        ask(rule('never = true\nwhen = ["push"]'), work(license="proprietary")), "B.", "", ""
    )
    assert refused.code == "not-permitted"
    assert [reason.code for reason in against(refused).reasons] == ["policy", "not-permitted"]
    assert against(ask(rule('never = true\nwhen = ["push"]'), work())) is None
    assert against(allowed).code == "policy"


def test_terms_of_ones_own_are_weighed_like_a_template():
    own = Terms(id="LicenseRef-x", permissions=frozenset(Capability), territory=("FR",), commercial=False)
    assert said(ask(rule('territory.require = ["FR"]'), work(terms=own))) == "allowed"
    assert said(ask(rule('territory.require = ["FR", "DE"]'), work(terms=own))) == "denied"
    assert said(ask(rule('licences.deny = ["LicenseRef-*"]'), work(terms=own))) == "denied"
    assert said(ask(rule('require = ["commercial-use-permitted"]'), work(terms=own))) == "denied"


def test_names_of_strangers_are_shown_safely():
    decision = ask(rule("never = true"), work("a\x1b[2J\n"))
    assert decision.reasons[0].message.isprintable()


def test_an_expression_of_too_many_choices_cannot_be_known():
    many = " AND ".join(f"(mit OR apache-2.0 OR bsd-{count}-clause)" for count in (2, 3) * 4)
    assert said(ask(rule('licences.deny = ["AGPL-*"]'), work(license=many))) == "denied"
