"""What GGUF calls a tensor, and what the model's own code calls it.

Not promised: every architecture. Those are mapped whose names in ``transformers`` follow LLaMA's.
"""

import re
from collections.abc import Mapping
from typing import Final

ARCHITECTURES: Final = frozenset(
    {
        *("arcee", "deci", "exaone4", "gemma", "gemma2", "gemma3", "granite", "granitemoe", "llama"),
        *("mistral3", "olmo", "olmo2", "qwen2", "qwen3", "seed_oss", "smollm3", "stablelm"),
    }
)
"""Architectures whose names follow LLaMA's."""

NAMES: Final[Mapping[str, str]] = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
}
"""Names outside of the layers, without the ``.weight`` at their end."""

LAYER_NAMES: Final[Mapping[str, str]] = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "post_attention_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "post_ffw_norm": "post_feedforward_layernorm",
}
"""Names in a layer; ``ffn_norm`` depends on whether attention has a norm of its own behind it."""

_SANDWICHED: Final = frozenset({"gemma2", "gemma3"})
_SUFFIXED: Final = re.compile(r"(?P<name>.+)\.(?P<suffix>weight|bias)\Z")
_LAYER: Final = re.compile(r"blk\.(?P<layer>[0-9]{1,6})\.(?P<part>.+)\Z")


def hf_name(architecture: str, name: str) -> str | None:
    """Give the name that a tensor has in ``transformers``.

    Args:
        architecture: the file's ``general.architecture``.
        name: the tensor's name in the GGUF file.

    Returns:
        The name, or None when the mapping does not know it.

    >>> hf_name("llama", "blk.3.attn_q.weight")
    'model.layers.3.self_attn.q_proj.weight'
    """
    found = _SUFFIXED.match(name)
    if architecture not in ARCHITECTURES or found is None:
        return None
    inner = _LAYER.match(found["name"])
    if inner is None:
        outer = NAMES.get(found["name"])
        return outer and f"{outer}.{found['suffix']}"
    norm = "pre_feedforward_layernorm" if architecture in _SANDWICHED else "post_attention_layernorm"
    part = norm if inner["part"] == "ffn_norm" else LAYER_NAMES.get(inner["part"])
    return part and f"model.layers.{int(inner['layer'])}.{part}.{found['suffix']}"
