"""The page about reasons names every code, with a sentence that is really given."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from weightmark.encoding import Digest
from weightmark.errors import Failure
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
    ReasonCode,
    Request,
    Terms,
    Tier,
    UseRestriction,
    Work,
    decide,
)
from weightmark.licensing.organisation.applying import leave_undecided
from weightmark.model import ModelEvent
from weightmark.vocabulary import EventKind
from weightmark.workspace import Gate, Requirement, WhenUndecided
from weightmark.workspace.deciding import pass_gate

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "reasons.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip().strip("`") for cell in row.strip("| \n").split(" | ")]
    for row in PAGE.partition("## Codes")[2].partition("\n## ")[0].splitlines()
    if row.startswith("| `")
]
AT = datetime(2026, 11, 22, tzinfo=UTC)
DAY = timedelta(days=1)
MODEL = Digest("sha256:" + "a" * 64)
CALLS = (Entitlement(name="calls", unit="requests", limit=10),)
RESTRICTED = (UseRestriction(id="medical-advice", sentence="Give no medical advice.", clause="4"),)


def ask(*grants: IssuedGrant, action: str = "deploy", license: str | None = "proprietary", **changes):
    fields = {"action": Action(action), "party": Party(name="acme.example", commercial=True), "at": AT}
    work = Work(
        name="lab/net",
        subject=MODEL,
        owner=changes.pop("owner", "lab.example"),
        license=license,
        terms=changes.pop("terms", None),
    )
    return decide(Request(**(fields | changes)), [work], grants)


def grant(**changes) -> IssuedGrant:
    kept = {
        name: changes.pop(name) for name in ("revoked_at", "state", "holders", "under") if name in changes
    }
    fields = {
        "model": MODEL,
        "licensor": "lab.example",
        "grantee": "acme.example",
        "tier": Tier.FULL,
        "start": AT - 9 * DAY,
    }
    return IssuedGrant(id="sha256:9f", grant=Grant(**(fields | changes)), **kept)


def terms(**changes) -> Terms:
    return Terms(**({"id": "LicenseRef-Ours", "permissions": frozenset(Capability)} | changes))


def at_the_gate(**changes):
    event = ModelEvent(kind=EventKind.DEPLOY, uri="./model")
    gate = Gate(requires=frozenset({Requirement.LICENSED, Requirement.UNCHANGED}), **changes)
    failures = () if changes else (Failure(path="model.safetensors", reason="changed"),)
    return pass_gate(gate, event, None, ask(license=None), failures)


CASES = {
    "recorded": lambda: ask(action="register"),
    "owner": lambda: decide(
        Request(action=Action.DEPLOY, party=Party(name="lab.example", commercial=True), at=AT),
        [Work(name="lab/net", subject=MODEL, owner="lab.example")],
    ),
    "permitted-by-licence": lambda: ask(license="apache-2.0"),
    "granted": lambda: ask(grant()),
    "grace": lambda: ask(grant(end=AT - 2 * DAY, grace_days=5)),
    "non-commercial": lambda: ask(license="cc-by-nc-4.0"),
    "not-permitted": ask,
    "prohibited": lambda: ask(terms=terms(prohibitions=frozenset({Capability.RESELL})), action="resell"),
    "no-derivatives": lambda: ask(action="fine-tune"),
    "use-restricted": lambda: ask(terms=terms(use_restrictions=RESTRICTED), purpose="medical-advice"),
    "licence-expired": lambda: ask(terms=terms(end=AT - 2 * DAY)),
    "licence-not-yet-valid": lambda: ask(terms=terms(start=AT + 9 * DAY)),
    "quota-exceeded": lambda: ask(grant(bounds=CALLS), usage={"calls": 10}),
    "grant-revoked": lambda: ask(grant(revoked_at=AT - 2 * DAY)),
    "grant-expired": lambda: ask(grant(end=AT - 2 * DAY)),
    "grant-not-yet-valid": lambda: ask(grant(start=AT + 9 * DAY)),
    "grant-non-commercial": lambda: ask(grant(commercial=False)),
    "grant-too-narrow": lambda: ask(grant(tier=Tier.METADATA)),
    "grant-not-from-owner": lambda: ask(grant(licensor="mallory.example")),
    "grant-pending": lambda: ask(
        grant(acceptance=True, approvers=("ann", "bob"), threshold=1, state=GrantState.PENDING)
    ),
    "grant-suspended": lambda: ask(grant(state=GrantState.SUSPENDED)),
    "grant-no-seat": lambda: ask(grant(seats=1, holders=frozenset({"bob"})), seat="ann"),
    "grant-parent-invalid": lambda: ask(grant(licensor="reseller", parent="sha256:0")),
    "policy": lambda: leave_undecided(ask(grant()), "No engine.", "Install one.", "policy.cedar"),
    "purpose-not-granted": lambda: ask(grant(purposes=frozenset({"research"}))),
    "no-licence": lambda: ask(license=None),
    "unknown-licence": lambda: ask(license="gfdl"),
    "usage-unknown": lambda: ask(grant(bounds=CALLS), usage=None),
    "not-registered": lambda: decide(
        Request(action=Action.DEPLOY, party=Party(name="acme.example", commercial=True), at=AT), []
    ),
    "not-intact": at_the_gate,
    "not-asked": lambda: at_the_gate(undecided=WhenUndecided.OPEN_AND_LOG),
}


def test_the_page_names_every_code_and_no_other():
    assert [row[0] for row in ROWS] == list(ReasonCode) == list(CASES)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_code_is_given_with_the_sentence_and_the_outcome_of_the_page(row):
    code, outcome, _, sentence, way = row
    decision = CASES[code]()
    reason = next(reason for reason in decision.reasons[::-1] if reason.code == code)
    beside = outcome == "as the licence"
    assert beside or (decision.code == code and decision.outcome.value in outcome)
    assert not beside or (decision.code, decision.outcome) == ("not-permitted", Outcome.REFUSED)
    assert sentence in (reason.message, "written by the policy")
    assert reason.hint or decision.allowed
    assert [named for named in re.findall(r"weightmark [a-z ]+[a-z]", way) if named not in reason.hint] == []


def test_a_fail_mode_is_told():
    modes = {
        mode: ask(
            grant(bounds=CALLS, fail_mode=mode, degrade_to=Tier.INFERENCE), action="fine-tune", usage=None
        )
        .reasons[0]
        .message
        for mode in FailMode
    }
    assert "its fail mode is closed" in modes[FailMode.CLOSED]
    assert (
        "although the use so far is not known: its fail mode is open-and-log" in modes[FailMode.OPEN_AND_LOG]
    )
    assert "its fail mode is degrade to inference, which does not cover fine-tune" in modes[FailMode.DEGRADE]


@pytest.mark.parametrize(
    ("days", "said"), [(3, "3 days left"), (1, "1 day left"), (0.5, "less than a day left")]
)
def test_the_days_of_grace_that_are_left_are_told(days, said):
    for decision in (
        ask(grant(end=AT - DAY, grace_days=4), at=AT + (3 - days) * DAY),
        ask(terms=terms(end=AT - DAY, grace_days=4), at=AT + (3 - days) * DAY),
    ):
        assert decision.code == "grace"
        assert said in decision.reasons[0].message
        assert said in decision.duties[-1].sentence


def test_before_the_end_nothing_is_told():
    decision = ask(grant(end=AT + DAY, grace_days=4))
    assert "left" not in decision.reasons[0].message
    assert "renew" not in {duty.id for duty in decision.duties}


def test_a_purpose_that_nobody_knows_is_taken_and_the_nearest_is_offered():
    allowed = ask(terms=terms(use_restrictions=RESTRICTED), purpose="medical-advise")
    assert allowed.allowed
    assert allowed.reasons[0].hint == "Did you mean medical-advice?"
    refused = ask(grant(purposes=frozenset({"research"})), purpose="reserch")
    assert refused.reasons[0].hint == "Did you mean research?"
