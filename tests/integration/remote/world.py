"""Remote models for tests: a bucket of moto's server, and the digests that the same files have here."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.integration.sagemaker.aws import BUCKET, Aws, account

from weightmark.discovery import Plugins
from weightmark.fingerprinting import DigestCache, Fingerprint
from weightmark.ports import ResolvedModel
from weightmark.workspace.reading import read_fingerprint
from weightmark_adapters.file import FileRegistry
from weightmark_adapters.remote import RemoteRegistry

FORMATS = Plugins(kinds=["format"])


@dataclass
class Bucket:
    """One bucket in one account."""

    aws: Aws

    def put(self, folder: Path, prefix: str = "", **more: str) -> str:
        """Upload a folder's files under a prefix; give its URI."""
        prefix = prefix or f"models/{uuid.uuid4().hex[:12]}"
        for file in folder.rglob("*"):
            if file.is_file():
                self.write(f"{prefix}/{file.relative_to(folder)}", file.read_bytes(), **more)
        return f"s3://{BUCKET}/{prefix}"

    def write(self, key: str, data: bytes, **more: str) -> str:
        self.aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=data, **more)
        return f"s3://{BUCKET}/{key}"


@contextmanager
def bucket() -> Iterator[Bucket]:
    """Run moto's server and let this process use it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("AWS_", "FSSPEC_"))]:
            patch.delenv(name)
        with account(patch) as aws:
            yield Bucket(aws)


def local(path: Path) -> Fingerprint:
    """Give the fingerprint of files on this machine."""
    return read_fingerprint(FileRegistry().resolve(str(path)), FORMATS)


def fingerprint(
    model: str | ResolvedModel, cache: DigestCache | None = None, *, threads: int | None = None
) -> Fingerprint:
    """Give the fingerprint of a remote model."""
    if isinstance(model, ResolvedModel):
        return read_fingerprint(model, FORMATS, cache=cache, threads=threads)
    with RemoteRegistry().checkout(model) as resolved:
        return read_fingerprint(resolved, FORMATS, cache=cache, threads=threads)
