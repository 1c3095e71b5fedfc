"""A walk over an organisation's models: what their cards say of licences, without any weights.

Not promised: that the cards are true, nor legal advice. What is compared are the rules that Weightmark knows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from weightmark.encoding import Json
from weightmark.errors import MalformedError, PlatformError
from weightmark.licensing import (
    Action,
    Outcome,
    Party,
    Relation,
    Request,
    Terms,
    Work,
    decide,
    resolve_license,
)
from weightmark.model.card import split_names
from weightmark.vocabulary import Fact
from weightmark.workspace.resource import now
from weightmark_adapters.huggingface import sdk
from weightmark_adapters.huggingface.fact import read_hub_facts
from weightmark_adapters.huggingface.registry import list_models
from weightmark_adapters.huggingface.uri import model_uri, parse_uri

MAX_DEPTH: Final = 8
"""How many generations of base models are followed."""


class Problem(StrEnum):
    """What is wrong with one model's licence."""

    MISSING_LICENSE = "missing-license"
    UNKNOWN_LICENSE = "unknown-license"
    MORE_PERMISSIVE = "more-permissive-than-base"
    REFUSED = "refused"
    UNDECIDED = "undecided"
    BASE_UNKNOWN = "base-unknown"
    GATED_BASE = "gated-base"


SERIOUS: Final = frozenset({Problem.MORE_PERMISSIVE, Problem.REFUSED})
"""Problems for which the scan ends with the code of a refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        problem: what kind of thing.
        message: one sentence.
    """

    problem: Problem
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardView:
    """What the Hub says of one model.

    Attributes:
        repo: ``organisation/model``.
        license: what its card says; empty when nothing.
        bases: its base models.
        gated: how its owner lets people in; empty when anybody may.
        known: whether the Hub has it and shows it to us.
    """

    repo: str
    license: str = ""
    bases: tuple[str, ...] = ()
    gated: str = ""
    known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """One model and what was found.

    Attributes:
        card: what the Hub says of it.
        chain: its ancestors, the nearest first.
        findings: what is wrong.
    """

    card: CardView
    chain: tuple[CardView, ...] = ()
    findings: tuple[Finding, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """Give it in the words of the command line's ``--json``."""
        return {
            "model": self.card.repo,
            "uri": model_uri(self.card.repo),
            "license": self.card.license or None,
            "gated": self.card.gated or None,
            "base_models": [{"model": base.repo, "license": base.license or None} for base in self.chain],
            "findings": [
                {"problem": finding.problem.value, "message": finding.message} for finding in self.findings
            ],
        }


@dataclass(slots=True)
class Scanner:
    """Walks models and their ancestors; each is asked about once.

    Args:
        party: who would pass the models on.
    """

    party: Party
    _cards: dict[str, CardView] = field(default_factory=dict[str, CardView])

    def scan(self, author: str) -> Iterator[Scanned]:
        """Give every model of an author, the oldest first.

        Raises:
            MalformedError: the author's name is none.
            PlatformError: the Hub refused or failed.
        """
        if parse_uri(f"hf://{author}").model:
            raise MalformedError(f"{author!r} names one model", hint="Name its user or organisation.")
        for listed in list_models(author):
            card = _card(str(listed["id"]), listed)
            self._cards[card.repo] = card
            yield self._judge(card)

    def _judge(self, card: CardView) -> Scanned:
        chain = tuple(self._ancestors(card))
        findings = [*_own_findings(card)]
        for base in chain:
            findings += _base_findings(card, base)
        if chain and not any(finding.problem in SERIOUS for finding in findings):
            findings += self._decide(card, chain)
        return Scanned(card=card, chain=chain, findings=tuple(findings))

    def _ancestors(self, card: CardView) -> Iterator[CardView]:
        seen, row = {card.repo}, list(card.bases)
        for _ in range(MAX_DEPTH):
            following: list[str] = []
            for name in row:
                if name in seen:
                    continue
                seen.add(name)
                base = self._ask(name)
                yield base
                following += base.bases
            row = following

    def _ask(self, name: str) -> CardView:
        if name not in self._cards:
            uri = name if name.startswith("hf:") else model_uri(name)
            try:
                with sdk.speaking(uri):
                    info = sdk.client().model_info(parse_uri(uri).repo)
                card: Any = info.card_data and info.card_data.to_dict()
                told: dict[str, Any] = {"tags": info.tags, "gated": info.gated, "cardData": card}
                self._cards[name] = _card(name, told)
            except PlatformError as error:
                if error.retryable:
                    raise
                self._cards[name] = CardView(repo=name, known=False)
        return self._cards[name]

    def _decide(self, card: CardView, chain: tuple[CardView, ...]) -> Iterator[Finding]:
        works = [Work(name=base.repo, subject=None, owner="", license=base.license) for base in chain]
        works[0:0] = [Work(name=card.repo, subject=None, owner=self.party.name, relation=Relation.SELF)]
        decision = decide(Request(action=Action.PUSH, party=self.party, at=now()), works)
        problem = {Outcome.REFUSED: Problem.REFUSED, Outcome.UNDECIDED: Problem.UNDECIDED}.get(
            decision.outcome
        )
        if problem is not None:
            yield Finding(problem=problem, message=decision.reasons[0].message)


def _card(repo: str, listed: Any) -> CardView:
    facts = read_hub_facts([str(tag) for tag in listed.get("tags") or ()], listed.get("cardData"))
    gated = listed.get("gated")
    return CardView(
        repo=repo,
        license=facts.get(Fact.LICENSE, ""),
        bases=split_names(facts.get(Fact.BASE_MODEL, "")),
        gated=str(gated) if gated else "",
    )


def _own_findings(card: CardView) -> Iterator[Finding]:
    terms = resolve_license(card.license)
    if terms is None:
        yield Finding(problem=Problem.MISSING_LICENSE, message="Its card names no licence.")
    elif not _all_terms(terms):
        yield Finding(
            problem=Problem.UNKNOWN_LICENSE, message=f"There are no rules for its licence {card.license}."
        )


def _base_findings(card: CardView, base: CardView) -> Iterator[Finding]:
    if not base.known:
        yield Finding(problem=Problem.BASE_UNKNOWN, message=f"The Hub does not show {base.repo}.")
        return
    if base.gated:
        message = f"{base.repo} lets in only those who accepted its terms ({base.license or 'no licence'})."
        yield Finding(problem=Problem.GATED_BASE, message=message)
    ours, theirs = _all_terms(resolve_license(card.license)), _all_terms(resolve_license(base.license))
    if not ours or not theirs:
        return
    wider = [_wider(one, other) for one in ours for other in theirs]
    if all(wider):
        yield Finding(
            problem=Problem.MORE_PERMISSIVE,
            message=f"{card.license} gives more than {base.license} of {base.repo}: {wider[0]}.",
        )


def _wider(ours: Terms, theirs: Terms) -> str:
    """Say what a licence gives that the base's does not; empty when nothing."""
    forbidden = (theirs.prohibitions | (ours.permissions - theirs.permissions)) & ours.permissions
    gained = sorted(capability.value for capability in forbidden)
    if ours.commercial and not theirs.commercial:
        gained.insert(0, "commercial use")
    return ", ".join(gained)


def _all_terms(expression: Any) -> list[Terms]:
    """Give the terms of a licence expression; none when any part has no rules."""
    if expression is None:
        return []
    parts = getattr(expression, "parts", None)
    if parts is None:
        terms = getattr(expression, "terms", None)
        return [] if terms is None else [terms]
    found = [_all_terms(part) for part in parts]
    return [] if not all(found) else [terms for part in found for terms in part]
