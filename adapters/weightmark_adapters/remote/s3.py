"""Objects in Amazon S3 and what speaks its language, through s3fs.

Ranges are asked for with ``If-Match``: bytes of two versions of an object are never mixed.
"""

import re
from collections.abc import AsyncGenerator
from typing import Any, Final

from weightmark.errors import MalformedError, PlatformError
from weightmark_adapters.remote import retrying, sdk
from weightmark_adapters.remote.store import Entry, Store, changed
from weightmark_adapters.remote.uri import Place

PAGE: Final = 1000
"""Objects that are asked for with one listing."""

_CHUNK: Final = 256 << 10
_PARTIAL: Final = 206
_GONE: Final = frozenset({404, 412, 416})
_FORBIDDEN: Final = 403
_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_SETTINGS: Final = {
    "connect_timeout": 10,
    "read_timeout": 60,
    "max_pool_connections": 32,
    "retries": {"total_max_attempts": 1},
}
"""The library repeats nothing by itself: what is repeated, and when, is decided in one place."""


class S3Store(Store):
    """A folder of one bucket, or one object.

    Args:
        place: where.

    Raises:
        MissingExtraError: s3fs is not installed.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._library = sdk.load("s3fs")
        self._settings: dict[str, Any] = sdk.load("fsspec.config").conf.get("s3", {})
        self._fs: Any = None
        self._client: Any = None
        self._single = False
        self._blind = False

    @property
    def origin(self) -> str:
        """Give the endpoint's address."""
        return str(self._client.meta.endpoint_url)

    @property
    def single(self) -> bool:
        """Say whether one object was listed."""
        return self._single

    async def open(self) -> None:
        """Make the client; keys and endpoint are found as the library finds them."""
        settings = {**_SETTINGS, **self._settings.get("config_kwargs", {})}
        self._fs = self._library.S3FileSystem(
            asynchronous=True,
            skip_instance_cache=True,
            use_listings_cache=False,
            config_kwargs=settings,
        )
        self._fs.retries = 1
        self._client = await self._fs.set_session()

    async def close(self) -> None:
        """Close the client's sockets."""
        if self._client is not None:
            await self._client.close()

    async def entries(self) -> AsyncGenerator[Entry, None]:
        """List the object of this key, or the objects below it; never those whose names only begin alike."""
        alone = await self._alone()
        if alone is not None:
            self._single = True
            yield alone
            if self._blind:
                return
        prefix = f"{self._place.key}/" if self._place.key else ""
        token = ""
        while True:
            page = await self._page(prefix, token)
            for found in page.get("Contents", ()):
                key, size = str(found["Key"]), int(found["Size"])
                if key.endswith("/") and not size:
                    continue
                if alone is not None:
                    raise MalformedError(
                        f"{self._place.uri!r} is an object and a folder at once",
                        hint="Name the folder's files one by one, or move the object.",
                    )
                yield self._entry(key, key[len(prefix) :], size, found)
            token = str(page.get("NextContinuationToken", ""))
            if alone is not None or not page.get("IsTruncated") or not token:
                return

    async def chunks(self, entry: Entry, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Ask once for a range."""
        try:
            answer = await self._fs._call_s3(  # noqa: SLF001 - the public form waits in another loop
                "get_object",
                Bucket=self._place.bucket,
                Key=self._key(entry),
                Range=f"bytes={start}-{stop - 1}",
                IfMatch=entry.etag,
            )
        except Exception as error:
            if sdk.status_of(error) in _GONE:
                raise changed(entry.path, f"the store answers {sdk.status_of(error)}") from error
            raise
        async with answer["Body"] as body:
            if str(answer.get("ETag", "")) != entry.etag:
                raise changed(entry.path, "the store calls its content otherwise now")
            self._check_range(entry, start, answer)
            while chunk := await body.read(_CHUNK):
                yield chunk

    def _check_range(self, entry: Entry, start: int, answer: Any) -> None:
        status = int(answer["ResponseMetadata"]["HTTPStatusCode"])
        found = _RANGE.fullmatch(str(answer.get("ContentRange", "")))
        if status != _PARTIAL or found is None or int(found[1]) != start:
            raise PlatformError(
                f"the store of {self._place.uri!r} does not give parts of an object",
                hint="Download the model, and pass its folder.",
            )
        if int(found[3]) != entry.size:
            raise changed(entry.path, f"{entry.size} bytes when listed, {found[3]} bytes now")

    async def _alone(self) -> Entry | None:
        """Look for an object of exactly this key; where listing is forbidden, by asking for the object."""
        key = self._place.key
        if not key:
            return None
        try:
            page = await self._page(key, "", most=1)
        except Exception as error:
            if sdk.status_of(error) != _FORBIDDEN:
                raise
            return await self._asked(key, error)
        found = next(iter(page.get("Contents", ())), None)
        if found is None or found["Key"] != key:
            return None
        return self._entry(key, self._place.name, int(found["Size"]), found)

    async def _asked(self, key: str, refused: Exception) -> Entry:
        try:
            found = await retrying.call(
                lambda: self._fs._call_s3("head_object", Bucket=self._place.bucket, Key=key)  # noqa: SLF001
            )
        except Exception:
            raise refused from None
        self._blind = True
        return self._entry(key, self._place.name, int(found["ContentLength"]), found)

    async def _page(self, prefix: str, token: str, most: int = 0) -> Any:
        more = {"ContinuationToken": token} if token else {}
        return await retrying.call(
            lambda: self._fs._call_s3(  # noqa: SLF001 - the public form waits in another loop
                "list_objects_v2", Bucket=self._place.bucket, Prefix=prefix, MaxKeys=most or PAGE, **more
            )
        )

    def _entry(self, key: str, path: str, size: int, found: Any) -> Entry:
        etag = str(found.get("ETag", ""))
        if not etag:
            raise PlatformError(f"the store of {self._place.uri!r} lists {path!r} without an ETag")
        return Entry(
            path=path,
            key=f"{self._place.scheme}://{self._place.bucket}/{key}",
            size=size,
            etag=etag,
            changed=str(found.get("LastModified", "")),
            strong=True,
        )

    def _key(self, entry: Entry) -> str:
        return entry.key.split("/", 3)[3]
