"""Small models of random matrices, written as safetensors and opened as numbers."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from weightmark.discovery import Plugins
from weightmark.model import Artifact
from weightmark.similarity import ModelTensors
from weightmark.workspace.reading import find_tensors

Weights = dict[str, NDArray[np.float32]]
CODES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64"}
SHAPES = {
    "embed.weight": (64, 48),
    "layers.0.up.weight": (96, 48),
    "layers.0.norm.weight": (48,),
    "layers.1.up.weight": (96, 48),
    "layers.1.norm.weight": (48,),
}


def make_weights(seed: int, size: float = 0.05) -> Weights:
    """Make random weights."""
    generator = np.random.default_rng(seed)
    return {name: (generator.normal(size=shape) * size).astype(np.float32) for name, shape in SHAPES.items()}


def tune(weights: Mapping[str, NDArray[np.float32]], seed: int, size: float = 0.004) -> Weights:
    """Move weights a little, as training does: the larger part of it along few directions."""
    generator = np.random.default_rng(seed)
    moved: Weights = {}
    for name, values in weights.items():
        change = generator.normal(size=values.shape)
        if values.ndim > 1:
            spread = np.exp(-np.arange(values.shape[1]) / 12)
            change = (generator.normal(size=values.shape) * spread) @ generator.normal(
                size=(values.shape[1],) * 2
            )
        moved[name] = (values + size * change / change.std()).astype(np.float32)
    return moved


def save(
    folder: Path, weights: Mapping[str, NDArray[np.generic]], config: Mapping[str, object] | None = None
) -> Path:
    """Write a model; a tensor keeps the type it has."""
    folder.mkdir(parents=True, exist_ok=True)
    header: dict[str, object] = {}
    data = b""
    for name, values in weights.items():
        raw = np.ascontiguousarray(values).tobytes()
        header[name] = {
            "dtype": CODES[values.dtype.name],
            "shape": list(values.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    (folder / "config.json").write_text(
        json.dumps({"model_type": "mlp", "hidden_size": 48, **(config or {})})
    )
    return folder


def load(folder: Path) -> ModelTensors:
    """Open a model."""
    artifact = Artifact.open(folder)
    return ModelTensors(artifact, find_tensors(artifact, Plugins(kinds=("format",))))


def model(folder: Path, weights: Mapping[str, NDArray[np.generic]]) -> ModelTensors:
    """Write a model and open it."""
    return load(save(folder, weights))


def narrow(weights: Weights) -> dict[str, NDArray[np.generic]]:
    """Store every tensor as bfloat16."""
    return {name: values.astype(ml_dtypes.bfloat16) for name, values in weights.items()}


def quantise(values: NDArray[np.float32], levels: int, group: int = 0) -> NDArray[np.float32]:
    """Round to evenly spaced levels, one scale a row or a group."""
    rows = values.reshape(-1, group or values.shape[-1])
    step = np.abs(rows).max(axis=1, keepdims=True) / (levels // 2)
    return (np.rint(rows / step) * step).astype(np.float32).reshape(values.shape)
