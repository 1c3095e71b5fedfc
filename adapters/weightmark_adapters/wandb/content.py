"""An artifact's bytes: brought from the server itself and checked against the digests of its manifest.

The library's own ``download`` would do, but for two things: it gives what lies in this machine's cache,
though the server may have something else by now; and told to skip the cache it mixes up files, since its
threads share one target.

Not promised: that a digest of Weights & Biases withstands an attacker; it is an MD5. It finds damage; our
own fingerprint finds intent.
"""

import base64
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from weightmark.errors import DigestMismatchError, MalformedError, PlatformError
from weightmark.model.path import check_path
from weightmark_adapters.wandb import sdk

MAX_FILES: Final = 100_000
"""The most files that an artifact may have to be brought here."""

_OWN_REFERENCE: Final = "wandb-artifact://"
_SPARE_BYTES: Final = 1 << 30
"""Left free on the disk that an artifact is downloaded to: 1 GiB."""

_CHUNK: Final = 1 << 20
_AT_ONCE: Final = 4
_PAGE: Final = 1_000
_XXH128: Final = "XXH128"


def bring(artifact: Any, uri: str, keep: Callable[[Path], object]) -> Path:
    """Download an artifact to a folder of its own.

    Args:
        artifact: the library's artifact, logged.
        uri: its URI, for messages.
        keep: is told the folder before anything is written to it.

    Raises:
        MalformedError: a path in its manifest climbs, or its digests are of a kind that is not known.
        PlatformError: it is empty, refers to bytes elsewhere, fits on no disk, or the server failed.
        DigestMismatchError: what came is not what the manifest says.
    """
    entries: dict[str, Any] = {str(path): entry for path, entry in artifact.manifest.entries.items()}
    _require_possible(entries, uri)
    folder = Path(tempfile.mkdtemp(prefix="weightmark-"))
    keep(folder)
    _require_room(entries, folder, uri)
    stored = {path: entry for path, entry in entries.items() if not entry.ref}
    missing = set(stored)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        waiting = [
            threads.submit(_fetch, str(file.direct_url), folder, stored[str(file.name)], uri)
            for file in (artifact.files(per_page=_PAGE) if stored else ())
            if str(file.name) in stored
        ]
        missing -= {done.result() for done in waiting}
    if missing:
        raise DigestMismatchError(f"{uri!r} lists {min(missing)}, but the server has no such file")
    for path in entries.keys() - stored.keys():
        entries[path].download(root=str(folder))
        _require(_digest(folder / path, entries[path]), entries[path], uri)
    return folder


def _require_possible(entries: Mapping[str, Any], uri: str) -> None:
    if not entries:
        raise PlatformError(f"{uri!r} has no files", hint="Log the model again.")
    if len(entries) > MAX_FILES:
        raise PlatformError(f"{uri!r} has more than {MAX_FILES} files, too many for a model")
    for path, entry in entries.items():
        check_path(path, what=f"the manifest of {uri!r}")
        if entry.ref and not str(entry.ref).startswith(_OWN_REFERENCE):
            raise PlatformError(
                f"{uri!r} only refers to {path}: Weights & Biases does not hold its bytes, so they cannot be"
                " fingerprinted",
                hint="Log the files themselves (add_file, add_dir) instead of a reference.",
            )


def _require_room(entries: Mapping[str, Any], folder: Path, uri: str) -> None:
    size = sum(int(entry.size or 0) for entry in entries.values())
    free = shutil.disk_usage(folder).free - _SPARE_BYTES
    if size > free:
        raise PlatformError(
            f"{uri!r} has {size} bytes; {max(free, 0)} can be downloaded to {tempfile.gettempdir()!r}",
            hint="Set TMPDIR to a folder on a larger disk.",
        )


def _fetch(address: str, folder: Path, entry: Any, uri: str) -> str:
    """Fetch one file, no further than its size, and give its path."""
    requests = sdk.load("requests")
    target = folder / str(entry.path)
    target.parent.mkdir(parents=True, exist_ok=True)
    left, known = int(entry.size or 0), hashlib.md5(usedforsecurity=False)
    with (
        requests.get(address, stream=True, timeout=sdk.WAIT_SECONDS) as answer,
        target.open("wb") as stream,
    ):
        answer.raise_for_status()
        for data in answer.iter_content(_CHUNK):
            left -= len(data)
            if left < 0:
                break
            known.update(data)
            stream.write(data)
    if left:
        raise DigestMismatchError(f"{entry.path} of {uri!r} has not the {entry.size} bytes of its manifest")
    algorithm = _algorithm(entry)
    found = base64.b64encode(known.digest()).decode() if algorithm == "MD5" else _digest(target, entry)
    _require(found, entry, uri)
    return str(entry.path)


def _require(found: str, entry: Any, uri: str) -> None:
    if found != str(entry.digest):
        raise DigestMismatchError(
            f"{entry.path} of {uri!r} is not what its manifest says: {entry.digest} is, {found} came"
        )


def _algorithm(entry: Any) -> str:
    extra: Any = entry.extra
    algorithm = str((extra and extra.get("alg")) or "MD5")
    if algorithm not in {"MD5", _XXH128}:
        raise MalformedError(f"{entry.path} has a digest by {algorithm!r}, which is not known")
    return algorithm


def _digest(path: Path, entry: Any) -> str:
    if _algorithm(entry) == _XXH128:
        return str(sdk.load("wandb.sdk.lib.hashutil").xxh128_file_b64(str(path)))
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False))
    return base64.b64encode(digest.digest()).decode()
