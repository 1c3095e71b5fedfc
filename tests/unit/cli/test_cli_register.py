"""fingerprint and register."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.workshop import LAYERS, Shell, flip_byte, write_model


def test_fingerprint_is_the_same_each_time_and_records_nothing(shell: Shell, model: Path) -> None:
    first, second = shell.json("fingerprint", model), shell.json("fingerprint", model)
    assert first == second
    assert first["bundle"].startswith("sha256:")
    assert first["tensor_count"] == len(LAYERS)
    assert [file["path"] for file in first["files"]] == ["config.json", "model.safetensors"]
    assert not Path(str(shell.env["WEIGHTMARK_HOME"])).exists()


def test_fingerprint_with_another_algorithm_threads_and_a_cache(shell: Shell, model: Path) -> None:
    blake = shell.json("fingerprint", model, "--algorithm", "blake3", "--threads", "1")
    assert blake["bundle"].startswith("blake3:")
    plain = shell.json("fingerprint", model)
    assert shell.json("fingerprint", model, "--cache", "cache.json") == plain
    assert shell.json("fingerprint", model, "--cache", "cache.json") == plain


def test_fingerprint_as_a_person_reads_it(shell: Shell, model: Path) -> None:
    shown = shell.run("fingerprint", model).stdout
    assert shell.json("fingerprint", model)["bundle"] in shown
    assert "tensor count  2" in shown


@pytest.mark.parametrize("command", ["fingerprint", "register"])
def test_a_path_where_nothing_is(shell: Shell, command: str) -> None:
    assert "nothing at" in shell.fail(command, "nowhere", code=1)
    assert shell.json(command, "nowhere", code=1)["error"]["type"] == "PlatformError"


def test_a_uri_that_nothing_resolves(shell: Shell) -> None:
    assert "gopher" in shell.fail("register", "gopher://host/model", code=1)


def test_a_file_that_lies_about_its_tensors_is_refused(shell: Shell, model: Path) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-3])
    shell.fail("register", model, code=1)
    assert shell.json("history")["entries"] == []


def test_register_records_once(shell: Shell, model: Path) -> None:
    first = shell.json("register", model, "--license", "MIT", "--name", "churn")
    assert (first["recorded"], first["allowed"], first["model"]["owner"]) == (True, True, "acme")
    assert first["model"]["license"] == "MIT"
    assert first["tags"]["weightmark.fingerprint"] == first["model"]["bundle"]
    again = shell.json("register", model, "--license", "MIT", "--name", "churn")
    assert again["recorded"] is False
    assert again["receipt"] == first["receipt"]
    assert [entry["what"].split("/")[-2] for entry in shell.json("history")["entries"]] == [
        "registration",
        "version",
    ]


def test_the_same_files_elsewhere_are_the_same_model(shell: Shell, model: Path) -> None:
    shell.run("register", model)
    copy = write_model(shell.folder / "copy")
    assert shell.json("register", copy)["recorded"] is False
    registrations = [entry for entry in shell.json("history")["entries"] if "registration" in entry["what"]]
    assert len(registrations) == 1


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("apache-2.0", "Apache-2.0"),
        ("mit OR apache-2.0", "MIT OR Apache-2.0"),
        ("LicenseRef-ours", "LicenseRef-ours"),
    ],
)
def test_licences_are_stored_as_spdx_spells_them(shell: Shell, model: Path, typed: str, stored: str) -> None:
    assert shell.json("register", model, "--license", typed)["model"]["license"] == stored


def test_a_card_states_the_licence(shell: Shell) -> None:
    model = write_model(shell.folder / "m", card="---\nlicense: apache-2.0\n---\n# A model\n")
    assert shell.json("register", model)["model"]["license"] == "Apache-2.0"


def test_a_card_that_states_no_licence_states_none(shell: Shell) -> None:
    model = write_model(shell.folder / "m", card="---\nlicense: none\n---\n# A model\n")
    assert shell.json("register", model)["model"]["license"] is None


def test_a_mistyped_licence_is_not_recorded(shell: Shell, model: Path) -> None:
    assert "Did you mean Apache-2.0?" in shell.fail("register", model, "--license", "apache2.0", code=1)
    assert shell.json("history")["entries"] == []


def test_another_licence_for_a_registered_model_is_pointed_at_license_set(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--license", "MIT")
    result = shell.run("register", model, "--license", "apache-2.0")
    assert "stands under MIT" in result.stderr
    assert "weightmark license set" in result.stderr


def test_a_card_that_names_another_owner_is_refused(shell: Shell) -> None:
    model = write_model(shell.folder / "m", card="---\nowner: openlab\n---\n")
    assert "openlab" in shell.fail("register", model, code=4)
    assert shell.json("history")["entries"] == []


def test_somebody_elses_files_are_not_registered_again(shell: Shell, model: Path) -> None:
    shell.run("register", model, *shell.key("openlab"))
    again = shell.json("register", model)
    assert (again["recorded"], again["model"]["owner"]) == (False, "openlab")


def test_bundle_and_manifest_are_written(shell: Shell, model: Path) -> None:
    written = shell.json("register", model, "--bundle", "churn.bundle.json")["written"]
    assert written == ["churn.bundle.json", "churn.bundle.json.manifest.json"]
    bundle = json.loads(Path(written[0]).read_bytes())
    assert bundle["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    manifest = json.loads(Path(written[1]).read_bytes())
    assert [file["path"] for file in manifest["files"]] == ["config.json", "model.safetensors"]


def test_a_changed_model_is_another_model(shell: Shell, model: Path) -> None:
    first = shell.json("register", model)
    flip_byte(model / "model.safetensors", -1)
    second = shell.json("register", model)
    assert second["recorded"] is True
    assert second["model"]["bundle"] != first["model"]["bundle"]
    shell.run("verify", model)


def test_settings_inside_the_model_are_refused(
    shell: Shell, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (model / "weightmark.toml").write_text('party = "evil"\n')
    monkeypatch.chdir(model)
    assert "lie inside the model" in shell.fail("register", ".", code=1)


def test_a_single_file_is_a_model(shell: Shell, model: Path) -> None:
    found = shell.json("register", model / "model.safetensors")
    assert found["model"]["name"] == "model.safetensors"
    assert shell.json("verify", model / "model.safetensors")["ok"] is True


def test_a_ledger_that_cannot_be_written_fails_closed(shell: Shell, model: Path) -> None:
    shell.run("init")
    env = {"WEIGHTMARK_LEDGER": "sqlite:////proc/nowhere/weightmark.db"}
    assert shell.call("register", model, env=env).exit_code == 5


def test_a_card_that_cannot_be_read_is_an_error(
    shell: Shell, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opens = Path.open

    def refuse(self: Path, *args: Any, **more: Any) -> Any:
        if self.name == "README.md":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opens(self, *args, **more)

    (model / "README.md").write_text("---\nlicense: mit\n---\n")
    monkeypatch.setattr(Path, "open", refuse)  # the tests may run as one who may read everything
    assert "README.md cannot be read" in shell.fail("register", model, code=1)


@pytest.mark.parametrize("value", ["!!bool foo", '!!int ""', "!!timestamp foo", "!!null [1]", "!!set [1]"])
def test_a_card_with_a_wrong_tag_is_no_crash(shell: Shell, model: Path, value: str) -> None:
    (model / "README.md").write_text(f"---\nlicense: {value}\n---\n")
    assert shell.call("register", model).exit_code in (0, 1)
