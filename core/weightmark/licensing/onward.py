"""Onward: what becomes of a result when it is passed on, and which licences it may carry.

Not promised: that the licences named are all there are; they are those that are known.
"""

from collections.abc import Sequence
from typing import Final

from weightmark.licensing.capability import Capability
from weightmark.licensing.collision import find_collisions
from weightmark.licensing.compatibility import CompatibilityCode, CompatibilityReason
from weightmark.licensing.demand import Demand, carriers, demand_of, objection_to, offered
from weightmark.licensing.role import Player, Role
from weightmark.licensing.sentence import show
from weightmark.licensing.template import find_template
from weightmark.licensing.use import Use
from weightmark.licensing.work_kind import WorkKind

_SHARED_ROLES: Final = frozenset({Role.CHANGED, Role.PART})


def is_shared(players: Sequence[Player], use: Use) -> bool:
    """Say whether the result is passed on, also where a copyleft licence takes serving for that.

    Raises:
        Nothing.
    """
    if use.shares or not use.network:
        return use.shares
    sharings = [player.terms.share_alike for player in players if player.role in _SHARED_ROLES]
    return any(sharing is not None and sharing.network and sharing.outbound for sharing in sharings)


def find_withheld(players: Sequence[Player], use: Use) -> list[CompatibilityReason]:
    """Find the works that a licence would have passed on for serving, and that may not be.

    Raises:
        Nothing.
    """
    if use.shares:
        return []
    return [
        CompatibilityReason(
            code=CompatibilityCode.NOT_PERMITTED,
            message=f"A licence beside it takes serving for passing on, and {show(player.terms.id)} does not"
            " permit that.",
            clauses=(player.terms.clause(Capability.REDISTRIBUTE),),
            licence=player.terms.id,
            work=player.ingredient.name,
        )
        for player in players
        if player.role in _SHARED_ROLES and _is_withheld(player)
    ]


def weigh_onward(players: Sequence[Player]) -> list[CompatibilityReason]:
    """Weigh the demands on the result against each other.

    Args:
        players: all ingredients in their roles.

    Returns:
        One reason for each collision; it refuses, or leaves open what a court would have to decide.

    Raises:
        Nothing.
    """
    found = find_collisions(_demands(players, unsettled=False))
    excepted = {player.terms.id: player.exception for player in players if player.exception}
    if not found:
        found = find_collisions(_demands(players, unsettled=True))
        return [
            CompatibilityReason(
                code=CompatibilityCode.DATA_UNSETTLED,
                message=f"{reason.message} Whether the model is an adaptation of the data is not settled.",
                clauses=reason.clauses,
                licence=reason.licence,
                hint="Keep the result to yourself, leave the data out, or ask a lawyer.",
            )
            for reason in found
        ]
    return [_spare(reason, excepted) for reason in found]


def warn_onward(players: Sequence[Player]) -> list[CompatibilityReason]:
    """Say why a result that may be used may not be passed on; empty when it may.

    Raises:
        Nothing.
    """
    return [
        CompatibilityReason(
            code=CompatibilityCode.NOT_ONWARD,
            message=f"The result may not be passed on. {reason.message}",
            clauses=reason.clauses,
            licence=reason.licence,
        )
        for reason in weigh_onward(players)
    ]


def suggest_own_terms(players: Sequence[Player]) -> CompatibilityReason:
    """Say that terms of one's own can meet what no known licence meets.

    Raises:
        Nothing.
    """
    listed = " and ".join(sorted({show(player.terms.id) for player in players}))
    return CompatibilityReason(
        code=CompatibilityCode.OWN_TERMS,
        message=f"No licence that is known meets {listed} together; terms of your own that keep the"
        " restrictions of each can.",
        licence=listed,
        hint="Write them with `weightmark license build`, and pass on the texts of all of them.",
    )


def list_outbound(players: Sequence[Player], result: WorkKind) -> tuple[str, ...]:
    """List the licences that the result may carry.

    Args:
        players: all ingredients in their roles; what is not settled is taken at its strictest.
        result: what kind of work comes out.

    Returns:
        Identifiers of templates, and of the ingredients' own terms, sorted.

    Raises:
        Nothing.
    """
    for player in players:
        if player.role in _SHARED_ROLES and _is_withheld(player):
            return ()
    demands = list(dict.fromkeys(_demands(players, unsettled=True)))
    inbound = {player.terms.id for player in players}
    names = offered(result) | {name for name in inbound if find_template(name) is not None}
    for demand in demands:
        names &= carriers(demand)
    own = {player.terms for player in players if find_template(player.terms.id) is not player.terms}
    fits = {terms.id: True for terms in own}
    for terms in own:
        fits[terms.id] &= not any(objection_to(demand, terms) for demand in demands)
    return tuple(sorted(names | {name for name, fit in fits.items() if fit}))


def _spare(reason: CompatibilityReason, excepted: dict[str, str]) -> CompatibilityReason:
    name = next((name for name in reason.licence.split(" with ") if name in excepted), None)
    if name is None:
        return reason
    return CompatibilityReason(
        code=CompatibilityCode.EXCEPTION_NOT_WEIGHED,
        message=f"{reason.message} Whether the exception {show(excepted[name])} lifts that is not weighed.",
        clauses=reason.clauses,
        licence=reason.licence,
        hint="Read the exception.",
    )


def _demands(players: Sequence[Player], *, unsettled: bool) -> list[Demand]:
    found: list[Demand] = []
    for player in players:
        if player.role in _SHARED_ROLES:
            found.append(demand_of(player.terms, combined=player.role is Role.PART))
        elif (player.role is Role.TEACHER and player.flows_down) or (player.role is Role.DATA and unsettled):
            found.append(demand_of(player.terms))
    return found


def _is_withheld(player: Player) -> bool:
    return Capability.REDISTRIBUTE not in player.terms.permissions or (
        player.private_only and player.role is Role.CHANGED
    )
