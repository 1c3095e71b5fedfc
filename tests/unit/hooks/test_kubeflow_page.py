"""What a person reads: the same on both pages, and nothing of a stranger's text is markup."""

import pytest
from markdown_it import MarkdownIt

from weightmark_hooks.kubeflow.page import Page, Point

HOSTILE = [
    "<script>alert(1)</script>",
    "[click](javascript:alert(1))",
    "![x](http://example.org/x.png)",
    "a | b",
    "`code` **bold** _it_",
    "- item",
    "1. item",
    "# heading",
    "&lt;b&gt;",
    "line\nbreak\r\n\n# heading",
    "\u202egnp.exe",
    "~~struck~~ \\",
]


def page(text: str) -> Page:
    return Page(
        title=text,
        verdict="refused",
        rows=(("Model", text), ("Owner", "acme"), ("Licence", "")),
        reasons=(Point(text=text, clause=text, way=text),),
        duties=(Point(text="Name the authors."),),
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_is_markup(text: str):
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = reader.parse(page(text).as_markdown())
    inner = [child for token in tokens for child in token.children or ()]
    kinds = {token.type for token in tokens} | {child.type for child in inner}
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "code_inline"}
    assert not kinds & {"ordered_list_open", "s_open"}
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h1", "h2", "h2"]
    assert sum(token.type == "td_open" for token in tokens) == 2
    assert sum(token.type == "list_item_open" for token in tokens) == 2
    assert "<script" not in page(text).as_html()
    assert "<img" not in page(text).as_html()


def test_both_pages_tell_the_same():
    shown = page("churn")
    for text in (shown.as_markdown(), shown.as_html()):
        for word in ("churn", "Refused", "Why", "What is owed", "What to do", "Name the authors."):
            assert word in text
        assert "Licence" not in text


def test_a_page_without_a_verdict_has_no_badge():
    shown = Page(title="The model's fingerprint", rows=(("Files", "1"),))
    assert "badge" not in shown.as_html().partition("</style>")[2]
    assert "**" not in shown.as_markdown()
