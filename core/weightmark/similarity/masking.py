"""Merges in which each element takes its own parents: DARE drops at random, TIES keeps the largest.

An element of the child is then the base, or the base and the scaled distance of one parent, or of several. So
the elements themselves say which parents they took, and with how much; nothing is fitted in the mean.
Not promised: an answer when the child was rounded so coarsely that its elements do not say it any more.

Source: Yu et al., Language Models are Super Mario, 2024 (DARE); Yadav et al., TIES-Merging, 2023.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weightmark.similarity.abreast import pick, sample_places
from weightmark.similarity.products import Doubles, Family, Products

SAMPLE: Final = 1 << 17
"""Elements that are looked at in each tensor."""

EXPLAINED: Final = 0.98
"""The share of elements that a recipe must explain."""

_CHANCE: Final = 0.2
"""The share that may be explained by chance, before nothing can be said."""

_MOST_PARENTS: Final = 4
_TIMES: Final = 4.0
_BIN: Final = 0.004
_LEAST_PEAK: Final = 24
_STANDS_OUT: Final = 4.5
_OVERLAP: Final = 0.02
"""How far the ranks of what was trimmed and of what was kept may overlap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """A merge that its elements tell.

    Attributes:
        recipe: ``dare``, ``ties``, or ``dare-ties`` for dropping at random and averaging what agrees.
        scales: by how much each parent's distance was multiplied where it stands alone; 0 for no part in it.
        weights: the share that each parent has in the mean: for DARE the coefficient before dropping.
        errors: the standard error of each weight.
        densities: the share of each parent's elements that was kept.
        explained: by tensor, the share of elements that this explains.
        chance: the share that would be explained if the child's elements were shuffled.
    """

    recipe: str
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    errors: tuple[float, ...]
    densities: tuple[float, ...]
    explained: Mapping[str, float]
    chance: float

    @property
    def holds(self) -> bool:
        """Whether enough elements are explained, in every tensor, and not by chance."""
        return min(self.explained.values(), default=0.0) >= EXPLAINED and self.chance <= _CHANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    name: str
    child: Doubles
    parents: Doubles
    error: Doubles


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """For each element of a sample which subset explains it; -1 for none."""

    sums: NDArray[np.int64]
    means: NDArray[np.int64]


def explain_masks(family: Family, products: Sequence[Products]) -> Masked | None:
    """Look for a merge that took each element from its own parents.

    Args:
        family: the models, with a base.
        products: of the tensors that can be looked at.

    Returns:
        The best explanation, which may not hold; None when the elements say nothing.

    Raises:
        MalformedError: a file is damaged.
    """
    if family.base is None or not products or len(family.parents) > _MOST_PARENTS:
        return None
    samples = [_sample(family, each) for each in products]
    peaks = [_scale(samples, index) for index in range(len(family.parents))]
    scales = tuple(scale for scale, _ in peaks)
    active = [index for index, scale in enumerate(scales) if scale]
    if not active:
        return None
    subsets = [
        np.array([index in chosen for index in range(len(scales))])
        for count in range(len(active) + 1)
        for chosen in itertools.combinations(active, count)
    ]
    readings = [_read(sample, scales, subsets) for sample in samples]
    names = [sample.name for sample in samples]
    sums = {name: _share(reading.sums) for name, reading in zip(names, readings, strict=True)}
    means = {name: _share(reading.means) for name, reading in zip(names, readings, strict=True)}
    averaged = sum(means.values()) > sum(sums.values())
    chosen = [reading.means if averaged else reading.sums for reading in readings]
    kept, random = _kept(samples, chosen, subsets)
    recipe = ("dare-ties" if averaged else "dare") if random else "ties"
    densities = tuple(float(share) for share in kept) if random else _densities(samples, chosen, subsets)
    weights = tuple(
        scale * density if random else scale for scale, density in zip(scales, densities, strict=True)
    )
    return Masked(
        recipe=recipe,
        scales=scales,
        weights=weights,
        errors=_errors(samples, peaks, densities if random else None),
        densities=densities,
        explained=means if averaged else sums,
        chance=_chance(samples, scales, subsets, averaged=averaged),
    )


def _share(which: NDArray[np.int64]) -> float:
    return float(np.count_nonzero(which >= 0)) / which.size if which.size else 1.0


def _sample(family: Family, products: Products) -> _Sample:
    name = products.name
    places = sample_places(products.size, SAMPLE)
    base = pick(family.origin, name, places).astype(np.float64)
    child = pick(family.child, name, places).astype(np.float64) - base
    parents = (
        np.stack([pick(model, name, places) for model in family.parents.values()]).astype(np.float64) - base
    )
    finite = np.isfinite(child) & np.isfinite(parents).all(axis=0)
    rounding = (12 * products.noise / max(products.size, 1)) ** 0.5
    error = np.full(base.shape, rounding) + _TIMES * 2.0**-24 * np.abs(base)
    return _Sample(name=name, child=child[finite], parents=parents[:, finite], error=error[finite])


def _scale(samples: Sequence[_Sample], index: int) -> tuple[float, float]:
    """Find the factor that stands out among the ratios of the child's distance to a parent's; 0 for none.

    Its standard error comes with it.
    """
    parts: list[Doubles] = []
    for sample in samples:
        far = np.abs(sample.parents[index]) > 8 * sample.error
        far &= np.abs(sample.child) > 8 * sample.error
        parts.append(sample.child[far] / sample.parents[index][far])
    ratios = np.concatenate(parts)
    ratios = ratios[(ratios > 0.01) & (ratios < 1000)]  # noqa: PLR2004 - what any recipe uses
    if ratios.size < _LEAST_PEAK:
        return 0.0, 0.0
    places = np.floor(np.log(ratios) / _BIN).astype(np.int64)
    counts = np.bincount(places - places.min())
    window = np.convolve(counts, np.ones(41) / 41, mode="same")
    excess = counts - window
    peak = int(np.argmax(excess))
    if counts[peak] < _LEAST_PEAK or counts[peak] < _STANDS_OUT * window[peak]:
        return 0.0, 0.0
    near = ratios[np.abs(places - places.min() - peak) <= 1]
    return float(np.median(near)), float(near.std()) / math.sqrt(near.size)


def _errors(
    samples: Sequence[_Sample], peaks: Sequence[tuple[float, float]], kept: tuple[float, ...] | None
) -> tuple[float, ...]:
    """Give the weights' standard errors; those of what was dropped at random have that chance in them."""
    if kept is None:
        return tuple(error for _, error in peaks)
    count = max(sum(sample.child.size for sample in samples), 1)
    return tuple(
        math.hypot(share * error, scale * math.sqrt(share * (1 - share) / count))
        for (scale, error), share in zip(peaks, kept, strict=True)
    )


def _read(sample: _Sample, scales: tuple[float, ...], subsets: Sequence[NDArray[np.bool_]]) -> _Reading:
    """Say of each element which subset of parents it took: added up, or averaged where they agree."""
    scaled = sample.parents * np.array(scales)[:, None]
    bound = 2 * sample.error + _TIMES * 2.0**-22 * np.abs(scaled).sum(axis=0)
    answers: list[NDArray[np.int64]] = []
    for averaged in (False, True):
        best = np.full(sample.child.shape, np.inf)
        which = np.full(sample.child.shape, -1, np.int64)
        for number, subset in enumerate(subsets):
            made = scaled[subset].sum(axis=0) / (max(int(subset.sum()), 1) if averaged else 1)
            off = np.abs(sample.child - made)
            nearer = (off <= bound) & (off < best)
            best[nearer], which[nearer] = off[nearer], number
        answers.append(which)
    return _Reading(sums=answers[0], means=answers[1])


def _kept(
    samples: Sequence[_Sample], chosen: Sequence[NDArray[np.int64]], subsets: Sequence[NDArray[np.bool_]]
) -> tuple[Doubles, bool]:
    """Give the share of elements that took each parent, and whether chance chose them.

    What was trimmed for being small is smaller than what was kept; what was dropped at random is not.
    """
    table = np.stack(subsets)
    counts, known = np.zeros(table.shape[1]), 0
    dropped, alone = list[Doubles](), list[Doubles]()
    for sample, which in zip(samples, chosen, strict=True):
        counts += table[which[which >= 0]].sum(axis=0)
        known += int(np.count_nonzero(which >= 0))
        for index in np.flatnonzero(table.any(axis=0)):
            ranks = _ranks(sample.parents[index])
            dropped.append(ranks[which == 0])
            single = [number for number, row in enumerate(table) if row[index] and row.sum() == 1]
            alone.append(ranks[np.isin(which, single)])
    left, taken = np.concatenate(dropped), np.concatenate(alone)
    trimmed = bool(left.size and taken.size and np.quantile(left, 0.95) < np.quantile(taken, 0.05) + _OVERLAP)
    return counts / max(known, 1), not trimmed


def _densities(
    samples: Sequence[_Sample], chosen: Sequence[NDArray[np.int64]], subsets: Sequence[NDArray[np.bool_]]
) -> tuple[float, ...]:
    """Say how many of each parent's elements were kept, from the smallest that stands alone in the child."""
    table = np.stack(subsets)
    found: list[float] = []
    for index in range(table.shape[1]):
        alone = [number for number, row in enumerate(table) if row[index] and row.sum() == 1]
        bars, sizes = list[float](), list[int]()
        for sample, which in zip(samples, chosen, strict=True):
            taken = _ranks(sample.parents[index])[np.isin(which, alone)]
            if taken.size >= _LEAST_PEAK:
                bars.append(float(np.quantile(taken, 0.01)))
                sizes.append(taken.size)
        found.append(1.0 - float(np.average(bars, weights=sizes)) if bars else 0.0)
    return tuple(found)


def _ranks(values: Doubles) -> Doubles:
    """Rank sizes, 0 for the smallest to 1."""
    ranks = np.empty(values.size)
    ranks[np.argsort(np.abs(values), kind="stable")] = np.arange(values.size)
    return ranks / max(values.size - 1, 1)


def _chance(
    samples: Sequence[_Sample],
    scales: tuple[float, ...],
    subsets: Sequence[NDArray[np.bool_]],
    *,
    averaged: bool,
) -> float:
    """Say how many elements would be explained if they were those of other places; zeros are not counted."""
    generator, explained, counted = np.random.default_rng(0), 0, 0
    for sample in samples:
        moved = sample.child[np.abs(sample.child) > 2 * sample.error]
        if not moved.size:
            continue
        places = np.flatnonzero(np.abs(sample.child) > 2 * sample.error)[:4096]
        shuffled = generator.permutation(moved)[: places.size]
        other = _Sample(
            name=sample.name, child=shuffled, parents=sample.parents[:, places], error=sample.error[places]
        )
        reading = _read(other, scales, subsets)
        explained += int(np.count_nonzero((reading.means if averaged else reading.sums) >= 0))
        counted += places.size
    return explained / counted if counted else 0.0
