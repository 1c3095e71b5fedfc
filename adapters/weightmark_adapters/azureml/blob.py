"""A model's bytes in Azure's blob storage, and how they come to this machine.

Each blob is read as it was when it was listed, and checked against the MD5 that the storage keeps of it,
where it keeps one (it does for what was uploaded in one piece).
"""

import base64
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from weightmark.errors import DigestMismatchError, MalformedError, PlatformError
from weightmark_adapters.azureml import sdk
from weightmark_adapters.azureml.service import Service, pairs
from weightmark_adapters.azureml.uri import safe_path

MAX_FILES: Final = 100_000
_SPARE_BYTES: Final = 1 << 30
"""Left free on the disk that a model is downloaded to: 1 GiB."""

_AT_ONCE: Final = 4
_FOLDER_MARK: Final = "hdi_isfolder"
_WAITS: Final = {
    "retry_total": 2,
    "initial_backoff": 0.5,
    "increment_base": 1,
    "random_jitter_range": 0,
    "connection_timeout": 10,
    "read_timeout": 60,
}
"""The SDK's own patience would be minutes."""


def fetch_stored(service: Service, store: str, path: str, uri: str, keep: Callable[[Path], object]) -> Path:
    """Download what lies at a path of a workspace's datastore.

    Args:
        service: the workspace.
        store: the datastore's name.
        path: the path in it.
        uri: for messages.
        keep: is told the folder that is made for it, before anything is written to it.

    Returns:
        The folder, or the file when the path is one blob.

    Raises:
        PlatformError: there is nothing, Azure failed, or it would not fit on the disk.
        DigestMismatchError: what came is not what the storage's own digest says.
        MalformedError: a blob's name climbs out of its folder.
    """
    stated = service.get(f"datastores/{store}")["properties"]
    kind = str(stated.get("datastoreType"))
    if kind not in {"AzureBlob", "AzureDataLakeGen2"}:
        raise PlatformError(
            f"{uri!r} is in a datastore of the kind {kind}, whose bytes cannot be read here",
            hint="Put the model into a blob datastore.",
        )
    constants = sdk.load("azure.ai.ml.constants._common")
    address = constants.STORAGE_ACCOUNT_URLS["AzureBlob"].format(
        stated["accountName"], stated.get("endpoint")
    )
    name = stated.get("containerName") or stated.get("filesystem")
    with (
        sdk.speaking(uri),
        closing(
            sdk.load("azure.storage.blob").ContainerClient(
                address, name, credential=_credential(service, store, stated), **_WAITS
            )
        ) as container,
    ):
        return _fetch(container, path, uri, keep)


def fetch_shared(
    service: Service, asset: tuple[str, str], address: str, uri: str, keep: Callable[[Path], object]
) -> Path:
    """Download what a registry's model version is made of.

    Args:
        service: the registry.
        asset: the model's name and version.
        address: where its bytes are, as the registry says: ``https://ACCOUNT.blob.core.windows.net/…``.
        uri: for messages.
        keep: is told the folder that is made for it, before anything is written to it.

    Returns:
        The folder, or the file when it is one blob.

    Raises:
        PlatformError: there is nothing, Azure failed, or it would not fit on the disk.
        DigestMismatchError: what came is not what the storage's own digest says.
        MalformedError: a blob's name climbs out of its folder.
    """
    name, version = asset
    identifier = f"azureml://registries/{service.place.registry}/models/{name}/versions/{version}"
    answer = service.post(f"datarefs/{name}/versions/{version}", {"assetId": identifier, "blobUri": address})
    reference = answer["blobReferenceForConsumption"]
    signed = reference.get("credential", {}).get("sasUri")
    path = urlsplit(address).path.lstrip("/").partition("/")[2]
    blob = sdk.load("azure.storage.blob")
    with sdk.speaking(uri):
        credential = None if signed else service.credential
        location = signed or f"{urlsplit(address).scheme}://{urlsplit(address).netloc}" + "/".join(
            urlsplit(address).path.split("/")[:2]
        )
        made = blob.ContainerClient.from_container_url(location, credential=credential, **_WAITS)
        with closing(made) as container:
            return _fetch(container, safe_path(path, uri), uri, keep)


def _credential(service: Service, store: str, stated: dict[str, Any]) -> Any:
    """Give what opens a datastore: its key, a token for it, or the person's own credential."""
    if stated.get("credentials", {}).get("credentialsType") in {"AccountKey", "Sas"}:
        body = {"expirableSecret": True, "expireAfterHours": 1}
        secrets = service.post(f"datastores/{store}/listSecrets", body)
        if secrets.get("sasToken"):
            return sdk.load("azure.core.credentials").AzureSasCredential(secrets["sasToken"])
        if secrets.get("key"):
            return secrets["key"]
    return service.credential


def _fetch(container: Any, path: str, uri: str, keep: Callable[[Path], object]) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="weightmark-"))
    keep(folder)
    blobs = _list(container, path, uri)
    total = sum(int(blob.size or 0) for blob in blobs.values())
    free = shutil.disk_usage(folder).free - _SPARE_BYTES
    if total > free:
        raise PlatformError(
            f"{uri!r} has {total} bytes; {max(free, 0)} can be downloaded to {tempfile.gettempdir()!r}",
            hint="Set TMPDIR to a folder on a larger disk.",
        )
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        for done in [
            pool.submit(_download, container, blob, folder / name, uri) for name, blob in blobs.items()
        ]:
            done.result()
    return folder / next(iter(blobs)) if _is_single(blobs, path) else folder


def _list(container: Any, path: str, uri: str) -> dict[str, Any]:
    """List the blobs at and below a path, by their names relative to it."""
    found: dict[str, Any] = {}
    for blob in container.list_blobs(name_starts_with=path, include=["metadata"]):
        name = str(blob.name)
        if path and name != path and not name.startswith(f"{path}/"):
            continue
        if pairs(blob.metadata).get(_FOLDER_MARK) == "true" and not blob.size:
            continue  # with bytes it is a file, whatever its metadata says
        relative = safe_path(name.rpartition("/")[2] if name == path else name[len(path) :], uri)
        if relative in found:
            raise MalformedError(f"two blobs of {uri!r} would be the same file: {relative!r}")
        found[relative] = blob
        if len(found) > MAX_FILES:
            raise PlatformError(
                f"{uri!r} has more than {MAX_FILES} files", hint="Name the model's own folder."
            )
    if not found:
        raise PlatformError(f"there is nothing at {uri!r}", hint="Upload the model again.")
    return found


def _is_single(blobs: dict[str, Any], path: str) -> bool:
    return len(blobs) == 1 and str(next(iter(blobs.values())).name) == path


def _download(container: Any, blob: Any, target: Path, uri: str) -> None:
    unchanged = sdk.load("azure.core").MatchConditions.IfNotModified
    digest = hashlib.md5(usedforsecurity=False)
    with sdk.speaking(uri):
        target.parent.mkdir(parents=True, exist_ok=True)
    with sdk.speaking(uri), target.open("xb") as file:
        stream = container.download_blob(blob.name, etag=blob.etag, match_condition=unchanged)
        for chunk in stream.chunks():
            digest.update(chunk)
            file.write(chunk)
        size = file.tell()
    stated = blob.content_settings.content_md5
    if size != blob.size:
        raise PlatformError(f"{uri!r}: {size} bytes of {blob.size} came of {target.name}", retryable=True)
    if stated and bytes(stated) != digest.digest():
        raise DigestMismatchError(
            f"{uri!r}: {target.name} is not what the storage's own MD5 says:"
            f" {base64.b64encode(bytes(stated)).decode()} was stored,"
            f" {base64.b64encode(digest.digest()).decode()} came"
        )
