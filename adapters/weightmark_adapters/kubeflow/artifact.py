"""Where the bytes of a registered model or of a pipeline's artifact lie, and how they come to this machine.

Objects come from the store that this machine's own settings name. A store that only the URI names is never
asked: its address comes from whoever wrote the registry's entry, and our keys are not for them.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from weightmark.errors import DigestMismatchError, MalformedError, PlatformError
from weightmark_adapters.kubeflow import sdk
from weightmark_adapters.kubeflow.uri import OBJECTS, ObjectUri, is_safe, parse_object
from weightmark_adapters.kubeflow.uri import SCHEME as REGISTRY_SCHEME

ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_S3_ENDPOINT", "AWS_ENDPOINT_URL")
"""The environment variables that may name the store's address, the first that is set counts."""

MAX_OBJECTS: Final = 100_000
_CHUNK: Final = 1 << 20
_SPARE_BYTES: Final = 1 << 30
"""Left free on the disk that a model is downloaded to: 1 GiB."""

_MD5: Final = re.compile(r"[0-9a-f]{32}")


def bring(location: str, keep: Callable[[Path], object]) -> Path:
    """Have a model's files at hand.

    Args:
        location: a path, a ``file:`` URI, or a URI of objects.
        keep: is told the folder that was made for a download, before anything is written to it.

    Returns:
        The folder or file: where it lies, when that is on this machine; else a fresh download.

    Raises:
        MalformedError: the location is malformed, or names files outside of itself.
        PlatformError: there is nothing there, the store failed, or it would not fit on the disk.
        DigestMismatchError: what came is not what the store's own digest says.
        MissingExtraError: the store's library is not installed.
    """
    scheme = location.partition(":")[0]
    if scheme in OBJECTS:
        return _download(parse_object(location), keep)
    if scheme == REGISTRY_SCHEME:
        raise MalformedError(f"{location!r} names a registered model, not where one lies")
    if scheme == "file" or location.startswith("/"):
        return _local(location)
    raise PlatformError(
        f"the model lies at {location!r}, where Weightmark cannot read",
        hint="It reads s3:// and minio:// objects and files on this machine.",
    )


def _local(location: str) -> Path:
    from weightmark_adapters.kubeflow.local import local_path

    path = local_path(location)
    if not path.exists():
        raise PlatformError(
            f"the model's files should lie at {str(path)!r}, but there is nothing on this machine",
            hint="Run the step where the volume is mounted.",
        )
    return path.resolve()


def _client(asked: ObjectUri) -> Any:
    own = next((os.environ[name] for name in ENDPOINTS if os.environ.get(name)), "")
    if asked.endpoint and asked.endpoint.rstrip("/") != own.rstrip("/"):
        raise PlatformError(
            f"{asked.uri!r} lies in the store {asked.endpoint!r}, and this machine's settings name"
            f" {own or 'Amazon S3'!r}",
            hint="If you trust that store with your keys, set AWS_ENDPOINT_URL_S3 to it.",
        )
    if asked.uri.startswith("minio:") and not own:
        raise PlatformError(
            f"the store of {asked.uri!r} is not known", hint="Set AWS_ENDPOINT_URL_S3 to MinIO's address."
        )
    configuration = sdk.load("botocore.config").Config(
        connect_timeout=10, read_timeout=60, retries={"max_attempts": 3, "mode": "standard"}
    )
    session = sdk.load("boto3").session.Session()
    return session.client("s3", endpoint_url=own or None, config=configuration)


def _download(asked: ObjectUri, keep: Callable[[Path], object]) -> Path:
    with sdk.speaking(asked.uri):
        client = _client(asked)
        objects = list(_listed(client, asked))
        if not objects:
            raise PlatformError(f"there is nothing at {asked.uri!r}", hint="Check bucket and key.")
        folder = Path(tempfile.mkdtemp(prefix="weightmark-"))
        keep(folder)
        size = sum(int(found["Size"]) for found in objects)
        free = shutil.disk_usage(folder).free - _SPARE_BYTES
        if size > free:
            raise PlatformError(
                f"{asked.uri!r} has {size} bytes; {max(free, 0)} can be downloaded to {str(folder.parent)!r}",
                hint="Set TMPDIR to a folder on a larger disk.",
            )
        whole = folder / asked.key.rsplit("/", 1)[-1]
        for found in objects:
            inner = found["Key"][len(asked.key) + 1 :]
            _fetch(client, asked.bucket, found, whole / inner if inner else whole)
    return whole


def _listed(client: Any, asked: ObjectUri) -> Iterator[dict[str, Any]]:
    """List the object of this key, or the objects below it; never those whose names only begin alike."""
    count = 0
    alone = False
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=asked.bucket, Prefix=asked.key):
        for found in page.get("Contents", ()):
            key = str(found["Key"])
            below = key.startswith(f"{asked.key}/")
            if key.endswith("/") or not (below or key == asked.key):
                continue
            count += 1
            alone = alone or key == asked.key
            if not is_safe(key):
                raise MalformedError(f"the object {key!r} has a name that climbs out of its folder")
            if count > MAX_OBJECTS:
                raise PlatformError(f"{asked.uri!r} has more than {MAX_OBJECTS} objects")
            if alone and count > 1:
                raise MalformedError(f"{asked.uri!r} is an object and a folder at once")
            yield found


def _fetch(client: Any, bucket: str, found: dict[str, Any], target: Path) -> None:
    """Stream one object to a file, and check it against the size and digest that the store has of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    answer = client.get_object(Bucket=bucket, Key=found["Key"])
    digest = hashlib.md5(usedforsecurity=False)
    size = 0
    with target.open("xb") as stream, answer["Body"] as body:
        while chunk := body.read(_CHUNK):
            size += len(chunk)
            digest.update(chunk)
            stream.write(chunk)
    if size != int(found["Size"]):
        raise PlatformError(
            f"of {found['Key']!r} came {size} bytes instead of {found['Size']}: it is written to right now,"
            " or the answer was cut off",
            retryable=True,
            hint="Repeat the step.",
        )
    tag = str(answer.get("ETag", "")).strip('"')
    plain = answer.get("ServerSideEncryption", "AES256") == "AES256" and "SSECustomerAlgorithm" not in answer
    if plain and _MD5.fullmatch(tag) and tag != digest.hexdigest():
        raise DigestMismatchError(f"{found['Key']!r} is not what its store's own digest says")
