"""Files on web servers that give ranges: one file, or a folder that the server lists as a page of links.

Ranges are asked for with ``If-Match`` or ``If-Unmodified-Since``, and each answer is compared with what was
listed: bytes of two versions of a file are never mixed.
"""

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

from weightmark.encoding import hide_secrets
from weightmark.errors import MalformedError, PlatformError
from weightmark_adapters.remote import retrying, sdk
from weightmark_adapters.remote.links import MAX_PAGE, links_below
from weightmark_adapters.remote.store import Entry, Store, changed
from weightmark_adapters.remote.uri import Place

MAX_FOLDERS: Final = 10_000
"""The most folders of one model that are looked into."""

_CHUNK: Final = 256 << 10
_OK: Final = 200
_PARTIAL: Final = 206
_UNSATISFIABLE: Final = 416
_CHANGED: Final = frozenset({404, 410, 412, 416})
_FAILED: Final = 400
_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+)", re.IGNORECASE)
_EMPTY: Final = re.compile(r"bytes \*/0", re.IGNORECASE)
_DOWNLOAD: Final = "Download the model, and pass its folder."


class WebStore(Store):
    """One file of a web server, or a folder, whose address ends with a slash.

    Args:
        place: where.

    Raises:
        MissingExtraError: aiohttp or fsspec is not installed.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._aiohttp = sdk.load("aiohttp")
        self._library = sdk.load("fsspec.implementations.http")
        self._session: Any = None

    @property
    def origin(self) -> str:
        """Give the server's address."""
        return f"{self._place.scheme}://{self._place.bucket}"

    @property
    def single(self) -> bool:
        """Say whether one file is meant."""
        return not self._place.key.endswith("/")

    async def open(self) -> None:
        """Make the session; headers, proxies and ``.netrc`` are found as the library finds them."""
        fs = self._library.HTTPFileSystem(
            asynchronous=True, skip_instance_cache=True, get_client=self._make_session
        )
        self._session = await fs.set_session()

    async def close(self) -> None:
        """Close the session's sockets."""
        if self._session is not None:
            await self._session.close()

    async def entries(self) -> AsyncGenerator[Entry, None]:
        """Ask for the file's size and identity, or for those of each file that the folder's pages name."""
        if self.single:
            yield await self._probe("")
            return
        folders, seen = [""], {""}
        while folders:
            folder = folders.pop()
            for name in await retrying.call(lambda folder=folder: self._links(folder)):  # type: ignore[misc]
                path = folder + name
                if not name.endswith("/"):
                    yield await self._probe(path)
                elif path not in seen:
                    seen.add(path)
                    folders.append(path)
            if len(seen) > MAX_FOLDERS:
                raise MalformedError(f"{self._place.uri!r} has more than {MAX_FOLDERS} folders")

    async def chunks(self, entry: Entry, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Ask once for a range."""
        unless = {"If-Match": entry.etag} if entry.strong else {"If-Unmodified-Since": entry.changed}
        inner = "" if self.single else entry.path
        async with self._get(inner, {"Range": f"bytes={start}-{stop - 1}", **unless}) as answer:
            if answer.status in _CHANGED:
                raise changed(entry.path, f"the server answers {answer.status}")
            self._check_status(answer)
            if _identity(answer) != (entry.etag, entry.changed):
                raise changed(entry.path, "the server calls its content otherwise now")
            found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
            if answer.status != _PARTIAL:
                raise self._no_ranges()
            if found is None or int(found[1]) != start:
                raise PlatformError(
                    f"the server of {self._place.uri!r} answers a range in a way that is not understood",
                    hint=_DOWNLOAD,
                )
            if int(found[3]) != entry.size:
                raise changed(entry.path, f"{entry.size} bytes when listed, {found[3]} bytes now")
            async for chunk in answer.content.iter_chunked(_CHUNK):
                yield chunk

    async def _probe(self, path: str) -> Entry:
        return await retrying.call(lambda: self._ask(path))

    async def _ask(self, path: str) -> Entry:
        """Ask for the first byte: the answer tells size and identity, and whether ranges are given."""
        async with self._get(path, {"Range": "bytes=0-0"}) as answer:
            if answer.status == _UNSATISFIABLE and _EMPTY.fullmatch(answer.headers.get("Content-Range", "")):
                size = 0
            else:
                self._check_status(answer)
                size = self._size(answer)
            etag, date = _identity(answer)
        if not etag and not date and size:
            raise PlatformError(
                f"the server of {self._place.uri!r} gives neither ETag nor Last-Modified; whether the file"
                " changes while it is read could not be seen",
                hint=_DOWNLOAD,
            )
        return Entry(
            path=path or self._place.name,
            key=self._place.uri + quote(path),
            size=size,
            etag=etag,
            changed=date,
            strong=bool(etag) and not etag.startswith("W/"),
        )

    def _size(self, answer: Any) -> int:
        if answer.status == _OK:
            length = answer.headers.get("Content-Length", "")
            if length == "0":
                return 0
            if not length:
                raise PlatformError(
                    f"the server of {self._place.uri!r} does not say how long the file is", hint=_DOWNLOAD
                )
            raise self._no_ranges()
        found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if found is None:
            raise PlatformError(
                f"the server of {self._place.uri!r} does not say how long the file is", hint=_DOWNLOAD
            )
        return int(found[3])

    async def _links(self, folder: str) -> list[str]:
        async with self._get(folder, {}) as answer:
            self._check_status(answer)
            if not answer.headers.get("Content-Type", "").lower().startswith("text/html"):
                raise PlatformError(
                    f"{self._place.uri!r} is not a folder that the server lists",
                    hint="Name the file, without a slash at the end.",
                )
            page = bytearray()
            async for chunk in answer.content.iter_chunked(_CHUNK):
                page += chunk
                if len(page) > MAX_PAGE:
                    raise MalformedError(
                        f"the page that lists {self._place.uri!r} has more than {MAX_PAGE} bytes"
                    )
            return links_below(page.decode("utf-8", "replace"), str(answer.url))

    @asynccontextmanager
    async def _get(self, path: str, headers: dict[str, str]) -> AsyncGenerator[Any, None]:
        """Send one request; redirects are followed, never from https to http."""
        parts = urlsplit(self._place.address)
        address = urlunsplit(parts._replace(path=(parts.path or "/") + quote(path)))
        url = sdk.load("yarl").URL(address, encoded=True)
        async with self._session.get(url, headers={"Accept-Encoding": "identity", **headers}) as answer:
            asked = [*(one.url.scheme for one in answer.history), answer.url.scheme]
            if "https" in asked and asked[-1] == "http":
                raise PlatformError(
                    f"the server of {self._place.uri!r} leads from https to"
                    f" {hide_secrets(str(answer.url))!r}, which anybody on the way could change"
                )
            yield answer

    def _check_status(self, answer: Any) -> None:
        if answer.status >= _FAILED:
            raise sdk.AnswerError(answer.status, sdk.read_seconds(answer.headers.get("Retry-After", "")))
        coding = answer.headers.get("Content-Encoding", "identity").lower()
        if answer.status not in {_OK, _PARTIAL} or coding not in {"", "identity"}:
            raise PlatformError(
                f"the server of {self._place.uri!r} answers {answer.status}, encoded as {coding[:40]!r}:"
                " not the file itself",
                hint=_DOWNLOAD,
            )

    def _no_ranges(self) -> PlatformError:
        return PlatformError(
            f"the server of {self._place.uri!r} does not give parts of a file, only the whole",
            hint=_DOWNLOAD,
        )

    async def _make_session(self, *, loop: Any = None, **settings: Any) -> Any:
        del loop
        own = {
            "auto_decompress": False,
            "trust_env": True,
            "timeout": self._aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60),
        }
        return self._aiohttp.ClientSession(**{**own, **settings})


def _identity(answer: Any) -> tuple[str, str]:
    return answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", "")
