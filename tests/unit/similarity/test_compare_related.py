"""What was made from a model is told, with the layers it came from."""

from pathlib import Path

import numpy as np
import pytest
from tests.similar_models import Weights, add_noise, arrange, compare, make_llama, open_model

from weightmark.similarity.comparing import compare_tensors
from weightmark.similarity.comparison import Verdict

OURS = make_llama(1)
THEIRS = make_llama(2)


def test_a_copy_is_identical(tmp_path: Path) -> None:
    one, other = open_model(tmp_path / "a", OURS), open_model(tmp_path / "b", OURS)
    found = compare_tensors(one, other)
    assert (found.verdict, found.p_value, found.method) == (Verdict.IDENTICAL, 0.0, "bytes")
    assert found.layers == (0, 1, 2, 3)


def test_another_file_name_is_another_packaging(tmp_path: Path) -> None:
    found = compare(tmp_path, OURS, OURS)
    assert found.verdict is Verdict.REPACKAGED
    assert all(pair.equal for pair in found.pairs)


def test_other_names_are_another_packaging(tmp_path: Path) -> None:
    renamed = {f"tensor-{index:03d}": value for index, value in enumerate(OURS.values())}
    assert compare(tmp_path, OURS, renamed).verdict is Verdict.REPACKAGED


def test_one_bias_of_few_numbers_makes_another_model(tmp_path: Path) -> None:
    bias = np.arange(5, dtype=np.float32)
    found = compare(tmp_path, OURS | {"head.bias": bias}, OURS | {"head.bias": bias + 1})
    assert found.verdict is Verdict.DERIVED


@pytest.mark.parametrize("noise", [0.1, 1.0, 2.0])
def test_trained_on_is_derived(tmp_path: Path, noise: float) -> None:
    found = compare(tmp_path, OURS, add_noise(OURS, noise))
    assert found.verdict is Verdict.DERIVED
    assert found.p_value == 1e-9
    assert found.log10_bound < -20
    assert found.layers == (0, 1, 2, 3)


def test_a_cast_is_derived(tmp_path: Path) -> None:
    found = compare(tmp_path, OURS, {name: value.astype(np.float16) for name, value in OURS.items()})
    assert found.verdict is Verdict.DERIVED


def _quantise(value: np.ndarray, levels: int) -> np.ndarray:
    scale = np.abs(value).max() / levels
    return np.asarray(np.round(value / scale) * scale, np.float32)


def _prune(value: np.ndarray, share: float) -> np.ndarray:
    return np.where(np.abs(value) < np.quantile(np.abs(value), share), 0, value).astype(np.float32)


@pytest.mark.parametrize("levels", [127, 7])
def test_quantised_is_derived(tmp_path: Path, levels: int) -> None:
    made = {name: _quantise(value, levels) for name, value in OURS.items()}
    assert compare(tmp_path, OURS, made).verdict is Verdict.DERIVED


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_pruned_is_derived(tmp_path: Path, share: float) -> None:
    made = {name: _prune(value, share) if value.ndim > 1 else value for name, value in OURS.items()}
    assert compare(tmp_path, OURS, made).verdict is Verdict.DERIVED


@pytest.mark.parametrize("order", [[0, 1, 3], [0, 1, 2, 1, 2, 3], [1, 2, 3, 0], [3, 3, 3]])
def test_moved_layers_are_told_apart(tmp_path: Path, order: list[int]) -> None:
    found = compare(tmp_path, OURS, add_noise(arrange(OURS, order), 0.3))
    assert found.verdict is Verdict.DERIVED
    assert list(found.layers) == order


def _transplant() -> Weights:
    taken = {name: value for name, value in OURS.items() if ".layers.1." in name or ".layers.2." in name}
    return THEIRS | taken


def test_copied_layers_are_named(tmp_path: Path) -> None:
    found = compare(tmp_path, OURS, add_noise(_transplant(), 0.3))
    assert found.verdict is Verdict.PARTIAL
    assert found.layers == (None, 1, 2, None)
    assert {pair.layer_second for pair in found.pairs} == {1, 2}


def test_copied_layers_in_other_places_are_named(tmp_path: Path) -> None:
    made = THEIRS | {
        name.replace(".layers.1.", ".layers.3."): value
        for name, value in OURS.items()
        if ".layers.1." in name
    }
    found = compare(tmp_path, OURS, add_noise(made, 0.3))
    assert (found.verdict, found.layers) == (Verdict.PARTIAL, (None, None, None, 1))


def test_a_copied_embedding_is_named(tmp_path: Path) -> None:
    name = "model.embed_tokens.weight"
    found = compare(tmp_path, OURS, add_noise(THEIRS | {name: OURS[name]}, 0.3))
    assert found.verdict is Verdict.PARTIAL
    assert [pair.second for pair in found.pairs] == [name]


def test_two_parents_make_a_merge(tmp_path: Path) -> None:
    merged = {name: 0.6 * OURS[name] + 0.4 * THEIRS[name] for name in OURS}
    found = compare(tmp_path, OURS, merged, THEIRS, make_llama(3))
    assert found.verdict is Verdict.MERGED
    assert {parent.model: round(parent.weight, 1) for parent in found.parents} == {
        "first": 0.6,
        "parent-1": 0.4,
    }


def test_transplanted_layers_with_their_host_named_make_a_merge(tmp_path: Path) -> None:
    assert compare(tmp_path, OURS, _transplant(), THEIRS).verdict is Verdict.MERGED


def test_a_sibling_is_no_second_parent(tmp_path: Path) -> None:
    found = compare(tmp_path, OURS, add_noise(OURS, 0.2), add_noise(OURS, 0.3, seed=5))
    assert found.verdict is Verdict.DERIVED


def test_renamed_and_changed_is_found_by_shape(tmp_path: Path) -> None:
    renamed = {f"tensor-{index:03d}": value for index, value in enumerate(add_noise(OURS, 0.3).values())}
    found = compare(tmp_path, OURS, renamed)
    assert found.verdict is Verdict.DERIVED
    assert len(found.pairs) == 30
    assert found.method == "scan"


def test_transposed_under_other_names_is_found(tmp_path: Path) -> None:
    turned = {f"t{index}": value.T for index, value in enumerate(add_noise(OURS, 0.3).values())}
    found = compare(tmp_path, OURS, turned)
    assert found.verdict is Verdict.DERIVED
    assert {pair.transform.name for pair in found.pairs} == {"transposed"}


def _fuse(weights: Weights) -> Weights:
    made: Weights = {}
    for name, value in weights.items():
        if "q_proj" in name:
            parts = [weights[name.replace("q_proj", f"{slot}_proj")] for slot in "qkv"]
            made[name.replace("q_proj", "qkv_proj")] = np.concatenate(parts)
        elif "k_proj" not in name and "v_proj" not in name:
            made[name] = value
    return made


def test_fused_projections_are_found_in_their_slices(tmp_path: Path) -> None:
    fused = _fuse(add_noise(OURS, 0.3))
    found = compare(tmp_path, OURS, fused)
    assert found.verdict is Verdict.DERIVED
    slices = {(pair.first, pair.transform.second_rows) for pair in found.pairs if "qkv_proj" in pair.second}
    assert ("model.layers.2.self_attn.v_proj.weight", range(192, 288)) in slices
    assert len(slices) == 12


def test_a_longer_vocabulary_is_no_obstacle(tmp_path: Path) -> None:
    more = np.random.default_rng(5).standard_normal((16, 96)).astype(np.float32) * 0.02
    longer = {
        name: np.concatenate((value, more)) if len(value) == 400 else value
        for name, value in add_noise(OURS, 0.2).items()
    }
    found = compare(tmp_path, OURS, longer)
    assert found.verdict is Verdict.DERIVED
    assert "model.embed_tokens.weight" in {pair.second for pair in found.pairs}


def test_wider_blocks_are_no_obstacle(tmp_path: Path) -> None:
    wider = make_llama(7, units=256)
    for name, value in OURS.items():
        target = wider[name]
        target[tuple(slice(length) for length in value.shape)] = value
    assert compare(tmp_path, OURS, wider).verdict is Verdict.DERIVED


def test_a_convolutional_network_is_found(tmp_path: Path) -> None:
    def network(seed: int) -> Weights:
        generator = np.random.default_rng(seed)
        shapes = {"stem.weight": (32, 3, 3, 3), "mid.weight": (64, 32, 3, 3), "last.weight": (64, 64, 3, 3)}
        made = {name: generator.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
        return made | {"fc.weight": generator.standard_normal((10, 64)).astype(np.float32)}

    assert compare(tmp_path / "a", network(1), add_noise(network(1), 0.5)).verdict is Verdict.DERIVED
    assert compare(tmp_path / "b", network(1), network(2)).verdict is Verdict.NONE


def test_numbers_that_are_not_finite_are_told(tmp_path: Path) -> None:
    spoilt = add_noise(OURS, 0.1)
    spoilt["model.layers.0.self_attn.q_proj.weight"][3, 5] = np.nan
    spoilt["model.layers.0.self_attn.k_proj.weight"][:] = np.inf
    found = compare(tmp_path, OURS, spoilt)
    assert found.verdict is Verdict.DERIVED
    assert any("not finite" in note for note in found.notes)


def test_a_tuned_recurrent_model_is_derived(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    shapes = {"lstm.weight_ih_l0": (256, 8), "lstm.weight_hh_l0": (256, 64), "fc.weight": (10, 64)}
    one = {name: generator.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    assert compare(tmp_path, one, add_noise(one, 0.3)).verdict is Verdict.DERIVED


def test_a_tuned_model_of_sixteen_units_is_derived(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    shapes = {"0.weight": (16, 20), "2.weight": (16, 16), "4.weight": (5, 16)}
    one = {name: generator.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    found = compare(tmp_path, one, add_noise(one, 0.3))
    assert found.verdict is Verdict.DERIVED
    assert -14 < found.log10_bound < -6  # one in all orders of sixteen is 10 to the -13.3
