"""Strangers write into licence fields; nothing they write may break a decision."""

from datetime import UTC, datetime, timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from weightmark.encoding import Digest, encode
from weightmark.errors import MalformedError
from weightmark.licensing import (
    Action,
    Grant,
    IssuedGrant,
    Party,
    Request,
    Terms,
    Tier,
    Work,
    decide,
    parse_license,
    resolve_license,
)
from weightmark.licensing.template import TEMPLATES

AT = datetime(2026, 11, 22, tzinfo=UTC)
SUBJECT = Digest("sha256:" + "a" * 64)
WORDS = st.sampled_from(
    ["MIT", "gpl-3.0", "llama3", "gfdl", "AND", "OR", "WITH", "and", *"()+/,\n\x00é", "(("]
)
SENTENCES = st.lists(WORDS, max_size=40)
TEXTS = st.text(max_size=200) | SENTENCES.map(" ".join) | SENTENCES.map("".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=1000, deadline=None)
@example("(" * 10_000)
@example("MIT AND " * 10_000)
@example("(" * 30 + "MIT" + ")" * 30)
@example("NOT MIT")
@example("MIT WITH WITH MIT")
@given(TEXTS)
def test_any_licence_text_is_answered(text):
    expression = resolve_license(text)
    work = Work(name=text[:50], subject=SUBJECT, owner="lab", license=text)
    party = Party(name=text[:20], commercial=True)
    grant = Grant(model=SUBJECT, licensor="lab", grantee="acme", tier=Tier.FULL, start=AT)
    for action in Action:
        request = Request(action=action, party=party, at=AT, purpose=text[:20])
        decision = decide(request, [work], [IssuedGrant(id=text, grant=grant)])
        assert all(reason.message.isprintable() for reason in decision.reasons)
    if expression is None:
        assert text.strip().lower() in {"", "none", "noassertion"}


@settings(max_examples=500, deadline=None)
@given(TEXTS)
def test_people_get_an_expression_or_a_malformed_error_with_a_hint(text):
    try:
        expression = parse_license(text)
    except MalformedError as error:
        assert error.hint
    else:
        assert parse_license(expression.text).text == expression.text


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(TEMPLATES), st.data())
def test_terms_refuse_what_is_not_theirs(template, data):
    value = dict(template.to_json())
    key = data.draw(st.sampled_from(sorted(value)) | st.text(max_size=5))
    value[key] = data.draw(JSON)
    try:
        terms = Terms.from_json(value)
    except MalformedError:
        return
    encode(terms.to_json())


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_grants_refuse_what_is_not_theirs(data):
    end = AT + timedelta(days=1)
    grant = Grant(model=SUBJECT, licensor="a", grantee="b", tier=Tier.FULL, start=AT, end=end, grace_days=1)
    value = dict(grant.to_json())
    key = data.draw(st.sampled_from(sorted(value)) | st.text(max_size=5))
    value[key] = data.draw(JSON)
    try:
        read = Grant.from_json(value)
    except MalformedError:
        return
    encode(read.to_json())
