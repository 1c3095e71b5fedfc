"""PyTorch's files from strangers: damaged ones, and pickles of any operations."""

import pickletools
import zipfile

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.format_files import (
    SIZES,
    call,
    mapping,
    name,
    number,
    state_dict,
    storage,
    tensor,
    text,
    torch_legacy,
    torch_zip,
)
from tests.format_fuzz import EDITS, check, damage

from weightmark.testing.format import SAMPLE
from weightmark_plugins.formats.pytorch import PyTorchFormat

PICKLE, STORED = state_dict(SAMPLE)
SIZE = {str(place): SIZES[dtype] for place, (dtype, _, _) in enumerate(SAMPLE.values())}
FILES = [
    torch_zip(PICKLE, STORED),
    torch_zip(PICKLE, STORED, compression=zipfile.ZIP_DEFLATED),
    torch_legacy(PICKLE, STORED, SIZE),
    PICKLE,
]
INTEGERS = st.integers(-2, 30) | st.integers()
TENSOR = st.builds(
    tensor,
    st.builds(storage, st.sampled_from(["0", "1", "?"]), st.sampled_from(sorted(SIZES)), INTEGERS),
    st.lists(INTEGERS, max_size=3),
    st.lists(INTEGERS, max_size=3),
    INTEGERS,
)
PIECES = st.one_of(
    st.sampled_from([opcode.code.encode("latin-1") for opcode in pickletools.opcodes]),
    st.binary(max_size=3),
    INTEGERS.map(number),
    st.text(max_size=4).map(text),
    TENSOR,
    st.just(name("collections", "OrderedDict")),
    st.builds(
        name, st.just("torch._utils"), st.sampled_from(["_rebuild_parameter", "_rebuild_sparse_tensor", "?"])
    ),
)
VALUES = st.recursive(
    TENSOR | INTEGERS.map(number) | st.text(max_size=4).map(text),
    lambda inner: (
        st.dictionaries(st.text(max_size=3), inner, max_size=3).map(mapping)
        | st.lists(inner, max_size=3).map(lambda items: call(name("my.models", "Thing"), *items))
        | st.lists(inner, max_size=3).map(
            lambda items: call(name("torch._utils", "_rebuild_from_type_v2"), *items)
        )
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(FILES), EDITS)
def test_damaged_files(content: bytes, edits: list[tuple[int, bytes, str]]) -> None:
    check(PyTorchFormat, "m.bin", damage(content, edits))


@settings(max_examples=300, deadline=None)
@given(EDITS)
def test_damaged_pickles_in_sound_archives(edits: list[tuple[int, bytes, str]]) -> None:
    check(PyTorchFormat, "m.pt", torch_zip(damage(PICKLE, edits), STORED))


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=20))
def test_any_operations(pieces: list[bytes]) -> None:
    check(PyTorchFormat, "m.pt", torch_zip(b"".join(pieces) + b".", STORED))


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_any_values(value: bytes) -> None:
    check(PyTorchFormat, "m.pt", torch_zip(value + b".", STORED))
