"""How far the likeness of aligned units lies above that of shuffled units, and what chance that has.

Two tensors are cut into units: the rows or the columns that belong to one neuron each. The statistic is the
sum of the cosines of units in equal places. Were the two models independent, every order of the second's
units would have been as likely, so its law is known: mean and variance exactly (Hoeffding), its tail by the
normal law, by counting shuffled orders when there are few units, and by a bound that holds for every number
of units.

Cosines further than five standard deviations from the mean are cut there, so that no single pair of unusual
units decides.

Not promised: a p-value for units that may not be shuffled. Which may is said in
``weightmark.similarity.roles``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

CUT: Final = 5.0
"""Standard deviations at which cosines are cut."""

FEW: Final = 64
"""Below so many units, shuffled orders are counted instead of trusting the normal law."""

SHUFFLES: Final = 2000
"""How many shuffled orders are counted."""

SMALLEST: Final = 1e-9
"""No p-value is printed below this: the normal law is not trusted so far out."""

LEAST_UNITS: Final = 4
"""Fewer units are not tested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """The outcome of one test.

    Attributes:
        z: the statistic in standard deviations above its mean over all orders.
        cosine: the mean cosine of units in equal places.
        units: how many were compared.
        log_p: natural logarithm of the one-sided p-value.
        log_bound: natural logarithm of a bound on it that holds for every number of units; at most 0.
    """

    z: float
    cosine: float
    units: int
    log_p: float
    log_bound: float


NOTHING: Final = Likeness(z=0.0, cosine=0.0, units=0, log_p=0.0, log_bound=0.0)


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Compare every unit of one tensor with every unit of another.

    Args:
        first: (units, features) float32.
        second: (units, features) float32; the same number of units.

    Returns:
        (units, units) float32; 0 where a unit is all zeros.
    """
    return np.asarray(_unit(first) @ _unit(second).T)


def _unit(values: np.ndarray) -> np.ndarray:
    # scaled first: squares of large numbers overflow
    scale = np.abs(values).max(axis=1, keepdims=True, initial=0)
    scaled = values / np.where(scale > 0, scale, 1)
    norm = np.linalg.norm(scaled, axis=1, keepdims=True)
    return scaled / np.where(norm > 0, norm, 1)


def judge(table: np.ndarray, *, seed: int = 0) -> Likeness:
    """Judge a table of cosines, or a mean of several that share one order of units.

    Args:
        table: (units, units) float32; the diagonal has the units in equal places.
        seed: for the shuffled orders that are counted when there are few units.

    Returns:
        The outcome; nothing when there are too few units, or no order differs from another.

    Source: Hoeffding, A combinatorial central limit theorem, 1951; Chatterjee, Stein's method for
    concentration inequalities, 2007, proposition 1.1; Soules, New permanental upper bounds for nonnegative
    matrices, 2003.
    """
    count = len(table)
    if count < LEAST_UNITS:
        return NOTHING
    cosine = float(np.trace(table, dtype=np.float64)) / count
    mean = float(table.mean(dtype=np.float64))
    deviation = float(np.sqrt(max(0.0, _squares(table) / table.size - mean**2)))
    nothing = Likeness(z=0.0, cosine=cosine, units=count, log_p=0.0, log_bound=0.0)
    if not deviation > 1e-5:  # noqa: PLR2004 - rounding of float32
        return nothing
    cut = np.clip((table - mean) / deviation, -CUT, CUT)
    rows, columns = cut.mean(axis=1, dtype=np.float64), cut.mean(axis=0, dtype=np.float64)
    total = float(rows.mean())
    squares = _squares(cut) - count * (float(rows @ rows) + float(columns @ columns)) + (count * total) ** 2
    if not squares > 1e-6 * cut.size:
        return nothing
    trace = float(np.trace(cut, dtype=np.float64))
    z = (trace - count * total) / math.sqrt(squares / (count - 1))
    bound = _log_bound(table, mean)
    if count <= FEW and z > 0:
        bound = min(bound, _log_bound_of_few(cut, trace))
    log_p = log_normal_tail(z) if count >= FEW else _counted(cut, trace, bound, seed)
    return Likeness(z=z, cosine=cosine, units=count, log_p=log_p, log_bound=bound)


def _squares(table: np.ndarray) -> float:
    flat = table.reshape(-1)
    return float(np.dot(flat, flat))


def _log_bound(table: np.ndarray, mean: float) -> float:
    """Bound the chance of the diagonal's sum, cosines below the mean cut and the largest made 1."""
    most = float(table.max()) - mean
    diagonal = float(np.clip(np.diagonal(table).astype(np.float64) - mean, 0, None).sum()) / most
    expected = float(np.maximum(table, mean).sum(dtype=np.float64) - mean * table.size) / most / len(table)
    beyond = diagonal - expected
    if beyond <= 0:
        return 0.0
    return min(0.0, math.log(2) - beyond**2 / (4 * expected + 2 * beyond))


def _log_bound_of_few(cut: np.ndarray, trace: float) -> float:
    """Bound the same chance by the mean of exp(s * sum) over all orders, which is a permanent.

    Row by row, the largest cells first, a permanent is at most the product of their weighted sums. When every
    unit is most like the one in its place, this reaches one in all orders.
    """
    exact = np.sort(cut.astype(np.float64), axis=1)[:, ::-1]
    count = len(exact)
    roots = [math.exp(math.lgamma(number + 1) / number) for number in range(1, count + 1)]
    weights = np.diff(np.array([0.0, *roots]))
    most, below = float(exact[:, 0].sum()), exact - exact[:, :1]
    logs: list[float] = [
        float(np.log(np.exp(slope * below) @ weights).sum()) + slope * (most - trace)
        for slope in map(float, np.geomspace(0.02, 50, 32))
    ]
    return min(0.0, min(logs) - math.lgamma(count + 1))


def _counted(cut: np.ndarray, trace: float, log_bound: float, seed: int) -> float:
    count = len(cut)
    orders = np.random.default_rng(seed).random((SHUFFLES, count)).argsort(axis=1)
    sums = cut[np.arange(count), orders].sum(axis=1, dtype=np.float64)
    at_least = int((sums >= trace - 1e-4).sum())
    counted = math.log((1 + at_least) / (SHUFFLES + 1))
    # An order's own chance is never below one in all orders.
    floor = -math.lgamma(count + 1)
    return max(floor, counted if at_least else min(counted, log_bound))


def log_normal_tail(z: float) -> float:
    """Give the natural logarithm of the normal law's chance to lie above z standard deviations."""
    if z < 30:  # noqa: PLR2004 - erfc underflows beyond
        return math.log(math.erfc(z / math.sqrt(2)) / 2)
    return -z * z / 2 - math.log(z * math.sqrt(2 * math.pi))


def combine(logs: Sequence[float]) -> float:
    """Combine independent p-values into one.

    Args:
        logs: their natural logarithms.

    Returns:
        The natural logarithm of the combined one; 0 when there are none.

    Source: Fisher, Statistical methods for research workers, 1932; the chi-squared tail for an even number of
    degrees of freedom is a finite sum.
    """
    if not logs:
        return 0.0
    half = -sum(logs)
    if half <= 0:
        return 0.0
    terms = [index * math.log(half) - math.lgamma(index + 1) for index in range(len(logs))]
    most = max(terms)
    return min(0.0, -half + most + math.log(sum(math.exp(term - most) for term in terms)))


def p_value(log_p: float) -> float:
    """Give a p-value to print, never below ``SMALLEST``."""
    return min(1.0, max(SMALLEST, math.exp(max(log_p, -700.0))))
