import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.claim_examples import NOW, log_key, public, receipt, signer, trust

from weightmark import encoding
from weightmark.claims import sign
from weightmark.claims.bundle import Bundle
from weightmark.claims.claim import (
    Amendment,
    Assignment,
    Claim,
    Consent,
    Derivation,
    GrantClaim,
    Registration,
    Reinstatement,
    RenewalClaim,
    Revocation,
    SeatClaim,
    Suspension,
    TermsClaim,
    Transfer,
    Update,
    UsageClaim,
    VersionClaim,
)
from weightmark.claims.envelope import Envelope, Signature
from weightmark.claims.permission import Ground
from weightmark.claims.policy import Policy
from weightmark.claims.statement import Statement
from weightmark.claims.subject import Subject
from weightmark.claims.trust import TrustedKey, TrustRoot
from weightmark.claims.verify import verify_bundle, verify_envelope
from weightmark.encoding import Algorithm, Digest, KeyId
from weightmark.errors import InclusionError, PolicyError, SignatureError, UntrustedKeyError
from weightmark.licensing.capability import Capability
from weightmark.licensing.duty import Duty
from weightmark.licensing.entitlement import Entitlement
from weightmark.licensing.grant import Grant
from weightmark.licensing.renewal import Renewal
from weightmark.licensing.terms import Terms
from weightmark.licensing.tier import Tier
from weightmark.model.lineage import Parent, Relation

printable = st.characters(categories=["L", "M", "N", "P", "S"], include_characters=" ")
texts = st.text(printable, max_size=24)
words = st.text(printable, min_size=1, max_size=24)
digests = st.builds(
    lambda algorithm, raw: Digest(f"{algorithm.value}:{raw.hex()}"),
    st.sampled_from(Algorithm),
    st.binary(min_size=32, max_size=32),
)
statements_named = st.binary(min_size=32, max_size=32).map(lambda raw: Digest(f"sha256:{raw.hex()}"))
edges = [datetime(1, 1, 3), datetime(2027, 1, 1), datetime(9999, 12, 28)]
times = st.datetimes(edges[0], edges[2], timezones=st.just(UTC))
later = st.datetimes(edges[1], edges[2], timezones=st.just(UTC))
key_ids = st.binary(min_size=32, max_size=32).map(lambda raw: KeyId(raw.hex()))
counts = st.integers(0, 2**53 - 1)

parents = st.builds(Parent, subject=digests, relation=st.sampled_from(Relation), uri=texts)
bounds = st.builds(Entitlement, name=words, unit=texts, limit=counts, overage=counts)
terms = st.builds(
    Terms,
    id=words,
    title=texts,
    permissions=st.frozensets(st.sampled_from(Capability)),
    prohibitions=st.frozensets(st.sampled_from(Capability)),
    commercial=st.booleans(),
    duties=st.lists(st.builds(Duty, id=words, sentence=texts, clause=texts), max_size=2).map(tuple),
    start=st.none() | st.just(NOW),
    end=st.none() | later,
    bounds=st.lists(bounds, max_size=2).map(tuple),
    seats=st.none() | counts,
)
grants = st.builds(
    Grant,
    model=digests,
    licensor=words,
    grantee=words,
    capabilities=st.frozensets(st.sampled_from(Capability)),
    tier=st.sampled_from(Tier),
    commercial=st.booleans(),
    start=st.just(NOW),
    end=st.none() | later,
    grace_days=st.integers(0, 90),
    bounds=st.lists(bounds, max_size=2).map(tuple),
)
renewals = st.builds(
    Renewal,
    days=st.integers(1, 3_660),
    amount=st.decimals("0.01", "9999.99", places=2),
    currency=st.just("EUR"),
) | st.builds(Renewal, days=st.integers(1, 3_660))


@st.composite
def whole_grants(draw: st.DrawFn) -> Grant:
    """Draw a grant with everything that its life needs."""
    approvers = tuple(draw(st.lists(words, max_size=3, unique=True)))
    trial = draw(st.booleans())
    ends = trial or draw(st.booleans())
    return replace(
        draw(grants),
        end=draw(later) if ends else None,
        acceptance=draw(st.booleans()),
        approvers=approvers,
        threshold=draw(st.integers(1, len(approvers))) if approvers else 0,
        notice_days=draw(st.integers(0, 3_660)),
        transferable=draw(st.booleans()),
        parent=draw(st.just("") | digests),
        seats=draw(st.none() | st.integers(1, 10**6)),
        trial=trial,
        renewal=draw(st.none() | renewals) if ends and not trial else None,
    )


KINDS: dict[type[Claim], st.SearchStrategy[Claim]] = {
    Registration: st.builds(
        Registration,
        owner=words,
        license=st.none() | words,
        algorithm=st.sampled_from(Algorithm),
        tensors=st.none() | digests,
        architecture=st.none() | digests,
        manifest=digests,
        files=counts,
        size=counts,
        issued_at=times,
    ),
    VersionClaim: st.builds(VersionClaim, model=words, version=words, uri=texts, issued_at=times),
    Derivation: st.builds(
        Derivation,
        parents=st.lists(
            parents, min_size=1, max_size=4, unique_by=lambda each: (each.subject, each.relation)
        ).map(tuple),
        issued_at=times,
    ),
    Transfer: st.builds(Transfer, new_owner=words, new_key=key_ids, issued_at=times),
    TermsClaim: st.builds(TermsClaim, license=words, terms=st.none() | terms, issued_at=times)
    | st.builds(TermsClaim, license=st.none(), terms=terms, issued_at=times),
    GrantClaim: st.builds(GrantClaim, grant=grants | whole_grants(), issued_at=times),
    Revocation: st.builds(
        Revocation,
        target=statements_named,
        cause=words,
        ground=st.sampled_from(Ground),
        effective_at=st.none() | times,
        issued_at=times,
    ),
    Consent: st.builds(Consent, target=statements_named, issued_at=times),
    Amendment: st.builds(Amendment, target=statements_named, grant=whole_grants(), issued_at=times),
    Suspension: st.builds(Suspension, target=statements_named, cause=words, issued_at=times),
    Reinstatement: st.builds(Reinstatement, target=statements_named, cause=words, issued_at=times),
    RenewalClaim: st.builds(RenewalClaim, target=statements_named, end=times, payment=texts, issued_at=times),
    Assignment: st.builds(Assignment, target=statements_named, grantee=words, issued_at=times),
    SeatClaim: st.builds(
        SeatClaim, target=statements_named, holder=words, freed=st.booleans(), issued_at=times
    ),
    Update: st.builds(
        Update,
        parent=digests,
        before=digests,
        after=st.just(Digest("blake3:" + 64 * "0")),
        added=counts,
        removed=counts,
        changed=counts,
        kept=counts,
        proof=digests,
        issued_at=times,
    ),
    UsageClaim: st.builds(
        UsageClaim,
        target=digests,
        chain=st.binary(min_size=16, max_size=16).map(bytes.hex),
        head=digests,
        first=st.integers(1, 10**6),
        last=st.integers(10**6, 10**9),
        totals=st.dictionaries(words, counts, min_size=1, max_size=4),
        began=st.just(edges[0].replace(tzinfo=UTC)),
        ended=times,
        export=st.just("") | digests,
        issued_at=times,
    ),
}
subjects = st.builds(Subject, name=words, bundle=digests, weights=st.none() | digests)
claims = st.one_of(*KINDS.values())
statements = st.builds(Statement, subject=subjects, claim=claims)
envelopes = st.builds(
    Envelope,
    payload=st.binary(max_size=200),
    payload_type=st.text(
        st.characters(codec="ascii", exclude_characters='"\\', exclude_categories=["C"]), min_size=1
    ),
    signatures=st.lists(
        st.builds(Signature, key_id=key_ids, value=st.binary(max_size=80)),
        min_size=1,
        max_size=4,
        unique_by=lambda each: each.key_id,
    ).map(tuple),
)
names = st.lists(st.sampled_from(["alice", "bob", "carol", "dave"]), min_size=1, unique=True)


@pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])
@given(data=st.data(), subject=subjects)
def test_every_claim_comes_back(kind: type[Claim], data: st.DataObject, subject: Subject) -> None:
    one = Statement(subject=subject, claim=data.draw(KINDS[kind]))
    back = Statement.decode(one.encode())
    assert back == one
    assert type(back.claim) is kind
    assert back.digest == one.digest


@given(one=statements, hours=st.integers(-12, 12))
def test_zone_of_a_time_makes_no_difference(one: Statement, hours: int) -> None:
    moment = one.claim.issued_at.astimezone(UTC)
    assert Statement.decode(one.encode()).claim.issued_at == moment + timedelta(hours=hours) - timedelta(
        hours=hours
    )


@given(one=envelopes)
def test_envelope_comes_back_and_is_canonical(one: Envelope) -> None:
    assert Envelope.decode(one.encode()) == one
    assert one.encode() == encoding.encode(json.loads(one.encode())) == encoding.encode(one.to_json())


@given(one=statements, who=names, index=st.integers(0, 40), more=st.integers(1, 40))
def test_bundle_comes_back_and_verifies(one: Statement, who: list[str], index: int, more: int) -> None:
    envelope = sign(one, [signer(name) for name in who])
    whole = Bundle(envelope=envelope, receipt=receipt(envelope, index=index, size=index + more))
    back = Bundle.decode(whole.encode())
    assert back == whole
    evidence = verify_bundle(back, trust(*who), Policy(threshold=len(who)), NOW)
    assert evidence.statement == one
    assert evidence.identities == tuple(sorted(f"{name}@example.com" for name in who))
    assert Bundle.decode(Bundle(envelope=envelope).encode()) == Bundle(envelope=envelope)


@given(
    who=names,
    known=st.lists(st.tuples(st.none() | times, st.integers(1, 10**6)), max_size=4),
    threshold=st.integers(1, 4),
    logs=st.lists(st.sampled_from(["a.example/1", "b.example/2", "c.example"]), unique=True),
)
def test_trust_root_comes_back(
    who: list[str], known: list[tuple[datetime | None, int]], threshold: int, logs: list[str]
) -> None:
    spans = {name: known[place] for place, name in enumerate(who) if place < len(known)}
    keys: list[TrustedKey] = []
    for name in who:
        start, seconds = spans.get(name, (None, 0))
        end = None if start is None or start.year > 9000 else start + timedelta(seconds=seconds)
        keys.append(TrustedKey(identity=name, key=public(name), valid_from=start, valid_until=end))
    root = TrustRoot(
        keys=tuple(keys), logs=tuple(log_key(name) for name in logs), policy=Policy(threshold=threshold)
    )
    assert TrustRoot.decode(root.encode()) == root
    assert TrustRoot().merge(root) == root
    assert root.merge(root) == root


@given(one=statements, who=names, trusted=names, threshold=st.integers(1, 5))
def test_threshold_is_met_by_known_signers_only(
    one: Statement, who: list[str], trusted: list[str], threshold: int
) -> None:
    envelope = sign(one, [signer(name) for name in who])
    both = set(who) & set(trusted)
    policy = Policy(threshold=threshold)
    if not both:
        with pytest.raises(UntrustedKeyError):
            verify_envelope(envelope, trust(*trusted), policy, NOW)
    elif len(both) < threshold:
        with pytest.raises(PolicyError, match=f"has {len(both)} signatures.*needs {threshold}"):
            verify_envelope(envelope, trust(*trusted), policy, NOW)
    else:
        evidence = verify_envelope(envelope, trust(*trusted), policy, NOW)
        assert evidence.identities == tuple(sorted(f"{name}@example.com" for name in both))


@given(one=statements, bit=st.integers(0, 64 * 8 - 1))
def test_one_bit_of_a_signature_breaks_it(one: Statement, bit: int) -> None:
    envelope = sign(one, [signer("alice")])
    value = bytearray(envelope.signatures[0].value)
    value[bit // 8] ^= 1 << (bit % 8)
    forged = Envelope(
        payload=envelope.payload,
        payload_type=envelope.payload_type,
        signatures=(Signature(key_id=envelope.signatures[0].key_id, value=bytes(value)),),
    )
    with pytest.raises(SignatureError):
        verify_envelope(forged, trust("alice"), Policy(), NOW)


@given(one=statements, other=statements)
def test_receipt_is_for_one_envelope(one: Statement, other: Statement) -> None:
    mine, theirs = sign(one, [signer("alice")]), sign(other, [signer("alice")])
    swapped = Bundle(envelope=mine, receipt=receipt(theirs))
    if mine == theirs:
        return
    with pytest.raises(InclusionError):
        verify_bundle(swapped, trust("alice"), Policy(), NOW)
