"""All the evidence that two models are related: by name, then by looking everywhere.

Not promised: a verdict. That is drawn from the evidence in ``weightmark.similarity.comparing``.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from weightmark.similarity.catalog import Catalog, Match, match_layer, match_names
from weightmark.similarity.equality import Equality
from weightmark.similarity.measuring import Measured, measure
from weightmark.similarity.pairing import Pair, Transform
from weightmark.similarity.permutation import Likeness
from weightmark.similarity.sampling import matrix_shape
from weightmark.similarity.scanning import LEAST_Z, Found, Item, is_certain, scan

LEVEL: Final = 1e-6
"""A relation is claimed when strangers would be so much alike less often than this."""

_WITHIN: Final = 1e-3
"""Once a relation stands, a single tensor belongs to it when chance would say so less often than this."""

Told = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What speaks for a relation.

    Attributes:
        pairs: tensors that belong together.
        layers: for each layer of the second model that of the first it is like.
        log_p: natural logarithm of the p-value.
        log_bound: natural logarithm of the bound on it.
        method: ``aligned``, ``scan`` or ``deep``.
        measured: what was measured by name.
        compared: how many tensors of the second model were compared.
    """

    pairs: tuple[Pair, ...]
    layers: tuple[int | None, ...]
    log_p: float
    log_bound: float
    method: str
    measured: Measured
    compared: int

    @property
    def related(self) -> bool:
        """Say whether it is enough to claim a relation."""
        return self.log_p < math.log(LEVEL) and bool(self.pairs)


def relate(first: Catalog, second: Catalog, equality: Equality, told: Told | None = None) -> Evidence:
    """Gather the evidence that two models are related.

    Args:
        first: the first model.
        second: the second model.
        equality: which of their tensors are equal.
        told: told the bytes of each pair when it is done.

    Raises:
        MalformedError: a tensor's bytes are not what its type and shape ask for.
        MissingExtraError: a tensor's type needs a library that is not installed.
    """
    measured = measure(first, second, _matches(first, second, equality), told)
    by_name = measured.log_p < math.log(LEVEL)
    settled = {pair.second: (pair, likeness) for pair, likeness in _own(measured, by_name=by_name)}
    left_out = {*measured.ruled, *measured.pinned}
    open_names = [name for name in second.testable if name not in settled and name not in left_out]
    finds = scan(first, second, first.testable, open_names) if open_names else []
    certain = [found for found in finds if is_certain(found, LEVEL)]
    layers = _layers(second, [pair for pair, _ in settled.values()], first, certain)
    moved = _follow(first, second, layers, settled)
    pairs = [pair for pair, _ in settled.values()] + moved
    done = {pair.second for pair in pairs}
    pairs += [_pair(first, second, found) for found in certain if found.second.name not in done]
    scanned = min((_scan_log_p(found) for found in certain), default=0.0)
    bound = min((_scan_log_bound(found) for found in certain), default=0.0)
    return Evidence(
        pairs=tuple(_order(second, [_mark(pair, equality) for pair in pairs])),
        layers=layers,
        log_p=min(measured.log_p, scanned),
        log_bound=min(measured.log_bound, bound),
        method="aligned" if by_name or not certain else "scan",
        measured=measured,
        compared=len({pair.second for pair, _ in measured.pairs} | set(open_names)),
    )


def _matches(first: Catalog, second: Catalog, equality: Equality) -> list[Match]:
    """Match by equal bytes where names say nothing, and by name."""
    matches = match_names(first, second)
    done = {match.second for match in matches}
    candidates = set(first.testable)
    extra = [
        Match(first=one, second=other)
        for other, one in equality.tensors.items()
        if other not in done and other in second.roles and one in candidates and other in set(second.testable)
    ]
    return matches + extra


def _scan_log_p(found: Found) -> float:
    return found.likeness.log_p + math.log(max(1, found.looks))


def _scan_log_bound(found: Found) -> float:
    return min(0.0, found.likeness.log_bound + math.log(max(1, found.looks)))


def _own(measured: Measured, *, by_name: bool) -> list[tuple[Pair, Likeness]]:
    """Give the pairs that belong together for themselves."""
    looks = math.log(max(1, len(measured.pairs)))
    level = math.log(_WITHIN if by_name else LEVEL)
    least = 4.0 if by_name else LEAST_Z
    return [
        (pair, likeness)
        for pair, likeness in measured.pairs
        if likeness.z >= least and min(likeness.log_p, likeness.log_bound) + looks < level
    ]


def _layers(
    second: Catalog, pairs: Sequence[Pair], first: Catalog, finds: Sequence[Found]
) -> tuple[int | None, ...]:
    votes: dict[int, Counter[int]] = defaultdict(Counter)
    for pair in pairs:
        if pair.layer_first is not None and pair.layer_second is not None:
            votes[pair.layer_second][pair.layer_first] += round(100 * pair.z)
    for found in finds:
        one, other = first.roles[found.first.name].layer, second.roles[found.second.name].layer
        if one is not None and other is not None:
            votes[other][one] += round(100 * found.likeness.z)
    return tuple(
        votes[layer].most_common(1)[0][0] if votes[layer] else None for layer in range(second.layers)
    )


def _follow(
    first: Catalog,
    second: Catalog,
    layers: Sequence[int | None],
    settled: Mapping[str, tuple[Pair, Likeness]],
) -> list[Pair]:
    """Measure the tensors of layers that stand elsewhere, now that it is known where."""
    matches = [
        match
        for layer, origin in enumerate(layers)
        if origin is not None
        for match in match_layer(first, second, origin, layer)
        if match.second not in settled
    ]
    if not matches:
        return []
    return [pair for pair, _ in _own(measure(first, second, matches), by_name=True)]


def _pair(first: Catalog, second: Catalog, found: Found) -> Pair:
    return Pair(
        first=found.first.name,
        second=found.second.name,
        z=found.likeness.z,
        cosine=found.likeness.cosine,
        layer_first=first.roles[found.first.name].layer,
        layer_second=second.roles[found.second.name].layer,
        transform=_transform(first, second, found.first, found.second),
    )


def _transform(first: Catalog, second: Catalog, one: Item, other: Item) -> Transform:
    names = [
        "transposed" if other.transposed else "",
        "part of a fused tensor" if one.rows is not None or other.rows is not None else "",
    ]
    if len(first.shapes[one.name]) != 2 or len(second.shapes[other.name]) != 2:  # noqa: PLR2004
        same = first.shapes[one.name] == second.shapes[other.name]
        return Transform(name=", ".join(filter(None, names)), elementwise=same and not other.transposed)
    along = other.rows if not other.transposed else None
    across = other.rows if other.transposed else None
    return Transform(
        name=", ".join(filter(None, names)),
        transposed=other.transposed,
        first_rows=one.rows,
        second_rows=along,
        second_columns=across,
    )


def _mark(pair: Pair, equality: Equality) -> Pair:
    return replace(pair, equal=True) if equality.tensors.get(pair.second) == pair.first else pair


def _order(second: Catalog, pairs: Sequence[Pair]) -> list[Pair]:
    place = {name: index for index, name in enumerate(second.tensors.names)}
    return sorted(pairs, key=lambda pair: place[pair.second])


def share(catalog: Catalog, names: Sequence[str]) -> float:
    """Say how much of a model's comparable numbers some of its tensors have, from 0 to 1."""
    wanted = set(names)
    total = part = 0
    for name in catalog.testable:
        rows, columns, kernel = matrix_shape(catalog.shapes[name])
        total += rows * columns * kernel
        part += rows * columns * kernel if name in wanted else 0
    return part / total if total else 0.0
