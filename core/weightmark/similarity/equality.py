"""Which files and tensors of two models are equal, found without reading on where they differ.

Not promised: that equal tensors were copied. Constants, tables and masks are equal in strangers, and are
told apart.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from weightmark.model import Artifact
from weightmark.similarity.catalog import Catalog
from weightmark.similarity.sampling import is_made_by_rule, matrix_shape, places, read_sample
from weightmark.similarity.values import ModelTensors

_STEP: Final = 4 << 20
_PROBE: Final = 4096
FEWEST: Final = 16
"""Numbers that a tensor must have to tell anything."""

Bytes = tuple[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Equality:
    """What is equal in two models.

    Attributes:
        files: every file is, with its path.
        tensors: for each tensor of the second model the equal one of the first.
        telling: those tensors of the second that no program writes by a rule.
        same_weights: every tensor of either model that tells anything is in the other too.
    """

    files: bool
    tensors: Mapping[str, str]
    telling: frozenset[str]
    same_weights: bool


def find_equal(first: Catalog, second: Catalog) -> Equality:
    """Find what is equal.

    Raises:
        MalformedError: a file cannot be read, or changes meanwhile.
    """
    files = are_equal(first.tensors.artifact, second.tensors.artifact)
    if files and first.tensors.names == second.tensors.names:
        tensors = {name: name for name in second.tensors.names}
    else:
        tensors = _pair(first.tensors, second.tensors)
    telling = frozenset(name for name in tensors if is_telling(second, name))
    same = files or _are_same(first, second, tensors, telling)
    return Equality(files=files, tensors=tensors, telling=telling, same_weights=same)


def _are_same(first: Catalog, second: Catalog, tensors: Mapping[str, str], telling: frozenset[str]) -> bool:
    """Say whether either model's tensors are all in the other, but for what programs compute."""
    extra = [name for name in second.tensors.names if name not in tensors]
    left = _left(first.tensors, set(tensors.values()))
    if not telling:
        return bool(tensors) and not extra and not left
    shared = set(first.tensors.names) & set(second.tensors.names)
    changed = [
        name
        for name in extra
        if name in shared and first.shapes[name] == second.shapes[name] and not second.is_buffer(name)
    ]
    if changed:
        return False
    return all(_is_by_rule(second, name) for name in extra) and all(_is_by_rule(first, name) for name in left)


def _left(tensors: ModelTensors, used: set[str]) -> list[str]:
    """Give the tensors that are not among those used, nor equal to one of them: tied ones count once."""
    by_key: dict[Bytes, list[str]] = defaultdict(list)
    for name in used:
        by_key[_key(tensors, name)].append(name)
    return [
        name
        for name in tensors.names
        if name not in used
        and not any(_same(tensors, other, tensors, name) for other in by_key.get(_key(tensors, name), ()))
    ]


def are_equal(first: Artifact, second: Artifact) -> bool:
    """Say whether two models are the same files, byte by byte; a single file's own name does not matter."""
    listed = [(file.path, file.size) for file in first.files]
    if first.single and second.single:
        listed = [(second.files[0].path, file.size) for file in first.files]
    if listed != [(file.path, file.size) for file in second.files]:
        return False
    for one, other in zip(first.files, second.files, strict=True):
        with one.opened() as reader, other.opened() as another:
            for start in range(0, one.size, _STEP):
                size = min(_STEP, one.size - start)
                if reader.read(start, size) != another.read(start, size):
                    return False
    return True


def _key(tensors: ModelTensors, name: str) -> Bytes:
    return (tensors.span(name).dtype, tensors.shape(name))


def _pair(first: ModelTensors, second: ModelTensors) -> dict[str, str]:
    groups: dict[Bytes, list[str]] = defaultdict(list)
    for name in first.names:
        groups[_key(first, name)].append(name)
    names = set(first.names)
    found: dict[str, str] = {}
    probed: dict[Bytes, dict[bytes, list[str]]] = {}
    for name in second.names:
        key = _key(second, name)
        if name in names and key == _key(first, name) and _same(first, name, second, name):
            found[name] = name
            continue
        if key not in groups:
            continue
        if key not in probed:
            probed[key] = defaultdict(list)
            for other in groups[key]:
                probed[key][_probe(first, other)].append(other)
        for other in probed[key].get(_probe(second, name), ())[:8]:
            if other != name and _same(first, other, second, name):
                found[name] = other
                break
    return found


def _probe(tensors: ModelTensors, name: str) -> bytes:
    span = tensors.span(name)
    file = tensors.artifact.find(span.path)
    if file is None or not span.size:
        return b""
    found = hashlib.blake2b(digest_size=16)
    with file.opened() as reader:
        if span.layout is not None:
            for block in span.blocks(reader):
                found.update(block)
            return found.digest()
        for start in {0, span.size // 2, max(0, span.size - _PROBE)}:
            found.update(reader.read(span.start + start, min(_PROBE, span.size - start)))
    return found.digest()


def _same(first: ModelTensors, one: str, second: ModelTensors, other: str) -> bool:
    """Compare two tensors of one type and shape; stop at the first difference."""
    left, right = first.span(one), second.span(other)
    files = first.artifact.find(left.path), second.artifact.find(right.path)
    if files[0] is None or files[1] is None or left.size != right.size:
        return False
    with files[0].opened() as reader, files[1].opened() as another:
        if left.layout is None and right.layout is None:
            step = 1 << 14
            start = 0
            while start < left.size:
                size = min(step, left.size - start)
                if reader.read(left.start + start, size) != another.read(right.start + start, size):
                    return False
                start, step = start + size, _STEP
            return True
        return _equal_streams(left.blocks(reader), right.blocks(another))


def _equal_streams(first: Iterator[bytes], second: Iterator[bytes]) -> bool:
    rest = other = b""
    while True:
        rest = rest or next(first, b"")
        other = other or next(second, b"")
        length = min(len(rest), len(other))
        if not length:
            return len(rest) == len(other)
        if rest[:length] != other[:length]:
            return False
        rest, other = rest[length:], other[length:]


def is_telling(catalog: Catalog, name: str) -> bool:
    """Say whether a tensor could tell where it came from: real numbers, not too few, that no rule makes."""
    rows, columns, kernel = matrix_shape(catalog.shapes[name])
    return rows * columns * kernel >= FEWEST and not _is_by_rule(catalog, name)


def _is_by_rule(catalog: Catalog, name: str) -> bool:
    rows, columns, kernel = matrix_shape(catalog.shapes[name])
    if catalog.is_buffer(name) or not rows * columns * kernel:
        return True
    if not catalog.tensors.has_values(name):
        return False
    return is_made_by_rule(read_sample(catalog.tensors, name, places(rows, 256), places(columns, 256)))
