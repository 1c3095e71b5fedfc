"""What a fingerprint does and does not depend on."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from weightmark.encoding import Algorithm
from weightmark.fingerprinting import Fingerprint, compare_manifests, fingerprint_artifact
from weightmark.model import Artifact
from weightmark_plugins.formats.safetensors import DTYPES, SafetensorsFormat

CODES = {"uint8": 1, "float32": 4, "int64": 8}
BY_DTYPE = {dtype: code for code, (dtype, _) in DTYPES.items()}
CHUNK = 16


@dataclass(frozen=True)
class Value:
    dtype: str
    shape: tuple[int, ...]
    data: bytes


@st.composite
def values(draw: st.DrawFn) -> Value:
    dtype = draw(st.sampled_from(sorted(CODES)))
    shape = tuple(draw(st.lists(st.integers(0, 6), max_size=3)))
    count = CODES[dtype]
    for length in shape:
        count *= length
    return Value(dtype, shape, draw(st.binary(min_size=count, max_size=count)))


MODELS = st.lists(values(), min_size=1, max_size=8)


def write(path: Path, tensors: dict[str, Value]) -> None:
    header: dict[str, object] = {}
    data = b""
    for name, value in tensors.items():
        offsets = [len(data), len(data) + len(value.data)]
        header[name] = {"dtype": BY_DTYPE[value.dtype], "shape": value.shape, "data_offsets": offsets}
        data += value.data
    raw = json.dumps(header).encode()
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + data)


def take(
    shards: dict[str, dict[str, Value]], *, threads: int = 1, algorithm: Algorithm = Algorithm.SHA256
) -> Fingerprint:
    with tempfile.TemporaryDirectory() as folder:
        for name, tensors in shards.items():
            write(Path(folder) / name, tensors)
        artifact = Artifact.open(folder)
        reader = SafetensorsFormat()
        spans = reader.tensors(artifact, reader.claims(artifact))
        return fingerprint_artifact(artifact, spans, threads=threads, algorithm=algorithm, chunk_size=CHUNK)


def named(model: list[Value], prefix: str = "t") -> dict[str, Value]:
    return {f"{prefix}{i}": value for i, value in enumerate(model)}


@settings(max_examples=60, deadline=None)
@given(MODELS, st.randoms(use_true_random=False), st.integers(1, 4), st.sampled_from(list(Algorithm)))
def test_the_same_numbers_have_the_same_weights(
    model: list[Value], random: object, count: int, algorithm: Algorithm
) -> None:
    first = take({"model.safetensors": named(model)}, algorithm=algorithm)
    shuffled = list(model)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    shards: dict[str, dict[str, Value]] = {f"part-{i}.safetensors": {} for i in range(count)}
    for i, value in enumerate(shuffled):
        shards[f"part-{i % count}.safetensors"][f"other.{i}"] = value
    second = take(shards, algorithm=algorithm, threads=3)
    assert first.weights == second.weights
    assert first.tensors != second.tensors
    assert first.bundle != second.bundle


@settings(max_examples=30, deadline=None)
@given(MODELS)
def test_resharding_keeps_tensors_and_architecture(model: list[Value]) -> None:
    whole = named(model)
    first = take({"model.safetensors": whole})
    shards = {f"{i}.safetensors": {name: value} for i, (name, value) in enumerate(whole.items())}
    second = take(shards)
    assert (first.weights, first.tensors, first.architecture) == (
        second.weights,
        second.tensors,
        second.architecture,
    )
    assert not [
        difference for difference in compare_manifests(first.manifest, second.manifest) if difference.tensor
    ]


@settings(max_examples=30, deadline=None)
@given(MODELS)
def test_repeated_tensors_count_once(model: list[Value]) -> None:
    assert (
        take({"m.safetensors": named(model)}).weights
        == take({"m.safetensors": named([*model, *model])}).weights
    )


@settings(max_examples=30, deadline=None)
@given(MODELS, st.integers(2, 6))
def test_the_number_of_threads_does_not_matter(model: list[Value], threads: int) -> None:
    shards = {f"{i}.safetensors": {f"t{i}": value} for i, value in enumerate(model)}
    assert take(shards) == take(shards, threads=threads)


@settings(max_examples=100, deadline=None)
@given(MODELS.filter(lambda model: any(value.data for value in model)), st.data())
def test_any_flipped_bit_is_seen_and_its_tensor_named(model: list[Value], data: st.DataObject) -> None:
    position = data.draw(st.sampled_from([i for i, value in enumerate(model) if value.data]))
    old = model[position]
    bit = data.draw(st.integers(0, len(old.data) * 8 - 1))
    flipped = bytearray(old.data)
    flipped[bit // 8] ^= 1 << bit % 8
    changed = [*model]
    changed[position] = Value(old.dtype, old.shape, bytes(flipped))
    first, second = take({"m.safetensors": named(model)}), take({"m.safetensors": named(changed)})
    assert first.bundle != second.bundle
    assert first.tensors != second.tensors
    assert first.architecture == second.architecture
    kept = {(value.dtype, value.shape, value.data) for value in model}
    if {(value.dtype, value.shape, value.data) for value in changed} != kept:
        assert first.weights != second.weights
    differences = compare_manifests(first.manifest, second.manifest)
    assert [(d.path, d.tensor, d.reason) for d in differences] == [
        ("m.safetensors", f"t{position}", "changed")
    ]


@settings(max_examples=30, deadline=None)
@given(values().filter(lambda value: bool(value.data)))
def test_the_same_bytes_under_another_type_or_shape_are_other_weights(value: Value) -> None:
    flat = Value("uint8", (len(value.data),), value.data)
    column = Value("uint8", (len(value.data), 1), value.data)
    digests = {take({"m.safetensors": {"t": each}}).weights for each in (flat, column, value)}
    assert len(digests) == len({flat, column, value})


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 5 * CHUNK), st.integers(1, 4))
def test_every_length_around_the_chunk_boundaries(size: int, threads: int) -> None:
    value = Value("uint8", (size,), bytes(i % 251 for i in range(size)))
    found = take({"m.safetensors": {"t": value}}, threads=threads)
    longer = take({"m.safetensors": {"t": Value("uint8", (size + 1,), value.data + b"\0")}})
    assert found == take({"m.safetensors": {"t": value}})
    assert found.weights != longer.weights
