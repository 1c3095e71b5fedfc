"""How far numbers moved: norms, cosine, share of elements, summed block by block.

Not promised: anything about NaN and infinity but their count.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from weightmark.similarity.abreast import Floats, read_abreast


@dataclass(slots=True, kw_only=True)
class Measure:
    """How far numbers moved, summed over elements that are finite in both.

    Attributes:
        elements: how many there are in all.
        moved: how many of them are not what they were.
        strange: how many are NaN or infinite, before or after.
        before: the sum of squares before.
        after: the sum of squares after.
        delta: the sum of squares of the difference.
    """

    elements: int = 0
    moved: int = 0
    strange: int = 0
    before: float = 0.0
    after: float = 0.0
    delta: float = 0.0

    def add(self, other: "Measure") -> None:
        """Take another one in."""
        self.elements += other.elements
        self.moved += other.moved
        self.strange += other.strange
        self.before += other.before
        self.after += other.after
        self.delta += other.delta

    @property
    def relative_norm(self) -> float | None:
        """The difference's norm by the norm before; None when all was zero before."""
        return math.sqrt(self.delta / self.before) if self.before else (0.0 if not self.delta else None)

    @property
    def cosine(self) -> float | None:
        """The cosine between before and after; None when one of them is all zeros."""
        product = math.sqrt(self.before) * math.sqrt(self.after)
        if not product:
            return None
        return max(-1.0, min(1.0, (self.before + self.after - self.delta) / 2 / product))

    @property
    def changed(self) -> float:
        """The share of elements that changed, 0 to 1."""
        return self.moved / self.elements if self.elements else 0.0


def measure_tensors(before: Iterator[Floats], after: Iterator[Floats], *, what: str) -> Measure:
    """Say how far numbers moved.

    Args:
        before: the numbers before, in one-dimensional blocks.
        after: as many numbers after.
        what: the tensor, for messages.

    Raises:
        MalformedError: they are not equally many.
    """
    measure = Measure()
    for old, new in read_abreast([before, after], what=what):
        _measure_block(measure, old, new)
    return measure


def _measure_block(measure: Measure, old: Floats, new: Floats) -> None:
    measure.elements += old.size
    measure.moved += int(np.count_nonzero(old != new))
    with np.errstate(invalid="ignore", over="ignore"):
        delta = new - old
        sums = [float(np.dot(values, values)) for values in (old, new, delta)]
        if not all(map(math.isfinite, sums)):
            finite = np.isfinite(old) & np.isfinite(new)
            measure.strange += int(old.size - np.count_nonzero(finite))
            measure.moved -= int(np.count_nonzero(np.isnan(old) & np.isnan(new)))
            wide = [values[finite].astype(np.float64) for values in (old, new)]
            sums = [float(np.dot(values, values)) for values in (*wide, wide[1] - wide[0])]
    measure.before += sums[0]
    measure.after += sums[1]
    measure.delta += sums[2]
