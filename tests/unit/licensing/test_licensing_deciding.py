from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from weightmark.encoding import Digest
from weightmark.licensing import (
    Action,
    Capability,
    Duty,
    Entitlement,
    FailMode,
    Grant,
    GrantState,
    IssuedGrant,
    Outcome,
    Party,
    ReasonCode,
    Relation,
    Request,
    Terms,
    Tier,
    Work,
    decide,
)

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)
CALLS = Entitlement(name="calls", unit="requests", limit=10, overage=5)


def digest(mark: str) -> Digest:
    return Digest("sha256:" + mark * 64)


def work(mark: str = "a", **changes) -> Work:
    defaults = {
        "name": f"lab/{mark}",
        "subject": digest(mark),
        "owner": "lab.example",
        "license": "cc-by-nc-4.0",
    }
    return Work(**(defaults | changes))


def request(action: str = "deploy", **changes) -> Request:
    defaults = {"action": Action(action), "party": Party(name="acme.example", commercial=True), "at": AT}
    return Request(**(defaults | changes))


def issued(mark: str = "a", *, id: str = "sha256:grant", revoked_at=None, **changes) -> IssuedGrant:
    defaults = {
        "model": digest(mark),
        "licensor": "lab.example",
        "grantee": "acme.example",
        "tier": Tier.INFERENCE,
        "start": AT - DAY,
        "end": AT + DAY,
    }
    return IssuedGrant(id=id, grant=Grant(**(defaults | changes)), revoked_at=revoked_at)


def verdict(decision):
    return decision.outcome, decision.code


def test_a_grant_opens_what_the_licence_closes():
    decision = decide(request(), [work()], [issued()])
    assert verdict(decision) == (Outcome.ALLOWED, ReasonCode.GRANTED)
    assert decision.grant == "sha256:grant"
    assert decision.until == AT + DAY
    assert [duty.id for duty in decision.duties][:1] == ["attribution"]


def test_a_grant_with_terms_of_its_own_replaces_the_duties_of_the_licence():
    decision = decide(request(), [work()], [issued(terms="sha256:terms")])
    assert [duty.id for duty in decision.duties] == ["grant-terms"]


def test_a_grant_for_the_weights_counts():
    grant = issued("w")
    assert not decide(request(), [work()], [grant]).allowed
    assert decide(request(), [work(weights=digest("w"))], [grant]).allowed


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"grantee": "other.example"}, "non-commercial"),
        ({"model": digest("f")}, "non-commercial"),
        ({"licensor": "mallory.example"}, "non-commercial"),
        ({"tier": Tier.METADATA}, "non-commercial"),
        ({"commercial": False}, "non-commercial"),
        ({"purposes": frozenset({"research"})}, "purpose-not-granted"),
        ({"end": AT}, "grant-expired"),
        ({"start": AT + INSTANT}, "grant-not-yet-valid"),
        ({"revoked_at": AT}, "grant-revoked"),
        ({"bounds": (Entitlement(name="calls", unit="requests", limit=0),)}, "quota-exceeded"),
    ],
)
def test_a_grant_that_does_not_fit_opens_nothing(change, code):
    decision = decide(request(), [work()], [issued(**change)])
    assert verdict(decision) == ("refused", code)
    assert "non-commercial" in {reason.code for reason in decision.reasons}
    assert decision.duties == ()


def test_a_grant_from_a_stranger_is_named():
    decision = decide(request(), [work()], [issued(licensor="mallory.example")])
    assert [reason.code for reason in decision.reasons] == ["non-commercial", "grant-not-from-owner"]
    assert decision.grant is None


def test_an_earlier_owners_grant_counts_when_it_is_said_so():
    sold = work(owner="buyer.example", licensors=frozenset({"lab.example"}))
    assert decide(request(), [sold], [issued()]).allowed


def test_nobody_grants_for_a_work_without_an_owner():
    assert not decide(request(), [work(owner="")], [issued()]).allowed


def test_a_party_without_a_name_owns_nothing():
    nobody = request(party=Party(name="", commercial=False))
    assert not decide(nobody, [work(owner="", license="proprietary")]).allowed


def test_the_window_is_half_open_to_the_microsecond():
    start, end = AT, AT + DAY
    grant = [issued(start=start, end=end)]
    allowed = {
        at: decide(request(at=at), [work()], grant).allowed
        for at in (start - INSTANT, start, end - INSTANT, end, end + INSTANT)
    }
    assert list(allowed.values()) == [False, True, True, False, False]


def test_grace_allows_with_the_duty_to_renew_and_then_ends():
    grant = [issued(end=AT, grace_days=2)]
    decision = decide(request(at=AT), [work()], grant)
    assert verdict(decision) == ("allowed", "grace")
    assert decision.duties[-1].id == "renew"
    assert decision.until == AT + 2 * DAY
    assert decide(request(at=AT + 2 * DAY - INSTANT), [work()], grant).code == "grace"
    assert verdict(decide(request(at=AT + 2 * DAY), [work()], grant)) == ("refused", "grant-expired")


def test_a_grant_that_holds_is_taken_before_one_in_grace():
    grants = [issued(id="sha256:1", end=AT, grace_days=9), issued(id="sha256:2")]
    assert decide(request(), [work()], grants).grant == "sha256:2"
    assert decide(request(), [work()], grants[::-1]).grant == "sha256:2"


def test_a_revocation_to_come_is_when_to_ask_again():
    grant = [issued(revoked_at=AT + INSTANT)]
    decision = decide(request(), [work()], grant)
    assert decision.allowed
    assert decision.until == AT + INSTANT
    assert decide(request(at=AT + INSTANT), [work()], grant).code == "grant-revoked"


@pytest.mark.parametrize(
    ("used", "outcome", "code", "owes"),
    [
        (9, "allowed", "granted", False),
        (10, "allowed", "granted", True),
        (14, "allowed", "granted", True),
        (15, "refused", "quota-exceeded", False),
    ],
)
def test_quota_then_overage_then_nothing(used, outcome, code, owes):
    decision = decide(request(usage={"calls": used}), [work()], [issued(bounds=(CALLS,))])
    assert verdict(decision) == (outcome, code)
    assert ("pay-overage" in {duty.id for duty in decision.duties}) is owes


def test_looking_uses_no_quota():
    views = issued(bounds=(CALLS,), tier=Tier.FULL)
    closed = work(license="proprietary")
    assert decide(request("view-metadata", usage={"calls": 99}), [closed], [views]).allowed


@pytest.mark.parametrize(
    ("mode", "action", "outcome", "code"),
    [
        (FailMode.CLOSED, "deploy", "undecided", "usage-unknown"),
        (FailMode.OPEN_AND_LOG, "deploy", "allowed", "granted"),
        (FailMode.DEGRADE, "deploy", "undecided", "usage-unknown"),
        (FailMode.DEGRADE, "infer", "undecided", "usage-unknown"),
    ],
)
def test_the_fail_mode_decides_when_use_is_not_known(mode, action, outcome, code):
    decision = decide(request(action, usage=None), [work()], [issued(bounds=(CALLS,), fail_mode=mode)])
    assert verdict(decision) == (outcome, code)
    assert ("log-use" in {duty.id for duty in decision.duties}) is (mode is FailMode.OPEN_AND_LOG)


def test_degrading_leaves_the_smaller_tier():
    grant = issued(bounds=(CALLS,), fail_mode=FailMode.DEGRADE, tier=Tier.FULL, degrade_to=Tier.INFERENCE)
    assert decide(request("deploy", usage=None), [work()], [grant]).allowed
    assert not decide(request("fine-tune", usage=None), [work()], [grant]).allowed


def test_a_purpose_that_is_granted():
    grant = issued(purposes=frozenset({"research"}))
    assert decide(request(purpose="research"), [work()], [grant]).allowed
    assert "research" in decide(request(), [work()], [grant]).reasons[0].hint


def test_every_ancestor_must_allow():
    model = work("a", owner="acme.example", license=None)
    parents = [work("b", license="MIT"), work("c", relation=Relation.PARENT)]
    assert decide(request(), [model, parents[0]]).allowed
    decision = decide(request(), [model, *parents])
    assert verdict(decision) == ("refused", "non-commercial")
    assert [reason.work for reason in decision.reasons] == ["lab/c"]
    assert decide(request(), [model, *parents], [issued("c")]).allowed


def test_the_first_registration_of_the_same_weights_must_allow():
    copy = work("a", owner="acme.example", license="MIT")
    first = work("b", relation=Relation.SAME_WEIGHTS, license="proprietary")
    assert verdict(decide(request(), [copy, first])) == ("refused", "not-permitted")


def test_a_refusal_wins_over_the_unknown_and_all_reasons_are_given():
    decision = decide(request(), [work("a", license="gfdl"), work("b"), work("c", license=None)])
    assert verdict(decision) == ("refused", "non-commercial")
    assert [reason.code for reason in decision.reasons] == ["non-commercial", "unknown-licence", "no-licence"]


def test_one_unknown_leaves_it_undecided():
    decision = decide(request(), [work("a", license="MIT"), work("b", license=None)])
    assert verdict(decision) == ("undecided", "no-licence")


def test_a_grant_settles_what_no_licence_says():
    assert decide(request(), [work(license=None)], [issued()]).allowed


def test_a_revoked_grant_leaves_it_as_if_nothing_was_granted():
    decision = decide(request(), [work(license=None)], [issued(revoked_at=AT)])
    assert verdict(decision) == ("undecided", "no-licence")
    assert decision.reasons[-1].code == "grant-revoked"


def test_the_owner_may_whatever_the_licence_says():
    mine = work(owner="acme.example", license="proprietary")
    assert verdict(decide(request(), [mine])) == ("allowed", "owner")
    assert decide(request("register"), [mine]).duties == ()


def test_no_work_is_no_registered_model():
    assert verdict(decide(request(), [])) == ("undecided", "not-registered")


def test_duties_of_all_works_come_once_and_in_order():
    works = [work("a", license="Apache-2.0"), work("b", license="MIT"), work("c", license="apache-2.0")]
    duties = decide(request(), works).duties
    assert [duty.clause.split()[0] for duty in duties] == ["Apache-2.0"] * 4 + ["MIT"] * 2


def test_own_terms_are_weighed_instead_of_the_licence():
    terms = Terms(
        id="LicenseRef-Ours",
        permissions=frozenset({Capability.INFER}),
        start=AT,
        end=AT + DAY,
        bounds=(CALLS,),
        duties=(Duty(id="attribution", sentence="Name us.", clause="LicenseRef-Ours 1"),),
    )
    ours = work(license="MIT", terms=terms)
    assert decide(request(), [ours]).until == AT + DAY
    assert decide(request(usage={"calls": 12}), [ours]).duties[-1].id == "pay-overage"
    assert verdict(decide(request("push"), [ours])) == ("refused", "not-permitted")
    assert verdict(decide(request(at=AT - INSTANT), [ours])) == ("refused", "licence-not-yet-valid")
    assert verdict(decide(request(at=AT + DAY), [ours])) == ("refused", "licence-expired")
    assert verdict(decide(request(usage={"calls": 15}), [ours])) == ("refused", "quota-exceeded")
    assert verdict(decide(request(usage=None), [ours])) == ("undecided", "usage-unknown")


def test_forbidding_derivatives_has_a_code_of_its_own():
    terms = Terms(
        id="LicenseRef-ND", permissions=frozenset(Capability), prohibitions=frozenset({Capability.FINE_TUNE})
    )
    assert decide(request("fine-tune"), [work(terms=terms)]).code == "no-derivatives"
    assert decide(request("merge"), [work(terms=terms)]).allowed


def test_names_of_strangers_are_safe_to_print_and_to_paste():
    nasty = work(name="a\x1b[2J; rm -rf ~", owner="x\n")
    reason = decide(request(), [nasty]).reasons[0]
    assert reason.message.isprintable()
    assert reason.hint.isprintable()
    assert "'a\\x1b[2J; rm -rf ~'" in reason.hint


@pytest.mark.parametrize(
    ("licence", "outcome", "code"),
    [
        ("MIT AND cc-by-nc-4.0", "refused", "non-commercial"),
        ("MIT OR cc-by-nc-4.0", "allowed", "permitted-by-licence"),
        ("MIT AND gfdl", "undecided", "unknown-licence"),
        ("cc-by-nc-4.0 AND gfdl", "refused", "non-commercial"),
        ("cc-by-nc-4.0 OR gfdl", "undecided", "unknown-licence"),
        ("gfdl OR MIT", "allowed", "permitted-by-licence"),
        ("(cc-by-nc-4.0 OR Apache-2.0) AND (MIT OR gpl-3.0)", "allowed", "permitted-by-licence"),
        ("GPL-3.0-only WITH GCC-exception-3.1", "allowed", "permitted-by-licence"),
    ],
)
def test_expressions(licence, outcome, code):
    assert verdict(decide(request(), [work(license=licence)])) == (outcome, code)


def test_of_a_choice_the_licence_that_demands_least_is_taken():
    for licence in ("gpl-3.0 OR MIT", "MIT OR gpl-3.0"):
        for action in ("deploy", "register"):
            duties = decide(request(action), [work(license=licence)]).duties
            assert {duty.clause.split()[0] for duty in duties} == {"MIT"}


def test_an_exception_is_named():
    decision = decide(request(), [work(license="GPL-3.0-only WITH Bison-exception-2.2")])
    assert "Bison-exception-2.2 is not weighed" in decision.reasons[0].message


def edition(changes=None, **kept) -> IssuedGrant:
    return replace(issued(**(changes or {})), **kept)


def test_only_the_edition_of_the_moment_counts():
    wide, narrow = edition(until=AT), edition({"tier": Tier.METADATA}, since=AT)
    before = decide(request(at=AT - INSTANT), [work()], [narrow, wide])
    assert (before.code, before.until) == ("granted", AT)
    after = decide(request(at=AT), [work()], [narrow, wide])
    assert [reason.code for reason in after.reasons] == ["non-commercial", "grant-too-narrow"]
    assert decide(request(at=AT - INSTANT), [work()], [narrow]).until == AT


def test_an_assignment_moves_the_grant_to_the_second():
    mine, theirs = edition(until=AT), edition({"grantee": "other.example"}, since=AT)
    other = Party(name="other.example", commercial=True)
    for at, allowed in ((AT - INSTANT, (True, False)), (AT, (False, True))):
        found = (
            decide(request(at=at), [work()], [mine, theirs]).allowed,
            decide(request(at=at, party=other), [work()], [mine, theirs]).allowed,
        )
        assert found == allowed


def test_what_was_used_under_the_grant_stands_in_place_of_the_requests():
    bounded = {"bounds": (CALLS,)}
    assert decide(request(usage={"calls": 99}), [work()], [edition(bounded, used={"calls": 4})]).left == {
        "calls": 6
    }
    refused = decide(request(), [work()], [edition(bounded, used={"calls": 15})])
    assert (refused.code, refused.left) == ("quota-exceeded", {"calls": 0})
    assert decide(request(usage=None), [work()], [edition(bounded, used={})]).allowed


@pytest.mark.parametrize(
    ("amount", "code", "owes"),
    [
        ({}, "granted", False),
        ({"calls": 10}, "granted", False),
        ({"calls": 11}, "granted", True),
        ({"calls": 15}, "granted", True),
        ({"calls": 16}, "quota-exceeded", False),
    ],
)
def test_what_the_action_takes_is_weighed(amount, code, owes):
    decision = decide(request(amount=amount), [work()], [issued(bounds=(CALLS,))])
    assert decision.code == code
    assert ("pay-overage" in {duty.id for duty in decision.duties}) is owes
    assert decision.left == {"calls": 10}


def test_nothing_is_taken_from_what_is_used_up():
    full = request(usage={"calls": 10}, amount={"calls": 0})
    assert "pay-overage" not in {duty.id for duty in decide(full, [work()], [issued(bounds=(CALLS,))]).duties}


def test_a_negative_amount_is_no_request():
    with pytest.raises(ValueError, match="'calls' is negative"):
        request(amount={"calls": -1})


def test_what_was_handed_in_cannot_be_changed_afterwards():
    usage = {"calls": 9}
    asked = request(usage=usage)
    decision = decide(asked, [work()], [issued(bounds=(CALLS,))])
    usage["calls"] = 99
    assert "pay-overage" not in {duty.id for duty in decision.duties}
    assert asked.usage == {"calls": 9}


def sublicence(above: IssuedGrant | None, **changes) -> IssuedGrant:
    fields = {"licensor": "reseller.example", "parent": "sha256:above"}
    return replace(issued(**(fields | changes)), under=() if above is None else (above,))


def above(**changes) -> IssuedGrant:
    kept = {name: changes.pop(name) for name in ("state", "until") if name in changes}
    fields = {"id": "sha256:above", "grantee": "reseller.example", "tier": Tier.FULL}
    return replace(issued(**(fields | changes)), **kept)


@pytest.mark.parametrize(
    "changes",
    [
        {"end": AT},
        {"revoked_at": AT},
        {"state": GrantState.SUSPENDED},
        {"until": AT},
        {"grantee": "other.example"},
        {"tier": Tier.INFERENCE},
        {"commercial": False},
        {"model": digest("f")},
        {"licensor": "mallory.example"},
        {"purposes": frozenset({"research"})},
        {"id": "sha256:other"},
        {"bounds": (Entitlement(name="calls", unit="requests", limit=0),)},
    ],
)
def test_a_sublicence_falls_with_the_grant_above_it(changes):
    assert decide(request(), [work()], [sublicence(above())]).code == "granted"
    fallen = decide(request(), [work()], [sublicence(above(**changes))])
    assert verdict(fallen) == ("refused", "grant-parent-invalid")
    assert "weightmark grants show sha256:above" in fallen.reasons[0].hint


def test_a_sublicence_without_its_parent_is_none_and_asks_again_with_it():
    assert decide(request(), [work()], [sublicence(None)]).code == "grant-parent-invalid"
    assert decide(request(), [work()], [sublicence(above(end=AT + INSTANT))]).until == AT + INSTANT


def test_use_that_is_not_known_above_is_not_known_below():
    decision = decide(request(usage=None), [work()], [sublicence(above(bounds=(CALLS,)))])
    assert verdict(decision) == ("undecided", "usage-unknown")
    assert "sublicence of a grant with limits" in decision.reasons[0].message


def test_of_grants_that_hold_only_the_one_that_speaks_says_until_when():
    first = issued(id="sha256:1", end=AT + 9 * DAY)
    assert decide(request(), [work()], [issued(id="sha256:2"), first]).until == AT + 9 * DAY
    assert (
        decide(request(), [work()], [issued(id="sha256:0", start=AT + DAY, end=None), first]).until
        == AT + DAY
    )


@pytest.mark.parametrize(("relation", "allowed"), [(Relation.PARENT, False), (Relation.SELF, True)])
def test_what_was_derived_from_a_no_derivatives_licence_is_kept_private(relation, allowed):
    base = Work(name="lab/net", subject=None, owner="lab", license="cc-by-nd-4.0", relation=relation)
    party = Party(name="acme", commercial=False)
    decision = decide(Request(action=Action.PUSH, party=party, at=AT), [base])
    assert decision.allowed is allowed
    assert decide(Request(action=Action.FINE_TUNE, party=party, at=AT), [base]).allowed
    if not allowed:
        assert decision.code == "no-derivatives"
        assert decision.reasons[0].clause == "CC-BY-ND-4.0 sections 2(a)(1)(B) and 3(a)(1)"
        assert "share what was derived" in decision.reasons[0].message
