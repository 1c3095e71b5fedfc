"""To which numbers a tensor's values were rounded: a narrow float type, evenly spaced levels, a codebook.

Read from a sample of rows. Not promised: that nothing was rounded where no rounding is found; values that
were changed after they were rounded do not show it.
"""

import math
from dataclasses import dataclass
from typing import Final

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from weightmark.similarity.abreast import Floats, pick
from weightmark.similarity.values import ModelTensors

_ROWS: Final = 64
_COLUMNS: Final = 4096
_GROUPS: Final = (0, 256, 128, 64, 32)
"""Values that share one scale: a whole row (0), or so many of it."""

_MOST_LEVELS: Final = 300
_OFF_LEVEL: Final = 0.05
"""How far from its level a value may lie, in steps."""

_FIRST: Final = 8
"""Groups that are tried before all are."""

_BOOK: Final = 16
"""Entries of the largest codebook that is recognised: four bits."""

_SIGNS: Final = 2
_DISTINCT: Final = 64
"""Values of which the distinct ones are counted."""

_NARROW: Final = (
    ("float8_e5m2", ml_dtypes.float8_e5m2, 3),
    ("float8_e4m3fn", ml_dtypes.float8_e4m3fn, 4),
    ("bfloat16", ml_dtypes.bfloat16, 8),
    ("float16", np.float16, 11),
)
"""Float types by their significant bits, the coarsest first."""

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounding:
    """To what a tensor's values were rounded.

    Attributes:
        float_type: the narrowest float type that holds every value that was looked at.
        bits: that type's significant bits.
        levels: how many evenly spaced levels, or entries of a codebook, a group of values has; None for more
            than ``_MOST_LEVELS``.
        even: whether the levels are evenly spaced.
        group: how many values share one scale; 0 for a whole row.
        distinct: the median number of distinct values among 64 neighbours; 0 when there are no 64.
        variance: the mean square of the error of such a rounding, in the values' own units.
    """

    float_type: str
    bits: int
    levels: int | None
    even: bool
    group: int
    distinct: float
    variance: float


def sample_rows(tensors: ModelTensors, name: str, *, rows: int = _ROWS) -> tuple[Matrix, NDArray[np.int64]]:
    """Read some rows of a tensor, evenly spread, of each at most the first ``_COLUMNS`` values.

    Returns:
        The values, float32, (rows, columns); and their flat places, of the same shape.

    Raises:
        MalformedError: the tensor cannot be read, or its numbers are not known.
    """
    shape = tensors.shape(name)
    width = shape[-1] if shape else 1
    height = math.prod(shape) // width if width else 0
    columns = min(width, _COLUMNS)
    which = np.unique(np.linspace(0, max(height - 1, 0), min(rows, height)).astype(np.int64))
    places = which[:, None] * width + np.arange(columns)
    values = pick(tensors, name, places.reshape(-1))
    return values.reshape(places.shape), places


def find_rounding(values: Matrix) -> Rounding:
    """Say to what values were rounded.

    Args:
        values: (rows, columns) float32, neighbours along the columns.

    Raises:
        Nothing.
    """
    finite = np.where(np.isfinite(values), values, np.float32(0))
    name, bits = _float_type(finite)
    levels, even, group, variance = _levels(finite)
    if levels is None:
        variance = float(np.mean(_spacing(finite, bits) ** 2) / 12) if finite.size else 0.0
    return Rounding(
        float_type=name,
        bits=bits,
        levels=levels,
        even=even,
        group=group,
        distinct=count_distinct(finite),
        variance=variance,
    )


def recast(values: Floats, float_type: str) -> Floats:
    """Round values to a float type of ``Rounding.float_type`` and back.

    Raises:
        KeyError: there is no such type.
    """
    kinds = {name: kind for name, kind, _ in _NARROW}
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(kinds[float_type]).astype(np.float32)


def float_types() -> tuple[str, ...]:
    """Give the names of the float types that are known, the coarsest first.

    Raises:
        Nothing.
    """
    return tuple(name for name, _, _ in _NARROW)


def count_distinct(values: Matrix) -> float:
    """Count the distinct values among 64 neighbours: the median over all runs; 0 without any run.

    Raises:
        Nothing.
    """
    groups = _grouped(values, _DISTINCT)
    if not groups.size:
        return 0.0
    ordered = np.sort(groups, axis=1)
    return float(np.median(1 + np.count_nonzero(np.diff(ordered, axis=1), axis=1)))


def _float_type(values: Matrix) -> tuple[str, int]:
    for name, _, bits in _NARROW:
        if np.array_equal(recast(values, name), values) and np.any(values):
            return name, bits
    return "float32", 24


def _spacing(values: Matrix, bits: int) -> Matrix:
    """Give the distance of the next number with so many significant bits from each value; 0 from 0."""
    _, exponent = np.frexp(values)
    return np.where(values == 0, np.float32(0), np.ldexp(np.float32(1), exponent - bits))


def _grouped(values: Matrix, size: int) -> Matrix:
    if not size:
        return values
    rows, columns = values.shape
    whole = columns - columns % size
    return values[:, :whole].reshape(rows * (whole // size), size) if whole else values[:0, :size]


def _levels(values: Matrix) -> tuple[int | None, bool, int, float]:
    """Find the largest group in which all values stand on few levels."""
    for size in _GROUPS:
        groups = _grouped(values, size)
        groups = groups[np.any(groups != groups[:, :1], axis=1)] if groups.size else groups
        if len(groups) == 0 or groups.shape[1] < _GROUPS[-1]:
            continue
        groups = groups[np.linspace(0, len(groups) - 1, min(len(groups), 256)).astype(int)]
        few = [_even_levels(group) for group in groups[:: max(1, len(groups) // _FIRST)]]
        held = [each for each in map(_even_levels, groups) if each is not None] if any(few) else []
        if len(held) >= 0.95 * len(groups):
            count = max(levels for levels, _ in held)
            return count, True, size, float(np.mean([step * step for _, step in held]) / 12)
        if size and (book := _codebook(groups)) is not None:
            return book[0], False, size, book[1]
    return None, False, 0, 0.0


def _even_levels(values: Floats) -> tuple[int, float] | None:
    """Give the number of evenly spaced levels that values span, and their step; None when there are none."""
    ordered = np.unique(values.astype(np.float64))
    ordered -= ordered[0]
    gaps = np.diff(ordered)
    tiny = 1e-6 * max(ordered[-1], float(np.abs(values).max()))
    gaps = gaps[gaps > tiny]  # equal but for the last bit of a float32
    if not gaps.size or ordered[-1] > _MOST_LEVELS * gaps.min():
        return None
    step, counts = float(gaps.min()), ordered
    for _ in range(3):
        counts = np.rint(ordered / step)
        step = float(np.dot(counts, ordered)) / float(np.dot(counts, counts))
    if float(np.abs(ordered / step - counts).max()) > _OFF_LEVEL:
        return None
    return int(counts[-1]) + 1, step


def _codebook(groups: Matrix) -> tuple[int, float] | None:
    """Give the size of a small uneven codebook, and the mean square of its error; None without one."""
    if groups.shape[1] < _DISTINCT:
        return None
    ordered = np.sort(groups, axis=1)
    gaps = np.diff(ordered, axis=1)
    counts = 1 + np.count_nonzero(gaps, axis=1)
    if float(np.quantile(counts, 0.95)) > _BOOK or float(np.median(counts)) <= _SIGNS:
        return None
    wide = np.where(gaps > 0, gaps, 0.0).astype(np.float64)
    squares = (wide * wide).sum(axis=1) / np.maximum(counts - 1, 1)
    return int(counts.max()), float(squares.mean()) / 12
