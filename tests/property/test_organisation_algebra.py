"""Policies take away and never give; what a rule denies stays denied; the order of rules does not matter."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from weightmark.encoding import digest_bytes
from weightmark.licensing import (
    Action,
    Capability,
    Grant,
    IssuedGrant,
    Judge,
    OrganisationPolicy,
    Party,
    PolicyQuestion,
    Relation,
    Request,
    Work,
    decide,
)
from weightmark.licensing.organisation.applying import apply_rulings
from weightmark.licensing.organisation.pattern import Choosing, Pattern
from weightmark.licensing.organisation.policy import Effect, Exemption, Need, Rule, Span, Weight
from weightmark.licensing.window import Window

AT = datetime(2026, 11, 22, tzinfo=UTC)
RANK = {"refused": 0, "undecided": 1, "allowed": 2}
LICENCES = ("MIT", "Apache-2.0", "cc-by-nc-4.0", "agpl-3.0", "mit OR agpl-3.0", "llama3.1", "strange", None)
moments = st.integers(-3, 3).map(lambda days: AT + timedelta(days=days))
names = st.sampled_from(["lab", "acme", "ours", "x*", "*", "net"])
patterns = st.lists(names.map(lambda text: Pattern(text=text)), max_size=2).map(tuple)
licences = st.sampled_from(["MIT", "AGPL-*", "CC-BY-*", "*", "llama*"])
choosing = st.builds(Choosing, allow=patterns, deny=patterns)
some_licences = st.lists(licences.map(lambda text: Pattern(text=text, folded=True)), max_size=2).map(tuple)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    start = draw(st.none() | moments)
    end = draw(st.none() | moments)
    return Window(start=start, end=end if end is None or start is None or start < end else None)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    return Rule(
        id=draw(st.sampled_from("abcdefgh")),
        actions=draw(st.frozensets(st.sampled_from(list(Action)), min_size=5)),
        span=draw(st.sampled_from(Span)),
        licences=Choosing(allow=draw(some_licences), deny=draw(some_licences)),
        owners=draw(choosing),
        models=draw(choosing),
        duties=draw(st.frozensets(st.sampled_from(["copyleft", "attribution"]), max_size=1)),
        needs=draw(st.frozensets(st.sampled_from(Need), max_size=2)),
        never=draw(st.integers(0, 9)) == 0,
        granted=draw(st.booleans()),
        unknown=draw(st.booleans()),
        effect=draw(st.sampled_from(Effect)),
        window=draw(windows()),
        exemptions=tuple(
            Exemption(models=draw(patterns), owners=draw(patterns), window=draw(windows()))
            for _ in range(draw(st.integers(0, 2)))
        ),
    )


@st.composite
def policies(draw: st.DrawFn) -> OrganisationPolicy:
    listed = {rule.id: rule for rule in draw(st.lists(rules(), max_size=5))}
    return OrganisationPolicy(name="acme", file="p.toml", rules=tuple(listed.values()))


@st.composite
def questions(draw: st.DrawFn) -> PolicyQuestion:
    works = tuple(
        Work(
            name=draw(st.sampled_from(["net", "base", "x1"])),
            subject=draw(st.sampled_from([None, digest_bytes(b"1"), digest_bytes(b"2")])),
            owner=draw(st.sampled_from(["lab", "acme", "ours", ""])),
            license=draw(st.sampled_from(LICENCES)),
            presumed=draw(st.booleans()),
            relation=Relation.PARENT if position else Relation.SELF,
        )
        for position in range(draw(st.integers(0, 3)))
    )
    party = Party(name=draw(st.sampled_from(["acme", "bob"])), commercial=draw(st.booleans()))
    request = Request(action=draw(st.sampled_from(list(Action))), party=party, at=draw(moments))
    grants = [
        IssuedGrant(
            id=digest_bytes(work.name.encode()),
            grant=Grant(
                model=work.subject,
                licensor=work.owner,
                grantee=party.name,
                capabilities=frozenset(Capability),
                commercial=draw(st.booleans()),
                start=AT - timedelta(days=9),
            ),
        )
        for work in works
        if work.subject and work.owner and draw(st.booleans())
    ]
    decision = decide(request, works, grants)
    return PolicyQuestion(request=request, works=works, decision=decision, grants=grants, own="acme")


@given(policies(), questions())
def test_a_policy_never_allows_more(policy, question):
    before, after = question.decision, apply_rulings(question.decision, Judge(policy).judge(question))
    assert RANK[after.outcome] <= RANK[before.outcome]
    assert set(before.reasons) <= set(after.reasons)
    assert after.grant == before.grant
    if after.allowed:
        assert set(before.duties) <= set(after.duties)
        assert after.code == before.code
    if before.until is not None:
        assert after.until is not None
        assert after.until <= before.until


@given(policies(), questions(), rules())
def test_one_more_rule_never_allows_more(policy, question, rule):
    wider = OrganisationPolicy(
        name="acme", rules=(*(each for each in policy.rules if each.id != rule.id), rule)
    )
    fewer = OrganisationPolicy(name="acme", rules=wider.rules[:-1])
    answers = [apply_rulings(question.decision, Judge(each).judge(question)) for each in (fewer, wider)]
    assert RANK[answers[1].outcome] <= RANK[answers[0].outcome]


@given(policies(), questions(), st.randoms(use_true_random=False))
def test_the_order_of_rules_does_not_matter(policy, question, dice):
    shuffled = list(policy.rules)
    dice.shuffle(shuffled)
    other = OrganisationPolicy(name="acme", file="p.toml", rules=tuple(shuffled))
    rulings = Judge(policy).judge(question)
    assert Judge(other).judge(question) == rulings
    mixed = list(rulings)
    dice.shuffle(mixed)
    assert apply_rulings(question.decision, mixed) == apply_rulings(question.decision, rulings)


@given(policies(), questions())
def test_a_denial_refuses_whatever_else_is_said(policy, question):
    rulings = Judge(policy).judge(question)
    denied = any(ruling.weight is Weight.DENY for ruling in rulings)
    after = apply_rulings(question.decision, rulings)
    assert (after.outcome == "refused") is (denied or question.decision.outcome == "refused")
    assert denied is any(reason.code == "policy" for reason in after.reasons)


@given(policies(), st.lists(questions(), max_size=4))
def test_what_was_asked_before_changes_no_answer(policy, asked):
    judge = Judge(policy)
    first = [judge.judge(question) for question in asked]
    assert [judge.judge(question) for question in reversed(asked)] == first[::-1]
    assert [Judge(policy).judge(question) for question in asked] == first


@given(policies(), questions())
def test_nothing_changes_before_until(policy, question):
    judge = Judge(policy)
    works, grants, request = question.works, question.grants, question.request

    def answer(at: datetime) -> str:
        later = Request(action=request.action, party=request.party, at=at)
        decision = decide(later, works, grants)
        asked = PolicyQuestion(request=later, works=works, decision=decision, grants=grants, own="acme")
        return apply_rulings(decision, judge.judge(asked)).outcome

    found = apply_rulings(question.decision, judge.judge(question))
    for hours in range(12, 24 * 8, 12):
        at = request.at + timedelta(hours=hours)
        if found.until is None or at < found.until:
            assert answer(at) == found.outcome
