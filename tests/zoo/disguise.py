"""What changes every number of a copy and nothing of what it computes: permutations, rotations, scales.

Each function gives a network with the same logits, up to rounding.
"""

import torch
from tests.zoo.network import EMBEDDING, HEAD, NORM, Network, layer_name
from torch import Tensor

READING, WRITING = ("q", "k", "v", "gate", "up"), ("o", "down")


def _orthogonal(size: int, generator: torch.Generator) -> Tensor:
    factor, upper = torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64))
    return (factor * upper.diagonal().sign()).float()


def permute_units(network: Network, seed: int) -> Network:
    """Put each layer's hidden units into another order."""
    generator, result = torch.Generator().manual_seed(seed), network.cloned()
    for layer in range(network.shape.layers):
        order = torch.randperm(network.shape.units, generator=generator)
        for part in ("gate", "up"):
            name = layer_name(layer, part)
            result.weights[name] = network.weights[name][order].contiguous()
        name = layer_name(layer, "down")
        result.weights[name] = network.weights[name][:, order].contiguous()
    return result


def rescale_units(network: Network, seed: int) -> Network:
    """Multiply each hidden unit's ``up`` by a number between 1/3 and 3, and divide its ``down``."""
    generator, result = torch.Generator().manual_seed(seed), network.cloned()
    for layer in range(network.shape.layers):
        scale = 3 ** (torch.rand(network.shape.units, generator=generator) * 2 - 1)
        result.weights[layer_name(layer, "up")] *= scale[:, None]
        result.weights[layer_name(layer, "down")] /= scale
    return result


def permute_heads(network: Network, seed: int) -> Network:
    """Put each layer's groups of heads, and the heads in each group, into another order."""
    generator, result, shape = torch.Generator().manual_seed(seed), network.cloned(), network.shape
    fold = shape.heads // shape.groups
    for layer in range(shape.layers):
        groups = torch.randperm(shape.groups, generator=generator)
        inner = torch.stack([torch.randperm(fold, generator=generator) for _ in range(shape.groups)])
        heads = (groups[:, None] * fold + inner).flatten()
        for part, order in (("q", heads), ("k", groups), ("v", groups)):
            name = layer_name(layer, part)
            split = network.weights[name].unflatten(0, (-1, shape.head_width))
            result.weights[name] = split[order].flatten(0, 1).contiguous()
        name = layer_name(layer, "o")
        split = network.weights[name].unflatten(1, (-1, shape.head_width))
        result.weights[name] = split[:, heads].flatten(1, 2).contiguous()
    return result


def rotate_heads(network: Network, seed: int) -> Network:
    """Turn the space of each group's values at will, and of its keys as rotary positions allow."""
    generator, result, shape = torch.Generator().manual_seed(seed), network.cloned(), network.shape
    fold, half = shape.heads // shape.groups, shape.head_width // 2
    for layer in range(shape.layers):
        parts = {
            part: network.weights[layer_name(layer, part)].unflatten(0, (-1, shape.head_width)).clone()
            for part in "qkv"
        }
        out = network.weights[layer_name(layer, "o")].unflatten(1, (-1, shape.head_width)).clone()
        for group in range(shape.groups):
            heads = slice(group * fold, (group + 1) * fold)
            turn = _orthogonal(shape.head_width, generator)
            parts["v"][group] = turn @ parts["v"][group]
            out[:, heads] = out[:, heads] @ turn.T
            angle = torch.rand(half, generator=generator) * 2 * torch.pi
            cos, sin = angle.cos().diag(), angle.sin().diag()
            pairs = torch.cat((torch.cat((cos, -sin), 1), torch.cat((sin, cos), 1)))
            parts["k"][group] = pairs @ parts["k"][group]
            parts["q"][heads] = pairs @ parts["q"][heads]
        for part, value in parts.items():
            result.weights[layer_name(layer, part)] = value.flatten(0, 1).contiguous()
        result.weights[layer_name(layer, "o")] = out.flatten(1, 2).contiguous()
    return result


def fold_gains(network: Network) -> Network:
    """Move the norms' gains into the matrices that read behind them."""
    result = network.cloned()
    behind = [(NORM, [HEAD])]
    for layer in range(network.shape.layers):
        behind.append((layer_name(layer, "input"), [layer_name(layer, part) for part in "qkv"]))
        behind.append(
            (layer_name(layer, "post_attention"), [layer_name(layer, part) for part in ("gate", "up")])
        )
    for gain, readers in behind:
        for name in readers:
            result.weights[name] *= network.weights[gain]
        result.weights[gain] = torch.ones(network.shape.width)
    return result


def _turn_residual(network: Network, turn: Tensor) -> Network:
    """Turn the stream that all layers read and write; the gains must be 1, or ``turn`` a permutation."""
    result = network.cloned()
    for name in (EMBEDDING, HEAD):
        result.weights[name] = network.weights[name] @ turn
    for layer in range(network.shape.layers):
        for part in READING:
            result.weights[layer_name(layer, part)] = network.weights[layer_name(layer, part)] @ turn
        for part in WRITING:
            result.weights[layer_name(layer, part)] = turn.T @ network.weights[layer_name(layer, part)]
    for name, value in network.weights.items():
        if value.ndim == 1:
            result.weights[name] = turn.T.abs() @ value if bool((value != 1).any()) else value.clone()
    return result


def permute_residual(network: Network, seed: int) -> Network:
    """Put the stream's dimensions into another order, half of them with the sign turned."""
    generator, width = torch.Generator().manual_seed(seed), network.shape.width
    signs = torch.randint(0, 2, (width,), generator=generator).float() * 2 - 1
    return _turn_residual(network, torch.eye(width)[torch.randperm(width, generator=generator)] * signs)


def rotate_residual(network: Network, seed: int) -> Network:
    """Turn the stream at will, its gains folded away before."""
    generator = torch.Generator().manual_seed(seed)
    return _turn_residual(fold_gains(network), _orthogonal(network.shape.width, generator))


def permute_inside(network: Network, seed: int) -> Network:
    """Permute units and heads, and turn every head: all of a layer that others cannot see."""
    return permute_heads(rotate_heads(permute_units(network, seed), seed + 1), seed + 2)


def permute_all(network: Network, seed: int) -> Network:
    """Permute units, heads and the stream."""
    return permute_residual(permute_heads(permute_units(network, seed), seed + 1), seed + 2)
