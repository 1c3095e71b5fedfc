"""Laws of deciding, and a slow plain reference that must agree with it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

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
RANK = {Outcome.REFUSED: 0, Outcome.UNDECIDED: 1, Outcome.ALLOWED: 2}

PARTIES = st.sampled_from(["acme", "lab", "other", ""])
SUBJECTS = st.sampled_from([Digest("sha256:" + mark * 64) for mark in "abc"])
PURPOSES = st.sampled_from(["", "research", "medical-advice"])
CAPABILITIES = st.frozensets(st.sampled_from(list(Capability)))
MOMENTS = st.builds(
    lambda days, nudge: BASE + timedelta(days=days, microseconds=nudge),
    st.integers(0, 12),
    st.integers(-1, 1),
)
BOUNDS = st.lists(
    st.builds(
        Entitlement,
        name=st.sampled_from(["calls", "tokens"]),
        unit=st.just("units"),
        limit=st.integers(0, 3),
        overage=st.integers(0, 2),
    ),
    max_size=2,
).map(tuple)
USAGE = st.none() | st.dictionaries(st.sampled_from(["calls", "tokens"]), st.integers(-1, 6))


@st.composite
def windows(draw):
    start = draw(MOMENTS)
    end = draw(st.none() | MOMENTS)
    return start, None if end is None or end <= start else end


@st.composite
def issued_grants(draw, number=0):
    start, end = draw(windows())
    grant = Grant(
        model=draw(SUBJECTS),
        licensor=draw(st.sampled_from(["lab", "other"])),
        grantee=draw(st.sampled_from(["acme", "other"])),
        capabilities=draw(CAPABILITIES),
        tier=draw(st.sampled_from(list(Tier))),
        commercial=draw(st.booleans()),
        start=start,
        end=end,
        grace_days=draw(st.integers(0, 2)),
        bounds=draw(st.just(()) | BOUNDS),
        purposes=draw(st.frozensets(PURPOSES, max_size=1)),
        fail_mode=draw(st.sampled_from(list(FailMode))),
        degrade_to=draw(st.sampled_from(list(Tier))),
        terms=draw(st.sampled_from(["", "sha256:terms"])),
    )
    return IssuedGrant(id=f"sha256:{number}", grant=grant, revoked_at=draw(st.none() | MOMENTS))


@st.composite
def grant_lists(draw, most=5):
    return [draw(issued_grants(number)) for number in range(draw(st.integers(0, most)))]


@st.composite
def terms(draw):
    start, end = draw(windows())
    restrictions = draw(st.lists(PURPOSES.filter(bool), max_size=2, unique=True))
    return Terms(
        id="LicenseRef-Own",
        permissions=draw(CAPABILITIES),
        prohibitions=draw(CAPABILITIES),
        commercial=draw(st.booleans()),
        use_restrictions=tuple(UseRestriction(id=name, sentence="No.", clause="1") for name in restrictions),
        start=draw(st.none() | st.just(start)),
        end=end,
        bounds=draw(st.just(()) | BOUNDS),
    )


# A licence as a tree beside its text: ("mit",), ("AND", left, right), ("OR", left, right)
NAMES = st.sampled_from(["MIT", "apache-2.0", "gpl-3.0", "cc-by-nc-4.0", "openrail", "proprietary", "gfdl"])
TREES = st.recursive(
    NAMES.map(lambda name: (name,)),
    lambda inner: st.tuples(st.sampled_from(["AND", "OR"]), inner, inner),
    max_leaves=5,
)


def spell(tree):
    return tree[0] if len(tree) == 1 else f"({spell(tree[1])} {tree[0]} {spell(tree[2])})"


@st.composite
def works(draw):
    tree = draw(st.none() | TREES)
    work = Work(
        name=draw(st.sampled_from(["one", "two"])),
        subject=draw(SUBJECTS),
        owner=draw(PARTIES),
        license=None if tree is None else spell(tree),
        terms=draw(st.none() | terms()),
        relation=draw(st.sampled_from(list(Relation))),
        weights=draw(st.none() | SUBJECTS),
        licensors=draw(st.frozensets(st.sampled_from(["lab", "other"]), max_size=1)),
    )
    return work, tree


@st.composite
def requests(draw):
    return Request(
        action=draw(st.sampled_from(list(Action))),
        party=Party(name=draw(PARTIES), commercial=draw(st.booleans())),
        at=draw(MOMENTS),
        usage=draw(USAGE),
        purpose=draw(PURPOSES),
    )


WORK_LISTS = st.lists(works(), max_size=3)


def outcome(request, pairs, grants):
    return decide(request, [work for work, _ in pairs], grants).outcome


# ---- the reference: one plain sentence after the other, and no wish to be quick


def reference(request, pairs, grants):
    if not pairs:
        return "undecided"
    if request.action in {"log", "register"}:
        return "allowed"
    answers = [reference_work(request, work, tree, grants) for work, tree in pairs]
    return next((answer for answer in ("refused", "undecided") if answer in answers), "allowed")


def reference_work(request, work, tree, grants):
    if request.party.name != "" and request.party.name == work.owner:
        return "allowed"
    answers = [reference_grant(request, work, issued) for issued in grants]
    if work.terms is not None:
        answers.append(reference_terms(request, work.terms))
    else:
        answers.append("undecided" if tree is None else reference_tree(request, tree))
    if "allowed" in answers:
        return "allowed"
    return "undecided" if "undecided" in answers else "refused"


def reference_tree(request, tree):
    if len(tree) == 3:
        both = {reference_tree(request, tree[1]), reference_tree(request, tree[2])}
        order = ["refused", "undecided", "allowed"]
        return next(answer for answer in (order if tree[0] == "AND" else order[::-1]) if answer in both)
    need = reference_need(request)
    looking = need in {"view-metadata", "view-architecture"}
    table = {
        "MIT": True,
        "apache-2.0": True,
        "gpl-3.0": need != "sublicense",
        "cc-by-nc-4.0": need not in {"sublicense", "resell"} and (looking or not request.party.commercial),
        "openrail": looking or request.purpose != "medical-advice",
        "proprietary": False,
    }
    if tree[0] not in table:
        return "undecided"
    return "allowed" if table[tree[0]] else "refused"


def reference_need(request):
    gates = {"promote": "infer", "deploy": "infer", "push": "redistribute"}
    return gates.get(request.action.value, request.action.value)


def reference_terms(request, own):
    need = reference_need(request)
    looking = need in {"view-metadata", "view-architecture"}
    holds = [
        need in own.permissions,
        need not in own.prohibitions,
        own.start is None or request.at >= own.start,
        own.end is None or request.at < own.end,
        looking or own.commercial or not request.party.commercial,
        looking or all(request.purpose != restriction.id for restriction in own.use_restrictions),
    ]
    if not all(holds):
        return "refused"
    if looking or not own.bounds:
        return "allowed"
    if request.usage is None:
        return "undecided"
    return "refused" if any(spent(bound, request.usage) for bound in own.bounds) else "allowed"


def spent(bound, usage):
    return usage.get(bound.name, 0) >= bound.limit + bound.overage


def reference_grant(request, work, issued):
    grant, need = issued.grant, reference_need(request)
    looking = need in {"view-metadata", "view-architecture"}
    end = None if grant.end is None else grant.end + timedelta(days=grant.grace_days)
    counts = [
        grant.grantee == request.party.name,
        grant.model in {work.subject, work.weights},
        grant.licensor in {work.owner, *work.licensors},
        need in grant.capabilities or need in grant.tier.capabilities,
        looking or grant.commercial or not request.party.commercial,
        looking or not grant.purposes or request.purpose in grant.purposes,
        issued.revoked_at is None or request.at < issued.revoked_at,
        grant.start <= request.at,
        end is None or request.at < end,
    ]
    if not all(counts):
        return "refused"
    if looking or not grant.bounds:
        return "allowed"
    if request.usage is not None:
        return "refused" if any(spent(bound, request.usage) for bound in grant.bounds) else "allowed"
    if grant.fail_mode == "open-and-log":
        return "allowed"
    degraded = grant.fail_mode == "degrade" and need in grant.degrade_to.capabilities
    return "allowed" if degraded else "undecided"


@settings(max_examples=400, deadline=None)
@given(requests(), WORK_LISTS, grant_lists())
def test_the_reference_agrees(request, pairs, grants):
    assert outcome(request, pairs, grants) == reference(request, pairs, grants)


@settings(max_examples=100, deadline=None)
@given(requests(), WORK_LISTS, grant_lists())
def test_total_and_whole(request, pairs, grants):
    decision = decide(request, [work for work, _ in pairs], grants)
    assert decision.reasons
    assert decision.code == decision.reasons[0].code
    assert decision.until is None or decision.until > request.at
    assert decision.allowed or not decision.duties
    assert len(set(decision.duties)) == len(decision.duties)
    assert all(reason.message.isprintable() for reason in decision.reasons)
    assert encode(decision.to_json())
    try:
        decision.require()
    except LicensingError as error:
        assert not decision.allowed
        assert error.hint
    else:
        assert decision.allowed


@settings(max_examples=100, deadline=None)
@given(requests(), WORK_LISTS, grant_lists(), st.randoms())
def test_the_order_of_grants_does_not_matter(request, pairs, grants, random):
    shuffled = list(grants)
    random.shuffle(shuffled)
    listed = [work for work, _ in pairs]
    assert decide(request, listed, grants) == decide(request, listed, shuffled)


@settings(max_examples=100, deadline=None)
@given(requests(), WORK_LISTS, grant_lists())
def test_granting_and_revoking_is_as_if_nothing_was_granted(request, pairs, grants):
    revoked = [replace(issued, revoked_at=issued.grant.start) for issued in grants]
    assert outcome(request, pairs, revoked) == outcome(request, pairs, [])


@settings(max_examples=100, deadline=None)
@given(requests(), WORK_LISTS, grant_lists(), MOMENTS, st.data())
def test_a_revocation_never_allows_more(request, pairs, grants, moment, data):
    before = RANK[outcome(request, pairs, grants)]
    if grants:
        chosen = data.draw(st.integers(0, len(grants) - 1))
        old = grants[chosen].revoked_at
        grants[chosen] = replace(grants[chosen], revoked_at=moment if old is None else min(moment, old))
    assert RANK[outcome(request, pairs, grants)] <= before


@settings(max_examples=100, deadline=None)
@given(requests(), WORK_LISTS, grant_lists(), issued_grants(number=9))
def test_another_grant_never_allows_less(request, pairs, grants, more):
    assert RANK[outcome(request, pairs, [*grants, more])] >= RANK[outcome(request, pairs, grants)]


@settings(max_examples=100, deadline=None)
@given(requests(), WORK_LISTS, grant_lists(), works())
def test_another_work_never_allows_more(request, pairs, grants, more):
    if pairs:
        assert RANK[outcome(request, [*pairs, more], grants)] <= RANK[outcome(request, pairs, grants)]


@settings(max_examples=150, deadline=None)
@given(requests(), terms(), CAPABILITIES, CAPABILITIES, st.booleans(), st.integers(0, 3))
def test_looser_terms_never_refuse_what_stricter_allow(request, strict, more, fewer, commercial, units):
    loose = replace(
        strict,
        permissions=strict.permissions | more,
        prohibitions=strict.prohibitions - fewer,
        commercial=strict.commercial or commercial,
        use_restrictions=strict.use_restrictions[: units % 2],
        start=None if units else strict.start,
        end=strict.end if units == 1 else None,
        bounds=tuple(replace(bound, limit=bound.limit + units) for bound in strict.bounds),
    )

    def rank(own):
        return RANK[decide(request, [Work(name="w", subject=Digest("x"), owner="lab", terms=own)]).outcome]

    assert rank(strict) <= rank(loose)


@settings(max_examples=150, deadline=None)
@given(requests(), WORK_LISTS, grant_lists(), st.integers(0, 10**12))
def test_nothing_changes_until_the_decision_says_so(request, pairs, grants, wait):
    listed = [work for work, _ in pairs]
    decision = decide(request, listed, grants)
    last = decision.until - INSTANT if decision.until is not None else request.at + timedelta(days=900)
    for at in {min(request.at + timedelta(microseconds=wait), last), last}:
        later = decide(replace(request, at=at), listed, grants)
        assert (later.outcome, later.code) == (decision.outcome, decision.code)


@settings(max_examples=100, deadline=None)
@given(windows(), st.integers(0, 3))
def test_expiry_to_the_microsecond(window, grace):
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

    assert code(start - INSTANT) == "grant-not-yet-valid"
    assert code(start) == "granted"
    assert code(end - INSTANT) == "granted"
    assert code(end) == ("grace" if grace else "grant-expired")
    assert code(last - INSTANT) == ("grace" if grace else "granted")
    assert code(last) == "grant-expired"
