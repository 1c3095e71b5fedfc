"""The page about Hugging Face does what it says, against the stand-in Hub."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.huggingface.world import APACHE_CARD, NC_CARD, world
from tests.workshop import write_model

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(240)]
__all__ = ["world"]

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "huggingface.md"
BLOCK = re.compile(r"^<!-- hub(?:: exit (\d))? -->\n```(bash|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_every_marked_block_does_what_the_page_says(world, tmp_path):
    base = write_model(tmp_path / "base", {"w": [9.0, 8.0]}, card=NC_CARD)
    world.hub.shelf.publish("openlab/base", base)
    here = tmp_path / "here"
    write_model(here / "child", {"w": [1.0]}, card="---\nlicense: mit\nbase_model: openlab/base\n---\n")
    write_model(here / "churn", {"w": [2.0]}, card=APACHE_CARD)
    folder = Path(sys.executable).parent
    env = world.environ(PATH=f"{folder}:{os.environ['PATH']}", COLUMNS="160")
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert len(blocks) == 6
    for code, kind, text in blocks:
        command = ["bash", "-euc", text] if kind == "bash" else [sys.executable, "-c", text]
        done = subprocess.run(
            command, cwd=here, env=env, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == int(code or 0), text + done.stdout + done.stderr
        if code:
            assert "CC-BY-NC-4.0" in done.stderr
    assert "acme/child" not in world.hub.shelf.repos or "model.safetensors" not in world.hub.files(
        "acme/child"
    )


def test_the_example_is_refused_then_granted_and_pushed(world):
    world.base()
    script = PAGE.parents[2] / "examples" / "huggingface_push.py"

    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(script), "--base", "openlab/base", "--to", "acme/child"]
        return subprocess.run(
            command, env=world.environ(), capture_output=True, text=True, timeout=120, check=False
        )

    refused = run()
    assert refused.returncode == 4, refused.stderr
    assert "CC-BY-NC-4.0" in refused.stderr
    assert world.hub.calls("PUT|/commit/") == []
    world.grant("openlab/base")
    passed = run()
    assert passed.returncode == 0, passed.stderr
    assert f"hf://acme/child@{world.hub.head('acme/child')}" in passed.stdout
