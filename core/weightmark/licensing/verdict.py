"""Verdicts: what one work's licence says to one request, before any grant.

Not promised: compatibility. Whether two licences can stand together in one work is not weighed.
"""

from collections.abc import Sequence
from typing import NamedTuple

from weightmark.licensing.decision import NOTHING_COUNTED, Account, Decision, Outcome, Reason, ReasonCode
from weightmark.licensing.duty import Duty
from weightmark.licensing.entitlement import units_left
from weightmark.licensing.expression import AllOf, Expression, Known, Unknown, resolve_license
from weightmark.licensing.licence_account import Objected, Permitted, Unread, Unsaid
from weightmark.licensing.objection import find_objections
from weightmark.licensing.obligation import merge_duties
from weightmark.licensing.request import Request
from weightmark.licensing.terms import Terms
from weightmark.licensing.window import earliest
from weightmark.licensing.work import Relation, Work


class Together(NamedTuple):
    """Several accounts told as one.

    Args:
        telling: whose reasons are given, in this order.
        owing: whose duties are.
    """

    telling: Sequence[Account]
    owing: Sequence[Account]

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Each reason once."""
        return tuple(dict.fromkeys(reason for account in self.telling for reason in account.reasons))

    @property
    def duties(self) -> tuple[Duty, ...]:
        """Each duty once."""
        return merge_duties(account.duties for account in self.owing)


def weigh_license(work: Work, request: Request) -> Decision:
    """Weigh what is said about a work's licence.

    Args:
        work: its own terms are weighed when it has them, else its ``license`` field.
        request: an action that needs a capability.

    Returns:
        What would be decided without any grant.

    Raises:
        Nothing.
    """
    if work.terms is not None:
        return _weigh_terms(work.terms, work, request)
    expression = resolve_license(work.license)
    if expression is None:
        account = Unsaid(work, request)
        return Decision(outcome=Outcome.UNDECIDED, code=ReasonCode.NO_LICENCE, account=account)
    return _weigh(expression, work, request)


def _weigh(expression: Expression, work: Work, request: Request) -> Decision:
    if isinstance(expression, Known):
        unweighed = "" if expression.weighed else expression.exception
        return _weigh_terms(expression.terms, work, request, unweighed)
    if isinstance(expression, Unknown):
        account = Unread(expression, work, request)
        return Decision(outcome=Outcome.UNDECIDED, code=ReasonCode.UNKNOWN_LICENCE, account=account)
    parts = [_weigh(part, work, request) for part in expression.parts]
    return _all_of(parts) if isinstance(expression, AllOf) else _any_of(parts)


def _all_of(parts: Sequence[Decision]) -> Decision:
    against = [part for part in parts if part.outcome is Outcome.REFUSED]
    against += [part for part in parts if part.outcome is Outcome.UNDECIDED]
    return _as_one(against or parts, parts)


def _any_of(parts: Sequence[Decision]) -> Decision:
    allowing = [part for part in parts if part.allowed]
    if allowing:
        return _as_one([min(allowing, key=lambda part: len(part.duties))], parts)
    undecided = [part for part in parts if part.outcome is Outcome.UNDECIDED]
    return _as_one(undecided + [part for part in parts if part.outcome is Outcome.REFUSED], parts)


def _as_one(deciding: Sequence[Decision], parts: Sequence[Decision]) -> Decision:
    return Decision(
        outcome=deciding[0].outcome,
        code=deciding[0].code,
        until=earliest(*(part.until for part in parts)),
        account=Together(deciding, deciding),
    )


def _weigh_terms(terms: Terms, work: Work, request: Request, unweighed: str = "") -> Decision:
    windowed = terms.start is not None or terms.end is not None
    until = terms.window.locate(request.at)[1] if windowed else None
    left = units_left(terms.bounds, request.usage) if terms.bounds else NOTHING_COUNTED
    objections = find_objections(terms, request, derived=work.relation is Relation.PARENT)
    if not objections:
        grace = terms.end is not None and request.at >= terms.end
        code = ReasonCode.GRACE if grace else ReasonCode.PERMITTED_BY_LICENCE
        permitted = Permitted(terms, work, request, unweighed, grace)
        return Decision(outcome=Outcome.ALLOWED, code=code, until=until, left=left, account=permitted)
    unsure = all(objection.code is ReasonCode.USAGE_UNKNOWN for objection in objections)
    return Decision(
        outcome=Outcome.UNDECIDED if unsure else Outcome.REFUSED,
        code=objections[0].code,
        until=until,
        left=left,
        account=Objected(objections, terms, work, request),
    )
