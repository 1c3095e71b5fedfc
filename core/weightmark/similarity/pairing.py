"""Which tensor of one model stands where in another, and how the one is laid upon the other.

Not promised: that a pair is more than a likeness. Who had it first is not in the numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """How the second tensor is laid upon the first.

    Attributes:
        name: in words, for people: ``transposed``, ``part of a fused tensor``, ``units reordered``,
            ``other basis``; empty when both lie alike.
        transposed: the second's axes are swapped before anything else.
        first_rows: the first's rows that have a counterpart, None for all.
        second_rows: the second's rows in the order of ``first_rows``, None for all.
        first_columns: the first's columns that have a counterpart, None for all.
        second_columns: the second's columns in the order of ``first_columns``, None for all.
        elementwise: the two can be compared element by element when laid so; not after a rotation.
    """

    name: str = ""
    transposed: bool = False
    first_rows: Sequence[int] | None = None
    second_rows: Sequence[int] | None = None
    first_columns: Sequence[int] | None = None
    second_columns: Sequence[int] | None = None
    elementwise: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two tensors, one of each model, that were found to belong together.

    Attributes:
        first: the tensor's name in the first model.
        second: the tensor's name in the second model.
        z: how many standard deviations the likeness of aligned units lies above that of shuffled units;
            infinite for equal bytes without units to shuffle.
        cosine: the mean cosine of aligned units; 1 for equal tensors.
        layer_first: the layer in the first model, from 0; None outside the layers.
        layer_second: the layer in the second model, from 0; None outside the layers.
        transform: how the second lies upon the first.
        equal: type, shape and every byte are the same.
    """

    first: str
    second: str
    z: float
    cosine: float
    layer_first: int | None = None
    layer_second: int | None = None
    transform: Transform = field(default_factory=Transform)
    equal: bool = False


def lay(transform: Transform, first: "np.ndarray", second: "np.ndarray") -> tuple["np.ndarray", "np.ndarray"]:
    """Lay the second tensor upon the first.

    Args:
        transform: how.
        first: the first tensor.
        second: the second tensor.

    Returns:
        The parts of both that correspond, of one shape.

    Raises:
        ValueError: the two cannot be compared element by element, or their shapes do not fit the transform.
    """
    if not transform.elementwise:
        raise ValueError("the two tensors lie in other bases")
    other = second.T if transform.transposed else second
    one = _pick(_pick(first, transform.first_rows, 0), transform.first_columns, 1)
    other = _pick(_pick(other, transform.second_rows, 0), transform.second_columns, 1)
    if one.shape != other.shape:
        raise ValueError(f"shapes {one.shape} and {other.shape} do not fit each other")
    return one, other


def _pick(values: "np.ndarray", which: Sequence[int] | None, axis: int) -> "np.ndarray":
    if which is None:
        return values
    if isinstance(which, range) and which.step == 1:
        return values[which.start : which.stop] if axis == 0 else values[:, which.start : which.stop]
    return values.take(list(which), axis=axis)
