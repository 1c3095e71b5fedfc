"""Applying: from what the licences decided and what a policy says to one decision.

A policy makes no decision more permissive; see the property tests.
"""

from collections.abc import Sequence

from weightmark.licensing.decision import Decision, Outcome, Reason, ReasonCode
from weightmark.licensing.duty import Duty
from weightmark.licensing.organisation.barring import change
from weightmark.licensing.organisation.policy import Ruling, Weight
from weightmark.licensing.window import earliest

WARNING = "policy-warning"
EXEMPTION = "policy-exemption"


def apply_rulings(decision: Decision, rulings: Sequence[Ruling]) -> Decision:
    """Put what a policy says into a decision.

    Args:
        decision: what the licences and grants say.
        rulings: of the policy, in any order.

    Returns:
        A refusal when the policy denies, with all reasons of both; else the decision, with what the policy
        warns of and lets pass among its duties when it is allowed.

    Raises:
        Nothing.
    """
    if not rulings:
        return decision
    ordered = sorted(rulings, key=lambda ruling: (ruling.weight, ruling.rule, ruling.work, ruling.message))
    denying = [ruling for ruling in ordered if ruling.weight is Weight.DENY]
    decision = decision.within(earliest(decision.until, *(ruling.until for ruling in ordered)))
    if denying:
        return _bar(decision, Outcome.REFUSED, tuple(dict.fromkeys(map(_reason, denying))))
    if not decision.allowed:
        return decision
    told = [ruling for ruling in ordered if ruling.weight is not Weight.SILENT]
    duties = tuple(dict.fromkeys((*decision.duties, *map(_duty, told))))
    return change(decision, decision.outcome, decision.code, decision.reasons, duties)


def leave_undecided(decision: Decision, message: str, hint: str, place: str) -> Decision:
    """Make a decision undecided, because a policy that there is could not be asked.

    Args:
        decision: what the licences and grants say; a refusal stays one.
        message: what is wrong with the policy, as one sentence.
        hint: what to do.
        place: where the policy is written.

    Raises:
        Nothing.
    """
    reason = Reason(code=ReasonCode.POLICY, message=message, clause=place, hint=hint)
    return _bar(decision, Outcome.UNDECIDED, (reason,))


def _bar(decision: Decision, outcome: Outcome, reasons: tuple[Reason, ...]) -> Decision:
    """Add reasons that stand in the way; what is refused stays refused for the reason that it was."""
    if decision.outcome is Outcome.REFUSED:
        return change(decision, decision.outcome, decision.code, (*decision.reasons, *reasons), ())
    return change(decision, outcome, ReasonCode.POLICY, (*reasons, *decision.reasons), ())


def _reason(ruling: Ruling) -> Reason:
    return Reason(
        code=ReasonCode.POLICY,
        message=ruling.message,
        clause=ruling.clause,
        work=ruling.work,
        hint=ruling.hint,
    )


def _duty(ruling: Ruling) -> Duty:
    exempt = ruling.weight is Weight.EXEMPT
    words = ruling.message if exempt or not ruling.hint else f"{ruling.message} {ruling.hint}"
    return Duty(id=EXEMPTION if exempt else WARNING, sentence=words, clause=ruling.clause)
