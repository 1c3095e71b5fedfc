"""Flax's files: names, chunks; and what is refused."""

from pathlib import Path

import pytest
from tests.format_files import flax_array, msgpack, read, read_bytes

from weightmark.errors import MalformedError
from weightmark_plugins.formats.flax import FlaxFormat, Joined


def write(folder: Path, value: object) -> None:
    (folder / "m.msgpack").write_bytes(value if isinstance(value, bytes) else msgpack(value))


def chunked(shape: dict[str, int], chunks: dict[str, object]) -> dict[str, object]:
    return {"__msgpack_chunked_array__": True, "shape": shape, "chunks": chunks}


ONE = flax_array("uint8", [2], b"ab")
TWO = flax_array("uint8", [1], b"c")


def test_names_are_the_keys_on_the_way(tmp_path: Path) -> None:
    write(tmp_path, {"params": {"dense": {"kernel": ONE, "bias": TWO}}, "step": 7, "list": [ONE, {"1": TWO}]})
    assert read_bytes(FlaxFormat, tmp_path) == {
        "params.dense.kernel": b"ab",
        "params.dense.bias": b"c",
        "list.0": b"ab",
        "list.1.1": b"c",
    }


def test_numpy_scalars_are_tensors_and_other_extensions_are_not(tmp_path: Path) -> None:
    scalar = (3, flax_array("float32", [], b"abcd")[1])
    write(tmp_path, {"a": scalar, "b": (2, b"complex"), "c": (77, b"?")})
    assert {name: span.shape for name, span in read(FlaxFormat, tmp_path).items()} == {"a": ()}


def test_chunks_are_joined_in_their_own_order(tmp_path: Path) -> None:
    write(tmp_path, {"w": chunked({"0": 3, "1": 1}, {"1": TWO, "0": ONE})})
    span = read(FlaxFormat, tmp_path)["w"]
    assert (span.shape, isinstance(span.layout, Joined)) == ((3, 1), True)
    assert read_bytes(FlaxFormat, tmp_path) == {"w": b"abc"}


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ({"w": flax_array("uint8", [3], b"ab")}, "needs 3 bytes"),
        ({"w": flax_array("uint8", [-2], b"ab")}, "shape"),
        ({"w": flax_array("uint8", [2**60, 2**60], b"ab")}, "shape"),
        ({"w": flax_array("object", [2], b"ab")}, "'object'"),
        ({"w": (1, msgpack([[2], "uint8"]))}, "not a shape"),
        ({"v": ONE, "w": (1, msgpack({}))}, "not a shape"),
        ({"v": ONE, "w": (1, b"")}, "refers to"),
        ({"w": (1, msgpack([[2], "uint8", b"ab"]) + b"\xc0")}, "needs 2 bytes"),
        ({"w": (1, msgpack([["2"], "uint8", b"ab"]))}, "no number"),
        ({"w": chunked({"0": 4}, {"0": ONE, "1": TWO})}, "chunks"),
        ({"w": chunked({"1": 3}, {"0": ONE, "1": TWO})}, "out of order"),
        ({"w": chunked({"0": 3}, {"0": ONE, "2": TWO})}, "chunks"),
        ({"w": chunked({"0": 3}, {"0": ONE, "x": TWO})}, "chunk"),
        ({"w": chunked({"0": 0}, {})}, "chunks"),
        ({"w": {"first": ONE, "__msgpack_chunked_array__": True}}, "chunks"),
        ({"w": {"__msgpack_chunked_array__": True, "chunks": {}, "chunks2": {}}}, "chunks"),
        ({"a" * 5000: ONE}, "name"),
        ({"a": ONE, "b": {}}, None),
        (b"\x83\xa1o" + msgpack(ONE) + b"\xa1a\xc0\xa1b", "m.msgpack"),
        (b"\x82\xa1o" + msgpack(ONE) + b"\xa1a\xc0\xc0", "ends at byte"),
        (b"\x82\xa1o" + msgpack(ONE) + b"\xa1a\xc1", "no value"),
        (b"\x82\xa1o" + msgpack(ONE) + b"\xc0\xc0", "neither text nor a number"),
        (b"\xdf\xff\xff\xff\xff\xa1o" + msgpack(ONE), "m.msgpack"),
        (b"\x82\xa1o" + msgpack(ONE) + b"\xa1a\xc6\xff\xff\xff\xff", "claims bytes"),
        (b"\x82\xa1o" + msgpack(ONE) + b"\xa1\xff\xc0", "not UTF-8"),
        (b"\x82\xa1o" + msgpack(ONE) + b"\xa1a" + b"\x81\xa1a" * 100 + b"\xc0", "nested deeper"),
        (b"\x82\xa1a" + msgpack(TWO) + b"\xa1a" + msgpack(TWO), "two tensors"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, value: object, word: str | None) -> None:
    write(tmp_path, value)
    if word is None:
        assert list(read(FlaxFormat, tmp_path)) == ["a"]
        return
    with pytest.raises(MalformedError) as caught:
        read(FlaxFormat, tmp_path)
    assert word in caught.value.message
    assert caught.value.hint
