"""ONNX from strangers: a MalformedError or sound spans, and nothing else."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.model_files import (
    check_hostile,
    damaged,
    field,
    onnx_external_message,
    onnx_model,
    onnx_node,
    onnx_tensor_message,
    onnx_typed_message,
)

from weightmark.testing.format import SAMPLE
from weightmark_plugins.formats.onnx import OnnxFormat

PLACES = st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=8)), max_size=6)
CONSTANT = onnx_node(
    "Constant", [], "c", field(1, "value") + field(5, onnx_tensor_message("", "int8", (2,), b"ab"))
)
MODEL = onnx_model(
    [
        *(onnx_tensor_message(name, *tensor) for name, tensor in SAMPLE.items()),
        onnx_typed_message("val_1", "float32", (2, 3), bytes(24)),
        onnx_typed_message("numbers", "int64", (2,), bytes(16)),
        onnx_external_message("far", "float32", (2,), {"location": "data", "offset": 4, "length": 8}),
    ],
    [
        CONSTANT,
        onnx_node("MatMul", ["x", "val_1"], "y"),
        onnx_node("If", [], "z", field(6, field(1, CONSTANT))),
    ],
    field(25, field(1, "f") + field(7, CONSTANT)),
)
VALUE = st.recursive(
    st.integers(0, 2**64 - 1) | st.binary(max_size=12),
    lambda inner: st.lists(st.tuples(st.integers(1, 26), inner), max_size=5),
    max_leaves=20,
)


def message(value: object) -> bytes | int:
    if isinstance(value, list):
        return b"".join(field(number, message(inner)) for number, inner in value)
    assert isinstance(value, bytes | int)
    return value


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(content: bytes) -> None:
    check_hostile(OnnxFormat, {"m.onnx": content})


@settings(max_examples=120, deadline=None)
@given(PLACES)
def test_any_damage(places: list[tuple[int, bytes]]) -> None:
    check_hostile(OnnxFormat, {"m.onnx": damaged(MODEL, places), "data": bytes(16)})


@settings(max_examples=120, deadline=None)
@given(VALUE, VALUE)
def test_any_message(tensor: object, node: object) -> None:
    parts = [message(tensor), message(node)]
    tensors, nodes = ([part if isinstance(part, bytes) else field(1, part)] for part in parts)
    check_hostile(OnnxFormat, {"m.onnx": onnx_model(tensors, nodes)})


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["location", "offset", "length"]), st.integers() | st.text(max_size=9))
)
def test_any_external_data(entries: dict[str, object]) -> None:
    content = onnx_model([onnx_external_message("w", "float32", (2,), {"location": "data", **entries})])
    check_hostile(OnnxFormat, {"m.onnx": content, "data": bytes(16)})
