"""The same numbers are the same weights, whatever library wrote them, after the documented mappings."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
import onnx
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_model

from weightmark.discovery import Plugins
from weightmark.errors import MalformedError
from weightmark.fingerprinting import Fingerprint, fingerprint_artifact
from weightmark.model import Artifact
from weightmark.similarity import ModelTensors
from weightmark.testing.format import watch_execution
from weightmark.workspace.reading import find_tensors
from weightmark_plugins.formats.gguf import PERMUTED, read_metadata
from weightmark_plugins.formats.gguf_names import ARCHITECTURES, hf_name

pytestmark = pytest.mark.integration
VECTORS = Path(__file__).parents[1] / "vectors"


def fingerprint(path: Path) -> Fingerprint:
    artifact = Artifact.open(path)
    return fingerprint_artifact(artifact, find_tensors(artifact, Plugins()), threads=1)


def leaves(path: Path, ending: str | tuple[str, ...]) -> dict[tuple[str, tuple[int, ...], str], str]:
    """Give what a weights root is made of, with the tensors' names; of the files with one ending."""
    artifact = Artifact.open(path)
    files = tuple(file for file in artifact.files if file.path.endswith(ending))
    part = replace(artifact, files=files)
    spans = find_tensors(part, Plugins())
    found = fingerprint_artifact(artifact, spans, threads=1)
    return {(one.dtype, tuple(one.shape), one.root): one.name for one in found.manifest.tensors}


def write_safetensors(folder: Path, tensors: Mapping[str, np.ndarray]) -> Path:
    folder.mkdir()
    save_file({name: tensor.copy() for name, tensor in tensors.items()}, folder / "model.safetensors")
    return folder


# ---- ONNX
class Small(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = torch.nn.Embedding(11, 8)
        self.conv = torch.nn.Conv1d(8, 8, 3, padding=1)
        self.norm = torch.nn.LayerNorm(8)
        self.up = torch.nn.Linear(8, 16)
        self.down = torch.nn.Linear(16, 8, bias=False)
        self.head = torch.nn.Linear(8, 5)
        for parameter in self.parameters():
            torch.nn.init.normal_(parameter)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        state = self.words(tokens)
        state = state + self.conv(state.transpose(1, 2)).transpose(1, 2)
        state = self.norm(state)
        state = state + self.down(torch.relu(self.up(state)))
        return self.head(state.mean(1))


class Multiplying(torch.nn.Module):
    """Keeps its kernel as (in, out), as GPT-2 does."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = torch.nn.Parameter(torch.randn(8, 6))

    def forward(self, state: torch.Tensor) -> torch.Tensor:
        return state @ self.kernel


def export(module: torch.nn.Module, given: torch.Tensor, folder: Path) -> Path:
    folder.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module.eval(), (given,), str(folder / "model.onnx"), dynamo=False, opset_version=17)
    return folder


def test_an_exported_model_has_the_weights_of_its_source(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = Small()
    save_model(module, str(tmp_path / "model.safetensors"))
    exported = fingerprint(export(module, torch.zeros(2, 7, dtype=torch.long), tmp_path / "onnx"))
    assert exported.weights == fingerprint(tmp_path / "model.safetensors").weights
    layouts = {tensor.name: tensor.layout for tensor in exported.manifest.tensors if tensor.layout}
    assert list(layouts.values()) == ["strided", "strided"]
    assert all(name.startswith("onnx::MatMul_") for name in layouts)


def test_a_kernel_that_keeps_its_name_keeps_its_layout(tmp_path: Path) -> None:
    module = Multiplying()
    save_model(module, str(tmp_path / "model.safetensors"))
    exported = fingerprint(export(module, torch.zeros(2, 8), tmp_path / "onnx"))
    assert exported.weights == fingerprint(tmp_path / "model.safetensors").weights


def test_the_newer_exporter_keeps_all_weights_and_adds_only_axes() -> None:
    source = leaves(VECTORS / "onnx", ".safetensors")
    found = leaves(VECTORS / "onnx", (".onnx", ".data"))
    assert source.keys() <= found.keys()
    added = {found[leaf] for leaf in found.keys() - source.keys()}
    model = onnx.load(str(VECTORS / "onnx/dynamo.onnx"), load_external_data=False)
    axes = {one.name for one in model.graph.initializer if one.data_type == onnx.TensorProto.INT64}
    assert added == axes


def test_what_the_library_writes_is_read_alike(tmp_path: Path) -> None:
    source = np.random.default_rng(3)
    tensors = {
        "f": source.standard_normal((3, 4)).astype("float32"),
        "d": source.standard_normal(5),
        "h": source.standard_normal(6).astype("float16"),
        "b": source.standard_normal(7).astype(ml_dtypes.bfloat16),
        "i": source.integers(-99, 99, 8),
        "s": source.integers(-99, 99, (2, 2)).astype("int8"),
        "t": source.random(5) > 0.5,
        "u": source.integers(0, 99, 3).astype("uint64"),
        "n": np.array([np.nan, np.inf, -np.inf, 0.0], "float32"),
        "e": np.zeros((0, 3), "float32"),
        "c": np.array(7, "int32"),
    }
    plain = fingerprint(write_safetensors(tmp_path / "plain", tensors))
    raw = [onnx.numpy_helper.from_array(tensor, name) for name, tensor in tensors.items()]
    typed = [
        onnx.helper.make_tensor(one.name, one.data_type, one.dims, tensors[one.name].reshape(-1).tolist())
        for one in raw
    ]
    for name, initializers in {"raw": raw, "typed": typed}.items():
        folder = tmp_path / name
        folder.mkdir()
        graph = onnx.helper.make_graph([], "g", [], [], initializers)
        onnx.save(onnx.helper.make_model(graph), str(folder / "model.onnx"))
        assert fingerprint(folder).tensors == plain.tensors
    folder = tmp_path / "external"
    folder.mkdir()
    model = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], raw))
    onnx.save(
        model, str(folder / "model.onnx"), save_as_external_data=True, location="data", size_threshold=0
    )
    assert fingerprint(folder).tensors == plain.tensors


# ---- GGUF
def permute(rows: np.ndarray, heads: int) -> np.ndarray:
    halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return halves.swapaxes(1, 2).reshape(rows.shape)


def llama() -> dict[str, np.ndarray]:
    """Make the tensors of a small LLaMA, with the names and shapes that they have in transformers."""
    layer = {
        "self_attn.q_proj": (32, 32),
        "self_attn.k_proj": (16, 32),
        "self_attn.v_proj": (16, 32),
        "self_attn.o_proj": (32, 32),
        "mlp.gate_proj": (64, 32),
        "mlp.up_proj": (64, 32),
        "mlp.down_proj": (32, 64),
        "input_layernorm": (32,),
        "post_attention_layernorm": (32,),
    }
    outer = {"model.embed_tokens": (40, 32), "model.norm": (32,), "lm_head": (40, 32)}
    layers = {f"model.layers.{n}.{name}": shape for n in (0, 1) for name, shape in layer.items()}
    source = np.random.default_rng(1)
    shapes = outer | layers
    return {
        f"{name}.weight": source.standard_normal(shape).astype("float32") for name, shape in shapes.items()
    }


def write_gguf(path: Path, tensors: Mapping[str, np.ndarray], *, quantised: bool = False) -> None:
    """Write a model as llama.cpp's converter does."""
    from gguf import MODEL_ARCH, GGMLQuantizationType, GGUFWriter, get_tensor_name_map, quantize

    names = get_tensor_name_map(MODEL_ARCH.LLAMA, 2)
    writer = GGUFWriter(str(path), "llama")
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_license("llama3.2")
    writer.add_base_model_count(1)
    writer.add_base_model_name(0, "Base")
    writer.add_token_list([f"token{number}" for number in range(40)])
    for name, tensor in tensors.items():
        heads = 4 if "q_proj" in name else 2 if "k_proj" in name else 0
        rows = permute(tensor, heads) if heads else tensor
        kind = GGMLQuantizationType.Q8_0
        if quantised and tensor.ndim == 2:
            writer.add_tensor(names.get_name(name, (".weight",)), quantize(rows, kind), raw_dtype=kind)
        else:
            writer.add_tensor(names.get_name(name, (".weight",)), rows)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_a_converted_model_has_the_weights_of_its_source(tmp_path: Path) -> None:
    source = llama()
    plain = fingerprint(write_safetensors(tmp_path / "plain", source))
    write_gguf(tmp_path / "model.gguf", source)
    found = fingerprint(tmp_path / "model.gguf")
    assert found.weights == plain.weights
    assert {hf_name("llama", tensor.name) for tensor in found.manifest.tensors} == set(source)
    roots = {tensor.name: tensor.root for tensor in plain.manifest.tensors}
    assert all(roots[str(hf_name("llama", one.name))] == one.root for one in found.manifest.tensors)
    facts = read_metadata(Artifact.open(tmp_path / "model.gguf"), "model.gguf")
    assert facts["general.license"] == "llama3.2"
    assert facts["general.base_model.0.name"] == "Base"


def test_quantised_rows_stand_where_the_source_has_them(tmp_path: Path) -> None:
    source = llama()
    write_gguf(tmp_path / "model.gguf", source, quantised=True)
    artifact = Artifact.open(tmp_path / "model.gguf")
    tensors = ModelTensors(artifact, find_tensors(artifact, Plugins()))
    for name in tensors.names:
        expected = source[str(hf_name("llama", name))]
        assert np.abs(tensors.read(name) - expected).max() < 0.02


def test_all_quantised_types_have_the_sizes_of_the_library() -> None:
    from gguf import GGML_QUANT_SIZES

    from weightmark_plugins.formats.gguf_header import DTYPES

    sizes = {kind.value: sizes for kind, sizes in GGML_QUANT_SIZES.items()}
    assert {code: (block, size) for code, (_, block, size) in DTYPES.items()} == sizes
    for kind in GGML_QUANT_SIZES:
        if DTYPES[kind.value][1] > 1:
            assert DTYPES[kind.value][0] == kind.name.lower()


def test_names_lead_back_by_the_map_of_the_library() -> None:
    from gguf import MODEL_ARCH_NAMES, MODEL_TENSORS, TENSOR_NAMES, get_tensor_name_map

    architectures = {name: number for number, name in MODEL_ARCH_NAMES.items()}
    assert architectures.keys() >= ARCHITECTURES | PERMUTED
    for architecture in ARCHITECTURES:
        number = architectures[architecture]
        library = get_tensor_name_map(number, 2)
        names = [f"{TENSOR_NAMES[tensor].format(bid=1)}.weight" for tensor in MODEL_TENSORS[number]]
        mapped = {name: hf_name(architecture, name) for name in names}
        assert mapped["blk.1.attn_q.weight"] == "model.layers.1.self_attn.q_proj.weight"
        for name, found in mapped.items():
            assert found is None or library.get_name(found, (".weight",)) == name


# ---- Keras
@pytest.fixture
def keras(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras

        return keras


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_saved_layers_have_the_weights_of_their_variables(keras: object, dtype: str, tmp_path: Path) -> None:
    layers = keras.layers  # type: ignore[attr-defined]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = keras.Sequential(  # type: ignore[attr-defined]
            [
                keras.Input((6,)),  # type: ignore[attr-defined]
                layers.Embedding(11, 4, dtype=dtype),
                layers.Conv1D(5, 3, dtype=dtype, bias_initializer="random_normal"),
                layers.Flatten(dtype=dtype),
                layers.Dense(3, dtype=dtype, bias_initializer="random_normal"),
            ]
        )
        for name in ("model.keras", "model.weights.h5"):
            (tmp_path / name).mkdir()
            path = str(tmp_path / name / name)
            model.save(path) if name.endswith(".keras") else model.save_weights(path)
        values = {one.path: one.value.detach().cpu() for one in model.weights}
    plain = fingerprint(save(tmp_path / "plain", values))
    for name in ("model.keras", "model.weights.h5"):
        assert fingerprint(tmp_path / name).weights == plain.weights


def save(folder: Path, values: Mapping[str, torch.Tensor]) -> Path:
    from safetensors.torch import save_file as save_torch

    folder.mkdir()
    save_torch({name: tensor.contiguous() for name, tensor in values.items()}, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize("newest", [True, False])
def test_what_h5py_writes_is_read_alike(newest: bool, tmp_path: Path) -> None:
    source = np.random.default_rng(4)
    tensors = {
        "layers/a/vars/0": source.standard_normal((3, 4)).astype("float32"),
        "layers/a/vars/1": source.standard_normal(5),
        "layers/b/vars/0": source.integers(-9, 9, 6).astype("int16"),
        "layers/b/vars/1": source.random(7) > 0.5,
        "layers/b/vars/2": np.array(3, "uint8"),
        "layers/b/vars/3": source.standard_normal(2).astype("float16"),
    }
    plain = fingerprint(write_safetensors(tmp_path / "plain", tensors))
    with h5py.File(tmp_path / "m.h5", "w", libver="latest" if newest else None) as file:
        for name, tensor in tensors.items():
            file[name] = tensor if name != "layers/a/vars/1" else tensor.astype(">f8")
        file["layers/b/vars/text"] = "words"
        file.create_group("layers/empty")
    assert fingerprint(tmp_path / "m.h5").tensors == plain.tensors


def test_many_layers_are_found(tmp_path: Path) -> None:
    tensors = {f"layers/dense_{number}/vars/0": np.full(2, number, "float32") for number in range(300)}
    plain = fingerprint(write_safetensors(tmp_path / "plain", tensors))
    with h5py.File(tmp_path / "m.h5", "w") as file:
        for name, tensor in tensors.items():
            file[name] = tensor
    assert fingerprint(tmp_path / "m.h5").tensors == plain.tensors


@pytest.mark.parametrize("what", ["soft", "external", "virtual", "outside", "chunks", "compressed"])
def test_what_is_not_in_the_file_in_one_piece_is_refused(what: str, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        group = file.create_group("layers")
        group["kept"] = np.zeros(4, "float32")
        if what == "soft":
            group["w"] = h5py.SoftLink("/layers/kept")
        elif what == "external":
            group["w"] = h5py.ExternalLink("/etc/passwd", "/w")
        elif what == "virtual":
            layout = h5py.VirtualLayout(4, "float32")
            layout[:] = h5py.VirtualSource("/etc/passwd", "w", 4)
            group.create_virtual_dataset("w", layout)
        elif what == "outside":
            group.create_dataset("w", (4,), "float32", external=[(str(tmp_path / "out"), 0, 16)])
        else:
            group.create_dataset(
                "w",
                data=np.zeros(4, "float32"),
                chunks=(2,),
                compression="gzip" if what == "compressed" else None,
            )
    with watch_execution() as seen, pytest.raises(MalformedError) as caught:
        fingerprint(tmp_path / "m.h5")
    assert caught.value.hint
    assert not seen
