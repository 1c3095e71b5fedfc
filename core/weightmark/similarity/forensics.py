"""How one model was likely made from another: which layer stands where, and what was done to each tensor.

Pairs of tensors come from the comparison; here they are laid upon each other and looked at. Large tensors are
sampled. Not promised: which of the two came first; labels read as if the second was made from the first.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from weightmark.encoding import Json
from weightmark.similarity.merging import Explanation, Merge
from weightmark.similarity.operation import Confidence, Label, Operation, label_tensor
from weightmark.similarity.pairing import Pair, Transform, lay
from weightmark.similarity.products import Family
from weightmark.similarity.rounding import Matrix, sample_rows
from weightmark.similarity.values import ModelTensors

WHOLE: Final = 1 << 24
"""Elements up to which a tensor is read whole; of a larger one that lies alike, rows are looked at."""

_ROWS: Final = 512
_COLUMNS: Final = 2048
_SHARE: Final = 0.02
"""The share of elements under which a label is not the model's."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a layer came from.

    Attributes:
        second: the layer's number in the second model.
        first: the layer in the first model that most of it was found in.
        share: the share of its paired elements that was found there.
    """

    second: int
    first: int | None
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorFinding:
    """What was likely done to one tensor.

    Attributes:
        first: its name in the first model.
        second: its name in the second model.
        layer_first: the layer there.
        layer_second: the layer here.
        labels: the last operation first.
    """

    first: str
    second: str
    layer_first: int | None
    layer_second: int | None
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was likely done to the model.

    Attributes:
        label: the operation, with the evidence of the largest tensor that shows it.
        share: the share of the paired elements that show it.
        tensors: how many tensors show it.
    """

    label: Label
    share: float
    tensors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forensics:
    """What a look at paired tensors says.

    Attributes:
        layers: where each layer of the second model stands in the first.
        findings: operations, by share, the largest first.
        tensors: every pair that was looked at.
        merge: by which recipe the second was merged, when other parents were named; None when none were.
    """

    layers: tuple[Place, ...]
    findings: tuple[Finding, ...]
    tensors: tuple[TensorFinding, ...]
    merge: Explanation | None = None

    def to_json(self) -> dict[str, Json]:
        """Give it in the words of ``--json``."""
        return {
            "layers": [
                {"second": place.second, "first": place.first, "share": place.share} for place in self.layers
            ],
            "operations": [
                {**_describe(each.label), "share": each.share, "tensors": each.tensors}
                for each in self.findings
            ],
            "tensors": [
                {
                    "first": each.first,
                    "second": each.second,
                    "layer_first": each.layer_first,
                    "layer_second": each.layer_second,
                    "labels": [_describe(label) for label in each.labels],
                }
                for each in self.tensors
            ],
            "coefficients": []
            if self.merge is None
            else [{"model": each.name, "value": each.value} for each in self.merge.coefficients],
            "recipe": self.merge.recipe if self.merge is not None and self.merge.holds else None,
        }


def examine(  # noqa: PLR0913 - keywords, each with its default
    first: ModelTensors,
    second: ModelTensors,
    pairs: Sequence[Pair],
    *,
    parents: Mapping[str, ModelTensors] | None = None,
    base: ModelTensors | None = None,
    progress: Progress | None = None,
) -> Forensics:
    """Say how the second model was likely made from the first.

    Args:
        first: a model.
        second: one that is related to it.
        pairs: which of their tensors belong together, and how they lie.
        parents: the models that the second may be merged from, by name; at least two, or none.
        base: what those parents were made from, when it is known.
        progress: told the pairs done and the pairs in all.

    Raises:
        MalformedError: a file is damaged.
    """
    findings: list[TensorFinding] = []
    for done, pair in enumerate(pairs, start=1):
        findings.append(_examine_pair(first, second, pair))
        if progress is not None:
            progress(done, len(pairs))
    sizes = [math.prod(second.shape(pair.second)) for pair in pairs]
    merge = None
    if parents is not None and len(parents) > 1:
        merge = Merge(Family(child=second, parents=parents, base=base)).explain()
    return Forensics(
        layers=_places(pairs, sizes),
        findings=_sum_up(findings, sizes),
        tensors=tuple(findings),
        merge=merge,
    )


def _examine_pair(first: ModelTensors, second: ModelTensors, pair: Pair) -> TensorFinding:
    return TensorFinding(
        first=pair.first,
        second=pair.second,
        layer_first=pair.layer_first,
        layer_second=pair.layer_second,
        labels=_labels(first, second, pair),
    )


def _labels(first: ModelTensors, second: ModelTensors, pair: Pair) -> tuple[Label, ...]:
    if pair.equal:
        return (_said(Operation.EQUAL, Confidence.CERTAIN, "every byte is equal"),)
    if not (first.has_values(pair.first) and second.has_values(pair.second)):
        return (_said(Operation.UNKNOWN, Confidence.POSSIBLE, "its numbers are not known"),)
    transform = pair.transform
    moved = () if _lies_alike(transform) else (_reordered(transform, pair.cosine),)
    if not transform.elementwise:
        return moved
    try:
        one, other = _lay(first, second, pair)
    except ValueError as error:
        return (
            *moved,
            _said(Operation.UNKNOWN, Confidence.POSSIBLE, f"the two cannot be laid together: {error}"),
        )
    rows, _ = sample_rows(second, pair.second)
    labels = label_tensor(one, other, dtype=second.span(pair.second).dtype, rows=rows)
    if moved and labels[0].operation is Operation.EQUAL:
        return moved
    return (*moved, *labels)


def _lay(first: ModelTensors, second: ModelTensors, pair: Pair) -> tuple[Matrix, Matrix]:
    """Give a part of both, laid upon each other: at most ``_ROWS`` by ``_COLUMNS``."""
    alike = _lies_alike(pair.transform) and first.shape(pair.first) == second.shape(pair.second)
    if alike and math.prod(first.shape(pair.first)) > WHOLE:
        rows = min(_ROWS, WHOLE // _COLUMNS)
        return sample_rows(first, pair.first, rows=rows)[0], sample_rows(second, pair.second, rows=rows)[0]
    one, other = first.read(pair.first), second.read(pair.second)
    if not alike:
        one, other = lay(pair.transform, one, other)
    parts: list[Matrix] = []
    for values in (one, other):
        flat = values.reshape(values.shape[0] if values.ndim > 1 else 1, -1)
        which = np.unique(np.linspace(0, max(len(flat) - 1, 0), min(len(flat), _ROWS)).astype(np.int64))
        parts.append(np.ascontiguousarray(flat[which, :_COLUMNS], np.float32))
    return parts[0], parts[1]


def _lies_alike(transform: Transform) -> bool:
    return transform == Transform()


def _reordered(transform: Transform, cosine: float) -> Label:
    said = f"found by laying the units upon each other; their mean cosine is {cosine:.4f}"
    return Label(
        operation=Operation.REORDERED,
        detail=transform.name or "laid in another way",
        confidence=Confidence.LIKELY,
        evidence=said,
    )


def _places(pairs: Sequence[Pair], sizes: Sequence[int]) -> tuple[Place, ...]:
    votes: dict[int, Counter[int | None]] = {}
    for pair, size in zip(pairs, sizes, strict=True):
        if pair.layer_second is not None:
            votes.setdefault(pair.layer_second, Counter())[pair.layer_first] += size
    places: list[Place] = []
    for layer, counts in sorted(votes.items()):
        best, size = counts.most_common(1)[0]
        whole = sum(counts.values())
        places.append(Place(second=layer, first=best, share=size / whole if whole else 0.0))
    return tuple(places)


def _sum_up(findings: Sequence[TensorFinding], sizes: Sequence[int]) -> tuple[Finding, ...]:
    """Take labels of one kind together; of their details the one that most elements have is kept."""
    whole = sum(sizes)
    weights: Counter[Operation] = Counter()
    tensors: Counter[Operation] = Counter()
    details: dict[Operation, Counter[str]] = {}
    largest: dict[tuple[Operation, str], tuple[int, Label]] = {}
    for finding, size in zip(findings, sizes, strict=True):
        for label in finding.labels:
            kind = label.operation
            weights[kind] += size
            tensors[kind] += 1
            details.setdefault(kind, Counter())[label.detail] += size
            key = (kind, label.detail)
            if key not in largest or largest[key][0] < size:
                largest[key] = size, label
    found = [
        Finding(
            label=largest[kind, details[kind].most_common(1)[0][0]][1],
            share=size / whole if whole else 0.0,
            tensors=tensors[kind],
        )
        for kind, size in weights.most_common()
    ]
    return tuple(each for each in found if each.share >= _SHARE) or tuple(found[:1])


def _describe(label: Label) -> dict[str, Json]:
    return {
        "operation": label.operation.value,
        "detail": label.detail or None,
        "confidence": label.confidence.value,
        "evidence": label.evidence,
    }


def _said(operation: Operation, confidence: Confidence, evidence: str) -> Label:
    return Label(operation=operation, detail="", confidence=confidence, evidence=evidence)
