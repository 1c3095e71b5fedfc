"""Tokens on the command line: made, narrowed, verified, counted, revoked; with a ledger and without."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.licence_files import Party
from tests.schemas import holds
from tests.workshop import Shell, write_model

from weightmark.claims.delegation.revoked_token import RevokedTokens
from weightmark.workspace import Configuration, Workspace
from weightmark.workspace.offline.delegated import revoke_token

pytestmark = pytest.mark.integration

JOB = ("--as", "reseller/ci", "--job", "42", "--model", "net")


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    env = {"HOME": str(tmp_path), "WEIGHTMARK_HOME": str(tmp_path / "home"), "WEIGHTMARK_PARTY": "lab"}
    opened = Shell(folder=folder, env=dict(env))
    write_model(folder / "net")
    opened.run("register", "net", "--mine", "--name", "net")
    return opened


def grant(shell: Shell, scope: str = "infer", *more: str) -> str:
    answer = shell.json("grant", "net", "--to", "reseller", "--for", scope, "--until", "2099-01-01", *more)
    return str(answer["grant"])


def make(shell: Shell) -> tuple[str, str]:
    """Make a token for the reseller and one for a job; give the grant and the job's revocation id."""
    id_ = grant(shell)
    holds("license-delegate", shell.json("license", "delegate", id_, "--out", "team.biscuit"))
    options = ("--party", "ci", "--job", "42", "--bound", "tokens=10", "--until", "2098-01-01")
    answer = holds(
        "license-delegate",
        shell.json("license", "delegate", "team.biscuit", "--narrow", *options, "--out", "job.biscuit"),
    )
    return id_, str(answer["blocks"][-1]["id"])


def test_a_job_uses_its_token_until_its_bound_is_used_up(shell: Shell) -> None:
    make(shell)
    assert holds("license-delegated", shell.json("license", "delegated", "job.biscuit", *JOB))["allowed"]
    for key, units, code in (("a", 6, 0), ("a", 6, 0), ("b", 4, 0), ("c", 1, 4)):
        counted = ("--count", f"tokens={units}", "--count-key", key)
        shell.run("license", "delegated", "job.biscuit", *JOB, *counted, code=code)
    refused = holds("license-delegated", shell.json("license", "delegated", "job.biscuit", *JOB, code=4))
    assert refused["code"] == "quota-exceeded"


def test_a_token_narrowed_from_another_counts_for_it_too(shell: Shell) -> None:
    make(shell)
    shell.run(
        "license", "delegate", "job.biscuit", "--narrow", "--bound", "tokens=8", "--out", "small.biscuit"
    )
    shell.run("license", "delegated", "small.biscuit", *JOB, "--count", "tokens=7", "--count-key", "1")
    shell.run("license", "delegated", "job.biscuit", *JOB, "--count", "tokens=4", "--count-key", "2", code=4)
    shell.run("license", "delegated", "job.biscuit", *JOB, "--count", "tokens=3", "--count-key", "2")


def test_a_job_is_its_first_bearers(shell: Shell) -> None:
    make(shell)
    count = ("--count", "tokens=1", "--count-key")
    shell.run("license", "delegated", "job.biscuit", *JOB, *count, "1")
    other = ("--as", "reseller/ci/b", "--job", "42", "--model", "net")
    said = shell.fail("license", "delegated", "job.biscuit", *other, *count, "2", code=4)
    assert "was used by reseller/ci; reseller/ci/b" in said


def test_every_block_is_shown_in_words(shell: Shell) -> None:
    make(shell)
    shown = shell.run("license", "delegated", "job.biscuit", "--show").stdout
    for sentence in (
        "Only for reseller.",
        "Only for reseller/ci.",
        "Only in the job 42.",
        "At most 10 tokens",
    ):
        assert sentence in shown
    holds("license-delegate", shell.json("license", "delegated", "job.biscuit", "--show"))


def test_offline_nothing_is_made_and_no_key_is_needed(shell: Shell, tmp_path: Path) -> None:
    make(shell)
    shell.run("trust", "export", "trust.json")
    away = {"WEIGHTMARK_HOME": str(tmp_path / "away")}
    offline = ("--trust", "trust.json")
    narrow = ("license", "delegate", "team.biscuit", "--narrow", "--party", "edge", "--seal", "--out", "edge")
    shell.run(*narrow, *offline, env=away)
    asked = ("license", "delegated", "edge", "--as", "reseller/edge", "--model", "net")
    answer = shell.json(*asked, *offline, env=away)
    assert (answer["code"], answer["known"]) == ("granted", False)
    assert "as the token carries it" in shell.run(*asked, *offline, env=away).stdout
    assert shell.json(*asked)["known"]
    unknown = ("license", "delegated", "job.biscuit", *JOB, *offline)
    assert shell.json(*unknown, env=away, code=5)["code"] == "usage-unknown"
    assert shell.json(*unknown, "--used", "tokens=9", env=away)["allowed"]
    assert not shell.json(*unknown, "--used", "tokens=10", env=away, code=4)["allowed"]
    assert not (tmp_path / "away").exists()
    shell.fail("license", "delegate", "edge", "--narrow", "--job", "1", "--out", "x", code=1)


def test_what_the_ledger_says_since_is_heard(shell: Shell) -> None:
    id_, _ = make(shell)
    shell.run("revoke", id_, "--cause", "not paid")
    refused = shell.json("license", "delegated", "team.biscuit", "--as", "reseller", "--model", "net", code=4)
    assert refused["code"] == "grant-revoked"
    shell.fail("license", "delegate", id_, "--out", "again", code=4)


def test_another_model_a_changed_one_and_another_party_are_refused(shell: Shell) -> None:
    make(shell)
    write_model(shell.folder / "other", {"x": [1.0]})
    shell.run("register", "other", "--mine", "--name", "other")
    asked = ("license", "delegated", "team.biscuit", "--as", "reseller", "--model")
    shell.json(*asked, "other", code=4)
    shell.json(*asked, "./other", code=4)
    shell.json(*asked, "sha256:" + "0" * 64, code=4)
    shell.json(*asked[:4], "somebody", "--model", "net", code=4)


def test_revoked_tokens_are_refused_here_and_where_the_list_is_carried(shell: Shell, tmp_path: Path) -> None:
    _, block = make(shell)
    revoked = shell.json("license", "revoke-token", block, "--cause", "the job's secrets leaked")
    holds("license-revoke-token", revoked)
    assert shell.json("license", "delegated", "job.biscuit", *JOB, code=4)["code"] == "grant-revoked"
    shell.run("license", "delegated", "team.biscuit", "--as", "reseller", "--model", "net")
    shell.run("trust", "export", "trust.json")
    away = {"WEIGHTMARK_HOME": str(tmp_path / "away")}
    options = ("--trust", "trust.json", "--used", "tokens=0")
    shell.run("license", "delegated", "job.biscuit", *JOB, *options, env=away)
    carried = ("--revoked", revoked["file"])
    answer = shell.json("license", "delegated", "job.biscuit", *JOB, *options, *carried, env=away, code=4)
    assert answer["revoked_lists"][0]["issuer"] == "lab"
    assert answer["reasons"][0]["code"] == "grant-revoked"
    shell.fail("license", "revoke-token", "zz", "--cause", "x", code=1)


def test_a_stale_a_forged_and_a_damaged_list_are_each_their_own_error(shell: Shell) -> None:
    _, block = make(shell)
    asked = ("license", "delegated", "job.biscuit", *JOB, "--json", "--revoked")
    with Workspace(
        Configuration.load({"party": "lab", "home": str(shell.env["WEIGHTMARK_HOME"])})
    ) as workspace:
        old = datetime(2026, 1, 1, tzinfo=UTC)
        revoke_token(workspace.resources, block, "old", old, fresh=timedelta(days=1))
    home = Path(str(shell.env["WEIGHTMARK_HOME"]))
    listed = home / "revoked-tokens.json"
    assert json.loads(shell.run(*asked, listed, code=3).stdout)["error"]["type"] == "StaleStatusError"
    now = datetime.now(UTC)
    made = RevokedTokens(
        issuer="lab", issued_at=now - timedelta(hours=1), fresh_until=now + timedelta(days=1)
    )
    forged = shell.folder / "forged.json"
    forged.write_bytes(made.sign(Party("lab").sign).encode())
    assert json.loads(shell.run(*asked, forged, code=3).stdout)["error"]["type"] == "UntrustedKeyError"
    forged.write_bytes(listed.read_bytes()[:-9])
    assert json.loads(shell.run(*asked, forged, code=1).stdout)["error"]["type"] == "MalformedError"


def test_a_grantee_who_may_sublicense_delegates_and_one_who_may_not_does_not(shell: Shell) -> None:
    reseller = shell.key("reseller")
    plain, wide = grant(shell), grant(shell, "infer,sublicense")
    said = shell.fail("license", "delegate", plain, "--out", "x", *reseller, code=4)
    assert "without the right to sublicense" in said
    shell.run("license", "delegate", wide, "--out", "t.biscuit", *reseller)
    shell.run("license", "delegated", "t.biscuit", "--as", "reseller", "--model", "net")
    shell.fail("license", "delegate", wide, "--out", "x", *shell.key("stranger"), code=4)
    shell.fail("license", "delegate", "sha256:" + "0" * 64, "--out", "x", code=1)


def test_only_an_ed25519_key_signs_tokens(shell: Shell) -> None:
    id_ = grant(shell)
    shell.run("keygen", "p256.pem", "--scheme", "p256")
    shell.run("trust", "add", "p256.pem.pub", "--identity", "lab")
    said = shell.fail("license", "delegate", id_, "--out", "x", "--key", "file:p256.pem", code=1)
    assert "Ed25519" in said


def test_a_file_that_is_no_token_is_a_clear_error(shell: Shell) -> None:
    for text in ("", "not a token", "A" * 100, "\ud7ff"):
        (shell.folder / "bad").write_text(text, encoding="utf-8")
        shell.fail("license", "delegated", "bad", "--show", code=1)


def test_without_the_library_the_extra_is_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    id_, _ = make(shell)
    monkeypatch.setitem(sys.modules, "biscuit_auth", None)
    for command in (("delegate", id_, "--out", "x"), ("delegated", "job.biscuit", "--show")):
        assert "weightmark[biscuit]" in shell.fail("license", *command, code=1)
