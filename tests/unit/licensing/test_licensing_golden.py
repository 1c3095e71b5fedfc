"""What each licence says to each kind of party, with the clause; read against the licences' texts."""

from datetime import UTC, datetime

import pytest

from weightmark.encoding import Digest
from weightmark.licensing import Action, Decision, Party, Request, Work, decide, find_template

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SUBJECT = Digest("sha256:" + "a" * 64)

NC = "CC-BY-NC-4.0"
GPL = "GPL-3.0-only"
RAIL = "OpenRAIL-M paragraph"
RESERVED = "LicenseRef-Proprietary (all rights reserved)"


def ask(licence: str | None, action: str, *, commercial: bool = True, purpose: str = "") -> Decision:
    party = Party(name="acme.example", commercial=commercial)
    request = Request(action=Action(action), party=party, at=AT, purpose=purpose)
    return decide(request, [Work(name="lab/net", subject=SUBJECT, owner="lab.example", license=licence)])


# licence, action, commercial party?, outcome, code, clause
GOLDEN = [
    ("MIT", "deploy", True, "allowed", "permitted-by-licence", "MIT first paragraph (permission)"),
    ("MIT", "push", True, "allowed", "permitted-by-licence", "MIT first paragraph (permission)"),
    ("MIT", "resell", True, "allowed", "permitted-by-licence", "MIT first paragraph (permission)"),
    ("MIT", "sublicense", True, "allowed", "permitted-by-licence", "MIT first paragraph (permission)"),
    ("mit", "fine-tune", False, "allowed", "permitted-by-licence", "MIT first paragraph (permission)"),
    ("Apache-2.0", "deploy", True, "allowed", "permitted-by-licence", "Apache-2.0 section 2"),
    ("apache-2.0", "promote", True, "allowed", "permitted-by-licence", "Apache-2.0 section 2"),
    ("Apache-2.0", "push", True, "allowed", "permitted-by-licence", "Apache-2.0 sections 2 and 4"),
    ("Apache-2.0", "sublicense", True, "allowed", "permitted-by-licence", "Apache-2.0 section 2"),
    ("Apache-2.0", "merge", False, "allowed", "permitted-by-licence", "Apache-2.0 section 2"),
    (GPL, "deploy", True, "allowed", "permitted-by-licence", f"{GPL} section 2"),
    (GPL, "push", True, "allowed", "permitted-by-licence", f"{GPL} sections 4, 5 and 6"),
    (GPL, "sublicense", True, "refused", "prohibited", f"{GPL} section 2"),
    (GPL, "resell", True, "allowed", "permitted-by-licence", f"{GPL} section 4"),
    ("gpl-3.0", "fine-tune", False, "allowed", "permitted-by-licence", f"{GPL} sections 2 and 5"),
    ("GPL-3.0-or-later", "deploy", True, "allowed", "permitted-by-licence", "GPL-3.0-or-later section 2"),
    ("GPL-3.0+", "sublicense", True, "refused", "prohibited", "GPL-3.0-or-later section 2"),
    ("GPL-3.0-or-later", "resell", True, "allowed", "permitted-by-licence", "GPL-3.0-or-later section 4"),
    ("GPL-3.0-or-later", "infer", False, "allowed", "permitted-by-licence", "GPL-3.0-or-later section 2"),
    ("gpl-3.0-or-later", "distill", True, "allowed", "permitted-by-licence", "GPL-3.0-or-later section 2"),
    ("CC-BY-4.0", "deploy", True, "allowed", "permitted-by-licence", "CC-BY-4.0 section 2(a)(1)(A)"),
    ("CC-BY-4.0", "fine-tune", True, "allowed", "permitted-by-licence", "CC-BY-4.0 section 2(a)(1)(B)"),
    ("cc-by-4.0", "push", True, "allowed", "permitted-by-licence", "CC-BY-4.0 section 2(a)(1)(A)"),
    ("CC-BY-4.0", "sublicense", True, "refused", "prohibited", "CC-BY-4.0 section 2(a)(1)"),
    ("CC-BY-4.0", "resell", True, "allowed", "permitted-by-licence", "CC-BY-4.0 section 2(a)(1)(A)"),
    (NC, "deploy", True, "refused", "non-commercial", f"{NC} section 2(a)(1)"),
    (NC, "promote", True, "refused", "non-commercial", f"{NC} section 2(a)(1)"),
    (NC, "push", True, "refused", "non-commercial", f"{NC} section 2(a)(1)"),
    (NC, "fine-tune", True, "refused", "non-commercial", f"{NC} section 2(a)(1)"),
    (NC, "view-metadata", True, "allowed", "permitted-by-licence", f"{NC} section 2(a)(1)(A)"),
    (NC, "resell", False, "refused", "prohibited", f"{NC} sections 1(i) and 2(a)(1)"),
    ("cc-by-nc-4.0", "deploy", False, "allowed", "permitted-by-licence", f"{NC} section 2(a)(1)(A)"),
    (NC, "distill", False, "allowed", "permitted-by-licence", f"{NC} section 2(a)(1)(B)"),
    ("openrail", "deploy", True, "allowed", "permitted-by-licence", f"{RAIL}s 2 and 5"),
    ("creativeml-openrail-m", "push", True, "allowed", "permitted-by-licence", f"CreativeML-{RAIL}s 2 and 4"),
    (
        "bigscience-openrail-m",
        "fine-tune",
        True,
        "allowed",
        "permitted-by-licence",
        f"BigScience-{RAIL}s 2 and 5",
    ),
    ("LicenseRef-OpenRAIL-M", "sublicense", True, "allowed", "permitted-by-licence", f"{RAIL} 2"),
    ("openrail", "distill", True, "allowed", "permitted-by-licence", f"{RAIL}s 1 and 2"),
    ("proprietary", "deploy", True, "refused", "not-permitted", RESERVED),
    ("LicenseRef-Proprietary", "deploy", False, "refused", "not-permitted", RESERVED),
    ("All rights reserved", "view-metadata", False, "refused", "not-permitted", RESERVED),
    ("all-rights-reserved", "fine-tune", True, "refused", "no-derivatives", RESERVED),
    ("proprietary", "push", True, "refused", "not-permitted", RESERVED),
]


@pytest.mark.parametrize(("licence", "action", "commercial", "outcome", "code", "clause"), GOLDEN)
def test_golden(licence, action, commercial, outcome, code, clause):
    decision = ask(licence, action, commercial=commercial)
    assert (decision.outcome, decision.code, decision.reasons[0].clause) == (outcome, code, clause)
    assert decision.until is None
    assert decision.grant is None
    assert "lab/net" in decision.reasons[0].message
    assert bool(decision.reasons[0].hint) is (outcome != "allowed")


@pytest.mark.parametrize(
    ("purpose", "outcome", "code"),
    [
        ("", "allowed", "permitted-by-licence"),
        ("translation", "allowed", "permitted-by-licence"),
        ("medical-advice", "refused", "use-restricted"),
        ("law-enforcement", "refused", "use-restricted"),
    ],
)
def test_rail_refuses_the_restricted_purposes(purpose, outcome, code):
    decision = ask("openrail", "deploy", purpose=purpose)
    assert (decision.outcome, decision.code) == (outcome, code)
    if outcome == "refused":
        assert decision.reasons[0].clause == "OpenRAIL-M Attachment A (of one or another sibling)"


@pytest.mark.parametrize(
    ("licence", "duties"),
    [
        ("MIT", {"attribution": "MIT second paragraph (notice)"}),
        (
            "Apache-2.0",
            {
                "include-licence": "Apache-2.0 section 4(a)",
                "state-changes": "Apache-2.0 section 4(b)",
                "attribution": "Apache-2.0 section 4(c)",
                "notice-file": "Apache-2.0 section 4(d)",
            },
        ),
        (
            GPL,
            {
                "state-changes": f"{GPL} section 5(a)",
                "share-alike": f"{GPL} section 5(c)",
                "disclose-source": f"{GPL} section 6",
            },
        ),
        (
            NC,
            {
                "attribution": f"{NC} section 3(a)(1)(A)",
                "state-changes": f"{NC} section 3(a)(1)(B)",
                "include-licence": f"{NC} section 3(a)(1)(C)",
            },
        ),
        (
            "openrail",
            {
                "pass-on-use-restrictions": f"{RAIL} 4(a)",
                "include-licence": f"{RAIL} 4(b)",
                "state-changes": f"{RAIL} 4(c)",
                "attribution": f"{RAIL} 4(d)",
            },
        ),
    ],
)
def test_golden_duties(licence, duties):
    owed = {duty.id: duty.clause for duty in ask(licence, "deploy", commercial=False).duties}
    assert duties.items() <= owed.items()


def test_a_refusal_owes_nothing():
    assert ask(NC, "deploy").duties == ()


@pytest.mark.parametrize("licence", ["MIT", "Apache-2.0", GPL, NC, "openrail"])
@pytest.mark.parametrize("action", ["log", "register"])
def test_recording_is_allowed_and_names_the_duties(licence, action):
    decision = ask(licence, action)
    terms = find_template(licence)
    assert terms is not None
    assert (decision.outcome, decision.code, decision.duties) == ("allowed", "recorded", terms.duties)


@pytest.mark.parametrize("licence", [None, "", "  ", "NONE", "NOASSERTION"])
def test_no_licence_is_undecided(licence):
    decision = ask(licence, "deploy")
    assert (decision.outcome, decision.code) == ("undecided", "no-licence")
    assert "weightmark license set" in decision.reasons[0].hint


@pytest.mark.parametrize("licence", ["other", "gfdl", "Apache2", "(MIT", "MIT AND", "x" * 5000, "\x00", "()"])
def test_an_unknown_licence_is_undecided(licence):
    decision = ask(licence, "deploy")
    assert (decision.outcome, decision.code) == ("undecided", "unknown-licence")
    assert decision.reasons[0].message.isprintable()


def test_an_unknown_licence_offers_near_names():
    assert "Did you mean Apache-2.0?" in ask("Apache2.0", "deploy").reasons[0].hint


def test_the_refusal_says_whom_to_ask_and_how():
    hint = ask(NC, "deploy").reasons[0].hint
    assert hint == "Ask lab.example for a grant: `weightmark grant lab/net --to acme.example --for deploy`."
