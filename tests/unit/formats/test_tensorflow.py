"""TensorFlow's checkpoints: files that it wrote itself, slices, byte order, and what is refused."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from tests.model_files import checkpoint_entry, field, table, varint, write_checkpoint

from weightmark.errors import MalformedError
from weightmark.model import Artifact, TensorSpan
from weightmark.testing.format import read_tensor
from weightmark_plugins.formats.tensorflow import TensorflowFormat
from weightmark_plugins.formats.tensorflow_entry import slice_key

VECTORS = Path(__file__).parents[2] / "vectors/tensorflow"
FOUR = bytes(range(16))
NAMES = ["bias", "brain", "dense", "empty", "flag", "half", "steps"]


def read(folder: Path) -> dict[str, tuple[TensorSpan, bytes]]:
    artifact = Artifact.open(folder)
    reader = TensorflowFormat()
    spans = reader.tensors(artifact, reader.claims(artifact))
    return {span.name: (span, read_tensor(artifact, span)) for span in spans}


def write(folder: Path, entries: dict[bytes, bytes], data: bytes = FOUR) -> Path:
    (folder / "m.data-00000-of-00001").write_bytes(data)
    (folder / "m.index").write_bytes(table({b"": field(1, 1), **entries}))
    return folder


@pytest.mark.parametrize(("folder", "prefix"), [("checkpoint", "model/"), ("saved_model", "")])
def test_what_tensorflow_wrote_is_read(folder: str, prefix: str) -> None:
    expected = json.loads((VECTORS / "expected.json").read_text())
    found = read(VECTORS / folder)
    assert sorted(found) == [f"{prefix}{name}" for name in NAMES]
    for name, (dtype, shape, content) in expected.items():
        span, read_bytes = found[f"{prefix}{name}"]
        assert span.dtype == {"brain": "bfloat16"}.get(name, dtype)
        assert (list(span.shape), read_bytes.hex(), span.layout) == (shape, content, None)


def test_slices_that_follow_one_another_are_one_tensor() -> None:
    found = read(VECTORS / "partitioned")
    full = np.arange(24, dtype="float32").reshape(6, 4)
    assert found["rows"][1] == full.tobytes()
    assert found["rows"][0].shape == (6, 4)
    assert found["columns[0:6,0:2]"][1] == full[:, :2].tobytes()
    assert found["columns[0:6,2:4]"][1] == full[:, 2:].tobytes()
    assert found["whole"][1] == (full + 1).tobytes()
    assert len(found) == 4


def test_the_state_of_a_training_is_left_out() -> None:
    names = set(read(VECTORS / "keras_training"))
    assert names == {f"optimizer/_trainable_variables/{number}" for number in range(7)}
    weights = {content for _, content in read(VECTORS / "keras_export").values()}
    assert {content for _, content in read(VECTORS / "keras_training").values()} == weights


@pytest.mark.parametrize(
    ("number", "written"), [(0, "80"), (63, "bf"), (64, "c040"), (-1, "7f"), (8191, "dfff"), (8192, "e02000")]
)
def test_keys_of_slices_sort_as_their_numbers_do(number: int, written: str) -> None:
    key = slice_key(b"a\0\xff", ((number, 2),))
    assert key.hex() == f"00{b'a'.hex()}00ffff000001" + f"0101{written}82"


def test_big_endian_numbers_are_turned(tmp_path: Path) -> None:
    sample = {
        "w": ("float32", (2,), FOUR[:8]),
        "c": ("complex64", (1,), FOUR[:8]),
        "b": ("int8", (2,), b"ab"),
    }
    write_checkpoint(tmp_path, sample, big=True)
    found = {name: content for name, (_, content) in read(tmp_path).items()}
    turned = FOUR[3::-1] + FOUR[7:3:-1]
    assert found == {"w": turned, "c": turned, "b": b"ab"}


def test_an_index_without_numbers_beside_it_is_another_file(tmp_path: Path) -> None:
    (tmp_path / "faiss.index").write_bytes(b"x")
    (tmp_path / "m.data-00000-of-00001").write_bytes(b"x")
    assert not TensorflowFormat().claims(Artifact.open(tmp_path))


def test_two_checkpoints_keep_their_names_apart(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, {"w": ("float32", (4,), FOUR)}, prefix="a")
    write_checkpoint(tmp_path, {"w": ("float32", (4,), FOUR)}, prefix="b")
    assert set(read(tmp_path)) == {"w", "b.data-00000-of-00001:w"}


# ---- damage
@pytest.mark.parametrize(
    ("entry", "match"),
    [
        (checkpoint_entry("float32", (4,), 4, 16), "needs 16 bytes"),
        (checkpoint_entry("float32", (5,), 0, 16), "needs 20 bytes"),
        (checkpoint_entry("float32", (1 << 40, 1 << 40), 0, 16), "more than"),
        (checkpoint_entry("float32", (-1,), 0, 16), "negative"),
        (checkpoint_entry("float32", (1,) * 65, 0, 4), "dimensions"),
        (checkpoint_entry("float32", (4,), 0, 16, shard=1), "which is not there"),
        (field(1, 99), "unknown number type"),
        (field(1, 1) + field(2, field(3, 1)), "no known shape"),
        (checkpoint_entry("float32", (4,), 0, 0) + field(7, field(1, b"")), "lacks the slice"),
        (checkpoint_entry("float32", (4,), 0, 0) + field(7, b""), "dimensions"),
    ],
)
def test_a_damaged_entry_is_refused(entry: bytes, match: str, tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match=match) as caught:
        read(write(tmp_path, {b"w": entry}))
    assert caught.value.hint


def test_tensors_that_overlap_partly_are_refused(tmp_path: Path) -> None:
    entries = {b"a": checkpoint_entry("float32", (3,), 0, 12), b"b": checkpoint_entry("float32", (2,), 8, 8)}
    with pytest.raises(MalformedError, match="overlap"):
        read(write(tmp_path, entries))


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match="UTF-8"):
        read(write(tmp_path, {b"\xff": checkpoint_entry("float32", (4,), 0, 16)}))


def test_one_name_for_two_tensors_is_refused(tmp_path: Path) -> None:
    entry = checkpoint_entry("float32", (4,), 0, 16)
    with pytest.raises(MalformedError, match="twice"):
        read(write(tmp_path, {b"w": entry, b"w/.ATTRIBUTES/VARIABLE_VALUE": entry}))


def damage(content: bytes, place: int, value: bytes) -> bytes:
    return content[:place] + value + content[place + len(value) :]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        bytes(48),
        table({b"w": b""}),
        bytes(39) + varint(1 << 40) + struct.pack("<Q", 0xDB4775248B80FB57),
        table({b"": field(1, 0)}),
        table({b"": field(1, 1) + field(2, 9)}),
    ],
    ids=["empty", "zeros", "no header", "handle", "no shards", "byte order"],
)
def test_what_is_no_table_is_refused(content: bytes, tmp_path: Path) -> None:
    write(tmp_path, {})
    (tmp_path / "m.index").write_bytes(content)
    with pytest.raises(MalformedError):
        read(tmp_path)


def test_a_compressed_table_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {b"w": checkpoint_entry("float32", (4,), 0, 16)})
    content = (tmp_path / "m.index").read_bytes()
    trailer = content.index(struct.pack("<II", 0, 1)) + 8
    (tmp_path / "m.index").write_bytes(damage(content, trailer, b"\1"))
    with pytest.raises(MalformedError, match="compressed"):
        read(tmp_path)


def test_keys_that_make_too_much_of_few_bytes_are_refused(tmp_path: Path) -> None:
    long = varint(0) + varint(60_000) + varint(0) + b"k" * 60_000
    block = long + b"".join(varint(60_000) + varint(1) + varint(0) + bytes([n]) for n in range(256)) * 30
    block += struct.pack("<II", 0, 1)
    index = (
        varint(0) + varint(1) + varint(2) + b"k" + varint(0) + varint(len(block)) + struct.pack("<II", 0, 1)
    )
    handles = varint(0) + varint(0) + varint(len(block) + 5) + varint(len(index))
    footer = handles + bytes(40 - len(handles)) + struct.pack("<Q", 0xDB4775248B80FB57)
    write(tmp_path, {})
    (tmp_path / "m.index").write_bytes(block + bytes(5) + index + bytes(5) + footer)
    with pytest.raises(MalformedError):
        read(tmp_path)
