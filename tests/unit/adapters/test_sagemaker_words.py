"""SageMaker's words: URIs, metadata, cards, packages, events."""

import json
import re
from pathlib import Path

import pytest
from botocore.session import get_session
from hypothesis import given
from hypothesis import strategies as st

from weightmark.encoding import Record
from weightmark.errors import MalformedError, PlatformError
from weightmark.vocabulary import EventKind, Tag
from weightmark_adapters.sagemaker import card
from weightmark_adapters.sagemaker.event import read_event
from weightmark_adapters.sagemaker.metadata import MAX_VALUE, decode_value, encode_value, merge
from weightmark_adapters.sagemaker.package import containers_of, is_live, places_of, require_places
from weightmark_adapters.sagemaker.s3 import DataPlace, split_address
from weightmark_adapters.sagemaker.uri import parse_uri, split_name

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/churn/3"
VECTOR = Path(__file__).parents[2] / "vectors" / "sagemaker" / "model-package-state-change.json"


@pytest.mark.parametrize(
    ("uri", "field", "value"),
    [
        ("sagemaker://churn/007", "version", "7"),
        ("sagemaker://churn@approved", "alias", "approved"),
        ("sagemaker://churn@latest", "alias", "latest"),
        ("sagemaker://churn", "group", True),
        ("sagemaker://", "group", True),
        (ARN, "version", "3"),
        (ARN, "region", "eu-west-1"),
        ("arn:aws-cn:sagemaker:cn-north-1:123456789012:model-package/alone", "version", ""),
        ("arn:aws:sagemaker:eu-west-1:123456789012:model-package-group/churn", "group", True),
    ],
)
def test_a_uri_is_taken_apart(uri, field, value):
    assert getattr(parse_uri(uri), field) == value


@pytest.mark.parametrize(
    "uri",
    [
        "sagemaker:churn",
        "sagemaker://churn/",
        "sagemaker://churn/0",
        "sagemaker://churn/1/2",
        "sagemaker://-churn/1",
        "sagemaker://churn@Approved",
        "sagemaker://a_b/1",
        f"sagemaker://{'a' * 64}/1",
        "arn:aws:sagemaker:eu-west-1:123456789012:model-package/churn/x",
        "arn:aws:sagemaker:eu-west-1:123456789012:model-package-group/churn/1",
        "arn:aws:s3:::bucket",
        f"{ARN}\n",
    ],
)
def test_a_uri_that_is_none_is_malformed(uri):
    with pytest.raises(MalformedError):
        parse_uri(uri)


@pytest.mark.parametrize(
    ("name", "parts"),
    [(ARN, ("churn", "3")), ("churn", ("churn", "")), ("churn/3", ("churn", "3")), ("", ("", ""))],
)
def test_a_name_or_an_arn_is_split(name, parts):
    assert split_name(name) == parts


def java_pattern():
    """Give SageMaker's own pattern of a value, in Python's words, and its limits."""
    model = get_session().get_service_model("sagemaker")
    shape = model.operation_model("UpdateModelPackage").input_shape.members["CustomerMetadataProperties"]
    assert (shape.metadata["max"], shape.key.metadata["max"], shape.value.metadata["max"]) == (50, 128, 256)
    pattern = shape.value.metadata["pattern"]
    assert "\\p{L}\\p{Z}\\p{N}" in pattern
    return re.compile(r"[\w\s.:/=+\-@ ]{1,256}")


@given(st.text(max_size=300))
def test_a_value_fits_and_comes_back(text):
    encoded = encode_value(text)
    assert len(encoded) <= MAX_VALUE
    if encoded:
        assert java_pattern_fits(encoded)
    if sum(len(encode_value(one)) for one in text) <= MAX_VALUE:
        assert decode_value(encoded) == text.encode("utf-8", "replace").decode()


def java_pattern_fits(text):
    import unicodedata

    return all(one in "_.:/=+-@" or unicodedata.category(one)[0] in "LNZ" for one in text)


def test_the_limits_are_those_of_the_service_model():
    assert java_pattern().fullmatch(encode_value("clause 4.1; “soon”, (really)"))


def test_a_value_that_is_too_long_ends_in_dots_and_in_no_half_character():
    encoded = encode_value("€" * 100)
    assert encoded.endswith("...")
    assert set(decode_value(encoded[:-3])) == {"€"}


def test_the_users_entries_stay_and_the_fingerprint_goes_first():
    own = {f"k{number}": "v" for number in range(48)}
    tags = {
        Tag.CREDITS.value: "c",
        Tag.RECEIPT.value: "log#1",
        Tag.FINGERPRINT.value: "sha256:0",
        "weightmark.x": "",
    }
    merged, left = merge(own, tags)
    assert merged == {**own, "weightmark.fingerprint": "sha256:0", "weightmark.receipt": "log=231"}
    assert left == ("weightmark.credits",)
    assert merge(merged, {Tag.RECEIPT.value: "log#2"})[0]["weightmark.receipt"] == "log=232"


def test_a_card_keeps_what_others_wrote_and_is_the_same_for_the_same_tags():
    others = {
        "intended_uses": {"purpose_of_model": "churn"},
        "additional_information": {"custom_details": {"team": "risk"}, "ethical_considerations": "none"},
    }
    once = card.write_card(ARN, "churn", {"weightmark.owner": "acme"}, json.dumps(others))
    assert card.write_card(ARN, "churn", {"weightmark.owner": "acme"}, once) == once
    content = json.loads(once)
    assert content["intended_uses"] == others["intended_uses"]
    assert content["additional_information"] == {
        "custom_details": {"team": "risk", "weightmark.owner": "acme"},
        "ethical_considerations": "none",
    }


@pytest.mark.parametrize("content", ["", "{", "[]", '{"additional_information": 3}', "x" * 100_001])
def test_a_card_that_cannot_be_read_states_nothing(content):
    assert card.card_facts(content) == {}


def test_a_cards_name_is_never_too_long_and_never_anothers():
    names = {card.card_name("g" * 63, str(version)) for version in range(1, 50)}
    assert len(names) == 49
    assert all(re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", name) for name in names)


def container(**more):
    return {"Image": "serve:1", **more}


def test_the_places_of_a_package_are_its_containers():
    source = {"S3Uri": "s3://b/p/", "S3DataType": "S3Prefix", "CompressionType": "None", "ETag": "x"}
    one = container(ModelDataSource={"S3DataSource": source})
    more = container(
        ModelDataUrl="s3://b/k",
        ModelDataETag='"e"',
        AdditionalModelDataSources=[{"ChannelName": "draft", "S3DataSource": source}],
    )
    assert places_of([one]) == (DataPlace(uri="s3://b/p/", prefix=True),)
    assert places_of([container(), more]) == (
        DataPlace(uri="s3://b/k", etag="e"),
        DataPlace(uri="s3://b/p/", prefix=True, folder="additional-data/draft"),
    )
    assert [place.folder for place in places_of([one, more])] == [
        "container-1",
        "container-2",
        "container-2/additional-data/draft",
    ]
    with pytest.raises(PlatformError, match="image"):
        require_places([container()], ARN)


def test_another_specification_has_its_own_containers():
    described = {
        "InferenceSpecification": {"Containers": [container(ModelDataUrl="s3://b/own")]},
        "AdditionalInferenceSpecifications": [
            {"Name": "small", "Containers": [container(ModelDataUrl="s3://b/small")]}
        ],
    }
    assert places_of(containers_of(described, "small"))[0].uri == "s3://b/small"
    assert places_of(containers_of(described))[0].uri == "s3://b/own"
    algorithm = {"SourceAlgorithmSpecification": {"SourceAlgorithms": [{"ModelDataUrl": "s3://b/a"}]}}
    assert places_of(containers_of(algorithm))[0].uri == "s3://b/a"


@pytest.mark.parametrize("uri", ["https://b.s3.amazonaws.com/k", "s3:", "s3:///k", "file:///etc/passwd"])
def test_an_address_that_is_not_in_s3_is_malformed(uri):
    with pytest.raises(MalformedError):
        split_address(uri)


@pytest.mark.parametrize(
    ("stage", "status", "live"),
    [
        ("Production", "PendingApproval", True),
        (" Production", "PendingApproval", True),
        ("Staging", " approved ", True),
        ("production", "Approved", True),
        ("Production", "Rejected", False),
        ("Staging", "Approved", True),
        ("Staging", "PendingApproval", False),
        ("Development", "Approved", False),
        ("", "", False),
    ],
)
def test_a_stage_is_a_promotion(stage, status, live):
    assert is_live({"Stage": stage, "StageStatus": status}) is live


def event(**detail):
    recorded = json.loads(VECTOR.read_text())
    whole = {**recorded["detail"], "ModelPackageArn": ARN, **detail}
    return {**recorded, "detail": {key: value for key, value in whole.items() if value is not None}}


@pytest.mark.parametrize(
    ("detail", "kind"),
    [
        ({"ModelApprovalStatus": "Approved"}, EventKind.PROMOTE),
        ({"ModelApprovalStatus": "Approved", "UpdatedModelPackageFields": None}, EventKind.PROMOTE),
        (
            {"ModelApprovalStatus": "PendingManualApproval", "UpdatedModelPackageFields": None},
            EventKind.REGISTER,
        ),
        ({"ModelApprovalStatus": "PendingManualApproval"}, EventKind.REGISTER),
        (
            {"ModelApprovalStatus": "Approved", "UpdatedModelPackageFields": ["CustomerMetadataProperties"]},
            None,
        ),
        ({"ModelApprovalStatus": "Rejected"}, None),
        ({"ModelApprovalStatus": "Approved", "ModelPackageStatus": "Failed"}, None),
        (
            {
                "ModelApprovalStatus": None,
                "ModelLifeCycle": {"Stage": "Production", "StageStatus": "Approved"},
                "UpdatedModelPackageFields": ["ModelLifeCycle"],
            },
            EventKind.PROMOTE,
        ),
    ],
)
def test_an_event_means_what_changed(detail, kind):
    told = read_event(Record(event(**detail), "the event"))
    assert (told.kind if told else None) == kind
    if told:
        assert (told.uri, told.version) == (ARN, "3")


def test_an_event_that_names_no_package_is_malformed():
    with pytest.raises(MalformedError):
        read_event(Record(event(ModelPackageArn="arn:aws:s3:::b", ModelApprovalStatus="Approved"), "it"))
