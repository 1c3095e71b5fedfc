"""The zoo is what it says: models that learned, copies that compute the same, readable by others."""

import pytest
from tests.zoo.fixture import zoo
from tests.zoo.zoo import Zoo

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
__all__ = ["zoo"]

SAME = {
    **dict.fromkeys(("inside-permuted", "units-permuted", "units-rescaled", "heads-permuted"), "seed-1"),
    **dict.fromkeys(("heads-rotated", "stream-permuted", "stream-rotated", "all-permuted"), "seed-1"),
    **dict.fromkeys(("ft-units-permuted", "ft-all-permuted", "ft-rotated"), "ft-prose"),
}


def network_of(zoo: Zoo, name: str):
    from tests.zoo.build import load

    return load(zoo.path(name))


def loss_of(zoo: Zoo, name: str, corpus: str = "code") -> float:
    from tests.zoo.training import measure_loss, one_thread

    with one_thread():
        return measure_loss(network_of(zoo, name), corpus)


def logits(zoo: Zoo, name: str):
    import torch
    from tests.zoo.network import run
    from tests.zoo.text import tokens_of

    network = network_of(zoo, name)
    ids = tokens_of("code", 512)[:48][None]
    with torch.no_grad():
        return run(network.weights, network.shape, ids)


@pytest.mark.parametrize("name", SAME)
def test_a_disguise_changes_the_numbers_and_not_what_is_computed(zoo: Zoo, name: str):
    import torch

    plain, copy = network_of(zoo, SAME[name]), network_of(zoo, name)
    assert any(not torch.equal(value, copy.weights[key]) for key, value in plain.weights.items())
    assert torch.allclose(logits(zoo, name), logits(zoo, SAME[name]), atol=1e-4)


def test_a_seed_has_learned_the_text(zoo: Zoo):
    losses = [loss_of(zoo, name) for name in ("seed-1", "seed-5", "seed-8")]
    assert max(losses) < 4.5  # of 6.24 nats for 512 pieces that are all alike


def test_a_model_drifts_while_it_learns_another_text(zoo: Zoo):
    assert loss_of(zoo, "continued", "prose") < loss_of(zoo, "seed-1", "prose") - 0.5
    assert loss_of(zoo, "continued") > loss_of(zoo, "seed-1") + 0.2


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["seed-1", "widened-stream"])
def test_transformers_reads_a_model_and_computes_the_same(zoo: Zoo, name: str):
    import torch
    from tests.zoo.text import tokens_of
    from transformers import LlamaForCausalLM

    model = LlamaForCausalLM.from_pretrained(zoo.path(name))
    with torch.no_grad():
        theirs = model(tokens_of("code", 512)[:48][None]).logits
    assert torch.allclose(theirs, logits(zoo, name), atol=1e-4)


def test_a_model_made_again_is_the_same_up_to_rounding(zoo: Zoo):
    import torch
    from tests.zoo.recipes import REDUCED, list_recipes
    from tests.zoo.training import one_thread

    recipe = next(recipe for recipe in list_recipes(REDUCED) if recipe.name == "ft-code")
    with one_thread():
        again = recipe.make(lambda name: network_of(zoo, name), REDUCED)
    kept = network_of(zoo, "ft-code")
    assert all(torch.allclose(value, kept.weights[name], atol=1e-3) for name, value in again.weights.items())
