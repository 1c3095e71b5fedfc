"""Copies whose stream was turned: aligned by their vocabularies, tested elsewhere.

Two models with one vocabulary have a row for each token. Whatever turned the stream of a copy turned its
embeddings too, so the turn is found there: as a signed order of the dimensions (linear assignment) or as a
rotation (Procrustes). The test is then made on the matrices inside the layers, which took no part in
finding it: how alike are the inner products of the stream's dimensions, which no order of heads or hidden
units changes?

Half of the stream's directions, those along which the embeddings vary most, carry what tokens mean, and
strangers that saw one text agree on them once they are aligned: there queries and feed-forward blocks of
strangers reach 60 standard deviations. So the test is made in the other half, where strangers were measured
to be as chance has it.

Not promised: an exact p-value; this one is calibrated.
"""

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

import numpy as np

from weightmark.errors import MissingExtraError
from weightmark.similarity.catalog import Catalog
from weightmark.similarity.pairing import Pair, Transform
from weightmark.similarity.permutation import log_normal_tail
from weightmark.similarity.roles import RESIDUAL
from weightmark.similarity.sampling import matrix_shape, places, read_sample

SPREAD: Final = 4.0
"""Standard deviations that strangers' likeness has after an alignment, in a stream of 64 dimensions."""

LEAST: Final = 5.0
"""How often the strangers' spread is asked for."""

WIDEST: Final = 8192
"""Dimensions of the stream that are aligned at most."""

_TOKENS: Final = 4096
_UNITS: Final = 512
_SHUFFLES: Final = 48
_MOST: Final = 1 << 27
_CELLS: Final = 4096
_SLOTS: Final = ("q", "k", "v", "o", "up", "down", "gate")
_LEAST_WIDTH: Final = 16
_PLAINER: Final = 1.1
_GAINS: Final = {
    "before": re.compile(
        r"input_layernorm|attention_norm|attn_norm|ln_?1|norm1|layer_norm1|layernorm_before"
    ),
    "between": re.compile(r"post_attention_layernorm|ffn_norm|ln_?2|norm2|layer_norm2|layernorm_after"),
}
_FINAL: Final = re.compile(r"(^|[._/])(norm|ln_f|final_layer_?norm|output_norm)([._/](weight|scale))?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Aligned:
    """What stands after the best alignment.

    Attributes:
        name: in words: ``stream reordered`` or ``stream rotated``.
        layers: for each layer of the second model that of the first it is like.
        pairs: tensors that belong together.
        z: the largest likeness of two layers.
        least: the likeness that is asked for.
        log_p: natural logarithm of the p-value, calibrated and not exact.
    """

    name: str
    layers: tuple[int | None, ...]
    pairs: tuple[Pair, ...]
    z: float
    least: float
    log_p: float


def spread(width: int) -> float:
    """Give the spread of strangers' likeness after an alignment, for a stream of so many dimensions.

    Measured, with room: 1.4 at 64 dimensions after 100 steps of training, 3.6 after 250, 6.0 at 192; a
    distilled student reached 8.5 there. It grows as the likeness of true copies does, by the square root.

    Raises:
        Nothing.
    """
    return SPREAD * max(1.0, math.sqrt(width / 64))


@dataclass(frozen=True, slots=True)
class _Turn:
    """Brings the wider model's stream to the narrower one's, and says where the narrower one is quiet."""

    name: str
    quiet: np.ndarray
    swapped: bool
    matrix: np.ndarray | None = None
    order: np.ndarray | None = None
    signs: np.ndarray | None = None

    def apply(self, units: np.ndarray) -> np.ndarray:
        """Turn (stream of the wider, features) into (stream of the narrower, features)."""
        if self.matrix is not None:
            return np.asarray(self.matrix.T @ units)
        if self.order is None or self.signs is None:
            return units
        return np.asarray(units[self.order] * self.signs[:, None])


def align(first: Catalog, second: Catalog) -> Aligned | None:
    """Align two models by their vocabularies and test what is inside.

    Args:
        first: the first model.
        second: the second model.

    Returns:
        What was found by the better of the two alignments; None when they have no vocabulary, or no layers.

    Raises:
        MissingExtraError: SciPy is not installed.
        MalformedError: a tensor's bytes are not what its type and shape ask for.
    """
    turns = _turns(first, second)
    found = [one for turn in turns if (one := _test(first, second, turn)) is not None]
    # A rotation can do what an order does: the plainer one is named when it explains as much.
    return max(found, key=lambda one: one.z * (_PLAINER if one.name == turns[0].name else 1), default=None)


def look_inside(first: Catalog, second: Catalog) -> Aligned | None:
    """Test two models whose streams lie alike, whatever the order of their heads and hidden units.

    Args:
        first: the first model.
        second: the second model.

    Returns:
        What was found; None when their streams differ in width, or no layers are known.

    Raises:
        MalformedError: a tensor's bytes are not what its type and shape ask for.
    """
    widths = {
        matrix_shape(catalog.shapes[name])[_stream_axis(catalog, name)]
        for catalog in (first, second)
        for names in _by_slot(catalog).values()
        for name in names.values()
    }
    if len(widths) != 1 or not _LEAST_WIDTH <= max(widths) <= WIDEST:
        return None
    wide = widths.pop()
    straight = np.zeros((min(wide, _UNITS), wide), np.float32)
    picked = places(wide, _UNITS)[: len(straight)]
    straight[np.arange(len(picked)), picked] = 1
    return _test(first, second, _Turn(name="units or heads reordered", quiet=straight, swapped=False))


def _turns(first: Catalog, second: Catalog) -> list[_Turn]:
    one, other = _vocabulary(first), _vocabulary(second)
    shared = [slot for slot in ("embedding", "head") if slot in one and slot in other]
    if not shared:
        return []
    left, right = _tables(first, second, [(one[slot], other[slot]) for slot in shared])
    wide, wider = left.shape[1], right.shape[1]
    if max(wide, wider) > WIDEST or min(wide, wider) < _LEAST_WIDTH:
        return []
    swapped = wide > wider
    if swapped:
        left, right = right, left
    _, directions = np.linalg.eigh(left.T @ left)
    half = directions.shape[1] // 2
    quiet = np.ascontiguousarray(directions[:, places(half, _UNITS)].T, np.float32)
    return [_assign(left, right, quiet, swapped=swapped), _rotate(left, right, quiet, swapped=swapped)]


def _vocabulary(catalog: Catalog) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in catalog.testable:
        slot = catalog.roles[name].slot
        if slot in {"embedding", "head"}:
            found.setdefault(slot, name)
    return found


def _tables(
    first: Catalog, second: Catalog, names: Sequence[tuple[str, str]]
) -> tuple[np.ndarray, np.ndarray]:
    """Read the rows of some tokens, of equal weight for embedding and head; (tokens, stream)."""
    lefts: list[np.ndarray] = []
    rights: list[np.ndarray] = []
    for one, other in names:
        shape, shaped = matrix_shape(first.shapes[one]), matrix_shape(second.shapes[other])
        axis, axed = _stream_axis(first, one), _stream_axis(second, other)
        tokens = places(min(shape[1 - axis], shaped[1 - axed]), _TOKENS)
        for catalog, name, along, wide, parts in (
            (first, one, axis, shape[axis], lefts),
            (second, other, axed, shaped[axed], rights),
        ):
            stream = np.arange(wide)
            where = (stream, tokens) if along == 0 else (tokens, stream)
            table = read_sample(catalog.tensors, name, *where).units(1 - along)
            if catalog.roles[name].slot == "head":
                table = table * _gain(catalog, None, "final", wide)
            table = table - table.mean(axis=0)
            parts.append(table / max(float(np.linalg.norm(table)), 1e-30))
    return np.concatenate(lefts), np.concatenate(rights)


def _stream_axis(catalog: Catalog, name: str) -> int:
    return 0 if catalog.roles[name].rows == RESIDUAL else 1


def _assign(left: np.ndarray, right: np.ndarray, quiet: np.ndarray, *, swapped: bool) -> _Turn:
    try:
        from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtraError("compare") from error
    norms = np.linalg.norm(left, axis=0), np.linalg.norm(right, axis=0)
    table = (left / np.maximum(norms[0], 1e-30)).T @ (right / np.maximum(norms[1], 1e-30))
    columns = np.asarray(cast("tuple[object, object]", linear_sum_assignment(-np.abs(table)))[1], np.int64)
    signs = np.where(table[np.arange(len(columns)), columns] < 0, -1.0, 1.0).astype(np.float32)
    return _Turn(name="stream reordered", quiet=quiet, swapped=swapped, order=columns, signs=signs)


def _rotate(left: np.ndarray, right: np.ndarray, quiet: np.ndarray, *, swapped: bool) -> _Turn:
    outer, _, inner = np.linalg.svd(right.T @ left, full_matrices=False)
    return _Turn(
        name="stream rotated", quiet=quiet, swapped=swapped, matrix=(outer @ inner).astype(np.float32)
    )


def _gain(catalog: Catalog, layer: int | None, which: str, wide: int) -> np.ndarray | float:
    """Find the gains of the norm that a matrix reads behind; 1 when there is none of the stream's width."""
    words = _FINAL if which == "final" else _GAINS[which]
    for name, role in catalog.roles.items():
        fits = catalog.shapes[name] == (wide,) and role.layer == layer and not name.endswith("bias")
        if fits and words.search(name.lower()) and catalog.tensors.has_values(name):
            return np.asarray(np.nan_to_num(catalog.tensors.read(name), posinf=0, neginf=0))
    return 1.0


def _grams(catalog: Catalog, names: Mapping[int, str], turn: _Turn, *, turned: bool) -> dict[int, np.ndarray]:
    """Give, for each layer, the centred inner products of the quiet directions, of length one."""
    found: dict[int, np.ndarray] = {}
    for layer, name in names.items():
        rows, columns, _ = matrix_shape(catalog.shapes[name])
        if rows * columns > _MOST:
            continue
        axis = _stream_axis(catalog, name)
        values = read_sample(catalog.tensors, name, np.arange(rows), np.arange(columns)).units(axis)
        slot = catalog.roles[name].slot
        if slot not in {"o", "down"}:
            gain = _gain(catalog, layer, "before" if slot in {"q", "k", "v"} else "between", len(values))
            values = values * (gain[:, None] if isinstance(gain, np.ndarray) else gain)
        scale = float(np.abs(values).max(initial=0))
        if not scale > 0:
            continue
        values = values / scale
        picked = turn.quiet @ (turn.apply(values) if turned else values)
        gram = picked @ picked.T
        np.fill_diagonal(gram, 0)
        gram -= gram.mean(axis=0)
        gram -= gram.mean(axis=1)[:, None]
        norm = float(np.linalg.norm(gram))
        if norm > 0:
            found[layer] = gram / norm
    return found


def _test(first: Catalog, second: Catalog, turn: _Turn) -> Aligned | None:
    layers = _by_slot(first), _by_slot(second)
    scores: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for slot in _SLOTS:
        one, other = layers[0].get(slot, {}), layers[1].get(slot, {})
        if not one or not other or len(one) * len(other) > _CELLS:
            continue
        grams = (
            _grams(first, one, turn, turned=turn.swapped),
            _grams(second, other, turn, turned=not turn.swapped),
        )
        scores[slot] = _scores(*grams, first, second)
    return _conclude(second, turn, layers, scores) if scores else None


def _by_slot(catalog: Catalog) -> dict[str, dict[int, str]]:
    found: dict[str, dict[int, str]] = defaultdict(dict)
    for name in catalog.testable:
        role = catalog.roles[name]
        if role.layer is not None and role.slot in _SLOTS and RESIDUAL in (role.rows, role.columns):
            found[role.slot].setdefault(role.layer, name)
    return found


def _scores(
    one: Mapping[int, np.ndarray], other: Mapping[int, np.ndarray], first: Catalog, second: Catalog
) -> tuple[np.ndarray, np.ndarray]:
    """Judge every layer against every layer: (z, cosine), each (second's layers, first's layers)."""
    z = np.full((second.layers, first.layers), np.nan)
    cosine = np.full((second.layers, first.layers), np.nan)
    if not one:
        return z, cosine
    held = list(one)
    stack = np.stack([one[layer].reshape(-1) for layer in held])
    for layer, gram in other.items():
        generator = np.random.default_rng(layer)
        shuffled = np.empty((_SHUFFLES, len(held)))
        for index in range(_SHUFFLES):
            order = generator.permutation(len(gram))
            shuffled[index] = stack @ gram[np.ix_(order, order)].reshape(-1)
        straight = stack @ gram.reshape(-1)
        spread = np.maximum(shuffled.std(axis=0, ddof=1), 1e-12)
        z[layer, held] = (straight - shuffled.mean(axis=0)) / spread
        cosine[layer, held] = straight
    return z, cosine


def _conclude(
    second: Catalog,
    turn: _Turn,
    layers: tuple[dict[str, dict[int, str]], dict[str, dict[int, str]]],
    scores: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> Aligned:
    tables = np.stack([z for z, _ in scores.values()])
    present = np.maximum(np.count_nonzero(~np.isnan(tables), axis=0), 1)
    strangers = spread(turn.quiet.shape[1])
    together = np.nansum(tables, axis=0) / np.sqrt(present)
    origins: list[int | None] = []
    likeness: list[float] = []
    for layer in range(second.layers):
        row = together[layer]
        best = int(row.argmax())
        origins.append(best if row[best] >= LEAST * strangers else None)
        likeness.append(float(row[best]))
    z = max(likeness, default=0.0)
    pairs = [
        Pair(
            first=layers[0][slot][origin],
            second=layers[1][slot][layer],
            z=float(table[layer, origin]),
            cosine=float(cosine[layer, origin]),
            layer_first=origin,
            layer_second=layer,
            transform=Transform(name=turn.name, elementwise=False),
        )
        for slot, (table, cosine) in scores.items()
        for layer, origin in enumerate(origins)
        if origin is not None and not math.isnan(table[layer, origin]) and table[layer, origin] >= strangers
    ]
    return Aligned(
        name=turn.name,
        layers=tuple(origins),
        pairs=tuple(pairs),
        z=z,
        least=LEAST * strangers,
        log_p=log_normal_tail(z / strangers),
    )
