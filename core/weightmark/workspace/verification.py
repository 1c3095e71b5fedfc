"""Is this the model that was registered, by one we trust, in a ledger that holds?"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from weightmark.attribution import format_receipt
from weightmark.claims import Bundle, Evidence, Policy, Registration, TrustRoot, verify_registration
from weightmark.encoding import Json, printable
from weightmark.errors import DigestMismatchError, Failure, MalformedError
from weightmark.fingerprinting import Fingerprint, compare_manifests
from weightmark.model import ModelManifest
from weightmark.vocabulary import SCHEMA_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was found to hold: the evidence.

    Attributes:
        uri: what was verified.
        fingerprint: what was read from the files.
        evidence: who signed what, and in which log it stands.
        registration: the signed registration.
        index: its entry in the log; None when the bundle has no receipt.
    """

    uri: str
    fingerprint: Fingerprint
    evidence: Evidence
    registration: Registration
    index: int | None

    def to_json(self) -> Mapping[str, Json]:
        """Give the evidence in the words of the command line's ``--json``."""
        checkpoint = self.evidence.checkpoint
        receipt = None
        if checkpoint is not None and self.index is not None:
            receipt = format_receipt(checkpoint.origin, self.index)
        return {
            "schema": SCHEMA_VERSION,
            "ok": True,
            "failures": [],
            "uri": self.uri,
            "name": self.evidence.statement.subject.name,
            "bundle": self.fingerprint.bundle,
            "weights": self.fingerprint.weights,
            "owner": self.registration.owner,
            "license": self.registration.license,
            "signers": list(self.evidence.identities),
            "receipt": receipt,
            "log_size": None if checkpoint is None else checkpoint.size,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a model is verified against.

    Attributes:
        bundle: the signed registration with its receipt.
        manifest: the registered manifest, with which a difference can be named; None when it is not at hand.
        trust: where we start from.
        policy: how many must have signed, and who; None for what the trust root asks for.
    """

    bundle: Bundle
    manifest: ModelManifest | None
    trust: TrustRoot
    policy: Policy | None = None


def verify_fingerprint(uri: str, found: Fingerprint, expected: Expectation, at: datetime) -> Verification:
    """Check the signature, the ledger's proof, and then the files.

    Args:
        uri: what is verified, for messages.
        found: what was read from the files, by the registration's algorithm.
        expected: what they are verified against.
        at: the present time.

    Returns:
        The evidence.

    Raises:
        DigestMismatchError: the files are not those that were registered; ``failures`` names them.
        VerificationError: a signature, a key or a proof does not hold.
        MalformedError: the bundle is not about a registration, or the manifest is not its manifest.
    """
    evidence, claim = verify_registration(expected.bundle, expected.trust, expected.policy, at)
    if expected.manifest is not None and expected.manifest.digest != claim.manifest:
        raise MalformedError(
            f"the manifest has the digest {expected.manifest.digest},"
            f" the registration names {claim.manifest}",
            hint="Give the manifest that was written beside this bundle, or none.",
        )
    subject = evidence.statement.subject
    if found.bundle != subject.bundle:
        raise _mismatch(uri, found, subject.name, subject.bundle, expected.manifest)
    receipt = expected.bundle.receipt
    return Verification(
        uri=uri,
        fingerprint=found,
        evidence=evidence,
        registration=claim,
        index=None if receipt is None else receipt.index,
    )


def _mismatch(
    uri: str, found: Fingerprint, name: str, bundle: str, manifest: ModelManifest | None
) -> DigestMismatchError:
    failures = differences(manifest, found)
    if not failures:
        return DigestMismatchError(
            f"{uri} has the fingerprint {found.bundle}; {name} was registered as {bundle}",
            failures=(Failure(reason=f"the fingerprint is {found.bundle}, not {bundle}"),),
            hint="Give --manifest to see which file differs; or this bundle is another model's.",
        )
    return DigestMismatchError(
        f"{uri} is not {name} as it was registered: "
        + "; ".join(name_failure(failure) for failure in failures[:5]),
        failures=failures,
    )


def differences(manifest: ModelManifest | None, found: Fingerprint) -> tuple[Failure, ...]:
    """Name what differs from a registered manifest; nothing when there is none to compare with."""
    if manifest is None or manifest.algorithm != found.algorithm:
        return ()
    return tuple(
        Failure(path=difference.path, tensor=difference.tensor, reason=difference.reason)
        for difference in compare_manifests(manifest, found.manifest)
    )


def name_failure(failure: Failure) -> str:
    """Write one failure as a person reads it; a tensor's name is whatever the file's writer chose."""
    path, verb = printable(failure.path), _VERBS.get(failure.reason, failure.reason)
    if failure.tensor:
        return f"the tensor {printable(failure.tensor)} in {path} {verb}"
    return f"{path or 'the model'} {verb}"


_VERBS = {
    "changed": "was changed",
    "missing": "is missing",
    "unexpected": "was not there",
    "header-changed": "has another header",
}
