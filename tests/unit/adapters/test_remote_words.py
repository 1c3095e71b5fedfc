"""Remote models' addresses, pages of links, and how long a server wants to be left alone."""

import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import MalformedError, MissingExtraError, WeightmarkError
from weightmark.model.path import check_path
from weightmark_adapters.remote import RemoteRegistry, sdk
from weightmark_adapters.remote.links import links_below
from weightmark_adapters.remote.uri import parse_place

SCHEMES = RemoteRegistry.schemes


@pytest.mark.parametrize(
    ("uri", "exact", "name"),
    [
        ("s3://bucket", "s3://bucket", "bucket"),
        ("s3://bucket/a/b/", "s3://bucket/a/b", "b"),
        ("S3://bucket/a b", "s3://bucket/a b", "a b"),
        ("abfs://box@account.dfs.core.windows.net/m", "abfs://box@account.dfs.core.windows.net/m", "m"),
        (
            "https://me:secret@h.example:8443/a/b%20c.gguf?sig=1",
            "https://h.example:8443/a/b%20c.gguf",
            "b c.gguf",
        ),
        ("https://h.example/m/", "https://h.example/m/", "m"),
        ("http://[::1]:80/m", "http://[::1]:80/m", "m"),
    ],
)
def test_an_address_is_recorded_without_secrets(uri: str, exact: str, name: str):
    place = parse_place(uri, SCHEMES)
    assert (place.uri, place.name) == (exact, name)
    assert "secret" not in repr(place)
    if "?" not in uri:
        assert parse_place(place.uri, SCHEMES).uri == place.uri


@given(st.text(max_size=60))
def test_any_address_is_taken_apart_or_refused(rest: str):
    for scheme in ("s3", "https", "abfs"):
        try:
            place = parse_place(f"{scheme}://{rest}", SCHEMES)
        except MalformedError:
            continue
        check_path(place.name, what="the name")


@given(st.text(max_size=300))
def test_any_page_gives_names_of_one_step(page: str):
    for name in links_below(f'<a href="{page}">x</a>{page}', "https://h/m/"):
        assert "/" not in name.removesuffix("/")


def test_only_the_folders_own_files_are_links_below_it():
    page = """<A HREF="a.bin">a</A> <a href='b/'>b</a> <a href="/m/c%20d">c</a> <a href="https://h/m/e">e</a>
        <a href="https://other/m/f"> <a href="http://h/m/f"> <a href="/m"> <a href="../"> <a href="?C=N">
        <a href="b/deep"> <a name="n"> <a href="mailto:x"> <a href="//h/m/g"> <a href="a.bin">"""
    assert links_below(page, "https://h/m/") == ["a.bin", "b/", "c d", "e", "g"]


def test_a_server_says_when_to_come_again():
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert 90 < (sdk.read_seconds(later) or 0) <= 100
    assert sdk.read_seconds(" 7 ") == 7
    assert [sdk.read_seconds(text) for text in ("", "-1", "soon", "9" * 30, "٣")] == [None] * 5


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (sdk.AnswerError(503), True),
        (sdk.AnswerError(429), True),
        (sdk.AnswerError(501), False),
        (sdk.AnswerError(403), False),
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (sdk.CutError("1 byte"), True),
        (FileNotFoundError(), False),
        (PermissionError(), False),
        (ValueError("x"), False),
    ],
)
def test_what_may_pass_is_retryable(error: Exception, *, passing: bool):
    explained = sdk.explain("s3://b/k", error)
    assert isinstance(explained, WeightmarkError)
    assert getattr(explained, "retryable", None) is passing
    assert explained.hint


def test_an_unknown_store_is_asked_for_by_its_library(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sdk.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(WeightmarkError) as caught:
        sdk.check_installed("gs")
    assert "gcsfs" in caught.value.hint
    sdk.check_installed("s3")


@pytest.mark.parametrize(
    ("module", "uri"), [("s3fs", "s3://b/k"), ("aiohttp", "https://h/m"), ("fsspec", "gs://b/k")]
)
def test_a_missing_library_is_named_by_its_extra(module: str, uri: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError) as caught:
        RemoteRegistry().resolve(uri)
    assert "weightmark[remote]" in caught.value.hint
