"""Keras: files that it wrote itself, what is left out, and what is refused."""

import struct
import zipfile
from pathlib import Path

import pytest
from tests.model_files import FLOAT, NOWHERE, Hdf5Writer, hdf5_file

from weightmark.errors import MalformedError
from weightmark.model import Artifact, TensorSpan
from weightmark.testing.format import read_tensor
from weightmark_plugins.formats.keras import KerasFormat
from weightmark_plugins.formats.tensorflow import TensorflowFormat

VECTORS = Path(__file__).parents[2] / "vectors/tensorflow"
FOUR = bytes(range(16))
SPACE = struct.pack("<BBB5xQ", 1, 1, 0, 4)


def read(path: Path) -> dict[str, tuple[TensorSpan, bytes]]:
    artifact = Artifact.open(path)
    reader = KerasFormat()
    spans = reader.tensors(artifact, reader.claims(artifact))
    return {span.name: (span, read_tensor(artifact, span)) for span in spans}


def write(folder: Path, content: bytes, name: str = "m.h5") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def model(*messages: tuple[int, bytes]) -> bytes:
    """Write a file whose only dataset has these messages."""
    writer = Hdf5Writer()
    dataset = writer.header(messages)
    return writer.finished(writer.group({"vars": writer.group({"0": dataset})}))


def contiguous(start: int = 0, size: int = 16) -> tuple[int, bytes]:
    return 8, struct.pack("<BBQQ", 3, 1, start, size)


# ---- what Keras wrote
@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("model.keras", "layers/dense/vars/0"),
        ("model.weights.h5", "layers/dense/vars/0"),
        ("legacy.h5", "model_weights/head/sequential/head/kernel"),
    ],
)
def test_what_keras_wrote_is_read(file: str, name: str) -> None:
    found = read(VECTORS / file)
    assert len(found) == 7
    assert (found[name][0].dtype, found[name][0].shape) == ("float32", (5, 3))
    artifact = Artifact.open(VECTORS / "keras_export")
    reader = TensorflowFormat()
    exported = reader.tensors(artifact, reader.claims(artifact))
    assert {content for _, content in found.values()} == {read_tensor(artifact, span) for span in exported}
    assert not [span for span, _ in found.values() if span.layout is not None]


def test_what_the_optimizer_keeps_is_left_out(tmp_path: Path) -> None:
    sample = {f"{group}/x": ("float32", (4,), FOUR) for group in ("vars", "optimizer", "optimizer_weights")}
    assert set(read(write(tmp_path, hdf5_file(sample)))) == {"vars/x"}


def test_another_hdf5_file_has_no_tensors(tmp_path: Path) -> None:
    assert not read(write(tmp_path, hdf5_file({"data/x": ("float32", (4,), FOUR)})))


def test_older_weights_are_known_by_an_attribute_of_their_root(tmp_path: Path) -> None:
    writer = Hdf5Writer()
    group = writer.group({"dense": writer.group({"kernel": writer.dataset("float32", (4,), FOUR)})})
    symbols = struct.unpack("<QQ", bytes(writer.data[group + 24 : group + 40]))
    attribute = struct.pack("<BBHHH", 1, 0, 12, 8, 8) + b"layer_names\0" + bytes(28)
    root = writer.header([(0x11, struct.pack("<QQ", *symbols)), (0x0C, attribute)])
    assert set(read(write(tmp_path, writer.finished(root)))) == {"dense/kernel"}


def test_big_endian_numbers_are_turned(tmp_path: Path) -> None:
    big = bytes([FLOAT[0], FLOAT[1] | 1]) + FLOAT[2:]
    compact = struct.pack("<BBH", 3, 0, 16) + FOUR
    found = read(write(tmp_path, model((1, SPACE), (3, big), (8, compact))))
    assert found["vars/0"][1] == b"".join(FOUR[start : start + 4][::-1] for start in range(0, 16, 4))


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        (bytes([0x18, 0, 0, 0]) + struct.pack("<I", 1), "bool"),
        (bytes([0x15, 0, 0, 0]) + struct.pack("<I", 2), "bfloat16"),
        (bytes([0x10, 0, 0, 0]) + struct.pack("<IHH", 1, 0, 8), "uint8"),
        (bytes([0x10, 8, 0, 0]) + struct.pack("<IHH", 2, 0, 16), "int16"),
        (bytes([0x11, 0x20, 15, 0]) + struct.pack("<IHH4BI", 2, 0, 16, 10, 5, 0, 10, 15), "float16"),
        (bytes([0x11, 0x20, 63, 0]) + struct.pack("<IHH4BI", 8, 0, 64, 52, 11, 0, 52, 1023), "float64"),
    ],
)
def test_kinds_of_numbers_are_told_apart(kind: bytes, dtype: str, tmp_path: Path) -> None:
    size = int.from_bytes(kind[4:8], "little")
    compact = struct.pack("<BBH", 3, 0, 4 * size) + bytes(4 * size)
    found = read(write(tmp_path, model((1, SPACE), (3, kind), (8, compact))))
    assert found["vars/0"][0].dtype == dtype


@pytest.mark.parametrize("kind", [3, 6, 7, 9])
def test_what_is_no_number_is_left_out(kind: int, tmp_path: Path) -> None:
    content = bytes([0x10 | kind, 0, 0, 0]) + struct.pack("<I", 16)
    assert not read(write(tmp_path, model((1, SPACE), (3, content), contiguous())))


def test_a_space_without_a_value_is_left_out(tmp_path: Path) -> None:
    assert not read(write(tmp_path, model((1, bytes([2, 0, 0, 2])), (3, FLOAT), contiguous())))


# ---- what is refused
@pytest.mark.parametrize(
    ("messages", "match"),
    [
        ([(1, SPACE), (3, FLOAT), (8, bytes([3, 2]) + bytes(30))], "chunks or compressed"),
        ([(1, SPACE), (3, FLOAT), (8, bytes([4, 3]) + bytes(30))], "view of other files"),
        ([(1, SPACE), (3, FLOAT), (7, bytes(8)), contiguous()], "in another file"),
        ([(1, SPACE), (3, FLOAT), contiguous(1 << 40)], "from byte"),
        ([(1, SPACE), (3, FLOAT), contiguous(NOWHERE, 16)], "needs 16 bytes"),
        ([(1, SPACE), (3, FLOAT), contiguous(0, 12)], "needs 16 bytes"),
        ([(1, SPACE), (3, FLOAT), (8, bytes([9, 9]))], "unknown version"),
        ([(1, SPACE), (3, FLOAT), (8, struct.pack("<BBH", 3, 0, 99))], "beyond its header"),
        ([(1, struct.pack("<BBB5xQQ", 1, 2, 0, 1 << 40, 1 << 40)), (3, FLOAT), contiguous()], "more than"),
        ([(1, struct.pack("<BBB5x", 1, 9, 0)), (3, FLOAT), contiguous()], "dataspace"),
        ([(1, SPACE), (3, b"\x11" + bytes(31)), contiguous()], "unknown type"),
        ([(1, SPACE), contiguous()], "what numbers"),
        ([(3, FLOAT), contiguous()], "what numbers"),
    ],
)
def test_a_damaged_dataset_is_refused(messages: list[tuple[int, bytes]], match: str, tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match=match) as caught:
        read(write(tmp_path, model(*messages)))
    assert caught.value.hint


def test_a_soft_link_is_refused(tmp_path: Path) -> None:
    writer = Hdf5Writer()
    with pytest.raises(MalformedError, match="elsewhere"):
        read(write(tmp_path, writer.finished(writer.group({"vars": 96}, kind=2)), "m.weights.h5"))


def test_a_group_in_a_circle_is_refused(tmp_path: Path) -> None:
    writer = Hdf5Writer()
    group = writer.group({"vars": 0xABCDEF})
    writer.data[:] = writer.data.replace(struct.pack("<Q", 0xABCDEF), struct.pack("<Q", group))
    with pytest.raises(MalformedError, match="two places"):
        read(write(tmp_path, writer.finished(group)))


def test_a_dataset_under_two_names_is_two_tensors(tmp_path: Path) -> None:
    writer = Hdf5Writer()
    one = writer.dataset("float32", (4,), FOUR)
    found = read(write(tmp_path, writer.finished(writer.group({"vars": writer.group({"a": one, "b": one})}))))
    assert set(found) == {"vars/a", "vars/b"}


@pytest.mark.parametrize("compressed", [True, False])
def test_an_archive_is_read_when_it_stores_its_weights(compressed: bool, tmp_path: Path) -> None:
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(tmp_path / "m.keras", "w", method) as archive:
        archive.writestr("config.json", '{"class_name": "Lambda"}')
        archive.writestr("model.weights.h5", hdf5_file({"vars/x": ("float32", (4,), FOUR)}))
    if compressed:
        with pytest.raises(MalformedError, match="compressed"):
            read(tmp_path)
    else:
        assert read(tmp_path)["vars/x"][1] == FOUR


def test_an_archive_without_weights_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(MalformedError, match="no weights"):
        read(tmp_path)


def test_a_file_that_begins_as_hdf5_and_is_damaged_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MalformedError):
        read(write(tmp_path, b"\x89HDF\r\n\x1a\n" + bytes(200)))
