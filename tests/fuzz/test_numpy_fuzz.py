"""NumPy's files from strangers."""

import zipfile

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.format_files import npy, npy_header, pack
from tests.format_fuzz import EDITS, check, damage

from weightmark.testing.format import SAMPLE
from weightmark_plugins.formats.numpy_file import NumpyFormat

ARRAYS = {f"{name}.npy": npy(*array) for name, array in SAMPLE.items()}
RECORDS = npy_header(
    b"{'descr': [('a', '<i4'), ('b', '>f8', (2,)), ('', '|V4')], 'fortran_order': True, 'shape': (1, 2)}",
    bytes(48),
)
FILES = [
    ("m.npz", pack({**ARRAYS, "r.npy": RECORDS})),
    ("m.npz", pack({**ARRAYS, "r.npy": RECORDS}, zipfile.ZIP_DEFLATED)),
    ("m.npy", ARRAYS["decoder.weight.npy"]),
    ("m.npy", RECORDS),
]
CODES = st.from_regex(r"[<>|=]?[a-zA-Z?]\d{0,3}", fullmatch=True) | st.text(max_size=5)
SHAPES = st.lists(st.integers(-1, 4) | st.integers(), max_size=3).map(tuple)
FIELDS = st.recursive(
    CODES,
    lambda inner: st.lists(
        st.tuples(st.text(max_size=3), inner) | st.tuples(st.text(max_size=3), inner, SHAPES), max_size=3
    ),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(FILES), EDITS)
def test_damaged_files(file: tuple[str, bytes], edits: list[tuple[int, bytes, str]]) -> None:
    check(NumpyFormat, file[0], damage(file[1], edits))


@settings(max_examples=300, deadline=None)
@given(FIELDS, st.booleans(), SHAPES, st.binary(max_size=64))
def test_any_header(descr: object, fortran: bool, shape: tuple[int, ...], data: bytes) -> None:
    header = repr({"descr": descr, "fortran_order": fortran, "shape": shape}).encode("utf-8", "replace")
    check(NumpyFormat, "m.npy", npy_header(header, data))
