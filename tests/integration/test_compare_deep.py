"""Copies in another order or another basis are found after alignment; strangers are not accused by it."""

from pathlib import Path

import numpy as np
import pytest
from tests.similar_models import Weights, add_noise, compare, make_llama

from weightmark.similarity.comparison import Verdict

pytestmark = pytest.mark.integration

OURS = make_llama(1)


def turn(weights: Weights, matrix: np.ndarray) -> Weights:
    """Turn the stream: what reads it is multiplied on the right, what writes it on the left."""
    made: Weights = {}
    for name, value in weights.items():
        if value.ndim == 1:
            made[name] = value
        elif name.endswith(("o_proj.weight", "down_proj.weight")):
            made[name] = (matrix.T @ value).astype(np.float32)
        else:
            made[name] = (value @ matrix).astype(np.float32)
    return made


def signed_order(width: int) -> np.ndarray:
    generator = np.random.default_rng(3)
    return np.asarray(np.eye(width)[generator.permutation(width)] * generator.choice([-1.0, 1.0], width))


def rotation(width: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(4).standard_normal((width, width)))[0]


@pytest.mark.parametrize(
    ("matrix", "name"), [(signed_order(96), "stream reordered"), (rotation(96), "stream rotated")]
)
@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_a_turned_stream_is_found(tmp_path: Path, matrix: np.ndarray, name: str, noise: float) -> None:
    found = compare(tmp_path, OURS, turn(add_noise(OURS, noise), matrix))
    assert (found.verdict, found.method) == (Verdict.DERIVED, "deep")
    assert found.layers == (0, 1, 2, 3)
    assert {pair.transform.name for pair in found.pairs} == {name}
    assert not any(pair.transform.elementwise for pair in found.pairs)
    assert found.p_value <= 1e-6


def test_hidden_units_and_heads_in_another_order_hide_nothing(tmp_path: Path) -> None:
    made = turn(OURS, signed_order(96))
    generator = np.random.default_rng(6)
    for layer in range(4):
        order, heads = generator.permutation(192), generator.permutation(96)
        stem = f"model.layers.{layer}"
        for slot in ("gate", "up"):
            made[f"{stem}.mlp.{slot}_proj.weight"] = made[f"{stem}.mlp.{slot}_proj.weight"][order]
        made[f"{stem}.mlp.down_proj.weight"] = made[f"{stem}.mlp.down_proj.weight"][:, order]
        for slot in "qkv":
            made[f"{stem}.self_attn.{slot}_proj.weight"] = made[f"{stem}.self_attn.{slot}_proj.weight"][heads]
        made[f"{stem}.self_attn.o_proj.weight"] = made[f"{stem}.self_attn.o_proj.weight"][:, heads]
    found = compare(tmp_path, OURS, made)
    assert (found.verdict, found.layers) == (Verdict.DERIVED, (0, 1, 2, 3))


@pytest.mark.parametrize("seed", range(2, 8))
def test_strangers_of_one_vocabulary_are_not_accused(tmp_path: Path, seed: int) -> None:
    common = np.random.default_rng(0).standard_normal((400, 96)).astype(np.float32) * 0.1
    one, other = make_llama(1), make_llama(seed)
    one["model.embed_tokens.weight"] += common
    other["model.embed_tokens.weight"] += common @ rotation(96).astype(np.float32)
    found = compare(tmp_path, one, other)
    assert found.verdict is Verdict.NONE
    assert any("were tried" in note for note in found.notes)
