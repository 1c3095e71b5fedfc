"""A model's tensors with their roles: which can be compared as numbers, which stands in which layer.

Not promised: that a tensor left out has nothing to say; only that nothing is claimed from it.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from weightmark.similarity.roles import FIXED, HIDDEN, POSITIONS, Role, assign_roles
from weightmark.similarity.sampling import WIDEST, is_sinusoidal, matrix_shape, places, read_sample
from weightmark.similarity.values import ModelTensors

_BUFFERS: Final = re.compile(
    r"(^|[._/])(position_ids|inv_freq|rotary\w*|freqs_cis|masked_bias|causal_mask|attn[._/]bias|attention[._/]bias"
    r"|relative_position_index|mel_filters|num_batches_tracked|attn_mask|token_type_ids)([._/]|$)"
)
_WHOLE: Final = ("int16", "int32", "int64", "uint16", "uint32", "uint64", "bool", "int4", "uint4", "complex")
_WRAPPERS: Final = re.compile(
    r"^((module|model|_orig_mod|base_model|transformer|bert|roberta|encoder_model|params|0|auto_model|backbone)[._/])+"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Two tensors that may belong together.

    Attributes:
        first: the tensor's name in the first model.
        second: the tensor's name in the second model.
        transposed: the second is stored with its axes swapped.
    """

    first: str
    second: str
    transposed: bool = False


class Catalog:
    """The tensors of one model, ordered for comparison.

    Args:
        tensors: the model.
    """

    def __init__(self, tensors: ModelTensors) -> None:
        self.tensors = tensors
        self.shapes: Mapping[str, tuple[int, ...]] = {name: tensors.shape(name) for name in tensors.names}
        self.anchored = any(self._is_computed_table(name) for name in tensors.names)
        self.roles: Mapping[str, Role] = assign_roles(self.shapes, tensors.config, anchored=self.anchored)
        self.testable: tuple[str, ...] = tuple(name for name in tensors.names if self._is_testable(name))
        numbers = {role.layer for role in self.roles.values() if role.layer is not None}
        self.layers = max(numbers, default=-1) + 1

    def axes(self, name: str) -> tuple[int, ...]:
        """Give the axes whose units may be shuffled; both must agree when there are two."""
        role = self.roles[name]
        if role.axis is not None:
            return (role.axis,)
        return tuple(axis for axis, what in enumerate((role.rows, role.columns)) if what == HIDDEN)

    def size(self, name: str) -> int:
        """Count a tensor's numbers."""
        rows, columns, kernel = matrix_shape(self.shapes[name])
        return rows * columns * kernel

    def _is_computed_table(self, name: str) -> bool:
        rows, columns, kernel = matrix_shape(self.shapes[name])
        if kernel != 1 or not rows or columns < 8 or not POSITIONS.search(name.lower()):  # noqa: PLR2004
            return False
        if not self.tensors.has_values(name):
            return False
        first = read_sample(self.tensors, name, places(min(rows, 3), 3), places(columns, WIDEST))
        return is_sinusoidal(first.units(0))

    def _is_testable(self, name: str) -> bool:
        shape = self.shapes[name]
        if len(shape) < 2 or 0 in shape or self.is_buffer(name):  # noqa: PLR2004
            return False
        return bool(self.axes(name)) and self.tensors.has_values(name)

    def is_buffer(self, name: str) -> bool:
        """Say whether a tensor is one that programs compute, by its name or its type."""
        return bool(_BUFFERS.search(name)) or self.tensors.span(name).dtype.startswith(_WHOLE)


def match_names(first: Catalog, second: Catalog) -> list[Match]:
    """Match tensors that may be compared by name, then by job and layer.

    Returns:
        In the order of the second model; each of its tensors at most once.
    """
    return _match(first, second)


def match_layer(first: Catalog, second: Catalog, layer_first: int, layer_second: int) -> list[Match]:
    """Match the tensors of one layer with those of another, by their names without the number."""
    return _match(first, second, (layer_first, layer_second))


def _match(first: Catalog, second: Catalog, layers: tuple[int, int] | None = None) -> list[Match]:
    exact = set(first.testable)
    by_key: dict[tuple[str, str, int | None], list[str]] = defaultdict(list)
    for name in first.testable:
        for key in _keys(first.roles[name], name):
            by_key[*key, first.roles[name].layer].append(name)
    found: list[Match] = []
    for name in second.testable:
        role = second.roles[name]
        if layers is not None and role.layer != layers[1]:
            continue
        names = [name] if layers is None and name in exact else []
        for key in _keys(role, name):
            same = by_key.get((*key, role.layer if layers is None else layers[0]), ())
            names.extend(same if len(same) == 1 else ())
        for other in names:
            fits = fit(first, second, other, name)
            if fits is not None:
                found.append(Match(first=other, second=name, transposed=fits))
                break
    return found


def _keys(role: Role, name: str) -> list[tuple[str, str]]:
    plain = role.template if role.layer is not None else name
    keys = [("name", _WRAPPERS.sub("", plain))]
    if role.slot:
        expert = re.search(r"experts[._/](\d+)", role.template)
        keys.append((role.slot, expert.group(1) if expert else ""))
    return keys


def fit(first: Catalog, second: Catalog, one: str, other: str) -> bool | None:
    """Say how two tensors could be laid upon each other.

    Returns:
        False as they are, True when the second's axes are swapped, None when not at all.
    """
    role, another = first.roles[one], second.roles[other]
    shape, shaped = matrix_shape(first.shapes[one]), matrix_shape(second.shapes[other])
    if shape[2] != shaped[2]:
        return None
    if role.slot and role.slot == another.slot:
        # Blocks, streams and vocabularies that were narrowed or widened share what they begin with.
        return role.rows != another.rows and role.rows == another.columns
    if shape == shaped:
        return False
    if _anchored_rows(role, another) and shape[1] == shaped[1]:
        return False
    return None


def _anchored_rows(role: Role, another: Role) -> bool:
    return role.rows == FIXED and another.rows == FIXED and role.columns == another.columns != FIXED
