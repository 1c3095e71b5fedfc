"""Wording: terms as numbered sections of plain sentences, in one fixed form that can be read back.

A sentence ends with its clause in brackets. What would not survive the form (a line break, a bracket)
stands as a JSON string. ``reading`` is the way back.

Not promised: the licence's own words. For agreements of one's own these sentences are the text.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

from weightmark.encoding import format_time
from weightmark.licensing.capability import Capability
from weightmark.licensing.sharing import Reach, ShareAlike
from weightmark.licensing.terms import COMMERCIAL, Terms

DEEDS: Final[dict[Capability, str]] = {
    Capability.VIEW_METADATA: "read its name, owner, licence and card",
    Capability.VIEW_ARCHITECTURE: "read its configuration, and the names and shapes of its tensors",
    Capability.INFER: "run it and use what it answers",
    Capability.EMBED: "read its inner outputs",
    Capability.DOWNLOAD_WEIGHTS: "hold a copy of its weights",
    Capability.FINE_TUNE: "train it further",
    Capability.MERGE: "combine its weights with those of another model",
    Capability.DISTILL: "train another model on what it answers",
    Capability.REDISTRIBUTE: "give copies to others",
    Capability.SUBLICENSE: "give others permissions in your own name",
    Capability.RESELL: "take money for copies or for access",
}
REACHES: Final[dict[Reach, str]] = {
    Reach.FILE: "the changed parts",
    Reach.DERIVATIVE: "what is made from it by changing it",
    Reach.COMBINED: "what is made from it, and what it becomes a part of",
}
ANY_LICENCE: Final = "any licence that keeps these restrictions"
NETWORK: Final = "giving access over a network counts as passing it on"
SECTIONS: Final = (
    "What you may do",
    "What you may not do",
    "Commercial use",
    "What you must do",
    "What it must not be used for",
    "Under which conditions",
    "From when until when",
    "For whom, where, and how much",
    "Warranty and law",
)
_PLAIN: Final = re.compile(r"[^\s\"\[\]](?:[^\[\]\n\r]*[^\s\[\]])?")
_ITEM: Final = re.compile(r"[^\s\",;:\[\]()](?:[^\",;:\[\]()\n\r]*[^\s\",;:\[\]()])?")


def word_terms(terms: Terms) -> str:
    """Write terms as plain sentences.

    Args:
        terms: any terms.

    Returns:
        Markdown: a title if there is one, and those of nine numbered sections that have something to say.

    Raises:
        Nothing.
    """
    lines = [f"# {plain(terms.title)}", ""] if terms.title else []
    lines.append(f"These are the terms {item(terms.id)}.")
    if terms.url:
        lines.append(f"The text that binds is at {plain(terms.url)}")
    sections = (
        _may(terms),
        _may_not(terms),
        _commerce(terms),
        _must(terms),
        (_named(one.sentence, one.id, one.clause) for one in terms.use_restrictions),
        (_named(one.sentence, one.id, one.clause) for one in terms.conditions),
        _when(terms),
        _extent(terms),
        _warranty(terms),
    )
    for number, (heading, sentences) in enumerate(zip(SECTIONS, sections, strict=True), start=1):
        written = [f"- {sentence}" for sentence in sentences]
        if written:
            lines += ["", f"## {number}. {heading}", "", *written]
    return "\n".join(lines) + "\n"


def plain(text: str) -> str:
    """Write a text as it is when the form can hold it, else as a JSON string."""
    return text if _PLAIN.fullmatch(text) and text.isprintable() else _quoted(text)


def item(text: str) -> str:
    """Write a text that stands among others, as it is or as a JSON string."""
    return text if _ITEM.fullmatch(text) and text.isprintable() else _quoted(text)


def _quoted(text: str) -> str:
    return json.dumps(text).replace("[", "\\u005b").replace("]", "\\u005d")


def _items(texts: Iterable[str]) -> str:
    return ", ".join(item(text) for text in texts)


def _cited(sentence: str, clause: str | None) -> str:
    return sentence if clause is None else f"{sentence} [{plain(clause)}]"


def _named(sentence: str, name: str, clause: str) -> str:
    return _cited(f"{plain(sentence)} ({item(name)})", clause)


def _place(terms: Terms, topic: str) -> str | None:
    return next((clause.place for clause in terms.clauses if clause.topic == topic), None)


def _may(terms: Terms) -> Iterator[str]:
    for capability in sorted(terms.permissions):
        yield _cited(f"You may {DEEDS[capability]} ({capability}).", _place(terms, capability))


def _may_not(terms: Terms) -> Iterator[str]:
    for capability in sorted(terms.prohibitions):
        place = None if capability in terms.permissions else _place(terms, capability)
        yield _cited(f"You may not {DEEDS[capability]} ({capability}).", place)
    spoken = {*terms.permissions, *terms.prohibitions, COMMERCIAL}
    for clause in terms.clauses:
        if clause.topic in spoken:
            continue
        known = clause.topic in tuple(Capability)
        deed = DEEDS[Capability(clause.topic)] if known else "do this"
        yield _cited(f"Nothing here lets you {deed} ({item(clause.topic)}).", clause.place)


def _commerce(terms: Terms) -> Iterator[str]:
    verb = "may" if terms.commercial else "may not"
    yield _cited(f"Commercial parties {verb} do what is permitted.", _place(terms, COMMERCIAL))


def _must(terms: Terms) -> Iterator[str]:
    for duty in terms.duties:
        yield _named(duty.sentence, duty.id, duty.clause)
    if terms.share_alike is not None:
        yield _share(terms.share_alike)


def _share(demand: ShareAlike) -> str:
    carried = f"one of {_items(demand.outbound)}" if demand.outbound else ANY_LICENCE
    network = f"; {NETWORK}" if demand.network else ""
    return _cited(f"What you pass on of {REACHES[demand.reach]} carries {carried}{network}.", demand.clause)


def _when(terms: Terms) -> Iterator[str]:
    if terms.start is not None:
        yield f"It holds from {format_time(terms.start)} on."
    if terms.end is not None:
        yield f"It holds until {format_time(terms.end)}, and no longer."
    if terms.grace_days:
        yield f"After that come {terms.grace_days} days of grace, in which you must renew it."
    if terms.renewal:
        yield "It renews itself."


def _extent(terms: Terms) -> Iterator[str]:
    if terms.covers:
        yield f"It covers: {_items(sorted(terms.covers))}."
    if terms.organisations:
        yield f"Only for these organisations: {_items(terms.organisations)}."
    if terms.purposes:
        yield f"Only for these purposes: {_items(sorted(terms.purposes))}."
    if terms.territory:
        yield f"Only in: {_items(terms.territory)}."
    if terms.seats is not None:
        yield f"For at most {terms.seats} people."
    for bound in terms.bounds:
        included = f"Included are {bound.limit} {item(bound.unit)} of {item(bound.name)}"
        yield f"{included}; {bound.overage} more are let through and owed for."
    if terms.price:
        yield f"The price: {plain(terms.price)}"


def _warranty(terms: Terms) -> Iterator[str]:
    if terms.warranty:
        yield f"Warranty: {plain(terms.warranty)}"
    if terms.law:
        yield f"Governing law: {plain(terms.law)}"
