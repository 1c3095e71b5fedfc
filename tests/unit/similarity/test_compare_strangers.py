"""Strangers are not accused, whatever they have in common by rule, by shape or by chance."""

from pathlib import Path

import numpy as np
import pytest
from tests.similar_models import Weights, compare, make_llama

from weightmark.similarity.comparison import Verdict


def random(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_two_seeds_are_strangers(tmp_path: Path) -> None:
    found = compare(tmp_path, make_llama(1), make_llama(2))
    assert found.verdict is Verdict.NONE
    assert found.p_value > 0.001
    assert (found.layers, found.pairs, found.parents) == ((), (), ())


def test_strangers_under_other_names_stay_strangers(tmp_path: Path) -> None:
    renamed = {f"t{index:03d}": value for index, value in enumerate(make_llama(2).values())}
    assert compare(tmp_path, make_llama(1), renamed).verdict is Verdict.NONE


def _tables(width: int) -> Weights:
    positions, places = np.arange(64)[:, None], np.arange(width)
    angles = positions / 10000 ** (places // 2 * 2 / width)
    return {
        "embed_positions.weight": np.where(places % 2, np.cos(angles), np.sin(angles)).astype(np.float32),
        "rotary.inv_freq": (1 / 10000 ** (np.arange(32) / 32)).astype(np.float32),
        "attention.mask": np.tril(np.ones((64, 64), np.float32)),
        "gate.identity": np.eye(64, dtype=np.float32),
        "steps.ramp": np.linspace(0, 1, 4096, dtype=np.float32).reshape(64, 64),
        "position_ids": np.arange(512, dtype=np.int64)[None],
        "zeros": np.zeros((64, 64), np.float32),
        "ones": np.ones((64, 64), np.float32),
    }


def test_what_programs_write_is_no_evidence(tmp_path: Path) -> None:
    one, other = make_llama(1) | _tables(96), make_llama(2) | _tables(96)
    found = compare(tmp_path, one, other)
    assert found.verdict is Verdict.NONE


def test_models_of_nothing_but_tables_are_equal_without_telling(tmp_path: Path) -> None:
    found = compare(tmp_path, _tables(64), _tables(64))
    assert found.verdict is Verdict.REPACKAGED
    assert found.p_value == 1.0
    assert any("tell nothing" in note for note in found.notes)


def test_trained_identities_are_no_evidence(tmp_path: Path) -> None:
    one = {
        f"block{index}.weight": np.eye(64, dtype=np.float32) + 0.05 * random(index, 64, 64)
        for index in range(4)
    }
    other = {name: np.eye(64, dtype=np.float32) + 0.05 * random(9 + len(name), 64, 64) for name in one}
    assert compare(tmp_path, one, other).verdict is Verdict.NONE


def test_linear_models_of_one_task_are_no_evidence(tmp_path: Path) -> None:
    answer = random(1, 10, 784)
    one = {"weight": answer + 0.01 * random(2, 10, 784), "bias": random(4, 10)}
    other = {"weight": answer + 0.01 * random(3, 10, 784), "bias": random(5, 10)}
    assert compare(tmp_path, one, other).verdict is Verdict.NONE


def test_first_and_last_layers_of_one_task_are_no_evidence(tmp_path: Path) -> None:
    inputs, outputs = random(1, 1, 784), random(2, 10, 1)
    one, other = (
        {
            "first.weight": random(seed, 128, 784) + 3 * inputs,
            "last.weight": random(seed + 1, 10, 128) + 3 * outputs,
        }
        for seed in (10, 20)
    )
    assert compare(tmp_path, one, other).verdict is Verdict.NONE


def test_a_shared_vocabulary_is_no_evidence(tmp_path: Path) -> None:
    frequent = np.exp(random(1, 400, 1))
    one, other = make_llama(1), make_llama(2)
    for weights in (one, other):
        for name in ("model.embed_tokens.weight", "lm_head.weight"):
            weights[name] = weights[name] * frequent + 0.02 * frequent
    found = compare(tmp_path, one, other)
    assert found.verdict is Verdict.NONE
    assert found.p_value > 1e-3


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_toys_have_too_few_units_to_tell(tmp_path: Path, size: int) -> None:
    one = {"a.weight": random(1, size, size), "b.weight": random(2, size, size)}
    other = {name: value * 1.001 for name, value in one.items()}
    assert compare(tmp_path, one, other).verdict is Verdict.NONE


@pytest.mark.parametrize("seed", range(20))
def test_toys_of_strangers_are_not_accused(tmp_path: Path, seed: int) -> None:
    one, other = (
        {f"l{index}.weight": random(base + index, 8, 8) for index in range(3)}
        for base in (seed * 10, 5000 + seed * 10)
    )
    assert compare(tmp_path, one, other).verdict is Verdict.NONE


def test_one_loud_unit_in_one_place_is_no_evidence(tmp_path: Path) -> None:
    one, other = make_llama(1), make_llama(2)
    for weights in (one, other):
        for name, value in weights.items():
            if "q_proj" in name or "k_proj" in name:
                value[:, 7] += 1.0
    assert compare(tmp_path, one, other).verdict is Verdict.NONE


def test_equal_biases_alone_are_no_evidence(tmp_path: Path) -> None:
    shared = {"scaler.mean": random(1, 100), "scaler.scale": np.abs(random(2, 100))}
    found = compare(tmp_path, make_llama(1) | shared, make_llama(2) | shared)
    assert found.verdict is Verdict.NONE


def test_empty_and_scalar_tensors_are_no_obstacle(tmp_path: Path) -> None:
    odd = {"scale": np.array(0.5, np.float32), "empty": np.empty((0, 64), np.float32)}
    assert compare(tmp_path, make_llama(1) | odd, make_llama(2) | odd).verdict is Verdict.NONE


def test_nothing_but_numbers_that_are_not_finite_is_no_evidence(tmp_path: Path) -> None:
    spoilt = {name: np.full_like(value, np.nan) for name, value in make_llama(1).items()}
    found = compare(tmp_path, make_llama(1), spoilt)
    assert found.verdict is Verdict.NONE


def test_linear_maps_of_one_space_into_itself_are_no_evidence(tmp_path: Path) -> None:
    answers = {f"lag{index}": random(index, 64, 64) for index in (1, 2)}
    one, other = (
        {name: answer + 0.05 * random(seed + len(name), 64, 64) for name, answer in answers.items()}
        for seed in (10, 20)
    )
    assert compare(tmp_path, one, other).verdict is Verdict.NONE


def test_units_that_learned_to_feed_themselves_are_no_evidence(tmp_path: Path) -> None:
    one, other = (
        {
            "0.weight": random(seed, 256, 20),
            "2.weight": random(seed + 1, 256, 256) / 16 + 0.4 * np.eye(256, dtype=np.float32),
            "4.weight": random(seed + 2, 5, 256),
        }
        for seed in (10, 20)
    )
    assert compare(tmp_path, one, other).verdict is Verdict.NONE


def test_models_that_started_from_identities_are_no_evidence(tmp_path: Path) -> None:
    entry = np.eye(64, 20, dtype=np.float32) + 0.3 * random(1, 64, 20)
    one, other = (
        {
            "0.weight": entry + 0.1 * random(seed, 64, 20),
            "2.weight": np.eye(64, dtype=np.float32) + 0.02 * random(seed + 1, 64, 64),
            "4.weight": random(seed + 2, 5, 64),
        }
        for seed in (10, 20)
    )
    found = compare(tmp_path, one, other)
    assert found.verdict is Verdict.NONE
    assert any("identity" in note for note in found.notes)


def test_gates_of_recurrent_layers_are_not_shuffled(tmp_path: Path) -> None:
    gates = np.repeat(random(1, 4, 256), 64, axis=0)
    one, other = (
        {
            "lstm.weight_ih_l0": gates + random(seed, 256, 256),
            "lstm.weight_hh_l0": random(seed + 1, 256, 64),
            "fc.weight": random(seed + 2, 10, 64),
        }
        for seed in (10, 20)
    )
    assert compare(tmp_path, one, other).verdict is Verdict.NONE


def test_layers_that_learned_from_a_shared_vocabulary_are_not_accused(tmp_path: Path) -> None:
    words = random(1, 400, 12) @ random(2, 12, 96) * 0.02
    one, other = make_llama(1), make_llama(2)
    for seed, made in ((3, one), (4, other)):
        made["model.embed_tokens.weight"] = words
        for slot in ("up", "gate"):
            name = f"model.layers.0.mlp.{slot}_proj.weight"
            made[name] = made[name] + 0.01 * random(seed, 192, 400) @ words
    found = compare(tmp_path, one, other)
    assert found.verdict is Verdict.PARTIAL
    assert set(found.layers) == {None}
    assert {pair.second for pair in found.pairs} == {"model.embed_tokens.weight"}
