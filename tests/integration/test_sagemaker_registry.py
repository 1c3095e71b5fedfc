"""SageMaker's registry beyond the suite: what S3 and SageMaker say is held against what comes."""

import hashlib
import io
import json
import tarfile
from typing import Any

import pytest
from tests.integration.sagemaker import fixture
from tests.integration.sagemaker.aws import BUCKET, pack, package_of
from tests.integration.sagemaker.proxy import Answer, Proxy, failure
from tests.integration.sagemaker.world import World

from weightmark.errors import DigestMismatchError, MalformedError, PlatformError
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind, Tag
from weightmark_adapters.sagemaker import SagemakerRegistry
from weightmark_hooks.sagemaker import protect, unprotect

aws, between, world = fixture.aws, fixture.between, fixture.world
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]

TAGS = {Tag.OWNER.value: "acme", Tag.REASON.value: "clause 4.1; “soon”"}


@pytest.fixture
def registry() -> SagemakerRegistry:
    return SagemakerRegistry()


def specification(**container: Any) -> dict[str, Any]:
    return {
        "Containers": [{"Image": "serve:1", **container}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }


def described(world: World, between: Proxy, arn: str, **more: Any) -> None:
    """Let SageMaker say more about a package than moto keeps."""
    found = {key: value for key, value in world.aws.describe(arn).items() if key != "ResponseMetadata"}
    times = {key: value.timestamp() for key, value in found.items() if key.endswith("Time")}
    between.always("DescribeModelPackage", Answer(body={**found, **times, **more}))


def test_an_object_with_its_own_sha256_is_checked(world: World, registry: SagemakerRegistry) -> None:
    url = world.aws.upload(world.model("mit"), ChecksumAlgorithm="SHA256")
    assert registry.resolve(world.aws.package(world.aws.group(), url)).facts["license"] == "mit"


def test_bytes_that_changed_on_the_way_are_refused(
    world: World, registry: SagemakerRegistry, between: Proxy
) -> None:
    arn = world.published("mit")
    other = hashlib.md5(b"other", usedforsecurity=False).hexdigest()
    body = {"a": "b"}
    between.always("S3 GET", Answer(body=body, headers={"ETag": f'"{other}"'}))
    with pytest.raises(DigestMismatchError, match="does not fit its md5"):
        registry.resolve(arn)
    between.always("S3 GET", Answer(body=body, headers={"ETag": '"1-2"', "x-amz-checksum-crc32": "AAAAAA=="}))
    with pytest.raises(DigestMismatchError, match="S3's own checksum"):
        registry.resolve(arn)


def test_an_etag_that_sagemaker_recorded_is_held_against_the_object(
    world: World, registry: SagemakerRegistry
) -> None:
    url = world.aws.upload(world.model("mit"))
    arn = world.aws.package(
        world.aws.group(), InferenceSpecification=specification(ModelDataUrl=url, ModelDataETag='"0"')
    )
    with pytest.raises(DigestMismatchError, match="SageMaker recorded 0"):
        registry.resolve(arn)


def test_an_upload_in_parts_is_taken_by_its_length(world: World, registry: SagemakerRegistry) -> None:
    s3, key = world.aws.client("s3"), "parts/model.tar.gz"
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    data = pack(world.model("mit"))
    part = s3.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=1, Body=data)
    s3.complete_multipart_upload(
        Bucket=BUCKET,
        Key=key,
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    assert "-1" in s3.head_object(Bucket=BUCKET, Key=key)["ETag"]
    arn = world.aws.package(world.aws.group(), f"s3://{BUCKET}/{key}")
    assert registry.resolve(arn).facts["license"] == "mit"


def test_a_single_file_stays_a_file(world: World, registry: SagemakerRegistry) -> None:
    world.aws.client("s3").put_object(Bucket=BUCKET, Key="one/model.safetensors", Body=b"weights")
    arn = world.aws.package(world.aws.group(), f"s3://{BUCKET}/one/model.safetensors")
    assert [file.name for file in registry.resolve(arn).path.iterdir()] == ["model.safetensors"]


def test_two_containers_have_a_folder_each(world: World, registry: SagemakerRegistry) -> None:
    urls = [world.aws.upload(world.model("mit")) for _ in range(2)]
    whole = specification(ModelDataUrl=urls[0])
    whole["Containers"].append({"Image": "serve:2", "ModelDataUrl": urls[1], "ContainerHostname": "second"})
    arn = world.aws.package(world.aws.group(), InferenceSpecification=whole)
    assert sorted(file.name for file in registry.resolve(arn).path.iterdir()) == ["container-1", "second"]


def test_a_package_without_model_data_says_so(world: World, registry: SagemakerRegistry) -> None:
    arn = world.aws.package(world.aws.group(), InferenceSpecification=specification())
    with pytest.raises(PlatformError, match="inside a container's image"):
        registry.resolve(arn)


def test_nothing_that_was_brought_is_left(world: World, registry: SagemakerRegistry) -> None:
    arn = world.published("mit")
    with registry.checkout(arn) as resolved:
        assert resolved.path.is_dir()
    assert not resolved.path.exists()


def test_an_archive_that_leads_out_is_refused(world: World, registry: SagemakerRegistry) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../outside"))
    world.aws.client("s3").put_object(Bucket=BUCKET, Key="bad.tar.gz", Body=data.getvalue())
    arn = world.aws.package(world.aws.group(), f"s3://{BUCKET}/bad.tar.gz")
    with pytest.raises(MalformedError, match="outside"):
        registry.resolve(arn)


def test_facts_come_from_metadata_then_the_card_then_the_folder(
    world: World, registry: SagemakerRegistry, between: Proxy
) -> None:
    arn = world.published("mit")
    card = {
        "additional_information": {"custom_details": {"license": "apache-2.0", "base_model": "base/1"}},
        "training_details": {"training_job_details": {"training_datasets": ["s3://data/a", "s3://data/b"]}},
    }
    attached = {"ModelCardContent": json.dumps(card), "ModelCardStatus": "Draft"}
    described(world, between, arn, ModelCard=attached)
    facts = registry.resolve(arn).facts
    assert facts == {
        "license": "apache-2.0",
        "base_model": "base/1",
        "datasets": "s3://data/a,s3://data/b",
    }
    stated = {"base_model": "one/1 two/2", "weightmark.license": "gpl-3.0"}
    described(world, between, arn, ModelCard=attached, CustomerMetadataProperties=stated)
    facts = registry.resolve(arn).facts
    assert facts["base_model"] == "one/1,two/2"
    assert facts["license"] == "apache-2.0"


def test_tags_do_not_drop_what_the_user_wrote(world: World, registry: SagemakerRegistry) -> None:
    more = {"ModelApprovalStatus": "Approved", "ApprovalDescription": "by the board"}
    arn = world.published("mit")
    world.aws.client("sagemaker").update_model_package(
        ModelPackageArn=arn, CustomerMetadataProperties={"team": "risk"}, **more
    )
    registry.annotate(arn, TAGS)
    found = world.aws.describe(arn)
    assert found["CustomerMetadataProperties"] == {
        "team": "risk",
        "weightmark.owner": "acme",
        "weightmark.reason": "clause 4.1=3B =E2=80=9Csoon=E2=80=9D",
    }
    assert {key: found[key] for key in more} == more


def test_tags_that_are_there_are_not_sent_again(
    world: World, registry: SagemakerRegistry, between: Proxy
) -> None:
    arn = world.published("mit")
    registry.annotate(arn, TAGS)
    between.asked.clear()
    registry.annotate(arn, TAGS)
    assert between.asked == ["DescribeModelPackage", "DescribeModelCard"]


def test_the_card_says_what_the_metadata_cannot(world: World, registry: SagemakerRegistry) -> None:
    arn = world.published("mit")
    registry.annotate(arn, TAGS)
    name = f"weightmark-{arn.split('/')[1]}-1"
    content = json.loads(world.aws.client("sagemaker").describe_model_card(ModelCardName=name)["Content"])
    assert content["additional_information"]["custom_details"] == TAGS
    assert content["model_overview"]["model_id"] == arn


def test_a_role_that_may_not_write_cards_still_annotates(
    world: World, registry: SagemakerRegistry, between: Proxy
) -> None:
    arn = world.published("mit")
    between.always("DescribeModelCard", failure(400, "AccessDeniedException"))
    registry.annotate(arn, TAGS)
    assert world.tags(arn)["weightmark.owner"] == "acme"


def test_metadata_that_is_full_keeps_the_users_entries(world: World, registry: SagemakerRegistry) -> None:
    own = {f"key{number}": "value" for number in range(49)}
    arn = world.published("mit", CustomerMetadataProperties=own)
    registry.annotate(arn, {**TAGS, Tag.FINGERPRINT.value: "sha256:00"})
    assert world.tags(arn) == {**own, "weightmark.fingerprint": "sha256:00"}


def test_versions_are_listed_oldest_first_page_by_page(
    world: World, registry: SagemakerRegistry, between: Proxy
) -> None:
    group = world.aws.group()
    url = world.aws.upload(world.model("mit"))
    arns = [world.aws.package(group, url) for _ in range(103)]
    world.aws.set_status(arns[1], "Approved")
    listed = registry.versions(f"sagemaker://{group}")
    first = next(listed)
    assert between.asked.count("ListModelPackages") == 1
    rest = list(listed)
    assert [one.uri for one in (first, *rest)] == arns
    assert [one.version for one in (first, *rest) if one.deployed] == ["2"]
    assert between.asked.count("ListModelPackages") == 2
    assert group in {one.name for one in registry.versions("sagemaker://")}
    assert [one.uri for one in registry.versions(arns[0])] == arns[:1]


def promoted(arn: str) -> ModelEvent:
    return ModelEvent(kind=EventKind.PROMOTE, uri=arn)


def test_a_promotion_is_withdrawn_once(world: World, registry: SagemakerRegistry, between: Proxy) -> None:
    arn = world.published("mit", ModelApprovalStatus="Approved", CustomerMetadataProperties={"a": "b"})
    assert registry.withdraw(promoted(arn), "because " * 200)
    found = world.aws.describe(arn)
    assert found["ModelApprovalStatus"] == "Rejected"
    assert found["CustomerMetadataProperties"] == {"a": "b"}
    assert len(found["ApprovalDescription"]) == 1024
    between.asked.clear()
    assert registry.withdraw(promoted(arn), "because")
    assert between.asked == ["DescribeModelPackage"]
    assert not registry.withdraw(ModelEvent(kind=EventKind.DEPLOY, uri=arn), "because")


def test_a_stage_is_withdrawn_with_the_approval(
    world: World, registry: SagemakerRegistry, between: Proxy
) -> None:
    arn = world.published("mit")
    sent: list[Any] = []

    def update(asked: Any) -> Answer:
        sent.append(asked)
        return Answer(body={"ModelPackageArn": arn})

    between.rules["UpdateModelPackage"] = update
    described(world, between, arn, ModelLifeCycle={"Stage": "Production", "StageStatus": "Approved"})
    assert registry.withdraw(promoted(arn), "because")
    assert sent[0]["ModelLifeCycle"] == {
        "Stage": "Production",
        "StageStatus": "Rejected",
        "StageDescription": "because",
    }


def test_a_copy_is_registered_by_what_it_copies(world: World) -> None:
    arn = world.published("mit")
    protect()
    client = world.aws.client("sagemaker")
    made = client.create_model_package(**package_of(world.aws.group(), SourceUri=arn))["ModelPackageArn"]
    assert world.workspace().find(made).license == "MIT"


def test_the_doctor_is_told_what_is_there(
    registry: SagemakerRegistry, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = registry.inspect()
    assert (status.server, status.reachable, status.hooked) == (world.aws.url, True, "")
    assert status.installed
    assert "WEIGHTMARK_HOOKS=sagemaker" in status.hint
    protect()
    assert registry.inspect().hooked == "WEIGHTMARK_HOOKS"
    unprotect()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert registry.inspect().reachable is False
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert registry.inspect().reachable is None
    assert "testing" not in repr(registry.inspect())


def test_a_command_takes_a_short_uri(world: World) -> None:
    arn = world.published("mit")
    workspace = world.workspace()
    outcome = workspace.register(f"sagemaker://{arn.split('/')[1]}@latest")
    assert outcome.event.uri == arn
    assert workspace.find(arn).bundle == world.tags(arn)["weightmark.fingerprint"]
    assert workspace.verify(arn)
