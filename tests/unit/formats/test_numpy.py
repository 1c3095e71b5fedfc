"""NumPy's files: orders, records and types; and what is refused."""

import os
from pathlib import Path

import numpy as np
import pytest
from tests.format_files import npy, npy_header, pack, read, read_bytes

from weightmark.errors import MalformedError
from weightmark_plugins.formats.numpy_file import NumpyFormat

GOOD = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n"


def refuse(folder: Path, *words: str) -> None:
    with pytest.raises(MalformedError) as caught:
        read(NumpyFormat, folder)
    for word in words:
        assert word in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_of_every_order_give_canonical_bytes(tmp_path: Path, save) -> None:
    source = np.random.default_rng(1)
    arrays = {
        "columns": np.asfortranarray(source.random((3, 4, 5))),
        "big": source.random((3, 4)).astype(">f4"),
        "complex": (source.random((2, 3)) + 1j).astype(">c16"),
        "scalar": np.array(7),
        "empty": np.zeros((0, 3)),
        "truth": np.array([True, False]),
        "half": np.ones(3, "f2"),
    }
    save(tmp_path / "m.npz", **arrays)
    expected = {
        key: value.astype(value.dtype.newbyteorder("<")).tobytes("C") for key, value in arrays.items()
    }
    assert read_bytes(NumpyFormat, tmp_path) == expected
    spans = read(NumpyFormat, tmp_path)
    assert {key: (span.dtype, span.shape) for key, span in spans.items()} == {
        key: (value.dtype.name, value.shape) for key, value in arrays.items()
    }


def test_records_give_their_fields_and_not_their_padding(tmp_path: Path) -> None:
    fields = np.dtype([("left", "<i8"), ("flag", "u1"), ("pair", ">f4", (2,)), ("value", "<f8")], align=True)
    array = np.frombuffer(np.random.default_rng(2).bytes(fields.itemsize * 3), fields)
    np.save(tmp_path / "tree.npy", array)
    data = read_bytes(NumpyFormat, tmp_path)
    assert data == {
        f"tree.{name}": array[name].astype(array[name].dtype.newbyteorder("<")).tobytes()
        for name in fields.names
    }
    nested = np.zeros(2, np.dtype([("in", [("a", "<i4"), ("b", "<f4")]), ("c", "<i2")]))
    np.save(tmp_path / "tree.npy", nested)
    assert list(read(NumpyFormat, tmp_path)) == ["tree.in.a", "tree.in.b", "tree.c"]


def test_what_has_no_number_type_is_bytes_and_text_is_no_tensor(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", void=np.zeros(3, "V2"), text=np.array(["a"]), raw=np.array([b"a"]))
    spans = read(NumpyFormat, tmp_path)
    assert {key: (span.dtype, span.shape) for key, span in spans.items()} == {"void": ("uint8", (3, 2))}


class Attack:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("true",)


def test_objects_are_no_tensors(tmp_path: Path) -> None:
    rows = np.zeros(2, [("a", "i4"), ("b", "O")])
    np.savez(tmp_path / "m.npz", good=np.zeros(2), people=np.array([{}, None]), rows=rows)
    np.save(tmp_path / "classes.npy", np.array(["cat", "dog"], object))
    assert list(read(NumpyFormat, tmp_path)) == ["good"]


def test_objects_that_run_code_are_refused_by_name(tmp_path: Path) -> None:
    np.save(tmp_path / "classes.npy", np.array([Attack()], object))
    refuse(tmp_path, "classes", "system", "runs code")


def test_arrays_one_after_another_are_all_read(tmp_path: Path) -> None:
    with (tmp_path / "a.npy").open("wb") as file:
        np.save(file, np.array([None]))
        np.save(file, np.arange(2, dtype="u1"))
        np.save(file, np.arange(3, dtype="u1"))
    assert read_bytes(NumpyFormat, tmp_path) == {"a.1": b"\0\1", "a.2": b"\0\1\2"}


def test_a_length_as_python_2_wrote_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(npy_header(GOOD.replace(b"(2,)", b"(2L,)"), bytes(8)))
    assert read(NumpyFormat, tmp_path)["a"].shape == (2,)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (npy_header(GOOD, bytes(7)), "needs"),
        (npy_header(GOOD, bytes(9)), "needs"),
        (npy_header(b"{'descr': '<f4', 'fortran_order': False}"), "alone"),
        (npy_header(GOOD.replace(b"(2,)", b"2")), "alone"),
        (npy_header(GOOD.replace(b"(2,)", b"(-2,)")), "shape"),
        (npy_header(GOOD.replace(b"(2,)", b"(True,)")), "integers"),
        (npy_header(GOOD.replace(b"(2,)", b"(2**9,)")), "literal"),
        (npy_header(GOOD.replace(b"(2,)", b"(" + b"9" * 30 + b",)")), "shape"),
        (npy_header(GOOD.replace(b"(2,)", b"(" + b"9" * 5000 + b",)")), "literal"),
        (npy_header(GOOD.replace(b"(2,)", b"(" + b"1," * 65 + b")")), "65 dimensions"),
        (npy_header(GOOD.replace(b"'<f4'", b"'<q4'")), "unknown number type"),
        (npy_header(GOOD.replace(b"'<f4'", b"__import__('os').system('x')")), "literal"),
        (npy_header(GOOD.replace(b"'<f4'", b"[('a', 'f4', 3)]")), "damaged field"),
        (npy_header(GOOD.replace(b"'<f4'", b"7")), "unknown type"),
        (npy_header(b"(" * 5000), "literal"),
        (npy_header(b"-" * 5000 + b"1"), "literal"),
        (npy_header(b"[" * 90 + b"]" * 90), "alone"),
        (npy_header(b" " * 10_001), "at most 10000"),
        (b"\x93NUMPY\x09\x00" + bytes(20), "does not begin"),
        (b"\x93NUMPY", "does not begin"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "claims a header"),
    ],
)
def test_damaged_headers_are_refused(tmp_path: Path, content: bytes, word: str) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    refuse(tmp_path, "a.npy", word)


def test_a_compressed_array_that_is_not_row_major_is_bounded(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("weightmark_plugins.formats.placement.MAX_INFLATED", 100)
    np.savez_compressed(tmp_path / "m.npz", a=np.asfortranarray(np.zeros((9, 9))))
    refuse(tmp_path, "not row-major")


def test_equal_names_in_two_archives_are_told_apart(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        (tmp_path / name).write_bytes(pack({"w.npy": npy("float32", (1,), bytes(4)), "notes.txt": b"x"}))
    assert list(read(NumpyFormat, tmp_path)) == ["w", "b.npz:w"]
