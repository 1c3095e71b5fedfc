"""The page about licensing names what the code has; nothing more is compared."""

import re
from pathlib import Path

import pytest

from weightmark.licensing import TEMPLATES, ReasonCode
from weightmark.licensing.template import ALIASES

PAGE = (Path(__file__).parents[3] / "docs" / "explanation" / "licensing.md").read_text(encoding="utf-8")


def test_the_table_names_every_reason_and_no_other():
    table = PAGE.partition("## Reasons")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE) == list(ReasonCode)


@pytest.mark.parametrize("terms", TEMPLATES, ids=lambda terms: terms.id)
def test_every_licence_is_there_with_its_duties_and_their_clauses(terms):
    row = next(line for line in PAGE.splitlines() if re.match(rf"\| \[?`{re.escape(terms.id)}`", line))
    assert terms.url in row
    for duty in terms.duties:
        assert f"{duty.id} ({duty.clause.removeprefix(terms.id + ' ')})" in row
    for name in (alias for alias, meant in ALIASES.items() if meant is terms):
        assert f"`{name}`" in row


def test_the_page_says_what_it_is_not():
    assert "not legal advice" in PAGE
    assert "## What is not enforced" in PAGE


def test_the_example_runs():
    code = PAGE.partition("```python\n")[2].partition("```")[0]
    assert "assert" in code
    exec(compile(code, "licensing.md", "exec"), {})
