"""Sketches: small, stable, alike for like models, and refused when damaged."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from weightmark.discovery import Plugins
from weightmark.errors import MalformedError
from weightmark.model import Artifact
from weightmark.similarity import ModelTensors, Sketch, agree, make_sketch, sketch
from weightmark.workspace.reading import find_tensors

Weights = Mapping[str, np.ndarray]


def random_weights(seed: int, layers: int = 3) -> dict[str, np.ndarray]:
    source = np.random.default_rng(seed)
    shapes = {f"layer.{layer}.{part}": (64, 96) for layer in range(layers) for part in ("up", "down")}
    shapes["embed"] = (300, 64)
    return {name: source.standard_normal(shape, np.float32) for name, shape in shapes.items()}


def sketch_of(folder: Path, weights: Weights, seed: str = "a seed") -> Sketch:
    folder.mkdir(exist_ok=True)
    save_file(
        {name: np.ascontiguousarray(value) for name, value in weights.items()}, folder / "model.safetensors"
    )
    artifact = Artifact.open(folder)
    made = make_sketch(ModelTensors(artifact, find_tensors(artifact, Plugins())), seed=seed)
    assert made is not None
    return made


def test_names_order_and_a_cast_change_little(tmp_path: Path) -> None:
    weights = random_weights(1)
    renamed = {f"z{name[::-1]}": value.astype(np.float16) for name, value in reversed(weights.items())}
    agreement = agree(sketch_of(tmp_path / "a", weights), sketch_of(tmp_path / "b", renamed))
    assert agreement.bits > 0.98
    assert agreement.alike == agreement.tensors == 7


def test_strangers_agree_in_half_of_the_bits(tmp_path: Path) -> None:
    sketches = [sketch_of(tmp_path / "m", random_weights(seed)) for seed in range(12)]
    pairs = [agree(one, other) for place, one in enumerate(sketches) for other in sketches[:place]]
    assert 0.47 < np.mean([pair.bits for pair in pairs]) < 0.53
    assert max(pair.bits for pair in pairs) < 0.66
    assert not any(pair.alike for pair in pairs)


@pytest.mark.parametrize(
    ("change", "least"),
    [
        (lambda value, noise: value + 0.3 * noise, 0.85),
        (lambda value, _: np.where(np.abs(value) < 0.674, 0, value), 0.8),
        (lambda value, _: np.round(value * 2) / 2, 0.9),
    ],
    ids=["noise of 30 %", "half pruned", "few levels"],
)
def test_what_training_and_compression_do_leaves_it_alike(
    tmp_path: Path, change: object, least: float
) -> None:
    assert callable(change)
    weights = random_weights(1)
    noise = random_weights(2)
    changed = {name: change(value, noise[name]).astype(np.float32) for name, value in weights.items()}
    agreement = agree(sketch_of(tmp_path / "a", weights), sketch_of(tmp_path / "b", changed))
    assert agreement.bits > least
    assert agreement.alike == agreement.tensors


def test_a_copied_layer_is_seen_among_foreign_ones(tmp_path: Path) -> None:
    weights, foreign = random_weights(1), random_weights(2)
    mixed = {**foreign, "layer.2.up": weights["layer.0.up"]}
    assert agree(sketch_of(tmp_path / "a", weights), sketch_of(tmp_path / "b", mixed)).alike == 1


def test_another_seed_says_nothing(tmp_path: Path) -> None:
    weights = random_weights(1)
    first, second = sketch_of(tmp_path / "a", weights), sketch_of(tmp_path / "a", weights, "another")
    assert first.code != second.code
    with pytest.raises(ValueError, match="different seeds"):
        agree(first, second)


def test_it_fits_its_bound_and_comes_back(tmp_path: Path) -> None:
    source = np.random.default_rng(0)
    many = {f"t{number}": source.standard_normal((32, 32), np.float32) for number in range(1000)}
    made = sketch_of(tmp_path / "a", many)
    assert len(made.tensors) == sketch.MAX_TENSORS
    assert len(made.encode()) <= sketch.MAX_SIZE
    assert Sketch.decode(made.encode()) == made


def test_not_numbers_constants_and_small_tensors_take_no_part(tmp_path: Path) -> None:
    weights = random_weights(1)
    odd = {
        "nan": np.full((64, 96), np.nan, np.float32),
        "zero": np.zeros((64, 96), np.float32),
        "small": np.ones((4, 4), np.float32),
        "bias": np.ones(4096, np.float32),
    }
    with np.errstate(invalid="ignore"):
        assert sketch_of(tmp_path / "a", {**weights, **odd}) == sketch_of(tmp_path / "b", weights)


def test_a_model_without_large_tensors_has_none(tmp_path: Path) -> None:
    save_file({"bias": np.ones(10, np.float32)}, tmp_path / "model.safetensors")
    artifact = Artifact.open(tmp_path)
    assert make_sketch(ModelTensors(artifact, find_tensors(artifact, Plugins()))) is None


def test_a_large_tensor_is_sampled_and_a_quantised_one_by_whole_blocks(tmp_path: Path) -> None:
    source = np.random.default_rng(0)
    large = source.standard_normal((600, 1000), np.float32)
    first = sketch_of(tmp_path / "a", {"w": large})
    second = sketch_of(tmp_path / "b", {"w": large + 0.1 * source.standard_normal(large.shape, np.float32)})
    assert agree(first, second).bits > 0.9


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-20],
        lambda data: data.replace(b"sketch.v1", b"sketch.v9"),
        lambda data: data.replace(b'"tensors":["', b'"tensors":["!'),
        lambda data: data.replace(b'"tensors":[', b'"tensors":[7,'),
        lambda data: data + b" " * sketch.MAX_SIZE,
    ],
)
def test_a_damaged_sketch_is_refused(tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    data = sketch_of(tmp_path / "a", random_weights(1)).encode()
    with pytest.raises(MalformedError):
        Sketch.decode(damage(data))


def test_unsorted_tensors_are_refused(tmp_path: Path) -> None:
    made = sketch_of(tmp_path / "a", random_weights(1))
    with pytest.raises(MalformedError, match="sorted"):
        Sketch.decode(replace(made, tensors=made.tensors[::-1]).encode())
