"""The command line explains itself: every command has its line, its example, its --json."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import click
import pytest
from click.testing import CliRunner

from weightmark.cli import application
from weightmark.cli.application import COMMANDS, added_commands
from weightmark.cli.lazy import LazyGroup

WITHOUT_JSON = {"completion"}
"""A script for a shell is no JSON."""

NAMES = {
    "check", "completion", "doctor", "fingerprint", "grant", "history", "index", "index rebuild", "init",
    "compare", "diff", "similar", "verify-merge", "versions",
    "grants", "grants accept", "grants amend", "grants approve", "grants list", "grants reinstate",
    "grants renew", "grants seat", "grants seat add", "grants seat free", "grants seat list", "grants show",
    "grants suspend", "grants transfer",
    "keygen",
    "ledger", "ledger audit", "ledger checkpoint", "ledger prove", "license", "license build",
    "license compat", "license set", "license show", "license templates", "license text",
    "license clock", "license clock reset", "license clock show", "license issue", "license machine",
    "license status", "license status publish", "license status show", "license verify",
    "license delegate", "license delegated", "license revoke-token",
    "usage offline", "usage offline export", "usage offline record", "usage offline show",
    "usage settle-chain",
    "prove", "prove bytes", "prove file", "prove tensor", "prove update",
    "renewals", "renewals list", "renewals paid", "renewals run", "renewals show", "renewals unpaid",
    "usage", "usage record", "usage release", "usage reserve", "usage settle", "usage show",
    "policy", "policy check", "policy show", "policy test",
    "open",
    "plugins", "register", "revoke", "sync", "transfer", "trust", "trust add", "trust export", "trust show",
    "verify", "watch",
    "hf", "hf install-git-hook", "hf pre-push", "hf push", "hf scan",
    "kfp", "kfp components", "kfp lint",
    "serve",
    "wandb", "wandb check",
}  # fmt: skip
"""What was released stays: a name is added here, never taken away."""

BUDGET_SECONDS = 0.3
"""For ``weightmark --help``, the interpreter's own start taken off: machines differ in that."""


def commands(group: click.Group, above: str = "") -> Iterator[tuple[str, click.Command]]:
    """Give every command with its full name, groups first."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, f"{name} is listed and not there"
        yield f"{above}{name}", command
        if isinstance(command, click.Group):
            yield from commands(cast("click.Group", command), f"{above}{name} ")


ALL = dict(commands(application))
LAZY = {name: group for name, group in ALL.items() if isinstance(group, LazyGroup)}
LEAVES = {name: command for name, command in ALL.items() if not isinstance(command, click.Group)}


def shown(*args: str) -> str:
    result = CliRunner().invoke(application, [*args, "--help"], prog_name="weightmark")
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_names_are_those_that_were_released() -> None:
    assert set(ALL) == NAMES


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_stands_in_the_table_with_one_line(name: str) -> None:
    module, line = COMMANDS[name]
    assert line.endswith(".")
    assert len(line) <= 60
    assert re.search(rf"^  {name} +{re.escape(line)}$", shown(), re.MULTILINE)
    assert ALL[name].name == name
    assert module.isidentifier()


@pytest.mark.parametrize("name", added_commands())
def test_every_added_command_stands_in_the_table_too(name: str) -> None:
    line = added_commands()[name].line
    assert line.endswith(".")
    assert len(line) <= 80
    assert line.split()[0] in shown()
    assert re.search(rf"^  {name} +{re.escape(line.split()[0])}", shown(), re.MULTILINE)
    assert ALL[name].name == name


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_command_has_help_with_an_example(name: str) -> None:
    text = shown(*name.split())
    assert text.startswith(f"Usage: weightmark {name}")
    assert "Example:" in text
    (example,) = re.findall(r"^ +(weightmark .+)$", text.split("Example:")[1], re.MULTILINE)[:1]
    assert example.startswith(f"weightmark {name}")
    for parameter in ALL[name].params:
        if (
            isinstance(parameter, click.Option)
            and parameter.name != "help"
            and "--scheme" not in parameter.opts
        ):
            assert parameter.help, f"{name} {parameter.opts} says nothing"


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_every_command_but_those_that_cannot_has_json(name: str) -> None:
    options = [option for parameter in LEAVES[name].params for option in parameter.opts]
    assert ("--json" in options) is (name not in WITHOUT_JSON)


@pytest.mark.parametrize("name", ["", *sorted(ALL)])
def test_help_fits_a_terminal_and_shows_no_marks_of_the_source(name: str) -> None:
    text = shown(*name.split())
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "\b" not in text
    assert "\\b" not in text
    assert "``" not in text


def test_exit_codes_are_documented() -> None:
    text = " ".join(shown().split())
    for meaning in ("0 held", "1 error", "2 usage", "3 verification failed", "4 refused", "5 undecided"):
        assert meaning in text


def test_help_reads_no_command() -> None:
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom weightmark.cli import application\n"
        "assert CliRunner().invoke(application, ['--help']).exit_code == 0\n"
        "print([name for name in sys.modules if name.startswith('weightmark.cli.')"
        " or name in ('sqlalchemy', 'rich', 'license_expression', 'cryptography')"
        " or name.startswith('weightmark_') and name.count('.') > 1 and not name.endswith('.command')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "['weightmark.cli.lazy', 'weightmark.cli.application']"


@pytest.mark.parametrize("name", sorted(LAZY))
def test_help_of_a_lazy_group_reads_none_of_its_commands(name: str) -> None:
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom weightmark.cli import application\n"
        f"assert CliRunner().invoke(application, [{name!r}, '--help']).exit_code == 0\n"
        "print(*sorted(name for name in sys.modules if name.startswith('weightmark.cli.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == sorted(f"weightmark.cli.{each}" for each in ("application", "lazy", name))


@pytest.mark.parametrize("name", sorted(LAZY))
def test_every_command_of_a_lazy_group_stands_in_its_table(name: str) -> None:
    for word, (_, line) in LAZY[name].table.items():
        assert line.endswith(".")
        assert len(line) <= 60
        assert re.search(rf"^  {word} +{re.escape(line)}$", shown(name), re.MULTILINE)
        assert ALL[f"{name} {word}"].name == word


def test_help_is_quick() -> None:
    """The best of several, in the processor's time: that is what a busy machine changes least."""

    def used() -> float:
        spent = os.times()
        return spent.children_user + spent.children_system

    def seconds(*command: str) -> float:
        before = used()
        subprocess.run([sys.executable, *command], capture_output=True, check=True, timeout=60)
        return used() - before

    bare = min(seconds("-c", "pass") for _ in range(3))
    assert min(seconds("-m", "weightmark", "--help") for _ in range(7)) - bare < BUDGET_SECONDS


def test_a_strangers_command_stands_in_help(tmp_path: Path) -> None:
    (tmp_path / "stranger.py").write_text(
        "from weightmark import hookimpl\n"
        "from weightmark.ports import Command\n"
        "class Greet(Command):\n"
        "    name, line = 'greet', 'Say hello.'\n"
        "    def make(self):\n"
        "        import click\n"
        "        return click.command('greet')(lambda: click.echo('hello'))\n"
        "class Register(Greet):\n"
        "    name, line = 'register', 'Register nothing.'\n"
        "@hookimpl\n"
        "def weightmark_commands():\n"
        "    return [Greet, Register]\n"
    )
    info = tmp_path / "stranger-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[weightmark]\nstranger = stranger\n")

    def said(*words: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        command = [sys.executable, "-m", "weightmark", *words]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, timeout=60
        ).stdout

    assert re.search(r"^  greet +Say hello\.$", said("--help"), re.MULTILINE)
    assert "Register nothing" not in said("--help"), "Weightmark's own names are never given away"
    assert said("greet") == "hello\n"
