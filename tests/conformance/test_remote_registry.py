"""Remote models under the suite that every registry must pass: in S3, on a web server, in fsspec's memory."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from tests.integration.remote.files_server import Files, serving
from tests.integration.remote.world import Bucket, bucket

from weightmark.testing.registry import RegistrySuite
from weightmark_adapters.remote import RemoteRegistry

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def store() -> Iterator[Bucket]:
    with bucket() as made:
        yield made


@pytest.fixture(scope="module")
def server() -> Iterator[Files]:
    with serving() as served:
        yield served


class TestS3(RegistrySuite):
    registry_type = RemoteRegistry
    unknown = "s3://models/nothing/here"
    malformed = (
        "s3:",
        "s3://",
        "s3:///key",
        "s3://models/a/../b",
        "s3://models/a//b",
        "s3://models/a\\b",
        "s3://models/a?versionId=1",
        "s3://models/a#1",
        "s3://models/\x00",
        "gs://models/../a",
        "abfs://c@account@host/x",
    )

    @pytest.fixture(autouse=True)
    def _store(self, store: Bucket) -> None:
        self.bucket = store

    def publish(self, folder: Path) -> str:
        return self.bucket.put(folder)

    def secrets(self) -> tuple[str, ...]:
        return (self.bucket.aws.environment["AWS_SECRET_ACCESS_KEY"],)


class TestWeb(RegistrySuite):
    registry_type = RemoteRegistry
    unknown = "https://127.0.0.1/"
    malformed = (
        "https:",
        "https://",
        "https:///x",
        "https://h/a/../b",
        "https://h/%2e%2e/b",
        "https://h/a#b",
        "https://h:port/a",
        "https://h/a\\b",
        "https://h/a%0ab",
    )

    @pytest.fixture(autouse=True)
    def _server(self, server: Files) -> None:
        self.files = server
        type(self).unknown = f"{server.url}/nothing/here"

    def publish(self, folder: Path) -> str:
        place = f"/{uuid.uuid4().hex[:12]}/"
        for file in folder.rglob("*"):
            if file.is_file():
                self.files.contents[f"{place}{file.relative_to(folder)}"] = file.read_bytes()
        return f"{self.files.url}{place}"


class MemoryRegistry(RemoteRegistry):
    """What fsspec itself has in memory: it stands for the stores that are reached by its plain calls."""

    schemes: ClassVar[tuple[str, ...]] = ("memory",)


class TestPlain(RegistrySuite):
    registry_type = MemoryRegistry
    unknown = "memory://models/nothing/here"
    malformed = ("memory:", "memory://", "memory://models/..", "memory://models//a")

    def publish(self, folder: Path) -> str:
        import fsspec

        place = f"models/{uuid.uuid4().hex[:12]}"
        fs = fsspec.filesystem("memory", skip_instance_cache=True)
        for file in folder.rglob("*"):
            if file.is_file():
                fs.pipe_file(f"/{place}/{file.relative_to(folder)}", file.read_bytes())
        return f"memory://{place}"
