"""Times the cold start of the Lambda function: a new process, from its start to the first answer.

The archive is unpacked, with boto3 beside it as in Lambda, and each round is a process of its own that sees
nothing else of this environment. What Lambda itself adds (a sandbox, a download of the archive) is not in
these numbers, and the files are in the page cache. The peer is a function of boto3 alone that asks moto's
server the same first question; all take turns.

    python benchmarks/lambda_cold.py --rounds 7
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.integration.sagemaker.aws import BUCKET, Aws, serve  # noqa: E402
from tests.integration.sagemaker.lambda_runtime import LambdaRuntime  # noqa: E402
from tests.workshop import write_model  # noqa: E402

from weightmark_hooks.sagemaker import bundle  # noqa: E402

HANDLER = "weightmark_hooks.sagemaker.function.handler"
VECTOR = ROOT / "tests" / "vectors" / "sagemaker" / "model-package-state-change.json"
PEER = """
import boto3

def handler(event, context):
    found = boto3.client("sagemaker").describe_model_package(ModelPackageName=event["resources"][0])
    return {"status": found["ModelPackageStatus"]}
"""


def event_of(arn: str, **more: Any) -> dict[str, Any]:
    """Give the recorded event for another package, that was just made."""
    recorded = json.loads(VECTOR.read_text(encoding="utf-8"))
    detail = {**recorded["detail"], "ModelPackageArn": arn, "ModelApprovalStatus": "PendingManualApproval"}
    del detail["UpdatedModelPackageFields"]
    return {**recorded, "resources": [arn], "detail": detail, **more}


def measure(aws: Aws, runtime: LambdaRuntime, home: Path, rounds: int) -> dict[str, list[float]]:
    """Run each case once to warm up and then ``rounds`` times, in turns; give milliseconds."""
    group = aws.group()
    times: dict[str, list[float]] = {}
    for turn in range(rounds + 1):
        model = write_model(home / f"model-{turn}", {"w": [float(turn)]}, card="---\nlicense: mit\n---\n")
        told = event_of(aws.package(group, aws.upload(model)))
        env = {**aws.environment, "WEIGHTMARK_HOME": str(home / "home"), "WEIGHTMARK_PARTY": "acme"}
        cases: dict[str, tuple[str, list[Mapping[str, Any]]]] = {
            "boto3 alone, one question": ("peer.handler", [told]),
            "an event that needs no answer": (HANDLER, [{**told, "source": "aws.s3"}]),
            "a new package: registered, annotated": (HANDLER, [told]),
            "the same event again": (HANDLER, [told]),
        }
        for name, (handler, events) in cases.items():
            started = time.perf_counter()
            answer = runtime.call(handler, *events, env=env)
            if turn:
                times.setdefault(name, []).append((time.perf_counter() - started) * 1000)
                times.setdefault(f"{name}: imports", []).append(answer["load"] * 1000)
    return times


def main() -> None:
    """Read the arguments, measure, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name, serve() as aws:
        folder = Path(name)
        os.environ.update(aws.environment)
        aws.client("s3").create_bucket(Bucket=BUCKET)
        archive = folder / "weightmark-lambda.zip"
        unpacked = bundle.build(archive)
        runtime = LambdaRuntime(archive, folder / "lambda")
        (folder / "lambda" / "task" / "peer.py").write_text(PEER, encoding="utf-8")
        times = measure(aws, runtime, folder, rounds)
        size = archive.stat().st_size
    print(f"archive {size / 1e6:.1f} MB, unpacked {unpacked / 1e6:.1f} MB; wall time, median of {rounds}")
    print(f"{'case':<52}{'median ms':>10}{'best ms':>10}")
    for name, values in times.items():
        print(f"{name:<52}{statistics.median(values):>10.0f}{min(values):>10.0f}")


if __name__ == "__main__":
    main()
