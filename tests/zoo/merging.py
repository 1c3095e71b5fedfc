"""What makes one network of several: the recipes that people use, with known coefficients."""

from collections.abc import Callable, Sequence

import torch
from tests.zoo.network import Network
from torch import Tensor

Recipe = Callable[[Tensor, Tensor | None, Sequence[Tensor]], Tensor]


def merge(networks: Sequence[Network], recipe: Recipe, base: Network | None = None) -> Network:
    """Merge tensor by tensor."""
    weights = {
        name: recipe(
            networks[0].weights[name],
            base.weights[name] if base else None,
            [network.weights[name] for network in networks],
        )
        for name in networks[0].weights
    }
    return Network(weights=weights, shape=networks[0].shape)


def average(networks: Sequence[Network], shares: Sequence[float]) -> Network:
    """Add the networks, each times its share."""

    def added(_first: Tensor, _base: Tensor | None, values: Sequence[Tensor]) -> Tensor:
        return torch.stack([share * value for share, value in zip(shares, values, strict=True)]).sum(0)

    return merge(networks, added)


def slerp(first: Network, second: Network, place: float) -> Network:
    """Walk from one to the other on the arc between them, tensor by tensor."""

    def walked(_first: Tensor, _base: Tensor | None, values: Sequence[Tensor]) -> Tensor:
        a, b = (value.double().flatten() for value in values)
        cosine = torch.clamp(a @ b / (a.norm() * b.norm()), -1, 1)
        angle = torch.arccos(cosine)
        if angle < 1e-4:
            left, right = 1 - place, place
        else:
            left = float(torch.sin((1 - place) * angle) / torch.sin(angle))
            right = float(torch.sin(place * angle) / torch.sin(angle))
        return (left * a + right * b).reshape(values[0].shape).float()

    return merge([first, second], walked)


def add_tasks(base: Network, networks: Sequence[Network], shares: Sequence[float]) -> Network:
    """Add each network's distance from the base, times its share."""

    def added(_first: Tensor, start: Tensor | None, values: Sequence[Tensor]) -> Tensor:
        assert start is not None
        return start + torch.stack([s * (v - start) for s, v in zip(shares, values, strict=True)]).sum(0)

    return merge(networks, added, base)


def drop_and_rescale(
    base: Network, networks: Sequence[Network], shares: Sequence[float], *, drop: float, seed: int
) -> Network:
    """Merge by DARE: of each distance a random part is dropped, the rest made larger."""
    generator = torch.Generator().manual_seed(seed)

    def added(_first: Tensor, start: Tensor | None, values: Sequence[Tensor]) -> Tensor:
        assert start is not None
        total = start.clone()
        for share, value in zip(shares, values, strict=True):
            kept = torch.rand(value.shape, generator=generator) >= drop
            total += share * kept * (value - start) / (1 - drop)
        return total

    return merge(networks, added, base)


def trim_and_elect(base: Network, networks: Sequence[Network], *, density: float, scale: float) -> Network:
    """Merge by TIES: of each distance the largest, the sign that weighs more, the mean of what agrees."""

    def added(_first: Tensor, start: Tensor | None, values: Sequence[Tensor]) -> Tensor:
        assert start is not None
        distances = torch.stack([value - start for value in values])
        sizes = distances.abs().flatten(1)
        bars = sizes.kthvalue(max(1, int((1 - density) * sizes.shape[1])), dim=1).values
        trimmed = distances * (distances.abs() >= bars.reshape(-1, *[1] * start.ndim))
        sign = trimmed.sum(0).sign()
        agreed = (trimmed.sign() == sign) & (trimmed != 0)
        return start + scale * (trimmed * agreed).sum(0) / agreed.sum(0).clamp_min(1)

    return merge(networks, added, base)
