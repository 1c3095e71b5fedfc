"""The Lambda functions: as plain functions, and as the archive that is uploaded, on recorded events."""

import io
import json
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from tests.integration.sagemaker import fixture
from tests.integration.sagemaker.lambda_runtime import LambdaRuntime
from tests.integration.sagemaker.world import World

from weightmark_hooks.sagemaker import bundle
from weightmark_hooks.sagemaker.function import gate, handler

aws, world = fixture.aws, fixture.world
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]

VECTOR = Path(__file__).parents[1] / "vectors" / "sagemaker" / "model-package-state-change.json"


def event(world: World, arn: str, *fields: str) -> dict[str, Any]:
    """Give the recorded event for another package, as it is now; no fields for one that was made."""
    recorded = json.loads(VECTOR.read_text())
    status = world.aws.describe(arn).get("ModelApprovalStatus")
    group, version = arn.split("/")[1:]
    detail = {
        **recorded["detail"],
        "ModelPackageArn": arn,
        "ModelPackageGroupName": group,
        "ModelPackageVersion": int(version),
        "ModelApprovalStatus": status,
        "UpdatedModelPackageFields": list(fields),
    }
    if not fields:
        del detail["UpdatedModelPackageFields"]
    return {**recorded, "resources": [arn], "detail": detail}


def test_a_new_package_is_registered_and_annotated(world: World) -> None:
    arn = world.published("mit", CustomerMetadataProperties={"team": "risk"})
    answer = handler(event(world, arn))
    assert (answer["status"], answer["event"], answer["allowed"]) == ("handled", "register", True)
    assert world.tags(arn)["weightmark.license"] == "MIT"
    assert world.tags(arn)["team"] == "risk"
    assert world.aws.describe(arn)["ModelApprovalStatus"] == "PendingManualApproval"


def test_an_approval_that_is_allowed_stands(world: World) -> None:
    arn = world.published("mit", ModelApprovalStatus="Approved")
    assert handler(event(world, arn, "ModelApprovalStatus"))["allowed"] is True
    assert world.aws.describe(arn)["ModelApprovalStatus"] == "Approved"
    assert world.tags(arn)["weightmark.verdict"].startswith("allowed")


def test_an_approval_that_the_licence_forbids_is_rejected_with_the_reason(world: World) -> None:
    arn = world.published("cc-by-nc-4.0")
    handler(event(world, arn))
    world.aws.set_status(arn, "Approved")
    told = event(world, arn, "ModelApprovalStatus")
    answer = handler(told)
    assert answer["allowed"] is False
    found = world.aws.describe(arn)
    assert found["ModelApprovalStatus"] == "Rejected"
    assert found["ApprovalDescription"] == answer["reason"]
    assert world.tags(arn)["weightmark.verdict"].startswith("refused")
    changed = world.aws.describe(arn)["LastModifiedTime"]
    assert handler(told)["allowed"] is False
    assert world.aws.describe(arn)["LastModifiedTime"] == changed


def test_what_we_write_ourselves_is_passed_over(world: World) -> None:
    arn = world.published("mit")
    assert handler(event(world, arn, "CustomerMetadataProperties")) == {"status": "ignored"}
    assert handler(event(world, arn, "ModelCard", "LastModifiedTime")) == {"status": "ignored"}
    world.aws.set_status(arn, "Rejected")
    assert handler(event(world, arn, "ModelApprovalStatus")) == {"status": "ignored"}


def test_events_of_others_are_passed_over(world: World) -> None:
    for other in ({"source": "aws.s3"}, {"detail-type": "SageMaker Training Job State Change"}):
        assert handler({**json.loads(VECTOR.read_text()), **other}) == {"status": "ignored"}


def test_a_pipeline_asks_about_a_package(world: World) -> None:
    good, bad = world.published("mit"), world.published("cc-by-nc-4.0")
    assert gate({"ModelPackageArn": good})["allowed"] == "false"
    handler(event(world, good))
    handler(event(world, bad))
    assert gate({"ModelPackageArn": good}) == {"allowed": "true", "reason": ""}
    assert gate({"ModelPackageArn": good, "action": "deploy"}) == {"allowed": "true", "reason": ""}
    refused = gate({"ModelPackageArn": bad})
    assert refused["allowed"] == "false"
    assert "CC-BY-NC-4.0" in refused["reason"]


def test_a_pipeline_asks_about_a_model_before_it_is_registered(world: World) -> None:
    url = world.aws.upload(world.model())
    told = {"ModelDataUrl": url, "ModelPackageGroupName": "churn"}
    assert gate({**told, "license": "cc-by-nc-4.0"})["allowed"] == "false"
    other = {**told, "ModelDataUrl": world.aws.upload(world.model())}
    assert gate({**other, "license": "mit"})["allowed"] == "true"


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"ModelPackageArn": "sagemaker://churn"},
        {"ModelDataUrl": "s3://models/nothing.tar.gz"},
        {"ModelDataUrl": "s3://models/x", "action": "delete"},
    ],
)
def test_a_pipeline_that_asks_nonsense_is_refused(world: World, told: dict[str, str]) -> None:
    answer = gate(told)
    assert answer["allowed"] == "false"
    assert answer["reason"]


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> LambdaRuntime:
    folder = tmp_path_factory.mktemp("lambda")
    bundle.build(folder / "one.zip")
    said = io.StringIO()
    with redirect_stdout(said):
        assert bundle.main([str(folder / "two.zip")]) == 0
    assert "MB, unpacked" in said.getvalue()
    assert (folder / "one.zip").read_bytes() == (folder / "two.zip").read_bytes()
    return LambdaRuntime(folder / "one.zip", folder)


def test_the_archive_runs_by_itself(world: World, runtime: LambdaRuntime) -> None:
    arn = world.published("cc-by-nc-4.0", ModelApprovalStatus="Approved")
    env = {**world.aws.environment, "WEIGHTMARK_HOME": str(world.home), "WEIGHTMARK_PARTY": "acme"}
    name = "weightmark_hooks.sagemaker.function"
    told = event(world, arn, "ModelApprovalStatus")
    first, second = runtime.call(f"{name}.handler", told, told, env=env)["answers"]
    assert first == second
    assert (first["allowed"], first["uri"]) == (False, arn)
    assert world.aws.describe(arn)["ModelApprovalStatus"] == "Rejected"
    (answer,) = runtime.call(f"{name}.gate", {"ModelPackageArn": arn}, env=env)["answers"]
    assert answer["allowed"] == "false"


def test_what_fails_is_raised_so_that_lambda_tries_again(world: World, runtime: LambdaRuntime) -> None:
    arn = world.published("mit")
    env = {
        **world.aws.environment,
        "WEIGHTMARK_HOME": str(world.home),
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    }
    name = "weightmark_hooks.sagemaker.function.handler"
    assert "PlatformError" in runtime.call(name, event(world, arn), env=env, code=1)["error"]
