"""The pages on counting and renewing, executed: their blocks in order, in one folder."""

import os
import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.workshop import write_model

from weightmark.cli import application

DOCS = Path(__file__).parents[3] / "docs/how-to"


def blocks(page: str) -> list[tuple[str, str]]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(r"```(bash|python)\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("page", ["count-use.md", "renew.md"])
def test_the_page_does_what_it_says(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEIGHTMARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WEIGHTMARK_PARTY", "lab")
    monkeypatch.setenv("SOON", f"{datetime.now(UTC) + timedelta(days=5):%Y-%m-%d}")
    write_model(tmp_path / "model")
    names: dict[str, object] = {"__name__": "page"}
    told = ""
    for language, text in blocks(page):
        if language == "python":
            exec(compile(text, page, "exec"), names)
            continue
        for line in text.splitlines():
            _, *words = shlex.split(os.path.expandvars(line))
            result = CliRunner().invoke(application, words)
            assert result.exit_code == 0, f"{line}\n{result.output}\n{result.exception!r}"
            told += result.output
            found = re.search(r"^grant +(sha256:\w{64})", result.output, re.MULTILINE)
            if found:
                names["grant"] = found[1]
                monkeypatch.setenv("GRANT", found[1])
    if page == "count-use.md":
        names["workspace"].close()  # type: ignore[attr-defined]
        assert "421 compute-seconds counted: 1741 used" in told
    else:
        assert re.search(r"^state +renewed$", told, re.MULTILINE)
