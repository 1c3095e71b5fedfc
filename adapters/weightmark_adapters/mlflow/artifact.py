"""Where MLflow keeps a model's bytes, and how they come to this machine.

Local locations are used where they lie. Inside an MLflow server the proxied ones are mapped to the server's
own artifact store, so that a server never calls itself. All else is downloaded by MLflow's own repositories.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from weightmark.errors import MalformedError, PlatformError
from weightmark_adapters.mlflow import sdk
from weightmark_adapters.mlflow.uri import safe_path

ROUTE: Final = "/api/2.0/mlflow-artifacts/artifacts/"
"""Where an MLflow server serves artifacts over HTTP."""

_SERVING: Final = "_MLFLOW_SERVER_SERVE_ARTIFACTS"
_DESTINATION: Final = "_MLFLOW_SERVER_ARTIFACT_DESTINATION"
_BACKEND: Final = "_MLFLOW_SERVER_FILE_STORE"
_ROOT: Final = "_MLFLOW_SERVER_ARTIFACT_ROOT"
_NOT_STORES: Final = frozenset({"http", "https", "ftp", "sftp", "runs", "models"})
_SPARE_BYTES: Final = 1 << 30
"""Left free on the disk that a model is downloaded to: 1 GiB."""


def server_backend() -> str:
    """Name the tracking database of the MLflow server that this process is; empty when it is none."""
    return os.environ.get(_BACKEND, "")


def bring(location: str, tracking: str, keep: Callable[[Path], object]) -> Path:
    """Have an artifact location at hand as a folder or file.

    Args:
        location: an artifact URI or a path, as MLflow stores it.
        tracking: the tracking URI, for locations that a server proxies.
        keep: is told each folder that was made for a download, before anything is written to it.

    Returns:
        The folder or file: where it lies, when that is on this machine; else a fresh download.

    Raises:
        MalformedError: the location climbs out of the store.
        PlatformError: there is nothing there, the store failed, or it would not fit on the disk.
    """
    location = _served(location, tracking)
    scheme = _scheme(location)
    if scheme in {"", "file"}:
        return _local(location)
    if scheme in _NOT_STORES:
        raise PlatformError(
            f"{location!r} is not in an artifact store of MLflow, so its bytes cannot be fingerprinted",
            hint="Log the model to MLflow and register it from there.",
        )
    with sdk.speaking(location):
        return _download(location, tracking, keep)


def is_filled(location: str, tracking: str) -> bool:
    """Say whether anything lies at a location.

    Raises:
        MalformedError: the location climbs out of the store.
        PlatformError: the store failed.
    """
    location = _served(location, tracking)
    if _scheme(location) in {"", "file"}:
        path = _plain(location)
        return path.is_file() or (path.is_dir() and any(path.iterdir()))
    with sdk.speaking(location):
        return bool(_repository(location, tracking).list_artifacts(""))


def join(location: str, path: str) -> str:
    """Add a safe relative path to an artifact location."""
    return f"{location.rstrip('/')}/{path}" if path else location


def _served(location: str, tracking: str) -> str:
    """Inside a server, turn a proxied location into the one behind the proxy."""
    try:
        parts = urlsplit(location)
    except ValueError as error:
        raise MalformedError(f"{location!r} is no location of MLflow's: {error}") from error
    if parts.scheme == "mlflow-artifacts":
        path = safe_path(parts.path, location)
    elif parts.scheme in {"http", "https"} and ROUTE in parts.path:
        path = safe_path(parts.path.split(ROUTE, 1)[1], location)
    else:
        return location
    destination = os.environ.get(_DESTINATION)
    if os.environ.get(_SERVING) != "true" or not destination:
        return f"mlflow-artifacts:/{path}" if _is_own_server(parts.netloc, tracking) else location
    if parts.netloc and parts.netloc != urlsplit(os.environ.get(_ROOT, "")).netloc:
        raise PlatformError(
            f"{location!r} names the server {parts.netloc!r}, whose files may be others than those here",
            hint="Leave the server's name out, or start MLflow with it in --default-artifact-root.",
        )
    if _scheme(destination) not in {"", "file"}:
        return join(destination, path)
    root = _plain(destination).resolve()
    found = (root / path).resolve()
    if not found.is_relative_to(root):
        raise MalformedError(f"{location!r} leads out of the server's artifact store")
    return str(found)


def _is_own_server(host: str, tracking: str) -> bool:
    return not host or host == urlsplit(tracking).netloc


def _scheme(location: str) -> str:
    scheme = urlsplit(location).scheme
    return "" if len(scheme) == 1 else scheme  # C:\models on Windows


def _plain(location: str) -> Path:
    return Path(unquote(urlsplit(location).path)) if location.startswith("file:") else Path(location)


def _local(location: str) -> Path:
    path = _plain(location)
    if not path.exists():
        raise PlatformError(
            f"the model's files should lie at {str(path)!r}, but there is nothing on this machine",
            hint="Run the step where the store can be read, or let the MLflow server serve its artifacts.",
        )
    return path.resolve()


def _repository(location: str, tracking: str) -> Any:
    registry = sdk.load("mlflow.store.artifact.artifact_repository_registry")
    return registry.get_artifact_repository(location, tracking_uri=tracking)


def _download(location: str, tracking: str, keep: Callable[[Path], object]) -> Path:
    repository = _repository(location, tracking)
    folder = Path(tempfile.mkdtemp(prefix="weightmark-"))
    keep(folder)
    count, size = _weigh(repository)
    if not count:
        raise PlatformError(f"there is nothing at {location!r}", hint="Log the model again.")
    free = shutil.disk_usage(folder).free - _SPARE_BYTES
    if size > free:
        raise PlatformError(
            f"{location!r} has {size} bytes; {max(free, 0)} can be downloaded to {tempfile.gettempdir()!r}",
            hint="Set TMPDIR to a folder on a larger disk.",
        )
    repository.download_artifacts("", str(folder))
    return folder


def _weigh(repository: Any) -> tuple[int, int]:
    """Count the files of a repository and their bytes; refuse names that climb."""
    count = size = 0
    folders = [""]
    while folders:
        for entry in repository.list_artifacts(folders.pop()):
            path = safe_path(str(entry.path), str(entry.path))
            if entry.is_dir:
                folders.append(path)
            else:
                count += 1
                size += int(entry.file_size or 0)
    return count, size
