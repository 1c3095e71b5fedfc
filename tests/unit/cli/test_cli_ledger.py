"""history, ledger, index: what is recorded, proven, and noticed when it was touched."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.workshop import Shell, write_model

from weightmark.claims import (
    Bundle,
    Claim,
    GrantClaim,
    Policy,
    Statement,
    Subject,
    Transfer,
    TrustRoot,
    sign,
    verify_bundle,
)
from weightmark.encoding import encode
from weightmark.licensing import Capability, Grant
from weightmark.workspace import Configuration, Workspace

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


@pytest.fixture
def registered(shell: Shell, model: Path) -> Path:
    shell.run("register", model, "--license", "cc-by-nc-4.0", "--mine")
    return model


def database(shell: Shell) -> Path:
    return Path(str(shell.env["WEIGHTMARK_HOME"])) / "weightmark.db"


@contextmanager
def opened(shell: Shell, party: str = "acme", key: str = "") -> Iterator[Workspace]:
    settings = {"home": str(shell.env["WEIGHTMARK_HOME"]), "party": party}
    if key:
        settings["signer"] = key
    with Workspace(Configuration.load(settings, {})) as workspace:
        yield workspace


def force(workspace: Workspace, reference: str, claim: Claim) -> int:
    """Sign a claim and put it into the ledger, past every check of ours."""
    model = workspace.find(reference)
    statement = Statement(
        subject=Subject(name=model.name, bundle=model.bundle, weights=model.weights), claim=claim
    )
    return workspace.resources.ledger.append(sign(statement, [workspace.resources.signer.sign])).index


def test_history_of_one_and_of_all(shell: Shell, registered: Path) -> None:
    other = write_model(shell.folder / "other", {"x": [1.0]})
    shell.run("register", other)
    everything = shell.json("history")["entries"]
    assert [entry["entry"] for entry in everything] == [0, 1, 2, 3]
    one = shell.json("history", other)["entries"]
    assert [entry["entry"] for entry in one] == [2, 3]
    assert all(entry["accepted"] and entry["signers"] == ["acme"] for entry in everything)
    shown = shell.run("history", registered).stdout
    assert "registration" in shown
    assert one[0]["statement"] not in shown


def test_history_of_what_is_not_registered(shell: Shell, registered: Path) -> None:
    assert "nothing registered" in shell.fail("history", "nothing", code=4)


def test_claims_forced_into_the_ledger_are_kept_and_do_not_count(shell: Shell, registered: Path) -> None:
    mallory = shell.key("mallory")
    with opened(shell, "mallory", mallory[3]) as workspace:
        bundle = workspace.find("churn").bundle
        everything = frozenset(Capability)
        grant = Grant(model=bundle, licensor="mallory", grantee="mallory", capabilities=everything, start=NOW)
        forged = Grant(model=bundle, licensor="acme", grantee="mallory", capabilities=everything, start=NOW)
        key_id = workspace.resources.signer.public_key.key_id
        places = [
            force(workspace, "churn", GrantClaim(grant=grant, issued_at=NOW)),
            force(workspace, "churn", GrantClaim(grant=forged, issued_at=NOW)),
            force(workspace, "churn", Transfer(new_owner="mallory", new_key=key_id, issued_at=NOW)),
        ]
    entries = {entry["entry"]: entry for entry in shell.json("history", "churn")["entries"]}
    for place in places:
        assert entries[place]["accepted"] is False
        assert "only acme" in entries[place]["note"]
    assert "does not count" in shell.run("history").stdout
    assert shell.json("ledger", "audit")["not_counting"] == places
    assert shell.json("check", registered, "--as", "mallory", code=4)["allowed"] is False
    assert shell.json("license", "show", "churn")["owner"] == "acme"


def test_an_entry_by_a_key_that_nobody_knows_does_not_count(shell: Shell, registered: Path) -> None:
    shell.run("keygen", "stranger.pem")
    with opened(shell, "acme", "file:stranger.pem") as workspace:
        bundle = workspace.find("churn").bundle
        grant = Grant(
            model=bundle, licensor="acme", grantee="eve", capabilities=frozenset(Capability), start=NOW
        )
        place = force(workspace, "churn", GrantClaim(grant=grant, issued_at=NOW))
    entry = shell.json("history", "churn")["entries"][-1]
    assert (entry["entry"], entry["accepted"], entry["signers"]) == (place, False, [])


def test_checkpoint_is_a_signed_note(shell: Shell, registered: Path) -> None:
    found = shell.json("ledger", "checkpoint")
    assert found["size"] == 2
    note = shell.run("ledger", "checkpoint").stdout
    assert note == found["note"]
    assert note.splitlines()[:2] == [found["origin"], "2"]
    assert found["key"].startswith(found["origin"] + "+")


def test_prove_gives_a_bundle_that_verifies(shell: Shell, registered: Path) -> None:
    proof = shell.json("ledger", "prove", "1", "--since", "1")
    assert len(proof["consistency"]) == 1
    shell.run("trust", "export", "trust.json")
    trust = TrustRoot.decode(Path("trust.json").read_bytes())
    evidence = verify_bundle(Bundle.decode(encode(proof["bundle"])), trust, Policy(), NOW)
    assert evidence.checkpoint is not None
    plain = shell.run("ledger", "prove", "0").stdout
    assert Bundle.decode(plain.strip().encode()).receipt is not None


@pytest.mark.parametrize("args", [("2",), ("99",), ("0", "--since", "3")])
def test_prove_what_is_not_there(shell: Shell, registered: Path, args: tuple[str, ...]) -> None:
    assert "the ledger" in shell.fail("ledger", "prove", *args, code=3)


def test_prove_in_an_empty_ledger(shell: Shell) -> None:
    shell.fail("ledger", "prove", "0", code=3)
    shell.run("ledger", "prove", "-1", code=2)


def test_audit_of_a_whole_ledger(shell: Shell, registered: Path) -> None:
    found = shell.json("ledger", "audit")
    assert (found["ok"], found["size"], found["not_counting"]) == (True, 2, [])
    assert "2 entries" in shell.run("ledger", "audit").stdout


def tamper(shell: Shell, statement: str) -> None:
    """Change the database behind the ledger's back, and leave its triggers as they were."""
    with closing(sqlite3.connect(database(shell))) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        assert connection.execute(statement).rowcount >= 1
        for _, sql in triggers:
            connection.execute(sql)
        connection.commit()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entry SET body = replace(body, 'a', 'b') WHERE idx = 0",
        "UPDATE ledger_entry SET body = x'7b7d' WHERE idx = 0",
        "UPDATE ledger_entry SET leaf = zeroblob(32) WHERE idx = 0",
        "DELETE FROM ledger_entry WHERE idx = 1",
        "UPDATE ledger_checkpoint SET note = replace(note, 'weightmark', 'weightmork')",
        "DELETE FROM ledger_checkpoint WHERE size = (SELECT max(size) FROM ledger_checkpoint)",
        "UPDATE ledger_meta SET value = 'example.org/other' WHERE name = 'origin'",
    ],
)
def test_audit_finds_what_was_tampered_with(shell: Shell, registered: Path, statement: str) -> None:
    tamper(shell, statement)
    result = shell.call("ledger", "audit")
    assert result.exit_code in (1, 3), result.output
    assert result.stderr.startswith("error: ")
    assert "\nhint: " in result.stderr
    failed = json.loads(shell.call("ledger", "audit", "--json").stdout)
    assert failed["ok"] is False
    assert failed["error"]["type"] in {"MalformedError", "InclusionError", "SignatureError"}


def test_a_file_that_is_no_database(shell: Shell, registered: Path) -> None:
    for file in database(shell).parent.glob("weightmark.db*"):
        file.write_bytes(b"no database" * 1000)
    result = shell.call("verify", registered)
    assert result.exit_code in (1, 3, 5)
    assert result.stderr.startswith("error: ")


def test_index_rebuild_gives_the_same_index(shell: Shell, registered: Path) -> None:
    grant = shell.json("grant", registered, "--to", "bob", "--for", "deploy")["grant"]
    shell.run("revoke", grant, "--cause", "x")
    with opened(shell) as workspace:
        workspace.resources.catch_up()
        before = workspace.resources.index.dump()
    assert shell.json("index", "rebuild")["entries"] == 4
    with opened(shell) as workspace:
        assert workspace.resources.index.dump() == before
    assert "4 entries" in shell.run("index", "rebuild").stdout


def test_an_index_that_was_tampered_with_is_found_by_doctor_and_mended(
    shell: Shell, registered: Path
) -> None:
    tamper(shell, "UPDATE index_model SET owner = 'mallory'")
    found = shell.json("doctor", code=1)
    assert [check["check"] for check in found["checks"] if not check["ok"]] == ["index"]
    shell.run("doctor")
    assert shell.json("license", "show", "churn")["owner"] == "acme"


def test_a_ledger_that_lost_entries_is_refused(shell: Shell, registered: Path) -> None:
    kept = database(shell).read_bytes()
    index = {"WEIGHTMARK_INDEX": f"sqlite:///{shell.folder / 'index.db'}"}
    write_model(shell.folder / "other", {"x": [1.0]})
    shell.run("register", "other", env=index)
    for file in database(shell).parent.glob("weightmark.db*"):
        file.unlink()
    database(shell).write_bytes(kept)
    failed = shell.json("check", registered, env=index, code=3)
    assert failed["error"]["type"] == "InclusionError"
    assert "index rebuild" in failed["error"]["hint"]
    assert shell.json("index", "rebuild", env=index)["entries"] == 2
    shell.json("check", registered, env=index)


def test_doctor_when_all_is_well(shell: Shell, registered: Path) -> None:
    found = shell.json("doctor")
    assert found["ok"] is True
    assert [check["check"] for check in found["checks"]] == [
        "settings",
        "plugins",
        "key",
        "ledger",
        "index",
        "observers",
    ]
    assert "✗" not in shell.run("doctor").stdout


def test_doctor_when_the_key_is_somebody_elses_and_the_ledger_is_damaged(
    shell: Shell, registered: Path
) -> None:
    found = shell.json("doctor", code=1, env={"WEIGHTMARK_PARTY": "other"})
    assert [check["check"] for check in found["checks"] if not check["ok"]] == ["key"]
    tamper(shell, "UPDATE ledger_entry SET body = x'7b7d' WHERE idx = 0")
    result = shell.run("doctor", code=1)
    assert "✗ ledger" in result.stdout
    assert "hint:" in result.stdout
