"""What MLflow's transformers flavour says in ``MLmodel`` about the model that one was made from."""

import pytest

from weightmark.model.card import read_facts


def mlmodel(folder, name, extra="", metadata=""):
    text = f"flavors:\n  transformers:\n    source_model_name: {name}\n{extra}{metadata}"
    (folder / "MLmodel").write_text(text)
    return read_facts(folder)


def test_a_name_of_the_hub_is_the_base(tmp_path):
    assert mlmodel(tmp_path, "acme/tiny-encoder") == {"base_model": "acme/tiny-encoder"}
    assert mlmodel(tmp_path, "bert-base-uncased") == {"base_model": "bert-base-uncased"}


def test_an_adapter_is_said_to_be_one(tmp_path):
    facts = mlmodel(tmp_path, "acme/base", "    peft_adaptor: peft\n")
    assert facts == {"base_model": "acme/base", "base_model_relation": "adapter"}


def test_what_people_state_counts_more(tmp_path):
    facts = mlmodel(tmp_path, "acme/base", metadata="metadata:\n  base_model: models:/other/1\n")
    assert facts == {"base_model": "models:/other/1"}
    (tmp_path / "README.md").write_text("---\nbase_model: acme/stated\n---\n")
    assert mlmodel(tmp_path, "acme/base") == {"base_model": "acme/stated"}


@pytest.mark.parametrize(
    "name",
    ["/mnt/model", "./out", "../x", "out/checkpoint-500", "a/b/c", "C:\\models", "''", "7", "[a]"],
)
def test_a_path_on_some_machine_names_no_model(tmp_path, name):
    assert mlmodel(tmp_path, name).get("base_model", "7") == "7"
