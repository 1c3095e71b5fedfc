"""The page on which a web server lists a folder: which of its links are the folder's own files."""

from html.parser import HTMLParser
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

MAX_PAGE: Final = 16 << 20
"""The most bytes of such a page."""


class _Links(HTMLParser):
    """Collects where a page's links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found.extend(value for name, value in attrs if name == "href" and value)


def links_below(page: str, address: str) -> list[str]:
    """Give the names that a page links directly below its own address.

    Args:
        page: its HTML.
        address: its own address.

    Returns:
        Plain names, each once; a folder's ends with a slash. Links to elsewhere, with parameters, or deeper
        than one step are no part of a listing.

    Raises:
        Nothing.

    >>> links_below('<a href="../">up</a> <a href="a%20b.bin">a b</a> <a href="c/">c</a>', "http://h/m/")
    ['a b.bin', 'c/']
    """
    parser = _Links()
    parser.feed(page)
    own = urlsplit(address)
    base = unquote(own.path.rsplit("/", 1)[0]) + "/"
    names: dict[str, None] = {}
    for link in parser.found:
        try:
            parts = urlsplit(urljoin(address, link))
        except ValueError:
            continue
        path = unquote(parts.path)
        inner = path[len(base) :]
        same = (parts.scheme, parts.netloc) == (own.scheme, own.netloc) and not parts.query
        if same and path.startswith(base) and inner.strip("/") and "/" not in inner.removesuffix("/"):
            names[inner] = None
    return list(names)
