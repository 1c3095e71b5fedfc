"""The page about formats names what there is."""

import re
from pathlib import Path

from weightmark.discovery import Plugins
from weightmark_plugins.formats.gguf import PERMUTED

PAGE = (Path(__file__).parents[3] / "docs/how-to/formats.md").read_text(encoding="utf-8")


def test_the_page_names_every_format() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(Plugins().formats)


def test_the_page_names_every_architecture_whose_rows_are_put_back() -> None:
    listed = PAGE.partition("**Rows of queries and keys.** For ")[2].partition(", the converter")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == PERMUTED
