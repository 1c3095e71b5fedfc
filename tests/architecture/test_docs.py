"""The documentation names what there is: every extension point, every exit code, every command's page."""

import inspect
import re
from pathlib import Path

import pytest

from weightmark import errors, hookspecs
from weightmark.cli.application import COMMANDS, added_commands

ROOT = Path(__file__).parents[2]
SPECS = sorted(name for name in vars(hookspecs) if name.startswith("weightmark_"))
PAGES = sorted(
    path for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")] if "_build" not in path.parts
)


def signature(name: str) -> str:
    """Write a hookspec as the documentation shows it: ``weightmark_ledgers() -> Sequence[type[Ledger]]``."""
    written = inspect.signature(getattr(hookspecs, name))
    answer = re.sub(r"[\w.]+\.(\w+)", r"\1", str(written.return_annotation))
    return f"{name}() -> {answer}"


def test_there_are_extension_points() -> None:
    assert len(SPECS) == 11


@pytest.mark.parametrize("name", SPECS)
def test_reference_names_every_extension_point(name: str) -> None:
    page = (ROOT / "docs/reference/extension-points.md").read_text(encoding="utf-8")
    assert signature(name) in page
    assert f"weightmark.hookspecs.{name}" in page


@pytest.mark.parametrize("name", SPECS)
def test_extension_points_take_nothing(name: str) -> None:
    assert not inspect.signature(getattr(hookspecs, name)).parameters


def test_reference_names_no_extension_point_that_is_gone() -> None:
    page = (ROOT / "docs/reference/extension-points.md").read_text(encoding="utf-8")
    assert set(re.findall(r"hookspecs\.(weightmark_\w+)", page)) == set(SPECS)


def test_command_line_page_names_every_exit_code() -> None:
    page = (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")
    codes = {
        error.exit_code
        for error in vars(errors).values()
        if inspect.isclass(error) and issubclass(error, errors.WeightmarkError)
    }
    for code in codes | {0, 2}:
        assert re.search(rf"^\| {code} \|", page, re.MULTILINE), f"exit code {code} is not explained"


def test_command_line_page_names_every_command() -> None:
    page = (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `weightmark ([\w-]+)` \| (.*) \|$", page, re.MULTILINE) == [
        *((name, line) for name, (_, line) in COMMANDS.items()),
        *((name, cls.line) for name, cls in added_commands().items()),
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_files_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)|(?:src|srcset)=\"([^\"]+)\"", text)
    for target in (first or second for first, second in links):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"
