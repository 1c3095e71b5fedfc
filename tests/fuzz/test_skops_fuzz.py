"""skops' files from strangers."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.format_files import npy, pack, skops
from tests.format_fuzz import EDITS, check, damage

from weightmark.testing.format import SAMPLE
from weightmark_plugins.formats.skops import SkopsFormat

NODE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["content", "__loader__", "file", "key_types", "a", "b"]), inner, max_size=4
        )
        | st.fixed_dictionaries(
            {
                "__loader__": st.just("NdArrayNode"),
                "file": st.sampled_from(["1.npy", "2.npz", "3.bin", "?.npy"]),
            }
        )
    ),
    max_leaves=10,
)
INNER = pack({"data.npy": npy("uint8", (2,), b"ab")})


@settings(max_examples=200, deadline=None)
@given(EDITS)
def test_damaged_files(edits: list[tuple[int, bytes, str]]) -> None:
    check(SkopsFormat, "m.skops", damage(skops(SAMPLE), edits))


@settings(max_examples=200, deadline=None)
@given(NODE)
def test_any_schema(schema: object) -> None:
    members = {"1.npy": npy("uint8", (2,), b"ab"), "2.npz": INNER, "schema.json": json.dumps(schema).encode()}
    check(SkopsFormat, "m.skops", pack(members))
