"""Flax's files from strangers."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.format_files import flax, flax_array, msgpack
from tests.format_fuzz import EDITS, check, damage

from weightmark.testing.format import SAMPLE
from weightmark_plugins.formats.flax import CHUNKED, FlaxFormat

ARRAY = st.builds(
    flax_array,
    st.sampled_from(["uint8", "float32", "bfloat16", "object"]),
    st.lists(st.integers(-1, 4) | st.integers(-(2**63), 2**63 - 1), max_size=3),
    st.binary(max_size=16),
)
KEYS = st.text(max_size=3) | st.sampled_from([CHUNKED, "shape", "chunks", "0", "1"])
TREE = st.recursive(
    ARRAY | st.booleans() | st.integers(-5, 5) | st.binary(max_size=4) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)
CHUNKS = st.fixed_dictionaries(
    {
        CHUNKED: st.booleans(),
        "shape": st.dictionaries(st.sampled_from("012"), st.integers(0, 4), max_size=2),
        "chunks": st.dictionaries(st.sampled_from("012"), ARRAY, max_size=3),
    }
)
CUT = {
    CHUNKED: True,
    "shape": {"0": 3},
    "chunks": {"0": flax_array("uint8", [2], b"ab"), "1": flax_array("uint8", [1], b"c")},
}
FILES = [flax(SAMPLE), msgpack({"w": CUT})]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(FILES), EDITS)
def test_damaged_files(content: bytes, edits: list[tuple[int, bytes, str]]) -> None:
    check(FlaxFormat, "m.msgpack", damage(content, edits))


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(KEYS, TREE | CHUNKS, max_size=3))
def test_any_tree(tree: dict[str, object]) -> None:
    check(FlaxFormat, "m.msgpack", msgpack(tree))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=100))
def test_any_bytes(content: bytes) -> None:
    check(FlaxFormat, "m.msgpack", b"\x82" + content)
