"""Grants on the command line: from the grant to its end, each step with what comes next."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.test_json_schema import holds
from tests.workshop import Shell

Answer = dict[str, Any]


@pytest.fixture
def bob(shell: Shell) -> tuple[str, ...]:
    return shell.key("bob")


@pytest.fixture(autouse=True)
def _registered(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--license", "proprietary", "--mine")


def gives(shell: Shell, *options: str, to: str = "bob") -> Answer:
    return shell.json("grant", "churn", "--to", to, "--for", "full", *options)


def show(shell: Shell, grant: str) -> Answer:
    found = shell.json("grants", "show", grant)
    holds("grants-show", found)
    return found


def test_a_grant_that_waits_names_for_whom(shell: Shell, bob: tuple[str, ...]) -> None:
    dave, erin = shell.key("dave"), shell.key("erin")
    asked = ("--acceptance", "--approver", "dave", "--approver", "erin", "--threshold", "1")
    given = gives(shell, *asked)
    waits = ["the grant waits for bob, and for 1 of 2 approvers: dave, erin"]
    assert (given["state"], given["waits"]) == ("pending", waits)
    grant = given["grant"]
    assert show(shell, grant)["waits"] == waits
    assert "none of the grant's approvers (dave, erin)" in shell.fail(
        "grants", "approve", grant, *bob, code=4
    )
    shell.run("check", "churn", "--as", "bob", code=4)
    done = shell.run("grants", "accept", grant, *bob).stdout
    assert "it is pending now.\n  The grant waits for 1 of 2 approvers: dave, erin." in done
    shell.run("grants", "approve", grant, *erin)
    assert show(shell, grant)["state"] == "in-effect"
    shell.run("check", "churn", "--as", "bob")
    assert "waits for nobody" in shell.fail("grants", "accept", grant, *bob, code=4)
    shell.run("grants", "approve", grant, *dave)


def test_both_sign_an_amendment(shell: Shell, bob: tuple[str, ...]) -> None:
    grant = gives(shell, "--until", "2099-01-01")["grant"]
    change = shell.json(
        "grants", "amend", grant, "--until", "2100-01-01", "--seats", "2", "--grace-days", "5"
    )
    assert change["waits"] == [f"the amendment {change['statement']} waits for bob"]
    found = show(shell, grant)
    assert (found["end"], found["seats"], len(found["editions"])) == ("2099-01-01T00:00:00Z", None, 1)
    shell.run("grants", "accept", grant, "--change", change["statement"], *bob)
    found = show(shell, grant)
    assert (found["end"], found["seats"], len(found["editions"])) == ("2100-01-01T00:00:00Z", 2, 2)
    assert [row["what"] for row in found["history"]] == ["grant", "amendment", "consent"]
    assert found["editions"][0]["terms"]["end"] == "2099-01-01T00:00:00Z"
    shell.run("grants", "amend", grant, code=2)
    shell.run("grants", "amend", grant, "--until", "1999-01-01", code=2)
    shell.run("grants", "accept", grant, "--change", "it", *bob, code=2)


def test_suspend_reinstate_renew(shell: Shell, bob: tuple[str, ...]) -> None:
    grant = gives(shell, "--until", "2099-01-01")["grant"]
    assert "not suspended" in shell.fail("grants", "reinstate", grant, "--cause", "x", code=4)
    assert "only acme" in shell.fail("grants", "suspend", grant, "--cause", "x", *bob, code=4)
    shell.run("grants", "suspend", grant, "--cause", "an audit")
    shell.run("check", "churn", "--as", "bob", code=4)
    shell.run("grants", "reinstate", grant, "--cause", "nothing found")
    shell.run("check", "churn", "--as", "bob")
    assert "no earlier" in shell.fail("grants", "renew", grant, "--until", "2099-01-01", code=4)
    shell.run("grants", "renew", grant, "--until", "2101-01-01", "--payment", "order 18")
    found = show(shell, grant)
    assert found["end"] == "2101-01-01T00:00:00Z"
    details = [row["detail"] for row in found["history"]]
    assert details == ["to bob", "an audit", "nothing found", "until 2101-01-01T00:00:00Z, paid by order 18"]


def test_seats(shell: Shell, bob: tuple[str, ...]) -> None:
    grant = gives(shell, "--seats", "1")["grant"]
    shell.run("check", "churn", "--as", "bob", code=4)
    answer = shell.json("grants", "seat", "add", grant, "ann", *bob)
    assert (answer["seats"], answer["holders"]) == (1, ["ann"])
    assert "all 1 seats are taken, by ann" in shell.fail("grants", "seat", "add", grant, "ben", code=4)
    assert "1 of 1 seats are taken: ann." in shell.run("grants", "seat", "list", grant).stdout
    assert "1/1: ann" in shell.run("grants", "show", grant).stdout
    shell.run("grants", "seat", "free", grant, "ann", *bob)
    assert shell.json("grants", "seat", "list", grant)["holders"] == []
    free = gives(shell)["grant"]
    assert "not bound to seats" in shell.run("grants", "seat", "list", free).stdout


def test_hand_over(shell: Shell, bob: tuple[str, ...]) -> None:
    grant = gives(shell, "--transferable")["grant"]
    shell.run("grants", "transfer", grant, "--to", "carol", *bob)
    shell.run("check", "churn", "--as", "bob", code=4)
    shell.run("check", "churn", "--as", "carol")
    fixed = gives(shell)["grant"]
    change = shell.json("grants", "transfer", fixed, "--to", "dave", *bob)
    assert change["waits"] == [f"the assignment {change['statement']} waits for acme"]
    shell.run("grants", "accept", fixed, "--change", change["statement"])
    shell.run("check", "churn", "--as", "dave")
    for party, count in (("bob", 2), ("dave", 1), ("mallory", 0)):
        listed = shell.json("grants", "list", "churn", "--to", party)
        holds("grants-list", listed)
        assert len(listed["grants"]) == count


def test_sublicences(shell: Shell, bob: tuple[str, ...]) -> None:
    grant = gives(shell, "--until", "2099-01-01")["grant"]
    mine = ("grant", "churn", "--to", "zoe", "--for", "infer", "--under", grant)
    assert "only bob, who holds the grant above it" in shell.fail(*mine, "--until", "2098-01-01", code=4)
    assert "ends after" in shell.fail(*mine, *bob, code=4)
    shell.run("grant", "churn", "--to", "zoe", "--for", "infer", "--under", "x", code=2)
    sub = shell.json(*mine, "--until", "2098-01-01", *bob)["grant"]
    shell.run("check", "churn", "--as", "zoe")
    shell.run("revoke", grant, "--cause", "enough")
    shell.run("check", "churn", "--as", "zoe", code=4)
    found = show(shell, sub)
    assert (found["state"], found["parent"]) == ("parent-invalid", grant)


def test_revocation_with_notice(shell: Shell, bob: tuple[str, ...]) -> None:
    grant = gives(shell, "--notice-days", "30")["grant"]
    early = shell.fail("revoke", grant, "--cause", "x", "--at", "2026-01-01", code=4)
    assert "with its notice of 30 days" in early
    told = shell.json("revoke", grant, "--cause", "x", "--ground", "withdrawal")
    assert show(shell, grant)["days_left"] in (29, 30)
    shell.run("check", "churn", "--as", "bob")
    assert told["revoked_at"] == show(shell, grant)["revoked_at"]
    shell.run("revoke", grant, "--cause", "copied it", "--ground", "breach")
    assert show(shell, grant)["state"] == "revoked"
    assert "was revoked at" in shell.fail("grants", "suspend", grant, "--cause", "x", code=4)
    shell.run("check", "churn", "--as", "bob", code=4)


def test_everything_that_can_be_granted(shell: Shell) -> None:
    terms = gives(
        shell, "--until", "2099-01-01", "--grace-days", "3", "--non-commercial", "--purpose", "research",
        "--bound", "calls=100+5:requests", "--bound", "tokens=9", "--fail-mode", "degrade", "--degrade-to",
        "read-only", "--renew-days", "30", "--renew-price", "12.50 EUR",
    )["terms"]  # fmt: skip
    assert terms["bounds"] == [
        {"limit": 100, "name": "calls", "overage": 5, "unit": "requests"},
        {"limit": 9, "name": "tokens", "overage": 0, "unit": "tokens"},
    ]
    assert terms["renewal"] == {"amount": "12.50", "currency": "EUR", "days": 30}
    assert (terms["failMode"], terms["degradeTo"], terms["graceDays"]) == ("degrade", "read-only", 3)
    assert (terms["commercial"], terms["purposes"]) == (False, ["research"])
    gives(shell, "--trial", "--until", "2099-01-01")
    told = shell.fail(
        "grant", "churn", "--to", "bob", "--for", "infer", "--trial", "--until", "2099-01-01", code=4
    )
    assert "had a trial" in told


@pytest.mark.parametrize(
    "options",
    [
        ("--renew-price", "12.50 EUR"),
        ("--renew-days", "30"),
        ("--renew-days", "30", "--renew-price", "12.50", "--until", "2099-01-01"),
        ("--renew-price", "much"),
        ("--bound", "calls"),
        ("--bound", "calls=-1"),
        ("--bound", "=1"),
        ("--seats", "0"),
        ("--trial",),
        ("--threshold", "1"),
        ("--approver", "dave", "--threshold", "2"),
        ("--notice-days", "99999"),
        ("--fail-mode", "maybe"),
    ],
)
def test_options_that_make_no_sense(shell: Shell, options: tuple[str, ...]) -> None:
    shell.run("grant", "churn", "--to", "bob", "--for", "full", *options, code=2)


def test_what_is_no_grant(shell: Shell) -> None:
    shell.run("grants", "show", "grant-17", code=2)
    assert "no grant" in shell.fail("grants", "show", "sha256:" + "0" * 64, code=1)
    assert shell.json("grants", "list", "churn")["grants"] == []


def test_a_grant_that_is_not_for_commercial_use_is_found_when_the_use_is_not(shell: Shell) -> None:
    gives(shell, "--non-commercial")
    refused = shell.run("check", "churn", "--as", "bob", code=4).stdout
    assert "bob is taken to act commercially; ask with --non-commercial if not." in refused
    shell.run("check", "churn", "--as", "bob", "--commercial", code=4)
    assert "taken to act" not in shell.run("check", "churn", "--as", "bob", "--non-commercial").stdout


def test_an_amount_that_nothing_counts_is_named(shell: Shell) -> None:
    gives(shell, "--bound", "calls=9")
    asked = shell.run("check", "churn", "--as", "bob", "--amount", "call=2").stdout
    assert "call is not counted here; what is: calls." in asked


@pytest.mark.parametrize(
    "options",
    [
        ("--to", ""),
        ("--to", "a\nb"),
        ("--to", "a" * 257),
        ("--purpose", ""),
        ("--grace-days", "5"),
        ("--degrade-to", "metadata"),
        ("--threshold", "1"),
    ],
)
def test_options_that_would_mean_nothing_are_refused(shell: Shell, options: tuple[str, ...]) -> None:
    shell.run("grant", "churn", "--to", "bob", "--for", "full", *options, code=2)
    assert shell.json("grants", "list", "churn")["grants"] == []
