"""check, license, grant, revoke, transfer: who may do what, and who may say so."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.workshop import LAYERS, Shell, flip_byte, write_model

KEYS = {"allowed", "code", "duties", "grant", "left", "outcome", "reasons", "until", "schema"}


def answer(shell: Shell, *args: str | Path, code: int) -> dict[str, Any]:
    found = shell.json("check", *args, code=code)
    assert set(found) == KEYS
    assert found["allowed"] is (code == 0)
    assert found["reasons"]
    return found


def test_the_owner_may(shell: Shell, model: Path) -> None:
    shell.run("register", model)
    assert answer(shell, model, code=0)["code"] == "owner"


def test_a_licence_allows_with_duties(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--license", "apache-2.0")
    found = answer(shell, model, "--as", "bob", "--action", "redistribute", code=0)
    assert found["code"] == "permitted-by-licence"
    assert all(duty["sentence"] for duty in found["duties"])
    shown = shell.run("check", model, "--as", "bob").stdout
    assert "✓ allowed[permitted-by-licence]: bob may deploy" in shown
    assert "= duty:" in shown


def test_a_licence_refuses(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--license", "cc-by-nc-4.0")
    found = answer(shell, model, "--as", "bob", code=4)
    assert found["code"] == "non-commercial"
    assert "section" in found["reasons"][0]["clause"]
    shown = shell.run("check", model, "--as", "bob", code=4).stdout
    assert "✗ refused[non-commercial]: bob may not deploy" in shown
    assert "  --> CC-BY-NC-4.0 section" in shown
    assert "   = help: Ask" in shown


def test_a_non_commercial_party_may_what_a_commercial_one_may_not(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--license", "cc-by-nc-4.0", *shell.key("openlab"))
    answer(shell, model, code=4)
    shell.env["WEIGHTMARK_COMMERCIAL"] = "false"
    answer(shell, model, code=0)


def test_no_licence_and_an_unknown_licence_are_undecided(shell: Shell, model: Path) -> None:
    shell.run("register", model)
    assert answer(shell, model, "--as", "bob", code=5)["code"] == "no-licence"
    shell.run("license", "set", model, "LicenseRef-ours")
    assert answer(shell, model, "--as", "bob", code=5)["code"] == "unknown-licence"


@pytest.mark.parametrize("reference", ["nothing", "sha256:" + "0" * 64, "x" * 3000, "files"])
def test_what_is_not_registered_is_undecided_and_says_what_to_do(shell: Shell, reference: str) -> None:
    write_model(shell.folder / "files")
    found = answer(shell, reference, code=5)
    assert found["code"] == "not-registered"
    assert "weightmark register" in found["reasons"][0]["hint"]
    assert "weightmark register" in shell.run("check", reference, code=5).stdout


@pytest.mark.parametrize(
    "args",
    [
        ("--action", "fly"),
        ("--at", "yesterday"),
        ("--at", "2026-13-01"),
        ("--at", "2026-01-01T00:00:00+01:00"),
    ],
)
def test_wrong_options_are_usage_errors(shell: Shell, model: Path, args: tuple[str, str]) -> None:
    shell.run("register", model)
    shell.run("check", model, *args, code=2)


def test_files_that_changed_since_are_not_what_was_registered(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--license", "MIT")
    answer(shell, model, "--as", "bob", code=0)
    flip_byte(model / "model.safetensors", -1)
    assert answer(shell, model, "--as", "bob", code=5)["code"] == "not-registered"


def test_a_model_that_has_a_folders_name_is_not_taken_for_the_folder(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--license", "cc-by-nc-4.0")
    other = write_model(shell.folder / "other", {"x": [1.0]})
    shell.run("register", other, "--license", "MIT", "--name", "churn", *shell.key("mallory"))
    answer(shell, "churn", "--as", "bob", code=4)


def test_grant_then_revoke(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--license", "cc-by-nc-4.0")
    answer(shell, model, "--as", "bob", code=4)
    granted = shell.json("grant", model, "--to", "bob", "--for", "deploy", "--until", "2099-12-31")
    found = answer(shell, model, "--as", "bob", code=0)
    assert (found["code"], found["grant"]) == ("granted", granted["grant"])
    assert found["until"] == "2099-12-31T00:00:00Z"
    answer(shell, model, "--as", "eve", code=4)
    answer(shell, model, "--as", "bob", "--action", "resell", code=4)
    shell.run("revoke", granted["grant"], "--cause", "invoice 17 was not paid")
    found = answer(shell, model, "--as", "bob", code=4)
    assert "grant-revoked" in {reason["code"] for reason in found["reasons"]}


def test_a_grant_has_its_time(shell: Shell, model: Path) -> None:
    shell.run("register", model)
    times = ("--from", "2030-01-01", "--until", "2031-01-01", "--grace-days", "10")
    shell.run("grant", model, "--to", "bob", "--for", "deploy", *times)
    for at, code in (
        ("2029-12-31T23:59:59Z", 5),
        ("2030-01-01", 0),
        ("2030-12-31T23:59:59Z", 0),
        ("2031-01-05", 0),
        ("2031-01-11", 5),
    ):
        answer(shell, model, "--as", "bob", "--at", at, code=code)
    assert answer(shell, model, "--as", "bob", "--at", "2031-01-05", code=0)["code"] == "grace"


@pytest.mark.parametrize(
    "args",
    [
        ("--to", "bob"),
        ("--for", "deploy"),
        ("--to", "bob", "--for", "fly"),
        ("--to", "bob", "--for", "deploy", "--until", "soon"),
        ("--to", "bob", "--for", "deploy", "--until", "2001-01-01"),
        ("--to", "", "--for", "deploy"),
        ("--to", "bob", "--for", ""),
        ("--to", "bob", "--for", "deploy", "--grace-days", "-1"),
    ],
)
def test_a_grant_that_makes_no_sense_is_a_usage_error(
    shell: Shell, model: Path, args: tuple[str, ...]
) -> None:
    shell.run("register", model)
    shell.run("grant", model, *args, code=2)


def test_only_the_owner_grants_revokes_licenses_and_transfers(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--license", "MIT", *shell.key("openlab"))
    granted = shell.json("grant", model, "--to", "bob", "--for", "deploy", *shell.key("openlab"))["grant"]
    size = len(shell.json("history")["entries"])
    for args in (
        ("grant", model, "--to", "acme", "--for", "deploy"),
        ("revoke", granted, "--cause", "envy"),
        ("license", "set", model, "apache-2.0"),
        ("transfer", model, "--to", "acme"),
    ):
        said = shell.fail(*args, code=4)
        assert "only openlab" in said
        assert "this workspace speaks for acme" in said
    assert len(shell.json("history")["entries"]) == size


def test_speaking_as_the_owner_without_the_owners_key_is_refused(shell: Shell, model: Path) -> None:
    shell.run("register", model, *shell.key("openlab"))
    shell.fail("grant", model, "--to", "acme", "--for", "deploy", "--as", "openlab", code=3)


def test_revoke_names_what_is_not_a_grant(shell: Shell, model: Path) -> None:
    shell.run("register", model)
    shell.fail("revoke", "sha256:" + "0" * 64, "--cause", "x", code=1)
    shell.run("revoke", "grant-17", "--cause", "x", code=2)


def test_license_set_and_show(shell: Shell, model: Path) -> None:
    shell.run("register", model)
    assert shell.json("license", "show", "churn")["license"] is None
    assert shell.json("license", "set", model, "apache-2.0")["license"] == "Apache-2.0"
    shown = shell.json("license", "show", model)
    assert (shown["license"], shown["terms"]["id"]) == ("Apache-2.0", "Apache-2.0")
    text = shell.run("license", "show", "cc-by-nc-4.0").stdout
    assert "commercial" in text
    shell.fail("license", "set", model, "apache2", code=1)
    shell.fail("license", "show", "no-such-thing", code=1)
    assert shell.json("license", "show", model)["license"] == "Apache-2.0"


def test_terms_of_ones_own(shell: Shell, model: Path) -> None:
    shell.run("register", model)
    terms = shell.json("license", "show", "proprietary")["terms"]
    (shell.folder / "terms.json").write_text(json.dumps({**terms, "id": "LicenseRef-ours"}))
    shell.run("license", "set", model, "LicenseRef-ours", "--terms", "terms.json")
    answer(shell, model, "--as", "bob", code=4)
    (shell.folder / "terms.json").write_text("{}")
    shell.fail("license", "set", model, "LicenseRef-ours", "--terms", "terms.json", code=1)


def test_transfer(shell: Shell, model: Path) -> None:
    lab = shell.key("openlab")
    shell.run("register", model)
    early = shell.json("grant", model, "--to", "bob", "--for", "deploy")["grant"]
    shell.run("transfer", model, "--to", "openlab")
    assert "only openlab" in shell.fail("grant", model, "--to", "eve", "--for", "deploy", code=4)
    shell.run("grant", model, "--to", "carol", "--for", "deploy", *lab)
    assert answer(shell, model, "--as", "bob", code=0)["grant"] == early
    answer(shell, model, "--as", "carol", code=0)
    answer(shell, model, "--as", "acme", code=5)
    assert shell.json("verify", model)["ok"] is True
    shell.fail("grants", "suspend", early, "--cause", "x", code=4)
    shell.run("revoke", early, "--cause", "x", *lab)
    answer(shell, model, "--as", "bob", code=5)


def test_transfer_to_nobody_known_is_refused(shell: Shell, model: Path) -> None:
    shell.run("register", model)
    assert "trust add" in shell.fail("transfer", model, "--to", "nobody", code=3)


def test_a_derived_model_is_bound_by_its_parent(shell: Shell, model: Path) -> None:
    base = write_model(shell.folder / "base", {"x": [1.0]})
    shell.run("register", base, "--license", "cc-by-nc-4.0", *shell.key("openlab"))
    shell.run("register", model, "--license", "MIT", "--base", "base")
    found = answer(shell, model, code=4)
    assert found["reasons"][0]["work"] == "base"
    shell.run("grant", base, "--to", "acme", "--for", "deploy", *shell.key("openlab"))
    answer(shell, model, code=0)
    answer(shell, model, "--as", "bob", code=4)


def test_a_parent_that_nobody_registered_is_undecided(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--license", "MIT", "--base", "hf://somebody/something")
    found = answer(shell, model, code=5)
    assert found["reasons"][0]["work"] == "hf://somebody/something"


def test_a_base_that_is_added_later_counts(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--license", "MIT")
    answer(shell, model, code=0)
    shell.run("register", model, "--base", "hf://somebody/something")
    answer(shell, model, code=5)
    size = len(shell.json("history")["entries"])
    shell.run("register", model, "--base", "hf://somebody/something")
    assert len(shell.json("history")["entries"]) == size


def test_a_grandparent_counts(shell: Shell, model: Path) -> None:
    for name, value, more in (("a", 1.0, ()), ("b", 2.0, ("--base", "a")), ("c", 3.0, ("--base", "b"))):
        folder = write_model(shell.folder / name, {"x": [value]})
        licence = "cc-by-nc-4.0" if name == "a" else "MIT"
        shell.run("register", folder, "--license", licence, *more, *shell.key(f"lab-{name}"))
    assert answer(shell, "c", code=4)["reasons"][0]["work"] == "a"


def test_the_same_weights_packed_anew_are_bound_by_the_first_registration(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--license", "cc-by-nc-4.0", *shell.key("openlab"))
    repacked = write_model(shell.folder / "mine", dict(reversed(LAYERS.items())))
    (repacked / "config.json").write_text('{"model_type": "mlp", "name": "mine"}')
    shell.run("register", repacked, "--license", "MIT")
    found = answer(shell, repacked, code=4)
    assert found["reasons"][0]["work"] == "churn"
    shell.run("grant", model, "--to", "acme", "--for", "deploy", *shell.key("openlab"))
    answer(shell, repacked, code=0)


def test_another_hash_function_hides_no_copy(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--license", "cc-by-nc-4.0", *shell.key("openlab"))
    blake3 = {"WEIGHTMARK_ALGORITHM": "blake3"}
    repacked = write_model(shell.folder / "mine", dict(reversed(LAYERS.items())))
    shell.run("register", repacked, "--license", "MIT", env=blake3)
    found = shell.json("check", "mine", code=4)
    assert found["reasons"][0]["work"] == "churn"


def test_a_copy_of_the_folder_is_the_same_model(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--license", "cc-by-nc-4.0", *shell.key("openlab"))
    shutil.copytree(model, shell.folder / "copy")
    answer(shell, "copy", code=4)


def test_a_licence_binds_whoever_registers_anothers_model(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--license", "cc-by-nc-4.0")
    refused = answer(shell, model, code=4)
    assert refused["code"] == "non-commercial"
    assert "If it is yours, say so" in refused["reasons"][0]["hint"]
    child = write_model(shell.folder / "child", {"x": [1.0]})
    shell.run("register", child, "--license", "MIT", "--base", model.name)
    assert answer(shell, child, code=4)["reasons"][0]["work"] == model.name


@pytest.mark.parametrize("way", ["license set", "--mine", "grant"])
def test_whoever_acts_as_the_owner_is_the_owner(shell: Shell, model: Path, way: str) -> None:
    shell.run("register", model, "--license", "cc-by-nc-4.0")
    if way == "license set":
        shell.run("license", "set", model, "cc-by-nc-4.0")
    elif way == "grant":
        shell.run("grant", model, "--to", "somebody", "--for", "infer")
    else:
        shell.run("register", model, "--mine")
    found = answer(shell, model, code=0)
    assert found["code"] == "owner"
    assert shell.json("license", "show", model)["license"] == "CC-BY-NC-4.0"
    shell.run("verify", model)


def test_the_owner_goes_before_whoever_it_was_put_down_to(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--license", "mit")
    shell.run("register", model, "--license", "cc-by-nc-4.0", *shell.key("openlab"))
    assert shell.json("license", "show", model)["owner"] == "openlab"
    assert answer(shell, model, code=4)["code"] == "non-commercial"
    assert shell.json("verify", model)["owner"] == "openlab"
    # And is not put aside in turn.
    shell.run("register", model, "--license", "mit", "--mine", code=4)


def test_a_purpose_is_asked_for_and_the_nearest_offered(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--license", "cc-by-nc-4.0")
    shell.run("grant", model, "--to", "bob", "--for", "deploy", "--purpose", "research")
    assert answer(shell, model, "--as", "bob", code=4)["code"] == "purpose-not-granted"
    assert answer(shell, model, "--as", "bob", "--purpose", "research", code=0)["code"] == "granted"
    shown = shell.run("check", model, "--as", "bob", "--purpose", "reserch", code=4).stdout
    assert "= help: Did you mean research?" in shown
    assert "also[non-commercial]" in shown


def test_a_seat_is_named(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--license", "cc-by-nc-4.0")
    granted = shell.json("grant", model, "--to", "bob", "--for", "deploy", "--seats", "1")["grant"]
    shown = shell.run("check", model, "--as", "bob", code=4).stdout
    assert "✗ refused[grant-no-seat]: bob may not deploy" in shown
    assert "= help: Name your seat with --seat" in shown
    shell.run("grants", "seat", "add", granted, "ann", *shell.key("bob"))
    answer(shell, model, "--as", "bob", "--seat", "ann", code=0)
    assert answer(shell, model, "--as", "bob", "--seat", "eve", code=4)["code"] == "grant-no-seat"


def test_an_amount_is_weighed_and_what_is_left_is_told(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--license", "cc-by-nc-4.0")
    shell.run("grant", model, "--to", "bob", "--for", "deploy", "--bound", "tokens=500")
    found = answer(shell, model, "--as", "bob", "--amount", "tokens=500", code=0)
    assert found["left"] == {"tokens": 500}
    assert answer(shell, model, "--as", "bob", "--amount", "tokens=501", code=4)["code"] == "quota-exceeded"
    assert "= left: 500 of tokens" in shell.run("check", model, "--as", "bob").stdout


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--amount", "tokens=-1"), "negative"),
        (("--amount", "tokens"), "no amount such as tokens=500"),
        (("--amount", "=5"), "no amount such as tokens=500"),
        (("--amount", "tokens=5.5"), "whole number"),
        (("--amount", "tokens=" + "9" * 5000), "whole number"),
        (("--amount", "tokens=1", "--amount", "tokens=2"), "twice"),
        (("--at", "2027-01-01T00:00:00"), "needs a Z at its end"),
    ],
)
def test_wrong_amounts_and_times_say_what_is_wrong(
    shell: Shell, model: Path, args: tuple[str, ...], says: str
) -> None:
    assert says in " ".join(shell.run("check", model, *args, code=2).stderr.split())


def test_what_cannot_be_known_names_the_gates_fail_mode(shell: Shell, model: Path) -> None:
    shell.run("register", model)
    closed = shell.run("check", model, "--as", "bob", code=5).stdout
    assert "= note: The gate of deploy refuses what cannot be known (refuse)." in closed
    (shell.folder / "weightmark.toml").write_text(
        '[gates.deploy]\nundecided = "degrade"\ndegrade-to = "inference"\n'
    )
    degraded = shell.run("check", model, "--as", "bob", code=5).stdout
    assert "the tier inference holds it (degrade)" in degraded
