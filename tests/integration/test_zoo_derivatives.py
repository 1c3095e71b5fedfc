"""Whatever people make of a model, the comparison finds the model in it, and says what stands where."""

import pytest
from tests.zoo.fixture import zoo
from tests.zoo.zoo import Zoo

from weightmark.similarity.comparison import Comparison

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
__all__ = ["zoo"]


@pytest.fixture(scope="module")
def answers(zoo: Zoo) -> dict[str, Comparison]:
    """Compare the original with every model that was made of it."""
    from tests.zoo.answers import ask

    return {
        entry.name: ask(zoo, "seed-1", entry.name)
        for entry in zoo.entries.values()
        if entry.is_relative_of("seed-1")
    }


def test_every_derivative_is_named(zoo: Zoo, answers: dict[str, Comparison]):
    from tests.zoo.answers import tell

    wrong = {
        name: f"{answer.verdict.value}, not {zoo.entries[name].verdicts['seed-1']} (z {answer.z:.1f})"
        for name, answer in answers.items()
        if answer.verdict.value not in zoo.entries[name].verdicts["seed-1"]
    }
    assert len(answers) >= 40
    assert not wrong, tell(wrong)


def test_each_layer_is_found_where_it_stands(zoo: Zoo, answers: dict[str, Comparison]):
    from tests.zoo.answers import tell

    wrong = {
        name: f"{answer.layers}, not {tuple(zoo.entries[name].layers['seed-1'])}"
        for name, answer in answers.items()
        if answer.layers != tuple(zoo.entries[name].layers["seed-1"])
    }
    assert not wrong, tell(wrong)


def test_the_likeness_is_far_beyond_chance(zoo: Zoo, answers: dict[str, Comparison]):
    from tests.zoo.answers import tell

    weak = {
        name: f"z {answer.z:.1f}, p {answer.p_value:.2g}"
        for name, answer in answers.items()
        if answer.z < 12 or answer.p_value > 1e-8
    }
    assert not weak, tell(weak)


def test_relatives_and_strangers_are_told_apart_without_exception(zoo: Zoo, answers: dict[str, Comparison]):
    from tests.zoo.answers import ask
    from tests.zoo.score import area_under_curve, share_above_strangers

    related = [answer.z for answer in answers.values()]
    strangers = [ask(zoo, "seed-1", name).z for name in ("seed-2", "seed-3", "seed-4", "seed-5", "student")]
    strangers += [ask(zoo, "seed-3", name).z for name in ("ft-long", "stream-rotated", "foreign-average")]
    assert area_under_curve(related, strangers) == 1.0
    assert share_above_strangers(related, strangers) == 1.0


def test_long_training_on_other_text_leaves_a_bound_without_normal_law(answers: dict[str, Comparison]):
    assert answers["continued"].log10_bound <= -9


@pytest.mark.parametrize(
    "name", ["two-layers", "two-layers-healed", "franken-merged", "foreign-average", "foreign-ft"]
)
def test_the_other_parent_is_found_as_well(zoo: Zoo, name: str):
    from tests.zoo.answers import ask

    answer, entry = ask(zoo, "seed-2", name), zoo.entries[name]
    assert answer.verdict.value in entry.verdicts["seed-2"]
    assert answer.layers == tuple(entry.layers["seed-2"])
