"""Digests that are kept, and those that must not be."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from weightmark.encoding import Algorithm
from weightmark.errors import MalformedError
from weightmark.fingerprinting import DigestCache, Fingerprint, fingerprint_artifact
from weightmark.model import Artifact, TensorSpan

DAY = 86_400 * 10**9
SPAN = TensorSpan(name="t", dtype="uint8", shape=(4,), path="b", start=2, stop=6)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "a").write_bytes(b"a")
    (folder / "b").write_bytes(b"0123456789")
    return folder


def cache_of(model: Path, *, age: int = DAY) -> DigestCache:
    """Make a cache whose clock stands ``age`` nanoseconds after the last change to the model."""
    last = max(max(file.mtime_ns, file.ctime_ns) for file in Artifact.open(model).files)
    return DigestCache(model.parent / "cache.sqlite", clock=lambda: last + age)


def take(model: Path, cache: DigestCache | None, **options: object) -> tuple[Fingerprint, int]:
    """Give the fingerprint and the bytes that were read for it."""
    total: list[int] = []
    found = fingerprint_artifact(
        Artifact.open(model), [SPAN], cache=cache, progress=lambda _, size: total.append(size), **options
    )  # type: ignore[arg-type]
    return found, total[0]


def test_what_was_read_is_not_read_again(model: Path) -> None:
    fresh, _ = take(model, None)
    cache = cache_of(model)
    assert take(model, cache) == (fresh, 11)
    assert take(model, cache) == (fresh, 0)
    with_digests, read = take(model, cache, file_digests=True)
    assert read == 11
    assert with_digests.manifest.files[0].sha256 is not None
    assert take(model, cache, file_digests=True) == (with_digests, 0)
    assert take(model, cache, algorithm=Algorithm.BLAKE3)[1] == 11
    assert take(model, cache, chunk_size=3)[1] == 10  # a file of one byte is cut alike


def test_a_changed_file_is_read_again(model: Path) -> None:
    take(model, cache_of(model))
    (model / "a").write_bytes(b"A")
    found, read = take(model, cache_of(model))
    assert (found, read) == (take(model, None)[0], 1)


def test_a_change_that_hides_its_time_is_seen(model: Path) -> None:
    take(model, cache_of(model))
    before = (model / "a").stat()
    (model / "a").write_bytes(b"A")
    os.utime(model / "a", ns=(before.st_atime_ns, before.st_mtime_ns))
    after = (model / "a").stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    found, _ = take(model, cache_of(model))
    assert found == take(model, None)[0]


@pytest.mark.parametrize("age", [-DAY, 0, 1_999_999_999])
def test_files_changed_just_before_are_not_kept(model: Path, age: int) -> None:
    cache = cache_of(model, age=age)
    take(model, cache)
    assert take(model, cache)[1] >= 10
    if age <= 0:
        assert take(model, cache)[1] == 11


def test_a_cache_that_is_no_cache_is_refused(model: Path) -> None:
    (model.parent / "cache.sqlite").write_bytes(b"not a database, but long enough to look at" * 100)
    with pytest.raises(MalformedError, match="cannot be used") as caught:
        take(model, cache_of(model))
    assert "Delete" in caught.value.hint
    with pytest.raises(MalformedError, match="cannot be used"):
        take(model, DigestCache(model.parent / "missing/cache.sqlite"))


@pytest.mark.parametrize(
    "blob", [b"", b"\x01", b"\x03" + bytes(96), b"\x01" + bytes(33), b"\x02" + bytes(32)]
)
def test_a_damaged_entry_is_refused(model: Path, blob: bytes) -> None:
    cache = cache_of(model)
    take(model, cache)
    with closing(sqlite3.connect(cache.path)) as connection, connection:
        connection.execute("UPDATE digests SET roots = ?", (blob,))
    with pytest.raises(MalformedError, match="an entry has"):
        take(model, cache)


def test_an_entry_with_too_few_tensors_is_read_again(model: Path) -> None:
    cache = cache_of(model)
    fresh, _ = take(model, cache)
    with closing(sqlite3.connect(cache.path)) as connection, connection:
        connection.execute("UPDATE digests SET roots = substr(roots, 1, 33) WHERE length(roots) = 65")
    assert take(model, cache) == (fresh, 10)
