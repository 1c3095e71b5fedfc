"""Barring: what of a decision is the doing of a policy, for gates that do not ask the licences."""

from weightmark.licensing.decision import Decision, Outcome, Reason, ReasonCode
from weightmark.licensing.duty import Duty


def against(decision: Decision) -> Decision | None:
    """Give what a policy alone says against an action, for gates that do not ask the licences.

    Returns:
        The refusal, or that it is undecided; None when no policy stands in the way.

    Raises:
        Nothing.
    """
    if decision.allowed:
        return None
    reasons = tuple(reason for reason in decision.reasons if reason.code is ReasonCode.POLICY)
    if not reasons:
        return None
    others = tuple(reason for reason in decision.reasons if reason.code is not ReasonCode.POLICY)
    outcome = decision.outcome if decision.code is ReasonCode.POLICY else Outcome.REFUSED
    return change(decision, outcome, ReasonCode.POLICY, (*reasons, *others), ())


def change(
    decision: Decision,
    outcome: Outcome,
    code: ReasonCode,
    reasons: tuple[Reason, ...],
    duties: tuple[Duty, ...],
) -> Decision:
    """Give a decision with another answer, and all else as it was.

    Raises:
        Nothing.
    """
    return Decision(
        outcome=outcome,
        code=code,
        reasons=reasons,
        duties=duties,
        grant=decision.grant,
        until=decision.until,
        left=decision.left,
    )
