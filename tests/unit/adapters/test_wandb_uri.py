"""URIs and metadata of Weights & Biases; no library is needed."""

import pytest

from weightmark.errors import MalformedError
from weightmark_adapters.wandb.lineage import is_dataset, is_model, join_facts, used_facts
from weightmark_adapters.wandb.listing import is_promoting
from weightmark_adapters.wandb.metadata import decode_tags, encode_tags, state_metadata, without_tags
from weightmark_adapters.wandb.uri import parse_uri, version_uri


@pytest.mark.parametrize(
    ("uri", "path", "exact"),
    [
        ("wandb://acme/churn/model:v3", "acme/churn/model:v3", True),
        ("wandb://acme/churn/model:production", "acme/churn/model:production", False),
        ("wandb://acme/churn/model", "acme/churn/model:latest", False),
        ("wandb://acme/churn/model/", "acme/churn/model:latest", False),
        ("wandb://acme/wandb-registry-model/churn:v0", "acme/wandb-registry-model/churn:v0", False),
        ("wandb://acme/my%20project/model:v1", "acme/my project/model:v1", True),
    ],
)
def test_a_uri_is_taken_apart(uri: str, path: str, exact: bool) -> None:
    parsed = parse_uri(uri)
    assert (parsed.path, parsed.is_exact) == (path, exact)


@pytest.mark.parametrize(
    "uri",
    [
        "wandb:",
        "wandb://",
        "wandb:///a/b",
        "hf://a/b/c:v1",
        "wandb://a/b/c:v1:v2",
        "wandb://a//c:v1",
        "wandb://a/../c:v1",
        "wandb://a/./c:v1",
        "wandb://a/b/c: v1",
        "wandb://a/b/c\\d:v1",
        "wandb://a/b/c%00:v1",
        "wandb://a/b/c%2fd:v1",
        "wandb://a/b:v1",
        f"wandb://a/b/{'c' * 129}",
    ],
)
def test_what_is_none_is_refused(uri: str) -> None:
    with pytest.raises(MalformedError):
        parse_uri(uri)


def test_a_listing_may_name_less() -> None:
    assert parse_uri("wandb://acme", listing=True).path == "acme"
    assert parse_uri("wandb://acme/churn", listing=True).path == "acme/churn"
    for uri in ("wandb://acme/churn", "wandb://acme"):
        with pytest.raises(MalformedError):
            parse_uri(uri)
    with pytest.raises(MalformedError):
        parse_uri("wandb://acme/churn:v1", listing=True)
    assert version_uri("acme", "churn", "model:v3") == "wandb://acme/churn/model:v3"


def test_tags_are_written_without_dots_and_read_back() -> None:
    tags = {"weightmark.owner": "acme", "weightmark.verdict": "allowed (granted)"}
    metadata = {"epochs": 3, **encode_tags(tags)}
    assert decode_tags(metadata) == tags
    assert without_tags(metadata) == {"epochs": 3}


def test_facts_are_texts_and_lists_of_texts() -> None:
    stated = {"license": "mit", "base_model": ["a", 3, "b"], "owner": None, "datasets": [], "loss": 0.1}
    assert state_metadata(stated) == {"license": "mit", "base_model": "a,b"}


def test_what_a_run_used_is_sorted_by_type() -> None:
    used = [("model", "m1"), ("dataset", "d1"), ("model", "m1"), ("code", "c"), ("raw_dataset", "d2")]
    assert used_facts(used) == {"base_model": "m1", "datasets": "d1,d2"}
    assert join_facts({"license": "mit", "base_model": "x"}, used_facts(used)) == {
        "license": "mit",
        "base_model": "x,m1",
        "datasets": "d1,d2",
    }
    assert not is_model("dataset")
    assert is_dataset("data")


def test_aliases_that_promote() -> None:
    assert [
        alias for alias in ("PROD", "prod-1", "live", "latest", "v1", "product") if is_promoting(alias)
    ] == [
        "PROD",
        "prod-1",
        "live",
        "product",
    ]
    assert is_promoting("gold", ("gold",))
