"""Calls that moto does not have, and errors of boto3, against the real service model."""

import io
import logging

import pytest
from botocore import exceptions
from botocore.session import get_session
from botocore.stub import ANY, Stubber

from weightmark.errors import DigestMismatchError, MalformedError, PlatformError
from weightmark_adapters.sagemaker import lineage, sdk
from weightmark_adapters.sagemaker.lineage import read_lineage, write_receipt
from weightmark_adapters.sagemaker.s3 import DataPlace, bring

PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package"
ARTIFACT = "arn:aws:sagemaker:us-east-1:123456789012:artifact"
OWN = f"{PACKAGE}/churn/3"


@pytest.fixture
def stub():
    client = get_session().create_client(
        "sagemaker", "us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
    )
    with Stubber(client) as made:
        yield made
        made.assert_no_pending_responses()
    client.close()


def artifacts(stub, source, *arns):
    found = [{"ArtifactArn": arn, "Source": {"SourceUri": source}} for arn in arns]
    stub.add_response("list_artifacts", {"ArtifactSummaries": found}, {"SourceUri": source})


def edges(stub, below, *above, kind="ContributedTo"):
    found = [{"SourceArn": arn, "DestinationArn": below, "AssociationType": kind} for arn in above]
    stub.add_response("list_associations", {"AssociationSummaries": found}, {"DestinationArn": below})


def described(stub, arn, kind, source):
    answer = {"ArtifactArn": arn, "ArtifactType": kind, "Source": {"SourceUri": source}}
    stub.add_response("describe_artifact", answer, {"ArtifactArn": arn})


def test_lineage_names_data_and_parent_packages(stub):
    job = "arn:aws:sagemaker:us-east-1:123456789012:experiment-trial-component/train"
    artifacts(stub, OWN, f"{ARTIFACT}/own")
    edges(stub, f"{ARTIFACT}/own", job, kind="Produced")
    edges(stub, job, f"{ARTIFACT}/data", f"{ARTIFACT}/base", f"{ARTIFACT}/image")
    described(stub, f"{ARTIFACT}/data", "DataSet", "s3://data/train")
    described(stub, f"{ARTIFACT}/base", "Model", f"{PACKAGE}/base/1")
    described(stub, f"{ARTIFACT}/image", "Image", "123456789012.dkr.ecr/x")
    for name in ("data", "base", "image"):
        edges(stub, f"{ARTIFACT}/{name}", f"{ARTIFACT}/own")
    assert read_lineage(stub.client, OWN) == {
        "datasets": "s3://data/train",
        "base_model": f"{PACKAGE}/base/1",
    }


def test_a_package_without_lineage_has_no_facts(stub):
    artifacts(stub, OWN)
    assert read_lineage(stub.client, OWN) == {}


@pytest.mark.parametrize(("code", "status"), [("AccessDeniedException", 400), ("InternalFailure", 500)])
def test_lineage_that_cannot_be_asked_is_left_out_and_said(stub, caplog, code, status):
    stub.add_client_error("list_artifacts", code, "no", status)
    stub.add_client_error("list_artifacts", code, "no", status)
    lineage._told.clear()
    with caplog.at_level(logging.WARNING):
        assert read_lineage(stub.client, OWN) == read_lineage(stub.client, OWN) == {}
    assert caplog.text.count("left out") == 1


@pytest.mark.parametrize(("code", "status"), [("ThrottlingException", 400), ("ServiceUnavailable", 503)])
def test_lineage_that_is_busy_is_asked_again_later(stub, code, status):
    stub.add_client_error("list_artifacts", code, "no", status)
    with pytest.raises(PlatformError) as caught:
        read_lineage(stub.client, OWN)
    assert caught.value.retryable


def test_a_receipt_becomes_an_artifact_of_the_package_once(stub):
    tags = {"weightmark.receipt": "log#7", "weightmark.license": "MIT"}
    artifacts(stub, OWN, f"{ARTIFACT}/own")
    artifacts(stub, "weightmark:log#7")
    asked = {
        "ArtifactName": ANY,
        "Source": {"SourceUri": "weightmark:log#7"},
        "ArtifactType": ANY,
        "Properties": tags,
    }
    stub.add_response("create_artifact", {"ArtifactArn": f"{ARTIFACT}/new"}, asked)
    joined = {
        "SourceArn": f"{ARTIFACT}/new",
        "DestinationArn": f"{ARTIFACT}/own",
        "AssociationType": "AssociatedWith",
    }
    stub.add_response("add_association", {}, joined)
    assert write_receipt(stub.client, OWN, tags) == f"{ARTIFACT}/new"
    artifacts(stub, OWN, f"{ARTIFACT}/own")
    artifacts(stub, "weightmark:log#7", f"{ARTIFACT}/new")
    assert write_receipt(stub.client, OWN, tags) is None


@pytest.mark.parametrize(
    ("error", "kind", "retryable"),
    [
        (exceptions.EndpointConnectionError(endpoint_url="http://x"), PlatformError, True),
        (exceptions.ConnectTimeoutError(endpoint_url="http://x"), PlatformError, True),
        (exceptions.ReadTimeoutError(endpoint_url="http://x"), PlatformError, True),
        (exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2), PlatformError, True),
        (exceptions.ResponseStreamingError(error="x"), PlatformError, True),
        (TimeoutError("x"), PlatformError, True),
        (exceptions.NoCredentialsError(), PlatformError, False),
        (exceptions.NoRegionError(), PlatformError, False),
        (exceptions.ParamValidationError(report="x"), PlatformError, False),
        (OSError(28, "No space left on device"), PlatformError, False),
        (exceptions.FlexibleChecksumError(error_msg="x"), DigestMismatchError, None),
        (MalformedError("x"), MalformedError, None),
        (KeyError("x"), KeyError, None),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_boto3_raises_becomes_ours(error, kind, retryable):
    with pytest.raises(kind) as caught, sdk.speaking("sagemaker://churn/1"):
        raise error
    if retryable is not None:
        assert caught.value.retryable is retryable
        assert caught.value.hint


def test_our_own_calls_are_marked_and_no_longer():
    assert not sdk.is_own_call()
    with sdk.speaking("x"):
        assert sdk.is_own_call()
    assert not sdk.is_own_call()


def test_a_stream_that_is_short_is_no_model(tmp_path):
    class Client:
        def get_object(self, **_):
            return {"Body": io.BytesIO(b"ab"), "ContentLength": 3, "ETag": '"1-2"'}

    with pytest.raises(DigestMismatchError, match="length"):
        bring(Client(), [DataPlace(uri="s3://b/k")], tmp_path)
