"""The guard on the wire and the stage, without any library and any server."""

import base64
import json
import struct
import threading

import pytest
from tests.workshop import write_model

from weightmark.attribution import Mark
from weightmark.errors import MalformedError, RefusedError
from weightmark.fingerprinting import fingerprint_artifact
from weightmark.model import Artifact
from weightmark_hooks.huggingface.git import read_pushed, repo_of
from weightmark_hooks.huggingface.permit import Permit, is_continued, permitted
from weightmark_hooks.huggingface.stage import has_weights, staged
from weightmark_hooks.huggingface.wire import inspect_request
from weightmark_plugins.formats.safetensors import SafetensorsFormat

HUB = "https://hub.example.org"
MARK = Mark(name="acme/churn", owner="acme", license="mit")


def commit(**sizes: int) -> bytes:
    lines = [{"key": "header", "value": {"summary": "x"}}]
    lines += [
        {"key": "lfsFile", "value": {"path": f"{name}.bin", "algo": "sha256", "oid": "0", "size": size}}
        for name, size in sizes.items()
    ]
    lines.append({"key": "deletedFile", "value": {"path": "old"}})
    content = base64.b64encode(b"hello").decode()
    lines.append({"key": "file", "value": {"path": "README.md", "content": content, "encoding": "base64"}})
    return "\n".join(map(json.dumps, lines)).encode()


def preupload(**sizes: int) -> bytes:
    return json.dumps(
        {"files": [{"path": f"{name}.bin", "size": size} for name, size in sizes.items()]}
    ).encode()


def send(path: str, body: bytes, method: str = "POST") -> None:
    inspect_request(method, HUB + path, lambda: body)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/models/acme/churn/preupload/main", preupload(a=1)),
        ("/api/models/acme/churn/commit/main", commit(a=1)),
        ("/api/models/acme/churn/commit/refs%2Fpr%2F1?create_pr=1", commit(a=1)),
        ("/acme/churn.git/info/lfs/objects/batch", b'{"operation":"upload"}'),
        ("/api/models/acme/churn/commit/main", b"not json"),
        ("/api/models/churn/commit/main", commit(a=1)),
        ("/api/models/churn/preupload/main", preupload(a=1)),
        ("/api/models/acme/churn/preupload/main", b"{}"),
    ],
)
def test_a_push_that_nobody_let_pass_is_stopped(path, body):
    with pytest.raises(RefusedError):
        send(path, body)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/models/acme/churn/commit/main"),
        ("POST", "/api/datasets/acme/rows/commit/main"),
        ("POST", "/datasets/acme/rows.git/info/lfs/objects/batch"),
        ("POST", "/api/models/acme/churn/discussions"),
        ("POST", "/api/repos/create"),
        ("PUT", "/_lfs/00"),
    ],
)
def test_other_requests_pass_unread(method, path):
    def unread() -> bytes:
        raise AssertionError

    inspect_request(method, HUB + path, unread)


def test_an_lfs_batch_that_downloads_passes():
    send("/acme/churn.git/info/lfs/objects/batch", b'{"operation":"download"}')


def test_a_permit_lets_its_own_files_pass_in_every_thread_and_no_others():
    permit = Permit(repo="acme/churn", sizes={"a.bin": 7, "README.md": 5})
    with permitted(permit):
        for path, body in (("preupload", preupload(a=7)), ("commit", commit(a=7))):
            thread = threading.Thread(target=send, args=(f"/api/models/acme/churn/{path}/main", body))
            thread.start()
            thread.join()
            send(f"/api/models/acme/churn/{path}/main", body)
        for body in (commit(a=8), commit(a=7, b=1)):
            with pytest.raises(RefusedError, match="is not what the gate saw"):
                send("/api/models/acme/churn/commit/main", body)
        with pytest.raises(RefusedError):
            send("/api/models/acme/other/commit/main", commit(a=7))
    with pytest.raises(RefusedError):
        send("/api/models/acme/churn/commit/main", commit(a=7))


def weights_of(folder) -> object:
    artifact = Artifact.open(folder)
    reader = SafetensorsFormat()
    return fingerprint_artifact(artifact, reader.tensors(artifact, reader.claims(artifact)))


def test_a_stamp_changes_no_tensor_and_no_file_of_the_users(tmp_path):
    model = write_model(tmp_path / "churn")
    before = (model / "model.safetensors").read_bytes()
    with staged() as stage:
        for name in ("model.safetensors", "config.json"):
            stage.add(name, model / name)
        stage.mark(MARK)
        folder = stage.folder
        stamped = (folder / "model.safetensors").read_bytes()
        assert stamped != before
        assert weights_of(folder).weights == weights_of(model).weights
        assert stamped.endswith(before[8 + struct.unpack("<Q", before[:8])[0] :])
        assert set(stage.sizes()) == {"model.safetensors", "config.json", "README.md"}
        assert stage.sizes()["model.safetensors"] == len(stamped)
    assert not folder.exists()
    assert (model / "model.safetensors").read_bytes() == before
    assert (model / "config.json").read_text() == '{"model_type": "mlp", "hidden_size": 4}'


def test_a_mark_too_long_for_its_room_is_written_all_the_same(tmp_path):
    model = write_model(tmp_path / "churn")
    long = Mark(name="acme/churn", owner="acme", license="mit", credits="x" * 5000)
    with staged() as stage:
        stage.add("model.safetensors", model / "model.safetensors")
        stage.mark(long)
        stage.mark(MARK)
        assert weights_of(stage.folder).weights == weights_of(model).weights
        stamped = (stage.folder / "model.safetensors").read_bytes()
    with staged() as stage:
        (tmp_path / "again").write_bytes(stamped)
        stage.add("model.safetensors", tmp_path / "again")
        stage.mark(MARK)
        assert (stage.folder / "model.safetensors").read_bytes() == stamped


def test_what_is_on_the_hub_already_is_read_and_not_sent_again():
    with staged() as stage:
        (stage.folder / "big.bin").write_bytes(b"x")
        stage.brought.add("big.bin")
        stage.write("README.md", b"new")
        assert stage.weights
        stage.write("big.bin", b"x")
        assert stage.brought == {"big.bin"}
        stage.drop_brought()
        assert dict(stage.sizes()) == {"README.md": 3}


@pytest.mark.parametrize("data", [b"", b"short", b"\xff" * 16, struct.pack("<Q", 4) + b"{}xx"])
def test_a_file_that_only_looks_like_tensors_is_refused(tmp_path, data):
    (tmp_path / "model.safetensors").write_bytes(data)
    with staged() as stage, pytest.raises(MalformedError):
        stage.add("model.safetensors", tmp_path / "model.safetensors")


def test_paths_that_climb_do_not_get_onto_the_stage(tmp_path):
    (tmp_path / "x").write_text("x")
    with staged() as stage:
        for path in ("../x", "/x", "a/../../x"):
            with pytest.raises(MalformedError):
                stage.add(path, tmp_path / "x")
            with pytest.raises(MalformedError):
                stage.write(path, b"x")


def test_weights_are_known_by_their_names():
    assert all(map(has_weights, ("a.safetensors", "B.BIN", "x/y.gguf", "model.safetensors.index.json")))
    assert not any(map(has_weights, ("README.md", "config.json", "tokenizer.model.txt", "vocab.txt")))


def test_what_git_tells_is_read():
    old, new = "0" * 40, "ab" * 20
    text = f"refs/heads/main {new} refs/heads/main {old}\n(delete) {old} refs/heads/gone {new}\n"
    assert [(one.ref, one.sha) for one in read_pushed(text)] == [("refs/heads/main", new)]
    with pytest.raises(MalformedError):
        list(read_pushed("one two"))


@pytest.mark.parametrize(
    "url",
    [
        "https://huggingface.co/acme/churn",
        "https://user:hf_secret@huggingface.co/acme/churn.git",
        "git@hf.co:acme/churn",
        "/srv/git/acme/churn.git",
        "ssh://git@hf.co/acme/churn/",
    ],
)
def test_a_remote_is_named_without_its_secrets(url):
    assert repo_of(url) == "acme/churn"


def test_what_the_guard_does_not_know_of_a_commit_does_not_pass():
    body = commit(a=7) + b'\n{"key": "link", "value": {"path": "b.bin", "to": "acme/other"}}'
    with permitted(Permit(repo="acme/churn", sizes={"a.bin": 7, "README.md": 5})):
        with pytest.raises(RefusedError, match="cannot be read"):
            send("/api/models/acme/churn/commit/main", body)
        thread = threading.Thread(target=lambda: seen.append(is_continued("acme/churn", {"a.bin": 7})))
        seen = [is_continued("acme/churn", {"a.bin": 7})]
        thread.start()
        thread.join()
    assert seen == [True, False]
