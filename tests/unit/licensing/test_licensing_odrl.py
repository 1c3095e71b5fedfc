"""Policies are shaped as the ODRL Information Model 2.2 asks, lose nothing, and are never half understood."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weightmark.encoding import decode, encode
from weightmark.errors import MalformedError
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
    find_template,
    from_odrl,
    read_terms,
    to_odrl,
    word_terms,
)
from weightmark.licensing.duty import Clause
from weightmark.licensing.odrl import PROFILE

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
LLAMA = find_template("llama3.1")
# The vocabulary's words that are used here (ODRL Vocabulary 2.2, sections 3.4 and 3.8 to 3.10).
ACTIONS = {"use", "execute", "reproduce", "derive", "distribute", "grantUse", "sell", "attribute"}
OPERANDS = {"dateTime", "purpose", "spatial", "recipient", "count"}
OPERATORS = {"eq", "lt", "gteq", "lteq", "isAnyOf"}

texts = st.text(max_size=12) | st.sampled_from(["a [b] c", '"x"', "two (x) [y]", " x ", "a, b", "é\n"])
words = texts.filter(bool)
counts = st.integers(0, 2**53 - 1)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


def unique(items):
    return st.lists(items, max_size=2, unique=True).map(tuple)


def cited(kind):
    return st.lists(st.builds(kind, id=words, sentence=texts, clause=texts), max_size=2).map(tuple)


terms_of_any_kind = st.builds(
    Terms,
    id=words,
    title=texts,
    url=texts,
    permissions=st.frozensets(st.sampled_from(Capability)),
    prohibitions=st.frozensets(st.sampled_from(Capability)),
    commercial=st.booleans(),
    duties=cited(Duty),
    use_restrictions=cited(UseRestriction),
    conditions=cited(Condition),
    start=st.none() | st.just(AT),
    end=st.none() | moments.map(lambda moment: AT + timedelta(days=1) + (moment - moment.replace(month=1))),
    bounds=st.lists(
        st.builds(Entitlement, name=words, unit=texts, limit=counts, overage=counts), max_size=2
    ).map(tuple),
    territory=unique(texts),
    seats=st.none() | counts,
    price=texts,
    clauses=st.lists(
        st.builds(Clause, topic=st.sampled_from([*map(str, Capability), "commercial"]) | words, place=texts),
        max_size=4,
        unique_by=lambda clause: clause.topic,
    ).map(tuple),
    share_alike=st.none()
    | st.builds(
        ShareAlike,
        reach=st.sampled_from(Reach),
        outbound=unique(texts),
        network=st.booleans(),
        clause=texts,
    ),
    covers=st.frozensets(st.sampled_from(WorkKind)),
    organisations=unique(texts),
    purposes=st.frozensets(texts, max_size=2),
    grace_days=st.integers(0, 36_525),
    renewal=st.sampled_from(["", "auto"]),
    warranty=texts,
    law=texts,
)


@settings(max_examples=300, deadline=None)
@given(terms_of_any_kind)
def test_any_terms_survive_odrl_and_sentences(terms):
    assert from_odrl(decode(encode(to_odrl(terms)), what="it")) == terms
    assert read_terms(word_terms(terms)) == terms


@pytest.mark.parametrize("terms", TEMPLATES, ids=lambda terms: terms.id)
@pytest.mark.parametrize(
    ("kind", "parties"),
    [
        ("Set", {}),
        ("Offer", {"assigner": "https://acme.example/"}),
        ("Agreement", {"assigner": "https://acme.example/", "assignee": "urn:example:buyer"}),
    ],
)
def test_every_policy_has_the_shape_that_odrl_asks_for(terms, kind, parties):
    policy = to_odrl(terms, target="https://acme.example/model", **parties)
    assert policy["@context"][0] == "http://www.w3.org/ns/odrl.jsonld"
    assert policy["@type"] == kind
    assert ":" in policy["uid"]
    assert policy["profile"] == PROFILE
    rules = [*policy.get("permission", []), *policy.get("prohibition", [])]
    assert rules
    for rule in rules:
        assert rule["target"] == "https://acme.example/model"
        assert {key: rule[key] for key in rule if key.startswith("assign")} == parties
        assert is_known(rule["action"], ACTIONS)
        for constraint in rule.get("constraint", []):
            assert is_known(constraint["leftOperand"], OPERANDS)
            assert constraint["operator"] in OPERATORS
            assert constraint["rightOperand"] not in (None, [])
    for duty in policy.get("obligation", []):
        assert is_known(duty["action"], ACTIONS)
    assert from_odrl(policy) == terms


def is_known(word, vocabulary):
    return word in vocabulary or word.startswith(("wm:", "cc:"))


@pytest.mark.parametrize(
    "said",
    [
        {"target": ""},
        {"target": "my model"},
        {"target": "models/x"},
        {"assigner": "acme corp"},
        {"assigner": "urn:x", "assignee": "nobody"},
        {"assignee": "urn:x:buyer"},
    ],
)
def test_what_is_no_iri_and_an_agreement_with_one_party_are_refused(said):
    with pytest.raises(ValueError, match=r"no absolute IRI|that nobody offers"):
        to_odrl(LLAMA, **said)


@pytest.mark.parametrize(
    "change",
    [
        {"profile": "https://other.example/"},
        {"@type": "Ticket"},
        {"uid": "urn:x"},
        {"conflict": "perm"},
        {"inheritFrom": "urn:x"},
        {"permission": [{"target": "urn:x", "action": "play"}]},
        {"permission": [{"target": "urn:x", "action": "execute", "duty": []}]},
        {"permission": [{"action": "execute"}]},
        {"prohibition": [{"target": "urn:x", "action": "use"}]},
        {"obligation": [{"action": "compensate", "wm:duty": "pay"}]},
        {"permission": "all"},
        {"permission": []},
    ],
)
def test_what_is_not_understood_is_refused(change):
    with pytest.raises(MalformedError):
        from_odrl(to_odrl(LLAMA) | change)


@pytest.mark.parametrize(
    "constraint",
    [
        {"leftOperand": "industry", "operator": "eq", "rightOperand": "x"},
        {"leftOperand": "dateTime", "operator": "gt", "rightOperand": {"@type": "x", "@value": "x"}},
        {"leftOperand": "spatial", "operator": "isNoneOf", "rightOperand": ["DE"]},
        {"leftOperand": "wm:seats", "operator": "lteq", "rightOperand": -1},
        {"leftOperand": "dateTime", "operator": "lt", "rightOperand": {"@type": "x", "@value": "soon"}},
        {"leftOperand": "purpose", "operator": "isAnyOf", "rightOperand": ["x"], "unit": "y"},
    ],
)
def test_a_constraint_that_is_not_understood_is_refused(constraint):
    policy = to_odrl(Terms(id="x", permissions=frozenset({Capability.INFER})))
    policy["permission"][0]["constraint"] = [constraint]
    with pytest.raises(MalformedError):
        from_odrl(policy)


def test_permissions_under_different_constraints_are_refused():
    policy = to_odrl(Terms(id="x", permissions=frozenset({Capability.INFER, Capability.EMBED}), seats=3))
    del policy["permission"][1]["constraint"]
    with pytest.raises(MalformedError, match="other constraints"):
        from_odrl(policy)


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "# x\n\nThese are the terms x.\n\n## 9. Nothing of the kind",
        "# x\n\nThese are the terms x.\n\n- You may fly.",
        "# x\n\nThese are the terms x.\n\n- You may fly (fly).",
        "# x",
        "",
        "# x\n\nThese are the terms x.\n\n- " + "x" * 9_000,
        "# x\n# y\n\nThese are the terms x.",
        "# x\n" * 400_000,
    ],
)
def test_other_sentences_are_malformed(text):
    with pytest.raises(MalformedError):
        read_terms(text)


def test_the_text_reads_like_sentences():
    text = word_terms(LLAMA)
    assert "- You may run it and use what it answers (infer). [Llama-3.1 section 1.a]" in text
    assert "- Nothing here lets you give others permissions in your own name (sublicense)." in text
    assert text.count("\n## ") == 7
