"""How much of a model each of several parents explains.

Not promised: the recipe. Whether a merge was made as it is claimed is another question, with its own command.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from weightmark.similarity.catalog import Catalog
from weightmark.similarity.pairing import Pair
from weightmark.similarity.sampling import matrix_shape, places, read_sample

SHARE: Final = 0.12
"""The share from which a parent counts as one."""

GAIN: Final = 0.25
"""How much of what the best single parent leaves open the mixture must explain."""

_SIDE: Final = 192
_SUM: Final = (0.7, 1.2)

Parents = Sequence[tuple[Catalog, Sequence[Pair]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """A model explained as a sum of its parents.

    Attributes:
        weights: one for each parent, averaged over the model's numbers.
        gain: the part of what the best single parent leaves open that the mixture explains, from 0 to 1.
    """

    weights: tuple[float, ...]
    gain: float

    @property
    def holds(self) -> bool:
        """Say whether a mixture explains the model, and no single parent does nearly as well.

        A child of one parent is a little like every other child of it; that makes weights, but no merge.
        """
        several = sum(weight >= SHARE for weight in self.weights) > 1
        return several and self.gain >= GAIN and _SUM[0] <= sum(self.weights) <= _SUM[1]


def weigh(second: Catalog, parents: Parents) -> Mixture:
    """Explain a model's tensors as sums of its parents', by least squares in samples.

    Args:
        second: the model.
        parents: each with its pairs.

    Returns:
        The mixture. Tensors that lie otherwise than their counterparts (slices, transposes) are counted for
        the parent they belong to.

    Raises:
        MalformedError: a tensor's bytes are not what its type and shape ask for.
    """
    if len(parents) == 1:
        return Mixture(weights=(1.0 if parents[0][1] else 0.0,), gain=0.0)
    by_name = [{pair.second: pair for pair in pairs} for _, pairs in parents]
    totals, alone = np.zeros(len(parents)), np.zeros(len(parents))
    together, numbers = 0.0, 0
    for name in second.testable:
        if not any(name in pairs for pairs in by_name):
            continue
        size = second.size(name)
        weights, single, mixed = _explain(second, name, parents, by_name)
        numbers += size
        totals += size * weights
        alone += size * single
        together += size * mixed
    if not numbers:
        return Mixture(weights=(0.0,) * len(parents), gain=0.0)
    best = float(alone.min())
    gain = 1 - together / best if best > 1e-12 * numbers else 0.0
    return Mixture(weights=tuple(float(total) / numbers for total in totals), gain=gain)


def _explain(
    second: Catalog, name: str, parents: Parents, by_name: Sequence[dict[str, Pair]]
) -> tuple[np.ndarray, np.ndarray, float]:
    """Give each parent's weight in one tensor, and the part it leaves open: each alone, and all together."""
    weights, open_parts = np.zeros(len(parents)), np.ones(len(parents))
    present = [index for index, pairs in enumerate(by_name) if name in pairs]
    plain = [index for index in present if _lies_alike(second, parents[index][0], by_name[index][name])]
    if not plain:
        weights[present[0]] = 1.0
        open_parts[present[0]] = 0.0
        return weights, open_parts, 0.0
    rows, columns, _ = matrix_shape(second.shapes[name])
    where = places(rows, _SIDE), places(columns, _SIDE)
    target = read_sample(second.tensors, name, *where).values.reshape(-1).astype(np.float64)
    sources = [
        read_sample(parents[index][0].tensors, by_name[index][name].first, *where).values.reshape(-1)
        for index in plain
    ]
    scale = max(float(target @ target), 1e-30)
    table = np.stack(sources, axis=1).astype(np.float64)
    for position, index in enumerate(plain):
        open_parts[index] = float(((target - table[:, position]) ** 2).sum()) / scale
    found = np.linalg.lstsq(table, target, rcond=None)[0] if len(plain) > 1 else np.ones(1)
    weights[plain] = np.clip(found, 0.0, None)
    return weights, open_parts, float(((target - table @ found) ** 2).sum()) / scale


def _lies_alike(second: Catalog, parent: Catalog, pair: Pair) -> bool:
    return not pair.transform.name and parent.shapes[pair.first] == second.shapes[pair.second]
