"""init, keygen, trust, and the settings they leave."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.workshop import Shell

from weightmark_plugins.signers.file import FileSigner


@pytest.fixture
def bare(shell: Shell) -> Shell:
    """A shell without settings in the environment, but for where its home is."""
    shell.env |= {"WEIGHTMARK_PARTY": None}
    return shell


def test_init_writes_settings_keys_ledger_and_trust_root(bare: Shell) -> None:
    found = bare.json("init", "--party", "acme", "--non-commercial")
    assert (found["written"], found["party"], found["commercial"]) == (True, "acme", False)
    assert Path(found["settings"]) == bare.folder / "weightmark.toml"
    trust = json.loads(Path(found["trust"]).read_bytes())
    assert [key["identity"] for key in trust["keys"]] == ["acme"]
    assert len(trust["logs"]) == 1
    keys = Path(str(bare.env["WEIGHTMARK_HOME"])) / "keys"
    assert stat.S_IMODE((keys / "signer.pem").stat().st_mode) == 0o600
    assert (keys / "log.pem").exists()


def test_init_again_keeps_what_is_there(bare: Shell) -> None:
    first = bare.json("init", "--party", "acme")
    again = bare.json("init", "--party", "acme")
    assert again == {**first, "written": False}


def test_init_says_so_when_it_would_keep_other_settings(bare: Shell) -> None:
    bare.run("init", "--party", "acme")
    assert "you are acme" in bare.fail("init", "--party", "other", code=1)
    assert 'party = "acme"' in (bare.folder / "weightmark.toml").read_text()


def test_init_under_another_name_with_the_same_key_is_refused_and_leaves_nothing(
    bare: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare.run("init", "--party", "acme")
    other = bare.folder.parent / "elsewhere"
    other.mkdir()
    monkeypatch.chdir(other)
    said = bare.fail("init", "--party", "openlab", code=3)
    assert "is acme's in the trust root" in said
    assert "weightmark keygen openlab.pem" in said
    assert list(other.iterdir()) == []


def test_the_hint_for_a_key_of_somebody_else_works(shell: Shell, model: Path) -> None:
    shell.run("init")
    said = shell.fail("register", model, "--as", "openlab", code=3)
    assert "--key file:openlab.pem" in said
    shell.run("keygen", "openlab.pem")
    shell.run("trust", "add", "openlab.pem.pub", "--identity", "openlab")
    shell.run("register", model, "--as", "openlab", "--key", "file:openlab.pem")


def test_init_with_a_home_beside_the_settings(bare: Shell) -> None:
    bare.env["WEIGHTMARK_HOME"] = None
    found = bare.json("init", "--party", "acme", "--home", "vault")
    assert found["ledger"] == f"sqlite:///{bare.folder / 'vault' / 'weightmark.db'}"
    assert (bare.folder / "vault" / "keys" / "signer.pem").exists()


def test_party_names_are_quoted_in_the_settings(bare: Shell) -> None:
    name = 'Ac"me \\ Söhne'
    assert bare.json("init", "--party", name)["party"] == name


def test_nothing_has_to_be_set_up_first(bare: Shell, model: Path) -> None:
    assert bare.json("register", model)["recorded"] is True


@pytest.mark.parametrize("scheme", ["ed25519", "p256"])
def test_keygen_makes_a_key_that_can_sign(shell: Shell, model: Path, scheme: str) -> None:
    made = shell.json("keygen", "lab.pem", "--scheme", scheme)
    assert made["scheme"] == scheme
    shell.run("trust", "add", "lab.pem.pub", "--identity", "lab")
    shell.run("register", model, "--as", "lab", "--key", "file:lab.pem")
    assert shell.json("verify", model)["signers"] == ["lab"]


def test_keygen_never_writes_over_a_key(shell: Shell) -> None:
    shell.run("keygen", "lab.pem")
    before = Path("lab.pem").read_bytes()
    assert "there already" in shell.fail("keygen", "lab.pem", code=1)
    assert Path("lab.pem").read_bytes() == before


def test_trust_show_add_export(shell: Shell) -> None:
    shell.run("keygen", "lab.pem")
    added = shell.json("trust", "add", "lab.pem.pub", "--identity", "lab", "--until", "2030-01-01")
    shown = shell.json("trust", "show")
    assert [key["identity"] for key in shown["keys"]] == ["acme", "lab"]
    assert shown["keys"][1]["key_id"] == added["key_id"]
    assert shown["keys"][1]["valid_until"] == "2030-01-01T00:00:00Z"
    exported = shell.json("trust", "export", "trust.json")
    assert (exported["keys"], exported["logs"]) == (2, 1)
    assert len(json.loads(Path("trust.json").read_bytes())["keys"]) == 2
    assert "lab" in shell.run("trust", "show").stdout


def test_trusting_a_key_twice_is_once_and_for_two_is_refused(shell: Shell) -> None:
    shell.key("lab")
    shell.run("trust", "add", "lab.pem.pub", "--identity", "lab")
    assert len(shell.json("trust", "show")["keys"]) == 2
    shell.fail("trust", "add", "lab.pem.pub", "--identity", "other", code=1)


def test_trust_add_refuses_what_is_no_public_key(shell: Shell) -> None:
    Path("noise.pub").write_text("not a key")
    shell.fail("trust", "add", "noise.pub", "--identity", "lab", code=1)
    shell.run("trust", "add", "missing.pub", "--identity", "lab", code=2)


def test_a_damaged_trust_root_is_named(shell: Shell, model: Path) -> None:
    shell.run("init")
    file = Path(str(shell.env["WEIGHTMARK_HOME"])) / "trust.json"
    file.write_text("{}")
    assert "trust root" in shell.fail("register", model, code=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ORIGIN", "two words"),
        ("INDEX", "nonsense"),
        ("INDEX", "nosuchdatabase://host/name"),
        ("ALGORITHM", "md5"),
        ("LEDGER", "foo:bar"),
        ("STORE", "foo:bar"),
        ("SIGNER", "file:/nowhere/key.pem"),
        ("COMMERCIAL", "perhaps"),
        ("CONFIG", "/nowhere/weightmark.toml"),
    ],
)
def test_a_wrong_setting_is_an_error_with_a_hint(shell: Shell, model: Path, name: str, value: str) -> None:
    result = shell.call("register", model, env={f"WEIGHTMARK_{name}": value})
    assert result.exit_code in (1, 5)
    assert result.stderr.startswith("error: ")
    assert "\nhint: " in result.stderr


@pytest.mark.parametrize("key", [".", "/", "..", "folder/.."])
def test_a_key_needs_a_file_of_its_own(shell: Shell, key: str) -> None:
    assert "names a folder" in shell.fail("keygen", key, code=1)


def test_a_passphrase_that_cannot_protect_is_refused_and_not_shown(shell: Shell) -> None:
    long = {"WEIGHTMARK_PASSPHRASE": "hidden" * 200}
    assert "hidden" not in shell.fail("keygen", "k.pem", "--protect", code=1, env=long)
    assert not Path("k.pem").exists()
    odd = {"WEIGHTMARK_PASSPHRASE": "\udcff"}
    shell.run("keygen", "k.pem", "--protect", env=odd)
    opened = FileSigner.open("file:k.pem", ask_secret=lambda _: "\udcff")
    assert opened.public_key.pem == Path("k.pem.pub").read_bytes()


def test_what_others_need_may_be_read_by_them(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--bundle", "b.json")
    shell.run("trust", "export", "trust.json")
    shell.run("init")
    plain = Path("plain")
    plain.touch()
    for name in ("b.json", "b.json.manifest.json", "trust.json", "weightmark.toml"):
        assert Path(name).stat().st_mode == plain.stat().st_mode, name


def test_a_trust_root_keeps_its_mode(shell: Shell) -> None:
    shell.run("trust", "show")
    file = Path(str(shell.env["WEIGHTMARK_HOME"])) / "trust.json"
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    shell.key("openlab")
    assert file.stat().st_mode & 0o777 == 0o644


def test_keys_that_are_trusted_at_the_same_time_all_count(shell: Shell) -> None:
    shell.run("trust", "show")
    keys = [shell.folder / f"k{number}.pem" for number in range(4)]
    for key in keys:
        shell.run("keygen", key)
    env = {**os.environ, **{name: value for name, value in shell.env.items() if value is not None}}
    command = [sys.executable, "-m", "weightmark", "trust", "add"]
    running = [
        subprocess.Popen([*command, f"{key}.pub", "--identity", key.stem], env=env, stdout=subprocess.DEVNULL)
        for key in keys
    ]
    assert [process.wait() for process in running] == [0] * len(keys)
    trusted = {key["identity"] for key in shell.json("trust", "show")["keys"]}
    assert trusted == {"acme", "k0", "k1", "k2", "k3"}
