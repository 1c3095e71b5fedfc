"""Models on a web server: the same digests as here, whatever the server does; or a clear refusal."""

import gc
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.remote.files_server import Files, serving
from tests.integration.remote.world import fingerprint, local
from tests.workshop import Shell, write_model

from weightmark.errors import MalformedError, PlatformError
from weightmark.fingerprinting import DigestCache
from weightmark_adapters.remote import RemoteRegistry, retrying

pytestmark = pytest.mark.integration

LAYERS = {f"layer.{number}.weight": [float(number)] * 60_000 for number in range(8)}
FILE = "/models/churn/model.safetensors"


@pytest.fixture(autouse=True)
def _nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(retrying, "FIRST_SECONDS", 0.01)
    yield
    if any(thread.name == "weightmark-remote" for thread in threading.enumerate()):
        gc.collect()
    assert [thread for thread in threading.enumerate() if thread.name == "weightmark-remote"] == []


@pytest.fixture
def files() -> Iterator[Files]:
    with serving() as served:
        yield served


@pytest.fixture
def model(files: Files, tmp_path: Path) -> Path:
    """A model of about 2 MB, here and on the server."""
    folder = write_model(tmp_path / "churn", LAYERS, card="---\nlicense: mit\n---\n")
    for file in folder.iterdir():
        files.contents[f"/models/churn/{file.name}"] = file.read_bytes()
    return folder


def test_a_folder_that_the_server_lists_is_the_same_model(files: Files, model: Path):
    (model / "sub").mkdir()
    (model / "sub" / "a b.txt").write_bytes(b"")
    files.contents["/models/churn/sub/a b.txt"] = b""
    with RemoteRegistry().checkout(f"{files.url}/models/churn/") as resolved:
        assert resolved.uri == f"{files.url}/models/churn/"
        assert resolved.facts == {"license": "mit"}
        assert sorted(file.name for file in resolved.path.iterdir()) == ["README.md", "config.json"]
        assert resolved.path.name == "churn"
        assert fingerprint(resolved) == local(model)


def test_one_file_is_the_same_as_here_and_each_byte_comes_once(files: Files, model: Path):
    assert fingerprint(files.url + FILE) == local(model / "model.safetensors")
    size = (model / "model.safetensors").stat().st_size
    header, probes = 256 << 10, 2
    assert files.sent <= size + header + probes
    assert "If-Match" in files.headers[-2]


def test_a_header_takes_few_requests(files: Files, model: Path):
    del model
    with RemoteRegistry().checkout(files.url + FILE) as resolved:
        artifact = resolved.open()
        files.clear()
        artifact.read("model.safetensors", 0, 8)
        artifact.read("model.safetensors", 8, 500)
        artifact.read("model.safetensors", 100, 5000)
        assert files.ranges(FILE) == ["bytes=0-262143"]
        assert artifact.read("model.safetensors", 262_000, 400) == files.part(FILE, 262_000, 262_400)
        assert len(files.asked) == 2


def test_what_is_cut_goes_on_where_it_stopped(files: Files, model: Path):
    files.cuts = [70_000] * 20
    assert fingerprint(files.url + FILE) == local(model / "model.safetensors")
    assert files.sent < 1.6 * (model / "model.safetensors").stat().st_size


def test_a_connection_that_is_always_cut_is_retryable_at_last(files: Files, model: Path):
    del model
    with RemoteRegistry().checkout(files.url + FILE) as resolved:
        files.clear()
        files.cuts = [100] * 1000
        with pytest.raises(PlatformError) as caught:
            resolved.open().read("model.safetensors", 0, 5000)
    assert caught.value.retryable
    assert len(files.asked) == retrying.ATTEMPTS


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(files: Files, model: Path, status: int):
    files.failures = [(status, {"Retry-After": "0"})] * 2
    assert fingerprint(files.url + FILE) == local(model / "model.safetensors")


def test_a_server_that_wants_a_long_rest_gets_it_from_whoever_asked_us(files: Files, model: Path):
    del model
    files.failures = [(503, {"Retry-After": "3600"})] * 2
    with pytest.raises(PlatformError) as caught:
        fingerprint(files.url + FILE)
    assert caught.value.retryable
    assert caught.value.retry_after == 3600
    assert len(files.asked) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 410, 501])
def test_what_is_refused_is_not_asked_for_again(files: Files, model: Path, status: int):
    del model
    files.failures = [(status, {})]
    with pytest.raises(PlatformError, match=str(status)) as caught:
        fingerprint(files.url + FILE)
    assert not caught.value.retryable
    assert caught.value.hint
    assert len(files.asked) == 1


def test_a_server_that_is_not_there_is_retryable(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(retrying, "ATTEMPTS", 2)
    with pytest.raises(PlatformError) as caught:
        RemoteRegistry().resolve("http://127.0.0.1:9/model.safetensors")
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("no-ranges", "does not give parts"),
        ("no-length", "does not say how long"),
        ("gzip", "not the file itself"),
        ("shift", None),
    ],
)
def test_a_server_that_gives_no_ranges_is_refused(
    files: Files, model: Path, behaviour: str, message: str | None
):
    del model
    files.contents["/huge.bin"] = lambda start, stop: bytes(stop - start)
    files.sizes["/huge.bin"] = 1 << 30
    files.behave.add(behaviour)
    with pytest.raises(PlatformError, match=message or "not understood") as caught:
        fingerprint(f"{files.url}/huge.bin")
    assert not caught.value.retryable
    assert files.sent < 64 << 20


def test_a_server_that_ignores_ranges_later_is_refused(files: Files, model: Path):
    del model
    with RemoteRegistry().checkout(files.url + FILE) as resolved:
        files.behave.add("no-ranges")
        with pytest.raises(PlatformError, match="does not give parts"):
            resolved.open().read("model.safetensors", 0, 8)


def test_a_server_without_length_and_ranges_is_refused(files: Files, model: Path):
    del model
    files.behave |= {"no-ranges", "no-length"}
    with pytest.raises(PlatformError, match="how long"):
        fingerprint(files.url + FILE)


def test_a_file_without_any_identity_is_refused(files: Files, model: Path):
    del model
    files.etags[FILE] = ""
    with pytest.raises(PlatformError, match="neither ETag nor Last-Modified"):
        fingerprint(files.url + FILE)


@pytest.mark.parametrize("behaviour", ["", "ignore-match"])
@pytest.mark.parametrize("same_size", [True, False])
def test_a_file_that_changes_in_the_middle_is_refused(
    files: Files, model: Path, behaviour: str, *, same_size: bool
):
    del model
    old = files.part(FILE, 0, files.size(FILE))
    new = old[:-4] + b"\1\2\3\4" + (b"" if same_size else b"\0")
    files.behave.add(behaviour)
    with RemoteRegistry().checkout(files.url + FILE) as resolved:
        artifact = resolved.open()
        assert artifact.read("model.safetensors", 0, 8) == old[:8]
        files.contents[FILE] = new
        with pytest.raises(MalformedError, match="changed while it was read"):
            artifact.read("model.safetensors", 1_000_000, 8)
        with pytest.raises(MalformedError, match="changed while it was read"):
            artifact.check_unchanged()


def test_a_file_that_changes_while_it_is_hashed_is_refused(files: Files, model: Path):
    del model
    new = files.part(FILE, 0, files.size(FILE) - 4) + b"\1\2\3\4"
    with RemoteRegistry().checkout(files.url + FILE) as resolved:
        files.on_request = lambda path, asked: (
            files.contents.update({FILE: new}) if asked.startswith("bytes=262144-") else None
        )
        with pytest.raises(MalformedError, match="changed while it was read"):
            fingerprint(resolved)


def test_a_file_that_is_removed_or_added_in_the_middle_is_refused(files: Files, model: Path):
    with RemoteRegistry().checkout(f"{files.url}/models/churn/") as resolved:
        assert fingerprint(resolved) == local(model)
        files.contents["/models/churn/new.txt"] = b"new"
        with pytest.raises(MalformedError, match=r"new\.txt changed while it was read: it was added"):
            fingerprint(resolved)
        del files.contents["/models/churn/new.txt"]
        del files.contents[FILE]
        with pytest.raises(MalformedError, match="changed while it was read"):
            fingerprint(resolved)


def test_a_date_is_enough_to_read_but_not_to_remember(files: Files, model: Path, tmp_path: Path):
    files.etags[FILE] = ""
    files.dates[FILE] = "Wed, 21 Oct 2015 07:28:00 GMT"
    cache = DigestCache(tmp_path / "cache.sqlite")
    for _ in range(2):
        files.clear()
        with RemoteRegistry().checkout(files.url + FILE) as resolved:
            assert fingerprint(resolved, cache) == local(model / "model.safetensors")
        assert files.sent > files.size(FILE)
    with RemoteRegistry().checkout(files.url + FILE) as resolved:
        files.dates[FILE] = "Wed, 21 Oct 2015 07:28:01 GMT"
        with pytest.raises(MalformedError, match="changed"):
            resolved.open().read("model.safetensors", 0, 8)


def test_what_was_finished_before_a_failure_is_not_read_again(files: Files, tmp_path: Path):
    for number in range(4):
        files.contents[f"/many/{number}.dat"] = bytes([number]) * 17_000_000
    cache = DigestCache(tmp_path / "cache.sqlite")
    address = f"{files.url}/many/"

    def fail(path: str, asked: str) -> None:
        if path == "/many/3.dat" and asked != "bytes=0-0":
            files.failures.append((403, {}))

    files.on_request = fail
    with pytest.raises(PlatformError, match="403"):
        fingerprint(address, cache, threads=1)
    files.on_request = None
    files.failures.clear()
    files.clear()
    again = fingerprint(address, cache)
    read = {path for path, asked in files.asked if asked not in {"", "bytes=0-0"}}
    assert "/many/3.dat" in read
    assert not {"/many/0.dat", "/many/1.dat"} & read
    files.clear()
    assert fingerprint(address, cache) == again
    assert files.sent < 1000


def test_redirects_are_followed_and_never_out_of_the_web(files: Files, model: Path):
    files.redirects["/latest.safetensors"] = f"{files.url}{FILE}"
    with RemoteRegistry().checkout(f"{files.url}/latest.safetensors") as resolved:
        assert resolved.uri == f"{files.url}/latest.safetensors"
        assert fingerprint(resolved).tensors == local(model / "model.safetensors").tensors
    files.redirects["/latest"] = "file:///etc/passwd"
    with pytest.raises(PlatformError):
        RemoteRegistry().resolve(f"{files.url}/latest")


def test_passwords_and_signatures_stay_in_no_message(files: Files, model: Path):
    address = files.url.replace("//", "//me:hunter2@") + FILE + "?X-Signature=secret9"
    with RemoteRegistry().checkout(address) as resolved:
        assert resolved.uri == files.url + FILE
        assert fingerprint(resolved) == local(model / "model.safetensors")
        shown = repr(resolved) + resolved.open().files[0].location
    assert files.headers[-1]["Authorization"].startswith("Basic ")
    files.failures = [(403, {})]
    with pytest.raises(PlatformError) as caught:
        RemoteRegistry().resolve(address)
    shown += str(caught.value) + caught.value.hint + repr(caught.value.__cause__)
    assert "hunter2" not in shown
    assert "secret9" not in shown
    with pytest.raises(MalformedError) as malformed:
        RemoteRegistry().resolve("https://me:hunter2@/x?secret9")
    assert "hunter2" not in str(malformed.value)


def test_the_whole_way_by_the_command_line(files: Files, model: Path, shell: Shell):
    address = f"{files.url}/models/churn/"
    assert shell.json("fingerprint", address)["bundle"] == local(model).bundle
    shell.run("register", address, "--license", "mit", "--bundle", "churn.json")
    shell.run("trust", "export", "trust.json")
    offline = ("--bundle", "churn.json", "--trust", "trust.json")
    shell.run("verify", address, *offline)
    shell.run("verify", model, *offline)
    assert shell.json("compare", address, model)["verdict"] == "identical"
    files.contents[FILE] = files.part(FILE, 0, files.size(FILE) - 1) + b"\7"
    assert "model.safetensors was changed" in shell.fail("verify", address, *offline, code=3)
    files.contents.clear()
    shell.fail("fingerprint", address, code=1)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    env: dict[str, str | None] = {
        "WEIGHTMARK_HOME": str(home),
        "WEIGHTMARK_PARTY": "acme",
        "WEIGHTMARK_PASSPHRASE": None,
    }
    return Shell(folder=tmp_path, env=env)
