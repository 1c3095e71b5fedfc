"""Judging: what the rules of an organisation say of one case.

Pure and total: no clock, no disk, no exception. The order of rules never matters.

Not here: what follows for a decision; see ``organisation_applying``.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeAlias

from weightmark.encoding import format_time
from weightmark.licensing.action import Action
from weightmark.licensing.organisation.case import Case, Facts, PolicyQuestion, judge_works
from weightmark.licensing.organisation.pattern import Pattern
from weightmark.licensing.organisation.policy import (
    ALWAYS,
    Effect,
    Exemption,
    Need,
    OrganisationPolicy,
    Rule,
    Ruling,
    Span,
    Weight,
)
from weightmark.licensing.sentence import show
from weightmark.licensing.window import earliest

OURS = "ours"
_MOST_KEPT = 4_096
"""Works of which it is remembered which rules they do not keep, for each policy."""
_NotKept: TypeAlias = tuple[tuple[Rule, str, Ruling | None], ...]
"""A rule, what is not as it demands, and its ruling when that is the same at all times."""


class Judge:
    """The rules, made ready to be asked many times. Safe to use from many threads.

    Args:
        policy: the rules.
    """

    def __init__(self, policy: OrganisationPolicy) -> None:
        self.policy = policy
        rules = sorted(policy.rules, key=lambda rule: rule.id)
        self._rules = {action: tuple(rule for rule in rules if action in rule.actions) for action in Action}
        self._kept: dict[tuple[object, ...], tuple[Facts, _NotKept]] = {}

    def judge(self, question: PolicyQuestion) -> tuple[Ruling, ...]:
        """Say which rules are not kept.

        Args:
            question: what is asked, with what the licences said.

        Returns:
            What each rule that is not kept says of each work that does not keep it.

        Raises:
            Nothing.
        """
        return judge_works(question, self._weigh) if self._rules[question.request.action] else ()

    def _weigh(self, case: Case) -> Sequence[Ruling]:
        found: list[Ruling] = []
        at = case.question.request.at
        for rule, against, ruling in self._not_kept(case):
            if ruling is not None:
                found.append(ruling)
            elif rule.window.end is None or at < rule.window.end:
                found.append(self._rule(rule, case, against))
        return found

    def _not_kept(self, case: Case) -> _NotKept:
        """Say which rules are not kept, whenever they hold; the same for the same work and licences."""
        if case.grant is not None:
            return self._try(case)
        work, facts = case.work, case.facts
        key = (
            case.question.request.action,
            id(facts),
            work.name,
            work.subject,
            work.weights,
            work.owner,
            work.presumed,
            work.relation,
            case.question.own,
        )
        known = self._kept.get(key)
        # A number may come back for other licences, once those it was for are forgotten.
        if known is None or known[0] is not facts:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            known = self._kept[key] = facts, self._try(case)
        return known[1]

    def _try(self, case: Case) -> _NotKept:
        ours = _is_ours(case, self.policy)
        found: list[tuple[Rule, str, Ruling | None]] = []
        for rule in self._rules[case.question.request.action]:
            if rule.span is Span.LINEAGE or case.is_model:
                against = _against(rule, case, ours=ours)
                if against:
                    always = rule.window == ALWAYS and not rule.exemptions
                    found.append((rule, against, self._rule(rule, case, against) if always else None))
        return tuple(found)

    def _rule(self, rule: Rule, case: Case, against: str) -> Ruling:
        at = case.question.request.at
        start = rule.window.start
        exemption = _exempted(rule, case, at)
        weight = Weight.DENY if rule.effect is Effect.DENY else Weight.WARN
        because = f": {rule.because}" if rule.because else ""
        message, until = f"{against}{because}", rule.window.end
        if exemption is not None:
            weight, until = Weight.EXEMPT, exemption.window.end
            why = f": {exemption.because}" if exemption.because else ""
            when = "" if until is None else f" until {format_time(until)}"
            message = f"{against}, which is let pass{when}{why}"
        elif start is not None and at < start:
            weight, until = Weight.WARN, start
            message = f"{message} (the rule holds from {format_time(start)} on)"
        else:
            until = earliest(until, _next_exemption(rule, case, at))
        line = rule.line if exemption is None else exemption.line or rule.line
        return Ruling(
            weight=weight,
            rule=rule.id,
            message=f"{message.rstrip('.')}.",
            clause=self.policy.place(rule.id, line),
            work=case.work.name,
            hint=_way_out(rule) if weight is not Weight.EXEMPT else "",
            until=until,
        )


def _is_ours(case: Case, policy: OrganisationPolicy) -> bool:
    work = case.work
    ours = policy.ours or (case.question.own,)
    return bool(work.owner) and not work.presumed and work.owner in ours


def _against(rule: Rule, case: Case, *, ours: bool) -> str:
    """Say what is not as the rule demands; empty when it is kept."""
    message = ""
    if rule.never:
        message = f"is barred: nobody may {case.question.request.action.value} anything"
    elif Need.REGISTERED in rule.needs and case.work.subject is None:
        message = "is not registered"
    else:
        message = _against_model(rule, case) or _against_owner(rule, case, ours=ours)
    if not message and not ours and rule.weighs_licence:
        message = _against_licence(rule, case)
    name = f"{show(case.work.name)!r}" if case.work.name else "The model"
    return f"{name} {message}" if message else ""


def _against_licence(rule: Rule, case: Case) -> str:
    needs = rule.needs
    if case.grant is not None:
        if rule.granted:
            return ""
        if case.grant.grant.commercial:
            needs -= {Need.COMMERCIAL}
    return next(against_terms(rule, case.facts, needs), "")


def _against_model(rule: Rule, case: Case) -> str:
    if not rule.models:
        return ""
    names = (case.work.name, *case.subjects)
    if rule.models.denied(names):
        return "is a model that the rule does not accept"
    return "" if rule.models.allows(names) else "is none of the models that the rule accepts"


def _against_owner(rule: Rule, case: Case, *, ours: bool) -> str:
    work = case.work
    if not rule.owners:
        return ""
    if not work.owner or work.presumed:
        return "" if rule.unknown else "has no owner that anybody stated"
    # A stranger may call himself so, and is not ours by it.
    names = (work.owner, OURS) if ours else (work.owner,) if work.owner != OURS else ()
    if rule.owners.denied(names):
        return f"belongs to {show(work.owner)}, whose models the rule does not accept"
    if rule.owners.allows(names):
        return ""
    accepted = " or ".join(show(pattern.text) for pattern in rule.owners.allow[:5])
    return f"belongs to {show(work.owner)}, and the rule accepts models of {accepted}"


def against_terms(rule: Rule, facts: Facts, needs: frozenset[Need]) -> Iterator[str]:
    """Say what a rule has against a choice of licences, the plainest first.

    Args:
        rule: the rule.
        facts: what is known of the licences.
        needs: which of its plain demands count here.

    Raises:
        Nothing.
    """
    licence = show(facts.text)
    if not facts.leaves:
        if not rule.unknown and (rule.licences or Need.KNOWN_LICENCE in needs or _needs_rules(rule, needs)):
            yield "says no licence"
        return
    yield from _against_names(rule, facts)
    if not facts.known:
        if Need.KNOWN_LICENCE in needs or (_needs_rules(rule, needs) and not rule.unknown):
            yield f"is under {licence}, for which there are no rules"
        return
    if Need.COMMERCIAL in needs and not facts.commercial:
        yield f"is under {licence}, which permits no commercial use"
    for what, found in (
        ("demands", rule.duties & facts.duties),
        ("hangs on", rule.conditions & facts.conditions),
    ):
        if found:
            yield f"is under {licence}, which {what} {', '.join(sorted(found))}"
    if lacking := rule.capabilities - facts.permits:
        yield f"is under {licence}, which does not permit {', '.join(sorted(lacking))}"
    if facts.territory is not None and (outside := rule.territory - facts.territory):
        yield f"is under {licence}, which does not hold in {', '.join(sorted(outside))}"


def _needs_rules(rule: Rule, needs: frozenset[Need]) -> bool:
    return bool(
        rule.duties or rule.conditions or rule.capabilities or rule.territory or Need.COMMERCIAL in needs
    )


def _against_names(rule: Rule, facts: Facts) -> Iterator[str]:
    for names, named in facts.leaves if rule.licences else ():
        if pattern := rule.licences.denied(names):
            yield f"is under {show(facts.text)}, and the rule does not accept {show(pattern.text)}"
        elif rule.licences.allow and rule.licences.allows(names):
            continue
        elif not named:
            if not rule.unknown:
                yield f"is under {show(facts.text)}, and which licence that is cannot be known"
        elif rule.licences.allow:
            yield f"is under {show(facts.text)}, which is none of the licences that the rule accepts"


def _exempted(rule: Rule, case: Case, at: datetime) -> Exemption | None:
    holding = [
        exemption
        for exemption in rule.exemptions
        if _fits(exemption, case)
        and (exemption.window.start is None or exemption.window.start <= at)
        and (exemption.window.end is None or at < exemption.window.end)
    ]
    return max(holding, key=lambda exemption: (str(exemption.window.end), exemption.line), default=None)


def _next_exemption(rule: Rule, case: Case, at: datetime) -> datetime | None:
    starts = [
        exemption.window.start
        for exemption in rule.exemptions
        if exemption.window.start is not None and exemption.window.start > at and _fits(exemption, case)
    ]
    return min(starts, default=None)


def _fits(exemption: Exemption, case: Case) -> bool:
    if exemption.actions and case.question.request.action not in exemption.actions:
        return False
    if exemption.owners:
        work = case.work
        if not work.owner or work.presumed or not _any(exemption.owners, (work.owner,)):
            return False
    if not exemption.models:
        return True
    works = (case.work, *case.question.works[:1])
    names = [name for work in works for name in (work.name, work.subject, work.weights) if name]
    return _any(exemption.models, names)


def _any(patterns: Sequence[Pattern], names: Sequence[str]) -> bool:
    return any(pattern.matches(name) for pattern in patterns for name in names)


def _way_out(rule: Rule) -> str:
    return f"Ask {show(rule.ask)} for an exception from the rule {rule.id}." if rule.ask else ""
