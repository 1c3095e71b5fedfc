"""The same numbers give the same weights root in each format, written by the formats' own libraries."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from weightmark import fingerprint
from weightmark.discovery import Plugins
from weightmark.errors import MalformedError
from weightmark.model import Artifact
from weightmark.testing.format import read_tensor
from weightmark.workspace.reading import find_tensors

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]

SHAPES = {"embed.weight": (7, 4), "layers.0.weight": (3, 4), "layers.0.bias": (3,), "norm.scale": ()}


@pytest.fixture(scope="module")
def tensors():
    import torch

    torch.manual_seed(1)
    found = {name: torch.randn(shape) for name, shape in SHAPES.items()}
    found["layers.0.half"] = torch.randn(5, 2).to(torch.bfloat16)
    found["steps"] = torch.tensor([3, 4])
    return found


def arrays(tensors):
    import ml_dtypes
    import torch

    return {
        name: value.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
        if value.dtype == torch.bfloat16
        else value.numpy()
        for name, value in tensors.items()
    }


def flax_bytes(tree) -> bytes:
    """Pack as ``flax.serialization.msgpack_serialize`` does: type 1 holds shape, number type and bytes."""
    import msgpack

    def pack(value):
        content = (value.shape, value.dtype.name, value.tobytes("C"))
        return msgpack.ExtType(1, msgpack.packb(content, use_bin_type=True))

    return msgpack.packb(tree, default=pack, strict_types=True)


def nested(flat):
    tree: dict[str, object] = {}
    for name, value in flat.items():
        *way, last = name.split(".")
        inner = tree
        for part in way:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return tree


def new(path: Path) -> Path:
    path.mkdir()
    return path


def test_every_format_gives_one_weights_root_and_one_set_of_names(tmp_path, tensors):
    import torch
    from safetensors.torch import save_file

    folders = {
        name: new(tmp_path / name) for name in ("safetensors", "shards", "bin", "parts", "old", "flax")
    }
    save_file(tensors, folders["safetensors"] / "model.safetensors")
    for kind, suffix in (("shards", "safetensors"), ("parts", "bin")):
        weight_map = {}
        for place, name in enumerate(tensors):
            file = f"model-{place % 2}.{suffix}"
            weight_map[name] = file
        for file in set(weight_map.values()):
            part = {name: tensors[name] for name, owner in weight_map.items() if owner == file}
            (save_file if suffix == "safetensors" else torch.save)(part, folders[kind] / file)
        index = "model.safetensors" if suffix == "safetensors" else "pytorch_model.bin"
        (folders[kind] / f"{index}.index.json").write_text(json.dumps({"weight_map": weight_map}))
    torch.save(tensors, folders["bin"] / "pytorch_model.bin")
    torch.save(tensors, folders["old"] / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    (folders["flax"] / "flax_model.msgpack").write_bytes(flax_bytes(nested(arrays(tensors))))
    found = {name: fingerprint(folder) for name, folder in folders.items()}
    assert len({result.weights for result in found.values()}) == 1
    assert len({result.tensors for result in found.values()}) == 1
    assert {entry.name for entry in found["bin"].manifest.tensors} == set(tensors)


def test_numpy_has_the_same_roots_for_the_numbers_that_it_knows(tmp_path, tensors):
    from safetensors.torch import save_file

    known = {name: value for name, value in tensors.items() if value.dtype.itemsize != 2}
    folders = {name: new(tmp_path / name) for name in ("safetensors", "npz", "small", "npy", "columns")}
    save_file(known, folders["safetensors"] / "model.safetensors")
    np.savez(folders["npz"] / "model.npz", **arrays(known))
    np.savez_compressed(folders["small"] / "model.npz", **arrays(known))
    columns = {name: value.copy(order="F") for name, value in arrays(known).items()}
    np.savez_compressed(folders["columns"] / "model.npz", **columns)
    for name, value in arrays(known).items():
        np.save(folders["npy"] / f"{name}.npy", value)
    found = [fingerprint(folder) for folder in folders.values()]
    assert len({result.weights for result in found}) == 1
    assert len({result.tensors for result in found}) == 1


@pytest.mark.parametrize("old", [False, True])
def test_views_and_other_tensors_of_torch_have_the_bytes_that_torch_has(tmp_path, old):
    import torch

    base = torch.arange(24.0).reshape(4, 6)
    saved = {
        "base": base,
        "tied": base,
        "row": base[1],
        "column": base[:, 1],
        "turned": base.t(),
        "block": base[1:3, 2:4],
        "repeated": torch.ones(1, 3).expand(5, 3),
        "scalar": torch.tensor(3),
        "empty": torch.zeros(0, 4),
        "truth": torch.tensor([True, False]),
        "complex": torch.randn(2, 2, dtype=torch.complex64).t(),
        "channels": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "arguments": argparse.Namespace(rate=1),
    }
    torch.save(saved, tmp_path / "m.pt", _use_new_zipfile_serialization=not old)
    artifact = Artifact.open(tmp_path)
    spans = find_tensors(artifact, Plugins())
    expected = {
        name: value.detach().contiguous().numpy().tobytes()
        for name, value in saved.items()
        if isinstance(value, torch.Tensor)
    }
    assert {span.name: read_tensor(artifact, span) for span in spans} == expected
    assert {span.name for span in spans if span.layout is None} >= {"base", "tied", "scalar", "parameter"}
    fingerprint(tmp_path)


def test_programs_of_torch_have_the_weights_of_their_module(tmp_path):
    import torch
    from safetensors.torch import save_file

    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).eval()
    folders = {name: new(tmp_path / name) for name in ("safetensors", "module", "script", "export")}
    save_file(module.state_dict(), folders["safetensors"] / "model.safetensors")
    torch.save(module, folders["module"] / "module.pt")
    torch.jit.script(module).save(str(folders["script"] / "script.pt"))
    torch.export.save(torch.export.export(module, (torch.ones(4, 3),)), folders["export"] / "program.pt2")
    found = [fingerprint(folder) for folder in folders.values()]
    assert len({result.tensors for result in found}) == 1


def test_what_transformers_leaves_beside_a_model_is_read_inertly(tmp_path):
    import torch
    from transformers import BertConfig, BertModel, TrainingArguments

    model = BertModel(
        BertConfig(
            hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, vocab_size=20
        )
    )
    model.save_pretrained(tmp_path)
    alone = fingerprint(tmp_path)
    torch.save(TrainingArguments(str(tmp_path / "out")), tmp_path / "training_args.bin")
    assert fingerprint(tmp_path).tensors == alone.tensors
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    assert fingerprint(tmp_path).weights == alone.weights
    optimizer = torch.optim.AdamW(model.parameters())
    sum(parameter.sum() for parameter in model.parameters()).backward()
    optimizer.step()
    torch.save(optimizer.state_dict(), tmp_path / "optimizer.pt")
    after = fingerprint(tmp_path)
    assert after.weights == alone.weights
    assert after.bundle != alone.bundle


class Attack:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        import os

        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("old", [False, True])
def test_a_pickle_that_calls_the_system_is_named_and_does_not_run(tmp_path, old):
    import torch

    folder, mark = new(tmp_path / "model"), tmp_path / "mark"
    value = {"w": torch.ones(2), "x": Attack(mark)}
    torch.save(value, folder / "pytorch_model.bin", _use_new_zipfile_serialization=not old)
    with pytest.raises(MalformedError, match=r"pytorch_model\.bin names 'posix\.system'"):
        fingerprint(folder)
    assert not mark.exists()


def test_an_estimator_saved_twice_has_one_root(tmp_path):
    import skops.io
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    source = np.random.default_rng(1)
    rows, labels = source.random((40, 3)), source.integers(0, 2, 40)
    model = make_pipeline(StandardScaler(), RandomForestClassifier(3, random_state=0)).fit(rows, labels)
    other = make_pipeline(StandardScaler(), RandomForestClassifier(3, random_state=1)).fit(rows, labels)
    found = []
    for name, estimator in (
        ("a", model),
        ("b", skops.io.loads(skops.io.dumps(model), trusted=TRUSTED)),
        ("c", other),
    ):
        folder = new(tmp_path / name)
        skops.io.dump(estimator, folder / "model.skops")
        found.append(fingerprint(folder))
    assert found[0].bundle != found[1].bundle
    assert (found[0].weights, found[0].tensors) == (found[1].weights, found[1].tensors)
    assert found[0].weights != found[2].weights


TRUSTED = ["sklearn.tree._tree.Tree"]
