"""The URIs of remote models: a folder of objects, or one object.

What is recorded of an address has no user, no password and no parameters: those are keys, or may be.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from weightmark.encoding import hide_secrets
from weightmark.errors import MalformedError

WEB: Final = ("http", "https")

_BUCKET: Final = re.compile(r"[A-Za-z0-9$][A-Za-z0-9._\-]{0,254}(@[A-Za-z0-9][A-Za-z0-9.\-]{0,254})?")
_HINT: Final = "Write s3://BUCKET/FOLDER, gs://BUCKET/FOLDER, abfs://CONTAINER/FOLDER or https://HOST/FILE."


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a remote model lies.

    Attributes:
        scheme: the URI's scheme, in small letters.
        uri: the URI that is recorded and shown, without secrets.
        address: the URI as it was given; it may hold a password or a signature.
        bucket: the bucket or the container; the host and its port for the web.
        key: the path inside the bucket, without slashes at its ends; empty for the bucket itself. For the web
            the path as it is written in the address.
        name: what the model is called when nobody says otherwise: the last part of the path.
    """

    scheme: str
    uri: str
    address: str = field(repr=False)
    bucket: str
    key: str
    name: str


def parse_place(uri: str, schemes: Sequence[str]) -> Place:
    """Take a remote model's URI apart.

    Args:
        uri: such as ``s3://bucket/folder``.
        schemes: those that are known.

    Raises:
        MalformedError: it names no objects, or its path climbs.

    >>> parse_place("s3://models/churn/v3/", ["s3"]).key
    'churn/v3'
    >>> parse_place("https://me:secret@example.org/m/a.gguf?X-Signature=1", ["https"]).uri
    'https://example.org/m/a.gguf'
    """
    scheme, separator, rest = uri.partition("://")
    scheme = scheme.lower()
    if scheme not in schemes or not separator or not uri.isprintable() or "\\" in uri:
        raise _malformed(uri)
    return _parse_web(uri, scheme) if scheme in WEB else _parse_objects(uri, scheme, rest)


def _parse_objects(uri: str, scheme: str, rest: str) -> Place:
    bucket, _, path = rest.partition("/")
    key = path.removesuffix("/")
    if not _BUCKET.fullmatch(bucket) or {"?", "#"} & set(rest) or (key and _climbs(key)):
        raise _malformed(uri)
    exact = f"{scheme}://{bucket}/{key}".removesuffix("/")
    name = key.rsplit("/", 1)[-1] or bucket.partition("@")[0]
    return Place(scheme=scheme, uri=exact, address=exact, bucket=bucket, key=key, name=name)


def _parse_web(uri: str, scheme: str) -> Place:
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _malformed(uri) from error
    inner = unquote(parts.path).strip("/")
    unclear = parts.fragment or "\\" in inner or not inner.isprintable()
    if not host.strip(".") or unclear or (inner and _climbs(inner)):
        raise _malformed(uri)
    shown = f"[{host}]" if ":" in host else host
    bucket = shown if port is None else f"{shown}:{port}"
    path = parts.path or "/"
    return Place(
        scheme=scheme,
        uri=f"{scheme}://{bucket}{path}",
        address=uri,
        bucket=bucket,
        key=path,
        name=inner.rsplit("/", 1)[-1] or host.replace(":", "-"),
    )


def _climbs(path: str) -> bool:
    return bool({"", ".", ".."} & set(path.split("/")))


def _malformed(uri: str) -> MalformedError:
    return MalformedError(f"{hide_secrets(uri)[:300]!r} names no remote model", hint=_HINT)
