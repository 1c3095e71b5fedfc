"""What was done to a model is read from the numbers of the copy."""

import pytest
from tests.zoo.fixture import zoo
from tests.zoo.zoo import Zoo

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
__all__ = ["zoo"]

DONE = {
    "bf16": "cast bfloat16",
    "foreign-average": "averaged with another model 0.50 of the first",
    "fp16": "cast float16",
    "ft-code": "fine-tuned",
    "ft-int4": "quantised 4 bits, 15 levels",
    "ft-long": "fine-tuned",
    "int4-g64": "quantised 4 bits, 15 levels",
    "int8": "quantised 8 bits, 255 levels",
    "lora-merged": "low-rank update rank 8",
    "merge-linear-int8": "quantised 8 bits, 255 levels",
    "noise-50": "noise",
    "prune-30": "pruned 30%",
    "prune-50": "pruned 50%",
    "prune-70": "pruned 70%",
    "renamed-resharded": "equal",
    "two-layers": "equal",
    "two-layers-healed": "fine-tuned",
}
REORDERED = ("units-permuted", "inside-permuted", "stream-permuted", "stream-rotated", "ft-all-permuted")


@pytest.mark.parametrize(("name", "operation"), DONE.items())
def test_the_operation_is_named(zoo: Zoo, name: str, operation: str):
    from tests.zoo.answers import operations_of

    assert operation in operations_of(zoo, "seed-1", name)


@pytest.mark.parametrize("name", REORDERED)
def test_a_disguise_is_named(zoo: Zoo, name: str):
    from tests.zoo.answers import operations_of

    assert any(each.startswith("reordered") for each in operations_of(zoo, "seed-1", name))


def test_a_fine_tune_is_not_called_low_rank_quantised_or_pruned(zoo: Zoo):
    from tests.zoo.answers import operations_of

    for name in ("ft-code", "ft-prose", "ft-long", "merge-linear"):
        assert operations_of(zoo, "seed-1", name, least=0.05) == ["fine-tuned"]
