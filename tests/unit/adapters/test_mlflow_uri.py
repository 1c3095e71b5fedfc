import pytest

from weightmark.errors import MalformedError
from weightmark_adapters.mlflow.uri import ModelUri, parse_uri, version_uri


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("models:/churn/3", ModelUri(scheme="models", name="churn", version="3")),
        ("models:/churn/003", ModelUri(scheme="models", name="churn", version="3")),
        ("models:/churn/" + "9" * 5000, ModelUri(scheme="models", name="churn", version="9" * 5000)),
        ("models:/churn/00", ModelUri(scheme="models", name="churn", version="0")),
        ("models:/my model@prod", ModelUri(scheme="models", name="my model", alias="prod")),
        ("models:/churn/Latest", ModelUri(scheme="models", name="churn", alias="latest")),
        ("models:/churn/Production", ModelUri(scheme="models", name="churn", stage="Production")),
        ("models:/m-12ab", ModelUri(scheme="models", model_id="m-12ab")),
        ("runs:/12ab/model/", ModelUri(scheme="runs", run_id="12ab", path="model")),
        ("runs:/12ab", ModelUri(scheme="runs", run_id="12ab")),
        ("mlflow-artifacts:/0/12ab//artifacts", ModelUri(scheme="mlflow-artifacts", path="0/12ab/artifacts")),
        ("mlflow-artifacts://host:5000/0/x", ModelUri(scheme="mlflow-artifacts", path="0/x")),
    ],
)
def test_what_mlflow_writes_is_read(uri, expected):
    assert parse_uri(uri) == expected


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "churn",
        "models:",
        "models:/",
        "models://host/churn/3",
        "models:/churn/3/more",
        "models:/@prod",
        "models://[",
        "models:/churn@",
        "models:/ /1",
        "models:churn/3",
        "models:/churn/3?x=1",
        "runs:/",
        "runs:/12/model#good",
        "runs:/../x",
        "runs:/12/../../etc",
        "runs:/12/%2e%2e/etc",
        "runs:/12/%25252e%25252e/etc",
        "runs:/12/a\\..\\b",
        "runs:/12/a%00b",
        "mlflow-artifacts:/0/../../etc",
        "s3://bucket/model",
        "file:///etc",
    ],
)
def test_all_else_is_refused(uri):
    with pytest.raises(MalformedError):
        parse_uri(uri)


def test_a_version_uri_is_read_back():
    assert parse_uri(version_uri("a b", "7")) == ModelUri(scheme="models", name="a b", version="7")
