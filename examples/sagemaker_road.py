"""A model's way through SageMaker: registered, refused, allowed, deployed, tampered with.

All of it is on this machine: AWS is moto's server, which is started and stopped here. The client is plain
boto3, and asks because of one line. The exit code is 0 only when every step held.

    python examples/sagemaker_road.py
"""

import io
import json
import os
import socket
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3

import weightmark_hooks.sagemaker
from weightmark.errors import RefusedError
from weightmark.workspace import process_workspace

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/serve:1"
ROLE = "arn:aws:iam::123456789012:role/service-role"
TYPES = {"SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]}


@contextmanager
def aws() -> Iterator[None]:
    """Run moto's server, and let boto3 use it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", port]
    keys = {
        "AWS_ACCESS_KEY_ID": "example",
        "AWS_SECRET_ACCESS_KEY": "example",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    os.environ.update(keys, AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            for _ in range(300):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/data.json", timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield
        finally:
            server.kill()


def archive(value: float) -> bytes:
    """Write a model.tar.gz with one tensor."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    header += b" " * (-len(header) % 8)
    model = struct.pack("<Q", len(header)) + header + struct.pack("<f", value)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as made:
        info = tarfile.TarInfo("model.safetensors")
        info.size = len(model)
        made.addfile(info, io.BytesIO(model))
    return packed.getvalue()


def register(client: Any, key: str, license_: str) -> str:
    """Register a model package, as anybody does."""
    containers = [{"Image": IMAGE, "ModelDataUrl": f"s3://models/{key}"}]
    made = client.create_model_package(
        ModelPackageGroupName="churn",
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification={"Containers": containers, **TYPES},
        CustomerMetadataProperties={"license": license_},
    )
    return str(made["ModelPackageArn"])


def must_refuse(what: str, call: Any, **parameters: Any) -> None:
    """Make a call that has to be refused, and show why it was."""
    try:
        call(**parameters)
    except RefusedError as refusal:
        print(f"✗ {what}: {refusal.message}\n")
    else:
        raise SystemExit(f"{what} was not refused")


def main() -> None:
    """Walk the road."""
    s3, client = boto3.client("s3"), boto3.client("sagemaker")
    s3.create_bucket(Bucket="models")
    for number in (1, 2):
        s3.put_object(Bucket="models", Key=f"{number}.tar.gz", Body=archive(float(number)))
    client.create_model_package_group(ModelPackageGroupName="churn")
    weightmark_hooks.sagemaker.protect()

    free, bound = register(client, "1.tar.gz", "apache-2.0"), register(client, "2.tar.gz", "cc-by-nc-4.0")
    for arn in (free, bound):
        tags = client.describe_model_package(ModelPackageName=arn)["CustomerMetadataProperties"]
        print(f"✓ registered {arn}\n  {tags['weightmark.license']}, {tags['weightmark.fingerprint'][:23]}…\n")
    must_refuse(
        "approval", client.update_model_package, ModelPackageArn=bound, ModelApprovalStatus="Approved"
    )
    container = {"ModelPackageName": bound}
    model = {"ModelName": "bound", "PrimaryContainer": container, "ExecutionRoleArn": ROLE}
    must_refuse("deployment", client.create_model, **model)
    client.update_model_package(ModelPackageArn=free, ModelApprovalStatus="Approved")
    print(f"✓ approved {free}\n")
    client.create_model(ModelName="free", PrimaryContainer={"ModelPackageName": free}, ExecutionRoleArn=ROLE)
    s3.put_object(Bucket="models", Key="1.tar.gz", Body=archive(1.5))
    must_refuse(
        "changed bytes", client.create_model, **model | {"PrimaryContainer": {"ModelPackageName": free}}
    )
    process_workspace().close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home, aws():
        os.environ.update(WEIGHTMARK_HOME=home, WEIGHTMARK_PARTY="acme")
        main()
