"""What was finished before a fingerprint failed is in the cache; what was not is not."""

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from weightmark.errors import MalformedError
from weightmark.fingerprinting import DigestCache, fingerprint, fingerprint_artifact
from weightmark.model import Artifact
from weightmark.model.artifact import ArtifactFile, Reader

DAY = 86_400 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenFile(ArtifactFile):
    """A file that is whole, and found changed at the end."""

    @contextmanager
    def opened(self) -> Generator[Reader]:
        with ArtifactFile.opened(self) as reader:
            yield reader
        raise MalformedError(f"{self.path} changed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in "abcd":
        (folder / f"{name}.dat").write_bytes(name.encode() * (17 << 20 if name == "c" else 1000))
    return folder


def kept(cache: DigestCache) -> int:
    with closing(sqlite3.connect(cache.path)) as connection:
        return int(connection.execute("SELECT count(*) FROM digests").fetchone()[0])


def broken(folder: Path, name: str) -> Artifact:
    artifact = Artifact.open(folder)
    names = ArtifactFile.__slots__
    files = tuple(
        BrokenFile(**{key: getattr(file, key) for key in names}) if file.path == name else file
        for file in artifact.files
    )
    return Artifact(root=artifact.root, files=files, single=False)


def cache_of(folder: Path) -> DigestCache:
    last = max(max(file.mtime_ns, file.ctime_ns) for file in Artifact.open(folder).files)
    return DigestCache(folder.parent / "cache.sqlite", clock=lambda: last + DAY)


@pytest.mark.parametrize("file_digests", [False, True])
def test_finished_files_are_kept_and_the_one_that_failed_is_not(folder: Path, *, file_digests: bool):
    cache = cache_of(folder)
    with pytest.raises(MalformedError, match=r"d\.dat changed"):
        fingerprint_artifact(broken(folder, "d.dat"), [], cache=cache, threads=1, file_digests=file_digests)
    before = kept(cache)
    assert 2 <= before <= 3
    total: list[int] = []
    again = fingerprint_artifact(
        Artifact.open(folder),
        [],
        cache=cache,
        file_digests=file_digests,
        progress=lambda _, size: total.append(size),
    )
    assert total[0] < 18 << 20
    assert again == fingerprint_artifact(Artifact.open(folder), [], file_digests=file_digests)
    assert kept(cache) == 4


def test_finished_files_are_kept_while_others_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fingerprint, "KEEP_SECONDS", 0)
    cache = cache_of(folder)
    seen: list[int] = []
    fingerprint_artifact(
        Artifact.open(folder), [], cache=cache, threads=1, progress=lambda *_: seen.append(_count(cache))
    )
    assert seen[-1] >= 2
    assert kept(cache) == 4


def _count(cache: DigestCache) -> int:
    return kept(cache) if cache.path.exists() else 0
