"""Grants are named by the first digits of their ids, by every command that takes one."""

import sqlite3
from pathlib import Path

import pytest
from tests.workshop import Shell

from weightmark.workspace.grant_name import is_grant_name

HEX = "0123456789abcdef"


@pytest.fixture
def grant(shell: Shell, model: Path) -> str:
    shell.key("bob")
    shell.run("register", model, "--license", "proprietary", "--mine")
    options = ("--to", "bob", "--for", "full", "--until", "2099-01-01", "--seats", "2", "--bound", "calls=9")
    return str(shell.json("grant", "churn", *options)["grant"])


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("0123abcd", True),
        ("sha256:0123abcd", True),
        ("0" * 64, True),
        ("sha256:" + "0" * 64, True),
        ("sha256:0123abcd…", True),
        ("sha256:3b0c…", False),
        ("0123abc", False),
        ("sha256:0123abc", False),
        ("0123ABCD", False),
        ("0123abcg", False),
        ("0" * 65, False),
        ("0123abcd\n", False),
        ("sha512:0123abcd", False),
        ("", False),
    ],
)
def test_eight_hex_digits_or_more_may_name_a_grant(text: str, may: bool) -> None:
    assert is_grant_name(text) is may


@pytest.mark.parametrize("width", [8, 63, 64])
@pytest.mark.parametrize("prefix", ["", "sha256:"])
def test_the_first_digits_name_the_grant(shell: Shell, grant: str, width: int, prefix: str) -> None:
    short = prefix + grant.removeprefix("sha256:")[:width]
    assert shell.json("grants", "show", short)["grant"] == grant


def test_every_command_takes_them_and_answers_with_the_whole_id(shell: Shell, grant: str) -> None:
    short = "sha256:" + grant.removeprefix("sha256:")[:10]
    bob = ("--as", "bob", "--key", f"file:{shell.folder / 'bob.pem'}")
    for steps in (
        ("grants", "seat", "add", short, "ann"),
        ("grants", "seat", "free", short, "ann"),
        ("grants", "seat", "list", short),
        ("grants", "suspend", short, "--cause", "audit"),
        ("grants", "reinstate", short, "--cause", "audit"),
        ("grants", "renew", short, "--until", "2100-01-01"),
        ("grants", "amend", short, "--seats", "3"),
    ):
        assert shell.json(*steps)["grant"] == grant
    change = shell.json("grants", "amend", short, "--seats", "4")["statement"]
    assert shell.json("grants", "accept", short, "--change", change, *bob)["grant"] == grant
    assert shell.json("grants", "transfer", short, "--to", "zoe", *bob)["grant"] == grant
    under = ("--under", short, "--until", "2098-01-01", "--seats", "1", "--bound", "calls=1")
    below = shell.json("grant", "churn", "--to", "eve", "--for", "infer", *under, *bob)
    assert below["terms"]["parent"] == grant
    assert shell.json("license", "issue", short, "--out", "bob.lic")["licence"]["grant"] == grant
    shell.run("license", "status", "publish", "--uri", "urn:acme:1", "--out", "status.jwt")
    shell.run("license", "status", "show", "status.jwt", short)
    assert shell.json("usage", "record", short, "calls", "1", "--key", "a")["counted"][0]["used"] == 1
    assert shell.json("usage", "show", short)["grants"][0]["grant"] == grant
    shell.run("usage", "reserve", short, "calls=2", "--key", "job")
    shell.run("usage", "settle", short, "calls=1", "--key", "job")
    assert grant in shell.fail("renewals", "show", short, code=1)
    assert shell.json("revoke", short, "--cause", "it ended")["grant"] == grant


def test_digits_that_begin_no_id_are_told_apart_from_what_is_no_id(shell: Shell, grant: str) -> None:
    other = HEX[(HEX.index(grant[7]) + 1) % 16] * 8
    for command in (("grants", "show"), ("usage", "show"), ("license", "issue", "--out", "x.lic")):
        assert f"no grant whose id begins with {other}" in shell.fail(*command, other, code=1)
        assert not (shell.folder / "x.lic").exists()
    assert "first 8 or more" in shell.run("grants", "show", "0123", code=2).stderr


def test_digits_that_begin_two_ids_name_neither_until_there_are_more(shell: Shell, grant: str) -> None:
    twin = grant[:-1] + HEX[(HEX.index(grant[-1]) + 1) % 16]
    with sqlite3.connect(Path(str(shell.env["WEIGHTMARK_HOME"])) / "weightmark.db") as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(index_grant)")]
        taken = ", ".join("?" if name == "id" else name for name in columns)
        database.execute(f"INSERT INTO index_grant SELECT {taken} FROM index_grant", [twin])
    database.close()
    failed = shell.fail("revoke", grant[:15], "--cause", "it ended", code=1)
    assert "more than one grant's id begins with" in failed
    assert grant in failed
    assert twin in failed
    assert "Give more of its digits" in failed
    assert shell.json("grants", "show", grant)["state"] == "in-effect"


def test_a_model_whose_name_is_of_hex_digits_is_found_all_the_same(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--license", "apache-2.0", "--mine", "--name", "deadbeef")
    assert shell.json("usage", "show", "deadbeef")["grants"][0]["entitlements"] == []
