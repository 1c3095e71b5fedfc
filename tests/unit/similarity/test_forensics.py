"""What was done to a model, read from its numbers."""

from collections.abc import Callable
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.unit.similarity.models import Weights, make_weights, model, quantise, tune

from weightmark.similarity.forensics import Forensics, examine
from weightmark.similarity.operation import Confidence, Operation, label_tensor
from weightmark.similarity.pairing import Pair, Transform

BASE = make_weights(1)
Matrix = NDArray[np.float32]


def of_matrices(change: Callable[[Matrix], NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
    return {name: change(values) if values.ndim > 1 else values for name, values in BASE.items()}


def prune(values: Matrix, share: float) -> Matrix:
    return np.where(np.abs(values) < np.quantile(np.abs(values), share), np.float32(0), values)


def add_low_rank(values: Matrix) -> Matrix:
    generator = np.random.default_rng(3)
    left, right = generator.normal(size=(values.shape[0], 6)), generator.normal(size=(6, values.shape[1]))
    return (values + 0.004 * left @ right).astype(np.float32)


def add_noise(values: Matrix) -> Matrix:
    return (values + 0.1 * values.std() * np.random.default_rng(4).normal(size=values.shape)).astype(
        np.float32
    )


def two_of_four(values: Matrix) -> NDArray[np.bool_]:
    order = np.random.default_rng(0).random((values.size // 4, 4)).argsort(axis=1)
    return (order < 2).reshape(values.shape)


def look(tmp_path: Path, weights: dict[str, NDArray[np.generic]]) -> Forensics:
    pairs = [
        Pair(first=name, second=name, z=50, cosine=0.9, layer_first=layer, layer_second=layer)
        for name, layer in ((name, int(name.split(".")[1]) if "layers" in name else None) for name in BASE)
    ]
    return examine(model(tmp_path / "first", BASE), model(tmp_path / "second", weights), pairs)


@pytest.mark.parametrize(
    ("change", "operation", "detail", "confidence"),
    [
        (lambda v: v.astype(ml_dtypes.bfloat16), Operation.CAST, "bfloat16", Confidence.CERTAIN),
        (lambda v: v.astype(np.float16), Operation.CAST, "float16", Confidence.CERTAIN),
        (
            lambda v: v.astype(ml_dtypes.float8_e4m3fn).astype(np.float32),
            Operation.CAST,
            "float8_e4m3fn",
            Confidence.CERTAIN,
        ),
        (lambda v: quantise(v, 255), Operation.QUANTISED, "8 bits, 255 levels", Confidence.CERTAIN),
        (lambda v: quantise(v, 15), Operation.QUANTISED, "4 bits, 15 levels", Confidence.CERTAIN),
        (lambda v: prune(v, 0.3), Operation.PRUNED, "30%", Confidence.CERTAIN),
        (add_low_rank, Operation.LOW_RANK, "rank 6", Confidence.CERTAIN),
        (lambda v: np.float32(3) * v, Operation.RESCALED, "by 3", Confidence.CERTAIN),
        (add_noise, Operation.NOISE, "", Confidence.LIKELY),
        (lambda v: v, Operation.EQUAL, "", Confidence.CERTAIN),
    ],
    ids=["bf16", "fp16", "fp8", "8 bits", "4 bits", "pruned", "low rank", "scaled", "noise", "equal"],
)
def test_the_operation_is_named(
    tmp_path: Path,
    change: Callable[[Matrix], NDArray[np.generic]],
    operation: Operation,
    detail: str,
    confidence: Confidence,
) -> None:
    found = look(tmp_path, of_matrices(change)).findings[0]
    assert (found.label.operation, found.label.detail) == (operation, detail)
    assert found.label.confidence is confidence
    assert found.label.evidence


def test_training_is_called_training(tmp_path: Path) -> None:
    found = look(tmp_path, dict(tune(BASE, 2))).findings[0]
    assert found.label.operation is Operation.FINE_TUNED
    assert found.label.confidence is Confidence.LIKELY
    assert found.share > 0.9


def test_training_then_rounding_shows_both(tmp_path: Path) -> None:
    tuned: Weights = tune(BASE, 2)
    child = {name: quantise(values, 15) if values.ndim > 1 else values for name, values in tuned.items()}
    kinds = {each.label.operation for each in look(tmp_path, dict(child)).findings}
    assert kinds == {Operation.QUANTISED, Operation.FINE_TUNED}


def test_the_mean_with_a_stranger_is_only_possible(tmp_path: Path) -> None:
    other = make_weights(9)
    child = {name: ((values + other[name]) / 2).astype(np.float32) for name, values in BASE.items()}
    found = look(tmp_path, dict(child)).findings[0]
    assert found.label.operation is Operation.AVERAGED
    assert found.label.detail.startswith("0.5")
    assert found.label.confidence is Confidence.POSSIBLE


def test_long_training_is_not_told_from_what_looks_alike(tmp_path: Path) -> None:
    found = look(tmp_path, dict(tune(BASE, 2, 0.08))).findings[0]
    assert found.label.operation is Operation.CHANGED
    assert found.label.confidence is Confidence.POSSIBLE
    assert "look alike" in found.label.evidence


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (two_of_four, "two of each four"),
        (
            lambda v: np.broadcast_to((np.arange(v.shape[0]) % 3 == 0)[:, None], v.shape),
            "whole rows or columns",
        ),
        (lambda v: np.random.default_rng(0).random(v.shape) < 0.4, "became zero"),
    ],
)
def test_how_values_were_cut_is_told(mask: Callable[[Matrix], NDArray[np.bool_]], said: str) -> None:
    values = BASE["embed.weight"]
    cut = np.where(mask(values), np.float32(0), values)
    (label,) = label_tensor(values, cut, dtype="float32", rows=cut)
    assert label.operation is Operation.PRUNED
    assert said in label.evidence
    assert "smallest" not in label.evidence


def test_cut_then_cast_shows_both() -> None:
    values = BASE["embed.weight"]
    cut = prune(values, 0.5).astype(ml_dtypes.bfloat16).astype(np.float32)
    labels = label_tensor(values, cut, dtype="bfloat16", rows=cut)
    assert [label.operation for label in labels] == [Operation.PRUNED, Operation.CAST]


def test_a_codebook_is_told_from_even_levels() -> None:
    values = BASE["embed.weight"][:, :48].reshape(-1, 64)
    book = np.quantile(values, np.linspace(0.01, 0.99, 16)).astype(np.float32)
    near = book[np.abs(values[..., None] - book).argmin(axis=-1)]
    labels = label_tensor(values, near, dtype="float32", rows=near)
    assert labels[0].operation is Operation.QUANTISED
    assert "codebook" in labels[0].evidence


def test_layers_are_placed_and_reordered_units_are_laid_first(tmp_path: Path) -> None:
    order = np.random.default_rng(0).permutation(96)
    name = "layers.1.up.weight"
    first = model(tmp_path / "a", BASE)
    second = model(tmp_path / "b", {"layers.0.up.weight": BASE[name][order]})
    transform = Transform(name="units reordered", second_rows=np.argsort(order).tolist())
    pair = Pair(
        first=name,
        second="layers.0.up.weight",
        z=90,
        cosine=1,
        layer_first=1,
        layer_second=0,
        transform=transform,
    )
    found = examine(first, second, [pair])
    assert [(place.second, place.first) for place in found.layers] == [(0, 1)]
    assert [label.operation for label in found.tensors[0].labels] == [Operation.REORDERED]
    assert found.to_json()["layers"] == [{"second": 0, "first": 1, "share": 1.0}]


def test_parents_that_are_named_give_coefficients(tmp_path: Path) -> None:
    one, two = tune(BASE, 2), tune(BASE, 3)
    child = {name: (0.25 * one[name] + 0.75 * two[name]).astype(np.float32) for name in BASE}
    models = {name: model(tmp_path / name, weights) for name, weights in (("one", one), ("two", two))}
    found = examine(models["one"], model(tmp_path / "child", child), [], parents=models)
    assert found.merge is not None
    assert [each.value for each in found.merge.coefficients] == pytest.approx([0.25, 0.75], abs=0.02)
    assert found.to_json()["recipe"] == "linear"


def test_nan_and_constant_tensors_are_no_reason_to_fail() -> None:
    values = BASE["embed.weight"].copy()
    other = values + np.float32(0.01)
    other[0] = np.nan
    assert label_tensor(values, other, dtype="float32", rows=other)
    zeros = np.zeros((40, 40), np.float32)
    assert label_tensor(zeros, zeros + np.float32(1), dtype="float32", rows=zeros)
    assert label_tensor(zeros, values[:40, :40], dtype="float32", rows=zeros)


def test_rows_in_another_order_are_no_low_rank_update() -> None:
    values = np.random.default_rng(1).normal(size=(128, 96)).astype(np.float32)
    moved = np.concatenate([values[16:32], values[:16], values[32:]])
    for one, other, word in ((values, moved, "rows"), (values.T, moved.T, "columns")):
        labels = label_tensor(one, other, dtype="float32", rows=other)
        assert [(label.operation, label.detail) for label in labels] == [
            (Operation.REORDERED, f"{word} in another order")
        ]


def test_a_change_of_some_rows_is_no_low_rank_update() -> None:
    generator = np.random.default_rng(1)
    values = generator.normal(size=(128, 96)).astype(np.float32)
    other = values.copy()
    other[:24] += generator.normal(size=(24, 96)).astype(np.float32) * 0.1
    labels = label_tensor(values, other, dtype="float32", rows=other)
    assert all(label.operation is not Operation.LOW_RANK for label in labels)
