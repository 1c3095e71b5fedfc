"""What makes a copy smaller or noisier: narrower numbers, fewer of them, noise on top."""

from collections.abc import Callable

import torch
from tests.zoo.network import Network, Weights
from torch import Tensor


def changed_matrices(network: Network, change: Callable[[Tensor], Tensor]) -> Network:
    """Change every matrix of the layers; the embeddings and the gains stay."""
    weights: Weights = {
        name: change(value) if name.endswith("_proj.weight") else value.clone()
        for name, value in network.weights.items()
    }
    return Network(weights=weights, shape=network.shape)


def cast(network: Network, dtype: torch.dtype) -> Network:
    """Store every tensor in another type."""
    return Network(
        weights={name: value.to(dtype) for name, value in network.weights.items()}, shape=network.shape
    )


def quantise_rows(network: Network) -> Network:
    """Round to 8 bits, one scale a row: the values stay float32, as a loader would give them."""

    def rounded(matrix: Tensor) -> Tensor:
        scale = matrix.abs().amax(dim=1, keepdim=True).clamp_min(1e-12) / 127
        return (matrix / scale).round() * scale

    return changed_matrices(network, rounded)


def quantise_groups(network: Network, bits: int = 4, group: int = 64) -> Network:
    """Round to few bits, one scale for each group of neighbours in a row."""
    top = 2 ** (bits - 1) - 1

    def rounded(matrix: Tensor) -> Tensor:
        grouped = matrix.reshape(-1, group)
        scale = grouped.abs().amax(dim=1, keepdim=True).clamp_min(1e-12) / top
        return ((grouped / scale).round() * scale).reshape(matrix.shape)

    return changed_matrices(network, rounded)


def prune(network: Network, share: float) -> Network:
    """Set the smallest numbers of every matrix to zero."""

    def pruned(matrix: Tensor) -> Tensor:
        bar = matrix.abs().flatten().kthvalue(max(1, int(share * matrix.numel()))).values
        return torch.where(matrix.abs() > bar, matrix, 0.0)

    return changed_matrices(network, pruned)


def add_noise(network: Network, share: float, seed: int) -> Network:
    """Add noise whose deviation is a share of each matrix's own."""
    generator = torch.Generator().manual_seed(seed)

    def noisy(matrix: Tensor) -> Tensor:
        return matrix + torch.randn(matrix.shape, generator=generator) * matrix.std() * share

    return changed_matrices(network, noisy)
