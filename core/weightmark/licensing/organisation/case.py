"""Cases: what a policy is asked about, one work at a time, with one choice among its licences.

Not here: what the policy says; see ``organisation_judging``, or an engine of its own.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from weightmark.encoding import Digest
from weightmark.licensing.capability import Capability
from weightmark.licensing.choice import MAX_CHOICES, Choice, count_choices, list_choices
from weightmark.licensing.decision import Decision, ReasonCode
from weightmark.licensing.expression import LONGEST_EXPRESSION, Known, Unknown, is_named, resolve_license
from weightmark.licensing.grant import IssuedGrant
from weightmark.licensing.objection import find_objections
from weightmark.licensing.organisation.pattern import common
from weightmark.licensing.organisation.policy import Ruling, Weight
from weightmark.licensing.request import Request
from weightmark.licensing.sentence import show
from weightmark.licensing.terms import Terms
from weightmark.licensing.work import Relation, Work

COPYLEFT = "copyleft"
NETWORK_COPYLEFT = "network-copyleft"
"""Duties that are read from what a licence demands of other works, beside those that it lists."""
_BY_GRANT = frozenset({ReasonCode.GRANTED, ReasonCode.GRACE})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Facts:
    """What is known of one choice of licences.

    Args:
        text: the licences; empty when none is said.
        ids: the identifier of each, without what stands after WITH.
        leaves: the names of each licence, in lower case, and whether its name alone says which it is.
        known: whether there are rules for all of them.
        commercial: whether all permit commercial use.
        duties: what any of them demands.
        conditions: facts about the licensee on which any of them hangs.
        permits: what all of them permit.
        territory: where all of them hold; None for the whole world.
        terms: their rules.
    """

    text: str = ""
    ids: tuple[str, ...] = ()
    leaves: tuple[tuple[frozenset[str], bool], ...] = ()
    known: bool = False
    commercial: bool = False
    duties: frozenset[str] = frozenset()
    conditions: frozenset[str] = frozenset()
    permits: frozenset[Capability] = frozenset()
    territory: frozenset[str] | None = None
    terms: tuple[Terms, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyQuestion:
    """What a policy is asked.

    Args:
        request: who wants to do what, and when.
        works: as ``decide`` was given them; empty when the model is not registered.
        decision: what the licences and grants say.
        grants: as ``decide`` was given them.
        own: the name of the workspace's own party.
    """

    request: Request
    works: Sequence[Work]
    decision: Decision
    grants: Sequence[IssuedGrant] = ()
    own: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """One work, with one choice among its licences.

    Args:
        question: what is asked.
        work: the work.
        facts: what is known of its licences.
        grant: what the party holds for it, when that decided; None when nothing does.
    """

    question: PolicyQuestion
    work: Work
    facts: Facts
    grant: IssuedGrant | None = None

    @property
    def is_model(self) -> bool:
        """Whether the work is the model that is asked about, if only as somebody registered it before."""
        return self.work.relation is not Relation.PARENT

    @property
    def subjects(self) -> tuple[Digest, ...]:
        """The digests under which the work is known."""
        return tuple(digest for digest in (self.work.subject, self.work.weights) if digest is not None)


def judge_works(question: PolicyQuestion, weigh: Callable[[Case], Sequence[Ruling]]) -> tuple[Ruling, ...]:
    """Judge every work, taking of a choice of licences the one against which there is least.

    A licence is only chosen when it permits what is asked, if any of the choice does.

    Args:
        question: what is asked; a model that is not registered is a work of which nothing is known.
        weigh: says what stands against one case.

    Raises:
        Nothing.
    """
    works = question.works or (_UNREGISTERED,)
    granted = _granted(question.decision, works)
    found: list[Ruling] = []
    for work in works:
        place = granted.get(work.name)
        grant = None if place is None else _grant_at(place, work, question)
        choices: Sequence[Facts] = facts_of(work)
        if len(choices) > 1:
            choices = _permitting(choices, question.request) or choices
        weighed = [weigh(Case(question=question, work=work, facts=facts, grant=grant)) for facts in choices]
        found += weighed[0] if len(weighed) == 1 else _choose(choices, weighed)
    return tuple(found)


def facts_of(work: Work) -> tuple[Facts, ...]:
    """Give what is known of each choice among a work's licences.

    Raises:
        Nothing.
    """
    if work.terms is not None:
        return (_facts((Known(terms=work.terms),)),)
    text = work.license
    return _facts_of_field(text if text is None else text[: LONGEST_EXPRESSION + 1])


@lru_cache(maxsize=4096)
def _facts_of_field(text: str | None) -> tuple[Facts, ...]:
    expression = resolve_license(text)
    if count_choices(expression) > MAX_CHOICES:
        return (
            Facts(text=expression.text if expression is not None else "", leaves=((frozenset(), False),)),
        )
    return tuple(_facts(choice) for choice in list_choices(expression))


def _facts(choice: Choice) -> Facts:
    leaves = [leaf for leaf in choice if leaf is not None]
    terms = tuple(leaf.terms for leaf in leaves if isinstance(leaf, Known))
    known = bool(leaves) and len(terms) == len(leaves)
    return Facts(
        text=" AND ".join(leaf.text for leaf in leaves),
        ids=tuple(map(_id, leaves)),
        leaves=tuple((_names(leaf), isinstance(leaf, Known) or is_named(leaf)) for leaf in leaves),
        known=known,
        commercial=known and all(each.commercial for each in terms),
        duties=frozenset(duty for each in terms for duty in duties_in(each)),
        conditions=frozenset(condition.id for each in terms for condition in each.conditions),
        permits=_permits(terms) if known else frozenset(),
        territory=_territory(terms),
        terms=terms,
    )


def duties_in(terms: Terms) -> frozenset[str]:
    """Name the duties of some terms, and whether they are copyleft.

    Raises:
        Nothing.
    """
    names = {duty.id for duty in terms.duties}
    sharing = terms.share_alike
    if sharing is not None and sharing.outbound:
        names.add(COPYLEFT)
        if sharing.network:
            names.add(NETWORK_COPYLEFT)
    return frozenset(names)


def _names(leaf: Known | Unknown) -> frozenset[str]:
    return frozenset({_id(leaf).lower(), leaf.text.lower()})


def _id(leaf: Known | Unknown) -> str:
    return leaf.terms.id if isinstance(leaf, Known) else leaf.name.split(" WITH ")[0]


def _permits(terms: Sequence[Terms]) -> frozenset[Capability]:
    allowed = [each.permissions - each.prohibitions for each in terms]
    return common(allowed)


def _territory(terms: Sequence[Terms]) -> frozenset[str] | None:
    bounded = [frozenset(each.territory) for each in terms if each.territory]
    return common(bounded) if bounded else None


def _permitting(choices: Sequence[Facts], request: Request) -> list[Facts]:
    return [
        facts
        for facts in choices
        if facts.known and not any(find_objections(terms, request) for terms in facts.terms)
    ]


def _granted(decision: Decision, works: Sequence[Work]) -> dict[str, str]:
    """Say by which grant each work is allowed; of works that share a name it cannot be said."""
    if decision.grant is None or not decision.allowed:
        return {}
    names = Counter(work.name for work in works)
    return {
        reason.work: reason.clause
        for reason in decision.reasons
        if reason.code in _BY_GRANT and names[reason.work] == 1
    }


def _grant_at(place: str, work: Work, question: PolicyQuestion) -> IssuedGrant | None:
    subjects, at = (work.subject, work.weights), question.request.at
    for issued in question.grants:
        held = (issued.since is None or issued.since <= at) and (issued.until is None or at < issued.until)
        if held and place == f"grant {issued.id}" and issued.grant.model in subjects:
            return issued
    return None


def _choose(choices: Sequence[Facts], weighed: Sequence[Sequence[Ruling]]) -> list[Ruling]:
    """Take the choice against which there is least, and say so when others are barred."""
    best = min(range(len(weighed)), key=lambda position: _heaviness(weighed[position]))
    found = list(weighed[best])
    if any(ruling.weight is Weight.DENY for ruling in found):
        return found
    barred = [ruling for rulings in weighed for ruling in rulings if ruling.weight is Weight.DENY]
    if barred:
        first = min(barred, key=lambda ruling: ruling.rule)
        accepted = show(choices[best].text)
        message = (
            f"Of the licences of {show(first.work)!r} the policy accepts {accepted}: keep to its duties."
        )
        found.append(replace(first, weight=Weight.WARN, message=message, hint=""))
    return found


def _heaviness(rulings: Iterable[Ruling]) -> tuple[int, int, list[str]]:
    listed = list(rulings)
    denying = sum(ruling.weight is Weight.DENY for ruling in listed)
    return (
        denying,
        sum(ruling.weight is not Weight.SILENT for ruling in listed),
        sorted(ruling.rule for ruling in listed),
    )


_UNREGISTERED = Work(name="", subject=None, owner="")
