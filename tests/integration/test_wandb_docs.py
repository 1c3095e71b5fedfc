"""The how-to page, executed: its blocks in order, in one folder, against the stand-in."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.wandb import fixture
from tests.integration.wandb.fixture import Desk
from tests.workshop import write_model

server, bare = fixture.server, fixture.bare
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "wandb.md"
BLOCKS = re.findall(r"<!-- wandb -->\n```(\w+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def run(desk: Desk, *command: str) -> str:
    env = {**os.environ, "WEIGHTMARK_HOME": str(desk.folder / "home"), "WEIGHTMARK_PARTY": "acme"}
    done = subprocess.run(
        command, cwd=desk.folder, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{command[:2]}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_page_has_blocks_to_run() -> None:
    assert [kind for kind, _ in BLOCKS] == ["python", "python", "bash", "python"]


def test_the_page_runs_as_it_is_written(bare: Desk) -> None:
    write_model(bare.folder / "model")
    first, second, commands, automations = (text for _, text in BLOCKS)
    printed = run(bare, sys.executable, "-c", f"{first}\n{second}")
    assert "sha256:" in printed
    assert "production" in bare.server.version("churn/churn:v0").memberships[1].aliases
    bare.server.world.alias(*_place(bare), "production")
    for line in commands.strip().splitlines():
        _, *arguments = shlex.split(line)
        run(bare, sys.executable, "-m", "weightmark", *arguments)
    values = {"name": "weightmark", "urlEndpoint": "https://receiver.example.org/hooks/wandb"}
    bare.server.schema.create_integration(values)
    run(bare, sys.executable, "-c", automations)
    assert {one["name"] for one in bare.server.world.triggers} == {"register", "promote"}


def _place(desk: Desk):
    version = desk.server.version("churn/churn:v0")
    return version.sequence, version
