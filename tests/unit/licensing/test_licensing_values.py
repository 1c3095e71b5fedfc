from datetime import UTC, datetime, timedelta, timezone

import pytest

from weightmark.encoding import Digest, decode, encode
from weightmark.errors import (
    GrantRevokedError,
    MalformedError,
    NotEntitledError,
    QuotaExceededError,
    UndecidedError,
)
from weightmark.licensing import (
    TEMPLATES,
    Action,
    Capability,
    Decision,
    Duty,
    Entitlement,
    FailMode,
    Grant,
    IssuedGrant,
    Outcome,
    Party,
    Reason,
    ReasonCode,
    Request,
    Terms,
    Tier,
    parse_scope,
)
from weightmark.licensing.capability import EVERYTHING
from weightmark.licensing.window import LAST_MOMENT, Phase, Window

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
MODEL = Digest("sha256:" + "a" * 64)
GRANT = Grant(
    model=MODEL,
    licensor="lab.example",
    grantee="acme.example",
    capabilities=frozenset({Capability.EMBED}),
    tier=Tier.READ_ONLY,
    commercial=False,
    start=AT,
    end=AT + timedelta(days=3),
    grace_days=2,
    bounds=(Entitlement(name="calls", unit="requests", limit=3, overage=1),),
    purposes=frozenset({"research"}),
    fail_mode=FailMode.DEGRADE,
    degrade_to=Tier.READ_ONLY,
    terms="sha256:" + "b" * 64,
    price="order 7",
)
TERMS = Terms(
    id="LicenseRef-Ours",
    permissions=frozenset({Capability.INFER}),
    commercial=False,
    start=AT,
    end=AT + timedelta(days=1),
    bounds=GRANT.bounds,
    territory=("FR", "DE"),
    seats=0,
    price="order 8",
)


@pytest.mark.parametrize("terms", [*TEMPLATES, TERMS], ids=lambda terms: terms.id)
def test_terms_survive_json_and_without_restrictions_stay_under_what_a_kms_signs(terms):
    data = encode(terms.to_json())
    again = Terms.from_json(decode(data, what="the terms"))
    assert encode(again.to_json()) == data
    assert (again.permissions, again.prohibitions, again.duties) == (
        terms.permissions,
        terms.prohibitions,
        terms.duties,
    )
    assert (again.seats, again.bounds, again.start, again.end) == (
        terms.seats,
        terms.bounds,
        terms.start,
        terms.end,
    )
    assert len(data) < (8_000 if terms.use_restrictions else 3_500)


def test_a_grant_survives_json():
    assert Grant.from_json(decode(encode(GRANT.to_json()), what="the grant")) == GRANT


def test_the_smallest_grant_survives_json():
    grant = Grant(model=MODEL, licensor="a", grantee="b", tier=Tier.FULL, start=AT)
    assert Grant.from_json(grant.to_json()) == grant


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"model": "sha256:no"},
        {"tier": "gold"},
        {"capabilities": ["fly"]},
        {"failMode": "shrug"},
        {"graceDays": -1},
        {"graceDays": 10**9},
        {"start": "yesterday"},
        {"end": "2020-01-01T00:00:00Z"},
        {"bounds": [{"name": "", "unit": "x", "limit": 1}]},
        {"bounds": [{"name": "x", "unit": "x", "limit": -1}]},
        {"commercial": "no"},
        {"licensor": ""},
    ],
)
def test_a_bad_grant_is_malformed(change):
    with pytest.raises(MalformedError):
        Grant.from_json(GRANT.to_json() | change)


@pytest.mark.parametrize(
    "change", [{"extra": 1}, {"id": ""}, {"seats": -1}, {"permissions": ["fly"]}, {"clauses": {"infer": 1}}]
)
def test_bad_terms_are_malformed(change):
    with pytest.raises(MalformedError):
        Terms.from_json(TERMS.to_json() | change)


@pytest.mark.parametrize(
    "change",
    [
        {"tier": None, "capabilities": frozenset()},
        {"end": AT},
        {"start": AT.replace(tzinfo=None)},
        {"grace_days": -1},
        {"grantee": ""},
    ],
)
def test_a_grant_that_makes_no_sense_is_refused(change):
    fields = {"model": MODEL, "licensor": "a", "grantee": "b", "tier": Tier.FULL, "start": AT}
    with pytest.raises(ValueError, match=r"."):
        Grant(**(fields | change))


def test_times_are_kept_in_utc_and_need_a_zone():
    paris = timezone(timedelta(hours=1))
    party = Party(name="a", commercial=False)
    request = Request(action=Action.INFER, party=party, at=AT.astimezone(paris))
    assert request.at == AT
    assert request.at.tzinfo is UTC
    with pytest.raises(ValueError, match="zone"):
        Request(action=Action.INFER, party=party, at=AT.replace(tzinfo=None))
    with pytest.raises(ValueError, match="zone"):
        IssuedGrant(id="x", grant=GRANT, revoked_at=AT.replace(tzinfo=None))


def test_a_grace_beyond_the_calendar_ends_with_it():
    window = Window(end=LAST_MOMENT - timedelta(days=1), grace_days=400)
    assert window.last == LAST_MOMENT
    assert window.locate(LAST_MOMENT - timedelta(hours=1)) == (Phase.GRACE, LAST_MOMENT)


def test_tiers_are_no_total_order():
    read_only, inference = Tier.READ_ONLY.capabilities, Tier.INFERENCE.capabilities
    assert not read_only <= inference
    assert not inference <= read_only
    assert all(Tier.METADATA.capabilities <= tier.capabilities <= EVERYTHING for tier in Tier)
    assert Tier.FULL.capabilities == EVERYTHING
    assert Capability.DOWNLOAD_WEIGHTS not in inference


def test_every_capability_is_an_action_and_every_action_has_needs():
    assert {Action(capability.value).needs for capability in Capability} == {
        frozenset({c}) for c in Capability
    }
    assert Action.PROMOTE.needs == Action.DEPLOY.needs == {Capability.INFER}
    assert Action.PUSH.needs == {Capability.REDISTRIBUTE}
    assert not Action.LOG.needs
    assert not Action.REGISTER.needs
    assert Action.DEPLOY.production
    assert Action.PROMOTE.production
    assert not Action.REGISTER.production
    assert not Action.VIEW_METADATA.exercises
    assert Action.PUSH.exercises


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("deploy", {"infer"}),
        ("Deploy, push", {"infer", "redistribute"}),
        ("inference", {"view-metadata", "infer", "embed"}),
        ("fine-tune", Tier.FINE_TUNE.capabilities),
        ("distill", {"distill"}),
    ],
)
def test_scopes(text, found):
    assert parse_scope(text) == found


@pytest.mark.parametrize(
    ("text", "says"), [("deplo", "deploy"), ("register", "nothing to grant"), ("", "no action")]
)
def test_bad_scopes(text, says):
    with pytest.raises(ValueError, match=says):
        parse_scope(text)


@pytest.mark.parametrize(
    ("outcome", "code", "error"),
    [
        (Outcome.REFUSED, ReasonCode.NON_COMMERCIAL, NotEntitledError),
        (Outcome.REFUSED, ReasonCode.GRANT_REVOKED, GrantRevokedError),
        (Outcome.REFUSED, ReasonCode.QUOTA_EXCEEDED, QuotaExceededError),
        (Outcome.UNDECIDED, ReasonCode.NO_LICENCE, UndecidedError),
        (Outcome.UNDECIDED, ReasonCode.GRANT_REVOKED, UndecidedError),
    ],
)
def test_require_raises_what_the_code_says(outcome, code, error):
    reason = Reason(code=code, message="So it is.", hint="Do this.")
    with pytest.raises(error, match="So it is") as caught:
        Decision(outcome=outcome, code=code, reasons=(reason,)).require()
    assert caught.value.hint == "Do this."


def test_require_lets_the_allowed_pass():
    Decision(outcome=Outcome.ALLOWED, code=ReasonCode.OWNER).require()


def test_a_decision_as_json():
    decision = Decision(
        outcome=Outcome.ALLOWED,
        code=ReasonCode.GRACE,
        reasons=(Reason(code=ReasonCode.GRACE, message="m", clause="c", work="w", hint="h"),),
        duties=(Duty(id="renew", sentence="s", clause="c"),),
        grant="sha256:1",
        until=AT,
    )
    assert decode(encode(decision.to_json()), what="it") == {
        "allowed": True,
        "outcome": "allowed",
        "code": "grace",
        "reasons": [{"code": "grace", "message": "m", "clause": "c", "work": "w", "hint": "h"}],
        "duties": [{"id": "renew", "sentence": "s", "clause": "c"}],
        "grant": "sha256:1",
        "left": {},
        "until": "2026-11-22T09:30:00Z",
    }


@pytest.mark.parametrize("terms", TEMPLATES, ids=lambda terms: terms.id)
def test_every_template_says_where_everything_is_written(terms):
    assert {clause.topic for clause in terms.clauses} == {*map(str, Capability), "commercial"}
    assert not terms.permissions & terms.prohibitions
    places = [clause.place for clause in terms.clauses] + [duty.clause for duty in terms.duties]
    name = terms.id.removeprefix("LicenseRef-")
    assert all(name in place for place in places)
