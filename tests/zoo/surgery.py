"""What cuts and grows a copy: layers dropped, doubled, transplanted; widths and vocabulary changed."""

from collections.abc import Mapping, Sequence

import torch
from tests.zoo.network import EMBEDDING, HEAD, NORM, PARTS, Network, layer_name
from torch import Tensor


def arrange_layers(network: Network, order: Sequence[int]) -> Network:
    """Give a network whose layers are these of the given one, in this order."""
    result = network.cloned(layers=len(order))
    for name in [name for name in result.weights if name.startswith("model.layers.")]:
        del result.weights[name]
    for layer, source in enumerate(order):
        for part in PARTS:
            result.weights[layer_name(layer, part)] = network.weights[layer_name(source, part)].clone()
    return result


def transplant(host: Network, donor: Network, layers: Mapping[int, int]) -> Network:
    """Put the donor's layers into the host; the keys are the host's layers."""
    result = host.cloned()
    for layer, source in layers.items():
        for part in PARTS:
            result.weights[layer_name(layer, part)] = donor.weights[layer_name(source, part)].clone()
    return result


def transplant_embedding(host: Network, donor: Network) -> Network:
    """Put the donor's embedding and head into the host."""
    result = host.cloned()
    result.weights.update({name: donor.weights[name].clone() for name in (EMBEDDING, HEAD)})
    return result


def prune_units(network: Network, share: float) -> Network:
    """Take the weakest hidden units out of every layer; the others keep their order."""
    kept = round(network.shape.units * (1 - share))
    result = network.cloned(units=kept)
    for layer in range(network.shape.layers):
        up, down = (network.weights[layer_name(layer, part)] for part in ("up", "down"))
        strength = up.norm(dim=1) * down.norm(dim=0)
        order = strength.topk(kept).indices.sort().values
        for part in ("gate", "up"):
            name = layer_name(layer, part)
            result.weights[name] = network.weights[name][order].contiguous()
        result.weights[layer_name(layer, "down")] = down[:, order].contiguous()
    return result


def _noise_like(value: Tensor, rows: int, generator: torch.Generator) -> Tensor:
    return torch.randn(rows, value.shape[1], generator=generator) * value.std()


def widen_units(network: Network, share: float, seed: int) -> Network:
    """Add hidden units of noise to every layer; their outputs start at zero."""
    generator = torch.Generator().manual_seed(seed)
    more = round(network.shape.units * share)
    result = network.cloned(units=network.shape.units + more)
    for layer in range(network.shape.layers):
        for part in ("gate", "up"):
            name = layer_name(layer, part)
            noise = _noise_like(network.weights[name], more, generator)
            result.weights[name] = torch.cat((network.weights[name], noise))
        name = layer_name(layer, "down")
        silence = torch.zeros(network.shape.width, more)
        result.weights[name] = torch.cat((network.weights[name], silence), dim=1)
    return result


def widen_residual(network: Network, more: int, seed: int) -> Network:
    """Add dimensions to the stream: nothing writes to them yet, what reads them is noise."""
    generator = torch.Generator().manual_seed(seed)
    width = network.shape.width
    result = network.cloned(width=width + more)
    shrink = (width / (width + more)) ** 0.5
    for name, value in network.weights.items():
        if value.ndim == 1:
            result.weights[name] = torch.cat((value * shrink, torch.full((more,), float(shrink))))
        elif name.endswith(("o_proj.weight", "down_proj.weight")):
            result.weights[name] = torch.cat((value, torch.zeros(more, value.shape[1])))
        else:
            noise = torch.randn(len(value), more, generator=generator) * value.std()
            noise = torch.zeros_like(noise) if name == EMBEDDING else noise
            result.weights[name] = torch.cat((value, noise), dim=1)
    return result


def extend_vocabulary(network: Network, more: int, seed: int) -> Network:
    """Add pieces to the vocabulary: near the mean of those that are there."""
    generator = torch.Generator().manual_seed(seed)
    result = network.cloned(vocabulary=network.shape.vocabulary + more)
    for name in (EMBEDDING, HEAD):
        value = network.weights[name]
        added = value.mean(dim=0) + _noise_like(value, more, generator)
        result.weights[name] = torch.cat((value, added))
    return result


def rename(network: Network) -> dict[str, Tensor]:
    """Give the tensors under the names of another library: the same numbers, none of the names."""
    words = {
        "q": "attention.wq",
        "k": "attention.wk",
        "v": "attention.wv",
        "o": "attention.wo",
        "gate": "feed_forward.w1",
        "up": "feed_forward.w3",
        "down": "feed_forward.w2",
        "input": "attention_norm",
        "post_attention": "ffn_norm",
    }
    named = {
        "tok_embeddings.weight": network.weights[EMBEDDING],
        "output.weight": network.weights[HEAD],
        "norm.weight": network.weights[NORM],
    }
    for layer in range(network.shape.layers):
        for part, word in words.items():
            named[f"layers.{layer}.{word}.weight"] = network.weights[layer_name(layer, part)]
    return named
