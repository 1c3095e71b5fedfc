"""The graphs of an ONNX file: which tensors they hold, and which of those an exporter transposed.

Not promised: that the graph is sound. Nodes are read only for their tensors and for how these are used.
"""

import re
from dataclasses import dataclass, field, replace
from typing import Final

from weightmark.errors import MalformedError
from weightmark.model.layout import Strided
from weightmark.model.tensor import TensorSpan
from weightmark_plugins.formats.onnx_tensor import DTYPES, ExternalData, read_tensor
from weightmark_plugins.formats.protobuf import BYTES, Field, fields
from weightmark_plugins.formats.window import HINT, MAX_NAMES, MAX_TENSORS, Window, keep, show

GENERATED: Final = re.compile(r"(?:val_|onnx::(?:MatMul|Gemm)_)\d+\Z")
"""Names that PyTorch's exporters give to what they folded; the parameter's own name is lost then."""

MAX_DEPTH: Final = 32
"""How deep graphs may lie in one another."""

_IR_VERSION, _GRAPH, _OPSETS, _TRAINING, _FUNCTIONS = 1, 7, 8, 20, 25
_NODE, _INITIALIZER, _SPARSE = 1, 5, 15
_INPUT, _OUTPUT, _NODE_NAME, _OPERATION, _ATTRIBUTE = 1, 2, 3, 4, 5
_ATTRIBUTE_NAME, _NUMBER, _TENSOR, _SUBGRAPH, _TENSORS, _SUBGRAPHS = 1, 3, 5, 6, 10, 11
_SPARSE_TENSOR, _SPARSE_TENSORS = 22, 23
_FUNCTION_NAME, _FUNCTION_NODE, _FUNCTION_DOMAIN, _FUNCTION_DEFAULT, _FUNCTION_OVERLOAD = 1, 7, 10, 11, 13


def read_model(window: Window, data: ExternalData) -> list[TensorSpan]:
    """Read all tensors of one model.

    Args:
        window: the ONNX file.
        data: where external data may lie.

    Returns:
        The tensors; names are unique.

    Raises:
        MalformedError: the file is no ONNX model, or is damaged.
    """
    parts: list[Field] = []
    for part in fields(window, 0, window.size):
        keep(parts, part, window.what)
    graphs = [part for part in parts if part.number == _GRAPH]
    numbers = {part.number for part in parts}
    if len(graphs) != 1 or graphs[0].kind != BYTES or not {_IR_VERSION, _OPSETS} <= numbers:
        raise MalformedError(f"{window.what} is no ONNX model, or is cut short", hint=HINT)
    walk = _Walk(window=window, data=data)
    walk.graph(graphs[0], "", "", 0)
    for part in parts:
        if part.number == _TRAINING:
            for graph in fields(window, part.start, part.stop):
                if graph.kind == BYTES and graph.number in {1, 2}:
                    walk.graph(graph, "training/", "training/", 1)
        elif part.number == _FUNCTIONS:
            walk.function(part)
    return walk.named()


@dataclass(slots=True)
class _Found:
    depth: int
    place: str
    scope: str
    span: TensorSpan


@dataclass(slots=True)
class _Node:
    inputs: list[str] = field(default_factory=list[str])
    output: str = ""
    name: str = ""
    operation: str = ""
    attributes: list[Field] = field(default_factory=list[Field])


@dataclass(slots=True, kw_only=True)
class _Walk:
    """Gathers tensors, and how those with a generated name are used."""

    window: Window
    data: ExternalData
    found: list[_Found] = field(default_factory=list[_Found])
    multiplied: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    otherwise: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def graph(self, place: Field, path: str, scope: str, depth: int) -> None:
        """Walk a graph; ``path`` stands before a name that is taken, ``scope`` before every name."""
        self._check_depth(depth)
        for part in fields(self.window, place.start, place.stop):
            if part.number == _INITIALIZER:
                self.tensor(part, path, scope, depth)
            elif part.number == _SPARSE:
                self.sparse(part, path, scope, depth, "")
            elif part.number == _NODE:
                self.node(part, path, scope, depth)

    def function(self, place: Field) -> None:
        """Walk a function; its names are its own."""
        names = {_FUNCTION_NAME: "", _FUNCTION_DOMAIN: "", _FUNCTION_OVERLOAD: ""}
        for part in fields(self.window, place.start, place.stop):
            if part.number in names:
                names[part.number] = self._text(part)
        name, domain, overload = names.values()
        path = f"{domain}::{name}{':' if overload else ''}{overload}/"
        for part in fields(self.window, place.start, place.stop):
            if part.number == _FUNCTION_NODE:
                self.node(part, path, path, 1)
            elif part.number == _FUNCTION_DEFAULT:
                self.attribute(part, _Node(output="default"), path, path, 1)

    def node(self, place: Field, path: str, scope: str, depth: int) -> None:
        node = _Node()
        for part in fields(self.window, place.start, place.stop):
            if part.number == _INPUT:
                keep(node.inputs, self._text(part), self.window.what)
            elif part.number == _OUTPUT and not node.output:
                node.output = self._text(part)
            elif part.number == _NODE_NAME:
                node.name = self._text(part)
            elif part.number == _OPERATION:
                node.operation = self._text(part)
            elif part.number == _ATTRIBUTE:
                keep(node.attributes, part, self.window.what)
        transposes = [self.attribute(part, node, path, scope, depth) for part in node.attributes]
        for index, name in enumerate(node.inputs):
            if GENERATED.match(name):
                plain = node.operation == "MatMul" or (node.operation == "Gemm" and not any(transposes))
                (self.multiplied if plain and index == 1 else self.otherwise).add((scope, name))

    def attribute(self, place: Field, node: _Node, path: str, scope: str, depth: int) -> bool:
        """Read an attribute's tensors and graphs; say whether it is a transB that is set."""
        name, number = "", 0
        inner: list[Field] = []
        for part in fields(self.window, place.start, place.stop):
            if part.number == _ATTRIBUTE_NAME:
                name = self._text(part)
            elif part.number == _NUMBER:
                number = part.value
            elif part.kind == BYTES:
                keep(inner, part, self.window.what)
        own = f"{node.name or node.output}.{name}"
        constant = node.output if node.operation == "Constant" else own
        for index, part in enumerate(inner):
            if part.number == _TENSOR:
                self.tensor(part, path, scope, depth, constant)
            elif part.number == _TENSORS:
                self.tensor(part, path, scope, depth, f"{own}.{index}")
            elif part.number in {_SPARSE_TENSOR, _SPARSE_TENSORS}:
                self.sparse(part, path, scope, depth, constant)
            elif part.number in {_SUBGRAPH, _SUBGRAPHS}:
                self.graph(part, f"{path}{own}/", scope, depth + 1)
        return name == "transB" and number != 0

    def tensor(self, place: Field, path: str, scope: str, depth: int, name: str | None = None) -> None:
        if place.kind != BYTES:
            raise MalformedError(f"{self.window.what} has a number where a tensor should be", hint=HINT)
        span = read_tensor(self.window, place, self.data)
        if span is None:
            return
        if not (name or span.name):
            raise MalformedError(f"{self.window.what} has a tensor without a name", hint=HINT)
        if len(self.found) >= MAX_TENSORS:
            raise MalformedError(f"{self.window.what} has more than {MAX_TENSORS} tensors", hint=HINT)
        self.found.append(_Found(depth, path, scope, replace(span, name=name or span.name)))

    def sparse(self, place: Field, path: str, scope: str, depth: int, name: str) -> None:
        """Read a sparse tensor as two: its values, and their places."""
        parts = {part.number: part for part in fields(self.window, place.start, place.stop)}
        if 1 not in parts or 2 not in parts:  # noqa: PLR2004 - the values, and their places
            raise MalformedError(f"{self.window.what} has a sparse tensor without values", hint=HINT)
        before = len(self.found)
        self.tensor(parts[1], path, scope, depth, name or None)
        values = self.found[before].span.name if len(self.found) > before else name or "sparse"
        self.tensor(parts[2], path, scope, depth, f"{values}:indices")

    def named(self) -> list[TensorSpan]:
        """Give the tensors, each with a name of its own and as the layer has it."""
        taken: set[str] = set()
        length = 0
        spans: list[TensorSpan] = []
        for one in sorted(self.found, key=lambda one: one.depth):
            name = f"{one.scope}{one.span.name}"
            if name in taken:
                name = f"{one.place}{one.span.name}"
            length += len(name)
            if name in taken or length > MAX_NAMES:
                raise MalformedError(
                    f"the name {show(name)} stands for two tensors in {self.window.what}, or all names "
                    f"together have more than {MAX_NAMES} characters",
                    hint=HINT,
                )
            taken.add(name)
            spans.append(replace(self._oriented(one), name=name))
        return spans

    def _oriented(self, one: _Found) -> TensorSpan:
        """Undo a transposition that an exporter folded into a weight."""
        span, key = one.span, (one.scope, one.span.name)
        if key not in self.multiplied or key in self.otherwise or len(span.shape) != 2:  # noqa: PLR2004
            return span
        bits = next(bits for name, bits in DTYPES.values() if name == span.dtype)
        shape = (span.shape[1], span.shape[0])
        if bits < 8 or 1 in shape or 0 in shape:  # noqa: PLR2004 - packed numbers cannot be picked
            return replace(span, shape=shape) if bits >= 8 else span  # noqa: PLR2004
        layout = Strided(itemsize=bits // 8, lengths=shape, strides=(1, shape[0]), inner=span.layout)
        return replace(span, shape=shape, layout=layout)

    def _text(self, part: Field) -> str:
        if part.kind != BYTES:
            raise MalformedError(f"{self.window.what} has a number where a name should be", hint=HINT)
        return self.window.text(part.start, part.stop - part.start, "a name")

    def _check_depth(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise MalformedError(
                f"{self.window.what} has graphs in one another, more than {MAX_DEPTH} deep", hint=HINT
            )
