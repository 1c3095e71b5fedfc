"""Models in memory have the digests of what their own libraries save: torch, transformers, Keras, ONNX."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weightmark
from weightmark.errors import MalformedError

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    import torch

    monkeypatch.setenv("WEIGHTMARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    yield
    torch.set_num_threads(before)


def states() -> dict[str, Any]:
    import torch

    return {
        "bf16": torch.randn(6, 5).to(torch.bfloat16),
        "view": torch.randn(8, 9).t(),
        "every second": torch.randn(12)[::2],
        "scalar": torch.tensor(3),
        "nothing": torch.zeros(0, 4),
        "complex": torch.randn(4, dtype=torch.complex64),
        "flags": torch.tensor([True, False]),
        "f8": torch.randn(6).to(torch.float8_e4m3fn),
        "half": torch.randn(3).half(),
    }


def test_a_state_dict_of_every_kind_of_number(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    tensors = states()
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, tmp_path / "model.safetensors")
    filed, found = weightmark.fingerprint(tmp_path), weightmark.fingerprint(tensors)
    assert (found.weights, found.tensors) == (filed.weights, filed.tensors)


def test_a_conjugate_view_has_the_numbers_that_it_shows() -> None:
    import torch

    numbers = torch.randn(4, dtype=torch.complex64)
    shown, made = {"w": numbers.conj()}, {"w": numbers.conj().resolve_conj()}
    assert weightmark.fingerprint(shown) == weightmark.fingerprint(made)
    assert weightmark.fingerprint({"a": numbers, "b": numbers.conj()}).entries[0].root != (
        weightmark.fingerprint({"a": numbers, "b": numbers.conj()}).entries[1].root
    )


def test_a_module_is_its_state_dict_and_its_file(tmp_path: Path) -> None:
    import torch

    network = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 4))
    network[2].weight = network[0].weight
    found = weightmark.fingerprint(network)
    assert found == weightmark.fingerprint(network.state_dict())
    torch.save(network.state_dict(), tmp_path / "model.pt")
    filed = weightmark.fingerprint(tmp_path)
    assert (found.weights, found.tensors) == (filed.weights, filed.tensors)


def small(kind: str) -> Any:
    import transformers as library

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    words = {"vocab_size": 50, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    if kind == "bert":
        return library.BertForMaskedLM(library.BertConfig(**sizes, **words))
    if kind == "gpt2":
        return library.GPT2LMHeadModel(library.GPT2Config(n_embd=16, n_layer=1, n_head=2, **words))
    experts = {"num_key_value_heads": 2, "num_local_experts": 2}
    return library.MixtralForCausalLM(library.MixtralConfig(**sizes, **words, **experts))


@pytest.mark.parametrize("kind", ["bert", "gpt2", "mixtral"])
def test_a_transformers_model_is_what_it_saves(kind: str, tmp_path: Path) -> None:
    import torch

    for model in (small(kind), small(kind).to(torch.bfloat16)):
        found = weightmark.fingerprint(model)
        folder = tmp_path / str(model.dtype)
        model.save_pretrained(folder)
        filed = weightmark.fingerprint(folder)
        assert (found.weights, found.tensors) == (filed.weights, filed.tensors)
        assert found.architecture == filed.architecture
        assert found == weightmark.fingerprint(model)


def test_a_trained_step_is_another_model() -> None:
    import torch

    model = small("gpt2")
    before = weightmark.fingerprint(model)
    with torch.no_grad():
        model.transformer.wte.weight[3, 3] += 1
    after = weightmark.fingerprint(model)
    assert before.architecture == after.architecture
    changed = [one.name for one, other in zip(before.entries, after.entries, strict=True) if one != other]
    assert changed == ["transformer.wte.weight"]


def test_tensors_whose_numbers_are_not_at_hand_are_refused() -> None:
    import torch

    sparse = torch.eye(3).to_sparse()
    for tensor, kind in ((torch.empty(3, device="meta"), "meta"), (sparse, "sparse")):
        with pytest.raises(MalformedError, match=kind):
            weightmark.fingerprint({"w": tensor})


def test_a_tensor_that_wraps_others_is_refused() -> None:
    import torch

    class Wrapped(torch.Tensor):
        """A tensor whose numbers lie in another, as those of quantised weights do."""

        inner: torch.Tensor

        @classmethod
        def around(cls, inner: torch.Tensor) -> torch.Tensor:
            made = torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)
            made.inner = inner
            return made

        @classmethod
        def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            plain = [each.inner if isinstance(each, cls) else each for each in args]
            return function(*plain, **(kwargs or {}))

    tensors = {"zeros": Wrapped.around(torch.zeros(4)), "ones": Wrapped.around(torch.ones(4))}
    with pytest.raises(MalformedError, match="computed from others"):
        weightmark.fingerprint(tensors)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_a_keras_model_has_the_numbers_of_its_file(tmp_path: Path) -> None:
    import keras

    keras.utils.clear_session()  # the names of layers are counted over the whole process
    model = keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(3),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(2),
        ]
    )
    model.compile("adam", "mse")
    model.fit(np.ones((2, 4), "f4"), np.ones((2, 2), "f4"), verbose=0)
    found = weightmark.fingerprint(model)
    model.save(tmp_path / "model.keras")
    filed = weightmark.fingerprint(tmp_path)
    assert found.weights == filed.weights
    assert "sequential/dense/kernel" in {entry.name for entry in found.entries}


def test_an_onnx_model_is_its_file(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(np.arange(12, dtype="f4").reshape(4, 3), "onnx::MatMul_7")
    node = helper.make_node("MatMul", ["x", "onnx::MatMul_7"], ["y"])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, None]) for name in ("x", "y")]
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], [weight])
    model = helper.make_model(graph)
    onnx.save(model, tmp_path / "model.onnx")
    filed, found = weightmark.fingerprint(tmp_path / "model.onnx"), weightmark.fingerprint(model)
    assert found.entries
    assert (found.weights, found.tensors) == (filed.weights, filed.tensors)
    assert found.architecture == filed.architecture


def test_nothing_is_imported_for_a_mapping_of_arrays() -> None:
    import subprocess

    code = (
        "import sys, numpy, weightmark; weightmark.fingerprint({'w': numpy.ones(3)});"
        "sys.exit(any(name in sys.modules for name in ('torch', 'keras', 'onnx', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_an_adapter_of_peft_is_its_state_dict_and_is_linked_to_its_base(tmp_path: Path) -> None:
    import peft

    base = small("gpt2")
    base.save_pretrained(tmp_path / "base")
    base.name_or_path = base.config._name_or_path = str(tmp_path / "base")
    model = peft.get_peft_model(base, peft.LoraConfig(r=2, target_modules=["c_attn"], fan_in_fan_out=True))
    model.save_pretrained(tmp_path / "lora")
    found = weightmark.fingerprint(peft.get_peft_model_state_dict(model))
    filed = weightmark.fingerprint(tmp_path / "lora")
    assert (found.weights, found.tensors) == (filed.weights, filed.tensors)
    registered = weightmark.register(tmp_path / "base", license="mit", mine=True)
    adapter = weightmark.register(tmp_path / "lora", mine=True)
    assert registered.model is not None
    assert adapter.model is not None
    with weightmark.Workspace.open() as workspace:
        workspace.resources.catch_up()
        (parent,) = workspace.resources.index.parents(adapter.model.bundle)
    assert (parent.bundle, parent.relation) == (registered.model.bundle, "adapter")
