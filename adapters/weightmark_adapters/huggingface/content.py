"""A model's files on the Hub: their digests there, and their bytes here."""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from weightmark.attribution import BESIDE
from weightmark.errors import DigestMismatchError, Failure, PlatformError
from weightmark.model.path import check_path
from weightmark_adapters.huggingface import sdk

_SPARE_BYTES: Final = 1 << 30
"""Left free on the disk that a model is downloaded to: 1 GiB."""

_READ: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFile:
    """One file of a revision, as the Hub lists it.

    Attributes:
        path: relative to the repository.
        size: bytes.
        blob: the git blob's SHA-1; of the pointer, for a file in LFS. The same for the same bytes.
        sha256: the SHA-256 that LFS knows it by; empty for a file that git itself holds.
    """

    path: str
    size: int
    blob: str
    sha256: str = ""


def files_of(info: Any) -> tuple[HubFile, ...]:
    """List the files of a revision, sorted, from the Hub's answer with files' metadata.

    Raises:
        MalformedError: a name is not safe to write here.
    """
    found: list[HubFile] = []
    for entry in info.siblings or ():
        lfs: Any = entry.lfs
        path = str(entry.rfilename)
        check_path(path, what="the Hub's list of files")
        found.append(
            HubFile(
                path=path,
                size=int(entry.size or 0),
                blob=str(entry.blob_id or ""),
                sha256=str(lfs["sha256"]) if lfs else "",
            )
        )
    return tuple(sorted(found, key=lambda file: file.path))


def same_model(one: Sequence[HubFile], other: Sequence[HubFile]) -> bool:
    """Say whether two revisions hold the same bytes, but for Weightmark's own files."""
    return _blobs(one) == _blobs(other)


def fetch(
    repo: str, revision: str, files: Sequence[HubFile], folder: Path, *, token: str | bool | None = None
) -> None:
    """Bring files of a revision into a folder of ours, from the user's cache where it has them; checked.

    Args:
        repo: ``organisation/model``.
        revision: the commit.
        files: which.
        folder: where to; made when it is not there.
        token: as the library takes it; None for the user's own.

    Raises:
        PlatformError: the Hub refused or failed, or the disk is too small.
        DigestMismatchError: a file is not what the Hub says.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _require_room(repo, sum(file.size for file in files), folder)
    with sdk.speaking(f"hf://{repo}@{revision}"):
        for file in files:
            sdk.load("huggingface_hub.file_download").hf_hub_download(
                repo, file.path, revision=revision, local_dir=str(folder), token=token
            )
    shutil.rmtree(folder / ".cache" / "huggingface", ignore_errors=True)
    with contextlib.suppress(OSError):  # the repository has a folder of this name
        (folder / ".cache").rmdir()
    check_digests(repo, folder, files)


def view(repo: str, revision: str, files: Sequence[HubFile]) -> Path:
    """Bring a revision into the user's own cache and give a folder with its plain files.

    The cache's own folder holds links that lead out of it, so the files are linked hard beside them, once;
    they take no more room.

    Returns:
        The folder; below the repository's folder in the cache, and removed together with it.

    Raises:
        PlatformError: the Hub refused or failed, or the disk is too small.
        DigestMismatchError: a file is not what the Hub says.
    """
    uri = f"hf://{repo}@{revision}"
    cache = Path(str(sdk.load("huggingface_hub.constants").HF_HUB_CACHE))
    cache.mkdir(parents=True, exist_ok=True)
    _require_room(repo, sum(file.size for file in files), cache)
    with sdk.speaking(uri):
        snapshot = Path(
            sdk.load("huggingface_hub._snapshot_download").snapshot_download(repo, revision=revision)
        )
    folder = snapshot.parent.parent / "weightmark" / revision
    if not _is_view(folder, files):
        try:
            _make_view(snapshot, folder, files)
        except FileNotFoundError as error:
            raise PlatformError(f"{uri!r} came without {Path(str(error.filename)).name!r}") from error
    check_digests(repo, folder, files)
    return folder


def check_digests(repo: str, folder: Path, files: Sequence[HubFile]) -> None:
    """Check files against the digests that the Hub lists.

    Raises:
        DigestMismatchError: some are not; ``failures`` names all of them.
    """
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        whole = [*pool.map(_is_whole, [folder / file.path for file in files], files)]
    changed = tuple(
        Failure(path=file.path, reason="changed") for file, held in zip(files, whole, strict=True) if not held
    )
    if changed:
        named = ", ".join(failure.path for failure in changed[:5])
        raise DigestMismatchError(
            f"hf://{repo} did not come whole; not what the Hub lists: {named}",
            failures=changed,
            hint="Remove it from the cache with `hf cache rm`, then repeat the step.",
        )


def _blobs(files: Sequence[HubFile]) -> dict[str, str]:
    return {file.path: file.blob for file in files if file.path not in BESIDE}


def _is_whole(path: Path, file: HubFile) -> bool:
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            if size != file.size:
                return False
            if file.sha256:
                digest, expected = hashlib.sha256(), file.sha256
            else:
                digest, expected = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False), file.blob
            while part := stream.read(_READ):
                digest.update(part)
    except OSError:
        return False
    return digest.hexdigest() == expected


def _is_view(folder: Path, files: Sequence[HubFile]) -> bool:
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return found == {file.path for file in files}


def _make_view(snapshot: Path, folder: Path, files: Sequence[HubFile]) -> None:
    folder.parent.mkdir(exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".making-", dir=folder.parent))
    try:
        for file in files:
            target = made / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            source = os.path.realpath(snapshot / file.path)
            try:
                os.link(source, target)
            except FileNotFoundError:
                raise
            except OSError:
                shutil.copyfile(source, target)
        with contextlib.suppress(FileNotFoundError):
            folder.rename(made.with_name(f"{made.name}-old"))
        with contextlib.suppress(OSError):  # another process was first; its view is the same
            made.rename(folder)
    finally:
        for leftover in folder.parent.glob(f"{made.name}*"):
            shutil.rmtree(leftover, ignore_errors=True)


def _require_room(repo: str, size: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free - _SPARE_BYTES
    if size > free:
        raise PlatformError(
            f"hf://{repo} has {size} bytes; {max(free, 0)} can be downloaded to {str(folder)!r}",
            hint="Set HF_HOME and TMPDIR to folders on a larger disk.",
        )
