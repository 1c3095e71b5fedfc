"""Ingredients: the works that come together in a result, and how they do.

Not here: finding them. Whoever knows a lineage hands them in.
"""

from dataclasses import dataclass
from enum import StrEnum

from weightmark.licensing.expression import Expression, Known, resolve_license
from weightmark.licensing.terms import Terms
from weightmark.licensing.work_kind import WorkKind


class Joining(StrEnum):
    """How works come together."""

    DERIVATIVE = "derivative"
    """The result is made by changing each of them, such as a fine-tune."""
    COMBINE = "combine"
    """They stand unchanged beside each other in a larger work."""
    MERGE = "merge"
    """The numbers of models are computed into those of one model."""
    DISTILL = "distill"
    """A model is trained on what they answer."""
    TRAIN_DATA = "train-data"
    """A model is trained on them as data."""
    AGENT = "agent"
    """Models call each other, each where it is; nothing is copied from one into another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredient:
    """One work that goes into a result.

    Args:
        name: what people call it; for a bare licence, the licence.
        license: what is known of its licence; None when nothing is said.
        kind: what it is; None for what its licence speaks of, else what the joining is about.
        past: whether others used it before, for a work that is built on now; so data of a base model.
        own: whether it belongs to whoever asks, so that its licence does not bind them.
    """

    name: str
    license: Expression | None
    kind: WorkKind | None = None
    past: bool = False
    own: bool = False


def read_ingredient(text: str) -> Ingredient:
    """Read an ingredient that is named by its licence.

    Args:
        text: an identifier or an SPDX expression, with the kind of work and a colon before it when that
            matters: ``code:GPL-3.0-only``.

    Returns:
        The ingredient; its licence is ``Unknown`` when there are no rules for it.

    Raises:
        Nothing.

    >>> read_ingredient("data:cc-by-sa-4.0").kind
    <WorkKind.DATA: 'data'>
    """
    kind, name = split_kind(text)
    expression = resolve_license(name)
    return Ingredient(name=name if expression is None else expression.text, license=expression, kind=kind)


def take_ingredient(given: "str | Terms | Ingredient") -> Ingredient:
    """Take an ingredient in any form: as it is, as terms, or as a text for ``read_ingredient``.

    Raises:
        Nothing.
    """
    if isinstance(given, Ingredient):
        return given
    if isinstance(given, Terms):
        return Ingredient(name=given.id, license=Known(terms=given))
    return read_ingredient(given)


def split_kind(text: str) -> tuple[WorkKind | None, str]:
    """Part a text from the kind of work before its first colon; None when no kind stands there.

    Raises:
        Nothing.
    """
    before, colon, after = text.partition(":")
    kind = before.strip().lower()
    if colon and kind in tuple(WorkKind):
        return WorkKind(kind), after.strip()
    return None, text.strip()
