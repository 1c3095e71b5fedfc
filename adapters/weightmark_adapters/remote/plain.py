"""Objects in any store that fsspec knows: Google Cloud Storage, Azure Blob Storage.

The library's plain calls know no condition, so each range is followed by a look at the object: bytes that
came from another version are thrown away and refused.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from weightmark.errors import PlatformError
from weightmark_adapters.remote import retrying, sdk
from weightmark_adapters.remote.store import Entry, Store, changed
from weightmark_adapters.remote.uri import Place

_CONTENT: Final = ("etag", "ETag", "generation", "version_id")
_CHANGED: Final = ("last_modified", "LastModified", "updated", "mtime", "created")
_NOT_FOUND: Final = 404


class PlainStore(Store):
    """A folder of one bucket or container, or one object.

    Args:
        place: where.

    Raises:
        MissingExtraError: fsspec is not installed.
        PluginError: the library for this scheme is not installed.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._library = sdk.load("fsspec")
        sdk.check_installed(place.scheme)
        self._fs: Any = None
        self._root = ""
        self._single = False

    @property
    def origin(self) -> str:
        """Give the address or the account, as the library calls it."""
        found = (getattr(self._fs, name, None) for name in ("account_url", "base", "account_name"))
        return f"{self._place.scheme}://{next((str(one) for one in found if one), '')}"

    @property
    def single(self) -> bool:
        """Say whether one object was listed."""
        return self._single

    async def open(self) -> None:
        """Make the client; keys and account are found as the library finds them."""
        self._fs, root = await asyncio.to_thread(
            self._library.core.url_to_fs,
            self._place.address,
            skip_instance_cache=True,
            use_listings_cache=False,
        )
        self._root = str(root).rstrip("/")

    async def close(self) -> None:
        """Let go of the client, which closes itself."""
        self._fs = None

    async def entries(self) -> AsyncGenerator[Entry, None]:
        """List the object, or the objects below, folder by folder."""
        info = await self._call(self._fs.info, self._root)
        if info["type"] != "directory":
            self._single = True
            yield self._entry(info, self._place.name)
            return
        folders, seen = [self._root], {self._root}
        while folders:
            folder = folders.pop()
            for found in await self._call(self._fs.ls, folder, detail=True):
                name = str(found["name"])
                path = name.rstrip("/")
                if found["type"] == "directory":
                    if path.startswith(f"{folder}/") and path not in seen:
                        seen.add(path)
                        folders.append(path)
                elif not (name.endswith("/") or path == folder) or found["size"]:
                    yield self._entry(found, name.removeprefix(f"{self._root}/"))

    async def chunks(self, entry: Entry, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Ask once for a range, and look whether the object is still the one that was listed."""
        try:
            data = await asyncio.to_thread(self._fs.cat_file, entry.key, start=start, end=stop)
            info = await asyncio.to_thread(self._fs.info, entry.key)
        except Exception as error:
            if sdk.status_of(error) == _NOT_FOUND:
                raise changed(entry.path, "it was removed") from error
            raise
        if info["size"] != entry.size or not _is_same(entry, info):
            raise changed(entry.path, f"{entry.size} bytes when listed, {info['size']} bytes now")
        yield data

    async def _call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return await retrying.call(lambda: asyncio.to_thread(function, *args, **options))

    def _entry(self, info: Mapping[str, Any], path: str) -> Entry:
        etag, date = _marks(info, _CONTENT), _marks(info, _CHANGED)
        if info["size"] is None or not (etag or date):
            raise PlatformError(
                f"the store of {self._place.uri!r} says neither how long {path!r} is nor when it changed"
            )
        return Entry(
            path=path,
            key=str(info["name"]),
            size=int(info["size"]),
            etag=etag,
            changed=date,
            strong=bool(etag),
        )


def _marks(info: Mapping[str, Any], keys: Sequence[str]) -> str:
    """Write down what a store calls a content, one mark a line."""
    found = ((key, _mark(info[key])) for key in keys if info.get(key))
    return "\n".join(f"{key}={value}" for key, value in found)


def _mark(value: Any) -> str:
    """Write a mark in one way, whichever of its calls a library gives it by."""
    value = value.timestamp() if isinstance(value, datetime) else value
    return f"{value:.6f}" if isinstance(value, float) else " ".join(str(value).strip('"').split())


def _is_same(entry: Entry, info: Mapping[str, Any]) -> bool:
    """Compare the marks that both the listing and the look at one object give; one at least must be there."""
    before = f"{entry.etag}\n{entry.changed}".splitlines()
    after = f"{_marks(info, _CONTENT)}\n{_marks(info, _CHANGED)}".splitlines()
    names = {line.partition("=")[0] for line in before} & {line.partition("=")[0] for line in after}
    common = [[line for line in lines if line.partition("=")[0] in names] for lines in (before, after)]
    return bool(names) and common[0] == common[1]
