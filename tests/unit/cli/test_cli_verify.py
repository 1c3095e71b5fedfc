"""verify: what holds, what does not, and how it is said."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.workshop import LAYERS, Shell, flip_byte, write_model

WEIGHTS = "model.safetensors"


@pytest.fixture
def registered(shell: Shell, model: Path) -> Path:
    shell.run("register", model, "--license", "MIT", "--bundle", "churn.bundle.json")
    shell.run("trust", "export", "trust.json")
    return model


@pytest.fixture
def stranger(shell: Shell, registered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Somebody with a copy of the model, its bundle and a trust root; with no ledger and no settings."""
    folder = tmp_path / "stranger"
    shutil.copytree(shell.folder, folder)
    monkeypatch.chdir(folder)
    names = ("WEIGHTMARK_HOME", "WEIGHTMARK_PARTY", "WEIGHTMARK_PASSPHRASE")
    env: dict[str, str | None] = dict.fromkeys(names)
    return Shell(folder=folder, env={**env, "HOME": str(tmp_path / "home-of-a-stranger")})


OFFLINE = ("--bundle", "churn.bundle.json", "--trust", "trust.json")


def test_an_unchanged_model_holds(shell: Shell, registered: Path) -> None:
    held = shell.json("verify", registered)
    assert (held["ok"], held["failures"], held["owner"], held["signers"]) == (True, [], "acme", ["acme"])
    assert held["receipt"].endswith("#0")
    assert "acme registered it" in shell.run("verify", registered).stdout


def test_one_flipped_byte_names_file_and_tensor(shell: Shell, registered: Path) -> None:
    flip_byte(registered / WEIGHTS, -1)
    failed = shell.json("verify", registered, code=3)
    assert failed["ok"] is False
    assert {"path": WEIGHTS, "tensor": "dense.bias", "reason": "changed"} in failed["failures"]
    assert {failure["tensor"] for failure in failed["failures"]} <= {"dense.bias", ""}
    said = shell.fail("verify", registered, code=3)
    assert f"the tensor dense.bias in {WEIGHTS} was changed" in said


def change_config(model: Path) -> None:
    (model / "config.json").write_text('{"model_type": "mlp", "hidden_size": 5}')


def remove_config(model: Path) -> None:
    (model / "config.json").unlink()


def add_code(model: Path) -> None:
    (model / "modeling.py").write_text("import os")


def rename_tensor(model: Path) -> None:
    write_model(model, {"dense.w": LAYERS["dense.weight"], "dense.bias": LAYERS["dense.bias"]})


@pytest.mark.parametrize(
    ("spoil", "path", "reason"),
    [
        (change_config, "config.json", "changed"),
        (remove_config, "config.json", "missing"),
        (add_code, "modeling.py", "unexpected"),
        (rename_tensor, WEIGHTS, "missing"),
    ],
)
def test_every_kind_of_change_is_named(
    shell: Shell, registered: Path, spoil: Callable[[Path], None], path: str, reason: str
) -> None:
    spoil(registered)
    failed = shell.json("verify", registered, code=3)
    assert (path, reason) in {(failure["path"], failure["reason"]) for failure in failed["failures"]}
    assert path in shell.fail("verify", registered, code=3)


def test_an_unregistered_model(shell: Shell, registered: Path) -> None:
    other = write_model(shell.folder / "other", {"x": [1.0]})
    assert "not registered" in shell.fail("verify", other, code=3)
    failed = shell.json("verify", other, code=3)
    assert failed["ok"] is False
    assert failed["failures"]


def test_expect_holds_a_copy_against_a_name_a_digest_or_nothing(shell: Shell, registered: Path) -> None:
    copy = write_model(shell.folder / "downloaded")
    bundle = shell.json("verify", copy, "--expect", "churn")["bundle"]
    shell.run("verify", copy, "--expect", bundle)
    assert "not registered" in shell.fail("verify", copy, "--expect", "somebody-else", code=3)
    flip_byte(copy / WEIGHTS, -1)
    failed = shell.json("verify", copy, "--expect", "churn", code=3)
    assert "dense.bias" in {failure["tensor"] for failure in failed["failures"]}


def test_a_model_swapped_for_another_registered_one_fails(shell: Shell, registered: Path) -> None:
    other = write_model(shell.folder / "other", {"x": [1.0]})
    shell.run("register", other)
    shutil.rmtree(registered)
    shutil.copytree(other, registered)
    shell.json("verify", registered, code=3)


def test_offline_in_a_fresh_home_with_no_ledger(stranger: Shell) -> None:
    held = stranger.json("verify", "churn", *OFFLINE)
    assert (held["ok"], held["owner"], held["license"]) == (True, "acme", "MIT")
    assert not Path(str(stranger.env["HOME"])).exists()


def test_offline_names_what_differs_with_the_manifest_and_without(stranger: Shell) -> None:
    flip_byte(Path("churn") / WEIGHTS, -1)
    failed = stranger.json("verify", "churn", *OFFLINE, code=3)
    assert "dense.bias" in {failure["tensor"] for failure in failed["failures"]}
    manifest = Path("churn.bundle.json.manifest.json").rename("kept.json")
    failed = stranger.json("verify", "churn", *OFFLINE, code=3)
    assert [failure["path"] for failure in failed["failures"]] == [""]
    assert "--manifest" in stranger.fail("verify", "churn", *OFFLINE, code=3)
    stranger.json("verify", "churn", *OFFLINE, "--manifest", manifest, code=3)


def test_offline_with_another_models_bundle(shell: Shell, stranger: Shell) -> None:
    other = write_model(stranger.folder / "other", {"x": [1.0]})
    shell.run("register", other, "--bundle", stranger.folder / "other.bundle.json")
    offline = ("--bundle", "other.bundle.json", "--trust", "trust.json")
    stranger.run("verify", "other", *offline)
    stranger.json("verify", "churn", *offline, code=3)


def test_offline_with_another_bundles_manifest(shell: Shell, stranger: Shell) -> None:
    other = write_model(stranger.folder / "other", {"x": [1.0]})
    shell.run("register", other, "--bundle", stranger.folder / "other.bundle.json")
    Path("other.bundle.json.manifest.json").replace("churn.bundle.json.manifest.json")
    stranger.fail("verify", "churn", *OFFLINE, code=3)


def test_offline_under_a_trust_root_that_does_not_know_the_signer(stranger: Shell) -> None:
    stranger.env["WEIGHTMARK_HOME"] = str(stranger.folder / "home")
    stranger.run("trust", "export", "own.json")
    failed = stranger.json("verify", "churn", "--bundle", "churn.bundle.json", "--trust", "own.json", code=3)
    assert failed["error"]["type"] == "UntrustedKeyError"


def test_offline_with_the_signer_but_not_the_log(stranger: Shell) -> None:
    trust = json.loads(Path("trust.json").read_bytes())
    Path("trust.json").write_text(json.dumps({**trust, "logs": []}))
    stranger.json("verify", "churn", *OFFLINE, code=3)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b"\xff\xfe", b'{"mediaType": "x"}', b"[" * 10_000, b"0" * 100]
)
@pytest.mark.parametrize("file", ["churn.bundle.json", "trust.json", "churn.bundle.json.manifest.json"])
def test_offline_with_a_malformed_file(stranger: Shell, file: str, content: bytes) -> None:
    Path(file).write_bytes(content)
    failed = stranger.json("verify", "churn", *OFFLINE, code=3)
    assert failed["ok"] is False
    assert failed["error"]["hint"]


def members(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """List the paths of every string in a JSON value."""
    if isinstance(value, dict):
        return [found for key, child in value.items() for found in members(child, (*path, key))]
    if isinstance(value, list):
        return [found for place, child in enumerate(value) for found in members(child, (*path, place))]
    return [path] if isinstance(value, str) else []


def test_offline_with_any_field_of_the_bundle_tampered(stranger: Shell) -> None:
    file = Path("churn.bundle.json")
    whole = json.loads(file.read_bytes())
    for path in members(whole):
        spoilt = json.loads(file.read_bytes())
        at = spoilt
        for step in path[:-1]:
            at = at[step]
        text = at[path[-1]]
        middle = len(text) // 2
        other = "B" if text[middle : middle + 1] == "A" else "A"
        at[path[-1]] = text[:middle] + other + text[middle + 1 :]
        Path("spoilt.json").write_text(json.dumps(spoilt))
        result = stranger.call(
            "verify", "churn", "--bundle", "spoilt.json", "--trust", "trust.json", "--json"
        )
        assert result.exit_code == 3, (path, result.stdout)


def test_a_bundle_without_a_trust_root_is_a_usage_error(stranger: Shell) -> None:
    result = stranger.run("verify", "churn", "--bundle", "churn.bundle.json", code=2)
    assert "--trust" in result.stderr


def test_files_that_are_not_there_are_a_usage_error(shell: Shell, registered: Path) -> None:
    shell.run("verify", registered, "--bundle", "missing.json", "--trust", "trust.json", code=2)


def test_signed_by_and_threshold(shell: Shell, registered: Path) -> None:
    shell.run("verify", registered, "--signed-by", "acme")
    failed = shell.json("verify", registered, "--signed-by", "openlab", code=3)
    assert failed["error"]["type"] == "PolicyError"
    shell.json("verify", registered, "--threshold", "2", code=3)
    shell.json("verify", registered, "--signed-by", "acme", "--signed-by", "openlab", code=3)
    both = ("--signed-by", "acme", "--signed-by", "openlab")
    shell.run("verify", registered, *both, "--threshold", "1")
    shell.run("verify", registered, "--signed-by", "acme", "--threshold", "2", code=2)


def test_the_settings_algorithm_does_not_matter_to_verify(shell: Shell, registered: Path) -> None:
    shell.run("verify", registered, env={"WEIGHTMARK_ALGORITHM": "blake3"})


def test_a_key_that_is_trusted_no_more(shell: Shell, registered: Path) -> None:
    file = Path(str(shell.env["WEIGHTMARK_HOME"])) / "trust.json"
    trust = json.loads(file.read_bytes())
    trust["keys"] = []
    file.write_text(json.dumps(trust))
    shell.json("verify", registered, code=3)


def test_what_would_not_be_looked_at_is_a_usage_error(shell: Shell, registered: Path) -> None:
    assert "--bundle" in shell.run("verify", registered, "--trust", "trust.json", code=2).stderr
    manifest = "churn.bundle.json.manifest.json"
    assert "--bundle" in shell.run("verify", registered, "--manifest", manifest, code=2).stderr
    assert "--expect" in shell.run("verify", registered, *OFFLINE, "--expect", "another", code=2).stderr


def ask_for_two(file: Path) -> None:
    trust = json.loads(file.read_bytes())
    file.write_text(json.dumps({**trust, "policy": {"threshold": 2, "identities": []}}))


def test_the_trust_roots_own_policy_counts_when_none_is_named(stranger: Shell) -> None:
    ask_for_two(Path("trust.json"))
    failed = stranger.json("verify", "churn", *OFFLINE, code=3)
    assert failed["error"]["type"] == "PolicyError"
    stranger.run("verify", "churn", *OFFLINE, "--threshold", "1")


def test_the_own_trust_roots_policy_counts_too(shell: Shell, registered: Path) -> None:
    ask_for_two(Path(str(shell.env["WEIGHTMARK_HOME"])) / "trust.json")
    assert shell.json("verify", registered, code=3)["error"]["type"] == "PolicyError"
    shell.run("verify", registered, "--signed-by", "acme")


def test_a_registration_in_anothers_name_does_not_hold(stranger: Shell) -> None:
    trust = json.loads(Path("trust.json").read_bytes())
    trust["keys"][0]["identity"] = "mallory"  # well signed and recorded, but not by the owner it names
    Path("trust.json").write_text(json.dumps(trust))
    failed = stranger.json("verify", "churn", *OFFLINE, code=3)
    assert failed["error"]["type"] == "PolicyError"
    assert "acme is named as owner" in stranger.fail("verify", "churn", *OFFLINE, code=3)


@pytest.mark.parametrize("file", ["churn.bundle.json", "trust.json", "churn.bundle.json.manifest.json"])
def test_offline_with_a_file_that_has_no_end(stranger: Shell, file: str) -> None:
    with Path(file).open("wb") as hole:
        hole.truncate(1 << 40)
    failed = stranger.json("verify", "churn", *OFFLINE, code=3)
    assert "the most that are read" in failed["error"]["message"]


def test_a_tensors_name_writes_nothing_but_itself(shell: Shell, registered: Path) -> None:
    write_model(registered, {**LAYERS, "\x1b[2K\r✓ churn is as acme registered it.\n": [1.0]})
    said = shell.fail("verify", registered, code=3)
    assert "the tensor \\x1b[2K\\r✓ churn is as acme registered it.\\n in" in said
    assert "\x1b" not in said


def test_a_file_that_its_format_cannot_read_is_named_as_changed(shell: Shell, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model")
    shell.run("register", model, "--license", "mit")
    flip_byte(model / "model.safetensors", 9)
    answer = shell.json("verify", model, "--expect", "model", code=3)
    assert [(failure["path"], failure["reason"]) for failure in answer["failures"]] == [
        ("model.safetensors", "header-changed")
    ]
