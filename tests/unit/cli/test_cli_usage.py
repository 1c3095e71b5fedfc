from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.cli.test_json_schema import holds
from tests.workshop import Shell


def granted(shell: Shell, model: Path, *more: str) -> str:
    """Grant bigcorp the use of a model for a year."""
    shell.run("register", model, "--license", "cc-by-nc-4.0", "--mine")
    until = f"{datetime.now(UTC) + timedelta(days=365):%Y-%m-%d}"
    answer = shell.json("grant", model, "--to", "bigcorp", "--for", "inference", "--until", until, *more)
    return str(answer["grant"])


@pytest.fixture
def grant(shell: Shell, model: Path) -> str:
    """A grant with limits that renews itself by a month."""
    limits = ("--bound", "inferences=100+10:requests", "--bound", "tokens=1000:tokens")
    return granted(shell, model, *limits, "--renew-days", "30", "--renew-price", "49.00 EUR")


def test_uses_are_counted_once_and_shown(shell: Shell, grant: str) -> None:
    counted = shell.json("usage", "record", grant, "inferences", "5", "--key", "a")
    holds("usage-counted", counted)
    assert counted["counted"][0] | {"left": 0} == {
        "name": "inferences", "units": 5, "used": 5, "left": 0, "over": 0, "repeated": False,
    }  # fmt: skip
    assert (
        "was counted before: 5 used, 105 left"
        in shell.run("usage", "record", grant, "inferences", "5", "--key", "a").stdout
    )
    shown = shell.json("usage", "show")
    holds("usage-show", shown)
    (entry,) = shown["grants"]
    assert entry["grant"] == grant
    assert [(each["name"], each["used"], each["left"]) for each in entry["entitlements"]] == [
        ("inferences", 5, 105), ("tokens", 0, 1000),
    ]  # fmt: skip
    assert "inferences" in shell.run("usage", "show", grant).stdout


def test_what_is_not_left_is_refused_with_4_and_says_what_is(shell: Shell, grant: str) -> None:
    message = shell.fail("usage", "record", grant, "inferences", "111", "--key", "a", code=4)
    assert "110 left" in message
    assert "does not reset" in message
    counted = shell.json("usage", "record", grant, "inferences", "111", "--key", "a", "--happened")
    assert (counted["counted"][0]["left"], counted["counted"][0]["over"]) == (-1, 11)


def test_a_job_is_reserved_and_settled(shell: Shell, grant: str) -> None:
    reserved = shell.json("usage", "reserve", grant, "tokens=500", "inferences=7", "--key", "job")
    holds("usage-reserved", reserved)
    assert (reserved["state"], reserved["units"]) == ("open", {"inferences": 7, "tokens": 500})
    assert "500 tokens" in shell.run("usage", "show").stdout
    holds("usage-show", shell.json("usage", "show"))
    settled = shell.json("usage", "settle", grant, "tokens=420", "--key", "job")
    holds("usage-counted", settled)
    assert {each["name"]: each["used"] for each in settled["counted"]} == {"inferences": 7, "tokens": 420}
    shell.run("usage", "reserve", grant, "tokens=1", "--key", "other", "--lasts", "30m")
    holds("usage-reserved", shell.json("usage", "release", grant, "--key", "other"))
    assert "let go" in shell.run("usage", "release", grant, "--key", "other").stdout
    assert "was released" in shell.fail("usage", "settle", grant, "--key", "other", code=1)


def test_wrong_words_are_usage_errors(shell: Shell, grant: str) -> None:
    for words in (
        ("record", grant, "inferences", "0", "--key", "a"),
        ("record", grant, "inferences", str(2**63), "--key", "a"),
        ("record", grant, "inferences", "1", "--key", ""),
        ("reserve", grant, "tokens", "--key", "a"),
        ("reserve", grant, "tokens=-1", "--key", "a"),
        ("reserve", grant, "tokens=1", "--key", "a", "--lasts", "400d"),
    ):
        shell.run("usage", *words, code=2)


def test_what_is_unknown_is_named(shell: Shell, grant: str, model: Path) -> None:
    assert "no grant" in shell.fail("usage", "record", "sha256:" + "0" * 64, "n", "1", "--key", "a", code=1)
    assert "inferences, tokens" in shell.fail("usage", "record", grant, "n", "1", "--key", "a", code=1)
    assert "counts no 'n'" in shell.fail("usage", "record", str(model), "n", "1", "--key", "a", code=1)
    shell.run("usage", "record", grant, "tokens", "1", "--key", "a")
    assert "counted as 1 tokens" in shell.fail("usage", "record", grant, "tokens", "2", "--key", "a", code=1)


def test_nothing_counted_is_said_so(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--license", "mit", "--mine")
    assert "no grant has limits" in shell.run("usage", "show").stdout


def test_a_renewal_is_invoiced_paid_and_recorded(shell: Shell, grant: str) -> None:
    assert "No grant ends so soon" in shell.run("renewals", "list", "--within", "30d").stdout
    listed = shell.json("renewals", "list", "--within", "366d")
    holds("renewals-list", listed)
    assert [(each["grant"], each["renews"]) for each in listed["expiring"]] == [(grant, True)]
    early = ("--lead-days", "400", "--provider", "manual")
    assert shell.json("renewals", "run", *early)["renewals"] == []  # a month is charged a month ahead


def test_a_renewal_goes_from_an_invoice_to_the_ledger(shell: Shell, model: Path) -> None:
    grant = granted(shell, model, "--renew-days", "366", "--renew-price", "499.00 EUR")
    early = ("--lead-days", "366")
    foreseen = shell.json("renewals", "run", "--dry-run", *early)
    holds("renewals-run", foreseen)
    assert [each["next"] for each in foreseen["renewals"]] == ["charge"]
    assert "next: charge" in shell.run("renewals", "run", "--dry-run", *early).stdout
    ran = shell.json("renewals", "run", *early)
    holds("renewals-run", ran)
    (entry,) = ran["renewals"]
    assert (entry["state"], entry["amount"], entry["provider"]) == ("pending", "499.00", "manual:")
    holds("renewal", shell.json("renewals", "unpaid", entry["key"]))
    assert "failed" in shell.run("renewals", "run", *early).stdout
    holds("renewal", shell.json("renewals", "paid", grant))
    ran = shell.json("renewals", "run", "--lead-days", "0")
    assert [each["state"] for each in ran["renewals"]] == ["renewed"]
    holds("renewal", shell.json("renewals", "show", grant))
    assert "renewed" in shell.run("renewals", "show", entry["key"]).stdout
    listed = shell.json("renewals", "list")
    holds("renewals-list", listed)
    assert [each["state"] for each in listed["renewals"]] == ["renewed"]
    assert "499.00 EUR" in shell.run("renewals", "list").stdout


def test_renewals_that_are_not_there_are_named(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--license", "mit", "--mine")
    assert "no renewal nothing" in shell.fail("renewals", "show", "nothing", code=1)
    assert "no renewal nothing" in shell.fail("renewals", "paid", "nothing", code=1)
    assert "named 'cash'" in shell.fail("renewals", "run", "--provider", "cash", code=1)
    shell.run("renewals", "run", "--retry-days", "0", code=2)
    shell.run("renewals", "run", "--retry-days", "soon", code=2)
