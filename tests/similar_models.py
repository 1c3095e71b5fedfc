"""Small models of random numbers for the comparison's tests: no training, all in NumPy."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from weightmark.model import Artifact
from weightmark.similarity.comparing import Side, compare_tensors
from weightmark.similarity.comparison import Comparison
from weightmark.similarity.values import ModelTensors
from weightmark_plugins.formats.safetensors import SafetensorsFormat

Weights = dict[str, np.ndarray]


def make_llama(
    seed: int, *, layers: int = 4, width: int = 96, units: int = 192, vocabulary: int = 400
) -> Weights:
    """Make a model that was never trained, with the names of a Llama."""
    generator = np.random.default_rng(seed)

    def random(*shape: int) -> np.ndarray:
        return (generator.standard_normal(shape) * 0.02).astype(np.float32)

    made: Weights = {
        "model.embed_tokens.weight": random(vocabulary, width),
        "model.norm.weight": np.ones(width, np.float32),
        "lm_head.weight": random(vocabulary, width),
    }
    for layer in range(layers):
        stem = f"model.layers.{layer}"
        made |= {f"{stem}.self_attn.{slot}_proj.weight": random(width, width) for slot in "qkvo"}
        made[f"{stem}.mlp.gate_proj.weight"] = random(units, width)
        made[f"{stem}.mlp.up_proj.weight"] = random(units, width)
        made[f"{stem}.mlp.down_proj.weight"] = random(width, units)
        made[f"{stem}.input_layernorm.weight"] = np.ones(width, np.float32)
    return made


def add_noise(weights: Weights, size: float, seed: int = 99) -> Weights:
    """Add noise of a size relative to each matrix, as training would move it."""
    generator = np.random.default_rng(seed)
    return {
        name: (value + size * value.std() * generator.standard_normal(value.shape)).astype(value.dtype)
        if value.ndim > 1
        else value
        for name, value in weights.items()
    }


def arrange(weights: Weights, order: list[int]) -> Weights:
    """Give a model whose layers are these of the given one."""
    made = {name: value for name, value in weights.items() if ".layers." not in name}
    for place, origin in enumerate(order):
        for name, value in weights.items():
            if f".layers.{origin}." in name:
                made[name.replace(f".layers.{origin}.", f".layers.{place}.")] = value
    return made


def open_model(folder: Path, weights: Mapping[str, np.ndarray], name: str = "model.safetensors") -> Side:
    """Write a model and open it."""
    folder.mkdir(exist_ok=True, parents=True)
    save_file({key: np.ascontiguousarray(value) for key, value in weights.items()}, folder / name)
    artifact, reader = Artifact.open(folder), SafetensorsFormat()
    return Side(
        model=folder.name, tensors=ModelTensors(artifact, reader.tensors(artifact, reader.claims(artifact)))
    )


def compare(
    folder: Path,
    first: Mapping[str, np.ndarray],
    second: Mapping[str, np.ndarray],
    *parents: Mapping[str, np.ndarray],
) -> Comparison:
    """Write models and compare them."""
    one, other = (
        open_model(folder / "first", first),
        open_model(folder / "second", second, "other.safetensors"),
    )
    others = [open_model(folder / f"parent-{index}", parent) for index, parent in enumerate(parents, start=1)]
    return compare_tensors(one, other, parents=others)
