"""The fingerprint against a second implementation from its definition; files that change meanwhile."""

import errno
import hashlib
import json
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import blake3
import numpy as np
import pytest
from safetensors.numpy import save_file

from weightmark.encoding import Algorithm
from weightmark.errors import MalformedError
from weightmark.fingerprinting import Fingerprint, fingerprint_artifact
from weightmark.fingerprinting import engine as engine_module
from weightmark.model import Artifact, ModelManifest, TensorSpan
from weightmark_plugins.formats.safetensors import SafetensorsFormat

CHUNK = 16 * 1024 * 1024
FUNCTIONS: dict[Algorithm, Callable[[bytes], bytes]] = {
    Algorithm.SHA256: lambda data: hashlib.sha256(data).digest(),
    Algorithm.BLAKE3: lambda data: blake3.blake3(data).digest(),
}


class Naive:
    """The definition, word for word, on bytes in memory."""

    def __init__(self, algorithm: Algorithm) -> None:
        self.name = algorithm.value
        self.hash = FUNCTIONS[algorithm]

    def root(self, leaves: Sequence[bytes]) -> bytes:
        if not leaves:
            return self.hash(b"")
        if len(leaves) == 1:
            return leaves[0]
        split = 1
        while split * 2 < len(leaves):
            split *= 2
        return self.hash(b"\x01" + self.root(leaves[:split]) + self.root(leaves[split:]))

    def leaf(self, value: object) -> bytes:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return self.hash(b"\x00" + text.encode())

    def chunks(self, data: bytes) -> list[bytes]:
        return [self.hash(b"\x00" + data[i : i + CHUNK]) for i in range(0, len(data), CHUNK)]

    def text(self, raw: bytes) -> str:
        return f"{self.name}:{raw.hex()}"

    def tensor(self, dtype: str, shape: Sequence[int], data: bytes) -> bytes:
        return self.leaf(
            {"dtype": dtype, "shape": list(shape), "root": self.text(self.root(self.chunks(data)))}
        )

    def weights(self, tensors: Sequence[np.ndarray]) -> str:
        leaves = {self.tensor(str(t.dtype), t.shape, t.tobytes()) for t in tensors}
        return self.text(self.root(sorted(leaves)))

    def tensors(self, tensors: dict[str, np.ndarray]) -> str:
        leaves = []
        for name in sorted(tensors, key=str.encode):
            value = tensors[name]
            leaf = self.tensor(str(value.dtype), value.shape, value.tobytes())
            leaves.append(self.leaf({"name": name, "leaf": self.text(leaf)}))
        return self.text(self.root(leaves))


def take(path: Path, **options: object) -> Fingerprint:
    artifact = Artifact.open(path)
    reader = SafetensorsFormat()
    spans = reader.tensors(artifact, reader.claims(artifact))
    return fingerprint_artifact(artifact, spans, **options)  # type: ignore[arg-type]


TENSORS = {
    "a.weight": np.arange(24, dtype=np.float32).reshape(4, 6),
    "b.weight": np.arange(7, dtype=np.int64),
    "é": np.zeros((0, 3), dtype=np.float16),
    "scalar": np.array(5, dtype=np.uint8),
    "tied": np.arange(24, dtype=np.float32).reshape(4, 6),
}


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_it_is_what_the_definition_says(tmp_path: Path, algorithm: Algorithm) -> None:
    naive = Naive(algorithm)
    model = tmp_path / "model"
    model.mkdir()
    save_file(TENSORS, model / "model.safetensors", metadata={"format": "np"})
    (model / "README.md").write_bytes(b"hello")
    (model / "empty").write_bytes(b"")
    (model / "config.json").write_text(
        '{"transformers_version": "5", "hidden": 6, "huge": 1000000000000000000000}'
    )
    found = take(model, algorithm=algorithm)
    assert found.weights == naive.weights(list(TENSORS.values()))
    assert found.tensors == naive.tensors(TENSORS)
    shape = [[name, str(value.dtype), list(value.shape)] for name, value in sorted(TENSORS.items())]
    config = {"hidden": 6, "huge": "1000000000000000000000"}
    text = json.dumps(
        {"config": config, "tensors": shape}, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    assert found.architecture == naive.text(naive.hash(text.encode()))
    data = (model / "model.safetensors").read_bytes()
    header = 8 + int.from_bytes(data[:8], "little")
    parts = [data[:header]] + [
        data[t.start : t.stop]
        for t in sorted(found.manifest.tensors, key=lambda t: t.start)
        if t.start < t.stop
    ]
    assert b"".join(parts) == data
    roots = {
        "README.md": naive.root([naive.hash(b"\x00hello")]),
        "config.json": naive.root(naive.chunks((model / "config.json").read_bytes())),
        "empty": naive.hash(b""),
        "model.safetensors": naive.root([naive.hash(b"\x00" + part) for part in parts]),
    }
    leaves = [
        naive.leaf({"path": path, "size": (model / path).stat().st_size, "root": naive.text(roots[path])})
        for path in sorted(roots)
    ]
    assert found.bundle == naive.text(naive.root(leaves))
    assert ModelManifest.decode(found.manifest.encode()) == found.manifest


def test_the_definition_never_changes(tmp_path: Path) -> None:
    header = b'{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    (tmp_path / "m.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"12345678")
    (tmp_path / "config.json").write_bytes(b'{"a": 1}')
    found = take(tmp_path)
    assert (found.bundle, found.weights, found.tensors, found.architecture) == (
        "sha256:01b8f8255b38b174973e1f279c113cd3362649fb8abe3531730895c43b80f871",
        "sha256:9de1986297fbb9a04a61ecb3b73c69d86d78cd49dcb56e99215531941c67ccfa",
        "sha256:1d082dca74fa4dd630e342e45723c373f55f5fcf637d9b3dbff4222a38144920",
        "sha256:5ead64ee9a0d9e42fb5dfdf077d8cd0dc18252438abc27dcee1c5da8b9036a38",
    )


def test_a_tensor_larger_than_a_chunk(tmp_path: Path) -> None:
    big = np.zeros(2 * CHUNK + 5, dtype=np.uint8)
    big[[0, CHUNK - 1, CHUNK, -1]] = [1, 2, 3, 4]
    save_file({"big": big, "small": np.ones(3, dtype=np.float32)}, tmp_path / "m.safetensors")
    found = take(tmp_path, threads=3)
    assert found.weights == Naive(Algorithm.SHA256).weights([big, np.ones(3, dtype=np.float32)])


def test_a_model_without_tensors_and_configuration(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    found = take(tmp_path)
    assert (found.weights, found.tensors, found.architecture) == (None, None, None)
    assert found.manifest.tensors == ()


def test_a_single_file(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "m.safetensors")
    (tmp_path / "other").write_bytes(b"x")
    found = take(tmp_path / "m.safetensors")
    assert [file.path for file in found.manifest.files] == ["m.safetensors"]
    assert found.weights == Naive(Algorithm.SHA256).weights(list(TENSORS.values()))


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("file_digests", [True, False])
def test_many_small_files_and_units(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int, file_digests: bool
) -> None:
    monkeypatch.setattr(engine_module, "UNIT_SIZE", 1000)
    monkeypatch.setattr(engine_module, "UNIT_PIECES", 3)
    monkeypatch.setattr(engine_module, "BUFFER_SIZE", 64)
    for i in range(30):
        (tmp_path / f"{i:02}").write_bytes(bytes([i]) * (i * i))
    found = take(tmp_path, threads=threads, file_digests=file_digests, chunk_size=100)
    naive = Naive(Algorithm.SHA256)
    for i, file in enumerate(found.manifest.files):
        data = bytes([i]) * (i * i)
        leaves = [naive.hash(b"\x00" + data[k : k + 100]) for k in range(0, len(data), 100)]
        assert file.root == naive.text(naive.root(leaves))
        assert file.sha256 == (f"sha256:{hashlib.sha256(data).hexdigest()}" if file_digests else None)


def test_plain_file_digests_do_not_change_the_others(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "m.safetensors")
    plain, more = take(tmp_path), take(tmp_path, file_digests=True)
    assert (plain.bundle, plain.weights) == (more.bundle, more.weights)


def test_progress_is_told_from_this_thread_and_not_too_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "UNIT_SIZE", 1)
    for i in range(1000):
        (tmp_path / f"{i}").write_bytes(b"xx")
    told: list[tuple[int, int, int]] = []
    take(tmp_path, progress=lambda done, total: told.append((done, total, threading.get_ident())))
    assert told[0][:2] == (0, 2000)
    assert told[-1][:2] == (2000, 2000)
    assert [entry[0] for entry in told] == sorted({entry[0] for entry in told})
    assert len(told) <= 202
    assert {entry[2] for entry in told} == {threading.get_ident()}


class StopError(Exception):
    pass


@pytest.mark.parametrize("error", [StopError, KeyboardInterrupt])
def test_an_error_in_progress_stops_all_threads(tmp_path: Path, error: type[BaseException]) -> None:
    (tmp_path / "x").write_bytes(bytes(100_000))

    def fail(done: int, total: int) -> None:
        if done:
            raise error

    with pytest.raises(error):
        take(tmp_path, progress=fail, threads=4, chunk_size=1000)
    assert not [t for t in threading.enumerate() if t.name.startswith("weightmark-hash")]


def test_an_interrupt_in_a_worker_stops_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(20):
        (tmp_path / f"{i}").write_bytes(b"x")
    monkeypatch.setattr(engine_module, "UNIT_PIECES", 1)

    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "preadv", interrupted)
    with pytest.raises(KeyboardInterrupt):
        take(tmp_path, threads=3)
    assert not [t for t in threading.enumerate() if t.name.startswith("weightmark-hash")]


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"other")


def swap(path: Path) -> None:
    (path.parent / "new").write_bytes(path.read_bytes())
    (path.parent / "new").replace(path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "grown": grow,
    "cut short": lambda path: os.truncate(path, 5),
    "emptied": lambda path: os.truncate(path, 0),
    "overwritten": overwrite,
    "swapped": swap,
    "removed": lambda path: path.unlink(),
}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_while_it_is_read_is_named(tmp_path: Path, change: str, when: str) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(bytes(100))
    os.utime(tmp_path / "b", ns=(1, 1))  # so that any change shows, however coarse the clock

    def progress(done: int, total: int) -> None:
        if done == (0 if when == "before" else total):
            CHANGES[change](tmp_path / "b")

    with pytest.raises(MalformedError, match="b changed while it was read"):
        take(tmp_path, progress=progress)


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_in_the_middle_of_its_bytes_is_named(
    tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "b"
    path.write_bytes(bytes(1000))
    os.utime(path, ns=(1, 1))  # so that any change shows, however coarse the clock
    monkeypatch.setattr(engine_module, "BUFFER_SIZE", 100)
    real = os.preadv

    def preadv(descriptor: int, buffers: Sequence[memoryview], offset: int) -> int:
        if offset == 500:
            CHANGES[change](path)
        return real(descriptor, buffers, offset)

    monkeypatch.setattr(os, "preadv", preadv)
    with pytest.raises(MalformedError, match="b changed while it was read"):
        take(tmp_path)


def test_a_file_that_is_added_meanwhile_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    with pytest.raises(MalformedError, match="new changed while it was read: it was added"):
        take(tmp_path, progress=lambda done, _: (tmp_path / "new").write_bytes(b"x") if done == 0 else None)


def test_a_disk_error_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"a")

    def fail(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "preadv", fail)
    with pytest.raises(MalformedError, match="a cannot be read at byte 0: Input/output error"):
        take(tmp_path)


def test_a_read_that_ends_too_early_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    monkeypatch.setattr(os, "preadv", lambda *_: 0)
    with pytest.raises(
        MalformedError, match="a changed while it was read: 3 bytes when listed, but it ends at"
    ):
        take(tmp_path)


def test_what_took_a_files_place_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    artifact = Artifact.open(tmp_path)
    (tmp_path / "a").unlink()
    os.mkfifo(tmp_path / "a")
    reads: list[object] = []
    monkeypatch.setattr(os, "preadv", lambda *arguments: reads.append(arguments) or 0)
    with pytest.raises(MalformedError, match="a changed while it was read"):
        fingerprint_artifact(artifact, [])
    assert not reads


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret.bin").write_bytes(b"a")
    artifact = Artifact.open(tmp_path)

    def deny(path: str, *_: object) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(os, "open", deny)
    with pytest.raises(MalformedError, match=r"secret\.bin cannot be read: Permission denied"):
        fingerprint_artifact(artifact, [])


def span(name: str, path: str, start: int, stop: int) -> TensorSpan:
    return TensorSpan(name=name, dtype="uint8", shape=(stop - start,), path=path, start=start, stop=stop)


@pytest.mark.parametrize(
    ("spans", "words"),
    [
        ([span("t", "x", 0, 1), span("t", "x", 1, 2)], "'t' stands twice"),
        ([span("t", "y", 0, 1)], "which the model does not have"),
        ([span("t", "x", 0, 5)], "bytes 0 to 5"),
        ([span("t", "x", 0, 3), span("u", "x", 2, 4)], "overlap"),
    ],
)
def test_bad_spans_are_refused(tmp_path: Path, spans: list[TensorSpan], words: str) -> None:
    (tmp_path / "x").write_bytes(b"1234")
    with pytest.raises(MalformedError, match=words):
        fingerprint_artifact(Artifact.open(tmp_path), spans)


def test_no_threads_is_a_wrong_argument(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"1234")
    with pytest.raises(ValueError, match="at least 1"):
        take(tmp_path, threads=0)
