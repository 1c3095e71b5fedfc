"""The page about versions says what is run."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "tests" / "compat" / "versions.toml"
PAGE = ROOT / "docs" / "how-to" / "compatibility.md"


def test_the_page_shows_the_releases_that_are_run():
    entries = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    rows = re.findall(
        r"^\| (\w+) \| ([\w-]+) \| ([\d.]+) \| ([\d.]+) \|$", PAGE.read_text("utf-8"), re.MULTILINE
    )
    run = {(name, one["package"], one["oldest"], one["newest"]) for name, one in entries.items()}
    assert set(rows) == run


def test_what_is_run_is_there():
    entries = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    paths = [path for one in entries.values() for path in (*one["tests"], *one.get("newest_tests", ()))]
    assert [path for path in paths if not (ROOT / path).is_file()] == []


def test_every_platform_of_the_project_is_in_the_table():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = set(project["project"]["optional-dependencies"]) - {
        "all",
        "biscuit",
        "cedar",
        "compare",
        "formats",
        "notify",
        "onnx",
        "receiver",
        "remote",
    }
    assert set(tomllib.loads(TABLE.read_text(encoding="utf-8"))) == extras
