"""Of every merge in the zoo: the recipe, the coefficients, and no part for a model that has none in it."""

import pytest
from tests.zoo.fixture import zoo
from tests.zoo.zoo import Zoo

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
__all__ = ["zoo"]

RECIPES = {
    "foreign-average": "linear",
    "merge-dare": "dare",
    "merge-linear": "linear",
    "merge-linear-int8": "linear",
    "merge-slerp": "slerp",
    "merge-task": "task-arithmetic",
    "merge-ties": "ties",
}


def explained(zoo: Zoo, name: str, *more: str):
    from tests.zoo.answers import explain

    return explain(zoo, name, *more)


@pytest.mark.parametrize(("name", "recipe"), RECIPES.items())
def test_the_recipe_and_its_coefficients_are_recovered(zoo: Zoo, name: str, recipe: str):
    found = explained(zoo, name)
    assert found.holds
    assert found.recipe == recipe
    values = {each.name: each.value for each in found.coefficients}
    assert values == pytest.approx(dict(zoo.entries[name].shares), abs=0.02)


@pytest.mark.parametrize("name", sorted(set(RECIPES) - {"merge-slerp"}))
def test_a_foreign_model_among_the_parents_has_no_part(zoo: Zoo, name: str):
    found = explained(zoo, name, "seed-3")
    assert found.holds
    decoy = next(each for each in found.coefficients if each.name == "seed-3")
    assert abs(decoy.value) < 0.05
    assert found.idle == ("seed-3",)


def test_a_student_is_merged_from_nothing(zoo: Zoo):
    from tests.zoo.answers import explain_as

    found = explain_as(zoo, "student", ("seed-1", "seed-2"), None)
    assert not found.holds
    assert found.explained < 0.6


@pytest.mark.parametrize("name", ["foreign-average", "merge-linear", "merge-linear-int8", "merge-slerp"])
def test_a_comparison_with_the_parents_named_says_merged(zoo: Zoo, name: str):
    from tests.zoo.answers import ask

    shares = zoo.entries[name].shares
    first, other = shares
    answer = ask(zoo, first, name, other, "seed-3")
    assert answer.verdict.value == "merged"
    assert {parent.model: parent.weight for parent in answer.parents} == pytest.approx(dict(shares), abs=0.02)


def test_a_fine_tune_is_not_merged_with_its_sibling(zoo: Zoo):
    from tests.zoo.answers import ask

    answer = ask(zoo, "seed-1", "ft-prose", "seed-2", "seed-3")
    assert answer.verdict.value == "derived"
    assert [parent.model for parent in answer.parents] == ["seed-1"]
