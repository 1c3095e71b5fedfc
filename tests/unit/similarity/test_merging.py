"""By which recipe a model was merged: what is recovered, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.unit.similarity.models import Weights, load, make_weights, model, narrow, quantise, save, tune

from weightmark.errors import MalformedError
from weightmark.similarity.adapter import Adapter
from weightmark.similarity.merging import Explanation, Merge
from weightmark.similarity.products import Family

BASE = make_weights(1)
A, B, DECOY = tune(BASE, 2), tune(BASE, 3), make_weights(9)


def mix(*parts: tuple[float, Weights]) -> Weights:
    return {name: sum(w * each[name] for w, each in parts).astype(np.float32) for name in BASE}  # type: ignore[union-attr]


def arc(place: float) -> Weights:
    made: Weights = {}
    for name in BASE:
        a, b = A[name].astype(np.float64), B[name].astype(np.float64)
        angle = np.arccos((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b))
        parts = np.sin((1 - place) * angle) * a + np.sin(place * angle) * b
        made[name] = (parts / np.sin(angle)).astype(np.float32)
    return made


def drop(rate: float, *weights: float) -> Weights:
    generator = np.random.default_rng(5)
    made: Weights = {}
    for name, base in BASE.items():
        total = base.astype(np.float64)
        for weight, parent in zip(weights, (A, B), strict=True):
            kept = generator.random(base.shape) >= rate
            total += weight * kept * (parent[name] - base) / (1 - rate)
        made[name] = total.astype(np.float32)
    return made


def trim(density: float, scale: float) -> Weights:
    made: Weights = {}
    for name, base in BASE.items():
        distances = np.stack([each[name].astype(np.float64) - base for each in (A, B)])
        sizes = np.abs(distances)
        bars = np.quantile(sizes.reshape(2, -1), 1 - density, axis=1).reshape(2, *[1] * base.ndim)
        trimmed = np.where(sizes >= bars, distances, 0)
        agreed = np.where(np.sign(trimmed) == np.sign(trimmed.sum(0)), trimmed, 0)
        mean = agreed.sum(0) / np.maximum((agreed != 0).sum(0), 1)
        made[name] = (base + scale * mean).astype(np.float32)
    return made


def merge(tmp_path: Path, child: dict[str, np.ndarray], *, base: bool = True, decoy: bool = True) -> Merge:
    parents = {"a": A, "b": B, **({"decoy": DECOY} if decoy else {})}
    family = Family(
        child=model(tmp_path / "child", child),
        parents={name: model(tmp_path / name, weights) for name, weights in parents.items()},
        base=model(tmp_path / "base", BASE) if base else None,
    )
    return Merge(family)


def values(found: Explanation) -> list[float]:
    return [each.value for each in found.coefficients]


@pytest.mark.parametrize(
    ("recipe", "child", "expected"),
    [
        ("linear", mix((0.3, A), (0.7, B)), [0.3, 0.7, 0]),
        ("task-arithmetic", mix((0.2, BASE), (0.5, A), (0.3, B)), [0.5, 0.3, 0]),
        ("task-arithmetic", mix((-0.3, BASE), (0.9, A), (0.4, B)), [0.9, 0.4, 0]),
        ("slerp", arc(0.3), [0.7, 0.3, 0]),
        ("copy", A, [1, 0, 0]),
        ("dare", drop(0.5, 0.6, 0.4), [0.6, 0.4, 0]),
        ("dare", drop(0.9, 0.5, 0.5), [0.5, 0.5, 0]),
        ("ties", trim(0.5, 1.0), [1, 1, 0]),
        ("ties", trim(0.2, 0.7), [0.7, 0.7, 0]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_recipe_is_named_with_its_coefficients_and_the_decoy(
    tmp_path: Path, recipe: str, child: Weights, expected: list[float]
) -> None:
    found = merge(tmp_path, child).explain()
    assert (found.recipe, found.holds) == (recipe, True)
    assert values(found) == pytest.approx(expected, abs=0.02)
    assert "decoy" in found.idle


def test_the_density_of_ties_is_told(tmp_path: Path) -> None:
    found = merge(tmp_path, trim(0.3, 1.0), decoy=False).explain()
    assert found.parameters["density of a"] == pytest.approx(0.3, abs=0.03)
    assert found.parameters["scale of b"] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    "child",
    [
        narrow(mix((0.5, A), (0.5, B))),
        {n: quantise(v, 255) if v.ndim > 1 else v for n, v in mix((0.5, A), (0.5, B)).items()},
        {n: quantise(v, 15) if v.ndim > 1 else v for n, v in mix((0.5, A), (0.5, B)).items()},
    ],
    ids=["bfloat16", "8 bits", "4 bits"],
)
def test_rounding_of_the_child_is_no_reason_to_refuse(tmp_path: Path, child: dict[str, np.ndarray]) -> None:
    found = merge(tmp_path, child).explain()
    assert found.holds
    assert found.recipe == "linear"
    assert values(found) == pytest.approx([0.5, 0.5, 0], abs=0.02)


def test_parents_without_a_base_are_told_too(tmp_path: Path) -> None:
    found = merge(tmp_path, mix((0.6, A), (0.4, DECOY)), base=False).explain()
    assert (found.recipe, found.holds) == ("linear", True)
    assert values(found) == pytest.approx([0.6, 0, 0.4], abs=0.02)
    assert found.idle == ("b",)


def test_layers_of_several_models_are_told_apart(tmp_path: Path) -> None:
    child = {name: (A if "layers.0" in name else B)[name] for name in BASE}
    found = merge(tmp_path, child).explain()
    assert (found.recipe, found.holds) == ("passthrough", True)
    came = {each.name: max(each.weights, key=lambda name: each.weights[name]) for each in found.tensors}
    assert came == {name: "a" if "layers.0" in name else "b" for name in BASE}


def test_weights_of_each_tensor_own_are_the_last_resort(tmp_path: Path) -> None:
    child = {name: mix((at / 8, A), (1 - at / 8, B))[name] for at, name in enumerate(BASE, start=1)}
    found = merge(tmp_path, child).explain()
    assert (found.recipe, found.holds) == ("by-tensor", True)
    assert found.tensors[0].weights["a"] == pytest.approx(1 / 8, abs=1e-3)


def test_a_child_that_was_trained_after_merging_is_refused(tmp_path: Path) -> None:
    found = merge(tmp_path, tune(mix((0.5, A), (0.5, B)), 7, 0.001)).explain()
    assert not found.holds
    assert 0.5 < found.explained < 1


def test_an_arc_is_found_beside_a_parent_that_is_like_the_others(tmp_path: Path) -> None:
    parents = {"a": A, "decoy": mix((0.5, A), (0.5, B)), "b": B}
    family = Family(
        child=model(tmp_path / "child", arc(0.4)),
        parents={name: model(tmp_path / name, weights) for name, weights in parents.items()},
    )
    found = Merge(family).explain()
    assert found.holds
    stranger = Family(
        child=family.child,
        parents={**{name: family.parents[name] for name in "ab"}, "c": model(tmp_path / "c", DECOY)},
    )
    found, failures = Merge(stranger).judge("slerp", [0.6, 0.4, 0.0])
    assert failures == []
    assert found.idle == ("c",)


def test_a_stranger_is_explained_by_nothing(tmp_path: Path) -> None:
    found = merge(tmp_path, make_weights(33)).explain()
    assert not found.holds
    assert not any(each.fits for each in found.tensors)


def test_a_claim_that_holds_leaves_nothing(tmp_path: Path) -> None:
    asked = merge(tmp_path, mix((0.5, A), (0.5, B)), decoy=False)
    assert asked.judge("linear", [0.5, 0.5])[1] == []
    assert asked.judge("task-arithmetic")[1] == []


@pytest.mark.parametrize(
    ("recipe", "weights", "reason"),
    [
        ("linear", [0.6, 0.4], "the coefficient of a is 0.500, not 0.600"),
        ("slerp", [0.5], "not explained by slerp"),
        ("passthrough", None, "not explained by passthrough"),
    ],
)
def test_a_claim_that_does_not_hold_is_refused_with_what_does_not_fit(
    tmp_path: Path, recipe: str, weights: list[float] | None, reason: str
) -> None:
    _, failures = merge(tmp_path, mix((0.5, A), (0.5, B)), decoy=False).judge(recipe, weights)
    assert any(reason in failure.reason for failure in failures)


def test_parents_that_are_alike_are_not_told_apart(tmp_path: Path) -> None:
    family = Family(
        child=model(tmp_path / "child", mix((0.5, A), (0.5, BASE))),
        parents={"one": model(tmp_path / "a", A), "two": model(tmp_path / "b", A)},
        base=model(tmp_path / "base", BASE),
    )
    found, failures = Merge(family).judge("task-arithmetic", [0.5, 0.0])
    assert [each.error for each in found.coefficients] == [None, None]
    assert any("cannot be told" in failure.reason for failure in failures)


def test_a_tensor_that_only_the_child_has_fits_no_recipe(tmp_path: Path) -> None:
    child = {**mix((0.5, A), (0.5, B)), "head.weight": np.ones((4, 4), np.float32)}
    found = merge(tmp_path, child).explain()
    assert not found.holds
    assert found.left_out == {"head.weight": "not every parent has it"}


def test_models_without_a_tensor_in_common_are_refused(tmp_path: Path) -> None:
    family = Family(
        child=model(tmp_path / "child", {"x": np.ones(3, np.float32)}),
        parents={"a": model(tmp_path / "a", A), "b": model(tmp_path / "b", B)},
    )
    with pytest.raises(MalformedError, match="not every parent has it"):
        Merge(family)


def write_adapter(
    folder: Path, config: dict[str, object] | None = None, prefix: str = "base_model.model."
) -> Path:
    generator = np.random.default_rng(4)
    halves = {
        f"{prefix}layers.0.up.lora_A.weight": generator.normal(size=(4, 48)).astype(np.float32) / 7,
        f"{prefix}layers.0.up.lora_B.weight": generator.normal(size=(96, 4)).astype(np.float32) / 30,
    }
    save(folder, halves)
    (folder / "config.json").unlink()
    settings = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, **(config or {})}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    return folder


@pytest.mark.parametrize("times", [2.0, 0.5])
def test_a_folded_adapter_is_told_with_its_share(tmp_path: Path, times: float) -> None:
    folder = write_adapter(tmp_path / "adapter")
    halves = {name: load(folder).read(name) for name in load(folder).names}
    down, up = (next(v for n, v in halves.items() if half in n) for half in ("lora_A", "lora_B"))
    child = {**BASE, "layers.0.up.weight": BASE["layers.0.up.weight"] + np.float32(times) * (up @ down)}
    family = Family(
        child=model(tmp_path / "child", child),
        parents={"base": model(tmp_path / "base", BASE)},
        adapter=Adapter(load(folder)),
    )
    found = Merge(family).explain()
    assert (found.recipe, found.holds) == ("lora", True)
    assert values(found) == pytest.approx([1, times / 2], abs=1e-3)


@pytest.mark.parametrize(
    ("config", "reason"),
    [({"use_dora": True}, "DoRA"), ({"peft_type": "IA3"}, "IA3")],
)
def test_adapters_that_are_not_added_are_refused(
    tmp_path: Path, config: dict[str, object], reason: str
) -> None:
    with pytest.raises(MalformedError, match=reason):
        Adapter(load(write_adapter(tmp_path / "adapter", config)))


def test_the_adapter_of_another_model_is_refused(tmp_path: Path) -> None:
    family = Family(
        child=model(tmp_path / "child", A),
        parents={"base": model(tmp_path / "base", BASE)},
        adapter=Adapter(load(write_adapter(tmp_path / "adapter", prefix="base_model.model.other."))),
    )
    with pytest.raises(MalformedError, match="which the model does not have"):
        Merge(family)


def test_a_folder_without_an_adapter_is_refused(tmp_path: Path) -> None:
    folder = save(tmp_path / "a", {"x": np.ones(3, np.float32)})
    with pytest.raises(MalformedError, match="the folder has none"):
        Adapter(load(folder))
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    with pytest.raises(MalformedError, match="neither lora_A nor lora_B"):
        Adapter(load(folder))
