"""TensorFlow's checkpoints from strangers: a MalformedError or sound spans, and nothing else."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.model_files import check_hostile, checkpoint_entry, damaged, field, table

from weightmark_plugins.formats.tensorflow import TensorflowFormat
from weightmark_plugins.formats.tensorflow_entry import slice_key

VECTORS = Path(__file__).parents[1] / "vectors/tensorflow"
WHOLE = (VECTORS / "checkpoint/weights.index").read_bytes()
SLICED = (VECTORS / "partitioned/model.ckpt.index").read_bytes()
PLACES = st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=8)), max_size=6)
NUMBERS = st.integers(-2, 9) | st.integers(-(2**63), 2**63 - 1)
ENTRY = st.builds(
    checkpoint_entry,
    st.sampled_from(["float32", "int64", "bool", "complex64"]),
    st.lists(NUMBERS, max_size=3),
    NUMBERS,
    NUMBERS,
    st.integers(0, 2),
)


def check(index: bytes) -> None:
    check_hostile(TensorflowFormat, {"m.index": index, "m.data-00000-of-00001": bytes(900)})


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(content: bytes) -> None:
    check(content)
    check(content + WHOLE[-48:])


@settings(max_examples=120, deadline=None)
@given(st.sampled_from([WHOLE, SLICED]), PLACES)
def test_any_damage(content: bytes, places: list[tuple[int, bytes]]) -> None:
    check(damaged(content, places))


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.binary(max_size=6), ENTRY | st.binary(max_size=20), max_size=4))
def test_any_entries(entries: dict[bytes, bytes]) -> None:
    check(table({b"": field(1, 1), **entries}))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=3), max_size=3), ENTRY, ENTRY)
def test_any_slices(slices: list[list[tuple[int, int]]], whole: bytes, part: bytes) -> None:
    listed = b"".join(
        field(7, b"".join(field(1, field(1, start) + field(2, length)) for start, length in extents))
        for extents in slices
    )
    parts = {slice_key(b"w", tuple(extents)): part for extents in slices}
    check(table({b"": field(1, 1), b"w": whole + listed, **parts}))
