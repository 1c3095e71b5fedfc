"""What the documentation tells people to type, typed.

A block is run when ``<!-- run -->`` stands on the line before its fence. The blocks of one page are run in
order, in one folder that holds a tiny model named ``model``, with an empty home.

* ``bash``: the block is one script and must end with 0.
* ``console``: lines after ``$ `` are commands. Lines between them are what the command before them must
  print, where ``…`` stands for anything; a command without such lines may print what it likes.
* ``<!-- run: exit 4 -->``: the block's last command must end with 4, those before it with 0.
"""

import json
import os
import re
import struct
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")] if "_build" not in path.parts
)
FENCE = re.compile(
    r"^<!-- run(?:: exit (?P<exit>\d+))? -->\n```(?P<kind>bash|console)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One thing to type."""

    script: str
    output: str
    exit: int


def commands(page: str) -> list[Command]:
    """Read the marked blocks of a page."""
    found: list[Command] = []
    for match in FENCE.finditer(page):
        block = [Command(script=match["body"], output="", exit=0)]
        if match["kind"] == "console":
            parts = re.split(r"^\$ ", match["body"], flags=re.MULTILINE)[1:]
            block = []
            for part in parts:
                script, _, output = re.sub(r"\\\n", "", part).partition("\n")
                block.append(Command(script=script, output=output.rstrip(), exit=0))
        last = block.pop()
        found += [*block, Command(script=last.script, output=last.output, exit=int(match["exit"] or 0))]
    return found


def fits(expected: str, printed: str) -> bool:
    """Say whether a command printed what the page shows."""
    pattern = ".*".join(re.escape(part) for part in expected.split("…"))
    lines = "\n".join(line.rstrip() for line in printed.strip().splitlines())
    return not expected or re.fullmatch(pattern, lines, re.DOTALL) is not None


def run(command: Command, folder: Path, environment: Mapping[str, str]) -> None:
    """Type one command and judge what came of it."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command.script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    printed = done.stdout + done.stderr
    assert done.returncode == command.exit, f"$ {command.script}\nended with {done.returncode}:\n{printed}"
    assert fits(command.output, printed), f"$ {command.script}\nprinted:\n{printed}"


def make_model(folder: Path) -> None:
    """Write a model of two small tensors and its configuration."""
    folder.mkdir()
    header = {
        "embed": {"dtype": "F32", "shape": [8, 4], "data_offsets": [0, 128]},
        "head": {"dtype": "F32", "shape": [4], "data_offsets": [128, 144]},
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    numbers = struct.pack("<36f", *range(36))
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + numbers)
    (folder / "config.json").write_text('{"model_type": "tiny", "hidden_size": 4}\n')


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment with this interpreter's commands, an empty home and nothing else."""
    home = tmp_path / "home"
    home.mkdir()
    path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"])
    return {
        "PATH": path,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "TERM": "dumb",
    }


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if FENCE.search(page.read_text(encoding="utf-8"))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_page_holds(page: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    make_model(folder / "model")
    for command in commands(page.read_text(encoding="utf-8")):
        run(command, folder, environment)


def test_readme_has_commands_to_run() -> None:
    assert "weightmark register" in "".join(
        command.script for command in commands((ROOT / "README.md").read_text(encoding="utf-8"))
    )


def test_every_marker_stands_before_a_block() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        markers = re.findall(r"^<!-- run\b.*-->$", text, re.MULTILINE)
        assert len(markers) == len(FENCE.findall(text)), (
            f"{page.name}: a marker without a bash or console block"
        )


EXAMPLE = "<!-- run: exit 4 -->\n```console\n$ printf 'a b'\na …\n$ exit 4\n```\n\n```console\n$ false\n```\n"


def test_commands_reads_marked_blocks_only() -> None:
    first, second = commands(EXAMPLE)
    assert (first.script, first.output, first.exit) == ("printf 'a b'", "a …", 0)
    assert (second.script, second.output, second.exit) == ("exit 4", "", 4)


def test_run_accepts_what_the_page_shows(tmp_path: Path, environment: dict[str, str]) -> None:
    for command in commands(EXAMPLE):
        run(command, tmp_path, environment)


@pytest.mark.parametrize(
    "command",
    [Command(script="exit 1", output="", exit=0), Command(script="echo no", output="yes", exit=0)],
    ids=["exit", "output"],
)
def test_run_refuses_anything_else(command: Command, tmp_path: Path, environment: dict[str, str]) -> None:
    with pytest.raises(AssertionError):
        run(command, tmp_path, environment)
