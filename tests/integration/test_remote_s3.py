"""Models in S3: the same digests as here, whatever the store does; or a clear refusal."""

import gc
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.remote.world import Bucket, bucket, fingerprint, local
from tests.integration.sagemaker.aws import BUCKET
from tests.integration.sagemaker.proxy import Answer, Proxy, proxy
from tests.workshop import Shell, flip_byte, write_model

from weightmark.errors import MalformedError, PlatformError
from weightmark.fingerprinting import DigestCache
from weightmark_adapters.remote import RemoteRegistry, retrying, s3

pytestmark = pytest.mark.integration

LAYERS = {f"layer.{number}.weight": [float(number)] * 60_000 for number in range(8)}


@pytest.fixture(scope="module")
def store() -> Iterator[Bucket]:
    with bucket() as made:
        yield made


@pytest.fixture(autouse=True)
def _nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(retrying, "FIRST_SECONDS", 0.01)
    yield
    if any(thread.name == "weightmark-remote" for thread in threading.enumerate()):
        gc.collect()
    assert [thread for thread in threading.enumerate() if thread.name == "weightmark-remote"] == []


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "churn", LAYERS, card="---\nlicense: mit\n---\n")


@pytest.fixture
def between(store: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Stand between the library and the store."""
    with proxy(store.aws.url) as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
        yield made


def test_a_folder_is_the_same_model(store: Bucket, model: Path):
    uri = store.put(model)
    store.write(f"{uri.removeprefix(f's3://{BUCKET}/')}-2/model.safetensors", b"a neighbour")
    store.write(f"{uri.removeprefix(f's3://{BUCKET}/')}/", b"")  # what consoles make of a folder
    with RemoteRegistry().checkout(uri + "/") as resolved:
        assert (resolved.uri, resolved.facts) == (uri, {"license": "mit"})
        assert fingerprint(resolved) == local(model)


def test_one_object_is_the_same_file(store: Bucket, model: Path):
    uri = store.put(model) + "/model.safetensors"
    assert fingerprint(uri) == local(model / "model.safetensors")


def test_objects_are_listed_page_by_page(store: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(7):
        (folder / f"{number}.bin").write_bytes(b"x" * (number % 3))
    monkeypatch.setattr(s3, "PAGE", 3)
    assert fingerprint(store.put(folder)) == local(folder)


def test_an_object_that_changes_in_the_middle_is_refused(store: Bucket, model: Path):
    uri = store.put(model)
    with RemoteRegistry().checkout(uri) as resolved:
        artifact = resolved.open()
        artifact.read("model.safetensors", 0, 8)
        flip_byte(model / "model.safetensors", -1)
        store.put(model, uri.removeprefix(f"s3://{BUCKET}/"))
        with pytest.raises(MalformedError, match=r"model\.safetensors changed while it was read"):
            artifact.read("model.safetensors", 1_000_000, 8)
        with pytest.raises(MalformedError, match=r"changed while it was read"):
            artifact.check_unchanged()


def test_objects_that_come_and_go_are_noticed(store: Bucket, model: Path):
    uri = store.put(model)
    with RemoteRegistry().checkout(uri) as resolved:
        key = store.write(f"{uri.removeprefix(f's3://{BUCKET}/')}/new", b"new").removeprefix(
            f"s3://{BUCKET}/"
        )
        with pytest.raises(MalformedError, match="new changed while it was read: it was added"):
            fingerprint(resolved)
        store.aws.client("s3").delete_object(Bucket=BUCKET, Key=key)
        store.aws.client("s3").delete_object(Bucket=BUCKET, Key=key.replace("/new", "/README.md"))
        with pytest.raises(MalformedError, match=r"README.md changed while it was read: it was removed"):
            resolved.open().check_unchanged()


def test_names_that_no_folder_has_are_refused(store: Bucket):
    for number, names in enumerate((["a/../../x"], ["a", "A"], ["a", "a/b"], ["a\\b"], ["a//b"], ["a\x01"])):
        for name in names:
            store.write(f"evil/{number}/{name}", b"x")
        with pytest.raises(MalformedError):
            RemoteRegistry().resolve(f"s3://{BUCKET}/evil/{number}")
    store.write("evil/both", b"x")
    store.write("evil/both/x", b"x")
    with pytest.raises(MalformedError, match="an object and a folder at once"):
        RemoteRegistry().resolve(f"s3://{BUCKET}/evil/both")


def test_what_is_not_there_is_not_asked_for_again(store: Bucket):
    for uri in (f"s3://{BUCKET}/nothing/here", "s3://no-such-bucket/x", "s3://no-such-bucket"):
        with pytest.raises(PlatformError) as caught:
            RemoteRegistry().resolve(uri)
        assert not caught.value.retryable
        assert caught.value.hint


def test_a_store_that_is_down_is_retryable(store: Bucket, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(retrying, "ATTEMPTS", 2)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(PlatformError) as caught:
        RemoteRegistry().resolve(f"s3://{BUCKET}/x")
    assert caught.value.retryable


def test_without_keys_it_says_what_is_missing(store: Bucket, monkeypatch: pytest.MonkeyPatch):
    for name in [name for name in os.environ if name.startswith("AWS_") and "KEY" in name]:
        monkeypatch.delenv(name)
    with pytest.raises(PlatformError) as caught:
        RemoteRegistry().resolve(f"s3://{BUCKET}/x")
    assert not caught.value.retryable
    assert "FSSPEC_S3_ANON" in caught.value.hint


def test_a_public_bucket_needs_no_keys(store: Bucket, model: Path, monkeypatch: pytest.MonkeyPatch):
    import fsspec.config

    uri = store.put(model, ACL="public-read")
    for name in [name for name in os.environ if name.startswith("AWS_") and "KEY" in name]:
        monkeypatch.delenv(name)
    conf: dict[str, dict[str, object]] = {}
    fsspec.config.set_conf_env(conf, {"FSSPEC_S3_ANON": "true"})
    monkeypatch.setattr(fsspec.config, "conf", conf)
    assert fingerprint(uri) == local(model)


def test_what_is_cut_and_busy_goes_on(store: Bucket, between: Proxy, model: Path):
    uri = store.put(model)
    between.answer(
        "S3 GET",
        Answer(status=503, headers={"Retry-After": "0"}),
        Answer(status=429),
        Answer(status=500),
    )
    with RemoteRegistry().checkout(uri) as resolved:
        between.answer("S3 GET", *[Answer(cut=70_000)] * 10)
        assert fingerprint(resolved) == local(model)


def test_what_is_always_busy_is_retryable_at_last(store: Bucket, between: Proxy, model: Path):
    uri = store.put(model)
    with RemoteRegistry().checkout(uri) as resolved:
        between.always("S3 GET", Answer(status=503))
        between.asked.clear()
        with pytest.raises(PlatformError, match="503") as caught:
            resolved.open().read("model.safetensors", 0, 8)
    assert caught.value.retryable
    assert len(between.asked) == retrying.ATTEMPTS


def test_what_is_forbidden_is_not_asked_for_again(store: Bucket, between: Proxy, model: Path):
    uri = store.put(model)
    with RemoteRegistry().checkout(uri) as resolved:
        between.always("S3 GET", Answer(status=403))
        between.asked.clear()
        with pytest.raises(PlatformError, match="403") as caught:
            resolved.open().read("model.safetensors", 0, 8)
    assert not caught.value.retryable
    assert len(between.asked) == 1


def test_an_object_is_read_where_listing_is_forbidden(store: Bucket, between: Proxy, model: Path):
    uri = store.put(model) + "/model.safetensors"
    between.rules["S3 GET"] = lambda asked: Answer(status=403) if "list-type" in asked["path"] else None
    assert fingerprint(uri) == local(model / "model.safetensors")


def test_what_was_read_is_not_read_again(store: Bucket, between: Proxy, model: Path, tmp_path: Path):
    uri = store.put(model) + "/model.safetensors"
    cache = DigestCache(tmp_path / "cache.sqlite")
    first = fingerprint(uri, cache)
    got: list[str] = []
    between.rules["S3 GET"] = lambda asked: got.append(asked["path"])
    del between.asked[:]
    assert fingerprint(uri, cache) == first
    assert len([path for path in got if "model.safetensors?x-id" in path or "GetObject" in path]) <= 2
    changed = bytearray((model / "model.safetensors").read_bytes())
    changed[-1] ^= 1
    store.write(uri.removeprefix(f"s3://{BUCKET}/"), bytes(changed))
    assert fingerprint(uri, cache).weights != first.weights


def test_a_closed_connection_reads_no_more(store: Bucket, model: Path):
    with RemoteRegistry().checkout(store.put(model)) as resolved:
        pass
    with pytest.raises(PlatformError, match="was closed"):
        resolved.open().read("model.safetensors", 0, 8)
    assert not resolved.path.exists()


def test_the_whole_way_by_the_command_line(store: Bucket, model: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    env: dict[str, str | None] = {
        "WEIGHTMARK_HOME": str(tmp_path / "home"),
        "WEIGHTMARK_PARTY": "acme",
        "WEIGHTMARK_PASSPHRASE": None,
    }
    shell = Shell(folder=tmp_path, env=env)
    uri = store.put(model)
    assert shell.json("fingerprint", uri)["bundle"] == local(model).bundle
    shell.run("register", uri, "--license", "mit", "--bundle", "churn.json")
    shell.run("trust", "export", "trust.json")
    offline = ("--bundle", "churn.json", "--trust", "trust.json")
    shell.run("verify", uri)
    shell.run("verify", model)
    shell.run("verify", uri, *offline)
    assert shell.json("compare", uri, model)["verdict"] == "identical"
    flip_byte(model / "model.safetensors", -1)
    store.put(model, uri.removeprefix(f"s3://{BUCKET}/"))
    assert "model.safetensors was changed" in shell.fail("verify", uri, *offline, code=3)
