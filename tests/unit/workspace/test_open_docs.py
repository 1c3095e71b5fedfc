"""The Python of the pages about opening and permits, run."""

import re
from pathlib import Path

import pytest
from tests.workshop import write_model

import weightmark

PAGES = Path(__file__).parents[3] / "docs/how-to"
BLOCK = re.compile(r"^<!-- python -->\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("page", "count"), [("open-by-tier.md", 2), ("permit.md", 3)])
def test_what_the_page_shows_can_be_done(
    page: str, count: int, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weightmark.register(write_model(tmp_path / "work" / "model"), license="cc-by-nc-4.0", mine=True)
    blocks = BLOCK.findall((PAGES / page).read_text(encoding="utf-8"))
    assert len(blocks) == count
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)
    if page == "open-by-tier.md":
        shown = capsys.readouterr().out
        assert shown.startswith("acme 6\n")
        assert "opened as metadata, which does not hold download-weights Open it as fine-tune" in shown
        assert getattr(names["first"], "dtype", None) == "float32"
    else:
        assert names["answer"] == [2, 4, 6]
        workspace = names["workspace"]
        assert isinstance(workspace, weightmark.Workspace)
        workspace.close()
