"""The page about licensing names what the code has; nothing more is compared."""

from pathlib import Path

import pytest
from tests.unit.licensing import licence_page

PAGE = (Path(__file__).parents[3] / "docs" / "explanation" / "licensing.md").read_text(encoding="utf-8")


def test_the_tables_of_licences_are_those_of_the_catalogue():
    page = licence_page.PAGE.read_text(encoding="utf-8")
    assert licence_page.tables() in page, "run `python -m tests.unit.licensing.licence_page`"


def test_the_page_says_what_it_is_not():
    assert "not legal advice" in PAGE
    assert "## What is not enforced" in PAGE


@pytest.mark.parametrize("page", [PAGE, licence_page.PAGE.read_text(encoding="utf-8")])
def test_the_example_runs(page):
    code = page.partition("```python\n")[2].partition("```")[0]
    assert "assert" in code
    exec(compile(code, "licensing.md", "exec"), {})
