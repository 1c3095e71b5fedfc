"""ONNX: where tensors may stand, how they are named, what is transposed, and what is refused."""

from pathlib import Path

import pytest
from tests.model_files import (
    field,
    onnx_external_message,
    onnx_model,
    onnx_node,
    onnx_tensor_message,
    varint,
)

from weightmark.errors import MalformedError
from weightmark.model import Artifact, TensorSpan
from weightmark.testing.format import read_tensor
from weightmark_plugins.formats.onnx import OnnxFormat

FOUR = bytes(range(16))
SIX = bytes(range(24))
TURNED = b"".join(SIX[4 * index : 4 * index + 4] for index in (0, 3, 1, 4, 2, 5))


def read(folder: Path) -> dict[str, tuple[TensorSpan, bytes]]:
    artifact = Artifact.open(folder)
    reader = OnnxFormat()
    spans = reader.tensors(artifact, reader.claims(artifact))
    return {span.name: (span, read_tensor(artifact, span)) for span in spans}


def write(folder: Path, *arguments: object, name: str = "m.onnx", **others: object) -> Path:
    (folder / name).write_bytes(onnx_model(*arguments, **others))  # type: ignore[arg-type]
    return folder


def weight(name: str, content: bytes = SIX, shape: tuple[int, ...] = (2, 3)) -> bytes:
    return onnx_tensor_message(name, "float32", shape, content)


def attribute(name: str, number: int, content: bytes | int) -> bytes:
    return field(1, name) + field(number, content)


# ---- layouts
@pytest.mark.parametrize("name", ["val_12", "onnx::MatMul_34", "onnx::Gemm_5"])
@pytest.mark.parametrize("operation", ["MatMul", "Gemm"])
def test_a_folded_transposition_is_undone(name: str, operation: str, tmp_path: Path) -> None:
    span, content = read(write(tmp_path, [weight(name)], [onnx_node(operation, ["x", name], "y")]))[name]
    assert (span.shape, content) == ((3, 2), TURNED)


@pytest.mark.parametrize(
    ("name", "node"),
    [
        ("kernel", onnx_node("MatMul", ["x", "kernel"], "y")),
        ("val_1", onnx_node("MatMul", ["val_1", "x"], "y")),
        ("val_1", onnx_node("Add", ["x", "val_1"], "y")),
        ("val_1", onnx_node("Gemm", ["x", "val_1"], "y", attribute("transB", 3, 1))),
        ("val_1", onnx_node("Relu", ["x"], "y")),
    ],
    ids=["own name", "first operand", "another operation", "transB", "not used"],
)
def test_any_other_tensor_stays_as_it_is(name: str, node: bytes, tmp_path: Path) -> None:
    span, content = read(write(tmp_path, [weight(name)], [node]))[name]
    assert (span.shape, content, span.layout) == ((2, 3), SIX, None)


def test_a_tensor_with_a_second_use_stays_as_it_is(tmp_path: Path) -> None:
    nodes = [onnx_node("MatMul", ["x", "val_1"], "y"), onnx_node("Add", ["y", "val_1"], "z")]
    assert read(write(tmp_path, [weight("val_1")], nodes))["val_1"][0].layout is None


def test_typed_numbers_are_transposed_too(tmp_path: Path) -> None:
    halves = [0, 1, 2, 0xFC00, 4, 5]
    typed = field(5, b"".join(varint(half) for half in halves))
    message = field(1, 2) + field(1, 3) + field(2, 10) + field(8, "val_1") + typed
    span, content = read(write(tmp_path, [message], [onnx_node("MatMul", ["x", "val_1"], "y")]))["val_1"]
    assert (span.dtype, span.shape) == ("float16", (3, 2))
    assert content == b"".join(halves[index].to_bytes(2, "little") for index in (0, 3, 1, 4, 2, 5))


@pytest.mark.parametrize(
    ("code", "number", "values", "expected"),
    [
        (3, 5, [-1, 127, -128], b"\xff\x7f\x80"),
        (9, 5, [0, 1, 1], b"\0\1\1"),
        (7, 7, [-2, 1 << 40, 3], b"".join(n.to_bytes(8, "little", signed=True) for n in (-2, 1 << 40, 3))),
        (12, 11, [1, 2, 1 << 31], b"".join(n.to_bytes(4, "little") for n in (1, 2, 1 << 31))),
        (13, 11, [1, 2, 1 << 63], b"".join(n.to_bytes(8, "little") for n in (1, 2, 1 << 63))),
    ],
    ids=["int8", "bool", "int64", "uint32", "uint64"],
)
@pytest.mark.parametrize("packed", [True, False])
def test_listed_numbers_become_bytes(
    code: int, number: int, values: list[int], expected: bytes, packed: bool, tmp_path: Path
) -> None:
    numbers = [varint(value) for value in values]
    listed = (
        field(number, b"".join(numbers)) if packed else b"".join(varint(number << 3) + one for one in numbers)
    )
    message = field(1, 3) + field(2, code) + field(8, "w") + listed
    assert read(write(tmp_path, [message]))["w"][1] == expected


def test_numbers_of_one_message_each_are_read(tmp_path: Path) -> None:
    listed = b"".join(varint(4 << 3 | 5) + FOUR[start : start + 4] for start in range(0, 16, 4))
    message = field(1, 4) + field(2, 1) + field(8, "w") + listed
    assert read(write(tmp_path, [message]))["w"][1] == FOUR


# ---- places and names
def test_tensors_of_nodes_graphs_functions_and_training_are_found(tmp_path: Path) -> None:
    constant = onnx_node("Constant", [], "c", attribute("value", 5, weight("", FOUR, (4,))))
    inner = field(1, constant) + field(5, weight("w", FOUR, (2, 2)))
    branch = onnx_node("If", ["x"], "y", attribute("then_branch", 6, inner))
    function = field(1, "f") + field(10, "d") + field(7, constant)
    training = field(1, field(5, weight("w")))
    folder = write(tmp_path, [weight("w")], [branch, constant], field(25, function), field(20, training))
    assert {name: content for name, (_, content) in read(folder).items()} == {
        "w": SIX,
        "c": FOUR,
        "y.then_branch/w": FOUR,
        "y.then_branch/c": FOUR,
        "d::f/c": FOUR,
        "training/w": SIX,
    }


def test_a_sparse_tensor_is_two(tmp_path: Path) -> None:
    places = onnx_tensor_message("", "int64", (1,), bytes(8))
    sparse = field(15, field(1, weight("s", bytes(4), (1,))) + field(2, places) + field(3, 9))
    assert set(read(write(tmp_path, [], graph=sparse))) == {"s", "s:indices"}


def test_text_is_no_tensor(tmp_path: Path) -> None:
    text = field(1, 1) + field(2, 8) + field(6, b"words") + field(8, "t")
    assert not read(write(tmp_path, [text]))


def test_two_files_keep_their_names_apart(tmp_path: Path) -> None:
    write(tmp_path, [weight("w")], name="a.onnx")
    write(tmp_path, [weight("w", FOUR, (4,))], name="b.onnx")
    assert set(read(tmp_path)) == {"w", "b.onnx:w"}


# ---- external data
def test_external_data_are_read_where_they_lie(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/data").write_bytes(b"head" + FOUR)
    message = onnx_external_message("w", "float32", (4,), {"location": "data", "offset": 4})
    span, content = read(write(tmp_path, [message], name="deep/m.onnx"))["w"]
    assert (span.path, span.start, content) == ("deep/data", 4, FOUR)


def test_external_data_in_safetensors_belong_to_that_format(tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(FOUR)
    message = onnx_external_message("w", "float32", (4,), {"location": "m.safetensors"})
    assert not read(write(tmp_path, [message]))


@pytest.mark.parametrize(
    "location", ["../secret", "/etc/passwd", "a/../../b", "", "..", "a\\b", "\0", "./../x"]
)
def test_external_data_out_of_the_folder_are_refused(location: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(FOUR)
    (tmp_path / "model").mkdir()
    message = onnx_external_message("w", "float32", (4,), {"location": location})
    with pytest.raises(MalformedError, match="path") as caught:
        read(write(tmp_path / "model", [message]))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("entries", "match"),
    [
        ({"location": "data", "offset": 1}, "needs 16 bytes"),
        ({"location": "data", "length": 15}, "needs 16 bytes"),
        ({"location": "data", "offset": -1}, "no number"),
        ({"location": "data", "offset": "9" * 30}, "no number"),
        ({"location": "gone"}, "does not have"),
    ],
)
def test_external_data_that_are_not_there_are_refused(
    entries: dict[str, object], match: str, tmp_path: Path
) -> None:
    (tmp_path / "data").write_bytes(FOUR)
    with pytest.raises(MalformedError, match=match):
        read(write(tmp_path, [onnx_external_message("w", "float32", (4,), entries)]))


def test_a_file_alone_says_that_its_folder_is_needed(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(FOUR)
    write(tmp_path, [onnx_external_message("w", "float32", (4,), {"location": "data"})])
    with pytest.raises(MalformedError) as caught:
        read(tmp_path / "m.onnx")
    assert "Pass the folder" in caught.value.hint


def test_external_tensors_that_overlap_partly_are_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(SIX)
    places = [("a", 0), ("b", 8)]
    messages = [
        onnx_external_message(name, "float32", (4,), {"location": "data", "offset": offset})
        for name, offset in places
    ]
    with pytest.raises(MalformedError, match="overlap"):
        read(write(tmp_path, messages))


# ---- damage
@pytest.mark.parametrize(
    ("message", "match"),
    [
        (onnx_tensor_message("w", "float32", (5,), FOUR), "needs 20 bytes"),
        (onnx_tensor_message("w", "float32", (1 << 40, 1 << 40), FOUR), "more than"),
        (onnx_tensor_message("w", "float32", (-1,), FOUR), "negative"),
        (field(1, 4) + field(2, 99) + field(8, "w") + field(9, FOUR), "unknown number type"),
        (field(1, 4) + field(2, 1) + field(9, FOUR), "without a name"),
        (field(1, 4) + field(2, 1) + field(8, "w"), "0 sources"),
        (field(1, 1) + field(2, 1) + field(8, "w") + field(9, FOUR) + field(4, FOUR), "2 sources"),
        (field(1, 2) + field(2, 1) + field(8, "w") + field(7, b"\1\1"), "another type"),
        (field(3, b"") + field(8, "w"), "segments"),
        (field(1, b"\1" * 100) + field(2, 1) + field(8, "w"), "dimensions"),
        (field(1, b"\1" * 2000), "far too long"),
        (field(8, "w" * 70_000), "at most"),
        (field(8, b"\xff"), "UTF-8"),
    ],
)
def test_a_damaged_tensor_is_refused(message: bytes, match: str, tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match=match) as caught:
        read(write(tmp_path, [message]))
    assert caught.value.hint


def test_listed_numbers_that_do_not_fit_the_shape_are_refused(tmp_path: Path) -> None:
    for count in (2, 4):
        message = field(1, 3) + field(2, 7) + field(8, "w") + field(7, b"\1" * count)
        with pytest.raises(MalformedError, match="should have 24 bytes"):
            read(write(tmp_path, [message]))


def test_one_name_for_two_tensors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match="stands for two tensors"):
        read(write(tmp_path, [weight("w"), weight("w")]))


def test_graphs_without_end_are_refused(tmp_path: Path) -> None:
    graph = b""
    for _ in range(40):
        graph = field(1, onnx_node("If", [], "y", attribute("then_branch", 6, graph)))
    with pytest.raises(MalformedError, match="in one another"):
        read(write(tmp_path, [], graph=graph))


@pytest.mark.parametrize(
    "content", [field(1, 8), field(1, 8) + field(7, b""), b"\x08\x08\x0b", b"\x08" + b"\xff" * 20]
)
def test_what_is_no_model_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(MalformedError):
        read(tmp_path)


def test_numbers_that_are_none_are_numbers_all_the_same(tmp_path: Path) -> None:
    content = b"\x00\x00\xc0\x7f\x00\x00\x80\x7f"
    assert read(write(tmp_path, [weight("w", content, (2,))]))["w"][1] == content
