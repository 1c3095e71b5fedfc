"""Obligations: what a work's licence or the limits of a grant demand, put together, each once.

Not here: whether anything is permitted.
"""

from collections.abc import Iterable, Mapping

from weightmark.licensing.duty import Duty
from weightmark.licensing.entitlement import Entitlement, Quota, bounds_in
from weightmark.licensing.expression import AllOf, Expression, Known, Unknown, resolve_license
from weightmark.licensing.sentence import count, show
from weightmark.licensing.work import Work


def owed_duties(work: Work) -> tuple[Duty, ...]:
    """List what a work's licence demands, whatever is done.

    Args:
        work: of a choice of licences, the one that demands least is taken.

    Returns:
        The duties in the order of the licence; empty when there are no rules for it.

    Raises:
        Nothing.
    """
    if work.terms is not None:
        return work.terms.duties
    expression = resolve_license(work.license)
    return () if expression is None else _owed(expression)


def merge_duties(parts: Iterable[tuple[Duty, ...]]) -> tuple[Duty, ...]:
    """Put duties together, each once, in the order in which they first come.

    Raises:
        Nothing.
    """
    return tuple(dict.fromkeys(duty for part in parts for duty in part))


def overage_duties(
    bounds: tuple[Entitlement, ...], usage: Mapping[str, int], amount: Mapping[str, int], clause: str
) -> tuple[Duty, ...]:
    """List the payments owed for use beyond the limits.

    Args:
        bounds: the limits.
        usage: units used so far, by entitlement name.
        amount: units that the action takes, by entitlement name.
        clause: where the limits are written.

    Raises:
        Nothing.
    """
    return tuple(
        Duty(
            id="pay-overage",
            sentence=f"Pay for {show(bound.unit)} of {show(bound.name)}"
            f" beyond the {count(bound.limit)} included.",
            clause=clause,
        )
        for bound in bounds_in(bounds, Quota.OVERAGE, usage, amount)
    )


def _owed(expression: Expression) -> tuple[Duty, ...]:
    if isinstance(expression, Known):
        return expression.terms.duties
    if isinstance(expression, Unknown):
        return ()
    parts = [_owed(part) for part in expression.parts]
    return merge_duties(parts) if isinstance(expression, AllOf) else min(parts, key=len)
