"""Roles: what each ingredient is to the result, and what may be asked of it for that.

Weights, data, code and outputs are different works. A licence reaches the result through what becomes of its
own work: changed into the result, put beside it, learnt from, or only called.

Not promised: a settled law. Whether a model is an adaptation of its data is left open.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from weightmark.licensing.capability import DERIVES, Capability
from weightmark.licensing.duty import PRIVATE_ONLY
from weightmark.licensing.ingredient import Ingredient, Joining
from weightmark.licensing.terms import Terms
from weightmark.licensing.use import Use
from weightmark.licensing.work_kind import WorkKind

_BESIDE: Final = frozenset({Capability.REDISTRIBUTE, Capability.RESELL})


class Role(StrEnum):
    """What becomes of an ingredient."""

    CHANGED = "changed"
    """The result is made of it."""
    PART = "part"
    """It stands unchanged in a larger work."""
    BESIDE = "beside"
    """It is code that made, or runs, the weights."""
    TEACHER = "teacher"
    """The result learnt from what it answers."""
    DATA = "data"
    """The result learnt from it, and whether that adapts it is open."""
    FREE_DATA = "free-data"
    """The result learnt from it, and its licence speaks of data only."""
    APART = "apart"
    """It is called where it is."""


_LEARNING: Final = {
    Role.TEACHER: frozenset({Capability.DISTILL}),
    Role.DATA: frozenset({Capability.FINE_TUNE}),
    Role.FREE_DATA: frozenset({Capability.FINE_TUNE}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """An ingredient under one licence, in its role.

    Args:
        ingredient: the work.
        terms: the licence, of a choice the one that is weighed.
        role: what becomes of the work.
        exception: what stands after WITH; empty when nothing does.
    """

    ingredient: Ingredient
    terms: Terms
    role: Role
    exception: str = ""

    @property
    def past_data(self) -> bool:
        """Whether it is data that others learnt from before."""
        return self.ingredient.past and self.role in {Role.DATA, Role.FREE_DATA}

    @property
    def flows_down(self) -> bool:
        """Whether its licence binds all that is made with it, under whatever licence."""
        sharing = self.terms.share_alike
        return sharing is not None and not sharing.outbound

    @property
    def private_only(self) -> bool:
        """Whether what was adapted from it may not be shared."""
        return any(duty.id == PRIVATE_ONLY for duty in self.terms.duties)


def kind_of(ingredient: Ingredient, terms: Terms, joining: Joining) -> WorkKind:
    """Say what kind of work an ingredient is.

    Raises:
        Nothing.
    """
    if ingredient.kind is not None:
        return ingredient.kind
    if terms.covers and WorkKind.WEIGHTS not in terms.covers:
        return min(terms.covers)
    if joining is Joining.TRAIN_DATA:
        return WorkKind.DATA
    return WorkKind.OUTPUTS if joining is Joining.DISTILL else WorkKind.WEIGHTS


def kind_of_result(kinds: Iterable[WorkKind], joining: Joining) -> WorkKind:
    """Say what kind of work comes out.

    Args:
        kinds: those of the ingredients.
        joining: how they come together.

    Returns:
        Code from code alone and data from data alone; else weights.

    Raises:
        Nothing.
    """
    different = set(kinds)
    makes_model = joining in {Joining.TRAIN_DATA, Joining.DISTILL, Joining.AGENT}
    return different.pop() if len(different) == 1 and not makes_model else WorkKind.WEIGHTS


def role_of(ingredient: Ingredient, terms: Terms, joining: Joining, result: WorkKind) -> Role:
    """Say what becomes of an ingredient.

    Args:
        ingredient: the work.
        terms: its licence.
        joining: how the works come together.
        result: what comes out.

    Raises:
        Nothing.
    """
    kind = kind_of(ingredient, terms, joining)
    if kind is WorkKind.DATA and (result is not WorkKind.DATA) and (ingredient.past or not _beside(joining)):
        speaks_of_weights = not terms.covers or WorkKind.WEIGHTS in terms.covers
        return Role.DATA if speaks_of_weights else Role.FREE_DATA
    if joining is Joining.AGENT:
        return Role.APART
    if kind is WorkKind.OUTPUTS:
        return Role.TEACHER
    if kind is WorkKind.CODE and result is not WorkKind.CODE:
        return Role.BESIDE
    return Role.PART if joining is Joining.COMBINE else Role.CHANGED


def needs_of(player: Player, use: Use, joining: Joining) -> frozenset[Capability]:
    """List the capabilities that an ingredient's licence must give.

    Raises:
        Nothing.
    """
    asked = use.capabilities
    if player.past_data:
        return frozenset()
    if player.role is Role.CHANGED:
        return _to_change(asked, joining)
    if player.role is Role.BESIDE:
        return frozenset({Capability.INFER}) | (
            asked & _BESIDE if joining is Joining.COMBINE else frozenset[Capability]()
        )
    if player.role is Role.APART:
        return asked - {Capability.REDISTRIBUTE, Capability.DOWNLOAD_WEIGHTS} | {Capability.INFER}
    return asked if player.role is Role.PART else _LEARNING[player.role]


def _beside(joining: Joining) -> bool:
    return joining in {Joining.COMBINE, Joining.AGENT}


def _to_change(asked: frozenset[Capability], joining: Joining) -> frozenset[Capability]:
    if joining is Joining.MERGE:
        return asked | {Capability.MERGE}
    if joining is Joining.DISTILL:
        return asked - {Capability.DISTILL} | {Capability.FINE_TUNE}
    return asked if asked & DERIVES else asked | {Capability.FINE_TUNE}
