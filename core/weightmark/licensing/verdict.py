"""Verdicts: what one work's licence says to one request, before any grant.

Not promised: compatibility. Whether two licences can stand together in one work is not weighed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from weightmark.encoding import format_time
from weightmark.licensing.decision import Outcome, Reason, ReasonCode
from weightmark.licensing.duty import Duty
from weightmark.licensing.entitlement import Entitlement, Quota, bounds_in
from weightmark.licensing.expression import AllOf, Expression, Known, Unknown, resolve_license
from weightmark.licensing.objection import find_objections
from weightmark.licensing.request import Request
from weightmark.licensing.sentence import ask_for_grant, show
from weightmark.licensing.terms import Terms
from weightmark.licensing.window import earliest
from weightmark.licensing.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one work says.

    Args:
        outcome: whether it allows.
        reasons: why; the first one decided.
        duties: what is owed when it is done.
        grant: the id of the grant that decided; None when none did.
        until: the first moment at which it may change; None when never.
    """

    outcome: Outcome
    reasons: tuple[Reason, ...]
    duties: tuple[Duty, ...] = ()
    grant: str | None = None
    until: datetime | None = None


def weigh_license(work: Work, request: Request) -> Verdict:
    """Weigh what is said about a work's licence.

    Args:
        work: its own terms are weighed when it has them, else its ``license`` field.
        request: an action that needs a capability.

    Returns:
        The verdict; duties only when it allows.

    Raises:
        Nothing.
    """
    if work.terms is not None:
        return _weigh_terms(work.terms, work, request, exception="")
    expression = resolve_license(work.license)
    if expression is None:
        asking = ask_for_grant(work, request)
        reason = Reason(
            code=ReasonCode.NO_LICENCE,
            message=f"{show(work.name)!r} says no licence, so it is not known what is permitted.",
            work=work.name,
            hint=f"Set one: `weightmark license set MODEL LICENCE`. Not yours? {asking}",
        )
        return Verdict(outcome=Outcome.UNDECIDED, reasons=(reason,))
    return _weigh(expression, work, request)


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
    bounds: tuple[Entitlement, ...], usage: Mapping[str, int], clause: str
) -> tuple[Duty, ...]:
    """List the payments owed for use beyond the limits.

    Args:
        bounds: the limits.
        usage: units used so far, by entitlement name.
        clause: where the limits are written.

    Raises:
        Nothing.
    """
    return tuple(
        Duty(
            id="pay-overage",
            sentence=f"Pay for {show(bound.unit)} of {show(bound.name)} beyond the {bound.limit} included.",
            clause=clause,
        )
        for bound in bounds_in(bounds, Quota.OVERAGE, usage)
    )


def _owed(expression: Expression) -> tuple[Duty, ...]:
    if isinstance(expression, Known):
        return expression.terms.duties
    if isinstance(expression, Unknown):
        return ()
    parts = [_owed(part) for part in expression.parts]
    return merge_duties(parts) if isinstance(expression, AllOf) else min(parts, key=len)


def _weigh(expression: Expression, work: Work, request: Request) -> Verdict:
    if isinstance(expression, Known):
        unweighed = "" if expression.weighed else expression.exception
        return _weigh_terms(expression.terms, work, request, exception=unweighed)
    if isinstance(expression, Unknown):
        return Verdict(outcome=Outcome.UNDECIDED, reasons=(_unknown(expression, work, request),))
    parts = [_weigh(part, work, request) for part in expression.parts]
    return _all_of(parts) if isinstance(expression, AllOf) else _any_of(parts)


def _all_of(parts: list[Verdict]) -> Verdict:
    until = earliest(*(part.until for part in parts))
    against = [part for part in parts if part.outcome is Outcome.REFUSED]
    against += [part for part in parts if part.outcome is Outcome.UNDECIDED]
    if against:
        reasons = _reasons(against)
        return Verdict(outcome=against[0].outcome, reasons=reasons, until=until)
    duties = merge_duties(part.duties for part in parts)
    return Verdict(outcome=Outcome.ALLOWED, reasons=_reasons(parts), duties=duties, until=until)


def _any_of(parts: list[Verdict]) -> Verdict:
    until = earliest(*(part.until for part in parts))
    allowing = [part for part in parts if part.outcome is Outcome.ALLOWED]
    if allowing:
        best = min(allowing, key=lambda part: len(part.duties))
        return Verdict(outcome=best.outcome, reasons=best.reasons, duties=best.duties, until=until)
    undecided = [part for part in parts if part.outcome is Outcome.UNDECIDED]
    ordered = undecided + [part for part in parts if part.outcome is Outcome.REFUSED]
    return Verdict(outcome=ordered[0].outcome, reasons=_reasons(ordered), until=until)


def _reasons(parts: Iterable[Verdict]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys(reason for part in parts for reason in part.reasons))


def _unknown(unknown: Unknown, work: Work, request: Request) -> Reason:
    offer = f" Did you mean {' or '.join(unknown.nearest)}?" if unknown.nearest else ""
    why = f": {show(unknown.cause)}" if unknown.cause else ", for which there are no rules"
    if unknown.title:
        place = f" at {unknown.url}" if unknown.url else ""
        why = f" ({unknown.title}), for which there are no rules: its text{place} must be read by a person"
        offer = f" {unknown.advice}" if unknown.advice else ""
    return Reason(
        code=ReasonCode.UNKNOWN_LICENCE,
        message=f"{show(work.name)!r} stands under {show(unknown.name)!r}{why}.",
        work=work.name,
        hint=f"Set its terms, or the licence again, with `weightmark license set`.{offer} "
        f"If it is not yours: {ask_for_grant(work, request)}",
    )


def _weigh_terms(terms: Terms, work: Work, request: Request, *, exception: str) -> Verdict:
    windowed = terms.start is not None or terms.end is not None
    until = terms.window.locate(request.at)[1] if windowed else None
    objections = find_objections(terms, work, request)
    if objections:
        unsure = all(objection.code is ReasonCode.USAGE_UNKNOWN for objection in objections)
        hint = ask_for_grant(work, request)
        reasons = tuple(
            Reason(code=code, message=message, clause=clause, work=work.name, hint=hint)
            for code, message, clause in objections
        )
        outcome = Outcome.UNDECIDED if unsure else Outcome.REFUSED
        return Verdict(outcome=outcome, reasons=reasons, until=until)
    note = f" (its exception {show(exception)} is not weighed)" if exception else ""
    reason = Reason(
        code=ReasonCode.PERMITTED_BY_LICENCE,
        message=f"{show(work.name)!r} is under {show(terms.id)}{note}, which permits {request.action.value}.",
        clause=terms.clause(min(request.action.needs)),
        work=work.name,
    )
    duties = terms.duties
    if terms.conditions and request.action.exercises:
        duties += tuple(condition.as_duty() for condition in terms.conditions)
    if terms.end is not None and request.at >= terms.end:
        reason, owed = _in_grace(terms, work)
        duties += (owed,)
    if request.action.exercises and request.usage is not None:
        duties += overage_duties(terms.bounds, request.usage, terms.id)
    return Verdict(outcome=Outcome.ALLOWED, reasons=(reason,), duties=duties, until=until)


def _in_grace(terms: Terms, work: Work) -> tuple[Reason, Duty]:
    ended = "" if terms.end is None else format_time(terms.end)
    last = terms.window.last
    before = "" if last is None else f" before {format_time(last)}"
    days = f"its {terms.grace_days} days of grace"
    message = f"{show(terms.id)} for {show(work.name)!r} ended at {ended} and is in {days}."
    duty = Duty(id="renew", sentence=f"Renew the licence{before}: it has ended.", clause=terms.id)
    return Reason(code=ReasonCode.GRACE, message=message, clause=terms.id, work=work.name), duty
