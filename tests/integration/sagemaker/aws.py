"""AWS on this machine: moto's server, and what a person does there with plain boto3."""

import io
import os
import signal
import socket
import subprocess
import sys
import tarfile
import time
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from weightmark_adapters.sagemaker import sdk

BUCKET = "models"
REGION = "us-east-1"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/serve:1"
ROLE = "arn:aws:iam::123456789012:role/service-role"
STARTS_IN = 60
KEYS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_MAX_ATTEMPTS": "1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass
class Aws:
    """One server with one account."""

    url: str
    process: subprocess.Popen[bytes]
    clients: dict[str, Any] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {**KEYS, "AWS_ENDPOINT_URL": self.url}

    def client(self, service: str) -> Any:
        """Give a client, made once; a guard that is put in finds it."""
        if service not in self.clients:
            once = Config(retries={"total_max_attempts": 1})
            self.clients[service] = boto3.Session().client(service, config=once)
        return self.clients[service]

    def upload(self, folder: Path, key: str = "", **more: str) -> str:
        """Upload a folder as a model.tar.gz."""
        key = key or f"{uuid.uuid4().hex[:12]}/model.tar.gz"
        self.client("s3").put_object(Bucket=BUCKET, Key=key, Body=pack(folder), **more)
        return f"s3://{BUCKET}/{key}"

    def group(self, name: str = "") -> str:
        name = name or f"churn-{uuid.uuid4().hex[:8]}"
        self.client("sagemaker").create_model_package_group(ModelPackageGroupName=name)
        return name

    def package(self, group: str, url: str = "", **more: Any) -> str:
        """Register a model package past any guard; give its ARN."""
        with sdk.speaking(group):
            made = self.client("sagemaker").create_model_package(**package_of(group, url, **more))
        return str(made["ModelPackageArn"])

    def set_status(self, arn: str, status: str) -> None:
        """Change a package's approval past any guard; all else stays."""
        found = self.describe(arn)
        with sdk.speaking(arn):
            self.client("sagemaker").update_model_package(
                ModelPackageArn=arn,
                ModelApprovalStatus=status,
                CustomerMetadataProperties=found.get("CustomerMetadataProperties", {"a": "b"}),
            )

    def describe(self, arn: str) -> Mapping[str, Any]:
        return self.client("sagemaker").describe_model_package(ModelPackageName=arn)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=30)


def package_of(group: str, url: str = "", **more: Any) -> dict[str, Any]:
    """Give the parameters that register a model package."""
    made: dict[str, Any] = {"ModelPackageGroupName": group, "ModelApprovalStatus": "PendingManualApproval"}
    if url:
        made["InferenceSpecification"] = {
            "Containers": [{"Image": IMAGE, "ModelDataUrl": url}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        }
    return {**made, **more}


def pack(folder: Path) -> bytes:
    """Pack a folder as SageMaker wants it."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        archive.add(folder, arcname=".")
    return data.getvalue()


@contextmanager
def serve(port: int = 0) -> Iterator[Aws]:
    """Run moto's server for a while."""
    if not port:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")} | KEYS
    command = [
        sys.executable,
        "-c",
        "from moto.server import main; main()",
        "-H",
        "127.0.0.1",
        "-p",
        str(port),
    ]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            _await(f"{url}/moto-api/data.json", process)
            yield Aws(url=url, process=process)
        finally:
            process.kill()
            process.wait(timeout=30)


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + STARTS_IN
    while time.monotonic() < end:
        assert process.poll() is None, "moto's server ended"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                answer.read()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"moto's server did not start within {STARTS_IN} seconds")


@contextmanager
def account(patch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Run a server, let this process use it, and make the bucket."""
    with serve() as aws:
        for name, value in aws.environment.items():
            patch.setenv(name, value)
        aws.client("s3").create_bucket(Bucket=BUCKET)
        yield aws
