"""Works together: whether they may be put together for a use, what is owed, and what the result may carry.

Pure and total: no clock, nothing read, nothing raised. The answer does not hang on the order of the works.

Not promised: legal advice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Final

from weightmark.licensing.choice import MAX_CHOICES, Choice, count_choices, list_choices
from weightmark.licensing.compatibility import (
    Answer,
    Compatibility,
    CompatibilityCode,
    CompatibilityReason,
)
from weightmark.licensing.duty import Duty
from weightmark.licensing.expression import Expression, Known, Unknown
from weightmark.licensing.ingredient import Ingredient, Joining, take_ingredient
from weightmark.licensing.obligation import merge_duties
from weightmark.licensing.onward import (
    find_withheld,
    is_shared,
    list_outbound,
    suggest_own_terms,
    warn_onward,
    weigh_onward,
)
from weightmark.licensing.owing import duties_of
from weightmark.licensing.permitting import weigh_alone
from weightmark.licensing.role import Player, kind_of, kind_of_result, role_of
from weightmark.licensing.sentence import show
from weightmark.licensing.terms import Terms
from weightmark.licensing.use import Use

_RANK: Final = {Answer.ALLOWED: 0, Answer.DUTIES: 1, Answer.UNKNOWN: 2, Answer.REFUSED: 3}

_Way = dict[int, Choice]
"""What is chosen of each expression, by the object's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Weighed:
    verdict: Answer
    reasons: tuple[CompatibilityReason, ...]
    duties: tuple[Duty, ...]
    outbound: tuple[str, ...]
    chosen: str

    @property
    def rank(self) -> tuple[int, int, int, str]:
        return _RANK[self.verdict], len(self.duties), -len(self.outbound), self.chosen


def weigh_together(
    works: Iterable[str | Terms | Ingredient], use: Use, joining: Joining = Joining.DERIVATIVE
) -> Compatibility:
    """Weigh whether works may come together.

    Args:
        works: licences, terms or ingredients; a text may have a kind of work before it: ``code:MIT``.
        use: what is meant to be done with the result.
        joining: how they come together.

    Returns:
        The answer. Of a choice of licences the best is taken, and named in a reason.

    Raises:
        Nothing.

    >>> weigh_together(["mit", "gpl-3.0"], Use(shares=True)).outbound
    ('GPL-3.0-only',)
    """
    given = [take_ingredient(work) for work in works]
    binding = [ingredient for ingredient in given if not ingredient.own]
    own = [_own(ingredient) for ingredient in given if ingredient.own]
    if not given:
        reason = CompatibilityReason(code=CompatibilityCode.NO_LICENCE, message="No work was named.")
        return Compatibility(verdict=Answer.UNKNOWN, use=use, joining=joining, reasons=(reason,))
    licences = {id(ingredient.license): ingredient.license for ingredient in binding}
    if prod(map(count_choices, licences.values())) > MAX_CHOICES:
        reason = CompatibilityReason(
            code=CompatibilityCode.TOO_MANY_CHOICES,
            message=f"The licences leave more than {MAX_CHOICES} ways to choose, which are not all weighed.",
            hint="Choose one of the alternatives yourself, and name it.",
        )
        return Compatibility(verdict=Answer.UNKNOWN, use=use, joining=joining, reasons=(reason,))
    best, way = _best(binding, licences, use, joining)
    chosen = [
        _chosen(ingredient, way[id(ingredient.license)])
        for ingredient in binding
        if count_choices(ingredient.license) > 1
    ]
    return Compatibility(
        verdict=best.verdict,
        use=use,
        joining=joining,
        reasons=(*best.reasons, *chosen, *own),
        duties=best.duties,
        outbound=best.outbound,
    )


def _best(
    works: Sequence[Ingredient], licences: Mapping[int, Expression | None], use: Use, joining: Joining
) -> tuple[_Weighed, _Way]:
    """Weigh every way to choose, and take the best; where a licence comes twice it is chosen alike."""
    choices = [list_choices(licence) for licence in licences.values()]
    ways: list[_Way] = [dict(zip(licences, way, strict=True)) for way in product(*choices)]
    weighed = [_weigh(works, way, use, joining) for way in ways]
    return min(zip(weighed, ways, strict=True), key=lambda pair: pair[0].rank)


def _weigh(works: Sequence[Ingredient], way: _Way, use: Use, joining: Joining) -> _Weighed:
    leaves = [(work, leaf) for work in works for leaf in way[id(work.license)]]
    unknown = [_unknown(work, leaf) for work, leaf in leaves if not isinstance(leaf, Known)]
    kinds = {kind_of(work, leaf.terms, joining) for work, leaf in leaves if isinstance(leaf, Known)}
    result = kind_of_result(kinds, joining)
    players = [
        Player(
            ingredient=work,
            terms=leaf.terms,
            role=role_of(work, leaf.terms, joining, result),
            exception="" if leaf.weighed else leaf.exception,
        )
        for work, leaf in leaves
        if isinstance(leaf, Known)
    ]
    shared = is_shared(players, use)
    alone = [reason for player in players for reason in weigh_alone(player, use, joining)]
    colliding = [*find_withheld(players, use), *weigh_onward(players)] if shared else []
    reasons = [*unknown, *alone, *colliding]
    verdict = max((reason.answer for reason in reasons), key=_RANK.__getitem__, default=Answer.ALLOWED)
    duties = merge_duties(duties_of(player, use, shared=shared) for player in players)
    outbound = () if unknown or verdict is Answer.REFUSED else list_outbound(players, result)
    if verdict is Answer.ALLOWED and players and not outbound:
        reasons += [suggest_own_terms(players)] if shared else warn_onward(players)
    if verdict is Answer.ALLOWED and duties:
        verdict = Answer.DUTIES
    plain = Answer.ALLOWED if verdict is Answer.DUTIES else verdict
    return _Weighed(
        verdict=verdict,
        reasons=tuple(sorted(dict.fromkeys(reasons), key=lambda reason: reason.answer is not plain)),
        duties=duties if verdict is Answer.DUTIES else (),
        outbound=outbound,
        chosen=" ".join(sorted("" if leaf is None else leaf.text for _work, leaf in leaves)),
    )


def _unknown(work: Ingredient, leaf: Unknown | None) -> CompatibilityReason:
    name = show(work.name)
    if leaf is None:
        return CompatibilityReason(
            code=CompatibilityCode.NO_LICENCE,
            message=f"{name!r} says no licence, so it is not known what is permitted.",
            work=work.name,
            hint="Ask its owner to state one.",
        )
    offer = f"Did you mean {' or '.join(leaf.nearest)}?" if leaf.nearest else leaf.advice
    why = f": {show(leaf.cause)}" if leaf.cause else ""
    return CompatibilityReason(
        code=CompatibilityCode.UNKNOWN_LICENCE,
        message=f"There are no rules for the licence {show(leaf.name)!r}{why}.",
        licence=leaf.name,
        work=work.name,
        hint=f"{offer} Give its terms as a file instead.".strip(),
    )


def _own(work: Ingredient) -> CompatibilityReason:
    return CompatibilityReason(
        code=CompatibilityCode.OWN_WORK,
        message=f"{show(work.name)!r} is your own, so its licence does not bind you.",
        work=work.name,
    )


def _chosen(work: Ingredient, choice: Choice) -> CompatibilityReason:
    named = " AND ".join("" if leaf is None else leaf.text for leaf in choice)
    whole = "" if work.license is None else work.license.text
    return CompatibilityReason(
        code=CompatibilityCode.CHOSEN,
        message=f"Of {show(whole)} the best is taken: {show(named)}.",
        licence=named,
        work=work.name,
    )
