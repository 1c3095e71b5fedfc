"""A trainer of transformers that logs its checkpoints to Weights & Biases by its own callback."""

import pytest
from tests.integration.wandb import fixture
from tests.integration.wandb.fixture import Desk

server, bare, desk = fixture.server, fixture.bare, fixture.desk
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]


def test_every_checkpoint_of_a_trainer_is_registered(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

    monkeypatch.setenv("WANDB_LOG_MODEL", "checkpoint")
    monkeypatch.setenv("WANDB_PROJECT", desk.project)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # the variable would last
    config = BertConfig(
        vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    rows = [{"input_ids": torch.tensor([1, 2]), "labels": torch.tensor(0)}] * 2
    arguments = TrainingArguments(
        str(desk.folder / "out"),
        max_steps=2,
        save_steps=1,
        per_device_train_batch_size=1,
        report_to=["wandb"],
        run_name="tiny",
        use_cpu=True,
        disable_tqdm=True,
    )
    Trainer(BertForSequenceClassification(config), arguments, train_dataset=rows).train()
    import wandb

    wandb.finish()
    logged = [one for one in desk.server.world.collections if one.project.name == desk.project]
    versions = [member.version for one in logged if one.kind == "model" for member in one.members]
    assert len(versions) >= 3
    for version in versions:
        name = f"{version.sequence.name}:v{version.index}"
        fingerprint = desk.metadata(name).get("weightmark_fingerprint")
        assert fingerprint is not None, name
        assert desk.workspace.find(desk.uri(name)).bundle == fingerprint
