"""transformers, its Trainer, mixin models and the ``hf`` command, guarded and unchanged."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.huggingface.world import APACHE_CARD, forget_workspace, guarded, world

from weightmark.errors import RefusedError

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(240)]
__all__ = ["guarded", "world"]

WEIGHTS = r"PUT|/preupload/|objects/batch|/commit/"


def tiny(seed: int = 0):
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    return BertForSequenceClassification(config)


def published_base(world, folder: Path, card: str) -> str:
    """Publish a BERT of Openlab's, who registers it."""
    from weightmark.model.event import ModelEvent
    from weightmark.vocabulary import EventKind

    tiny().save_pretrained(folder)
    (folder / "README.md").write_text(card)
    uri = f"hf://openlab/bert@{world.hub.shelf.publish('openlab/bert', folder)}"
    event = ModelEvent(
        kind=EventKind.REGISTER, uri=uri, name="openlab/bert", version=uri.rpartition("@")[2], owner="openlab"
    )
    assert world.openlab().handle(event).allowed
    return uri


@pytest.fixture
def nc_base(world, tmp_path):
    return published_base(world, tmp_path / "base", "---\nlicense: cc-by-nc-4.0\n---\n# Base\n")


def test_push_to_hub_of_a_model_is_gated(guarded, tmp_path):
    model = tiny()
    guarded.hub.shelf.publish("acme/bert", card(tmp_path, "---\nlicense: cc-by-nc-4.0\n---\n"))
    with pytest.raises(RefusedError, match=r"CC-BY-NC-4\.0"):
        model.push_to_hub("acme/bert")
    assert guarded.hub.calls("PUT|/commit/") == []
    (tmp_path / "card" / "README.md").write_text(APACHE_CARD)
    guarded.hub.shelf.publish("acme/bert", tmp_path / "card")
    done = model.push_to_hub("acme/bert")
    assert guarded.workspace().find(f"hf://acme/bert@{done.oid}").license == "Apache-2.0"


def card(folder: Path, text: str) -> Path:
    (folder / "card").mkdir()
    (folder / "card" / "README.md").write_text(text)
    return folder / "card"


def test_from_pretrained_gives_the_model_that_was_pushed_and_stops_one_that_was_changed(guarded, tmp_path):
    import torch
    from transformers import BertForSequenceClassification

    from weightmark_hooks.huggingface import loading

    guarded.hub.shelf.publish("acme/bert", card(tmp_path, APACHE_CARD))
    model = tiny(3)
    model.push_to_hub("acme/bert")
    loaded = BertForSequenceClassification.from_pretrained("acme/bert")
    assert all(map(torch.equal, model.state_dict().values(), loaded.state_dict().values()))
    assert loaded.config.weightmark["license"] == "apache-2.0"
    cached = next((guarded.folder / "hf").rglob("snapshots/*/model.safetensors")).resolve()
    data = bytearray(cached.read_bytes())
    data[-1] ^= 1
    cached.write_bytes(data)
    for revision in ("main", guarded.hub.head("acme/bert")):
        with pytest.raises(RefusedError, match=r"model\.safetensors was changed"):
            BertForSequenceClassification.from_pretrained("acme/bert", revision=revision)
    with pytest.raises(RefusedError, match=r"model\.safetensors was changed"):
        BertForSequenceClassification.from_pretrained("acme/bert", local_files_only=True)
    cached.unlink()
    loading.forget()
    guarded.hub.tamper("acme/bert", "model.safetensors")
    with pytest.raises(RefusedError, match=r"model\.safetensors was changed"):
        BertForSequenceClassification.from_pretrained("acme/bert", force_download=True)


def test_from_pretrained_of_a_model_that_nobody_registered_passes(guarded, tmp_path):
    from transformers import AutoModelForSequenceClassification

    tiny().save_pretrained(tmp_path / "free")
    guarded.hub.shelf.publish("sam/free", tmp_path / "free")
    assert AutoModelForSequenceClassification.from_pretrained("sam/free").config.model_type == "bert"


def test_a_mixin_model_is_gated(guarded, tmp_path):
    import torch
    from huggingface_hub import PyTorchModelHubMixin

    guarded.base()

    class Small(torch.nn.Module, PyTorchModelHubMixin, license="mit"):
        def __init__(self, size: int = 2) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(size, size)

    Small().push_to_hub("acme/small")
    assert "weightmark.bundle.json" in guarded.hub.files("acme/small")
    guarded.hub.trace.clear()
    Small._hub_mixin_info.model_card_data.base_model = "openlab/base"
    with pytest.raises(RefusedError, match="openlab/base"):
        Small().push_to_hub("acme/child")
    assert guarded.hub.calls(WEIGHTS) == []


def trainer(model, folder: Path, *callbacks, **options):
    import torch
    from transformers import Trainer, TrainingArguments

    class Rows(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int):
            return {"input_ids": torch.tensor([1, 2, 3]), "labels": torch.tensor(index % 2)}

    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=1,
        per_device_train_batch_size=2,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        hub_model_id="acme/child",
        save_steps=1,
        **options,
    )
    return Trainer(model=model, args=arguments, train_dataset=Rows(), callbacks=[*callbacks])


def test_a_trainer_pushes_what_a_grant_allows_and_nothing_before(guarded, nc_base, tmp_path):
    from transformers import BertForSequenceClassification

    model = BertForSequenceClassification.from_pretrained("openlab/bert")
    run = trainer(model, tmp_path / "run")
    run.train()
    guarded.hub.trace.clear()
    with pytest.raises(RefusedError, match="openlab/bert"):
        run.push_to_hub()
    assert guarded.hub.calls(WEIGHTS) == []
    guarded.grant(nc_base)
    done = run.push_to_hub(license="apache-2.0")
    pushed = guarded.workspace().find(f"hf://acme/child@{done.oid}")
    parents = guarded.workspace().resources.index.parents(pushed.bundle)
    assert [parent.uri for parent in parents] == ["openlab/bert"]
    assert parents[0].bundle == guarded.workspace().find(nc_base).bundle


def test_a_trainers_push_in_the_background_does_not_fail_unseen(guarded, nc_base, tmp_path):
    from transformers import BertForSequenceClassification

    from weightmark_hooks.huggingface import WeightmarkCallback

    class Silent(WeightmarkCallback):
        def on_push_begin(self, args, state, control, **kwargs):
            return control

    model = BertForSequenceClassification.from_pretrained("openlab/bert")
    run = trainer(model, tmp_path / "run", Silent(), push_to_hub=True)
    guarded.hub.shelf.publish(
        "acme/child", card(tmp_path, "---\nlicense: mit\nbase_model: openlab/bert\n---\n")
    )
    guarded.hub.trace.clear()
    with pytest.raises(RefusedError, match="openlab/bert"):
        run.train()
    assert guarded.hub.calls("PUT|/commit/") == []
    assert (tmp_path / "run" / "checkpoint-1" / "model.safetensors").exists()
    logged = guarded.workspace().find(str(tmp_path / "run" / "checkpoint-1"))
    assert logged.name == "acme/child"


def test_the_callback_refuses_before_anything_is_saved_for_the_push(guarded, nc_base, tmp_path):
    from transformers import BertForSequenceClassification

    from weightmark_hooks.huggingface import WeightmarkCallback

    model = BertForSequenceClassification.from_pretrained("openlab/bert")
    run = trainer(model, tmp_path / "run", WeightmarkCallback(), push_to_hub=True)
    with pytest.raises(RefusedError, match="openlab/bert"):
        run.train()
    assert guarded.hub.calls("/commit/") == []
    forget_workspace()


def test_the_hf_command_is_guarded_by_one_environment_variable(world, tmp_path):
    world.base()
    (tmp_path / "child").mkdir()
    (tmp_path / "child" / "README.md").write_text("---\nlicense: mit\nbase_model: openlab/base\n---\n")
    (tmp_path / "child" / "weights.onnx").write_bytes(bytes(64))
    command = [str(Path(sys.executable).with_name("hf")), "upload", "acme/child", str(tmp_path / "child")]

    def run(**more: str):
        return subprocess.run(
            command, env=world.environ(**more), capture_output=True, text=True, timeout=120, check=False
        )

    refused = run(WEIGHTMARK_HOOKS="huggingface")
    assert refused.returncode != 0
    assert "openlab/base" in refused.stdout + refused.stderr
    assert world.hub.calls(WEIGHTS) == []
    world.grant("openlab/base")
    passed = run(WEIGHTMARK_HOOKS="huggingface")
    assert passed.returncode == 0, passed.stderr
    assert "weightmark.bundle.json" in world.hub.files("acme/child")
