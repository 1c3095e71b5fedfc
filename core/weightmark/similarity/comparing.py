"""Two models compared: from bytes to statistics to a verdict.

Equal bytes are looked for first. What is not equal is compared by aligned units, tensor by tensor, in
samples; a model is never held in memory. Only if nothing is found, and the models are small or it is asked
for, other bases and other orders of units are tried.

Not promised: that no evidence means independence. A model trained on another's answers shares no weights
with it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Final

from weightmark.errors import MissingExtraError
from weightmark.similarity.alignment import Aligned, align, look_inside
from weightmark.similarity.catalog import Catalog
from weightmark.similarity.comparison import Comparison, Parent, Verdict
from weightmark.similarity.equality import Equality, find_equal
from weightmark.similarity.mixing import SHARE, weigh
from weightmark.similarity.permutation import p_value
from weightmark.similarity.relating import Evidence, relate, share
from weightmark.similarity.values import ModelTensors

Progress = Callable[[int, int], None]
"""Told the bytes done and the bytes in all."""

ASSUMPTIONS: Final = (
    "independent models start from independent random numbers, in which no unit differs from another in law",
    "training treats all units alike: shuffled units would have been trained to shuffled results",
    "only axes whose units may be shuffled are tested; never tokens, positions, classes or colours",
)
EXACT: Final = (
    (
        "equal bytes are a fact and no statistic; that they were copied follows only if no program makes such"
        " numbers by a rule"
    ),
)
BY_SHAPE: Final = (
    "hidden units are told by shapes alone: a length that one tensor puts out and another takes in is taken"
    " for them, which it is not where both are maps between two spaces that are given"
)
SMALL: Final = 512 << 20
"""Bytes up to which the deep comparison is tried unasked, when nothing else is found."""

FAINT: Final = 12.0
"""Standard deviations below which missing layers are looked for by other means too."""

_WHOLE: Final = 0.5
_SAME: Final = 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A model that is compared.

    Attributes:
        model: its path or URI.
        tensors: its tensors.
    """

    model: str
    tensors: ModelTensors


def compare_tensors(
    first: Side,
    second: Side,
    *,
    parents: Sequence[Side] = (),
    deep: bool = False,
    progress: Progress | None = None,
) -> Comparison:
    """Compare two models.

    Args:
        first: the first model.
        second: the second model, which may be derived from the first.
        parents: other models that the second may be merged from.
        deep: try other bases and other orders of units, however large the models are.
        progress: told how far it is.

    Returns:
        The verdict with its evidence.

    Raises:
        MalformedError: a model's files are damaged, or change while they are read.
        MissingExtraError: the deep comparison was asked for without its library, or a tensor's type needs
            one.
    """
    one, other = Catalog(first.tensors), Catalog(second.tensors)
    told = _teller(progress, first, second, parents)
    equality = find_equal(one, other)
    evidence = relate(one, other, equality, told)
    if equality.files or (equality.same_weights and _in_place(one, evidence)):
        answer = _exact(first, other, equality, evidence)
    else:
        evidence, notes = _deepen(one, other, evidence, deep=deep)
        everyone = [(first, evidence)]
        for side in parents:
            catalog = Catalog(side.tensors)
            everyone.append((side, relate(catalog, other, find_equal(catalog, other), told)))
        answer = _judge(one, other, everyone, notes)
    for model in (first, second, *parents):
        model.tensors.artifact.check_unchanged()
    if progress is not None:
        progress(1, 1)
    return answer


def _teller(
    progress: Progress | None, first: Side, second: Side, parents: Sequence[Side]
) -> Callable[[int], None] | None:
    if progress is None:
        return None
    total = sum(model.tensors.artifact.size for model in (first, second, *parents))
    done = 0

    def told(size: int) -> None:
        nonlocal done
        done = min(total, done + size)
        progress(done, total)

    return told


def _in_place(first: Catalog, evidence: Evidence) -> bool:
    """Say whether no layer was moved, doubled or left out, as far as layers can be told."""
    moved = [(layer, origin) for layer, origin in enumerate(evidence.layers) if origin not in (None, layer)]
    return not moved and (len(evidence.layers) == first.layers or not evidence.layers or not first.layers)


def _exact(first: Side, other: Catalog, equality: Equality, evidence: Evidence) -> Comparison:
    notes = () if equality.telling else ("the numbers that are equal tell nothing of where they come from",)
    return Comparison(
        verdict=Verdict.IDENTICAL if equality.files else Verdict.REPACKAGED,
        p_value=0.0 if equality.telling else 1.0,
        log10_bound=evidence.log_bound / math.log(10) if equality.telling else 0.0,
        method="bytes",
        z=_largest(evidence),
        layers=evidence.layers,
        pairs=evidence.pairs,
        compared=len(equality.tensors),
        of=len(other.tensors.names),
        parents=(Parent(model=first.model, weight=1.0, z=_largest(evidence), tensors=len(equality.tensors)),),
        assumptions=EXACT,
        notes=(*notes, *_notes(evidence)),
    )


def _deepen(one: Catalog, other: Catalog, evidence: Evidence, *, deep: bool) -> tuple[Evidence, list[str]]:
    """Try other bases and orders of the stream, where nothing was found without, or next to nothing."""
    small = max(one.tensors.artifact.size, other.tensors.artifact.size) <= SMALL
    if evidence.related and not _is_faint(evidence):
        return (_look_inside(one, other, evidence) if deep or small else evidence), []
    if not deep and not small:
        return evidence, [
            "other bases and orders of the stream were not tried, for the models' size; see --deep"
        ]
    try:
        found = align(one, other)
    except MissingExtraError as error:
        if deep:
            raise
        return evidence, [f"other bases and orders of the stream were not tried: {error.message}"]
    if found is None:
        return evidence, [
            "other bases and orders of the stream could not be tried: no shared vocabulary or layers"
        ]
    tried = "other bases and orders of the stream were tried, after alignment by the vocabulary"
    if found.z < found.least:
        return evidence, [tried]
    return (
        replace(
            evidence,
            pairs=found.pairs,
            layers=found.layers,
            log_p=min(0.0, found.log_p + math.log(2)),
            log_bound=0.0,
            method="deep",
        ),
        [f"{tried}: {found.name}; the p-value is calibrated on strangers, not exact"],
    )


def _is_faint(evidence: Evidence) -> bool:
    """Say whether layers are missing and what was found is little.

    A rotation that leaves a little of each unit in place shows so.
    """
    return None in evidence.layers and _largest(evidence) < FAINT


def _look_inside(one: Catalog, other: Catalog, evidence: Evidence) -> Evidence:
    """Place what is left in the layers of related models, whose units may be in another order."""
    done = {pair.second for pair in evidence.pairs}
    rest = {name for name in other.testable if name not in done and other.roles[name].layer is not None}
    found = look_inside(one, other) if rest else None
    if found is None:
        return evidence
    certain = _same_inside(found) if not any(layer is not None for layer in evidence.layers) else found.layers
    layers = tuple(
        inside if origin is None else origin for origin, inside in zip(evidence.layers, certain, strict=True)
    )
    more = [
        pair
        for pair in found.pairs
        if pair.second in rest
        and pair.layer_second is not None
        and pair.layer_first == layers[pair.layer_second]
    ]
    return replace(evidence, layers=layers, pairs=(*evidence.pairs, *more))


def _same_inside(found: Aligned) -> tuple[int | None, ...]:
    """Keep the layers that are as good as the same.

    Where nothing but the vocabulary is shared, what strangers learn to read from it is alike, too.
    """
    cosines = [
        [pair.cosine for pair in found.pairs if pair.layer_second == layer]
        for layer in range(len(found.layers))
    ]
    return tuple(
        origin if own and fmean(own) >= _SAME else None
        for origin, own in zip(found.layers, cosines, strict=True)
    )


def _judge(
    one: Catalog, other: Catalog, everyone: Sequence[tuple[Side, Evidence]], notes: Sequence[str]
) -> Comparison:
    """Draw the verdict; the first of everyone is the first model."""
    evidence = everyone[0][1]
    verdict = _verdict(one, other, evidence)
    likely = [(side, found) for side, found in everyone if found.related]
    mixture = weigh(other, [(Catalog(side.tensors), found.pairs) for side, found in likely])
    merged = mixture.holds and evidence.related
    parents = [
        Parent(model=side.model, weight=weight, z=_largest(found), tensors=len(found.pairs))
        for (side, found), weight in zip(likely, mixture.weights, strict=True)
        if not merged or weight >= SHARE
    ]
    if merged:
        verdict = Verdict.MERGED
    p = p_value(evidence.log_p)
    return Comparison(
        verdict=verdict,
        p_value=p,
        log10_bound=evidence.log_bound / math.log(10),
        method=evidence.method,
        z=_largest(evidence),
        layers=evidence.layers if evidence.related else (),
        pairs=evidence.pairs if evidence.related else (),
        compared=evidence.compared,
        of=len(other.tensors.names),
        parents=tuple(parents) if verdict is not Verdict.NONE else (),
        assumptions=(*ASSUMPTIONS, *_by_shape(other, evidence)),
        notes=(*notes, *_notes(evidence)),
    )


def _by_shape(other: Catalog, evidence: Evidence) -> tuple[str, ...]:
    """Name what is assumed when nothing but shapes says which units are hidden ones."""
    named = any(other.roles[pair.second].slot for pair in evidence.pairs)
    return () if named or not evidence.related else (BY_SHAPE,)


def _verdict(one: Catalog, other: Catalog, evidence: Evidence) -> Verdict:
    if not evidence.related:
        return Verdict.NONE
    names = [pair.second for pair in evidence.pairs]
    inside = {other.roles[name].layer for name in other.testable} - {None}
    if inside:
        mapped = {layer for layer, origin in enumerate(evidence.layers) if origin is not None}
        origins = {origin for origin in evidence.layers if origin is not None}
        held = {one.roles[name].layer for name in one.testable} - {None}
        if not mapped:
            return Verdict.PARTIAL
        return Verdict.DERIVED if inside <= mapped or held <= origins else Verdict.PARTIAL
    return Verdict.DERIVED if share(other, names) >= _WHOLE else Verdict.PARTIAL


def _largest(evidence: Evidence) -> float:
    measured = [likeness.z for _, likeness in evidence.measured.pairs]
    return max([pair.z for pair in evidence.pairs] or measured or [0.0])


def _notes(evidence: Evidence) -> list[str]:
    notes: list[str] = []
    if not evidence.compared:
        notes.append(
            "no tensor could be tested: none is known to have units that could be shuffled, as those are that"
            " one tensor puts out and another takes in"
        )
    if evidence.measured.strange:
        worst = ", ".join(list(evidence.measured.strange)[:3])
        notes.append(
            f"{len(evidence.measured.strange)} tensors have numbers that are not finite, taken as 0: {worst}"
        )
    if evidence.measured.pinned:
        notes.append(
            f"{len(evidence.measured.pinned)} tensors were left out because both models started from an"
            f" identity, which tells their units apart: {', '.join(evidence.measured.pinned[:3])}"
        )
    if evidence.measured.ruled:
        notes.append(
            f"{len(evidence.measured.ruled)} tensors were left out because programs write such:"
            f" {', '.join(evidence.measured.ruled[:3])}"
        )
    return notes
