"""Between strangers, the likeness of aligned units behaves as chance does."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.similar_models import make_llama, open_model

from weightmark.similarity.catalog import Catalog, match_names
from weightmark.similarity.measuring import measure
from weightmark.similarity.permutation import combine, cosines, judge


def distance(values: list[float]) -> float:
    """Measure how far from uniform values are: Kolmogorov and Smirnov's distance times the root of n."""
    ordered, count = np.sort(values), len(values)
    above = np.arange(1, count + 1) / count - ordered
    below = ordered - np.arange(count) / count
    return float(max(above.max(), below.max())) * math.sqrt(count)


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> list[Catalog]:
    folder = tmp_path_factory.mktemp("strangers")
    sides = [
        open_model(folder / str(seed), make_llama(seed, layers=2, width=64, units=96, vocabulary=128))
        for seed in range(14)
    ]
    return [Catalog(side.tensors) for side in sides]


def test_p_values_of_strangers_are_uniform(strangers: list[Catalog]) -> None:
    tensors: list[float] = []
    models: list[float] = []
    for first, second in itertools.combinations(strangers, 2):
        found = measure(first, second, match_names(first, second))
        tensors += [likeness.z for _, likeness in found.pairs]
        models.append(math.exp(found.log_p))
    assert len(models) == 91
    # 1.63 is passed by chance once in a hundred times
    assert distance([math.erfc(z / math.sqrt(2)) / 2 for z in tensors]) < 1.63
    assert distance(models) < 1.63
    assert 0.9 < float(np.std(tensors)) < 1.1
    assert min(models) > 1e-5


@pytest.mark.parametrize("units", [5, 8, 16, 40])
def test_few_units_never_promise_more_than_chance_keeps(units: int) -> None:
    generator = np.random.default_rng(units)
    found = [
        judge(cosines(*generator.standard_normal((2, units, 24)).astype(np.float32)), seed=seed).log_p
        for seed in range(200)
    ]
    for level in (0.5, 0.2, 0.05):
        share = np.mean(np.array(found) <= math.log(level))
        assert share <= level + 3 * math.sqrt(level * (1 - level) / len(found))


@settings(max_examples=60, deadline=None)
@given(st.integers(4, 80), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_the_bound_is_a_chance_and_few_orders_give_no_small_one(units: int, features: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    values = generator.standard_normal((units, features)).astype(np.float32)
    found = judge(cosines(values, values))
    assert found.log_bound <= 0
    assert found.log_p <= 0
    assert found.log_p >= -math.lgamma(units + 1) or units >= 64


@settings(max_examples=60, deadline=None)
@given(st.integers(8, 64), st.floats(1e-20, 1e20), st.integers(0, 2**32 - 1))
def test_likeness_does_not_depend_on_scale_or_on_a_common_order(units: int, scale: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    one, other = generator.standard_normal((2, units, 30)).astype(np.float32)
    order = generator.permutation(units)
    plain = judge(cosines(one, other))
    assert judge(cosines((one * np.float32(scale)), other)).z == pytest.approx(plain.z, abs=1e-3)
    assert judge(cosines(one[order], other[order])).z == pytest.approx(plain.z, abs=1e-3)


@given(st.lists(st.floats(1e-12, 1.0), min_size=1, max_size=40))
def test_combined_chances_are_chances(chances: list[float]) -> None:
    combined = combine([math.log(chance) for chance in chances])
    assert combined <= 0
    if len(chances) == 1:
        assert combined == pytest.approx(math.log(chances[0]), abs=1e-9)
