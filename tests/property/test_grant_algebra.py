"""Laws of deciding. That it decides right is for tests/reference_licensing.py to say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weightmark.encoding import Digest, encode
from weightmark.errors import LicensingError
from weightmark.licensing import (
    Action,
    Capability,
    Entitlement,
    FailMode,
    Grant,
    GrantState,
    IssuedGrant,
    Outcome,
    Party,
    Relation,
    Request,
    Terms,
    Tier,
    UseRestriction,
    Work,
    decide,
)

BASE = datetime(2026, 1, 1, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
RANK = {Outcome.REFUSED: 0, Outcome.UNDECIDED: 1, Outcome.ALLOWED: 2}
HELD = {GrantState.SUSPENDED, GrantState.PENDING}

PARTIES = st.sampled_from(["acme", "lab", "other", ""])
SUBJECTS = st.sampled_from([Digest("sha256:" + mark * 64) for mark in "aab"])
PURPOSES = st.sampled_from(["", "research", "medical-advice"])
ALL = frozenset(Capability)
CAPABILITIES = st.sampled_from(
    [
        *(frozenset(), ALL, ALL - {Capability.INFER}, frozenset({Capability.INFER})),
        frozenset({Capability.INFER, Capability.SUBLICENSE, Capability.FINE_TUNE}),
    ]
)
COUNTS = st.sampled_from([{}, {"calls": -1}, {"calls": 2}, {"calls": 5, "tokens": 1}, {"tokens": 4}])
AMOUNTS = st.sampled_from([{}, {"calls": 0}, {"calls": 3}, {"calls": 2, "tokens": 2}])
MOMENTS = st.integers(0, 38).map(
    lambda number: BASE + timedelta(days=number // 3, microseconds=number % 3 - 1)
)
SMALL = Entitlement(name="calls", unit="requests", limit=2, overage=1)
BOUNDS = st.sampled_from(
    [(), (SMALL,), (SMALL, Entitlement(name="tokens", unit="tokens", limit=3)), (replace(SMALL, limit=0),)]
)
SOME_PURPOSES = st.sampled_from([frozenset(), frozenset(), frozenset({"research"}), frozenset({""})])
LICENCES = st.sampled_from(
    ["MIT", "gpl-3.0 OR cc-by-nc-4.0", "apache-2.0 AND openrail", "proprietary", "cc-by-nc-4.0", "gfdl", None]
)


@st.composite
def windows(draw):
    start = draw(MOMENTS)
    end = draw(st.none() | MOMENTS)
    return start, None if end is None or end <= start else end


@st.composite
def grant_terms(draw, **fixed):
    start, end = draw(windows())
    fields = {
        "model": draw(SUBJECTS),
        "licensor": draw(st.sampled_from(["lab", "other"])),
        "grantee": draw(st.sampled_from(["acme", "acme", "other"])),
        "capabilities": draw(CAPABILITIES),
        "tier": draw(st.sampled_from(list(Tier))),
        "commercial": draw(st.booleans()),
        "start": start,
        "end": end,
        "grace_days": draw(st.integers(0, 2)),
        "bounds": draw(BOUNDS),
        "purposes": draw(SOME_PURPOSES),
        "fail_mode": draw(st.sampled_from(list(FailMode))),
        "degrade_to": draw(st.sampled_from(list(Tier))),
        "terms": draw(st.sampled_from(["", "sha256:terms"])),
        "seats": draw(st.none() | st.just(1)),
    }
    return Grant(**(fields | fixed))


@st.composite
def editions(draw, number=0, depth=0, **fixed):
    above = draw(editions(number + 100, depth + 1)) if depth < 2 and draw(st.integers(0, 3)) == 3 else []
    if above:
        fixed = fixed | {"licensor": above[0].grant.grantee, "parent": above[0].id}
    revoked_at = draw(st.none() | MOMENTS)
    cuts = draw(st.just([]) | st.lists(MOMENTS, max_size=2, unique=True).map(sorted))
    return [
        IssuedGrant(
            id=f"sha256:{number}",
            grant=draw(grant_terms(**fixed)),
            revoked_at=revoked_at,
            since=since,
            until=until,
            state=draw(st.sampled_from(list(GrantState))),
            holders=draw(st.sampled_from([frozenset(), frozenset({"ann"})])),
            used=draw(st.none() | COUNTS),
            under=tuple(above),
        )
        for since, until in zip([None, *cuts], [*cuts, None], strict=True)
    ]


@st.composite
def grant_lists(draw, most=2):
    return [
        edition for number in range(draw(st.integers(0, most))) for edition in draw(editions(number=number))
    ]


@st.composite
def terms(draw):
    start, end = draw(windows())
    restrictions = draw(st.sampled_from([(), (), ("research",), ("research", "medical-advice")]))
    return Terms(
        id="LicenseRef-Own",
        permissions=draw(CAPABILITIES),
        prohibitions=draw(CAPABILITIES),
        commercial=draw(st.booleans()),
        use_restrictions=tuple(UseRestriction(id=name, sentence="No.", clause="1") for name in restrictions),
        start=draw(st.none() | st.just(start)),
        end=end,
        bounds=draw(BOUNDS),
        purposes=draw(SOME_PURPOSES),
        organisations=draw(st.just(()) | st.just(("acme",))),
        grace_days=draw(st.integers(0, 2)) if end is not None else 0,
    )


WORKS = st.builds(
    Work,
    name=st.sampled_from(["one", "two"]),
    subject=SUBJECTS,
    owner=PARTIES,
    license=LICENCES,
    terms=st.none() | terms(),
    presumed=st.booleans(),
    relation=st.sampled_from(list(Relation)),
    weights=st.none() | SUBJECTS,
    licensors=st.sampled_from([frozenset(), frozenset({"lab"})]),
)
WORK_LISTS = st.lists(WORKS, max_size=2)
REQUESTS = st.builds(
    Request,
    action=st.sampled_from(list(Action)),
    party=st.builds(Party, name=PARTIES, commercial=st.booleans()),
    at=MOMENTS,
    usage=st.none() | COUNTS,
    purpose=PURPOSES,
    seat=st.sampled_from(["", "ann"]),
    amount=AMOUNTS,
)
ASK = given(REQUESTS, WORK_LISTS, grant_lists())


def rank(request, works, grants):
    return RANK[decide(request, works, grants).outcome]


@settings(max_examples=60, deadline=None)
@ASK
def test_total_and_whole(request, works, grants):
    decision = decide(request, works, grants)
    assert decision.reasons
    assert decision.code == decision.reasons[0].code
    assert decision.until is None or decision.until > request.at
    assert decision.allowed or not decision.duties
    assert len(set(decision.duties)) == len(decision.duties)
    assert all(reason.message.isprintable() for reason in decision.reasons)
    assert encode(decision.to_json())
    assert all(units >= 0 for units in decision.left.values())
    try:
        decision.require()
    except LicensingError as error:
        assert not decision.allowed
        assert error.hint
    else:
        assert decision.allowed


WEIRD = st.text(max_size=20) | st.sampled_from(["\ud800", "a\x1b[2J", "x" * 9000, "(" * 9000, "\0"])


@settings(max_examples=60, deadline=None)
@given(REQUESTS, WORKS, editions(), WEIRD, WEIRD, st.sampled_from([0, 1, 10**5000]))
def test_no_text_and_no_number_makes_it_fail(request, work, grants, one, other, number):
    bound = Entitlement(name=one or "x", unit=other, limit=number, overage=number)
    odd = [
        replace(
            edition,
            id=one,
            grant=replace(edition.grant, licensor=other or "x", bounds=(bound,), terms=other),
            used=None if edition.used is None else {one or "x": -number},
        )
        for edition in grants
    ]
    asked = replace(request, usage={}, amount={one or "x": number}, purpose=one, seat=other)
    for licence in (work.license, one):
        works = [replace(work, name=one, owner=other or "x", license=licence)]
        decision = decide(asked, works, odd)
        assert all(reason.message.isprintable() for reason in decision.reasons)
        assert all(reason.hint.isprintable() for reason in decision.reasons)
        assert repr(decision)


@settings(max_examples=60, deadline=None)
@given(REQUESTS, WORK_LISTS, grant_lists(), st.randoms())
def test_the_order_of_grants_does_not_matter(request, works, grants, random):
    shuffled = list(grants)
    random.shuffle(shuffled)
    first, second = decide(request, works, grants), decide(request, works, shuffled)
    assert first == second
    assert hash(first) == hash(second)


@settings(max_examples=60, deadline=None)
@ASK
def test_granting_and_revoking_is_as_if_nothing_was_granted(request, works, grants):
    revoked = [replace(issued, revoked_at=BASE - timedelta(days=1)) for issued in grants]
    assert rank(request, works, revoked) == rank(request, works, [])


@settings(max_examples=60, deadline=None)
@given(REQUESTS, WORK_LISTS, grant_lists(), MOMENTS, st.data())
def test_a_revocation_never_allows_more(request, works, grants, moment, data):
    before = rank(request, works, grants)
    if grants:
        id_ = data.draw(st.sampled_from(sorted({issued.id for issued in grants})))
        for number, issued in enumerate(grants):
            if issued.id == id_:
                at = moment if issued.revoked_at is None else min(moment, issued.revoked_at)
                grants[number] = replace(issued, revoked_at=at)
    assert rank(request, works, grants) <= before


@settings(max_examples=60, deadline=None)
@given(REQUESTS, WORK_LISTS, grant_lists(), st.sampled_from(sorted(HELD)), st.data())
def test_a_suspension_never_allows_more(request, works, grants, state, data):
    before = rank(request, works, grants)
    if grants:
        number = data.draw(st.integers(0, len(grants) - 1))
        grants[number] = replace(grants[number], state=state)
    assert rank(request, works, grants) <= before


@settings(max_examples=60, deadline=None)
@given(REQUESTS, WORK_LISTS, grant_lists(), st.integers(0, 5))
def test_more_use_never_allows_more(request, works, grants, more):
    def use(counts):
        return None if counts is None else {name: counts.get(name, 0) + more for name in ("calls", "tokens")}

    heavier = [replace(issued, used=use(issued.used)) for issued in grants]
    before = rank(request, works, grants)
    assert rank(replace(request, usage=use(request.usage)), works, heavier) <= before
    larger = {name: request.amount.get(name, 1) + more for name in ("calls", "tokens")}
    assert rank(replace(request, amount=larger), works, grants) <= before


@settings(max_examples=60, deadline=None)
@given(REQUESTS, WORK_LISTS, grant_lists(), editions(number=9))
def test_another_grant_never_allows_less(request, works, grants, more):
    assert rank(request, works, [*grants, *more]) >= rank(request, works, grants)


@settings(max_examples=60, deadline=None)
@given(REQUESTS, WORK_LISTS, grant_lists(), WORKS)
def test_another_work_never_allows_more(request, works, grants, more):
    if works:
        assert rank(request, [*works, more], grants) <= rank(request, works, grants)


@settings(max_examples=80, deadline=None)
@given(REQUESTS, WORKS, editions(number=100), st.data())
def test_a_sublicence_never_allows_more_than_the_grant_above_it(request, work, above, data):
    holder = above[0].grant.grantee
    below = data.draw(grant_terms(licensor=holder, parent=above[0].id, grantee="acme"))
    issued = IssuedGrant(id="sha256:1", grant=below, under=tuple(above))
    closed = replace(work, license="proprietary", terms=None, owner="owner", licensors=frozenset({"lab"}))
    asked = replace(request, party=replace(request.party, name="acme"))
    as_holder = replace(request, party=replace(request.party, name=holder))
    if asked.action.needs:
        assert rank(asked, [closed], [issued]) <= rank(as_holder, [closed], above)


def test_a_chain_of_eight_grants_above_holds_and_one_of_nine_does_not():
    subject = Digest("sha256:" + "a" * 64)
    work = Work(name="w", subject=subject, owner="p0", license="proprietary")

    def chain(length):
        fields = {"model": subject, "tier": Tier.FULL, "start": BASE}
        issued = IssuedGrant(id="sha256:0", grant=Grant(licensor="p0", grantee="p1", **fields))
        for number in range(1, length + 1):
            parent = issued.id
            names = {"licensor": f"p{number}", "grantee": f"p{number + 1}"}
            grant = Grant(parent=parent, **names, **fields)
            issued = IssuedGrant(id=f"sha256:{number}", grant=grant, under=(issued,))
        request = Request(
            action=Action.INFER, party=Party(name=issued.grant.grantee, commercial=True), at=BASE
        )
        return decide(request, [work], [issued])

    assert chain(8).code == "granted"
    assert chain(9).code == "grant-parent-invalid"


@settings(max_examples=80, deadline=None)
@given(REQUESTS, terms(), CAPABILITIES, CAPABILITIES, st.booleans(), st.integers(0, 3))
def test_looser_terms_never_refuse_what_stricter_allow(request, strict, more, fewer, commercial, units):
    loose = replace(
        strict,
        permissions=strict.permissions | more,
        prohibitions=strict.prohibitions - fewer,
        commercial=strict.commercial or commercial,
        use_restrictions=strict.use_restrictions[: units % 2],
        start=None if units else strict.start,
        end=strict.end if units == 1 else None,
        grace_days=strict.grace_days + 1 if units == 1 and strict.end is not None else 0,
        bounds=tuple(replace(bound, limit=bound.limit + units) for bound in strict.bounds),
        purposes=strict.purposes | {"research"} if strict.purposes else strict.purposes,
        organisations=(*strict.organisations, "lab") if strict.organisations else (),
    )

    def rank_of(own):
        return rank(request, [Work(name="w", subject=Digest("x"), owner="nobody", terms=own)], [])

    assert rank_of(strict) <= rank_of(loose)


@settings(max_examples=80, deadline=None)
@given(REQUESTS, WORK_LISTS, grant_lists(), st.integers(0, 10**12))
def test_nothing_changes_until_the_decision_says_so(request, works, grants, wait):
    decision = decide(request, works, grants)
    last = decision.until - INSTANT if decision.until is not None else request.at + timedelta(days=900)
    for at in {min(request.at + timedelta(microseconds=wait), last), last}:
        later = decide(replace(request, at=at), works, grants)
        assert (later.outcome, later.code, later.grant) == (decision.outcome, decision.code, decision.grant)
        assert later.left == decision.left
        assert [duty.id for duty in later.duties] == [duty.id for duty in decision.duties]


@settings(max_examples=60, deadline=None)
@ASK
def test_the_duties_of_a_lineage_hold_those_of_each_part(request, works, grants):
    whole = decide(request, works, grants)
    for work in works if whole.allowed else ():
        assert set(decide(request, [work], grants).duties) <= set(whole.duties)


@settings(max_examples=60, deadline=None)
@given(windows(), st.integers(0, 3))
def test_expiry_and_grace_to_the_second_and_to_the_microsecond(window, grace):
    start, end = window
    if end is None:
        return
    subject = Digest("sha256:" + "a" * 64)
    grant = Grant(
        model=subject, licensor="lab", grantee="acme", tier=Tier.FULL, start=start, end=end, grace_days=grace
    )
    work = Work(name="w", subject=subject, owner="lab", license="proprietary")
    last = end + timedelta(days=grace)

    def code(at):
        request = Request(action=Action.DEPLOY, party=Party(name="acme", commercial=True), at=at)
        return decide(request, [work], [IssuedGrant(id="sha256:1", grant=grant)]).code

    for step in (INSTANT, SECOND):
        assert code(start - step) == "grant-not-yet-valid"
        assert code(last + step) == "grant-expired"
        assert code(last - step) == ("grace" if grace else "granted") or last - step < start
        assert code(end - step) == "granted" or end - step < start
    assert code(start) == "granted"
    assert code(end) == ("grace" if grace else "grant-expired")
    assert code(last) == "grant-expired"


def test_a_decision_is_copied_and_stored_with_its_words():
    import copy
    import pickle

    request = Request(action=Action.DEPLOY, party=Party(name="acme", commercial=True), at=BASE)
    decision = decide(request, [Work(name="w", subject=None, owner="lab", license="cc-by-nc-4.0")])
    for same in (copy.deepcopy(decision), pickle.loads(pickle.dumps(decision))):
        assert same == decision
    with pytest.raises(AttributeError):
        decision.outcome = Outcome.ALLOWED
