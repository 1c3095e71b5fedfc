"""Models in stores that are reached by fsspec's plain calls, as its own store in memory."""

import uuid
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tests.integration.remote.world import fingerprint, local
from tests.workshop import write_model

from weightmark.errors import MalformedError, PlatformError
from weightmark.fingerprinting import DigestCache
from weightmark_adapters.remote import RemoteRegistry

pytestmark = pytest.mark.integration

LAYERS = {f"layer.{number}.weight": [float(number)] * 400_000 for number in range(4)}


class MemoryRegistry(RemoteRegistry):
    schemes: ClassVar[tuple[str, ...]] = ("memory",)


class Store:
    """What a person does there with fsspec."""

    def __init__(self) -> None:
        import fsspec

        self.fs: Any = fsspec.filesystem("memory", skip_instance_cache=True)
        self.root = f"/models/{uuid.uuid4().hex[:12]}"

    def put(self, folder: Path) -> str:
        for file in folder.rglob("*"):
            if file.is_file():
                self.fs.pipe_file(f"{self.root}/{file.relative_to(folder)}", file.read_bytes())
        return f"memory:/{self.root}"


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "churn", LAYERS, card="---\nlicense: mit\n---\n")


def test_a_folder_and_an_object_are_the_same_as_here(store: Store, model: Path):
    (model / "deep" / "er").mkdir(parents=True)
    (model / "deep" / "er" / "empty").write_bytes(b"")
    uri = store.put(model)
    with MemoryRegistry().checkout(uri) as resolved:
        assert resolved.facts == {"license": "mit"}
        assert fingerprint(resolved) == local(model)
    with MemoryRegistry().checkout(f"{uri}/model.safetensors") as resolved:
        assert resolved.open().single
        assert fingerprint(resolved) == local(model / "model.safetensors")


def test_an_object_that_changes_in_the_middle_is_refused(store: Store, model: Path):
    uri = store.put(model)
    with MemoryRegistry().checkout(uri) as resolved:
        artifact = resolved.open()
        artifact.read("model.safetensors", 0, 8)
        store.put(model)  # the same bytes, written again: a store without ETags cannot tell
        with pytest.raises(MalformedError, match="changed while it was read"):
            artifact.read("model.safetensors", 5_000_000, 8)
        with pytest.raises(MalformedError, match="changed while it was read"):
            artifact.check_unchanged()
        store.fs.rm(f"{store.root}/model.safetensors")
        with pytest.raises(MalformedError, match="it was removed"):
            artifact.read("model.safetensors", 5_000_000, 8)


def test_a_date_alone_is_not_remembered(store: Store, model: Path, tmp_path: Path):
    cache = DigestCache(tmp_path / "cache.sqlite")
    with MemoryRegistry().checkout(store.put(model)) as resolved:
        fingerprint(resolved, cache)
        files = resolved.open().files
    assert cache.find([(file, "") for file in files], local(model).algorithm) == {}
    assert {file.mtime_ns for file in files} == {2**63 - 1}


def test_nothing_there_is_said_to_be(store: Store):
    with pytest.raises(PlatformError) as caught:
        MemoryRegistry().resolve(f"memory:/{store.root}")
    assert not caught.value.retryable


def test_a_card_that_is_too_large_is_refused_and_not_brought(store: Store, model: Path):
    (model / "README.md").write_bytes(b"x" * (1 << 20) + b"x")
    with pytest.raises(MalformedError, match=r"README\.md is larger"):
        MemoryRegistry().resolve(store.put(model))
