"""The tensors in what a PyTorch pickle stands for, with their names.

Names are the way to a tensor, joined by dots: keys of dictionaries, places in lists, attributes of objects.
A whole module gives the names that its ``state_dict`` would: those of ``_parameters``, ``_buffers`` (but for
those that are not saved) and ``_modules``. A sparse tensor gives its parts. A parameter is its tensor.

Not promised: what an object of an unknown class would do with its attributes.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from weightmark.errors import MalformedError
from weightmark_plugins.formats.pickled import Made, Name, Pairs

MAX_DEPTH: Final = 100
"""How deep a tensor may lie."""

MAX_VISITS: Final = 4_000_000
"""How many values are looked at; a value that is reached by many ways counts each time."""

MAX_WAYS: Final = 1_000
"""By how many ways one value may be reached that holds tensors."""

MAX_NAME: Final = 4096
"""The most characters of a name."""

TENSORS: Final = frozenset(
    f"torch._utils.{name}"
    for name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_qtensor")
)
"""What makes a tensor from a storage."""

_LAYOUTS: Final = {
    "torch.sparse_coo": ("indices", "values"),
    "torch.sparse_csr": ("crow_indices", "col_indices", "values"),
    "torch.sparse_bsr": ("crow_indices", "col_indices", "values"),
    "torch.sparse_csc": ("ccol_indices", "row_indices", "values"),
    "torch.sparse_bsc": ("ccol_indices", "row_indices", "values"),
}
_HINT: Final = "Save the tensors alone, as a flat dictionary or as safetensors."

Child = tuple[str | None, object]
"""A value and what its name goes on with; None when it has its parent's name."""


def find_made(root: object, what: str, *, alone: str) -> Iterator[tuple[str, Made]]:
    """Find what makes tensors in a value.

    Args:
        root: the value.
        what: the file, for messages.
        alone: the name of a tensor that is the whole value.

    Yields:
        Names, and what makes a tensor (``TENSORS``), in the value's order.

    Raises:
        MalformedError: the value is too deep or too large, or has names that are no text.
    """
    above = [_Frame(name="", owner=None, children=iter([(None, root)]))]
    entered: set[int] = set()  # what is being looked through; ids, of values that the root keeps alive
    barren: set[int] = set()  # what was looked through and holds no tensor
    ways: Counter[int] = Counter()
    visits = 0
    while above:
        frame = above[-1]
        child = next(frame.children, None)
        if child is None:
            above.pop()
            entered.discard(id(frame.owner))
            if not frame.found:
                barren.add(id(frame.owner))
            elif above:
                above[-1].found = True
            continue
        key, value = child
        visits += 1
        if not _holds(value) or id(value) in entered or id(value) in barren:
            continue
        entered.add(id(value))
        ways[id(value)] += 1
        _check_bounds(visits, len(above), ways[id(value)], what)
        name = _join(frame.name, key, what)
        if isinstance(value, Made) and value.maker.full in TENSORS:
            yield name or alone, value
            above.append(_Frame(name=name or alone, owner=value, children=_scales(value), found=True))
        else:
            above.append(_Frame(name=name, owner=value, children=iter(_children(value))))


@dataclass(slots=True, kw_only=True)
class _Frame:
    """A value that is being looked through.

    Attributes:
        name: its name.
        owner: it.
        children: what is left of what it holds.
        found: whether a tensor was found in it.
    """

    name: str
    owner: object
    children: Iterator[Child]
    found: bool = False


def _holds(value: object) -> bool:
    return isinstance(value, Made | Pairs | list | tuple)


def _check_bounds(visits: int, depth: int, ways: int, what: str) -> None:
    if depth > MAX_DEPTH:
        raise MalformedError(f"the pickle in {what} holds values deeper than {MAX_DEPTH} levels", hint=_HINT)
    if visits > MAX_VISITS or ways > MAX_WAYS:
        raise MalformedError(f"the pickle in {what} holds the same values too often", hint=_HINT)


def _join(prefix: str, key: str | None, what: str) -> str:
    if key is None:
        return prefix
    name = f"{prefix}.{key}" if prefix else key
    if len(name) > MAX_NAME:
        raise MalformedError(f"a tensor in {what} has a name of more than {MAX_NAME} characters", hint=_HINT)
    return name


def _children(value: object) -> Iterable[Child]:
    """Give what a value holds."""
    if isinstance(value, Pairs):
        return _named(value.items)
    if isinstance(value, Made):
        return _READERS.get(value.maker.full, _object)(value)
    return _numbered(cast("Sequence[object]", value))


def _object(made: Made) -> Iterator[Child]:
    """Give what an object of any class holds: attributes, items, elements, and what it was made from."""
    state = _attributes(made.state)
    module = {key: value for key, value in state if isinstance(key, str)}
    if isinstance(module.get("_parameters"), Pairs | Made) and "_modules" in module:
        yield from _module(module)
        return
    for part in (_named(state), _named(made.items), _numbered(made.elements), _numbered(made.arguments)):
        yield from part


def _inner(made: Made) -> Iterator[Child]:
    """Give the tensor that something is wrapped around."""
    if made.arguments:
        yield None, made.arguments[0]


def _mapping(made: Made) -> Iterator[Child]:
    return _named([*_given(made), *made.items])


def _nothing(_: Made) -> Iterator[Child]:
    return iter(())


def _module(state: dict[str, object]) -> Iterator[Child]:
    """Give what a module's ``state_dict`` would have."""
    unsaved = set(_words(state.get("_non_persistent_buffers_set")))
    yield from _named(_items(state.get("_parameters")))
    for key, value in _named(_items(state.get("_buffers"))):
        if key not in unsaved:
            yield key, value
    yield from _named(_items(state["_modules"]))


def _retyped(made: Made) -> Iterator[Child]:
    """Give the tensor below a tensor of a class of its own, and what else belongs to it."""
    function = made.arguments[0] if made.arguments else None
    if len(made.arguments) > 2 and isinstance(function, Name):  # noqa: PLR2004 - function, class, arguments
        _, cls, inner, *rest = made.arguments
        if isinstance(inner, tuple):  # made once and kept, so that it is the same value by every way
            inner = Made(function, cast("tuple[object, ...]", inner))
            made.arguments = (function, cls, inner, *rest)
        yield None, inner
        yield from _named(_attributes(made.arguments[3] if made.arguments[3:] else None))


def _sparse(made: Made) -> Iterator[Child]:
    layout, data = (*made.arguments, None, None)[:2]
    name = layout.arguments[0] if isinstance(layout, Made) and layout.arguments else None
    parts = _LAYOUTS.get(name) if isinstance(name, str) else None
    if parts is None or not isinstance(data, tuple):
        raise MalformedError(f"a sparse tensor has an unknown layout: {str(name)[:40]!r}", hint=_HINT)
    yield from zip(parts, cast("tuple[object, ...]", data), strict=False)


def _scales(made: Made) -> Iterator[Child]:
    """Give the scales and zero points of a quantised tensor that has one for each channel."""
    if made.maker.name != "_rebuild_qtensor":
        return
    parameters = made.arguments[4] if len(made.arguments) > 4 else None  # noqa: PLR2004 - after storage and view
    if isinstance(parameters, tuple):
        yield from zip(("scales", "zero_points"), cast("tuple[object, ...]", parameters)[1:3], strict=False)


def _given(made: Made) -> Sequence[tuple[object, object]]:
    """Give the pairs that a dictionary was made from, as Python 2 did."""
    given = made.arguments[0] if made.arguments else None
    if isinstance(given, Pairs):
        return given.items
    pairs = cast("list[object]", given) if isinstance(given, list) else []
    found = [cast("Sequence[object]", pair) for pair in pairs if isinstance(pair, list | tuple)]
    return [(pair[0], pair[1]) for pair in found if len(pair) == 2]  # noqa: PLR2004 - a pair


def _attributes(state: object) -> Sequence[tuple[object, object]]:
    """Give the attributes that a state sets: a dictionary, or one of the dictionary and one of the slots."""
    if isinstance(state, Pairs):
        return state.items
    if isinstance(state, Made):
        return state.items
    if isinstance(state, list | tuple):
        both = cast("Sequence[object]", state)
        if len(both) == 2 and all(part is None or isinstance(part, Pairs) for part in both):  # noqa: PLR2004
            return [pair for part in both for pair in _items(part)]
        return [(str(index), part) for index, part in enumerate(both)]
    return ()


def _items(value: object) -> Sequence[tuple[object, object]]:
    return value.items if isinstance(value, Pairs | Made) else ()


def _words(value: object) -> Iterator[str]:
    """Give the words of a set, as a list or as the call that makes it."""
    if isinstance(value, Made) and value.arguments:
        value = value.arguments[0]
    if isinstance(value, list | tuple):
        yield from (word for word in cast("Sequence[object]", value) if isinstance(word, str))


def _numbered(values: Sequence[object]) -> Iterator[Child]:
    return ((str(index), value) for index, value in enumerate(values))


def _named(pairs: Iterable[tuple[object, object]]) -> Iterator[Child]:
    return ((_key(key, index), value) for index, (key, value) in enumerate(pairs))


def _key(key: object, index: int) -> str:
    """Write a key as a part of a name; one that is neither text nor number is named by its place."""
    if isinstance(key, str):
        return key[: MAX_NAME + 1]
    if isinstance(key, int) and abs(key) < 2**64:
        return str(key)
    return f"[{index}]"


_READERS: Final[Mapping[str, Callable[[Made], Iterator[Child]]]] = {
    "collections.Counter": _mapping,
    "collections.OrderedDict": _mapping,
    "torch.Size": _nothing,
    "torch.Tensor": _inner,
    "torch._tensor._rebuild_from_type": _retyped,
    "torch._tensor._rebuild_from_type_v2": _retyped,
    "torch._utils._rebuild_meta_tensor_no_storage": _nothing,
    "torch._utils._rebuild_parameter": _inner,
    "torch._utils._rebuild_parameter_with_state": _inner,
    "torch._utils._rebuild_sparse_csr_tensor": _sparse,
    "torch._utils._rebuild_sparse_tensor": _sparse,
    "torch.device": _nothing,
    "torch.jit._pickle.build_tensorlist": _inner,
    "torch.jit._pickle.restore_type_tag": _inner,
    "torch.nn.parameter.Parameter": _inner,
}
"""How calls that are known are read; any other is read as an object."""
