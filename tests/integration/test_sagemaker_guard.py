"""The guard in boto3's own clients, against moto's server: register, approve, deploy."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from tests.integration.sagemaker import fixture
from tests.integration.sagemaker.aws import IMAGE, ROLE, package_of
from tests.integration.sagemaker.world import World
from tests.workshop import flip_byte

from weightmark.errors import RefusedError
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind
from weightmark_adapters.sagemaker import SagemakerRegistry, sdk
from weightmark_hooks.sagemaker import protect, unprotect

aws, world = fixture.aws, fixture.world
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]

NO_BUSINESS = "cc-by-nc-4.0"


@pytest.fixture
def guarded(world: World) -> Any:
    """Give a client whose session was made after the guard was put in."""
    protect()
    return world.aws.client("sagemaker")


def create(client: Any, world: World, license_: str, **more: Any) -> str:
    group = world.aws.group()
    url = world.aws.upload(world.model(license_))
    return str(client.create_model_package(**package_of(group, url, **more))["ModelPackageArn"])


def approve(client: Any, arn: str, **more: Any) -> None:
    client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved", **more)


def test_a_package_is_registered_before_it_is_made_and_linked_after(world: World, guarded: Any) -> None:
    arn = create(guarded, world, "mit", CustomerMetadataProperties={"team": "risk"})
    tags = world.tags(arn)
    model = world.workspace().find(arn)
    assert tags["team"] == "risk"
    assert tags["weightmark.fingerprint"] == model.bundle
    assert tags["weightmark.license"] == model.license == "MIT"
    assert world.aws.describe(arn)["ModelApprovalStatus"] == "PendingManualApproval"


def test_the_licence_in_the_metadata_counts_more_than_the_card(world: World, guarded: Any) -> None:
    arn = create(guarded, world, "mit", CustomerMetadataProperties={"license": "apache-2.0"})
    assert world.workspace().find(arn).license == "Apache-2.0"


def test_the_same_model_packed_twice_is_one_model(world: World, guarded: Any) -> None:
    folder, group = world.model("mit"), world.aws.group()
    first = guarded.create_model_package(**package_of(group, world.aws.upload(folder)))["ModelPackageArn"]
    for file in folder.iterdir():
        file.touch()
    second = guarded.create_model_package(**package_of(group, world.aws.upload(folder)))["ModelPackageArn"]
    assert first != second
    assert world.workspace().find(first).bundle == world.workspace().find(second).bundle


def test_an_approval_that_the_licence_allows_is_sent_with_the_verdict(world: World, guarded: Any) -> None:
    arn = create(guarded, world, "mit", CustomerMetadataProperties={"team": "risk"})
    approve(guarded, arn)
    assert world.aws.describe(arn)["ModelApprovalStatus"] == "Approved"
    assert world.tags(arn)["team"] == "risk"
    assert world.tags(arn)["weightmark.verdict"].startswith("allowed")


def test_an_approval_that_the_licence_forbids_is_not_sent(world: World, guarded: Any) -> None:
    arn = create(guarded, world, NO_BUSINESS)
    with pytest.raises(RefusedError, match="refuses to promote"):
        approve(guarded, arn)
    assert world.aws.describe(arn)["ModelApprovalStatus"] == "PendingManualApproval"


def test_a_package_that_is_approved_when_it_is_made_meets_the_same_gate(world: World, guarded: Any) -> None:
    group = world.aws.group()
    url = world.aws.upload(world.model(NO_BUSINESS))
    with pytest.raises(RefusedError):
        guarded.create_model_package(**package_of(group, url, ModelApprovalStatus="Approved"))
    assert list(SagemakerRegistry().versions(f"sagemaker://{group}")) == []
    create(guarded, world, "mit", ModelApprovalStatus="Approved")


def test_a_package_that_nobody_registered_is_not_approved(world: World, guarded: Any) -> None:
    arn = world.published("mit")
    with pytest.raises(RefusedError, match="is not registered"):
        approve(guarded, arn)


def test_bytes_that_were_changed_since_are_not_approved(world: World, guarded: Any) -> None:
    folder, group = world.model("mit"), world.aws.group()
    url = world.aws.upload(folder)
    arn = guarded.create_model_package(**package_of(group, url))["ModelPackageArn"]
    flip_byte(folder / "model.safetensors", -1)
    world.aws.upload(folder, url.removeprefix("s3://models/"))
    with pytest.raises(RefusedError, match=r"not what was registered: .*dense\.weight"):
        approve(guarded, arn)


def test_a_stage_of_production_is_a_promotion(world: World, guarded: Any) -> None:
    arn = create(guarded, world, NO_BUSINESS)
    for stage, status in (("Production", "PendingApproval"), ("Staging", "Approved")):
        with pytest.raises(RefusedError):
            guarded.update_model_package(
                ModelPackageArn=arn, ModelLifeCycle={"Stage": stage, "StageStatus": status}
            )
    guarded.update_model_package(
        ModelPackageArn=arn, ModelLifeCycle={"Stage": "Development", "StageStatus": "Approved"}
    )


def test_reserved_metadata_is_refused_unless_it_repeats_what_is_there(world: World, guarded: Any) -> None:
    arn = create(guarded, world, "mit")
    tags = world.tags(arn)
    with pytest.raises(RefusedError, match="reserved"):
        guarded.update_model_package(
            ModelPackageArn=arn, CustomerMetadataProperties={"weightmark.owner": "mallory"}
        )
    with pytest.raises(RefusedError, match="reserved"):
        guarded.update_model_package(
            ModelPackageArn=arn, CustomerMetadataPropertiesToRemove=["weightmark.license"]
        )
    guarded.update_model_package(
        ModelPackageArn=arn,
        ModelApprovalStatus="PendingManualApproval",
        CustomerMetadataProperties={**tags, "team": "risk"},
    )
    assert world.tags(arn) == {**tags, "team": "risk"}


def test_reserved_metadata_of_a_copy_is_written_anew(world: World, guarded: Any) -> None:
    arn = create(guarded, world, "mit", CustomerMetadataProperties={"weightmark.license": "none", "a": "b"})
    assert world.tags(arn)["weightmark.license"] == "MIT"
    assert world.tags(arn)["a"] == "b"


def test_a_model_may_be_deployed_when_its_licence_allows_it(world: World, guarded: Any) -> None:
    arn = create(guarded, world, "mit")
    name = arn.split("/")[1]
    guarded.create_model(ModelName=name, PrimaryContainer={"ModelPackageName": arn}, ExecutionRoleArn=ROLE)
    guarded.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant(name)])
    guarded.create_endpoint(EndpointName=name, EndpointConfigName=name)


def variant(name: str) -> dict[str, Any]:
    return {"VariantName": "v", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}


def transform(client: Any, name: str) -> None:
    client.create_transform_job(
        TransformJobName=name,
        ModelName=name,
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://models/in"}}
        },
        TransformOutput={"S3OutputPath": "s3://models/out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )


def test_no_call_deploys_a_model_that_the_licence_forbids(world: World, guarded: Any) -> None:
    arn = create(guarded, world, NO_BUSINESS)
    name = arn.split("/")[1]
    container = world.aws.describe(arn)["InferenceSpecification"]["Containers"][0]
    for one in ({"ModelPackageName": arn}, container):
        with pytest.raises(RefusedError, match="refuses to deploy"):
            guarded.create_model(ModelName=name, PrimaryContainer=one, ExecutionRoleArn=ROLE)
    unprotect()
    plain = world.aws.client("sagemaker")
    plain.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    plain.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant(name)])
    protect()
    with pytest.raises(RefusedError):
        guarded.create_endpoint_config(EndpointConfigName=f"{name}2", ProductionVariants=[variant(name)])
    with pytest.raises(RefusedError):
        guarded.create_endpoint(EndpointName=name, EndpointConfigName=name)
    with pytest.raises(RefusedError):
        guarded.update_endpoint(EndpointName=name, EndpointConfigName=name)
    with pytest.raises(RefusedError):
        transform(guarded, name)
    with pytest.raises(RefusedError):
        guarded.create_inference_component(
            InferenceComponentName=name, EndpointName=name, Specification={"ModelName": name}
        )
    assert plain.list_endpoints()["Endpoints"] == [] or name not in str(plain.list_endpoints())


def test_sessions_and_clients_that_were_made_before_are_guarded(world: World) -> None:
    session = boto3.Session()
    client = session.client("sagemaker")
    arn = world.published(NO_BUSINESS)
    protect()
    protect()
    for one in (client, session.client("sagemaker"), boto3.client("sagemaker")):
        with pytest.raises(RefusedError):
            approve(one, arn)


def test_one_session_may_be_guarded_alone(world: World) -> None:
    session = boto3.Session()
    protect(session)
    arn = world.published(NO_BUSINESS)
    with pytest.raises(RefusedError):
        approve(session.client("sagemaker"), arn)
    approve(world.aws.client("sagemaker"), arn)


def test_nothing_is_asked_after_the_guard_is_taken_out(world: World, guarded: Any) -> None:
    arn = world.published(NO_BUSINESS)
    unprotect()
    approve(guarded, arn)
    approve(boto3.client("sagemaker"), arn)
    assert not world.home.exists()


def test_a_package_in_no_group_is_linked_by_its_fingerprint(world: World, guarded: Any) -> None:
    params = package_of("", world.aws.upload(world.model("mit")), ModelPackageName=world.aws.group())
    del params["ModelPackageGroupName"]
    arn = guarded.create_model_package(**params)["ModelPackageArn"]
    assert world.workspace().find(arn).license == "MIT"
    assert SagemakerRegistry().resolve(arn).version == ""


def test_other_errors_of_sagemaker_stay_its_own(world: World, guarded: Any) -> None:
    with pytest.raises(ClientError, match="does not exist"):
        guarded.describe_model_package_group(ModelPackageGroupName="nothing")


def test_a_handler_of_the_user_cannot_slip_another_model_past(world: World, guarded: Any) -> None:
    good, bad = create(guarded, world, "mit"), create(guarded, world, NO_BUSINESS)

    def swap(params: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**params, "ModelPackageArn": bad}

    guarded.meta.events.register_first("provide-client-params.sagemaker.UpdateModelPackage", swap)
    with pytest.raises(RefusedError):
        approve(guarded, good)


def test_an_environment_variable_is_enough(world: World) -> None:
    arn = world.published(NO_BUSINESS)
    code = (
        "import weightmark_hooks.bootstrap as b; b.from_environment()\n"
        "import boto3\n"
        "client = boto3.client('sagemaker')\n"
        f"client.update_model_package(ModelPackageArn={arn!r}, ModelApprovalStatus='Approved')"
    )
    environment = {
        **world.aws.environment,
        "WEIGHTMARK_HOOKS": "sagemaker",
        "WEIGHTMARK_HOME": str(world.home),
        "HOME": str(world.folder),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "RefusedError" in done.stderr
    assert world.aws.describe(arn)["ModelApprovalStatus"] == "PendingManualApproval"


def test_no_model_hides_in_a_pool_of_instances_or_an_experiment(world: World, guarded: Any) -> None:
    name = world.aws.group()
    container = {"Image": IMAGE, "ModelDataUrl": world.aws.upload(world.model(NO_BUSINESS))}
    with sdk.speaking(name):
        guarded.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    pooled = {
        "VariantName": "v",
        "InitialInstanceCount": 1,
        "InstancePools": [{"InstanceType": "ml.m5.large", "Priority": 1, "ModelNameOverride": name}],
    }
    with pytest.raises(RefusedError, match="refuses to deploy"):
        guarded.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[pooled])
    with pytest.raises(RefusedError, match="refuses to deploy"):
        guarded.create_edge_packaging_job(
            EdgePackagingJobName=name,
            CompilationJobName=name,
            ModelName=name,
            ModelVersion="1",
            RoleArn=ROLE,
            OutputConfig={"S3OutputLocation": "s3://models/out"},
        )
    real_time = {"InstanceType": "ml.m5.large", "InstanceCount": 1}
    tried = {
        "ModelName": name,
        "VariantName": "v",
        "InfrastructureConfig": {
            "InfrastructureType": "RealTimeInference",
            "RealTimeInferenceConfig": real_time,
        },
    }
    shadow = {
        "SourceModelVariantName": "v",
        "ShadowModelVariants": [{"ShadowModelVariantName": "v", "SamplingPercentage": 1}],
    }
    with pytest.raises(RefusedError, match="refuses to deploy"):
        guarded.create_inference_experiment(
            Name=name,
            Type="ShadowMode",
            RoleArn=ROLE,
            EndpointName=name,
            ModelVariants=[tried],
            ShadowModeConfig=shadow,
        )
    with pytest.raises(RefusedError, match="refuses to deploy"):
        guarded.update_inference_experiment(Name=name, ModelVariants=[tried])


def test_a_client_with_keys_of_its_own_is_asked_about_its_own_account(world: World, guarded: Any) -> None:
    name = world.aws.group()
    taken = boto3.client("sts").assume_role(
        RoleArn="arn:aws:iam::111111111111:role/other", RoleSessionName="other"
    )
    keys = taken["Credentials"]
    other = boto3.client(
        "sagemaker",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    create(guarded, world, "mit")
    for client, license_ in ((guarded, "mit"), (other, NO_BUSINESS)):
        container = {"Image": IMAGE, "ModelDataUrl": world.aws.upload(world.model(license_))}
        with sdk.speaking(name):
            client.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    world.workspace().handle(ModelEvent(kind=EventKind.REGISTER, uri=str(world.folder / "model-2")))
    guarded.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant(name)])
    with pytest.raises(RefusedError, match="refuses to deploy"):
        other.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant(name)])


def test_a_name_that_a_caller_gives_a_container_does_not_lead_out(world: World, guarded: Any) -> None:
    url = world.aws.upload(world.model("mit"))
    containers = [
        {"Image": IMAGE, "ModelDataUrl": url, "ContainerHostname": "a"},
        {"Image": IMAGE, "ModelDataUrl": url, "ContainerHostname": str(world.folder / "outside")},
    ]
    params = package_of(world.aws.group(), url)
    params["InferenceSpecification"]["Containers"] = containers
    with pytest.raises(RefusedError, match="not the name of a file"):
        guarded.create_model_package(**params)
    assert not (world.folder / "outside").exists()


def test_a_package_without_model_data_cannot_bring_our_tags(world: World, guarded: Any) -> None:
    group = world.aws.group()
    forged = {"weightmark.verdict": "allowed", "a": "b"}
    made = guarded.create_model_package(**package_of(group, CustomerMetadataProperties=forged))
    assert world.tags(made["ModelPackageArn"]) == {"a": "b"}


def test_a_container_that_fetches_its_model_from_the_hub_is_asked_about_that(
    world: World, guarded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # the variable would last
    container = {"Image": IMAGE, "Environment": {"HF_MODEL_ID": "acme/churn", "HF_MODEL_REVISION": "v1"}}
    with pytest.raises(RefusedError, match="hf://acme/churn@v1"):
        guarded.create_model(ModelName=world.aws.group(), PrimaryContainer=container, ExecutionRoleArn=ROLE)
    with pytest.raises(RefusedError, match="hf://acme/churn@v1"):
        guarded.create_inference_component(
            InferenceComponentName="c", EndpointName="e", Specification={"Container": container}
        )
    inside = {"Image": IMAGE, "Environment": {"HF_MODEL_ID": "/srv/ml/model"}}
    guarded.create_model(ModelName=world.aws.group(), PrimaryContainer=inside, ExecutionRoleArn=ROLE)


def test_one_decision_brings_the_same_bytes_once(
    world: World, guarded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from weightmark_adapters.sagemaker import registry

    arn = create(guarded, world, "mit")
    container = world.aws.describe(arn)["InferenceSpecification"]["Containers"][0]
    names = [world.aws.group() for _ in range(3)]
    for name in names:
        guarded.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    brought: list[Path] = []
    original = registry.bring

    def bring(client: Any, places: Any, folder: Path) -> None:
        brought.append(folder)
        original(client, places, folder)

    monkeypatch.setattr(registry, "bring", bring)
    for number in (1, 2):
        variants = [{**variant(name), "VariantName": name} for name in names]
        guarded.create_endpoint_config(EndpointConfigName=f"{names[0]}-{number}", ProductionVariants=variants)
        assert len(brought) == number  # each decision looks again
    assert not any(folder.exists() for folder in brought)
