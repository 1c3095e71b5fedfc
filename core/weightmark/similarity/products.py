"""The inner products of a model's tensors with those of its possible parents, from one pass over all of them.

Every recipe that adds parents up is fitted from these few numbers; the tensors need not be read again.
Not promised: anything about tensors that one of the models does not have in the same shape.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weightmark.similarity.abreast import Floats, read_abreast
from weightmark.similarity.adapter import Adapter
from weightmark.similarity.rounding import find_rounding, sample_rows
from weightmark.similarity.values import ModelTensors

Doubles = NDArray[np.float64]
Progress = Callable[[int, int], None]
"""Told the elements done and the elements in all."""

_WIDE: Final = 1 << 17
"""Elements that are multiplied at once, in float64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A child and the models that it may have been made from.

    Attributes:
        child: the model that is looked at.
        parents: possible parents, by what the user calls them.
        base: what the parents were made from; None when it is not known.
        adapter: a LoRA adapter that may have been folded in; None for none.
    """

    child: ModelTensors
    parents: Mapping[str, ModelTensors]
    base: ModelTensors | None = None
    adapter: Adapter | None = None

    @property
    def origin(self) -> ModelTensors:
        """What distances are measured from: the base, else the first parent."""
        return self.base if self.base is not None else next(iter(self.parents.values()))

    @property
    def others(self) -> tuple[ModelTensors, ...]:
        """The parents whose distance from the origin is looked at."""
        return tuple(parent for parent in self.parents.values() if parent is not self.origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Products:
    """One tensor's inner products.

    Attributes:
        name: the tensor.
        size: its elements.
        gram: (k+2, k+2) float64: the inner products of the origin, the k sources' distances from it, and the
            child's distance from it, in this order.
        noise: the sum of squares that the rounding of the child alone would leave.
    """

    name: str
    size: int
    gram: Doubles
    noise: float


@dataclass(slots=True)
class Gathered:
    """All products, and what could not be looked at.

    Attributes:
        products: by tensor, in the child's order.
        left_out: tensors, and why no recipe can speak of them.
    """

    products: list[Products] = field(default_factory=list[Products])
    left_out: dict[str, str] = field(default_factory=dict[str, str])


def gather(family: Family, *, progress: Progress | None = None) -> Gathered:
    """Multiply everything with everything, tensor by tensor.

    Args:
        family: the models.
        progress: told how far it is.

    Raises:
        MalformedError: a file is damaged, or the adapter is another model's.
    """
    found = Gathered()
    child = family.child
    models = [family.origin, *family.others]
    targets = {} if family.adapter is None else family.adapter.targets(frozenset(family.origin.names))
    whole, done = sum(math.prod(child.shape(name)) for name in child.names), 0
    for name in child.names:
        reason = _reason(name, child, models)
        if reason:
            found.left_out[name] = reason
        else:
            found.products.append(_products(name, family, targets.get(name)))
        done += math.prod(child.shape(name))
        if progress is not None:
            progress(done, whole)
    for name in family.origin.names:
        if name not in set(child.names):
            found.left_out[name] = "the child does not have it"
    return found


def _reason(name: str, child: ModelTensors, models: Sequence[ModelTensors]) -> str:
    """Say why a tensor cannot be looked at; empty when it can."""
    shape = child.shape(name)
    for model in models:
        if name not in set(model.names):
            return "not every parent has it"
        if model.shape(name) != shape:
            return f"its shape is {list(shape)[:8]}, a parent's {list(model.shape(name))[:8]}"
    if not all(model.has_values(name) for model in (child, *models)):
        return "its numbers are not known"
    return ""


def _products(name: str, family: Family, target: str | None) -> Products:
    shape = family.child.shape(name)
    models = [family.origin, *family.others]
    streams: list[Iterator[Floats]] = [model.blocks(name) for model in (*models, family.child)]
    if target is not None and family.adapter is not None:
        streams.append(family.adapter.blocks(target, shape))
    count = len(models) + 1 + (family.adapter is not None)
    gram = np.zeros((count, count))
    for runs in read_abreast(streams, what=name, step=_WIDE):
        rows = np.zeros((count, runs[0].size))
        rows[0] = runs[0]
        for index in range(1, len(models)):
            rows[index] = runs[index]
            rows[index] -= rows[0]
        rows[-1] = runs[len(models)]
        rows[-1] -= rows[0]
        if target is not None:
            rows[-2] = runs[-1]
        bad = ~np.isfinite(rows).all(axis=0)
        if bad.any():
            rows[:, bad] = 0.0
        gram += rows @ rows.T
    size = math.prod(shape)
    values, _ = sample_rows(family.child, name)
    return Products(name=name, size=size, gram=gram, noise=find_rounding(values).variance * size)
