"""GGUF from strangers: a MalformedError or sound spans, and nothing else."""

import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.model_files import GGUF_CODES, check_hostile, damaged, gguf_file

from weightmark.testing.format import SAMPLE
from weightmark_plugins.formats.gguf import GgufFormat

PLACES = st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=8)), max_size=6)
QUERY = {"blk.0.attn_q.weight": ("float32", (8, 2), bytes(64)), "q": ("q8_0", (2, 32), bytes(68))}
METADATA = {
    "general.architecture": "llama",
    "llama.attention.head_count": 2,
    "general.alignment": 32,
    "texts": ["a", "b"],
    "numbers": [1, 2, 3],
}
MODEL = gguf_file({**SAMPLE, **QUERY}, METADATA)
LENGTHS = st.lists(st.integers(0, 5) | st.integers(0, 2**64 - 1), max_size=5)
TENSOR = st.tuples(st.sampled_from(sorted(GGUF_CODES)), LENGTHS.map(tuple), st.binary(max_size=40))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 9), st.integers(0, 9))
def test_any_bytes(content: bytes, tensors: int, entries: int) -> None:
    check_hostile(GgufFormat, {"m.gguf": content})
    check_hostile(GgufFormat, {"m.gguf": b"GGUF" + struct.pack("<IQQ", 3, tensors, entries) + content})


@settings(max_examples=120, deadline=None)
@given(PLACES)
def test_any_damage(places: list[tuple[int, bytes]]) -> None:
    check_hostile(GgufFormat, {"m.gguf": damaged(MODEL, places)})


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["w", "blk.0.attn_q.weight", "blk.1.attn_k.bias"]), TENSOR, max_size=3)
)
def test_any_tensors(tensors: dict[str, tuple[str, tuple[int, ...], bytes]]) -> None:
    check_hostile(GgufFormat, {"m.gguf": gguf_file(tensors, METADATA)})


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*METADATA, "llama.attention.head_count_kv"]),
        st.integers(0, 2**32 - 1) | st.text(max_size=5) | st.lists(st.integers(0, 4), max_size=3),
    )
)
def test_any_metadata(metadata: dict[str, object]) -> None:
    check_hostile(GgufFormat, {"m.gguf": gguf_file({**SAMPLE, **QUERY}, {**METADATA, **metadata})})
