"""What differs between two models: configuration, files, tensors and by how much.

Tensors are read side by side, block by block; what has equal bytes is not looked at as numbers. Tensors
belong together by their names; those of equal bytes under another name are recognised.

Not promised: why they differ. That is ``weightmark.similarity.forensics``.
"""

import hashlib
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np

from weightmark.encoding import Json
from weightmark.errors import MalformedError
from weightmark.model import Artifact
from weightmark.similarity.abreast import same_bytes
from weightmark.similarity.measure import Measure, measure_tensors
from weightmark.similarity.values import ModelTensors

CONFIG: Final = "config.json"
_NUMBER: Final = re.compile(r"(?:^|(?<=[._/]))(\d{1,6})(?=[._/]|$)")
_BLOCK: Final = 1 << 20

Progress = Callable[[int, int], None]
"""Told the bytes done and the bytes in all."""


class Change(StrEnum):
    """What became of a tensor or a file."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"
    RESHAPED = "reshaped"
    RENAMED = "renamed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorDifference:
    """One tensor that is not what it was.

    Attributes:
        name: its name; the new one when it was renamed.
        change: what became of it.
        layer: the layer's number, as its name has it; None for what stands in no layer.
        role: the name without the layer's number.
        shapes: its shape before and after; None where it is not.
        dtypes: its type before and after; empty where it is not.
        renamed_from: the name before, when it was renamed.
        measure: how far its numbers moved; None when they cannot be compared.
    """

    name: str
    change: Change
    layer: int | None
    role: str
    shapes: tuple[tuple[int, ...] | None, tuple[int, ...] | None]
    dtypes: tuple[str, str]
    renamed_from: str = ""
    measure: Measure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigDifference:
    """One key of the configuration that is not what it was.

    Attributes:
        key: the path of keys, joined by dots.
        before: its value; None also when it was not there.
        after: its value; None also when it is gone.
    """

    key: str
    before: Json
    after: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDifference:
    """Everything that differs between two models.

    Attributes:
        config: keys of the configuration, sorted.
        files: files beside configuration and tensors, by path; when no tensor differs, those of tensors too.
        tensors: tensors that differ, in the order of the first model, then those that were added.
        equal: the names of tensors with the same bytes, shape and type.
        layers: the sums by layer, over all tensors that are in both with one shape; None stands for no layer.
        total: the sums over all of those.
    """

    config: tuple[ConfigDifference, ...]
    files: Mapping[str, Change]
    tensors: tuple[TensorDifference, ...]
    equal: tuple[str, ...]
    layers: Mapping[int | None, Measure]
    total: Measure

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        return not (self.config or self.files or self.tensors)

    @property
    def mean_cosine(self) -> float | None:
        """The mean cosine of all tensors with one shape, weighted by elements; None when there are none.

        One cosine over all numbers would say more of constants, such as gains near 1, than of the weights.
        """
        moved = [tensor.measure for tensor in self.tensors if tensor.measure is not None]
        known = [(measure.cosine, measure.elements) for measure in moved]
        still = self.total.elements - sum(count for _, count in known)
        told = [(cosine, count) for cosine, count in known if cosine is not None]
        whole = still + sum(count for _, count in told)
        return (still + sum(cosine * count for cosine, count in told)) / whole if whole else None


@dataclass(slots=True)
class _Found:
    tensors: list[TensorDifference] = field(default_factory=list[TensorDifference])
    equal: list[str] = field(default_factory=list[str])
    layers: dict[int | None, Measure] = field(default_factory=dict[int | None, Measure])
    total: Measure = field(default_factory=Measure)

    def count(self, layer: int | None, measure: Measure) -> None:
        self.layers.setdefault(layer, Measure()).add(measure)
        self.total.add(measure)


def diff_models(
    first: ModelTensors, second: ModelTensors, *, progress: Progress | None = None
) -> ModelDifference:
    """Say what differs between two models.

    Args:
        first: the model before.
        second: the model after.
        progress: told the bytes of the first model's tensors done, and in all.

    Raises:
        MalformedError: a file is damaged, or its numbers cannot be read.
        MissingExtraError: the numbers need a library that is not installed.
    """
    before, after = set(first.names), set(second.names)
    renamed = _renames(first, second, sorted(before - after), sorted(after - before))
    old_names = set(renamed.values())
    found = _Found()
    whole, done = sum(first.span(name).size for name in first.names), 0
    for name in first.names:
        if name in after:
            _diff_tensor(first, second, name, found)
        elif name not in old_names:
            found.tensors.append(_one_sided(first, name, Change.REMOVED))
        done += first.span(name).size
        if progress is not None:
            progress(done, whole)
    for name in second.names:
        if name in renamed:
            found.tensors.append(_renamed(first, second, renamed[name], name))
        elif name not in before:
            found.tensors.append(_one_sided(second, name, Change.ADDED))
    _count_equal(first, found)
    config = tuple(_diff_config(first.config, second.config))
    quiet = not found.tensors
    return ModelDifference(
        config=config,
        files=_diff_files(first, second, with_tensors=quiet, with_config=quiet and not config),
        tensors=tuple(found.tensors),
        equal=tuple(found.equal),
        layers=dict(sorted(found.layers.items(), key=lambda item: (item[0] is None, item[0] or 0))),
        total=found.total,
    )


def place_of(name: str) -> tuple[int | None, str]:
    """Take a tensor's name apart into its layer's number and its role there.

    >>> place_of("model.layers.3.mlp.up_proj.weight")
    (3, 'model.layers.*.mlp.up_proj.weight')
    >>> place_of("lm_head.weight")
    (None, 'lm_head.weight')
    """
    found = _NUMBER.search(name)
    if found is None:
        return None, name
    return int(found.group(1)), f"{name[: found.start()]}*{name[found.end() :]}"


def _diff_tensor(first: ModelTensors, second: ModelTensors, name: str, found: _Found) -> None:
    old, new = first.span(name), second.span(name)
    layer, role = place_of(name)
    if old.shape == new.shape and old.dtype == new.dtype and same_bytes(first, second, name, name):
        found.equal.append(name)
        return
    measure = None
    if old.shape == new.shape and first.has_values(name) and second.has_values(name):
        measure = measure_tensors(first.blocks(name), second.blocks(name), what=name)
        found.count(layer, measure)
        if not measure.moved and old.dtype == new.dtype:
            measure = None  # other bytes, but float32 does not show what moved
    found.tensors.append(
        TensorDifference(
            name=name,
            change=Change.CHANGED if old.shape == new.shape else Change.RESHAPED,
            layer=layer,
            role=role,
            shapes=(old.shape, new.shape),
            dtypes=(old.dtype, new.dtype),
            measure=measure,
        )
    )


def _count_equal(first: ModelTensors, found: _Found) -> None:
    """Take the tensors that did not change into the sums; their numbers matter only where others changed."""
    for name in found.equal:
        measure = Measure(elements=math.prod(first.shape(name)))
        if found.total.moved and first.has_values(name):
            for block in first.blocks(name):
                wide = block[np.isfinite(block)].astype(np.float64)
                measure.before += float(np.dot(wide, wide))
            measure.after = measure.before
        found.count(place_of(name)[0], measure)


def _one_sided(tensors: ModelTensors, name: str, change: Change) -> TensorDifference:
    span, (layer, role) = tensors.span(name), place_of(name)
    removed = change is Change.REMOVED
    return TensorDifference(
        name=name,
        change=change,
        layer=layer,
        role=role,
        shapes=(span.shape, None) if removed else (None, span.shape),
        dtypes=(span.dtype, "") if removed else ("", span.dtype),
    )


def _renamed(first: ModelTensors, second: ModelTensors, old: str, new: str) -> TensorDifference:
    layer, role = place_of(new)
    before, after = first.span(old), second.span(new)
    return TensorDifference(
        name=new,
        change=Change.RENAMED,
        layer=layer,
        role=role,
        shapes=(before.shape, after.shape),
        dtypes=(before.dtype, after.dtype),
        renamed_from=old,
    )


def _renames(
    first: ModelTensors, second: ModelTensors, gone: Sequence[str], come: Sequence[str]
) -> dict[str, str]:
    """Find tensors whose bytes stand under another name now: the new name, and the old."""
    kinds = {_kind(first, name) for name in gone} & {_kind(second, name) for name in come}
    old: dict[bytes, list[str]] = {}
    for name in gone:
        if _kind(first, name) in kinds:
            old.setdefault(_digest(first, name), []).append(name)
    renamed: dict[str, str] = {}
    for name in come:
        if _kind(second, name) in kinds and (names := old.get(_digest(second, name))):
            renamed[name] = names.pop(0)
    return renamed


def _kind(tensors: ModelTensors, name: str) -> tuple[str, tuple[int, ...]]:
    return tensors.span(name).dtype, tensors.shape(name)


def _digest(tensors: ModelTensors, name: str) -> bytes:
    span = tensors.span(name)
    hasher = hashlib.sha256(repr(_kind(tensors, name)).encode("utf-8", "surrogatepass"))
    file = tensors.artifact.find(span.path)
    if file is None:
        raise MalformedError(f"tensor {name[:200]!r} lies in {span.path!r}, which the model does not have")
    with file.opened() as reader:
        for block in span.blocks(reader):
            hasher.update(block)
    return hasher.digest()


def _diff_config(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[ConfigDifference]:
    old, new = dict(_flat(before, "")), dict(_flat(after, ""))
    for key in sorted(old.keys() | new.keys()):
        if key not in old or key not in new or old[key] != new[key]:
            yield ConfigDifference(key=key, before=old.get(key), after=new.get(key))


def _flat(value: Mapping[str, Json], above: str) -> Iterator[tuple[str, Json]]:
    for key, item in value.items():
        if isinstance(item, dict) and item:
            yield from _flat(item, f"{above}{key}.")
        else:
            yield f"{above}{key}", item


def _diff_files(
    first: ModelTensors, second: ModelTensors, *, with_tensors: bool, with_config: bool
) -> dict[str, Change]:
    left_out = set[str]() if with_config else {CONFIG}
    if not with_tensors:
        left_out |= {tensors.span(name).path for tensors in (first, second) for name in tensors.names}
    old, new = first.artifact, second.artifact
    before = {file.path: file for file in old.files if file.path not in left_out}
    after = {file.path: file for file in new.files if file.path not in left_out}
    changes: dict[str, Change] = {}
    for path in sorted(before.keys() | after.keys()):
        if path not in after:
            changes[path] = Change.REMOVED
        elif path not in before:
            changes[path] = Change.ADDED
        elif before[path].size != after[path].size or not _same_file(old, new, path, before[path].size):
            changes[path] = Change.CHANGED
    return changes


def _same_file(first: Artifact, second: Artifact, path: str, size: int) -> bool:
    return all(
        first.read(path, start, min(_BLOCK, size - start))
        == second.read(path, start, min(_BLOCK, size - start))
        for start in range(0, size, _BLOCK)
    )
