"""Keras's files from strangers: a MalformedError or sound spans, and nothing else."""

import struct
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.model_files import FLOAT, Hdf5Writer, check_hostile, damaged, hdf5_file

from weightmark.testing.format import SAMPLE
from weightmark_plugins.formats.keras import KerasFormat

VECTORS = Path(__file__).parents[1] / "vectors/tensorflow"
ARCHIVE = (VECTORS / "model.keras").read_bytes()
MODEL = hdf5_file({f"layers/{name}": tensor for name, tensor in SAMPLE.items()})
NUMBERS = st.integers(0, 2**64 - 1).map(lambda value: struct.pack("<Q", value))
NEAR = st.integers(0, len(MODEL)).map(lambda value: struct.pack("<Q", value))
PLACES = st.lists(
    st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=8) | NUMBERS | NEAR), max_size=6
)
MESSAGE = st.tuples(st.integers(0, 24), st.binary(max_size=40))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(content: bytes) -> None:
    check_hostile(KerasFormat, {"m.h5": content, "m.keras": content})
    check_hostile(KerasFormat, {"m.h5": MODEL[:96] + content})


@settings(max_examples=100, deadline=None)
@given(PLACES)
def test_any_damage(places: list[tuple[int, bytes]]) -> None:
    check_hostile(KerasFormat, {"m.h5": damaged(MODEL, places)})


@settings(max_examples=100, deadline=None)
@given(PLACES)
def test_any_damaged_archive(places: list[tuple[int, bytes]]) -> None:
    check_hostile(KerasFormat, {"m.keras": damaged(ARCHIVE, places)})


@settings(max_examples=120, deadline=None)
@given(st.lists(MESSAGE, max_size=5))
def test_any_messages(messages: list[tuple[int, bytes]]) -> None:
    writer = Hdf5Writer()
    sound = [(1, struct.pack("<BBB5xQ", 1, 1, 0, 4)), (3, FLOAT)]
    dataset = writer.header([*sound, *messages])
    check_hostile(
        KerasFormat, {"m.h5": writer.finished(writer.group({"vars": writer.group({"0": dataset})}))}
    )
