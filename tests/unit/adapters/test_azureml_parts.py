"""The parts of Azure ML's adapter that need no service: traffic, lineage, errors."""

import traceback

import pytest
from azure.core.exceptions import HttpResponseError, ResourceModifiedError, ServiceRequestError
from azure.storage.blob import BlobProperties
from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import MalformedError, PlatformError
from weightmark_adapters.azureml import sdk
from weightmark_adapters.azureml.blob import _list
from weightmark_adapters.azureml.endpoint import deployed_model, without
from weightmark_adapters.azureml.registry import is_promoted


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 100), max_size=6),
    st.sets(st.sampled_from("abcdef")),
)
def test_traffic_that_is_taken_goes_to_the_others_or_nowhere(traffic, names):
    total = sum(traffic.values())
    if total > 100:
        return
    rest = without(traffic, names)
    assert set(rest) == set(traffic)
    assert all(rest[name] == 0 for name in names & set(rest))
    assert sum(rest.values()) in {0, total}
    assert all(share >= traffic[name] for name, share in rest.items() if name not in names)


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        (
            {"model": "azureml://registries/r/models/a/versions/1"},
            "azureml://registries/r/models/a/versions/1",
        ),
        ({"model": {"referenceType": "Id", "assetId": "/x/y"}}, "/x/y"),
        ({"model": {"referenceType": "DataPath", "path": "a/b"}}, "a/b"),
        ({"model": {}}, ""),
        (
            {"modelSettings": {"modelId": "azureml://registries/r/models/a"}},
            "azureml://registries/r/models/a",
        ),
        ({"model": None}, ""),
        ({}, ""),
    ],
)
def test_what_a_deployment_runs_is_read(properties, expected):
    assert deployed_model(properties) == expected


@pytest.mark.parametrize("stage", ["Production", "Staging", "production ", "live"])
def test_a_stage_that_is_a_use(stage):
    assert is_promoted(stage)


@pytest.mark.parametrize("stage", [None, "", "None", "development", "ARCHIVED"])
def test_a_stage_that_is_none(stage):
    assert not is_promoted(stage)


def wrapped(error: Exception) -> PlatformError:
    with pytest.raises(PlatformError) as caught, sdk.speaking("azureml:churn:3"):
        raise error
    return caught.value


def failed(status: int) -> HttpResponseError:
    error = HttpResponseError("it failed")
    error.status_code = status
    return error


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_what_may_pass_can_be_tried_again(status):
    assert wrapped(failed(status)).retryable


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
def test_what_will_not_pass_is_not_tried_again(status):
    error = wrapped(failed(status))
    assert not error.retryable
    assert "azureml:churn:3" in error.message


@pytest.mark.parametrize("error", [ServiceRequestError("no"), ResourceModifiedError("no"), TimeoutError()])
def test_a_network_and_a_change_in_between_can_be_tried_again(error):
    assert wrapped(error).retryable


def test_the_cause_is_kept_unless_it_holds_a_token():
    address = "https://a.blob.core.windows.net/c?sv=1&sig=abc%3D&se=2"
    assert isinstance(wrapped(ServiceRequestError("no route")).__cause__, ServiceRequestError)
    hidden = wrapped(ServiceRequestError(f"no route to {address}"))
    assert "abc" not in "".join(traceback.format_exception(hidden))
    inner = ServiceRequestError("no route")
    inner.__cause__ = OSError(address)
    assert "abc" not in "".join(traceback.format_exception(wrapped(inner)))


def test_our_own_errors_pass():
    with pytest.raises(MalformedError), sdk.speaking("azureml:churn:3"):
        raise MalformedError("it is")


class Listing:
    """What azure-storage-blob lists: a name, a size and metadata for each blob."""

    def __init__(self, *blobs):
        self.blobs = [BlobProperties(name=name, metadata=stated) for name, _, stated in blobs]
        for blob, (_, size, _) in zip(self.blobs, blobs, strict=True):
            blob.size = size

    def list_blobs(self, **_):
        return iter(self.blobs)


def test_a_blob_with_bytes_is_no_folder_whatever_its_metadata_says():
    listing = Listing(
        ("m/code", 0, {"hdi_isfolder": "true"}),
        ("m/code/run.py", 9, {"hdi_isfolder": "true"}),
        ("m/a", 1, {}),
    )
    assert set(_list(listing, "m", "azureml:churn:3")) == {"code/run.py", "a"}


def test_two_blobs_that_would_be_one_file_are_refused():
    listing = Listing(("m/a/b", 1, {}), ("m/a//b", 1, {}))
    with pytest.raises(MalformedError, match="same file"):
        _list(listing, "m", "azureml:churn:3")
