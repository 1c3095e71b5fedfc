"""Deciding: from a request, the works it depends on and the grants that were issued, to a decision.

Pure and total: no clock, no disk, no network, no exception.

Not promised: legal advice. Licences are read as rules, and rules are less than the texts.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from weightmark.licensing.decision import Decision, Outcome, Reason, ReasonCode
from weightmark.licensing.grant import IssuedGrant
from weightmark.licensing.request import Request
from weightmark.licensing.sentence import show
from weightmark.licensing.standing import Rank, Standing, choose, explain, owed, stand
from weightmark.licensing.verdict import Verdict, merge_duties, owed_duties, weigh_license
from weightmark.licensing.window import earliest
from weightmark.licensing.work import Work

_ALLOWING = (ReasonCode.GRACE, ReasonCode.GRANTED, ReasonCode.PERMITTED_BY_LICENCE, ReasonCode.OWNER)
"""Which reason gives an allowed decision its code: the one that asks for most attention."""


def decide(request: Request, works: Sequence[Work], grants: Sequence[IssuedGrant] = ()) -> Decision:
    """Decide whether a party may do something with a model now.

    Every work must allow it: because the party owns it, or by a grant to the party from the work's owner, or
    by its licence. One refusal refuses; without a refusal, one unknown leaves it undecided. A grant that
    holds is taken before the licence; one in its grace, or one that costs more, after it.

    Args:
        request: who, what, when, what for, and how much was used so far.
        works: the model itself, all its ancestors, and earlier registrations of the same weights.
        grants: those that were issued, in any order; those for other parties and models are passed over.

    Returns:
        The decision, with the reasons of all works.

    Raises:
        Nothing: every request has an answer.
    """
    if not works:
        return _not_registered(request)
    if not request.action.needs:
        return _recorded(request, works)
    name = request.party.name
    mine = [issued for issued in grants if issued.grant.grantee == name]
    verdicts = [_judge(work, request, mine) for work in works]
    return _settle(verdicts[0]) if len(verdicts) == 1 else _combine(verdicts)


def _settle(verdict: Verdict) -> Decision:
    return Decision(
        outcome=verdict.outcome,
        code=verdict.reasons[0].code,
        reasons=verdict.reasons,
        duties=verdict.duties,
        grant=verdict.grant,
        until=verdict.until,
    )


def _combine(verdicts: Sequence[Verdict]) -> Decision:
    until = earliest(*(verdict.until for verdict in verdicts))
    against = [verdict for verdict in verdicts if verdict.outcome is Outcome.REFUSED]
    against += [verdict for verdict in verdicts if verdict.outcome is Outcome.UNDECIDED]
    deciding = against or sorted(verdicts, key=lambda verdict: _ALLOWING.index(verdict.reasons[0].code))
    return Decision(
        outcome=deciding[0].outcome,
        code=deciding[0].reasons[0].code,
        reasons=tuple(dict.fromkeys(reason for verdict in deciding for reason in verdict.reasons)),
        duties=() if against else merge_duties(verdict.duties for verdict in verdicts),
        grant=deciding[0].grant,
        until=until,
    )


def _judge(work: Work, request: Request, mine: Sequence[IssuedGrant]) -> Verdict:
    if _owns(request.party.name, work):
        message = f"{show(work.name)!r} belongs to {show(work.owner)}."
        reason = Reason(code=ReasonCode.OWNER, message=message, work=work.name)
        return Verdict(outcome=Outcome.ALLOWED, reasons=(reason,))
    if not mine:
        return weigh_license(work, request)
    subjects = (work.subject,) if work.weights is None else (work.subject, work.weights)
    standings = [stand(issued, work, request) for issued in mine if issued.grant.model in subjects]
    if not standings:
        return weigh_license(work, request)
    best = choose(standings)
    until = earliest(*(standing.until for standing in standings))
    if best.rank is Rank.HOLDS:
        return _granted(best, until, work, request)
    verdict = weigh_license(work, request)
    until = earliest(until, verdict.until)
    if verdict.outcome is Outcome.ALLOWED:
        return replace(verdict, until=until)
    return (
        _granted(best, until, work, request) if best.allows else _blocked(verdict, best, until, work, request)
    )


def _owns(party: str, work: Work) -> bool:
    return bool(work.owner) and work.owner == party and not work.presumed


def _granted(best: Standing, until: datetime | None, work: Work, request: Request) -> Verdict:
    return Verdict(
        outcome=Outcome.ALLOWED,
        reasons=(explain(best, work, request),),
        duties=owed(best, work, request),
        grant=best.issued.id,
        until=until,
    )


def _blocked(
    verdict: Verdict, best: Standing, until: datetime | None, work: Work, request: Request
) -> Verdict:
    reason = explain(best, work, request)
    unsure = best.rank is Rank.UNKNOWN
    grant_first = unsure or (best.fits and verdict.outcome is Outcome.REFUSED)
    return Verdict(
        outcome=Outcome.UNDECIDED if unsure else verdict.outcome,
        reasons=(reason, *verdict.reasons) if grant_first else (*verdict.reasons, reason),
        grant=best.issued.id if best.fits else None,
        until=until,
    )


def _recorded(request: Request, works: Sequence[Work]) -> Decision:
    party = request.party.name
    message = f"To {request.action.value} {show(works[0].name)!r} records a fact and takes no permission."
    parts = (owed_duties(work) for work in works if not _owns(party, work))
    return Decision(
        outcome=Outcome.ALLOWED,
        code=ReasonCode.RECORDED,
        reasons=(Reason(code=ReasonCode.RECORDED, message=message, work=works[0].name),),
        duties=merge_duties(parts),
    )


def _not_registered(request: Request) -> Decision:
    reason = Reason(
        code=ReasonCode.NOT_REGISTERED,
        message=f"The model is not registered, so it is not known whether {show(request.party.name)} may "
        f"{request.action.value} it.",
        hint="Register it first: `weightmark register PATH`.",
    )
    return Decision(outcome=Outcome.UNDECIDED, code=ReasonCode.NOT_REGISTERED, reasons=(reason,))
