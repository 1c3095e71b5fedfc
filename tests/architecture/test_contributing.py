"""The plugin that CONTRIBUTING and the page about formats show is the one in examples/, and it works."""

import os
import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from weightmark.discovery import Plugins
from weightmark.ports import Format

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/plugin"
FILES = ["weightmark_idx.py", "pyproject.toml", "tests/test_idx.py"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/how-to/write-a-format.md"])
def test_page_shows_the_file_as_it_is(page: str, name: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    shown = re.search(rf"^`{re.escape(name)}`[^\n]*\n\n```\w+\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert shown is not None
    assert shown[1] == (EXAMPLE / name).read_text(encoding="utf-8")


def test_plugin_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    plugins = Plugins([EntryPoint(name="idx", value="weightmark_idx", group="weightmark")])
    assert plugins.broken == {}
    assert issubclass(plugins.formats["idx"], Format)


def test_plugin_passes_its_own_tests() -> None:
    pytest_alone = [
        sys.executable,
        "-B",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        "pyproject.toml",
    ]
    environment = {"PYTHONPATH": str(EXAMPLE), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        pytest_alone, cwd=EXAMPLE, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b[1-9]\d* passed", done.stdout), done.stdout
