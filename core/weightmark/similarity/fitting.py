"""Coefficients by least squares, from inner products; and whether what is left is no more than rounding.

Not promised: that a fit is how the child was made. Two recipes may give the same numbers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from weightmark.similarity.products import Doubles, Products

TIMES: Final = 3.0
"""How many times the noise of rounding once may be left over: merges are computed in several steps."""

_STEP: Final = 4.0 * 2.0**-24
"""What arithmetic in float32 may leave besides, by the norm of the largest model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """One recipe's coefficients and what they leave.

    Attributes:
        weights: (tensors, k+1) float64: of the origin, then of each source's distance from it.
        errors: (k,) float64: the standard error of each source's coefficient; infinite when the models do not
            tell it.
        left: (tensors,) float64: the sum of squares that each tensor is off.
        bound: (tensors,) float64: the largest sum of squares that rounding explains.
    """

    weights: Doubles
    errors: Doubles
    left: Doubles
    bound: Doubles

    @property
    def fits(self) -> "np.ndarray":
        """(tensors,) bool: whether what is left is no more than rounding."""
        return self.left <= self.bound

    @property
    def holds(self) -> bool:
        """Whether every tensor fits."""
        return bool(self.fits.all())


class Solver:
    """Fits recipes to the products of all tensors.

    Args:
        products: of each tensor; at least one.
        origin_is_parent: whether the origin is the first parent, and not a base of its own.
    """

    def __init__(self, products: Sequence[Products], *, origin_is_parent: bool) -> None:
        self._grams = np.stack([each.gram for each in products])
        self._sizes = np.array([each.size for each in products], np.float64)
        self._noise = np.array([each.noise for each in products])
        floor = _STEP**2 * self._grams[:, 0, 0] + np.finfo(np.float64).tiny
        self._trust = self._sizes / (TIMES**2 * self._noise + floor)
        self._first = 0 if origin_is_parent else 1

    @property
    def moved(self) -> Doubles:
        """(tensors,) the sum of squares by which the child is away from the origin."""
        return self._grams[:, -1, -1]

    def evaluate(self, weights: Doubles, errors: Doubles | None = None) -> Fit:
        """Say what given coefficients leave.

        Args:
            weights: (tensors, k+1) or (k+1,), of the origin, then of each source's distance.
            errors: the standard errors, when they are known.

        Raises:
            Nothing.
        """
        count = len(self._grams)
        weights = np.broadcast_to(weights, (count, weights.shape[-1])).astype(np.float64)
        # The child is the origin and its distance; the recipe is weights[0] times the origin and the rest.
        row = np.concatenate([weights, -np.ones((count, 1))], axis=1)
        row[:, 0] -= 1.0
        left = np.einsum("ti,tij,tj->t", row, self._grams, row)
        norms = np.einsum("tii->ti", self._grams)
        scale = norms[:, 0] + (weights[:, 1:] ** 2 * norms[:, 1:-1]).sum(axis=1)
        bound = TIMES**2 * self._noise + _STEP**2 * scale
        known = np.zeros(weights.shape[1] - 1) if errors is None else errors
        return Fit(weights=weights, errors=known, left=np.maximum(left, 0.0), bound=bound)

    def misfit(self, fit: Fit) -> float:
        """Give what a fit leaves in all, each tensor by what its rounding lets expect.

        Raises:
            Nothing.
        """
        return float((fit.left * self._trust).sum())

    def fit(self, *, sums_to_one: bool = False, origin_free: bool = False, by_tensor: bool = False) -> Fit:
        """Find the coefficients that leave least.

        Tensors are weighed by how finely they are rounded; where that fits nothing, all elements count alike.

        Args:
            sums_to_one: the parents' coefficients add up to 1 (with a base: the base itself gets none).
            origin_free: the origin's own coefficient is fitted too.
            by_tensor: each tensor has coefficients of its own.

        Raises:
            Nothing.
        """
        if by_tensor:
            solved = [
                self._solve(each, sums_to_one=sums_to_one, origin_free=origin_free) for each in self._grams
            ]
            return self.evaluate(np.stack([weights for weights, _ in solved]))
        options = {"sums_to_one": sums_to_one, "origin_free": origin_free}
        weighed = self._fit(self._trust, **options)
        return weighed if weighed.holds else self._fit(np.ones_like(self._trust), **options)

    def _fit(self, trust: Doubles, *, sums_to_one: bool, origin_free: bool) -> Fit:
        gram = np.einsum("t,tij->ij", trust, self._grams)
        weights, own = self._solve(gram, sums_to_one=sums_to_one, origin_free=origin_free)
        left = np.maximum(self.evaluate(weights).left, self._noise)
        freedom = max(float(self._sizes.sum()) - weights.size, 1.0)
        spread = math.sqrt(float((left * trust).sum()) / freedom)
        return self.evaluate(weights, np.where(np.isinf(own), own, spread * np.sqrt(own)))

    def arc(self, first: int, second: int) -> tuple[Fit, float, float]:
        """Fit the walk on the arc between two parents, tensor by tensor, with one place for all.

        Args:
            first: the place of one parent among all.
            second: the place of the other.

        Returns:
            The fit; the place, 0 at the first parent and 1 at the second; its standard error.

        Raises:
            Nothing.

        Source: Shoemake, Animating rotation with quaternion curves, 1985.
        """
        places = [(self._walk((first, second), straight), straight) for straight in (_ANGLE, _LERP)]
        place, straight = min(places, key=lambda each: self._arc_left((first, second), *each))
        left = [self._arc_left((first, second), place + step, straight) for step in (-_NEAR, 0.0, _NEAR)]
        bend = (left[0] - 2 * left[1] + left[2]) / _NEAR**2
        freedom = max(float(self._sizes.sum()) - 1.0, 1.0)
        spread = max(left[1], float((self._noise * self._trust).sum())) / freedom
        error = math.sqrt(2 * spread / bend) if bend > 0 else math.inf
        return self.evaluate(self._arc_weights((first, second), place, straight)), place, error

    def _walk(self, pair: tuple[int, int], straight: float) -> float:
        """Search the place on the arc by golden sections."""
        low, high = -0.25, 1.25
        for _ in range(80):
            one, two = high - (high - low) * _GOLDEN, low + (high - low) * _GOLDEN
            if self._arc_left(pair, one, straight) < self._arc_left(pair, two, straight):
                high = two
            else:
                low = one
        return (low + high) / 2

    def _arc_left(self, pair: tuple[int, int], place: float, straight: float) -> float:
        return self.misfit(self.evaluate(self._arc_weights(pair, place, straight)))

    def _arc_weights(self, pair: tuple[int, int], place: float, straight: float) -> Doubles:
        """Give the two parents' coefficients in each tensor, as those of the origin and of distances."""
        count = self._grams.shape[1]
        columns = [parent + self._first for parent in pair]
        rows = np.zeros((2, count))
        for row, column in enumerate(columns):
            rows[row, 0] = rows[row, column] = 1.0
        raw = np.einsum("ai,tij,bj->tab", rows, self._grams, rows)
        product = np.sqrt(np.maximum(raw[:, 0, 0] * raw[:, 1, 1], 1e-300))
        angle = np.arccos(np.clip(raw[:, 0, 1] / product, -1.0, 1.0))
        lies = angle < straight
        sine = np.where(lies, 1.0, np.sin(np.where(lies, 1.0, angle)))
        one = np.where(lies, 1.0 - place, np.sin((1.0 - place) * angle) / sine)
        two = np.where(lies, place, np.sin(place * angle) / sine)
        weights = np.zeros((len(self._grams), count - 1))
        weights[:, columns[0]] += one
        weights[:, columns[1]] += two
        weights[:, 0] = one + two
        return weights

    def _solve(self, gram: Doubles, *, sums_to_one: bool, origin_free: bool) -> tuple[Doubles, Doubles]:
        """Solve one system; give all coefficients, and the squared errors of the sources' per unit noise."""
        count = gram.shape[0] - 2
        weights, errors = np.zeros(count + 1), np.zeros(count)
        weights[0] = 1.0
        if sums_to_one and self._first and count:
            # The last source goes with the rest's complement: c - d_k = sum w_i (d_i - d_k).
            turn = np.eye(count + 2)
            turn[1:count, count] = -1.0
            turn[-1, count] = -1.0
            inner, own = _least(turn @ gram @ turn.T, range(1, count))
            weights[1:count], weights[count] = inner, 1.0 - inner.sum()
            errors[: count - 1] = own
            errors[count - 1] = own.sum()
            return weights, errors
        if origin_free:
            shifted = gram.copy()
            shifted[-1] += gram[0]
            shifted[:, -1] += shifted[:, 0]
            found, own = _least(shifted, range(count + 1))
            weights[:], errors[:] = found, own[1:]
            return weights, errors
        weights[1:], errors[:] = _least(gram, range(1, count + 1))
        return weights, errors


_GOLDEN: Final = (math.sqrt(5) - 1) / 2
_NEAR: Final = 1e-3
_ANGLE: Final = 1e-4
_SHARE: Final = 1e-6
_LERP: Final = math.acos(0.9995)
"""Below such angles those who merge go straight: one below 1e-4, another from a cosine of 0.9995 on."""


def _least(gram: Doubles, rows: range) -> tuple[Doubles, Doubles]:
    """Solve for the last row by some others; what the models do not tell apart gets an infinite error."""
    if not rows:
        return np.zeros(0), np.zeros(0)
    part = slice(rows.start, rows.stop)
    matrix, target = gram[part, part], gram[part, -1]
    scale = np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    values, vectors = np.linalg.eigh(matrix / np.outer(scale, scale))
    told = values > 1e-12 * max(float(values[-1]), 1e-300)
    inverse = np.where(told, 1.0 / np.where(told, values, 1.0), 0.0)
    solution = vectors @ (inverse * (vectors.T @ (target / scale))) / scale
    errors = (vectors**2 @ inverse) / scale**2
    hidden = (vectors[:, ~told] ** 2).sum(axis=1) > _SHARE
    return solution, np.where(hidden, np.inf, errors)
