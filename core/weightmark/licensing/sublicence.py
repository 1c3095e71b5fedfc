"""Sublicences: whether a grant stays within the one above it.

Not here: whether the one above holds at some moment; a decision asks that each time.
"""

from weightmark.licensing.capability import Capability
from weightmark.licensing.entitlement import Entitlement
from weightmark.licensing.grant import FailMode, Grant

DEEPEST = 8
"""How many grants may stand above one another."""


def exceed(grant: Grant, above: Grant) -> str:
    """Say in what a sublicence is more than the grant above it.

    Args:
        grant: the sublicence.
        above: the grant that it stands on.

    Returns:
        What is more, to follow "the sublicence"; empty when nothing is.

    Raises:
        Nothing.
    """
    if Capability.SUBLICENSE not in above.allows:
        return "stands on a grant that allows no sublicences"
    if more := sorted(grant.allows - above.allows):
        return f"allows {', '.join(more)}, which the grant above it does not"
    if grant.commercial and not above.commercial:
        return "allows commercial use, which the grant above it does not"
    if above.purposes and not (grant.purposes and grant.purposes <= above.purposes):
        return f"is for other purposes than {', '.join(sorted(above.purposes))}"
    if grant.transferable and not above.transferable:
        return "can be handed over, and the grant above it cannot"
    return _outlast(grant, above) or _outcount(grant, above)


def _outlast(grant: Grant, above: Grant) -> str:
    if grant.start < above.start:
        return "begins before the grant above it"
    last, until = grant.window.last, above.window.last
    if above.end is not None and (grant.end is None or grant.end > above.end):
        return "ends after the grant above it"
    if until is not None and (last is None or last > until):
        return "has a longer grace than the grant above it"
    return ""


def _outcount(grant: Grant, above: Grant) -> str:
    if above.seats is not None and (grant.seats is None or grant.seats > above.seats):
        return f"has more seats than the {above.seats} of the grant above it"
    if above.bounds and grant.bounds and grant.fail_mode not in (above.fail_mode, FailMode.CLOSED):
        return "lets more pass when use could not be counted"
    for bound in above.bounds:
        if not any(_within(mine, bound) for mine in grant.bounds):
            return f"has no limit of {bound.name} within the {bound.limit} of the grant above it"
    return ""


def _within(bound: Entitlement, above: Entitlement) -> bool:
    same = (bound.name, bound.unit) == (above.name, above.unit)
    whole, most = bound.limit + bound.overage, above.limit + above.overage
    return same and bound.limit <= above.limit and whole <= most
