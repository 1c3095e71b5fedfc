"""A Llama as a dictionary of tensors and one function, named as transformers names them.

Small enough to be cut, permuted, rotated and grown by hand; what is saved loads into transformers' own class.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

EPSILON = 1e-5
THETA = 10000.0
EMBEDDING, HEAD, NORM = "model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"
Weights = dict[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a network's tensors measure."""

    vocabulary: int
    width: int
    layers: int
    heads: int
    groups: int
    head_width: int
    units: int

    def config(self) -> dict[str, object]:
        """Give what transformers expects in ``config.json``."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "attention_bias": False,
            "head_dim": self.head_width,
            "hidden_act": "silu",
            "hidden_size": self.width,
            "intermediate_size": self.units,
            "max_position_embeddings": 512,
            "mlp_bias": False,
            "model_type": "llama",
            "num_attention_heads": self.heads,
            "num_hidden_layers": self.layers,
            "num_key_value_heads": self.groups,
            "rms_norm_eps": EPSILON,
            "rope_theta": THETA,
            "tie_word_embeddings": False,
            "vocab_size": self.vocabulary,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network: its tensors, float32, and what they measure."""

    weights: Weights
    shape: Shape

    @classmethod
    def of_config(cls, weights: Weights, config: Mapping[str, int]) -> "Network":
        """Give a network as its ``config.json`` measures it."""
        shape = Shape(
            vocabulary=config["vocab_size"],
            width=config["hidden_size"],
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            groups=config["num_key_value_heads"],
            head_width=config["head_dim"],
            units=config["intermediate_size"],
        )
        return cls(weights=weights, shape=shape)

    def cloned(self, **changed: int) -> "Network":
        """Give a copy whose tensors may be written to, with other measures where they are named."""
        weights = {name: value.detach().clone() for name, value in self.weights.items()}
        return Network(weights=weights, shape=replace(self.shape, **changed))


def layer_name(layer: int, part: str) -> str:
    """Name a tensor of a layer."""
    place = {"q": "self_attn", "k": "self_attn", "v": "self_attn", "o": "self_attn"}
    if part in place:
        return f"model.layers.{layer}.self_attn.{part}_proj.weight"
    if part in {"gate", "up", "down"}:
        return f"model.layers.{layer}.mlp.{part}_proj.weight"
    return f"model.layers.{layer}.{part}_layernorm.weight"


PARTS = ("q", "k", "v", "o", "gate", "up", "down", "input", "post_attention")


def initialise(shape: Shape, seed: int) -> Network:
    """Give a network as it is before it has learned anything."""
    generator = torch.Generator().manual_seed(seed)
    query, pair = shape.heads * shape.head_width, shape.groups * shape.head_width
    measures = {
        "q": (query, shape.width),
        "k": (pair, shape.width),
        "v": (pair, shape.width),
        "o": (shape.width, query),
        "gate": (shape.units, shape.width),
        "up": (shape.units, shape.width),
        "down": (shape.width, shape.units),
    }

    def drawn(*lengths: int) -> Tensor:
        return torch.randn(*lengths, generator=generator) * 0.02

    weights = {EMBEDDING: drawn(shape.vocabulary, shape.width)}
    for layer in range(shape.layers):
        for part in PARTS:
            lengths = measures.get(part)
            weights[layer_name(layer, part)] = drawn(*lengths) if lengths else torch.ones(shape.width)
    weights[NORM] = torch.ones(shape.width)
    weights[HEAD] = drawn(shape.vocabulary, shape.width)
    return Network(weights=weights, shape=shape)


def _normalised(x: Tensor, gain: Tensor) -> Tensor:
    return functional.rms_norm(x, gain.shape, gain, EPSILON)


def _turned(x: Tensor, angles: Tensor) -> Tensor:
    """Apply rotary positions to ``(batch, heads, positions, head_width)``."""
    half = x.shape[-1] // 2
    first, second = x[..., :half], x[..., half:]
    cos, sin = angles.cos(), angles.sin()
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def run(weights: Weights, shape: Shape, ids: Tensor) -> Tensor:
    """Give the logits of ``ids``, ``(batch, positions)``, for each next piece."""
    count, width = ids.shape[1], shape.head_width
    rates = THETA ** -(torch.arange(0, width, 2) / width)
    angles = torch.outer(torch.arange(count, dtype=torch.float32), rates)
    x = weights[EMBEDDING][ids]
    for layer in range(shape.layers):
        part = {name: weights[layer_name(layer, name)] for name in PARTS}
        seen = _normalised(x, part["input"])
        q, k, v = (
            functional.linear(seen, part[name]).unflatten(-1, (-1, width)).transpose(1, 2) for name in "qkv"
        )
        mixed = functional.scaled_dot_product_attention(
            _turned(q, angles),
            _turned(k, angles),
            v,
            is_causal=True,
            enable_gqa=shape.groups != shape.heads,
        )
        x = x + functional.linear(mixed.transpose(1, 2).flatten(2), part["o"])
        seen = _normalised(x, part["post_attention"])
        gated = functional.silu(functional.linear(seen, part["gate"])) * functional.linear(seen, part["up"])
        x = x + functional.linear(gated, part["down"])
    return functional.linear(_normalised(x, weights[NORM]), weights[HEAD])


def hidden_states(network: Network, ids: Tensor) -> Tensor:
    """Give what the last layer says of each piece, ``(batch * positions, width)``, for CKA."""
    width = network.shape.width
    weights = network.weights | {NORM: torch.ones(width), HEAD: torch.eye(width)}
    with torch.no_grad():
        return run(weights, network.shape, ids).flatten(0, 1)
