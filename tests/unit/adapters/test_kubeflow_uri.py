"""Kubeflow's URIs, read strictly and written so that they are read the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import MalformedError
from weightmark_adapters.kubeflow.uri import is_safe, parse_model, parse_object, version_uri

NAMES = st.text(min_size=1, max_size=40).filter(lambda text: text.strip() and text.isprintable())


@given(name=NAMES, version=NAMES)
def test_what_is_written_is_read_the_same(name: str, version: str):
    parsed = parse_model(version_uri(name, version))
    assert (parsed.name, parsed.version) == (name, version)


def test_the_servers_own_host_may_stand_before_the_name():
    assert parse_model("model-registry://h:8080/churn/1", "h:8080") == parse_model("model-registry://churn/1")
    assert parse_model("model-registry://h:8080/churn", "h:8080").name == "churn"
    with pytest.raises(MalformedError):
        parse_model("model-registry://other:8080/churn/1", "h:8080")


@pytest.mark.parametrize("uri", ["model-registry:churn/1", "models:/churn/1", "model-registry://churn/1#x"])
def test_what_names_no_model_is_refused(uri: str):
    with pytest.raises(MalformedError):
        parse_model(uri)


def test_objects_lose_what_says_how_to_get_there():
    found = parse_object("s3://bucket/a/b/?endpoint=http://minio:9000&defaultRegion=eu")
    assert (found.uri, found.key, found.endpoint) == ("s3://bucket/a/b", "a/b", "http://minio:9000")


@pytest.mark.parametrize("key", ["", "a/../b", "..", "a//b", "a\\b", "a/\0", "./a"])
def test_keys_that_climb_are_not_safe(key: str):
    assert not is_safe(key)
