"""Checking a policy by itself: rules that contradict one another, and rules that can never matter.

Not promised: all of them. Rules are tried on the licences that are known, and on those that rules name.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import combinations

from weightmark.encoding import Json, format_time
from weightmark.licensing.action import Action
from weightmark.licensing.organisation.case import facts_of
from weightmark.licensing.organisation.judging import against_terms
from weightmark.licensing.organisation.naming import licence_names
from weightmark.licensing.organisation.pattern import Choosing, common
from weightmark.licensing.organisation.policy import Effect, Need, OrganisationPolicy, Rule, Span
from weightmark.licensing.window import LAST_MOMENT, Window
from weightmark.licensing.work import Work


class FaultKind(StrEnum):
    """What is wrong with a rule."""

    CONTRADICTION = "contradiction"
    DEAD = "dead"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong.

    Args:
        kind: what.
        rule: the rule's id.
        place: where it is written.
        message: one sentence for people.
    """

    kind: FaultKind
    rule: str
    place: str
    message: str

    def to_json(self) -> dict[str, Json]:
        """Write it as JSON.

        Raises:
            Nothing.
        """
        return {"kind": self.kind, "message": self.message, "place": self.place, "rule": self.rule}


def find_faults(policy: OrganisationPolicy, at: datetime) -> tuple[Fault, ...]:
    """Find the rules that cannot be kept together, those that can never matter, and those that are over.

    Args:
        policy: the rules.
        at: now, in UTC.

    Raises:
        Nothing.
    """
    names = _universe(policy.rules)
    accepted = {rule.id: _accepted(rule, names) for rule in policy.rules if rule.weighs_licence}
    found = [
        *_over(policy, at),
        *_empty(policy, accepted),
        *_contradictions(policy, accepted),
        *_dead(policy, accepted),
    ]
    return tuple(dict.fromkeys(found))


def _fault(policy: OrganisationPolicy, kind: FaultKind, rule: Rule, message: str) -> Fault:
    return Fault(kind=kind, rule=rule.id, place=policy.place(rule.id, rule.line), message=message)


def _over(policy: OrganisationPolicy, at: datetime) -> Iterator[Fault]:
    for rule in policy.rules:
        if rule.window.end is not None and rule.window.end <= at:
            yield _fault(policy, FaultKind.OVER, rule, f"It ended at {format_time(rule.window.end)}.")
        for exemption in rule.exemptions:
            end = exemption.window.end
            if end is not None and end <= at:
                where = f" in line {exemption.line}" if exemption.line else ""
                message = f"The exception{where} ended at {format_time(end)}."
                yield _fault(policy, FaultKind.OVER, rule, message)


def _empty(policy: OrganisationPolicy, accepted: dict[str, frozenset[str]]) -> Iterator[Fault]:
    for rule in policy.rules:
        if rule.id in accepted and not accepted[rule.id] and not rule.granted:
            yield _fault(policy, FaultKind.CONTRADICTION, rule, "There is no licence that it accepts.")


def _contradictions(policy: OrganisationPolicy, accepted: dict[str, frozenset[str]]) -> Iterator[Fault]:
    denying = [rule for rule in policy.rules if rule.effect is Effect.DENY]
    weighing = [rule for rule in denying if accepted.get(rule.id)]
    for one, other in combinations(weighing, 2):
        if _meet(one, other) and accepted[one.id].isdisjoint(accepted[other.id]):
            message = f"No licence that it accepts is accepted by the rule {other.id}."
            yield _fault(policy, FaultKind.CONTRADICTION, one, message)
            return
    for action in Action:
        reaching = [rule for rule in weighing if action in rule.actions and rule.window == Window()]
        if reaching and not common([accepted[rule.id] for rule in reaching]):
            listed = ", ".join(rule.id for rule in reaching)
            message = f"No licence is accepted by all the rules that reach {action.value}: {listed}."
            yield _fault(policy, FaultKind.CONTRADICTION, reaching[0], message)
            return
    for one, other in combinations([rule for rule in denying if rule.owners.allow], 2):
        if _meet(one, other) and _disjoint(one.owners, other.owners):
            message = f"No owner that it accepts is accepted by the rule {other.id}."
            yield _fault(policy, FaultKind.CONTRADICTION, one, message)


def _dead(policy: OrganisationPolicy, accepted: dict[str, frozenset[str]]) -> Iterator[Fault]:
    gone: set[str] = set()
    for rule in policy.rules:
        for other in policy.rules:
            if other is not rule and other.id not in gone and _covers(other, rule, accepted):
                gone.add(rule.id)
                message = f"It can never matter: the rule {other.id} denies all that it denies."
                yield _fault(policy, FaultKind.DEAD, rule, message)
                break


def _covers(wide: Rule, rule: Rule, accepted: dict[str, frozenset[str]]) -> bool:
    if not _reaches(wide, rule):
        return False
    if wide.never or _demands(wide) == _demands(rule):
        return True
    both = (wide, rule)
    if wide.granted or not all(each.id in accepted and _only_licence(each) for each in both):
        return False
    return accepted[wide.id] <= accepted[rule.id]


def _reaches(wide: Rule, rule: Rule) -> bool:
    stricter = wide.effect is Effect.DENY or rule.effect is Effect.WARN
    exempts = bool(wide.exemptions) and wide.exemptions != rule.exemptions
    spans = wide.never or wide.span is Span.LINEAGE or rule.span is Span.MODEL
    guesses = wide.never or rule.unknown or not wide.unknown
    lasts = rule.actions <= wide.actions and _lasts(wide.window, rule.window)
    return stricter and not exempts and spans and guesses and lasts


def _only_licence(rule: Rule) -> bool:
    # A grant stands for the licence where commercial use is asked for, so only the same demand covers that.
    beside = rule.owners or rule.models or rule.never
    return not (beside or rule.needs & {Need.REGISTERED, Need.COMMERCIAL})


def _demands(rule: Rule) -> Rule:
    bare = replace(rule, id="", because="", ask="", line=0, effect=Effect.DENY, exemptions=())
    return replace(bare, actions=frozenset(), span=Span.LINEAGE, unknown=False, window=Window())


def _lasts(wide: Window, window: Window) -> bool:
    begins = wide.start is None or (window.start is not None and wide.start <= window.start)
    return begins and (wide.end is None or (window.end is not None and window.end <= wide.end))


def _meet(one: Rule, other: Rule) -> bool:
    if not one.actions & other.actions:
        return False
    ends = [rule.window.end or LAST_MOMENT for rule in (one, other)]
    starts = [rule.window.start for rule in (one, other) if rule.window.start is not None]
    return all(start < end for start in starts for end in ends)


def _disjoint(one: Choosing, other: Choosing) -> bool:
    if not all(pattern.is_exact for pattern in (*one.allow, *other.allow)):
        return False
    return {pattern.text for pattern in one.allow}.isdisjoint(pattern.text for pattern in other.allow)


def _universe(rules: Sequence[Rule]) -> tuple[str, ...]:
    written = [
        pattern.text.replace("*", "x")
        for rule in rules
        for pattern in (*rule.licences.allow, *rule.licences.deny)
    ]
    return tuple(dict.fromkeys((*licence_names(), *written)))


def _accepted(rule: Rule, names: Sequence[str]) -> frozenset[str]:
    return frozenset(
        name
        for name in names
        for facts in facts_of(Work(name=name, subject=None, owner="", license=name))
        if next(against_terms(rule, facts, rule.needs), None) is None
    )
