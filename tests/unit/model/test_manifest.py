"""The manifest's canonical form and its strict reading."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from weightmark.encoding import Algorithm, Digest, digest_bytes
from weightmark.errors import MalformedError
from weightmark.model import FileEntry, ModelManifest, TensorEntry

ROOT = digest_bytes(b"root")
MANIFEST = ModelManifest(
    algorithm=Algorithm.SHA256,
    files=(
        FileEntry(path="a", size=0, root=ROOT),
        FileEntry(path="b/c", size=100, root=ROOT, sha256=digest_bytes(b"whole")),
    ),
    tensors=(
        TensorEntry(name="", dtype="float32", shape=(), path="b/c", start=0, stop=4, root=ROOT),
        TensorEntry(name="x", dtype="int8", shape=(2, 3), path="b/c", start=4, stop=10, root=ROOT),
    ),
)

Change = Callable[[dict[str, Any]], object]


def test_it_comes_back_as_it_was() -> None:
    data = MANIFEST.encode()
    assert ModelManifest.decode(data) == MANIFEST
    assert ModelManifest.decode(json.dumps(json.loads(data), indent=2).encode()) == MANIFEST
    assert MANIFEST.digest == digest_bytes(data)
    assert data.startswith(b'{"algorithm":"sha256","files":[{"path":"a","root":"sha256:')


def test_a_manifest_without_tensors() -> None:
    manifest = ModelManifest(algorithm=Algorithm.BLAKE3, files=())
    assert ModelManifest.decode(manifest.encode()) == manifest


BAD: dict[str, tuple[Change, str]] = {
    "media type": (lambda m: m.update(mediaType="x"), "of type"),
    "no media type": (lambda m: m.pop("mediaType"), "no 'mediaType'"),
    "algorithm": (lambda m: m.update(algorithm="md5"), "md5"),
    "unknown field": (lambda m: m.update(more=1), "unknown fields"),
    "unknown field of a file": (lambda m: m["files"][0].update(more=1), "unknown fields"),
    "unknown field of a tensor": (lambda m: m["tensors"][0].update(more=1), "unknown fields"),
    "path leads out": (lambda m: m["files"][0].update(path="../a"), "not a plain relative path"),
    "absolute path": (lambda m: m["files"][0].update(path="/a"), "not a plain relative path"),
    "size": (lambda m: m["files"][0].update(size=-1), "size"),
    "size as text": (lambda m: m["files"][0].update(size="1"), "size"),
    "root": (lambda m: m["files"][0].update(root="sha256:00"), "root"),
    "root's algorithm": (lambda m: m["files"][0].update(root="blake3:" + "0" * 64), "blake3"),
    "file digest's algorithm": (lambda m: m["files"][1].update(sha256="blake3:" + "0" * 64), "blake3"),
    "tensor root's algorithm": (lambda m: m["tensors"][0].update(root="blake3:" + "0" * 64), "blake3"),
    "files out of order": (lambda m: m["files"].reverse(), "not sorted"),
    "a file twice": (lambda m: m["files"].insert(0, m["files"][0]), "stands twice"),
    "a tensor twice": (lambda m: m["tensors"].insert(0, m["tensors"][0]), "stands twice"),
    "tensors out of order": (lambda m: m["tensors"].reverse(), "not sorted"),
    "tensor nowhere": (lambda m: m["tensors"][0].update(path="z"), "not a file"),
    "tensor outside": (lambda m: m["tensors"][0].update(stop=101), "101"),
    "tensor backwards": (lambda m: m["tensors"][1].update(start=11), "11"),
    "shape": (lambda m: m["tensors"][1].update(shape=[True]), "shape"),
    "negative shape": (lambda m: m["tensors"][1].update(shape=[-1]), "shape"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_manifests_are_refused(name: str) -> None:
    change, words = BAD[name]
    value = json.loads(MANIFEST.encode())
    change(value)
    with pytest.raises(MalformedError, match=words):
        ModelManifest.decode(json.dumps(value).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"\xff", b'{"a":1,"a":1}'])
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        ModelManifest.decode(data)


def test_a_name_without_canonical_form_is_refused() -> None:
    file = FileEntry(path="\ud800", size=1, root=Digest(ROOT))
    with pytest.raises(MalformedError):
        ModelManifest(algorithm=Algorithm.SHA256, files=(file,)).encode()
