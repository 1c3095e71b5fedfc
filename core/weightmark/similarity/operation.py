"""What was likely done to one tensor to make another of it, read from the two laid together.

Every label says how sure it is and what it was read from. Not promised: that there is a label. What could
have come about in several ways is called ``changed``, and what shows nothing ``unknown``.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from weightmark.similarity.rounding import Matrix, Rounding, find_rounding, float_types, recast

_BLOCK: Final = 384
"""Rows and columns of the part whose rank is looked at."""

_LEAST: Final = 1024
"""Elements under which only equality and casts are told."""

_ADDED_ZEROS: Final = 0.005
_FULL: Final = 0.999
_WHITE: Final = 1.12
"""The largest singular value of noise, by the edge that random matrices have."""

_LOW_RANK: Final = 0.5
_NEAR: Final = 0.9
_CLOSE: Final = 0.6
_SINGLE: Final = 24
_TWO: Final = 2
_EXACT: Final = 1e-5
_BITS: Final = ((4, 2), (8, 3), (16, 4), (32, 5), (64, 6), (256, 8))


class Operation(StrEnum):
    """What may have been done."""

    EQUAL = "equal"
    CAST = "cast"
    QUANTISED = "quantised"
    PRUNED = "pruned"
    RESCALED = "rescaled"
    LOW_RANK = "low-rank update"
    NOISE = "noise"
    FINE_TUNED = "fine-tuned"
    AVERAGED = "averaged with another model"
    CHANGED = "changed"
    REORDERED = "reordered"
    UNKNOWN = "unknown"


class Confidence(StrEnum):
    """How sure a label is.

    ``certain``: nothing else gives these numbers, but by design. ``likely``: it was right wherever it was
    tried, other causes are conceivable. ``possible``: one of several causes.
    """

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One operation, and why it is named.

    Attributes:
        operation: what was likely done.
        detail: how much, or to what: ``bfloat16``, ``4 bits``, ``rank 8``, ``31 %``; empty when it is not
            told.
        confidence: how sure it is.
        evidence: what it was read from, with the numbers.
    """

    operation: Operation
    detail: str
    confidence: Confidence
    evidence: str


def label_tensor(one: Matrix, other: Matrix, *, dtype: str, rows: Matrix) -> tuple[Label, ...]:
    """Say what was likely done to one tensor to make the other.

    Args:
        one: (rows, columns) float32, the first model's.
        other: the second model's, laid upon it.
        dtype: the type in which the second is stored.
        rows: rows of the second as it is stored, for levels.

    Returns:
        The labels, the last operation first; never none.

    Raises:
        Nothing.
    """
    if np.array_equal(one, other):
        return (_label(Operation.EQUAL, "", Confidence.CERTAIN, "every value that was looked at is equal"),)
    if (order := _other_order(one, other)) is not None:
        return (order,)
    for float_type in reversed(float_types()):
        if np.array_equal(recast(one, float_type), other):
            said = f"every value is the first model's, rounded to {float_type}"
            return (_label(Operation.CAST, float_type, Confidence.CERTAIN, said),)
        if np.array_equal(recast(other, float_type), one):
            said = f"every value rounds to the first model's in {float_type}"
            return (_label(Operation.CAST, f"from {float_type}", Confidence.LIKELY, said),)
    finite = np.isfinite(one) & np.isfinite(other)
    if not finite.all():
        one, other = np.where(finite, one, np.float32(0)), np.where(finite, other, np.float32(0))
    return tuple(_labels(one, other, dtype, find_rounding(rows), find_rounding(one)))


def _other_order(one: Matrix, other: Matrix) -> Label | None:
    """See whether every row or every column is still there, in another place."""
    for before, after, word in ((one, other, "rows"), (one.T, other.T, "columns")):
        if before.shape != after.shape or len(before) < _TWO:
            continue
        lines = [sorted(line.tobytes() for line in np.ascontiguousarray(each)) for each in (before, after)]
        if lines[0] == lines[1]:
            moved = int(np.count_nonzero((before != after).any(axis=1)))
            said = f"all {len(before)} {word} are there, {moved} of them in another place"
            return _label(Operation.REORDERED, f"{word} in another order", Confidence.CERTAIN, said)
    return None


def _labels(one: Matrix, other: Matrix, dtype: str, rounding: Rounding, before: Rounding) -> Iterator[Label]:
    """Peel the operations off, the last one first."""
    if one.size < _LEAST:
        yield _label(Operation.CHANGED, "", Confidence.POSSIBLE, f"{one.size} values are too few to say how")
        return
    step, cut = 0.0, False
    if rounding.levels is not None and before.levels != rounding.levels:
        step = math.sqrt(12 * rounding.variance)
        pure = _within(one, other, rounding)
        yield _quantised(rounding, pure=pure)
        if pure:
            return
    elif dtype.startswith(("q", "iq", "tq", "mxfp", "int", "uint", "float8", "float4")):
        yield _label(Operation.QUANTISED, dtype, Confidence.CERTAIN, f"the file stores it as {dtype}")
        if _cosine(one, other) > _FULL:
            return
    added = (other == 0) & (one != 0) & (np.abs(one) > step)
    share = _share(added)
    kept = ~added
    # Levels have one at zero; only zeros far beyond what falls there were cut.
    if share > max(_ADDED_ZEROS, 0.05 + 2 * _share(np.abs(one) < step / 2) if step else 0.0):
        yield _pruned(one, other, added, share)
        if step or np.array_equal(one[kept], other[kept]):
            return
        cut = True
        narrow = recast(one, rounding.float_type) if rounding.bits < _SINGLE else one
        if np.array_equal(narrow[kept], other[kept]):
            said = f"every value that is left is the first model's, rounded to {rounding.float_type}"
            yield _label(Operation.CAST, rounding.float_type, Confidence.CERTAIN, said)
            return
        other = np.where(added, narrow, other)
    yield _moved(one, other, noise=rounding.variance + before.variance, peeled=bool(step) or cut)


def _moved(one: Matrix, other: Matrix, *, noise: float, peeled: bool) -> Label:
    """Say how values moved that neither were rounded nor cut."""
    wide, far = one.astype(np.float64), other.astype(np.float64)
    before, after = float((wide * wide).sum()), float((far * far).sum())
    if not before or not after:
        return _label(Operation.CHANGED, "", Confidence.POSSIBLE, "one of the two is all zeros")
    if (rescaled := _rescaled(wide, far)) is not None:
        return rescaled
    scale = float((wide * far).sum()) / before
    cosine = scale * math.sqrt(before / after)
    size = math.sqrt(float(((far - wide) ** 2).sum()) / before)
    said = f"cosine {cosine:.4f}, change {size:.3g} of the norm"
    told = _mixed(scale, before, after, said)
    if told is None and not peeled:
        told = _rank((far - wide)[:_BLOCK, :_BLOCK], noise, said)
    if told is not None:
        return told
    if cosine > _NEAR:
        return _label(Operation.FINE_TUNED, "", Confidence.LIKELY, said)
    said += "; long training, the same start, and mixing with other models look alike here"
    operation = Operation.FINE_TUNED if cosine > _CLOSE else Operation.CHANGED
    return _label(operation, "", Confidence.POSSIBLE, said)


def _rank(delta: NDArray[np.float64], noise: float, said: str) -> Label | None:
    """Read the change's rank: that of an adapter, that of noise; None for what training leaves."""
    moved = delta != 0
    delta = delta[moved.any(axis=1)][:, moved.any(axis=0)]  # rows that did not move lower no rank
    least = min(delta.shape)
    if least < 8:  # noqa: PLR2004 - a rank says nothing of so few
        return None
    values = cast("NDArray[np.float64]", np.linalg.svd(delta, compute_uv=False))
    energy: NDArray[np.float64] = np.cumsum(values * values)
    if not energy[-1]:
        return None
    most = int(np.count_nonzero(energy < 0.99 * energy[-1])) + 1
    edge = math.sqrt(delta.shape[0]) + math.sqrt(delta.shape[1])
    floor = max(2 * math.sqrt(noise) * edge, 1e-6 * float(values[0]))
    rank = int(np.count_nonzero(values > floor))
    said += f"; {most / least:.2f} of the rank holds 99 % of the change"
    if rank <= _LOW_RANK * least and most <= rank:
        return _label(
            Operation.LOW_RANK,
            f"rank {rank}",
            Confidence.CERTAIN,
            f"{said}; {rank} of {least} singular values",
        )
    spread = math.sqrt(float(energy[-1]) / delta.size)
    if least >= 32 and float(values[0]) < _WHITE * spread * edge:  # noqa: PLR2004 - the edge is sharp from here
        said += f"; the largest singular value is {values[0] / (spread * edge):.2f} of random noise's"
        return _label(Operation.NOISE, "", Confidence.LIKELY, said)
    return None


def _rescaled(one: NDArray[np.float64], other: NDArray[np.float64]) -> Label | None:
    """Look for one factor for all, or one a row, or one a column."""
    for axis, word in ((None, "value"), (1, "row"), (0, "column")):
        squares = (one * one).sum(axis=axis, keepdims=True)
        products = (one * other).sum(axis=axis, keepdims=True)
        factors = np.divide(products, squares, where=squares > 0, out=np.ones_like(squares))
        left = float(((other - factors * one) ** 2).sum() / (other * other).sum())
        if left < _EXACT**2:
            low, high = float(factors.min()), float(factors.max())
            detail = f"by {low:.4g}" if axis is None else f"by {word}s"
            said = f"every {word} is the first model's times a factor, {low:.6g} to {high:.6g}"
            return _label(Operation.RESCALED, detail, Confidence.CERTAIN, said)
    return None


def _mixed(scale: float, before: float, after: float, said: str) -> Label | None:
    """See whether it is part of the first and part of something unrelated of the same size."""
    if not 0.2 < scale < 0.9:  # noqa: PLR2004 - else training explains it as well
        return None
    expected = scale * scale + (1 - scale) ** 2
    if abs(after / before / expected - 1) > 0.1:  # noqa: PLR2004 - 10 % of the norm's square
        return None
    said += f"; {scale:.2f} of the first model and the norm that {1 - scale:.2f} of a stranger brings"
    return _label(Operation.AVERAGED, f"{scale:.2f} of the first", Confidence.POSSIBLE, said)


def _quantised(rounding: Rounding, *, pure: bool) -> Label:
    levels = rounding.levels or 0
    bits = next(bits for most, bits in _BITS if levels <= most) if levels <= _BITS[-1][0] else 8
    kind = "evenly spaced levels" if rounding.even else "entries of a codebook"
    where = f"groups of {rounding.group}" if rounding.group else "each row"
    said = f"{levels} {kind} in {where}; {rounding.distinct:.0f} distinct values among 64 neighbours"
    said += "; the difference is what such rounding leaves, and no more" if pure else ""
    sure = Confidence.CERTAIN if rounding.even else Confidence.LIKELY
    return _label(Operation.QUANTISED, f"{bits} bits, {levels} levels", sure, said)


def _within(one: Matrix, other: Matrix, rounding: Rounding) -> bool:
    """Say whether rounding alone made the second: the error is what such levels leave."""
    error = float(((one.astype(np.float64) - other) ** 2).mean())
    return error <= (1.15 if rounding.even else 4.0) * rounding.variance


def _pruned(one: Matrix, other: Matrix, added: NDArray[np.bool_], share: float) -> Label:
    zeros = _share(other == 0)
    cut, kept = np.abs(one[added]), np.abs(one[~added & (other != 0)])
    small = kept.size > 0 and float(np.quantile(cut, 0.99)) <= float(np.quantile(kept, 0.05)) + 1e-12
    lines = int(np.count_nonzero((other == 0).all(axis=1))), int(np.count_nonzero((other == 0).all(axis=0)))
    said = f"{share:.1%} of the values became zero"
    if max(lines) > 0 and max(lines[0] / other.shape[0], lines[1] / other.shape[1]) > 0.8 * share:
        said += f", whole rows or columns ({lines[0]} and {lines[1]})"
    elif _two_of_four(other, share):
        said += ", two of each four"
    elif small:
        said += ", the smallest ones"
    return _label(Operation.PRUNED, f"{zeros:.0%}", Confidence.CERTAIN, said)


def _two_of_four(other: Matrix, share: float) -> bool:
    if abs(share - 0.5) > 0.02 or other.shape[1] % 4:  # noqa: PLR2004 - half of four
        return False
    counts = np.count_nonzero(other.reshape(-1, 4) == 0, axis=1)
    return _share(counts == 2) > 0.98  # noqa: PLR2004 - nearly all of them


def _share(where: NDArray[np.bool_]) -> float:
    return float(np.count_nonzero(where)) / where.size if where.size else 0.0


def _cosine(one: Matrix, other: Matrix) -> float:
    wide, far = one.astype(np.float64).ravel(), other.astype(np.float64).ravel()
    norms = math.sqrt(float(wide @ wide)) * math.sqrt(float(far @ far))
    return float(wide @ far) / norms if norms else 0.0


def _label(operation: Operation, detail: str, confidence: Confidence, evidence: str) -> Label:
    return Label(operation=operation, detail=detail, confidence=confidence, evidence=evidence)
