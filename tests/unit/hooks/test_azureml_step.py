"""What a request to Azure ML is about to do, and which tags it may bring."""

import json

import pytest
from azure.core.pipeline import PipelineContext, PipelineRequest
from azure.core.rest import HttpRequest

from weightmark.errors import RefusedError
from weightmark_adapters.azureml.uri import Place
from weightmark_hooks.azureml.gate import merge_tags
from weightmark_hooks.azureml.policy import WeightmarkPolicy
from weightmark_hooks.azureml.step import StepKind, read_step

ROOT = "https://management.azure.com/subscriptions/S/resourceGroups/G/providers/Microsoft.MachineLearningServices"
WORKSPACE = f"{ROOT}/workspaces/W"
REGISTRY = (
    "https://eastus.api.azureml.ms/mferp/managementfrontend" + ROOT.partition(".com")[2] + "/registries/R"
)
PLACE = Place(subscription="s", group="g", workspace="w")
BODY = json.dumps({"properties": {"stage": "Production"}})


def test_a_version_is_read():
    step = read_step("PUT", f"{WORKSPACE}/models/Churn/versions/V3?api-version=1", BODY.encode())
    assert (step.kind, step.place, step.name, step.version) == (StepKind.VERSION, PLACE, "Churn", "V3")
    assert step.properties == {"stage": "Production"}


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("PUT", "onlineEndpoints/e/deployments/d", StepKind.DEPLOYMENT),
        ("PUT", "batchEndpoints/e/deployments/d", StepKind.DEPLOYMENT),
        ("PUT", "ONLINEENDPOINTS/e/Deployments/d/", StepKind.DEPLOYMENT),
        ("PUT", "serverlessEndpoints/e", StepKind.DEPLOYMENT),
        ("POST", "models/a/versions/1/package", StepKind.PACKAGE),
        ("PUT", "MODELS/a/VERSIONS/1", StepKind.VERSION),
        ("PUT", "models/a%2Eb/versions/1", StepKind.VERSION),
    ],
)
def test_every_step_in_a_workspace_is_read(method, path, kind):
    assert read_step(method, f"{WORKSPACE}/{path}", BODY).kind is kind


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [("PUT", "models/a/versions/1", StepKind.VERSION), ("POST", "import", StepKind.IMPORT)],
)
def test_every_step_in_a_registry_is_read(method, path, kind):
    step = read_step(method, f"{REGISTRY}/{path}", BODY)
    assert (step.kind, step.place) == (kind, Place(registry="r"))


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", f"{WORKSPACE}/models/a/versions/1"),
        ("PUT", f"{WORKSPACE}/models/a"),
        ("PUT", f"{WORKSPACE}/data/a/versions/1"),
        ("PUT", f"{WORKSPACE}/onlineEndpoints/e"),
        ("POST", f"{WORKSPACE}/import"),
        ("POST", f"{WORKSPACE}/datastores/d/listSecrets"),
        ("PUT", "https://account.blob.core.windows.net/models/a/versions/1"),
    ],
)
def test_all_else_passes(method, url):
    assert read_step(method, url, None) is None


@pytest.mark.parametrize("content", [None, "", "{", b"\xff", object()])
def test_a_step_whose_body_cannot_be_read_is_no_step(content):
    with pytest.raises(ValueError):  # noqa: PT011 - whatever JSON says
        read_step("PUT", f"{WORKSPACE}/models/a/versions/1", content)


def test_reserved_tags_stay_and_are_renewed():
    present = {"weightmark.owner": "acme", "weightmark.verdict": "allowed", "team": "old"}
    merged = merge_tags({"team": "new"}, present, {"weightmark.verdict": "refused"})
    assert merged == {"weightmark.owner": "acme", "weightmark.verdict": "refused", "team": "new"}


def test_reserved_tags_may_be_sent_back_as_they_are():
    present = {"weightmark.owner": "acme"}
    assert merge_tags(present, present, {}) == present
    assert merge_tags({"weightmark.owner": "acme"}, {}, {"weightmark.owner": "acme"}) == present


@pytest.mark.parametrize("key", ["weightmark.owner", "Weightmark.Owner", " weightmark.x"])
def test_reserved_tags_cannot_be_made_up(key):
    with pytest.raises(RefusedError, match="reserved"):
        merge_tags({key: "me"}, {}, {})


def asked(properties, path="onlineEndpoints/e/deployments/d"):
    request = HttpRequest("PUT", f"{WORKSPACE}/{path}", json={"properties": properties})
    WeightmarkPolicy().on_request(PipelineRequest(request, PipelineContext(None)))


@pytest.mark.parametrize("model", [{"referenceType": "DataPath", "datastoreId": "d"}, ["azureml:churn:1"]])
def test_a_deployment_whose_model_cannot_be_read_is_refused(model):
    with pytest.raises(RefusedError, match="cannot tell which model"):
        asked({"model": model})


def test_a_serverless_endpoint_is_asked_about_its_model(tmp_path, monkeypatch):
    monkeypatch.setenv("WEIGHTMARK_HOME", str(tmp_path))
    with pytest.raises(RefusedError, match="registries/r/models/a"):
        asked({"modelSettings": {"modelId": "azureml://registries/r/models/a"}}, "serverlessEndpoints/e")


def test_a_deployment_of_an_image_only_is_sent():
    asked({"environmentId": "e"})
