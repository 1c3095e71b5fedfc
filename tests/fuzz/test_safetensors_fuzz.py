"""Bytes from strangers: a MalformedError or sound spans, and nothing else."""

import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from weightmark.errors import MalformedError
from weightmark.model import Artifact
from weightmark.testing.format import check_spans, check_told
from weightmark_plugins.formats.safetensors import DTYPES, SafetensorsFormat

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
LENGTHS = st.lists(st.integers(-1, 5) | st.integers(), max_size=3)
ENTRY = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(sorted(DTYPES)) | st.text(max_size=3),
        "shape": LENGTHS,
        "data_offsets": st.lists(st.integers(-1, 40), min_size=1, max_size=3),
    }
)
HEADER = st.dictionaries(st.text(max_size=4) | st.just("__metadata__"), ENTRY | JSON, max_size=4)


def check(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        artifact = Artifact.open(folder)
        reader = SafetensorsFormat()
        try:
            spans = reader.tensors(artifact, reader.claims(artifact))
        except MalformedError as error:
            check_told(error)
            return
        check_spans(artifact, spans)
        assert len({span.name for span in spans}) == len(spans)
        for span in spans:
            span.name.encode()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(content: bytes) -> None:
    check({"m.safetensors": content})


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=40), st.integers(-2, 2))
def test_any_header(header: bytes, data: bytes, shift: int) -> None:
    length = max(0, len(header) + 2 + shift)
    check({"m.safetensors": length.to_bytes(8, "little") + b"{" + header + b"}" + data})


@settings(max_examples=400, deadline=None)
@given(HEADER, st.binary(max_size=40))
def test_any_entries(header: dict[str, object], data: bytes) -> None:
    raw = json.dumps(header).encode()
    check({"m.safetensors": len(raw).to_bytes(8, "little") + raw + data})


@settings(max_examples=200, deadline=None)
@given(JSON | st.fixed_dictionaries({"weight_map": st.dictionaries(st.sampled_from(["a", "b", "c"]), JSON)}))
def test_any_index(value: object) -> None:
    header = json.dumps({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}).encode()
    shard = len(header).to_bytes(8, "little") + header + b"x"
    check({"m.safetensors": shard, "m.safetensors.index.json": json.dumps(value).encode()})
