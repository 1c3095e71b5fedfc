"""Models that share text, order and architecture, but no weights, are never accused; chance is chance."""

from itertools import combinations

import pytest
from tests.zoo.fixture import zoo
from tests.zoo.zoo import Zoo

from weightmark.similarity.comparison import Comparison

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
__all__ = ["zoo"]


@pytest.fixture(scope="module")
def answers(zoo: Zoo) -> dict[str, Comparison]:
    """Compare every two models that learned from different seeds."""
    from tests.zoo.answers import ask

    names = [entry.name for entry in zoo.select("base")]
    return {f"{one} and {other}": ask(zoo, one, other) for one, other in combinations(names, 2)}


def test_no_two_strangers_of_twenty_eight_pairs_are_accused(answers: dict[str, Comparison]):
    accused = {name: answer.verdict.value for name, answer in answers.items() if answer.related}
    assert len(answers) == 28
    assert not accused, accused


def test_the_likeness_of_each_tensor_of_strangers_is_standard_normal(zoo: Zoo, record_property):
    from tests.zoo.answers import measure_plainly
    from tests.zoo.score import deviation, normal_fit

    names = [entry.name for entry in zoo.select("base")]
    found = [measure_plainly(zoo, one, other) for one, other in combinations(names, 2)]
    values = [z for measured in found for z in measured.tensors]
    record_property(
        "tensors of strangers", f"{len(values)}, sd {deviation(values)}, KS p {normal_fit(values)}"
    )
    assert len(values) >= 800
    assert 0.9 < deviation(values) < 1.1
    assert max(map(abs, values)) < 5
    assert normal_fit(values) > 0.001


def test_the_p_values_of_strangers_are_uniform(zoo: Zoo, record_property):
    from tests.zoo.answers import measure_plainly
    from tests.zoo.score import uniform_fit

    names = [entry.name for entry in zoo.select("base")]
    found = [measure_plainly(zoo, one, other) for one, other in combinations(names, 2)]
    values = [measured.p_value for measured in found]
    record_property("pairs of strangers", f"{len(values)}, min p {min(values)}, KS p {uniform_fit(values)}")
    assert min(values) > 1e-5
    assert uniform_fit(values) > 0.001
    assert min(measured.log_bound for measured in found) > -10


def test_an_alignment_by_the_vocabulary_brings_no_strangers_near_a_copy(zoo: Zoo, record_property):
    from tests.zoo.answers import align_deeply

    from weightmark.similarity.alignment import LEAST, spread

    least = LEAST * spread(64)

    names = [entry.name for entry in zoo.select("base")]
    strangers = [align_deeply(zoo, one, other) for one, other in combinations(names, 2)]
    strangers.append(align_deeply(zoo, "seed-1", "student"))
    record_property("strangers, aligned", f"largest z {max(strangers)}, a copy needs {least}")
    assert max(strangers) < least
    assert align_deeply(zoo, "seed-1", "ft-rotated") > 2 * least


def test_a_student_that_learned_from_answers_alone_is_no_evidence(zoo: Zoo):
    from tests.zoo.answers import ask

    answer = ask(zoo, "seed-1", "student")
    assert answer.verdict.value == "no-evidence"
    assert not any(layer is not None for layer in answer.layers)


@pytest.mark.parametrize("name", ["continued", "all-permuted", "ft-rotated", "two-layers-healed", "int4-g64"])
def test_a_derivative_is_no_evidence_against_a_third_model(zoo: Zoo, name: str):
    from tests.zoo.answers import ask

    assert ask(zoo, "seed-3", name).verdict.value == "no-evidence"


@pytest.mark.parametrize("baseline", ["std_profile", "kernel_alignment"])
def test_published_likenesses_put_strangers_above_relatives(zoo: Zoo, baseline: str, record_property):
    from tests.zoo import baselines
    from tests.zoo.build import load
    from tests.zoo.score import area_under_curve, share_above_strangers
    from tests.zoo.training import one_thread

    likeness = getattr(baselines, baseline)
    original = load(zoo.path("seed-1"))
    named = [entry.name for entry in zoo.entries.values() if entry.is_relative_of("seed-1")]
    with one_thread():
        related = [likeness(original, load(zoo.path(name))) for name in named if name != "renamed-resharded"]
        strangers = [
            likeness(load(zoo.path(one.name)), load(zoo.path(other.name)))
            for one, other in combinations(zoo.select("base")[:5], 2)
        ]
    area, share = area_under_curve(related, strangers), share_above_strangers(related, strangers)
    record_property(baseline, f"AUROC {area}, share of relatives above every stranger {share}")
    assert max(strangers) > 0.8
    assert min(related) < max(strangers)
    assert share < 0.95
