"""How well a number tells relatives from strangers, and whether it is as chance is among strangers."""

import math
from collections.abc import Sequence


def area_under_curve(related: Sequence[float], strangers: Sequence[float]) -> float:
    """Give the chance that a relative scores above a stranger; ties count half (AUROC)."""
    wins = sum((one > other) + (one == other) / 2 for one in related for other in strangers)
    return wins / (len(related) * len(strangers))


def share_above_strangers(related: Sequence[float], strangers: Sequence[float]) -> float:
    """Give the share of relatives that score above every stranger (TPR at no false positive)."""
    return sum(one > max(strangers) for one in related) / len(related)


def normal_fit(values: Sequence[float]) -> float:
    """Give the p-value of the Kolmogorov-Smirnov test against the standard normal law."""
    from scipy.stats import kstest

    return float(kstest(values, "norm").pvalue)


def uniform_fit(values: Sequence[float]) -> float:
    """Give the p-value of the Kolmogorov-Smirnov test against the uniform law."""
    from scipy.stats import kstest

    return float(kstest(values, "uniform").pvalue)


def deviation(values: Sequence[float]) -> float:
    """Give the root of the mean square: the standard deviation around zero."""
    return math.sqrt(sum(value * value for value in values) / len(values))
