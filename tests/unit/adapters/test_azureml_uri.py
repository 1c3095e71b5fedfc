"""Azure ML's URIs: every form that its own tools take, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import MalformedError
from weightmark_adapters.azureml.uri import AzureUri, Place, asset_uri, parse_uri, safe_path, version_uri

SUBSCRIPTION = "0A0B0C0D-0000-0000-0000-000000000000"
HOME = f"subscriptions/{SUBSCRIPTION}/resourceGroups/My-Group_(1)/workspaces/Ws"
PROVIDER = "providers/Microsoft.MachineLearningServices"
ARM = f"subscriptions/{SUBSCRIPTION}/resourcegroups/My-Group_(1)/{PROVIDER}/workspaces/Ws"
PLACE = Place(subscription=SUBSCRIPTION.lower(), group="my-group_(1)", workspace="ws")
SHARED = Place(registry="shared")


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("azureml:churn:3", AzureUri(name="churn", version="3")),
        ("azureml:churn@latest", AzureUri(name="churn", label="latest")),
        ("azureml:churn", AzureUri(name="churn")),
        ("azureml:", AzureUri()),
        (f"azureml://{HOME}", AzureUri(place=PLACE)),
        (f"azureml://{HOME}/models", AzureUri(place=PLACE)),
        (f"azureml://{HOME}/models/a", AzureUri(place=PLACE, name="a")),
        (f"azureml://{HOME}/models/a/versions/3", AzureUri(place=PLACE, name="a", version="3")),
        (f"azureml:/{ARM}/models/a/versions/3", AzureUri(place=PLACE, name="a", version="3")),
        (f"azureml://{HOME}/models/a/labels/latest", AzureUri(place=PLACE, name="a", label="latest")),
        ("azureml://registries/Shared", AzureUri(place=SHARED)),
        (
            "azureml://registries/Shared/models/a/versions/v1.2",
            AzureUri(place=SHARED, name="a", version="v1.2"),
        ),
        ("azureml://datastores/d/paths/a/b/", AzureUri(datastore="d", path="a/b")),
        (f"azureml://{HOME}/datastores/d/paths/a b", AzureUri(place=PLACE, datastore="d", path="a b")),
        (
            "azureml://jobs/j/outputs/artifacts/paths/model",
            AzureUri(job="j", output="artifacts", path="model"),
        ),
    ],
)
def test_every_form_is_read(uri, expected):
    assert parse_uri(uri) == expected


@pytest.mark.parametrize(
    "uri",
    [
        "models:/a/1",
        "azureml",
        "azureml:a:b:c",
        "azureml:a@",
        "azureml::1",
        "azureml:-a:1",
        "azureml:a/b:1",
        "azureml:ä:1",
        "azureml://registries/",
        "azureml://registries/a b/models/c/versions/1",
        "azureml://registries/r/models/a/versions/..",
        "azureml://registries/r/datastores/d/paths/p",
        f"azureml://{HOME}/models/a/versions/1/more",
        f"azureml://{HOME}/datastores/d/paths/../secret",
        f"azureml://{HOME}/datastores/d/paths/a\\b",
        f"azureml://{HOME}/datastores/d/paths/a\n",
        "azureml://subscriptions/s/workspaces/w/models/a/versions/1",
        "azureml://locations/l/workspaces/w/models/a/versions/1",
        "azureml:" + "a" * 300 + ":1",
    ],
)
def test_what_is_none_is_refused(uri):
    with pytest.raises(MalformedError):
        parse_uri(uri)


def test_two_spellings_of_one_workspace_are_one():
    upper = f"azureml://{HOME.upper().replace('WS', 'ws')}/models/a/versions/1"
    assert parse_uri(upper).place == PLACE


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (f"/{ARM}/models/a/versions/3", f"{PLACE.uri}/models/a/versions/3"),
        (f"azureml:/{ARM}/models/a/versions/3", f"{PLACE.uri}/models/a/versions/3"),
        (f"/{ARM}/data/rows/versions/2", f"{PLACE.uri}/data/rows/versions/2"),
        ("azureml:a:3", "azureml://registries/shared/models/a/versions/3"),
        ("a:3", "azureml://registries/shared/models/a/versions/3"),
        ("https://example.org/rows.csv", "https://example.org/rows.csv"),
        ("azureml://datastores/d/paths/p", "azureml://datastores/d/paths/p"),
    ],
)
def test_azures_own_references_are_written_out(reference, expected):
    assert asset_uri(reference, SHARED) == expected


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        parsed = parse_uri(f"azureml:{text}")
    except MalformedError:
        return
    assert ".." not in parsed.path.split("/")
    if parsed.version and parsed.place is None:
        assert parse_uri(version_uri(PLACE, parsed.name, parsed.version)).version == parsed.version


@given(st.text(max_size=40))
def test_no_path_climbs(text):
    try:
        path = safe_path(text, "the test")
    except MalformedError:
        return
    assert not {"..", ".", ""} & set(path.split("/")) or path == ""
    assert safe_path(path, "the test") == path
