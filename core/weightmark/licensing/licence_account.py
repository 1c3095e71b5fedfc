"""Licences put into words: why one allows or does not, what it demands, and the way out.

Not here: what stands against a request; see ``objection``.
"""

from typing import NamedTuple

from weightmark.encoding import format_time
from weightmark.licensing.capability import Capability
from weightmark.licensing.decision import Reason, ReasonCode
from weightmark.licensing.duty import Duty, UseRestriction
from weightmark.licensing.entitlement import Entitlement
from weightmark.licensing.expression import Unknown
from weightmark.licensing.objection import Objection
from weightmark.licensing.obligation import overage_duties
from weightmark.licensing.request import Request
from weightmark.licensing.sentence import ask_for_grant, count, name_purposes, offer_nearest, show
from weightmark.licensing.terms import COMMERCIAL, Terms
from weightmark.licensing.window import days_left
from weightmark.licensing.work import Work


class Permitted(NamedTuple):
    """Terms that allow.

    Args:
        terms: what allows.
        work: what they are for.
        request: what is asked.
        unweighed: an exception to the licence that was not taken into account; empty when there is none.
        grace: whether they have ended, and are in their days of grace.
    """

    terms: Terms
    work: Work
    request: Request
    unweighed: str
    grace: bool

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """One: that they permit it."""
        terms, work = self.terms, self.work
        if self.grace:
            message = f"{_ended(terms, work)} and is in its {terms.grace_days} days of grace"
            return (self._reason(ReasonCode.GRACE, f"{message}, with {self._rest}.", terms.id),)
        note = f" (its exception {show(self.unweighed)} is not weighed)" if self.unweighed else ""
        permits = f"which permits {self.request.action.value}."
        message = f"{show(work.name)!r} is under {show(terms.id)}{note}, {permits}"
        clause = terms.clause(min(self.request.needs))
        return (self._reason(ReasonCode.PERMITTED_BY_LICENCE, message, clause),)

    @property
    def duties(self) -> tuple[Duty, ...]:
        """What they demand, the facts to make sure of, and what it costs."""
        terms, request = self.terms, self.request
        duties = terms.duties
        if terms.conditions and request.exercises:
            duties += tuple(condition.as_duty() for condition in terms.conditions)
        if self.grace:
            last = terms.window.last
            before = "" if last is None else f" before {format_time(last)} ({self._rest})"
            sentence = f"Renew the licence{before}: it has ended."
            duties += (Duty(id="renew", sentence=sentence, clause=terms.id),)
        if terms.bounds and request.exercises and request.usage is not None:
            duties += overage_duties(terms.bounds, request.usage, request.amount, terms.id)
        return duties

    @property
    def _rest(self) -> str:
        last = self.terms.window.last
        return "" if last is None else days_left(self.request.at, last)

    def _reason(self, code: ReasonCode, message: str, clause: str) -> Reason:
        purpose, restrictions = self.request.purpose, self.terms.use_restrictions
        hint = ""
        if purpose and restrictions and self.request.exercises:
            hint = offer_nearest(purpose, {restriction.id for restriction in restrictions} - {purpose})
        return Reason(code=code, message=message, clause=clause, work=self.work.name, hint=hint)


class Objected(NamedTuple):
    """Terms that do not allow.

    Args:
        objections: what stands against it; at least one.
        terms: what does not allow.
        work: what they are for.
        request: what is asked.
    """

    objections: list[Objection]
    terms: Terms
    work: Work
    request: Request

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """One for each objection."""
        return tuple(self._tell(objection) for objection in self.objections)

    @property
    def duties(self) -> tuple[Duty, ...]:
        """None."""
        return ()

    def _tell(self, objection: Objection) -> Reason:
        terms, work, request = self.terms, self.work, self.request
        about, clause = objection.about, terms.id
        if objection.code is ReasonCode.NON_COMMERCIAL:
            clause = terms.clause(COMMERCIAL)
        elif isinstance(about, Capability):
            clause = terms.clause(about)
        elif isinstance(about, Duty | UseRestriction):
            clause = about.clause
        message = _object_in_time(objection, terms, work) or _object(objection, terms, work, request)
        hint = _way_out(objection, terms, work, request)
        return Reason(code=objection.code, message=f"{message}.", clause=clause, work=work.name, hint=hint)


class Unsaid(NamedTuple):
    """A work that says no licence."""

    work: Work
    request: Request

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """One: that nothing is said."""
        asking = ask_for_grant(self.work, self.request)
        return (
            Reason(
                code=ReasonCode.NO_LICENCE,
                message=f"{show(self.work.name)!r} says no licence, so it is not known what is permitted.",
                work=self.work.name,
                hint=f"Set one: `weightmark license set MODEL LICENCE`. Not yours? {asking}",
            ),
        )

    @property
    def duties(self) -> tuple[Duty, ...]:
        """None."""
        return ()


class Unread(NamedTuple):
    """A licence for which there are no rules."""

    unknown: Unknown
    work: Work
    request: Request

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """One: that it is not known, and what may have been meant."""
        unknown, work = self.unknown, self.work
        offer = f" Did you mean {' or '.join(unknown.nearest)}?" if unknown.nearest else ""
        why = f": {show(unknown.cause)}" if unknown.cause else ", for which there are no rules"
        if unknown.title:
            place = f" at {unknown.url}" if unknown.url else ""
            why = (
                f" ({unknown.title}), for which there are no rules: its text{place} must be read by a person"
            )
            offer = f" {unknown.advice}" if unknown.advice else ""
        hint = f"Set its terms, or the licence again, with `weightmark license set`.{offer}"
        return (
            Reason(
                code=ReasonCode.UNKNOWN_LICENCE,
                message=f"{show(work.name)!r} stands under {show(unknown.name)!r}{why}.",
                work=work.name,
                hint=f"{hint} If it is not yours: {ask_for_grant(work, self.request)}",
            ),
        )

    @property
    def duties(self) -> tuple[Duty, ...]:
        """None."""
        return ()


def _ended(terms: Terms, work: Work) -> str:
    at = "" if terms.end is None else f" at {format_time(terms.end)}"
    return f"{show(terms.id)} for {show(work.name)!r} ended{at}"


def _object_in_time(objection: Objection, terms: Terms, work: Work) -> str:
    if objection.code is ReasonCode.LICENCE_EXPIRED:
        return _ended(terms, work)
    if objection.code is ReasonCode.LICENCE_NOT_YET_VALID and terms.start is not None:
        return f"{show(terms.id)} for {show(work.name)!r} holds only from {format_time(terms.start)} on"
    return ""


def _object(objection: Objection, terms: Terms, work: Work, request: Request) -> str:
    about, under = objection.about, f"{show(work.name)!r} is under {show(terms.id)}, which"
    if isinstance(about, Capability):
        return f"{under} {'forbids' if about in terms.prohibitions else 'does not permit'} {about.value}"
    if isinstance(about, Duty):
        return f"{under} lets nobody share what was derived from it"
    if isinstance(about, UseRestriction):
        return f"{under} forbids {show(about.id)}: {about.sentence.removesuffix('.')}"
    if isinstance(about, Entitlement):
        included = f"{count(about.limit)} {show(about.unit)} of {show(about.name)}"
        return f"{under} includes {included}, and what is left is not enough"
    if objection.code is ReasonCode.PURPOSE_NOT_GRANTED:
        return f"{under} is for {name_purposes(terms.purposes, request.purpose)}"
    party = show(request.party.name)
    said = {
        ReasonCode.USAGE_UNKNOWN: "limits the use, and the use so far is not known",
        ReasonCode.NON_COMMERCIAL: f"permits no commercial use, and {party} acts commercially",
        ReasonCode.NOT_PERMITTED: f"is for named organisations, and {party} is none of them",
    }
    return f"{under} {said[objection.code]}"


def _way_out(objection: Objection, terms: Terms, work: Work, request: Request) -> str:
    asking = ask_for_grant(work, request)
    if objection.code is not ReasonCode.PURPOSE_NOT_GRANTED:
        return asking
    return f"{offer_nearest(request.purpose, terms.purposes)} {asking}".lstrip()
