"""ONNX, GGUF, TensorFlow and Keras under the suite that a stranger's format must pass."""

import zipfile
from pathlib import Path

from tests.model_files import (
    gguf_file,
    hdf5_file,
    onnx_external_message,
    onnx_model,
    onnx_tensor_message,
    onnx_typed_message,
    write_checkpoint,
)

from weightmark.testing.format import SAMPLE, FormatSuite, Sample
from weightmark_plugins.formats.gguf import GgufFormat
from weightmark_plugins.formats.keras import KerasFormat
from weightmark_plugins.formats.onnx import OnnxFormat
from weightmark_plugins.formats.tensorflow import TensorflowFormat

LAYERS = {f"layers/{name}": tensor for name, tensor in SAMPLE.items()}


class TestOnnx(FormatSuite):
    format_type = OnnxFormat

    def write(self, folder: Path, tensors: Sample) -> None:
        messages = [onnx_tensor_message(name, *tensor) for name, tensor in tensors.items()]
        (folder / "model.onnx").write_bytes(onnx_model(messages))


class TestOnnxWithTypedNumbers(FormatSuite):
    format_type = OnnxFormat

    def write(self, folder: Path, tensors: Sample) -> None:
        messages = [onnx_typed_message(name, *tensor) for name, tensor in tensors.items()]
        (folder / "model.onnx").write_bytes(onnx_model(messages))


class TestOnnxWithExternalData(FormatSuite):
    format_type = OnnxFormat

    def write(self, folder: Path, tensors: Sample) -> None:
        messages, data = [], b""
        for name, (dtype, shape, content) in tensors.items():
            place = {"location": "model.onnx.data", "offset": len(data), "length": len(content)}
            messages.append(onnx_external_message(name, dtype, shape, place))
            data += content
        (folder / "model.onnx").write_bytes(onnx_model(messages))
        (folder / "model.onnx.data").write_bytes(data)


class TestGguf(FormatSuite):
    format_type = GgufFormat

    def write(self, folder: Path, tensors: Sample) -> None:
        metadata = {"general.architecture": "mamba", "tokenizer.ggml.tokens": ["a", "b"], "numbers": [1, 2]}
        (folder / "model.gguf").write_bytes(gguf_file(tensors, metadata))


class TestTensorflow(FormatSuite):
    format_type = TensorflowFormat

    def write(self, folder: Path, tensors: Sample) -> None:
        write_checkpoint(folder, tensors)


class TestHdf5(FormatSuite):
    format_type = KerasFormat
    sample = LAYERS

    def write(self, folder: Path, tensors: Sample) -> None:
        (folder / "model.weights.h5").write_bytes(hdf5_file(tensors))


class TestKeras(FormatSuite):
    format_type = KerasFormat
    sample = LAYERS

    def write(self, folder: Path, tensors: Sample) -> None:
        with zipfile.ZipFile(folder / "model.keras", "w") as archive:
            archive.writestr("config.json", "{}")
            archive.writestr("model.weights.h5", hdf5_file(tensors))
