"""Policies read by a JSON-LD processor with the W3C's context: every word is known, and nothing is lost."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyld import jsonld

from weightmark.licensing import (
    TEMPLATES,
    Capability,
    Condition,
    Duty,
    Entitlement,
    Reach,
    ShareAlike,
    Terms,
    UseRestriction,
    WorkKind,
    to_odrl,
)
from weightmark.licensing.duty import Clause

pytestmark = pytest.mark.integration

VECTORS = Path(__file__).parents[1] / "vectors/odrl"
PAGE = (Path(__file__).parents[2] / "docs/reference/licences.md").read_text(encoding="utf-8")
CONTEXT_URL = "http://www.w3.org/ns/odrl.jsonld"
ODRL, CC, DCT = "http://www.w3.org/ns/odrl/2/", "http://creativecommons.org/ns#", "http://purl.org/dc/terms/"
WM = "https://weightmark.dev/odrl/v1#"
TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
# What the ODRL Vocabulary 2.2 holds of each class, of which the policies use some (sections 3.3 to 3.10).
VERBS = ("use", "execute", "reproduce", "derive", "distribute", "grantUse", "sell", "attribute")
ACTIONS = {f"{ODRL}{name}" for name in VERBS}
ACTIONS |= {f"{CC}{name}" for name in ("CommercialUse", "Notice", "ShareAlike", "SourceCode")}
OPERANDS = {f"{ODRL}{name}" for name in ("dateTime", "purpose", "spatial", "recipient", "count")}
OPERATORS = {f"{ODRL}{name}" for name in ("eq", "lt", "gteq", "lteq", "isAnyOf")}
PARTIES = {
    "Set": {},
    "Offer": {"assigner": "https://acme.example/"},
    "Agreement": {"assigner": "https://acme.example/", "assignee": "urn:example:buyer"},
}
AT = datetime(2027, 1, 1, tzinfo=UTC)
FULL = Terms(
    id="LicenseRef-All of it",
    title="All of it",
    url="https://acme.example/terms",
    permissions=frozenset(Capability) - {Capability.RESELL},
    prohibitions=frozenset({Capability.RESELL}),
    commercial=False,
    duties=(Duty(id="pay", sentence="Pay: a lot.", clause="x 4"),),
    use_restrictions=(UseRestriction(id="military", sentence="None.", clause="x 5"),),
    conditions=(Condition(id="age", sentence="You are 18.", clause="x 6"),),
    start=AT,
    end=AT.replace(year=2028),
    bounds=(Entitlement(name="calls", unit="requests", limit=2**53 - 1, overage=5),),
    territory=("DE", "FR"),
    seats=3,
    price="cc:7",
    clauses=(Clause(topic="infer", place="x 1"), Clause(topic="resell", place="x 2")),
    share_alike=ShareAlike(reach=Reach.COMBINED, outbound=("MIT", "ISC"), network=True, clause="x 7"),
    covers=frozenset({WorkKind.WEIGHTS}),
    organisations=("acme.example", "odrl:use"),
    purposes=frozenset({"research"}),
    grace_days=5,
    renewal="auto",
    warranty="none",
    law="Germany",
)
NOTHING = Terms(id="nothing", commercial=False, seats=2, organisations=("acme",))
EVERY = [*TEMPLATES, FULL, NOTHING]

Quads = dict[str, dict[str, list[dict[str, str]]]]


def load(url: str, options: object = None) -> dict[str, Any]:
    assert url == CONTEXT_URL
    document = json.loads((VECTORS / "odrl.jsonld").read_text(encoding="utf-8"))
    return {"contentType": None, "contextUrl": None, "documentUrl": url, "document": document}


OPTIONS = {"documentLoader": load}


def expanded(terms: Terms, kind: str) -> dict[str, Any]:
    policy = to_odrl(terms, target="https://acme.example/model", **PARTIES[kind])
    (node,) = jsonld.expand(policy, OPTIONS)
    return node


def walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for member in value:
            yield from walk(member)
    if isinstance(value, dict):
        yield value
        for member in value.values():
            yield from walk(member)


def graph(terms: Terms, kind: str) -> Quads:
    """The triples by subject and predicate."""
    found: Quads = {}
    for quad in jsonld.to_rdf(expanded(terms, kind), OPTIONS)["@default"]:
        objects = found.setdefault(quad["subject"]["value"], {}).setdefault(quad["predicate"]["value"], [])
        objects.append(quad["object"])
    return found


def only(node: dict[str, list[dict[str, str]]], name: str) -> dict[str, str]:
    assert len(node.get(name, [])) == 1, f"{len(node.get(name, []))} times {name}"
    return node[name][0]


def is_word(word: dict[str, str], known: set[str]) -> bool:
    return word["type"] == "IRI" and (word["value"] in known or word["value"].startswith(WM))


@pytest.mark.parametrize("terms", EVERY, ids=lambda terms: terms.id)
def test_every_word_is_an_iri_of_a_vocabulary_and_none_is_dropped(terms):
    policy = to_odrl(terms, target="https://acme.example/model")
    node = expanded(terms, "Set")
    said = [key for part in walk({**policy, "@context": None}) for key in part if key[0] != "@"]
    read = [key for part in walk(node) for key in part if key[0] != "@"]
    assert all(key.startswith((ODRL, WM, DCT)) for key in read)
    assert len(read) == len(said) - 1, "only 'uid' is a keyword"
    assert node["@id"] == policy["uid"]
    assert node["@type"] == [f"{ODRL}Set"]
    back = jsonld.compact(node, policy["@context"], {**OPTIONS, "compactArrays": False})
    assert jsonld.expand(back, OPTIONS) == [node]


@pytest.mark.parametrize("kind", PARTIES)
@pytest.mark.parametrize("terms", EVERY, ids=lambda terms: terms.id)
def test_the_triples_keep_the_information_model(terms, kind):
    nodes = graph(terms, kind)
    (policy,) = [node for node in nodes.values() if f"{ODRL}profile" in node]
    assert only(policy, TYPE)["value"] == f"{ODRL}{kind}"
    assert only(policy, f"{ODRL}conflict")["value"] == f"{ODRL}prohibit"
    assert only(policy, f"{ODRL}profile") == {"type": "IRI", "value": WM[:-1]}
    rules = [rule for name in ("permission", "prohibition") for rule in policy.get(f"{ODRL}{name}", [])]
    duties = policy.get(f"{ODRL}obligation", [])
    assert rules
    for rule in (nodes[one["value"]] for one in rules):
        assert only(rule, f"{ODRL}target") == {"type": "IRI", "value": "https://acme.example/model"}
    for rule in (nodes[one["value"]] for one in [*rules, *duties]):
        assert is_word(only(rule, f"{ODRL}action"), ACTIONS)
        for function in ("assigner", "assignee"):
            parties = [{"type": "IRI", "value": PARTIES[kind][function]}] if function in PARTIES[kind] else []
            assert rule.get(f"{ODRL}{function}", []) == parties
    for constraint in (node for node in nodes.values() if f"{ODRL}leftOperand" in node):
        assert is_word(only(constraint, f"{ODRL}leftOperand"), OPERANDS)
        assert only(constraint, f"{ODRL}operator")["value"] in OPERATORS
        assert all(right["type"] == "literal" for right in constraint[f"{ODRL}rightOperand"])


def test_numbers_and_times_have_their_types():
    rights = [
        node[f"{ODRL}rightOperand"] for node in graph(FULL, "Set").values() if f"{ODRL}operator" in node
    ]
    typed = {right["datatype"].rpartition("#")[2] for one in rights for right in one}
    assert typed == {"dateTime", "integer", "string"}
    assert str(2**53 - 1) in {right["value"] for one in rights for right in one}


def test_a_word_that_is_in_no_vocabulary_is_dropped_and_so_noticed():
    policy = to_odrl(FULL, target="https://acme.example/model")
    assert jsonld.expand(policy | {"frobnicate": "x"}, OPTIONS) == [expanded(FULL, "Set")]


def test_the_page_names_every_word_of_the_profile():
    used = set()
    for terms in EVERY:
        for part in walk(expanded(terms, "Set")):
            used |= {key.removeprefix(WM) for key in part if key.startswith(WM)}
            used |= {str(value).removeprefix(WM) for value in part.values() if str(value).startswith(WM)}
    listed = re.findall(r"^\| `wm:([A-Za-z-]+)` \|", PAGE.partition("## ODRL")[2], re.MULTILINE)
    assert used == set(listed)
    assert len(listed) == len(used)
