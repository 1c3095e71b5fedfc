"""``weightmark policy``, and the page that shows it."""

import re
import shlex
from pathlib import Path

import pytest
from tests.unit.cli.test_json_schema import holds
from tests.workshop import Shell

PAGE = (Path(__file__).parents[3] / "docs/how-to/organisation-policy.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^<!-- ([\w.-]+\.toml) -->\n```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
BLOCKS = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return Shell(folder=tmp_path, env={"WEIGHTMARK_HOME": str(tmp_path / "home")})


def test_the_page_shows_files():
    assert set(FILES) == {"weightmark-policy.toml", "weightmark.toml", "policy-cases.toml"}


def test_what_the_page_shows_is_what_is_printed(shell, tmp_path):
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "weights.bin").write_bytes(b"weights")
    assert BLOCKS
    for block in BLOCKS:
        shown, *lines = block.splitlines()
        done = shell.call(*shlex.split(shown.removeprefix("$ weightmark ")))
        printed = (done.stdout + done.stderr).splitlines()
        assert [line for line in lines if line != "…" and line not in printed] == [], printed


def test_check_tells_faults_and_ends_with_1(shell, tmp_path):
    good = shell.json("policy", "check")
    holds("policy", good)
    assert good["ok"] is True
    assert good["digest"].startswith("sha256:")
    (tmp_path / "bad.toml").write_text(
        '[[rule]]\nid = "a"\nlicences.allow = ["MIT"]\n[[rule]]\nid = "b"\nlicences.allow = ["ISC"]\n'
    )
    found = shell.json("policy", "check", "bad.toml", code=1)
    holds("policy", found)
    assert [fault["kind"] for fault in found["faults"]] == ["contradiction"]
    assert "bad.toml:1" in shell.run("policy", "check", "bad.toml", code=1).stdout


def test_a_policy_that_cannot_be_read_is_an_error_with_a_hint(shell, tmp_path):
    (tmp_path / "bad.toml").write_text('[[rule]]\nid = "a"\nlicences.deny = ["apach-2.0"]')
    assert "Apache-2.0" in shell.fail("policy", "check", "bad.toml", code=1)
    assert "cannot be read" in shell.fail("policy", "show", "none.toml", code=1)
    (tmp_path / "bad.rego").write_text("x")
    assert ".toml" in shell.fail("policy", "show", "bad.rego", code=1)


def test_without_a_policy_the_commands_say_so(shell, tmp_path):
    (tmp_path / "weightmark.toml").unlink()
    assert "the settings name no policy" in shell.fail("policy", "check", code=1)


def test_show_tells_the_rules(shell):
    shown = shell.json("policy", "show")
    holds("policy", shown)
    assert any(line.startswith("no-nc: For production") for line in shown["rules"])


def test_cases_that_do_not_hold_end_with_4(shell, tmp_path):
    (tmp_path / "cases.toml").write_text(
        '[[case]]\nname = "x"\nlicense = "mit"\nowner = "lab"\nexpect = "deny"\n'
        '[[case]]\nlicense = "cc-by-nc-4.0"\nowner = "lab"\nexpect = "deny"\nrules = ["other"]\n'
    )
    found = shell.json("policy", "test", "--cases", "cases.toml", code=4)
    holds("policy", found)
    assert [(case["name"], case["ok"], case["found"]) for case in found["cases"]] == [
        ("x", False, "pass"),
        ("2", False, "deny"),
    ]
    assert "x: pass, not deny" in shell.run("policy", "test", "--cases", "cases.toml", code=4).stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no 'case'"),
        ("case = []", "has no case"),
        ('[[case]]\nlicense = "mit"', "has no 'expect'"),
        ('[[case]]\nexpect = "maybe"', "not one of pass, warn, deny"),
        ('[[case]]\nname = "n"\nexpect = "pass"\ncolour = 1', "case n has unknown fields: colour"),
        ('[[case]]\nexpect = "pass"\naction = "fly"', "'fly', not one of"),
    ],
)
def test_cases_that_make_no_sense_are_errors(shell, tmp_path, text, message):
    (tmp_path / "cases.toml").write_text(text)
    assert message in shell.fail("policy", "test", "--cases", "cases.toml", code=1)
