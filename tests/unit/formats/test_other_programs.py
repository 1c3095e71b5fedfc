"""Files of other programs with a model's ending: they are bytes without tensors and refuse nothing."""

import io
import pickle
import tarfile
import zipfile
from pathlib import Path

import pytest
from tests.format_files import msgpack, name, pack, read, storage, tensor, torch_zip, whole
from tests.model_files import Hdf5Writer

from weightmark.discovery import Plugins
from weightmark.errors import MalformedError
from weightmark.model import Artifact
from weightmark.workspace.reading import find_tensors
from weightmark_plugins.formats.pytorch import PyTorchFormat

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 9\n"
SHARDS = b'{"weight_map": {"w": "pytorch_model-00001-of-00002.bin"}}'


def archived(method: int = zipfile.ZIP_STORED, **members: bytes) -> bytes:
    return pack({key.replace("_", "."): content for key, content in members.items()}, method)


def tarred(*names: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for each in names:
            archive.addfile(tarfile.TarInfo(each), io.BytesIO())
    return stream.getvalue()


def hdf5(**links: int) -> bytes:
    writer = Hdf5Writer()
    return writer.finished(writer.group(links, kind=2 if links else 0))


def find(folder: Path) -> list[str]:
    return [span.name for span in find_tensors(Artifact.open(folder), Plugins(kinds=("format",)))]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        *((f"empty{end}", b"") for end in (".bin", ".npz", ".h5", ".onnx", ".gguf", ".keras", ".msgpack")),
        *((f"text{end}", b"text\n") for end in (".bin", ".npy", ".h5", ".hdf5", ".onnx", ".msgpack", ".pt")),
        *((f"pointer{end}", LFS) for end in (".bin", ".h5", ".pt", ".npz", ".msgpack")),
        *((f"zip{end}", archived(a_txt=b"a")) for end in (".bin", ".pt", ".npz", ".onnx", ".h5")),
        *((f"bzip{end}", archived(zipfile.ZIP_BZIP2, a_txt=b"a")) for end in (".bin", ".pt")),
        ("trailing.bin", archived(a_txt=b"a") + b"more"),
        ("cut.bin", archived(a_txt=b"a")[:30]),
        ("latin.bin", archived(abc=b"a").replace(b"abc", b"a\xe9c")),
        ("run.ckpt", tarred("model_config.yaml", "model_weights.ckpt")),
        ("user-block.h5", bytes(512) + hdf5()),
        ("linked.h5", hdf5(other=96)),
        ("two.msgpack", msgpack({"a": 1}) + msgpack({"b": 2})),
        ("keys.msgpack", b"\x81\xc0\xc0"),
        ("extension.msgpack", msgpack({"a": (1, b"abc")})),
        ("buffer.bin", pickle.dumps(io.BytesIO(b"a"))),
        ("joblib.bin", b"\x80\x03cjoblib.numpy_pickle\nNumpyArrayWrapper\nq\0)\x81.\0\0\0"),
        ("pytorch_model.bin.index.json", SHARDS),
    ],
)
def test_they_have_no_tensors(file: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / file).write_bytes(content)
    assert find(tmp_path) == []


@pytest.mark.parametrize("end", [".onnx", ".gguf", ".keras", ".safetensors"])
def test_a_pointer_of_git_is_refused_and_says_what_to_do(end: str, tmp_path: Path) -> None:
    (tmp_path / f"model{end}").write_bytes(LFS)
    with pytest.raises(MalformedError) as caught:
        find(tmp_path)
    assert "git lfs pull" in caught.value.hint


def test_a_damaged_archive_of_pytorch_is_refused(tmp_path: Path) -> None:
    stored = storage("0", "float32", 1)
    content = torch_zip(whole(tensor(stored, [1], [1])), {"0": bytes(4)})
    (tmp_path / "m.pt").write_bytes(content)
    assert list(read(PyTorchFormat, tmp_path)) == ["m"]
    for damaged in (content + b"more", content[: len(content) // 2]):
        (tmp_path / "m.pt").write_bytes(damaged)
        with pytest.raises(MalformedError):
            find(tmp_path)


def test_an_attack_behind_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    content = torch_zip(whole(name("os", "system")), {})
    (tmp_path / "m.pt").write_bytes(content + b"more")
    with pytest.raises(MalformedError):
        find(tmp_path)


def test_an_old_tar_archive_of_pytorch_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.pt").write_bytes(tarred("sys_info", "pickle", "storages", "tensors"))
    with pytest.raises(MalformedError, match="before version"):
        find(tmp_path)


def test_one_shard_of_two_is_refused_and_none_is_not(tmp_path: Path) -> None:
    stored = storage("0", "float32", 1)
    (tmp_path / "a.bin").write_bytes(torch_zip(whole(tensor(stored, [1], [1])), {"0": bytes(4)}))
    index = tmp_path / "model.safetensors.index.json"
    index.write_bytes(b'{"weight_map": {"w": "gone.safetensors"}}')
    assert find(tmp_path) == ["a"]
    (tmp_path / "a.bin").unlink()
    with pytest.raises(MalformedError, match=r"gone\.safetensors"):
        find(tmp_path)


def test_a_keras_file_of_an_older_version_is_hdf5(tmp_path: Path) -> None:
    writer = Hdf5Writer()
    one = writer.dataset("float32", (1,), bytes(4))
    (tmp_path / "m.keras").write_bytes(
        writer.finished(writer.group({"model_weights": writer.group({"a": one})}))
    )
    assert find(tmp_path) == ["model_weights/a"]
