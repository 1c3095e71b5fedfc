"""The picture of a difference, and an adapter that PEFT itself folded in."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from tests.unit.similarity.models import load, make_weights, model, tune

from weightmark.similarity.adapter import Adapter
from weightmark.similarity.difference import diff_models
from weightmark.similarity.merging import Merge
from weightmark.similarity.picture import draw_difference
from weightmark.similarity.products import Family

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("changed", [True, False])
def test_a_picture_names_roles_and_is_the_same_each_time(tmp_path: Path, *, changed: bool) -> None:
    before = make_weights(1)
    after = tune(before, 2) if changed else before
    found = diff_models(model(tmp_path / "a", before), model(tmp_path / "b", after))
    for name in ("x.svg", "y.svg", "x.png"):
        draw_difference(found, tmp_path / name, title="a $ b")
    drawn = "".join(ET.parse(tmp_path / "x.svg").getroot().itertext())
    assert "layers.*.up.weight" in drawn
    assert "a $ b" in drawn
    assert (tmp_path / "x.svg").read_bytes() == (tmp_path / "y.svg").read_bytes()
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_an_adapter_that_peft_folded_in_is_recognised(tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    config = LlamaConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, vocab_size=64
    )
    base = LlamaForCausalLM(config)
    base.save_pretrained(tmp_path / "base")
    tuned = get_peft_model(base, LoraConfig(r=4, lora_alpha=12, target_modules=["q_proj", "down_proj"]))
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.05)
    tuned.save_pretrained(tmp_path / "adapter")
    tuned.merge_and_unload().save_pretrained(tmp_path / "child")
    family = Family(
        child=load(tmp_path / "child"),
        parents={"base": load(tmp_path / "base")},
        adapter=Adapter(load(tmp_path / "adapter")),
    )
    found = Merge(family).explain()
    assert (found.recipe, found.holds) == ("lora", True)
    assert [each.value for each in found.coefficients] == pytest.approx([1, 1], abs=1e-4)
