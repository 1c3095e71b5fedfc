"""Likenesses that papers have published and that accuse strangers; shown, and never part of a verdict."""

import torch
from tests.zoo.network import Network, hidden_states, layer_name
from tests.zoo.training import Course, batches
from torch import Tensor


def std_profile(first: Network, second: Network) -> float:
    """Correlate how the deviation of the attention's matrices goes from layer to layer.

    Source: Intrinsic Fingerprint of LLMs, arXiv 2507.03014.
    """
    layers = min(first.shape.layers, second.shape.layers)
    profiles = [
        torch.cat([_centred(network, part, layers) for part in ("q", "k", "v", "o")])
        for network in (first, second)
    ]
    return float(torch.corrcoef(torch.stack(profiles))[0, 1])


def _centred(network: Network, part: str, layers: int) -> Tensor:
    found = torch.stack([network.weights[layer_name(layer, part)].std() for layer in range(layers)])
    return found - found.mean()


def kernel_alignment(first: Network, second: Network) -> float:
    """Compare what both say of the same text: linear CKA of the last hidden states.

    Source: REEF, arXiv 2410.14273; Kornblith et al., arXiv 1905.00414.
    """
    (ids,) = batches(Course(steps=1, rate=0.0, order=98), 2**9)
    ids = ids[:, :-1]
    one, two = (hidden_states(network, ids).double() for network in (first, second))
    one, two = one - one.mean(0), two - two.mean(0)
    return float((two.T @ one).norm() ** 2 / ((one.T @ one).norm() * (two.T @ two).norm()))
