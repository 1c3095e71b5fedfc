"""The safetensors reader: what it accepts, and every way in which a file can lie."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from weightmark.errors import MalformedError
from weightmark.model import Artifact, TensorSpan
from weightmark_plugins.formats import safetensors as module
from weightmark_plugins.formats.safetensors import DTYPES, SafetensorsFormat


def read(folder: Path) -> list[TensorSpan]:
    artifact = Artifact.open(folder)
    reader = SafetensorsFormat()
    return list(reader.tensors(artifact, reader.claims(artifact)))


def pack(header: bytes | Mapping[str, object], data: bytes = b"", *, length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(raw) if length is None else length).to_bytes(8, "little") + raw + data


def entry(start: int, stop: int, dtype: object = "U8", shape: object = None) -> dict[str, object]:
    shape = [stop - start] if shape is None else shape
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


def refuse(folder: Path, content: bytes, *words: str) -> MalformedError:
    (folder / "m.safetensors").write_bytes(content)
    with pytest.raises(MalformedError) as caught:
        read(folder)
    assert "m.safetensors" in caught.value.message
    for word in words:
        assert word in caught.value.message
    assert caught.value.hint
    return caught.value


def test_what_the_library_writes_is_read(tmp_path: Path) -> None:
    tensors = {
        name: np.arange(6).astype(dtype).reshape(2, 3)
        for name, dtype in [
            ("f64", "float64"), ("f32", "float32"), ("f16", "float16"), ("i64", "int64"), ("i32", "int32"),
            ("i16", "int16"), ("i8", "int8"), ("u64", "uint64"), ("u32", "uint32"), ("u16", "uint16"),
            ("u8", "uint8"), ("bool", "bool"), ("c64", "complex64"),
        ]
    }  # fmt: skip
    tensors["scalar"] = np.array(1.5, dtype=np.float32)
    tensors["empty"] = np.zeros((3, 0), dtype=np.float32)
    save_file(tensors, tmp_path / "m.safetensors", metadata={"format": "np"})
    data = (tmp_path / "m.safetensors").read_bytes()
    spans = read(tmp_path)
    assert {span.name for span in spans} == set(tensors)
    for span in spans:
        value = tensors[span.name]
        assert (span.dtype, span.shape) == (str(value.dtype), value.shape)
        assert data[span.start : span.stop] == value.tobytes()


def test_torch_types_are_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file as save_torch

    names = ["bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"]
    save_torch({name: torch.zeros(4).to(getattr(torch, name)) for name in names}, tmp_path / "m.safetensors")
    assert {span.name: span.dtype for span in read(tmp_path)} == {name: name for name in names}


@pytest.mark.parametrize("code", DTYPES)
def test_every_type_has_its_size(tmp_path: Path, code: str) -> None:
    dtype, bits = DTYPES[code]
    (tmp_path / "m.safetensors").write_bytes(pack({"t": entry(0, bits, code, [2, 4])}, bytes(bits)))
    assert [(span.dtype, span.stop - span.start) for span in read(tmp_path)] == [(dtype, bits)]


def test_a_file_without_tensors_and_with_padding(tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(pack(b"{}      "))
    assert read(tmp_path) == []
    (tmp_path / "m.safetensors").write_bytes(pack({"__metadata__": {}}))
    assert read(tmp_path) == []


def test_empty_tensors_stand_anywhere(tmp_path: Path) -> None:
    header = {
        "z": entry(4, 4),
        "a": entry(0, 4),
        "b": entry(4, 4),
        "c": entry(0, 0),
        "big": entry(4, 4, shape=[0, 9**9]),
    }
    (tmp_path / "m.safetensors").write_bytes(pack(header, b"data"))
    assert {span.name for span in read(tmp_path)} == set(header)


def test_only_its_own_files_are_claimed(tmp_path: Path) -> None:
    for name in (
        "a.safetensors",
        "a.safetensors.index.json",
        "a.bin",
        "safetensors",
        "a.safetensors.txt",
        "B.SAFETENSORS",
    ):
        (tmp_path / f"{name}").write_bytes(b"x")
    assert list(SafetensorsFormat().claims(Artifact.open(tmp_path))) == [
        "a.safetensors",
        "a.safetensors.index.json",
    ]


GOOD = pack({"a": entry(0, 4), "b": entry(4, 8, "F32", [1])}, b"12345678")
BAD: dict[str, tuple[bytes, list[str]]] = {
    "empty": (b"", ["0 bytes"]),
    "seven bytes": (b"1234567", ["7 bytes"]),
    "header cut short": (GOOD[:30], ["claims a header"]),
    "data cut short": (GOOD[:-1], ["cut short"]),
    "data missing": (GOOD[:-8], ["cut short"]),
    "more data": (GOOD + b"x", ["belong to no tensor"]),
    "length 2**60": (pack(b"{}", length=2**60), [str(2**60)]),
    "length 2**64 - 1": (pack(b"{}", length=2**64 - 1), [str(2**64 - 1)]),
    "length one too many": (pack(b"{}", length=3), ["claims a header of 3 bytes", "has 2 after"]),
    "no header": (pack(b""), ["begins with"]),
    "not an object": (pack(b"[]"), ["begins with"]),
    "leading space": (pack(b" {}"), ["begins with"]),
    "not JSON": (pack(b"{]"), ["strict JSON"]),
    "not UTF-8": (pack(b'{"\xff": 1}'), ["not UTF-8"]),
    "a byte order mark": (pack(b"\xef\xbb\xbf{}"), ["begins with"]),
    "a surrogate": (
        pack(b'{"\\ud800": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}}'),
        ["not Unicode"],
    ),
    "a name twice": (
        pack(
            b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'
        ),
        ["'a'", "twice"],
    ),
    "deep": (pack(b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"), []),
    "metadata of numbers": (pack({"__metadata__": {"a": 1}}), ["__metadata__"]),
    "metadata as a list": (pack({"__metadata__": []}), ["__metadata__"]),
    "a tensor that is a number": (pack({"a": 1}), ["'a'", "object"]),
    "no dtype": (pack({"a": {"shape": [0], "data_offsets": [0, 0]}}), ["'a'", "dtype"]),
    "no shape": (pack({"a": {"dtype": "U8", "data_offsets": [0, 0]}}), ["'a'", "shape"]),
    "no offsets": (pack({"a": {"dtype": "U8", "shape": [0]}}), ["'a'", "data_offsets"]),
    "unknown field": (pack({"a": {**entry(0, 0), "more": 1}}), ["'a'", "more"]),
    "unknown dtype": (pack({"a": entry(0, 0, "F5")}), ["'a'", "F5", "F32"]),
    "dtype as a number": (pack({"a": entry(0, 0, 5)}), ["'a'", "dtype"]),
    "shape of text": (pack({"a": entry(0, 0, shape=["0"])}), ["'a'", "shape"]),
    "shape of fractions": (pack({"a": entry(0, 0, shape=[0.0])}), ["'a'", "shape"]),
    "shape of booleans": (pack({"a": entry(0, 0, shape=[False])}), ["'a'", "shape"]),
    "negative shape": (pack({"a": entry(0, 4, shape=[-2, -2])}, b"1234"), ["'a'", "shape"]),
    "shape that is a number": (pack({"a": entry(0, 0, shape=0)}), ["'a'", "shape"]),
    "huge shape": (pack({"a": entry(0, 0, shape=[2**50, 2**50])}), ["'a'", "elements"]),
    "shape that wraps around": (pack({"a": entry(0, 0, shape=[2**32, 2**32])}), ["'a'", "elements"]),
    "enormous length": (pack({"a": entry(0, 0, shape=[0, 2**60])}), ["'a'", "shape"]),
    "one offset": (pack({"a": {**entry(0, 0), "data_offsets": [0]}}), ["'a'", "offsets"]),
    "three offsets": (pack({"a": {**entry(0, 0), "data_offsets": [0, 0, 0]}}), ["'a'", "offsets"]),
    "negative offset": (pack({"a": entry(-4, 0, shape=[4])}, b"1234"), ["'a'", "data_offsets"]),
    "offsets backwards": (pack({"a": entry(4, 0, shape=[0])}, b"1234"), ["'a'", "offsets"]),
    "offset of a fraction": (pack({"a": entry(0, 0) | {"data_offsets": [0, 0.0]}}), ["'a'", "data_offsets"]),
    "too small for its shape": (
        pack({"a": entry(0, 4, "F32", [2])}, b"1234"),
        ["'a'", "needs 64 bits", "give 32"],
    ),
    "too large for its shape": (
        pack({"a": entry(0, 8, "F32", [1])}, b"12345678"),
        ["'a'", "needs 32", "give 64"],
    ),
    "half a byte": (pack({"a": entry(0, 1, "F4", [1])}, b"1"), ["'a'", "needs 4 bits", "give 8"]),
    "overlap": (pack({"a": entry(0, 4), "b": entry(2, 6)}, b"123456"), ["'b'", "overlaps", "'a'"]),
    "the same bytes twice": (pack({"a": entry(0, 4), "b": entry(0, 4)}, b"1234"), ["'b'", "overlaps"]),
    "a hole": (pack({"a": entry(0, 2), "b": entry(4, 6)}, b"123456"), ["'b'", "hole", "'a'"]),
    "a hole at the beginning": (pack({"a": entry(2, 4)}, b"1234"), ["'a'", "hole", "the header"]),
    "an empty tensor in a hole": (pack({"a": entry(0, 4), "b": entry(9, 9)}, b"1234"), ["'b'"]),
    "an empty tensor inside another": (pack({"a": entry(0, 4), "b": entry(2, 2)}, b"1234"), ["overlaps"]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused(tmp_path: Path, name: str) -> None:
    content, words = BAD[name]
    refuse(tmp_path, content, *words)


def test_the_good_file_that_the_bad_ones_come_from_is_read(tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(GOOD)
    assert [span.name for span in read(tmp_path)] == ["a", "b"]


def test_a_header_beyond_the_bound_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_HEADER", 10)
    refuse(tmp_path, pack(b"{}" + b" " * 9), "at most 10")
    (tmp_path / "m.safetensors").write_bytes(pack(b"{}" + b" " * 8))
    assert read(tmp_path) == []
    (tmp_path / "m.safetensors.index.json").write_bytes(b'{"weight_map": {}}')
    with pytest.raises(MalformedError, match="an index has at most 10"):
        read(tmp_path)


def test_a_git_lfs_pointer_is_named(tmp_path: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    assert "git lfs pull" in refuse(tmp_path, pointer).hint


def test_a_large_claim_allocates_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = Artifact.read

    def spy(self: Artifact, path: str, start: int, size: int) -> bytes:
        sizes.append(size)
        return real(self, path, start, size)

    monkeypatch.setattr(Artifact, "read", spy)
    refuse(tmp_path, pack(b"{}", length=2**40))
    assert sizes == [8]


# ---- several files


def shard(folder: Path, name: str, *tensors: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pack({t: entry(i, i + 1) for i, t in enumerate(tensors)}, bytes(len(tensors))))


def index(folder: Path, weight_map: object, name: str = "m.safetensors.index.json") -> None:
    value: dict[str, Any] = {"metadata": {"total_size": 3}, "weight_map": weight_map}
    (folder / name).write_text(json.dumps(value))


def names(folder: Path) -> dict[str, str]:
    return {span.name: span.path for span in read(folder)}


def test_shards_with_an_index(tmp_path: Path) -> None:
    shard(tmp_path, "sub/m-1.safetensors", "a", "b")
    shard(tmp_path, "sub/m-2.safetensors", "c")
    index(tmp_path / "sub", {"a": "m-1.safetensors", "b": "m-1.safetensors", "c": "m-2.safetensors"})
    assert names(tmp_path) == {
        "a": "sub/m-1.safetensors",
        "b": "sub/m-1.safetensors",
        "c": "sub/m-2.safetensors",
    }


BAD_INDEX: dict[str, tuple[object, str]] = {
    "shard missing": (
        {"a": "m-1.safetensors", "b": "m-1.safetensors", "c": "m-3.safetensors"},
        r"m-3\.safetensors",
    ),
    "tensor missing": (
        {"a": "m-1.safetensors", "b": "m-1.safetensors", "c": "m-2.safetensors", "d": "m-2.safetensors"},
        "'d' is in m-2",
    ),
    "tensor in another shard": (
        {"a": "m-1.safetensors", "b": "m-2.safetensors", "c": "m-2.safetensors"},
        "'b'",
    ),
    "tensor not named": ({"a": "m-1.safetensors", "c": "m-2.safetensors"}, "has tensor 'b'"),
    "leads out": ({"a": "../m-1.safetensors"}, r"\.\./m-1"),
    "absolute": ({"a": "/m-1.safetensors"}, "/m-1"),
    "empty": ({"a": ""}, "''"),
    "backslash": ({"a": "x\\m-1.safetensors"}, "backslash"),
    "another file": ({"a": "other.bin"}, r"other\.bin"),
    "not text": ({"a": 1}, "'a'"),
    "not a map": ([], "weight_map"),
    "nothing": (None, "weight_map"),
}


@pytest.mark.parametrize("name", BAD_INDEX)
def test_an_index_that_does_not_fit_is_refused(tmp_path: Path, name: str) -> None:
    weight_map, words = BAD_INDEX[name]
    (tmp_path / "other.bin").write_bytes(b"x")
    shard(tmp_path, "m-1.safetensors", "a", "b")
    shard(tmp_path, "m-2.safetensors", "c")
    index(tmp_path, weight_map)
    with pytest.raises(MalformedError, match=words) as caught:
        read(tmp_path)
    assert caught.value.hint


def test_one_name_in_two_shards_of_an_index_is_refused(tmp_path: Path) -> None:
    shard(tmp_path, "m-1.safetensors", "a", "b")
    shard(tmp_path, "m-2.safetensors", "a", "c")
    index(tmp_path, {"a": "m-1.safetensors", "b": "m-1.safetensors", "c": "m-2.safetensors"})
    with pytest.raises(MalformedError, match=r"'a' is in m-1\.safetensors and in m-2\.safetensors"):
        read(tmp_path)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"weight_map":{"a":"x","a":"x"}}', b"\xff"])
def test_a_damaged_index_is_refused(tmp_path: Path, text: bytes) -> None:
    shard(tmp_path, "x", "a")
    (tmp_path / "m.safetensors.index.json").write_bytes(text)
    with pytest.raises(MalformedError, match=r"m\.safetensors\.index\.json"):
        read(tmp_path)


def test_files_without_an_index_keep_their_names_when_these_differ(tmp_path: Path) -> None:
    shard(tmp_path, "1.safetensors", "a")
    shard(tmp_path, "2.safetensors", "b")
    assert names(tmp_path) == {"a": "1.safetensors", "b": "2.safetensors"}


def test_names_in_two_files_are_qualified_but_for_the_first_file(tmp_path: Path) -> None:
    shard(tmp_path, "text/model.safetensors", "a", "b")
    shard(tmp_path, "unet/model.safetensors", "a", "c")
    assert set(names(tmp_path)) == {"a", "b", "unet/model.safetensors:a", "unet/model.safetensors:c"}


def test_a_copy_in_one_file_beside_shards_is_qualified(tmp_path: Path) -> None:
    shard(tmp_path, "m-1.safetensors", "a")
    shard(tmp_path, "m-2.safetensors", "b")
    shard(tmp_path, "z.safetensors", "a", "b")
    index(tmp_path, {"a": "m-1.safetensors", "b": "m-2.safetensors"})
    assert set(names(tmp_path)) == {"a", "b", "z.safetensors:a", "z.safetensors:b"}
    (tmp_path / "z.safetensors").rename(tmp_path / "all.safetensors")
    assert set(names(tmp_path)) == {"a", "b", "m-1.safetensors:a", "m-2.safetensors:b"}


def test_a_qualified_name_that_stands_already_is_refused(tmp_path: Path) -> None:
    shard(tmp_path, "1.safetensors", "a", "2.safetensors:a")
    shard(tmp_path, "2.safetensors", "a")
    with pytest.raises(MalformedError, match="stands for two tensors") as caught:
        read(tmp_path)
    assert caught.value.hint


def test_a_hostile_shape_makes_no_long_message(tmp_path: Path) -> None:
    shape = b"1," * 100_000 + b"1"
    header = b'{"a":{"dtype":"U8","shape":[' + shape + b'],"data_offsets":[0,2]}}'
    (tmp_path / "m.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"xx")
    artifact = Artifact.open(tmp_path)
    with pytest.raises(MalformedError, match="…") as caught:
        SafetensorsFormat().tensors(artifact, ["m.safetensors"])
    assert len(caught.value.message) < 500


def test_too_many_tensors_are_refused_before_the_header_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_TENSORS", 2)
    refuse(tmp_path, pack({str(index): entry(0, 0) for index in range(3)}), "more than 2 tensors")
