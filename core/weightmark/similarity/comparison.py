"""What the comparison of two models found.

Not promised: who had it first. Two sets of numbers do not say that; signed timestamps do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from weightmark.encoding import Json
from weightmark.similarity.pairing import Pair


class Verdict(StrEnum):
    """The answer in one word."""

    IDENTICAL = "identical"
    REPACKAGED = "repackaged"
    DERIVED = "derived"
    PARTIAL = "partial"
    MERGED = "merged"
    NONE = "no-evidence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A model that the second is related to.

    Attributes:
        model: its path or URI.
        weight: its share in the second's numbers, by least squares over all parents that were named; 1 when
            it is the only one.
        z: the largest likeness of a pair of tensors, in standard deviations.
        tensors: how many of the second's tensors are like its own.
    """

    model: str
    weight: float
    z: float
    tensors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The answer, and what it stands on.

    Attributes:
        verdict: the answer.
        p_value: the chance of so much likeness, or more, between strangers; 0 when equality of telling
            bytes is the answer, and no statistic; never printed below 1e-9 otherwise.
        log10_bound: decimal logarithm of a bound on that chance which holds for any number of units; at
            most 0.
        method: ``bytes``, ``aligned``, ``scan`` or ``deep``.
        z: the largest likeness among the pairs, in standard deviations.
        layers: for each layer of the second model the layer of the first it is like; None for none.
        pairs: tensors that belong together, with their evidence.
        compared: how many tensors of the second model could be compared.
        of: how many tensors the second model has.
        parents: models that the second is related to, the first model before others.
        assumptions: what must hold for the p-value to mean what it says.
        notes: what else a reader should know: numbers that are not finite, tensors left out, what was tried.
        forensics: what was likely done to make the second from the first, in the words of ``--json``; None
            when it was not looked at.
        order: which of the two was registered first, when both are, with the times; empty else.
    """

    verdict: Verdict
    p_value: float
    log10_bound: float
    method: str
    z: float
    layers: tuple[int | None, ...]
    pairs: tuple[Pair, ...]
    compared: int
    of: int
    parents: tuple[Parent, ...] = ()
    assumptions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    forensics: Mapping[str, Json] | None = None
    order: str = ""

    @property
    def related(self) -> bool:
        """Say whether a relation was found."""
        return self.verdict is not Verdict.NONE
