"""Pairs of tensors measured, group by group.

Tensors whose units are shuffled together are judged together: the tables of cosines of one group are
averaged before they are judged. The groups of the feed-forward blocks and the one of the residual stream
share no tensor, so their p-values are independent when the models are.

Not promised: independence between tensors whose roles are not known; those are judged one by one, and the
number
of looks is paid for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from weightmark.similarity.catalog import Catalog, Match
from weightmark.similarity.pairing import Pair, Transform
from weightmark.similarity.permutation import Likeness, combine, cosines, judge
from weightmark.similarity.sampling import (
    MOST_FEATURES,
    MOST_UNITS,
    is_diagonal,
    is_made_by_rule,
    matrix_shape,
    places,
    read_sample,
    without_diagonal,
)

Told = Callable[[int], None]
"""Told the bytes of a tensor that is done with."""


@dataclass(slots=True)
class Measured:
    """What was measured.

    Attributes:
        pairs: with their likeness.
        groups: the likeness of each group of tensors that are shuffled together, by its name.
        loose: the likeness of tensors of unknown roles, one by one.
        strange: numbers that were not finite, by model and tensor.
        ruled: tensors that were left out because programs write such.
        pinned: tensors that were left out because an identity, which the model started from, tells units
            apart.
    """

    pairs: list[tuple[Pair, Likeness]] = field(default_factory=list[tuple[Pair, Likeness]])
    groups: dict[str, Likeness] = field(default_factory=dict[str, Likeness])
    loose: list[Likeness] = field(default_factory=list[Likeness])
    strange: dict[str, int] = field(default_factory=dict[str, int])
    ruled: list[str] = field(default_factory=list[str])
    pinned: list[str] = field(default_factory=list[str])
    identities: set[int] = field(default_factory=set[int])

    @property
    def log_p(self) -> float:
        """Give the logarithm of the p-value of all that was measured."""
        return _combined(self, lambda likeness: likeness.log_p)

    @property
    def log_bound(self) -> float:
        """Give the logarithm of the bound on it."""
        return _combined(self, lambda likeness: likeness.log_bound)


def _combined(measured: Measured, part: Callable[[Likeness], float]) -> float:
    streams = [part(likeness) for name, likeness in measured.groups.items() if name.startswith("residual")]
    blocks = [part(likeness) for name, likeness in measured.groups.items() if not name.startswith("residual")]
    if streams:
        # Streams of one model may be tied to each other: their best is taken, and paid for.
        blocks.append(min(0.0, min(streams) + float(np.log(len(streams)))))
    if blocks:
        return combine(blocks)
    if not measured.loose:
        return 0.0
    return min(0.0, min(part(likeness) for likeness in measured.loose) + float(np.log(len(measured.loose))))


def measure(first: Catalog, second: Catalog, matches: Sequence[Match], told: Told | None = None) -> Measured:
    """Measure pairs of tensors.

    Args:
        first: the first model.
        second: the second model.
        matches: which tensors to lay upon each other.
        told: told the bytes of each pair when it is done.

    Raises:
        MalformedError: a tensor's bytes are not what its type and shape ask for.
        MissingExtraError: a tensor's type needs a library that is not installed.
    """
    result = Measured()

    def group(match: Match) -> str:
        return first.roles[match.first].group or second.roles[match.second].group

    for name, members in groupby(sorted(matches, key=group), key=group):
        tables: dict[int, tuple[np.ndarray, int]] = {}
        for match in members:
            table, features = _measure(first, second, match, result)
            if features and name:
                total, weight = tables.get(len(table), (np.zeros_like(table), 0))
                tables[len(table)] = (total + features * table, weight + features)
            if told is not None:
                told(first.tensors.span(match.first).size + second.tensors.span(match.second).size)
        for units, (total, weight) in tables.items():
            result.groups[name if len(tables) == 1 else f"{name} of {units}"] = judge(total / weight)
    if result.identities:
        _leave_out_pinned(first, result)
    return result


def _leave_out_pinned(first: Catalog, result: Measured) -> None:
    """Take back what was said of units that an identity ties to places which mean something."""
    kept: list[tuple[Pair, Likeness]] = []
    for pair, likeness in result.pairs:
        shape, role = matrix_shape(first.shapes[pair.first]), first.roles[pair.first]
        if not role.group and result.identities & {shape[axis] for axis in first.axes(pair.first)}:
            result.pinned.append(pair.second)
            result.loose = [each for each in result.loose if each is not likeness]
        else:
            kept.append((pair, likeness))
    result.pairs = kept


def _measure(first: Catalog, second: Catalog, match: Match, result: Measured) -> tuple[np.ndarray, int]:
    """Measure one pair; give its table and how many numbers each unit had, 0 when it is judged alone."""
    axes = first.axes(match.first)
    if first.roles[match.first].axis is None and second.roles[match.second].axis is not None:
        axes = tuple(1 - axis if match.transposed else axis for axis in second.axes(match.second))
    rows, columns = _where(first, second, match, axes)
    swapped = (columns, rows) if match.transposed else (rows, columns)
    one = read_sample(first.tensors, match.first, rows, columns)
    other = read_sample(second.tensors, match.second, *swapped, transposed=match.transposed)
    for whose, name, sample in (("first", match.first, one), ("second", match.second, other)):
        if sample.strange:
            result.strange[f"{whose}: {name}"] = sample.strange
    if is_made_by_rule(one) or is_made_by_rule(other):
        if is_diagonal(one.values) and is_diagonal(other.values) and len(np.unique(one.values)) > 2:  # noqa: PLR2004
            result.identities |= set(matrix_shape(first.shapes[match.first])[:2])
        result.ruled.append(match.second)
        return np.empty((0, 0), np.float32), 0
    alone = len(axes) > 1 or not (first.roles[match.first].group or second.roles[match.second].group)
    if alone:
        shape = matrix_shape(first.shapes[match.first])
        one, other = (without_diagonal(sample, rows, columns, shape) for sample in (one, other))
    judged = [cosines(one.units(axis), other.units(axis)) for axis in axes]
    likeness = min((judge(table) for table in judged), key=lambda likeness: likeness.z)
    result.pairs.append((_pair(first, second, match, likeness), likeness))
    if alone:
        result.loose.append(likeness)
        return judged[0], 0
    return judged[0], one.values.size // len(judged[0])


def _where(
    first: Catalog, second: Catalog, match: Match, axes: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Choose the same rows and columns of two tensors, as the first lies."""
    shape = matrix_shape(first.shapes[match.first])
    other = matrix_shape(second.shapes[match.second])
    if match.transposed:
        other = (other[1], other[0], other[2])
    most = [MOST_UNITS if axis in axes else MOST_FEATURES for axis in (0, 1)]
    if shape[2] > 1:
        most = [min(number, max(16, MOST_UNITS)) for number in most]
    return places(min(shape[0], other[0]), most[0]), places(min(shape[1], other[1]), most[1])


def _pair(first: Catalog, second: Catalog, match: Match, likeness: Likeness) -> Pair:
    return Pair(
        first=match.first,
        second=match.second,
        z=likeness.z,
        cosine=likeness.cosine,
        layer_first=first.roles[match.first].layer,
        layer_second=second.roles[match.second].layer,
        transform=_transform(first, second, match),
    )


def _transform(first: Catalog, second: Catalog, match: Match) -> Transform:
    shape, other = first.shapes[match.first], second.shapes[match.second]
    other = (other[1], other[0], *other[2:]) if match.transposed else other
    name = "transposed" if match.transposed else ""
    if shape == other or len(shape) != 2 or len(other) != 2:  # noqa: PLR2004
        return Transform(name=name, transposed=match.transposed, elementwise=shape == other)
    rows = None if shape[0] == other[0] else range(min(shape[0], other[0]))
    columns = None if shape[1] == other[1] else range(min(shape[1], other[1]))
    return Transform(
        name=", ".join(filter(None, (name, "common part"))),
        transposed=match.transposed,
        first_rows=rows,
        second_rows=rows,
        first_columns=columns,
        second_columns=columns,
    )
