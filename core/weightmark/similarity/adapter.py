"""A LoRA adapter as PEFT saves it, and what it adds to the model that it is folded into.

Not promised: adapters that are not added: DoRA and others that rescale are refused.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from weightmark.encoding import Json, Record, decode
from weightmark.errors import MalformedError
from weightmark.similarity.abreast import STEP, Floats
from weightmark.similarity.values import ModelTensors

CONFIG: Final = "adapter_config.json"
_MOST_CONFIG: Final = 1 << 20
_NAME: Final = re.compile(
    r"(?:base_model\.model\.)?(.+)\.lora_(?:embedding_)?([AB])(?:\.default)?(?:\.weight)?"
)
_HINT: Final = "Give the folder that PEFT saved: adapter_config.json and adapter_model.safetensors."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Factors:
    left: Floats
    right: Floats
    scale: float


class Adapter:
    """What a LoRA adapter adds to each tensor of a model.

    Args:
        tensors: the adapter's own.

    Raises:
        MalformedError: it is no LoRA adapter, or one that is not simply added.
    """

    def __init__(self, tensors: ModelTensors) -> None:
        self._tensors = tensors
        self._config = _read_config(tensors)
        halves: dict[str, dict[str, str]] = {}
        for name in tensors.names:
            found = _NAME.fullmatch(name)
            if found is None:
                raise MalformedError(
                    f"the adapter has a tensor {name[:200]!r}, which is neither lora_A nor lora_B",
                    hint="Only adapters that add low-rank matrices can be checked.",
                )
            halves.setdefault(found.group(1), {})[found.group(2)] = name
        for target, pair in halves.items():
            if len(pair) != 2:  # noqa: PLR2004 - A and B
                raise MalformedError(f"the adapter has only one half for {target[:200]!r}", hint=_HINT)
        if not halves:
            raise MalformedError("the adapter has no tensors", hint=_HINT)
        self._halves: Mapping[str, Mapping[str, str]] = halves

    def targets(self, names: frozenset[str]) -> dict[str, str]:
        """Say to which tensors of a model it adds.

        Args:
            names: the model's tensors.

        Returns:
            The model's tensors, and the adapter's name for each.

        Raises:
            MalformedError: the model has no such tensor.
        """
        found: dict[str, str] = {}
        for target in self._halves:
            name = next((each for each in (f"{target}.weight", target) if each in names), None)
            if name is None:
                raise MalformedError(
                    f"the adapter adds to {target[:200]!r}, which the model does not have",
                    hint="Give the adapter of this model, or the model before it was renamed.",
                )
            found[name] = target
        return found

    def blocks(self, target: str, shape: tuple[int, ...]) -> Iterator[Floats]:
        """Give what is added to a tensor, in runs of whole rows.

        Args:
            target: the adapter's name for the tensor.
            shape: the tensor's shape.

        Raises:
            MalformedError: the two halves do not make a matrix of this shape.
        """
        factors = self._factors(target)
        made = (factors.left.shape[0], factors.right.shape[1])
        swapped = made != shape and made[::-1] == shape
        if len(shape) != 2 or (made != shape and not swapped):  # noqa: PLR2004 - a matrix
            raise MalformedError(
                f"the adapter makes {list(made)} for {target[:200]!r}, whose shape is {list(shape)[:8]}",
                hint="It is the adapter of another model.",
            )
        left, right = (factors.right.T, factors.left.T) if swapped else (factors.left, factors.right)
        if bool(self._config.get("fan_in_fan_out")) and made == shape[::-1] and made[0] == made[1]:
            left, right = factors.right.T, factors.left.T
        step = max(1, STEP // max(1, shape[1]))
        for start in range(0, shape[0], step):
            yield (factors.scale * (left[start : start + step] @ right)).astype(np.float32).reshape(-1)

    def _factors(self, target: str) -> _Factors:
        names = self._halves[target]
        down, up = (self._tensors.read(names[half]) for half in "AB")
        if down.ndim != 2 or up.ndim != 2 or down.shape[0] != up.shape[1]:  # noqa: PLR2004 - matrices
            raise MalformedError(
                f"the adapter's halves for {target[:200]!r} have the shapes"
                f" {list(down.shape)[:8]} and {list(up.shape)[:8]}, which do not fit",
                hint=_HINT,
            )
        rank = down.shape[0]
        alpha = _pattern(self._config.get("alpha_pattern"), target)
        if alpha is None:
            alpha = _number(self._config.get("lora_alpha"), rank)
        root = math.sqrt(rank) if self._config.get("use_rslora") else rank
        return _Factors(left=up, right=down, scale=alpha / max(root, 1))


def _read_config(tensors: ModelTensors) -> Mapping[str, Json]:
    file = tensors.artifact.find(CONFIG)
    if file is None or file.size > _MOST_CONFIG:
        found = "none" if file is None else f"one of {file.size} bytes"
        raise MalformedError(f"an adapter needs {CONFIG}; the folder has {found}", hint=_HINT)
    data = tensors.artifact.read(CONFIG, 0, file.size)
    config = Record(decode(data, what=CONFIG, constants=True), CONFIG).members()
    if config.get("peft_type") != "LORA" or config.get("use_dora"):
        kind = "DoRA" if config.get("use_dora") else str(config.get("peft_type"))[:40]
        raise MalformedError(
            f"the adapter is of the kind {kind}, which is not simply added to the weights",
            hint="Only LoRA adapters can be checked.",
        )
    return config


def _pattern(value: Json, target: str) -> float | None:
    """Give a tensor's own value, when one of the keys ends its name, as PEFT matches them."""
    for key, own in value.items() if isinstance(value, dict) else ():
        if target == key or target.endswith(f".{key}"):
            return _number(own, 1)
    return None


def _number(value: Json, default: float) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else float(default)
