"""Permitting: what stands in one licence against one role in one use, whatever the other works are.

Not here: what licences demand of the result together; see ``collision``.
"""

from weightmark.licensing.capability import DERIVES, Capability
from weightmark.licensing.compatibility import CompatibilityCode, CompatibilityReason
from weightmark.licensing.demand import FREE_ALONE
from weightmark.licensing.duty import PRIVATE_ONLY
from weightmark.licensing.ingredient import Joining
from weightmark.licensing.role import Player, Role, needs_of
from weightmark.licensing.sentence import show
from weightmark.licensing.sharing import Reach
from weightmark.licensing.terms import COMMERCIAL
from weightmark.licensing.use import Use

_TELLING = (
    Capability.DISTILL,
    Capability.MERGE,
    Capability.FINE_TUNE,
    Capability.RESELL,
    Capability.REDISTRIBUTE,
    Capability.INFER,
)
_ASK = "Ask whoever holds the rights in it for a grant."


def weigh_alone(player: Player, use: Use, joining: Joining) -> list[CompatibilityReason]:
    """Weigh one ingredient by itself.

    Args:
        player: the ingredient in its role.
        use: what is meant to be done.
        joining: how it comes together with others.

    Returns:
        What stands against it, what is open, and notes; a single ``permitted`` when nothing does.

    Raises:
        Nothing.
    """
    needs = needs_of(player, use, joining)
    found = [
        *_capabilities(player, needs, use),
        *_commerce(player, use),
        *_purposes(player, needs, use),
        *_hosting(player, use),
    ]
    notes = _notes(player, use)
    return [*found, *notes] if found else [_permitted(player, needs), *notes]


def _say(
    player: Player, code: CompatibilityCode, message: str, *clauses: str, hint: str = ""
) -> CompatibilityReason:
    name, licence = show(player.ingredient.name), player.terms.id
    subject = show(licence) if name == licence else f"{name!r} is under {show(licence)}, which"
    return CompatibilityReason(
        code=code,
        message=f"{subject} {message}.",
        clauses=clauses,
        licence=licence,
        work=player.ingredient.name,
        hint=hint,
    )


def _permitted(player: Player, needs: frozenset[Capability]) -> CompatibilityReason:
    terms = player.terms
    telling = [need for need in _TELLING if need in needs] or sorted(needs)
    if not telling:
        message = "asks nothing more of whoever builds on what learnt from it"
        return _say(player, CompatibilityCode.PERMITTED, message, terms.clause(Capability.FINE_TUNE))
    places = tuple(dict.fromkeys(terms.clause(need) for need in telling))
    listed = ", ".join(need.value for need in telling)
    return _say(player, CompatibilityCode.PERMITTED, f"permits {listed}", *places)


def _capabilities(player: Player, needs: frozenset[Capability], use: Use) -> list[CompatibilityReason]:
    terms = player.terms
    lacking = (needs - terms.permissions) | (needs & terms.prohibitions)
    found: list[CompatibilityReason] = []
    if player.private_only:
        found = _adaptation(player, use, asked=bool(needs & DERIVES))
        lacking -= DERIVES
    for need in sorted(lacking):
        forbids = need in terms.prohibitions
        message = f"{'forbids' if forbids else 'does not permit'} {need.value}"
        found.append(_say(player, CompatibilityCode.NOT_PERMITTED, message, terms.clause(need), hint=_ASK))
    return found


def _adaptation(player: Player, use: Use, *, asked: bool) -> list[CompatibilityReason]:
    clause = next(duty.clause for duty in player.terms.duties if duty.id == PRIVATE_ONLY)
    if not use.shares:
        return []
    if player.role is Role.CHANGED or (player.role is Role.PART and asked):
        message = "lets you adapt it, and not share what you adapted"
        return [
            _say(player, CompatibilityCode.NO_DERIVATIVES, message, clause, hint="Keep the result private.")
        ]
    if player.role in {Role.DATA, Role.TEACHER}:
        message = (
            "lets nobody share an adaptation, and whether a model that learnt from it is one is not settled"
        )
        return [
            _say(player, CompatibilityCode.DATA_UNSETTLED, message, clause, hint="Keep the result private.")
        ]
    return []


def _commerce(player: Player, use: Use) -> list[CompatibilityReason]:
    terms = player.terms
    if terms.commercial or use.commercial is False:
        return []
    clause = terms.clause(COMMERCIAL)
    if use.commercial is None:
        message = "permits no commercial use, and whether the use is commercial was not said"
        hint = "Say commercial or non-commercial in --use."
        return [_say(player, CompatibilityCode.COMMERCIAL_UNSAID, message, clause, hint=hint)]
    if player.past_data:
        message = "permits no commercial use; whether that reaches what others trained on it is not settled"
        return [_say(player, CompatibilityCode.DATA_UNSETTLED, message, clause, hint=_ASK)]
    places = dict.fromkeys((terms.clause(Capability.RESELL), clause))
    where = tuple(place for place in places if "(" in place or place == clause)
    return [
        _say(player, CompatibilityCode.NON_COMMERCIAL, "permits no commercial use", *where, hint=_ASK),
    ]


def _purposes(player: Player, needs: frozenset[Capability], use: Use) -> list[CompatibilityReason]:
    terms = player.terms
    if player.role is Role.FREE_DATA or player.past_data:
        return []
    purposes = use.purposes | ({FREE_ALONE} if Capability.DISTILL in needs else frozenset[str]())
    found = [
        _say(
            player,
            CompatibilityCode.USE_RESTRICTED,
            f"forbids {show(restriction.id)}: {restriction.sentence.rstrip('.')}",
            restriction.clause,
        )
        for restriction in terms.use_restrictions
        if restriction.id in purposes
    ]
    fields = ", ".join(sorted(show(purpose) for purpose in terms.purposes))
    if terms.purposes and not use.purposes:
        message = f"is for nothing but {fields}, and what the use is for was not said"
        hint = "Say it in --use."
        found.append(
            _say(player, CompatibilityCode.PURPOSE_UNSAID, message, terms.clause(COMMERCIAL), hint=hint)
        )
    elif terms.purposes and not use.purposes <= terms.purposes:
        message = f"is for nothing but {fields}"
        found.append(
            _say(player, CompatibilityCode.OUTSIDE_PURPOSE, message, terms.clause(COMMERCIAL), hint=_ASK)
        )
    return found


def _hosting(player: Player, use: Use) -> list[CompatibilityReason]:
    if not use.network or player.role not in {Role.CHANGED, Role.PART, Role.APART}:
        return []
    return [
        _say(player, CompatibilityCode.NO_HOSTING, "does not permit hosting", duty.clause, hint=_ASK)
        for duty in player.terms.duties
        if duty.id == "no-hosting"
    ]


def _notes(player: Player, use: Use) -> list[CompatibilityReason]:
    terms, sharing = player.terms, player.terms.share_alike
    notes = [
        _say(
            player,
            CompatibilityCode.CONDITION,
            f"holds on a condition: {condition.sentence.rstrip('.')}",
            condition.clause,
        )
        for condition in terms.conditions
    ]
    asks = sharing is not None or player.private_only
    place = terms.id if sharing is None else sharing.clause
    if player.private_only and not use.shares and player.role is Role.CHANGED:
        message = "lets you keep what you adapted to yourself"
        notes.append(
            _say(player, CompatibilityCode.ADAPTATION_PRIVATE, message, terms.clause(Capability.FINE_TUNE))
        )
    if player.role is Role.BESIDE:
        message = "is on code, and binds the code, not the weights that it made or runs"
        notes.append(_say(player, CompatibilityCode.CODE_BESIDE, message, place))
    if player.role is Role.FREE_DATA:
        message = "speaks of data, and leaves a model that learnt from it free"
        notes.append(_say(player, CompatibilityCode.RESULT_FREE, message, terms.clause(Capability.DISTILL)))
    if player.role is Role.TEACHER and asks and not player.flows_down:
        message = "speaks of copies and changed versions, not of models that learn from its outputs"
        notes.append(_say(player, CompatibilityCode.OUTPUTS_FREE, message, place))
    if player.role is Role.DATA and sharing is not None and sharing.reach is not Reach.FILE:
        message = (
            "is on data; whether a model that learnt from it adapts it is not settled, so the result is"
            " held to it"
        )
        notes.append(_say(player, CompatibilityCode.ADAPTATION_UNSETTLED, message, place))
    return notes
