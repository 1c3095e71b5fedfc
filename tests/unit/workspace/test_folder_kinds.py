"""The folders that libraries write: adapters, pipelines of diffusers, MLflow models, plain folders."""

import json
from pathlib import Path

from tests.workshop import write_model

from weightmark.fingerprinting import compare_manifests
from weightmark.workspace import Workspace

ADAPTER = {"base_model.model.dense.lora_A.weight": [1.0, 2.0], "base_model.model.dense.lora_B.weight": [3.0]}


def write_adapter(folder: Path, base: str) -> Path:
    write_model(folder, ADAPTER)
    (folder / "config.json").unlink()
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "base_model_name_or_path": base, "r": 1})
    )
    return folder


def test_an_adapter_is_linked_to_its_base_by_name(workspace: Workspace, model: Path) -> None:
    base = workspace.register(str(model), name="acme/churn", license_="mit", mine=True).model
    adapter = workspace.register(str(write_adapter(model.parent / "lora", "acme/churn")), mine=True).model
    assert base is not None
    assert adapter is not None
    (parent,) = workspace.resources.index.parents(adapter.bundle)
    assert (parent.bundle, parent.relation) == (base.bundle, "adapter")
    assert workspace.fingerprint(str(model.parent / "lora")).weights == adapter.weights


def test_an_adapter_is_linked_to_its_base_by_path(workspace: Workspace, model: Path) -> None:
    base = workspace.register(str(model), license_="mit", mine=True).model
    adapter = workspace.register(str(write_adapter(model.parent / "lora", str(model))), mine=True).model
    assert base is not None
    assert adapter is not None
    assert workspace.resources.index.parents(adapter.bundle)[0].bundle == base.bundle


def test_an_adapter_whose_base_nobody_registered_keeps_its_name(workspace: Workspace, model: Path) -> None:
    adapter = workspace.register(str(write_adapter(model.parent / "lora", "meta/llama")), mine=True).model
    assert adapter is not None
    (parent,) = workspace.resources.index.parents(adapter.bundle)
    assert (parent.bundle, parent.uri, parent.relation) == (None, "meta/llama", "adapter")


def test_a_pipeline_of_diffusers_has_the_tensors_of_all_its_parts(workspace: Workspace, home: Path) -> None:
    folder = home.parent.parent / "pipeline"
    for part, values in (("unet", [1.0, 2.0]), ("vae", [3.0, 4.0])):
        write_model(folder / part, {"conv_in.weight": values, f"{part}.weight": [5.0]})
        (folder / part / "model.safetensors").rename(folder / part / "diffusion_pytorch_model.safetensors")
    (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    found = workspace.fingerprint(str(folder))
    assert [tensor.name for tensor in found.manifest.tensors] == [
        "conv_in.weight",
        "unet.weight",
        "vae/diffusion_pytorch_model.safetensors:conv_in.weight",
        "vae/diffusion_pytorch_model.safetensors:vae.weight",
    ]
    assert workspace.register(str(folder), mine=True).model is not None
    write_model(folder / "vae", {"conv_in.weight": [3.0, 4.5], "vae.weight": [5.0]})
    (folder / "vae" / "model.safetensors").replace(folder / "vae" / "diffusion_pytorch_model.safetensors")
    (one,) = compare_manifests(found.manifest, workspace.fingerprint(str(folder)).manifest)
    assert one.tensor.endswith("conv_in.weight")
    assert one.path.startswith("vae/")


def test_an_mlflow_folder_is_read_through_its_flavour(workspace: Workspace, home: Path) -> None:
    folder = home.parent.parent / "mlflow"
    write_model(folder / "components" / "model", {"dense.weight": [1.0]})
    (folder / "MLmodel").write_text(
        "flavors:\n  transformers:\n    source_model_name: acme/base\n    peft_adaptor: lora\n"
        "metadata:\n  license: apache-2.0\n"
    )
    outcome = workspace.register(str(folder), mine=True)
    assert outcome.model is not None
    assert outcome.model.license == "Apache-2.0"
    assert outcome.model.weights is not None
    (parent,) = workspace.resources.index.parents(outcome.model.bundle)
    assert (parent.uri, parent.relation) == ("acme/base", "adapter")


def test_a_plain_folder_has_a_bundle_and_no_tensors(workspace: Workspace, home: Path) -> None:
    folder = home.parent.parent / "plain"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "notes.txt").write_text("nothing to see")
    (folder / "weights.zzz").write_bytes(b"\0" * 100)
    found = workspace.fingerprint(str(folder))
    assert (found.weights, found.tensors, found.architecture) == (None, None, None)
    assert [file.path for file in found.manifest.files] == ["deep/er/notes.txt", "weights.zzz"]
