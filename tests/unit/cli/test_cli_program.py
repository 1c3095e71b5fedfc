"""The program as a whole: plugins, completion, exit codes, secrets, real processes."""

import json
import logging
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from tests.workshop import Shell, write_model

from weightmark import __version__
from weightmark.discovery import Plugins
from weightmark.errors import MalformedError, PlatformError
from weightmark.workspace import Configuration, Workspace

PASSPHRASE = "correct horse battery staple"


def install(monkeypatch: pytest.MonkeyPatch, folder: Path, **sources: str) -> None:
    """Put modules on the path, and their entry points beside those that are installed."""
    from weightmark import discovery

    installed = list(discovery.entry_points(group="weightmark"))
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(str(folder))
    entries = [EntryPoint(name=name, value=name, group="weightmark") for name in sources]
    monkeypatch.setattr(discovery, "entry_points", lambda group: [*installed, *entries] if group else [])


def test_plugins_lists_what_is_installed(shell: Shell) -> None:
    found = shell.json("plugins")
    assert found["broken"] == {}
    assert {(row["kind"], row["name"]) for row in found["plugins"]} >= {
        ("ledger", "sqlite"),
        ("ledger", "memory"),
        ("signer", "file"),
        ("registry", "file"),
        ("format", "safetensors"),
        ("observer", "log"),
    }
    assert "SqliteLedger" in shell.run("plugins").stdout


def test_plugins_with_a_broken_one(shell: Shell, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, shell.folder, broken_plugin="raise RuntimeError('no such library')")
    found = shell.json("plugins")
    assert found["broken"] == {"broken_plugin": "RuntimeError: no such library"}
    assert len(found["plugins"]) >= 10
    assert "✗ broken_plugin was set aside" in shell.run("plugins").stdout
    shell.run("register", model)
    doctor = shell.json("doctor", code=1)
    assert [check["check"] for check in doctor["checks"] if not check["ok"]] == ["plugins"]


def test_two_plugins_of_one_name_stop_what_needs_them_and_are_both_named(
    shell: Shell, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (
        "from weightmark import hookimpl\n"
        "from weightmark_plugins.ledgers.sqlite import SqliteLedger\n"
        "class Mine(SqliteLedger): pass\n"
        "@hookimpl\n"
        "def weightmark_ledgers(): return [Mine]\n"
    )
    install(monkeypatch, shell.folder, other_ledger=source)
    said = shell.fail("register", model, code=1)
    assert "other_ledger" in said
    assert "ledger-sqlite" in said


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion(shell: Shell, name: str) -> None:
    script = shell.run("completion", name).stdout
    assert "_WEIGHTMARK_COMPLETE" in script
    assert "weightmark" in script


def test_completion_of_another_shell_is_a_usage_error(shell: Shell) -> None:
    shell.run("completion", "tcsh", code=2)


def test_version_and_usage(shell: Shell) -> None:
    assert __version__ in shell.run("--version").stdout
    assert "Exit codes" in shell.run("--help").stdout
    shell.run("nosuchcommand", code=2)
    shell.run("verify", code=2)


def test_a_platform_that_may_answer_later_is_another_code() -> None:
    from weightmark.cli.output import exit_code

    assert exit_code(PlatformError("down", retryable=True)) == 5
    assert exit_code(PlatformError("no such model")) == 1
    assert exit_code(MalformedError("noise")) == 1


def secrets_in(text: str) -> bool:
    return PASSPHRASE in text or "PRIVATE KEY" in text


def test_the_passphrase_and_the_key_appear_nowhere(
    shell: Shell, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    env = {"WEIGHTMARK_PASSPHRASE": PASSPHRASE}
    results = [
        shell.run("keygen", "lab.pem", "--protect", env=env),
        shell.run("trust", "add", "lab.pem.pub", "--identity", "lab"),
        shell.run("register", model, "--as", "lab", "--key", "file:lab.pem", env=env),
        shell.run("doctor", env={**env, "WEIGHTMARK_SIGNER": "file:lab.pem", "WEIGHTMARK_PARTY": "lab"}),
        shell.call(
            "register",
            model,
            "--as",
            "lab",
            "--key",
            "file:lab.pem",
            "--name",
            "x",
            "--license",
            "MIT",
            env={"WEIGHTMARK_PASSPHRASE": "wrong " + PASSPHRASE},
        ),
        shell.call(
            "doctor",
            env={"WEIGHTMARK_PASSPHRASE": "wrong " + PASSPHRASE, "WEIGHTMARK_SIGNER": "file:lab.pem"},
        ),
    ]
    assert b"ENCRYPTED" in Path("lab.pem").read_bytes()
    assert results[-1].exit_code == 1
    for result in results:
        assert not secrets_in(result.stdout + result.stderr)
    assert not secrets_in(caplog.text)
    home = Path(str(shell.env["WEIGHTMARK_HOME"]))
    for file in home.glob("weightmark.db*"):
        assert PASSPHRASE.encode() not in file.read_bytes()


def test_no_passphrase_and_nobody_to_ask(shell: Shell, model: Path) -> None:
    shell.run("keygen", "lab.pem", "--protect", env={"WEIGHTMARK_PASSPHRASE": PASSPHRASE})
    shell.run("trust", "add", "lab.pem.pub", "--identity", "lab")
    said = shell.fail("register", model, "--as", "lab", "--key", "file:lab.pem", code=1)
    assert "Set WEIGHTMARK_PASSPHRASE" in said


def test_an_empty_passphrase_protects_nothing_and_is_refused(shell: Shell) -> None:
    shell.fail("keygen", "lab.pem", "--protect", code=1, env={"WEIGHTMARK_PASSPHRASE": ""})
    assert not Path("lab.pem").exists()


def test_objects_show_no_secret(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.run("keygen", "lab.pem", "--protect", env={"WEIGHTMARK_PASSPHRASE": PASSPHRASE})
    monkeypatch.setenv("WEIGHTMARK_PASSPHRASE", PASSPHRASE)
    settings = Configuration.load(
        {
            "home": str(shell.env["WEIGHTMARK_HOME"]),
            "signer": "file:lab.pem",
            "index": "postgresql://user:hunter2@host/db",
        }
    )
    with Workspace(settings, Plugins()) as workspace:
        shown = (
            repr(workspace.resources.signer) + repr(workspace) + repr(workspace.resources) + repr(settings)
        )
    assert not secrets_in(shown)
    assert "hunter2" not in shown


def process(shell: Shell, *args: str, **more: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("WEIGHTMARK_")}
    env |= {name: value for name, value in shell.env.items() if value is not None}
    return subprocess.run(
        [sys.executable, "-m", "weightmark", *args],
        env=env | more,
        cwd=shell.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_as_a_real_process(shell: Shell, model: Path) -> None:
    done = process(shell, "register", str(model), "--license", "cc-by-nc-4.0", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["recorded"] is True
    refused = process(shell, "check", str(model), "--as", "bob")
    assert refused.returncode == 4
    assert "\x1b[" not in refused.stdout
    write_model(model, {"x": [1.0]})
    failed = process(shell, "verify", str(model))
    assert failed.returncode == 3
    assert failed.stderr.startswith("error: ")


def test_safe_mode_in_a_real_process(shell: Shell) -> None:
    done = process(shell, "plugins", "--json", WEIGHTMARK_SAFE_MODE="1")
    assert done.returncode == 0
    assert json.loads(done.stdout)["broken"] == {}


def test_eight_processes_at_the_first_start_agree(shell: Shell) -> None:
    for number in range(4):
        write_model(shell.folder / f"m{number}", {"x": [float(number)]})
    env = {name: value for name, value in os.environ.items() if not name.startswith("WEIGHTMARK_")}
    env |= {name: value for name, value in shell.env.items() if value is not None}
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "weightmark", "register", f"m{number % 4}", "--json"],
            env=env,
            cwd=shell.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    for one in running:
        output, errors = one.communicate(timeout=200)
        assert one.returncode == 0, output + errors
    entries = shell.json("history")["entries"]
    accepted = [entry for entry in entries if entry["accepted"] and "registration" in entry["what"]]
    assert sorted(entry["model"] for entry in accepted) == ["m0", "m1", "m2", "m3"]
    assert len(shell.json("trust", "show")["keys"]) == 1
    shell.run("ledger", "audit")
    shell.run("doctor")


@pytest.mark.parametrize("command", ["check", "history", "license show"])
def test_a_reference_that_is_no_text_is_not_found(shell: Shell, command: str) -> None:
    result = shell.call(*command.split(), "\udcff")
    assert result.exit_code in (1, 4, 5)


def test_a_party_that_is_no_text_has_no_grants(shell: Shell, model: Path) -> None:
    shell.run("register", model)
    assert shell.call("check", model, "--as", "\udcff").exit_code == 5


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_under_the_output_is_an_error(shell: Shell) -> None:
    env = {**os.environ, **{name: value for name, value in shell.env.items() if value is not None}}
    command = [sys.executable, "-m", "weightmark", "ledger", "checkpoint"]
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(command, env=env, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 1
    assert [line.split(" ")[0] for line in ended.stderr.splitlines()] == ["error:", "hint:"]


def test_in_a_folder_that_is_gone(shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert "is not there any more" in shell.fail("history", code=1)


@pytest.mark.parametrize("url", ["postgresql://u:hidden@h:port/db", "sqlitefoo://u:hidden@h/db"])
def test_an_index_that_cannot_be_opened(shell: Shell, url: str) -> None:
    assert "hidden" not in shell.fail("history", code=5, env={"WEIGHTMARK_INDEX": url})
