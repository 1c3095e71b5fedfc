"""Where the elements of an array lie in a file: plain bytes where that is true, a layout where it is not.

Not promised: that the file's bytes are what the layout expects; the layout itself looks after that.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from weightmark.errors import MalformedError
from weightmark.model.layout import Inflated, Layout, Strided
from weightmark.model.tensor import TensorSpan
from weightmark_plugins.formats.archive import Member, show

MAX_COUNT: Final = 2**53 - 1
"""The most elements of one tensor; the largest integer that canonical JSON has."""

MAX_DIMENSIONS: Final = 64
"""The most dimensions of one tensor; NumPy and PyTorch have the same bound."""

MAX_INFLATED: Final = 256 << 20
"""The most bytes that are decompressed at once, for a compressed array that is not row-major."""

ITEMSIZES: Final = {
    "bool": 1,
    **{f"{sign}int{8 * size}": size for size in (1, 2, 4, 8) for sign in ("", "u")},
    **dict.fromkeys(("float8_e4m3", "float8_e4m3b11fnuz", "float8_e4m3fn", "float8_e4m3fnuz"), 1),
    **dict.fromkeys(("float8_e3m4", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"), 1),
    "float16": 2,
    "bfloat16": 2,
    "float32": 4,
    "float64": 8,
    "complex32": 4,
    "complex64": 8,
    "complex128": 16,
}
"""The number types that are known here, in the field's words, and the bytes of one element."""

_HINT: Final = "The file was written wrongly or tampered with: save the model again with its own library."
_SHOWN: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """An array as a way to pick elements from a run of bytes.

    Attributes:
        name: the tensor's.
        dtype: the field's name for its numbers.
        itemsize: bytes of one element.
        shape: lengths, outermost first.
        strides: bytes to go on along each dimension; None for row-major.
        offset: bytes before the first element.
        swapped: whether the elements are big-endian.
    """

    name: str
    dtype: str
    itemsize: int
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None = None
    offset: int = 0
    swapped: bool = False


def place(view: View, member: Member, path: str) -> TensorSpan:
    """Say where an array's canonical bytes are, or how they are made.

    Args:
        view: the array.
        member: the bytes that it is picked from.
        path: the file that they lie in.

    Raises:
        MalformedError: an element lies outside of the bytes, or the array is too large to be one.
    """
    what = f"tensor {show(view.name)} in {path}"
    count = check_shape(view.shape, what)
    dense = row_major(view.shape, view.itemsize)
    strides = dense if view.strides is None else view.strides
    if len(strides) != len(view.shape) or min((*strides, view.offset)) < 0 or max((0, *strides)) > MAX_COUNT:
        raise MalformedError(
            f"{what} has strides that do not fit its shape {_show(view.shape)}, or negative ones", hint=_HINT
        )
    if not count:
        return _span(view, path, member.start, member.start, None)
    every = zip(view.shape, strides, dense, strict=True)
    kept = [(length, stride, full) for length, stride, full in every if length > 1]
    reach = sum((length - 1) * stride for length, stride, _ in kept) + view.itemsize
    if view.offset + reach > member.size:
        raise MalformedError(
            f"{what} reaches to byte {view.offset + reach}, but {show(member.name)} has {member.size}",
            hint=_HINT,
        )
    swapped = view.swapped and view.itemsize > 1
    whole = not swapped and all(stride == full for _, stride, full in kept)
    picked = _pick(view, [(length, stride) for length, stride, _ in kept], what)
    if not member.deflated:
        start = member.start + view.offset
        return _span(view, path, start, start + reach, None if whole else picked)
    stop = member.start + member.stored
    if whole and view.offset + reach == member.size:
        inflated = Inflated(length=reach, skip=view.offset)
        return _span(view, path, member.start, stop, inflated)
    if member.size - view.offset > MAX_INFLATED:
        raise MalformedError(
            f"{what} is a compressed array of {member.size} bytes that is not row-major; "
            f"at most {MAX_INFLATED} are read so",
            hint="Save the model again without compression.",
        )
    inner = Inflated(length=member.size - view.offset, skip=view.offset)
    return _span(view, path, member.start, stop, replace(picked, inner=inner))


def row_major(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """Give the strides, in bytes, of an array that lies row by row.

    Raises:
        Nothing.

    >>> row_major((2, 3, 4), 2)
    (24, 8, 2)
    """
    strides: list[int] = []
    step = itemsize
    for length in reversed(shape):
        strides.append(step)
        step *= max(length, 1)
    return tuple(reversed(strides))


def check_shape(shape: Sequence[int], what: str) -> int:
    """Check the lengths of an array.

    Args:
        shape: them.
        what: the array, for the message.

    Returns:
        How many elements it has.

    Raises:
        MalformedError: one is negative, or they are too many or too large.
    """
    if len(shape) > MAX_DIMENSIONS:
        raise MalformedError(
            f"{what} has {len(shape)} dimensions; at most {MAX_DIMENSIONS} are read", hint=_HINT
        )
    if any(not 0 <= length <= MAX_COUNT for length in shape):
        raise MalformedError(f"{what} has the shape {_show(shape)}", hint=_HINT)
    count = 0 if 0 in shape else math.prod(shape)
    if count > MAX_COUNT:
        raise MalformedError(f"{what} claims more than {MAX_COUNT} elements: {_show(shape)}", hint=_HINT)
    return count


def settle(spans: Sequence[TensorSpan]) -> Iterator[TensorSpan]:
    """Give the tensors of one file so that no two plain ranges overlap in part.

    Two that are the same range stay plain: they are tied. One that overlaps another in part is a view of it.

    Args:
        spans: the tensors, in any order.

    Raises:
        Nothing.
    """
    plain = {(span.start, span.stop) for span in spans if span.layout is None and span.start < span.stop}
    views: set[tuple[int, int]] = set()
    reached = 0
    for start, stop in sorted(plain, key=lambda bounds: (bounds[0], -bounds[1])):
        if start < reached:
            views.add((start, stop))
        else:
            reached = stop
    for span in spans:
        size = span.stop - span.start
        if span.layout is None and (span.start, span.stop) in views:
            yield replace(span, layout=Strided(itemsize=1, lengths=(size,), strides=(1,)))
        else:
            yield span


def _pick(view: View, kept: Sequence[tuple[int, int]], what: str) -> Strided:
    """Make the layout that picks a view's elements from its first one on."""
    size, swapped = view.itemsize, view.swapped and view.itemsize > 1
    lengths = tuple(length for length, _ in kept)
    strides = tuple(stride for _, stride in kept)
    if swapped and view.dtype.startswith("complex"):  # each of the two parts has its own order of bytes
        size //= 2
        lengths, strides = (*lengths, 2), (*strides, size)
    if any(stride % size for stride in strides):
        if swapped:
            raise MalformedError(
                f"{what} is big-endian and lies between other fields, which is not read here", hint=_HINT
            )
        lengths, strides, size = (*lengths, size), (*strides, 1), 1
    steps = tuple(stride // size for stride in strides)
    return Strided(itemsize=size, lengths=lengths, strides=steps, swapped=swapped)


def _span(view: View, path: str, start: int, stop: int, layout: Layout | None) -> TensorSpan:
    return TensorSpan(
        name=view.name,
        dtype=view.dtype,
        shape=view.shape,
        path=path,
        start=start,
        stop=stop,
        layout=layout,
    )


def _show(shape: Sequence[int]) -> str:
    """Write a shape for a message; a hostile one has millions of lengths."""
    shown = ", ".join(str(length) if abs(length) <= MAX_COUNT else "…" for length in shape[:_SHOWN])
    return f"[{shown}{', …' if len(shape) > _SHOWN else ''}]"
