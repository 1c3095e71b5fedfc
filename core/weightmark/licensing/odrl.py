"""ODRL: terms written as a policy in JSON-LD, for others to read.

A policy of type Set, Offer when somebody offers it, Agreement when it is with somebody. Each capability is
an action, of ODRL's vocabulary where it has one and of our profile's where it has none; each is a permission
or a prohibition of its own, so that it can carry its clause. What ODRL has no word for stands in the
profile's words, so that nothing is lost.

Not promised: that another program obeys the profile. ODRL asks it to refuse a policy whose profile it does
not know.

Source: W3C ODRL Information Model 2.2 and Vocabulary 2.2, both Recommendations of 15 February 2018.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from weightmark.encoding import Json, format_time
from weightmark.licensing.capability import Capability
from weightmark.licensing.duty import Point
from weightmark.licensing.terms import COMMERCIAL, Terms

PROFILE: Final = "https://weightmark.dev/odrl/v1"
"""The profile's IRI; its terms are this, a ``#`` and a word."""
ANY_ASSET: Final = "urn:weightmark:asset:any"
"""The target of terms that are not about one model."""
TERMS_PREFIX: Final = "urn:weightmark:terms:"
KINDS: Final = ("Set", "Offer", "Agreement")
"""The types of a policy, by how many parties it names."""

CONTEXT: Final[list[Json]] = [
    "http://www.w3.org/ns/odrl.jsonld",
    {
        "cc": "http://creativecommons.org/ns#",
        "dct": "http://purl.org/dc/terms/",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
        "wm": f"{PROFILE}#",
        "wm:outbound": {"@container": "@list"},
    },
]
ACTIONS: Final[dict[Capability, str]] = {
    Capability.VIEW_METADATA: "wm:view-metadata",
    Capability.VIEW_ARCHITECTURE: "wm:view-architecture",
    Capability.INFER: "execute",
    Capability.EMBED: "wm:embed",
    Capability.DOWNLOAD_WEIGHTS: "reproduce",
    Capability.FINE_TUNE: "derive",
    Capability.MERGE: "wm:merge",
    Capability.DISTILL: "wm:distill",
    Capability.REDISTRIBUTE: "distribute",
    Capability.SUBLICENSE: "grantUse",
    Capability.RESELL: "sell",
}
COMMERCIAL_USE: Final = "cc:CommercialUse"
DUTY_ACTIONS: Final = {
    "attribution": "attribute",
    "include-licence": "cc:Notice",
    "share-alike": "cc:ShareAlike",
    "disclose-source": "cc:SourceCode",
}
"""Duties for which there is a common word; others are ``wm:fulfil`` with the duty's name."""
USUAL_DUTY: Final = "wm:fulfil"
SHARE_ALIKE: Final = "wm:shareAlike"
_IRI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")


def to_odrl(
    terms: Terms, *, target: str = ANY_ASSET, assigner: str = "", assignee: str = ""
) -> dict[str, Json]:
    """Write terms as an ODRL policy.

    Args:
        terms: any terms.
        target: the IRI of what they are about.
        assigner: the IRI of who offers them; empty when nobody does, and the policy is a Set.
        assignee: the IRI of who agreed to them; then the policy is an Agreement.

    Returns:
        A JSON-LD object.

    Raises:
        ValueError: one of the three is no absolute IRI, or somebody agreed to what nobody offers.
    """
    parties = _parties(assigner, assignee)
    rule: dict[str, Json] = {"target": parse_iri(target), **parties}
    constraints = _constraints(terms)
    members: dict[str, Json] = {
        "conflict": "prohibit",
        "permission": _permissions(terms, rule, constraints),
        "prohibition": _prohibitions(terms, rule),
        "obligation": _obligations(terms, parties),
        "wm:constraint": [] if terms.permissions else constraints,
        "wm:silence": _silence(terms),
        **_facts(terms),
    }
    return {
        "@context": CONTEXT,
        "@type": KINDS[len(parties)],
        "uid": TERMS_PREFIX + quote(terms.id, safe=""),
        "profile": PROFILE,
        **{key: member for key, member in members.items() if member not in (None, "", [])},
    }


def parse_iri(text: str) -> str:
    """Check that a text is an absolute IRI; JSON-LD would lose or misread any other.

    Args:
        text: such as ``https://acme.example/`` or ``urn:uuid:...``.

    Raises:
        ValueError: it is none.
    """
    if not _IRI.fullmatch(text):
        raise ValueError(f"{text[:60]!r} is no absolute IRI such as https://acme.example/ or urn:example:1")
    return text


def _parties(assigner: str, assignee: str) -> dict[str, Json]:
    if assignee and not assigner:
        raise ValueError(f"{assignee[:60]!r} agrees to terms that nobody offers")
    given = {"assigner": assigner, "assignee": assignee}
    return {function: parse_iri(party) for function, party in given.items() if party}


def _permissions(terms: Terms, rule: Mapping[str, Json], constraints: list[Json]) -> list[Json]:
    permissions = [
        _rule(rule, ACTIONS[capability], _place(terms, capability), constraints)
        for capability in sorted(terms.permissions)
    ]
    return [*permissions, *([_commerce(terms, rule)] if terms.commercial else [])]


def _prohibitions(terms: Terms, rule: Mapping[str, Json]) -> list[Json]:
    places = {
        capability: None if capability in terms.permissions else _place(terms, capability)
        for capability in sorted(terms.prohibitions)
    }
    purposes: list[Json] = [
        {
            **rule,
            "action": "use",
            "constraint": [_constraint("purpose", "eq", restriction.id)],
            **_described(restriction),
        }
        for restriction in terms.use_restrictions
    ]
    return [
        *(_rule(rule, ACTIONS[capability], place, []) for capability, place in places.items()),
        *([] if terms.commercial else [_commerce(terms, rule)]),
        *purposes,
    ]


def _commerce(terms: Terms, rule: Mapping[str, Json]) -> Json:
    return _rule(rule, COMMERCIAL_USE, _place(terms, COMMERCIAL), [])


def _described(point: Point) -> dict[str, Json]:
    return {"dct:description": point.sentence, "wm:clause": point.clause}


def _place(terms: Terms, topic: str) -> str | None:
    return next((clause.place for clause in terms.clauses if clause.topic == topic), None)


def _rule(rule: Mapping[str, Json], action: str, place: str | None, constraints: list[Json]) -> Json:
    written: dict[str, Json] = {**rule, "action": action}
    if place is not None:
        written["wm:clause"] = place
    if constraints:
        written["constraint"] = constraints
    return written


def _constraint(left: str, operator: str, right: Json, **more: Json) -> Json:
    added = {f"wm:{key}": value for key, value in more.items()}
    return {"leftOperand": left, "operator": operator, "rightOperand": right, **added}


def _time(text: str) -> Json:
    return {"@type": "xsd:dateTime", "@value": text}


def _constraints(terms: Terms) -> list[Json]:
    found: list[Json] = []
    if terms.start is not None:
        found.append(_constraint("dateTime", "gteq", _time(format_time(terms.start))))
    if terms.end is not None:
        found.append(_constraint("dateTime", "lt", _time(format_time(terms.end))))
    if terms.purposes:
        found.append(_constraint("purpose", "isAnyOf", sorted(terms.purposes)))
    if terms.territory:
        found.append(_constraint("spatial", "isAnyOf", list(terms.territory)))
    if terms.organisations:
        found.append(_constraint("recipient", "isAnyOf", list(terms.organisations)))
    if terms.seats is not None:
        found.append(_constraint("wm:seats", "lteq", terms.seats))
    for bound in terms.bounds:
        more: dict[str, Json] = {"counts": bound.name, "unit": bound.unit, "overage": bound.overage}
        found.append(_constraint("count", "lteq", bound.limit, **more))
    for condition in terms.conditions:
        facts: dict[str, Json] = {"sentence": condition.sentence, "clause": condition.clause}
        found.append(_constraint("wm:condition", "eq", condition.id, **facts))
    return found


def _obligations(terms: Terms, parties: Mapping[str, Json]) -> list[Json]:
    found: list[Json] = [
        {
            **parties,
            "action": DUTY_ACTIONS.get(duty.id, USUAL_DUTY),
            "wm:duty": duty.id,
            **_described(duty),
        }
        for duty in terms.duties
    ]
    if terms.share_alike is not None:
        demand = terms.share_alike
        found.append(
            {
                **parties,
                "action": SHARE_ALIKE,
                "wm:reach": demand.reach.value,
                "wm:outbound": list(demand.outbound),
                "wm:network": demand.network,
                "wm:clause": demand.clause,
            }
        )
    return found


def _silence(terms: Terms) -> list[Json]:
    spoken = {*terms.permissions, *terms.prohibitions, COMMERCIAL}
    return [
        {"wm:topic": clause.topic, "wm:clause": clause.place}
        for clause in terms.clauses
        if clause.topic not in spoken
    ]


def _facts(terms: Terms) -> dict[str, Json]:
    return {
        "dct:title": terms.title,
        "dct:source": terms.url,
        "wm:covers": list[Json](sorted(terms.covers)),
        "wm:graceDays": terms.grace_days or None,
        "wm:renewal": terms.renewal,
        "wm:price": terms.price,
        "wm:warranty": terms.warranty,
        "wm:law": terms.law,
    }
