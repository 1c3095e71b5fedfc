"""Verifying: a bundle goes in, evidence comes out, or it raises.

Not promised: that the claim is true. Evidence says who signed what, and that a log recorded it.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from weightmark.claims.bundle import Bundle
from weightmark.claims.envelope import Envelope
from weightmark.claims.policy import Policy
from weightmark.claims.statement import Statement
from weightmark.claims.trust import TrustedKey, TrustRoot
from weightmark.encoding import Digest, KeyId, format_time, parse_digest
from weightmark.errors import (
    DigestMismatchError,
    ExpiredError,
    InclusionError,
    MalformedError,
    PolicyError,
    SignatureError,
    UntrustedKeyError,
    VerificationError,
)
from weightmark.log.checkpoint import Checkpoint
from weightmark.log.receipt import verify_receipt
from weightmark.vocabulary import PAYLOAD_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was verified; whoever holds it need not verify again.

    Attributes:
        statement: what was said.
        identities: who said it: those whose signatures counted, in order of their names, none twice.
        key_ids: with which keys, in order.
        checkpoint: the log's checkpoint under which it is recorded; None when no receipt was checked.
    """

    statement: Statement
    identities: tuple[str, ...]
    key_ids: tuple[KeyId, ...]
    checkpoint: Checkpoint | None = None

    def require_subject(self, bundle: Digest, weights: Digest | None = None) -> None:
        """Check that the statement is about this model.

        Args:
            bundle: the bundle digest of the model at hand.
            weights: its weights digest; None when no format could read its tensors.

        Raises:
            DigestMismatchError: it is about another model; the message names both digests.
            MalformedError: an argument is no digest.
        """
        subject = self.statement.subject
        found, expected = parse_digest(bundle), parse_digest(subject.bundle)
        if found[0] != expected[0]:
            raise DigestMismatchError(
                f"the statement about {subject.name!r} is by {expected[0].value} ({subject.bundle}), "
                f"the model at hand was digested by {found[0].value} ({bundle})",
                hint=f"Take the model's fingerprint again with {expected[0].value}.",
            )
        if bundle != subject.bundle:
            same = weights is not None and weights == subject.weights
            raise DigestMismatchError(
                f"the statement is about another model: {subject.name!r} is {subject.bundle}, "
                f"the model at hand is {bundle}",
                hint="The weights are the same; other files, names or formats differ. Compare the manifests."
                if same
                else "Compare the model with its registered manifest to see which files differ.",
            )
        if weights is not None and subject.weights is not None and weights != subject.weights:
            raise DigestMismatchError(
                f"the statement is about other weights: {subject.name!r} has {subject.weights}, "
                f"the model at hand has {weights}",
                hint="The same files were read differently; check the versions of the format plugins.",
            )


def verify_envelope(envelope: Envelope, trust: TrustRoot, policy: Policy | None, at: datetime) -> Evidence:
    """Verify the signatures of an envelope and read its statement.

    A signature by a key that is not in the trust root is passed over. One that is, and does not fit, ends it.
    Keys outside their time do not count. Each identity counts once, however many keys it has.

    Args:
        envelope: what to verify.
        trust: whose keys are whose.
        policy: how many, and whose; None for the trust root's own, or one signature of anybody in it.
        at: the moment at which keys must be valid, with a zone.

    Returns:
        Evidence without a checkpoint.

    Raises:
        MalformedError: what was signed is not a statement.
        UntrustedKeyError: no key is in the trust root.
        SignatureError: a known key's signature does not fit.
        ExpiredError: there would be enough signatures if some keys were valid at that moment.
        PolicyError: there are not enough.
        VerificationError: anything else that went wrong: verifying fails closed.

    Source: DSSE 1.0.2, protocol.md.
    """
    with _door("the envelope"):
        return _verify_envelope(envelope, trust, policy, at)


def verify_bundle(
    bundle: Bundle, trust: TrustRoot, policy: Policy | None, at: datetime, *, require_receipt: bool = True
) -> Evidence:
    """Verify a bundle: its signatures, its statement and its receipt; without a network.

    Args:
        bundle: what to verify.
        trust: whose keys are whose, and which logs are believed.
        policy: as for `verify_envelope`.
        at: as for `verify_envelope`.
        require_receipt: whether it must be recorded in a log of the trust root. When it need not be, a
            receipt of an unknown log is passed over; one of a known log must hold all the same.

    Returns:
        Evidence, with the checkpoint when the receipt was checked.

    Raises:
        MalformedError: what was signed is not a statement, or the receipt is not one.
        InclusionError: there is no receipt, or it does not hold.
        VerificationError: as for `verify_envelope`.
    """
    with _door("the bundle"):
        evidence = _verify_envelope(bundle.envelope, trust, policy, at)
        checkpoint = _verify_receipt(bundle, trust, require_receipt=require_receipt)
        return Evidence(
            statement=evidence.statement,
            identities=evidence.identities,
            key_ids=evidence.key_ids,
            checkpoint=checkpoint,
        )


def _verify_receipt(bundle: Bundle, trust: TrustRoot, *, require_receipt: bool) -> Checkpoint | None:
    if bundle.receipt is None:
        if require_receipt:
            raise InclusionError(
                "the bundle has no receipt: no log says that it recorded the statement",
                hint="Ask the signer for the bundle with its receipt, or allow bundles without one.",
            )
        return None
    try:
        return verify_receipt(bundle.envelope.encode(), bundle.receipt, trust.logs)
    except UntrustedKeyError:
        if require_receipt:
            raise
        return None


def _verify_envelope(envelope: Envelope, trust: TrustRoot, policy: Policy | None, at: datetime) -> Evidence:
    policy = policy or trust.policy or Policy()
    if envelope.payload_type != PAYLOAD_TYPE:
        raise MalformedError(
            f"the envelope's payload type is {envelope.payload_type!r}, not {PAYLOAD_TYPE!r}"
        )
    good, late = _signed_by(envelope, trust, policy, at)
    identities = {trusted.identity for trusted in good}
    if len(identities) < policy.threshold:
        _refuse(policy, identities, late, at)
    return Evidence(
        statement=Statement.decode(envelope.payload),
        identities=tuple(sorted(identities)),
        key_ids=tuple(sorted(trusted.key.key_id for trusted in good)),
    )


def _signed_by(
    envelope: Envelope, trust: TrustRoot, policy: Policy, at: datetime
) -> tuple[list[TrustedKey], list[TrustedKey]]:
    """Check every signature of a known key; give those that count, and those that would at another time."""
    message = envelope.signed_bytes
    good: list[TrustedKey] = []
    late: list[TrustedKey] = []
    known = False
    for signature in envelope.signatures:
        trusted = trust.find(signature.key_id)
        if trusted is None:
            continue
        known = True
        try:
            trusted.key.verify(message, signature.value)
        except SignatureError as error:
            raise SignatureError(
                f"the signature of {trusted.identity} (key {signature.key_id}) does not fit the statement"
            ) from error
        if policy.counts(trusted.identity):
            (good if trusted.is_valid(at) else late).append(trusted)
    if not known:
        key_ids = ", ".join(signature.key_id for signature in envelope.signatures)
        raise UntrustedKeyError(f"none of the keys that signed is in the trust root: {key_ids}")
    return good, late


def _refuse(policy: Policy, identities: set[str], late: list[TrustedKey], at: datetime) -> None:
    if len(identities | {trusted.identity for trusted in late}) >= policy.threshold:
        keys = ", ".join(
            f"{trusted.identity} (key {trusted.key.key_id}, valid "
            f"{'from ' + format_time(trusted.valid_from) + ' ' if trusted.valid_from else ''}"
            f"{'until ' + format_time(trusted.valid_until) if trusted.valid_until else ''}".rstrip()
            + ")"
            for trusted in late
        )
        raise ExpiredError(
            f"at {format_time(at)} these keys did not count: {keys}",
            hint="Ask the signer to sign again with a valid key, or extend the key in the trust root.",
        )
    whose = f" of {', '.join(sorted(policy.identities))}" if policy.identities else ""
    by = ", ".join(sorted(identities)) or "nobody"
    raise PolicyError(
        f"the statement has {len(identities)} signatures that count (by {by}); "
        f"the policy needs {policy.threshold}{whose}"
    )


@contextmanager
def _door(what: str) -> Generator[None]:
    """Let out only the errors that verification promises: whatever else goes wrong, it did not verify."""
    try:
        yield
    except (MalformedError, VerificationError):
        raise
    except Exception as error:
        raise VerificationError(f"{what} could not be verified: {type(error).__name__}: {error}") from error
