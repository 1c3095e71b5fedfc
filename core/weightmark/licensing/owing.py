"""Owing: the duties of one ingredient for one use, and the facts on which its permissions hang.

Not here: whether the use is permitted.
"""

from typing import Final

from weightmark.encoding import format_time
from weightmark.licensing.duty import Duty
from weightmark.licensing.role import Player, Role
from weightmark.licensing.sentence import show
from weightmark.licensing.terms import Terms
from weightmark.licensing.use import Use

_PASSING_NAMES: Final = (
    "allow-exchange attribution disclose-source include-licence indemnify keep-documentation name-prefix"
    " no-further-restrictions no-misrepresentation notice-file pass-on-use-restrictions produced-work-notice"
    " share-alike state-changes"
)
_ON_PASSING: Final = frozenset(_PASSING_NAMES.split())
"""Duties that are owed to those to whom something is passed on, and to nobody else."""
_ON_NETWORK: Final = frozenset({"network-source"})
_OF_FREE_DATA: Final = frozenset({"produced-work-notice"})


def duties_of(player: Player, use: Use, *, shared: bool) -> tuple[Duty, ...]:
    """List what is owed for one ingredient.

    Args:
        player: the ingredient in its role.
        use: what is meant to be done.
        shared: whether the result is passed on, also by a network where a licence takes that for it.

    Returns:
        The duties in the licence's order, then its conditions and the facts that no request states.

    Raises:
        Nothing.
    """
    passed = _passed(player, use, shared=shared)
    owed = [
        duty
        for duty in player.terms.duties
        if (duty.id not in _ON_NETWORK or use.network)
        and (passed or duty.id not in _ON_PASSING or (shared and _noticed(player, duty)))
    ]
    conditions = [condition.as_duty() for condition in player.terms.conditions]
    return (*owed, *conditions, *_facts(player.terms))


def _passed(player: Player, use: Use, *, shared: bool) -> bool:
    sharing = player.terms.share_alike
    networked = use.network and sharing is not None and sharing.network
    match player.role:
        case Role.CHANGED | Role.PART:
            return shared or networked
        case Role.DATA:
            return shared
        case Role.TEACHER:
            return player.flows_down and (shared or networked)
        case Role.BESIDE | Role.FREE_DATA | Role.APART:
            return networked and player.flows_down


def _noticed(player: Player, duty: Duty) -> bool:
    return player.role is Role.FREE_DATA and duty.id in _OF_FREE_DATA


def _facts(terms: Terms) -> list[Duty]:
    facts: list[tuple[str, str]] = []
    if terms.start is not None:
        facts.append(("start", f"Do nothing with it before {format_time(terms.start)}."))
    if terms.end is not None:
        facts.append(("end", f"Stop before {format_time(terms.end)}, or have it renewed."))
    if terms.organisations:
        listed = ", ".join(show(name) for name in terms.organisations)
        facts.append(("organisation", f"Only these may: {listed}."))
    if terms.territory:
        facts.append(("territory", f"Only in {', '.join(show(code) for code in terms.territory)}."))
    if terms.seats is not None:
        facts.append(("seats", f"At most {terms.seats} people may."))
    if terms.bounds:
        listed = ", ".join(
            f"{bound.limit} {show(bound.unit)} of {show(bound.name)}" for bound in terms.bounds
        )
        facts.append(("usage", f"Stay within {listed}."))
    if terms.price:
        facts.append(("price", f"Pay what is agreed: {show(terms.price)}."))
    return [Duty(id=f"condition-{name}", sentence=sentence, clause=terms.id) for name, sentence in facts]
