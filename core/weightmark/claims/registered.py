"""Verifying that a bundle is a registration, signed by the owner that it names.

Not promised: that the model at hand is the registered one. That needs its fingerprint.
"""

from datetime import datetime

from weightmark.claims.bundle import Bundle
from weightmark.claims.policy import Policy
from weightmark.claims.registration import Registration
from weightmark.claims.trust import TrustRoot
from weightmark.claims.verify import Evidence, verify_bundle
from weightmark.errors import MalformedError, PolicyError


def verify_registration(
    bundle: Bundle, trust: TrustRoot, policy: Policy | None, at: datetime
) -> tuple[Evidence, Registration]:
    """Verify a registration: its signatures, its receipt, and that its owner signed it.

    Args:
        bundle: the registration, with its receipt.
        trust: where we start from.
        policy: how many must have signed, and who; None for what the trust root asks for.
        at: the moment at which keys must be valid, with a zone.

    Returns:
        Who signed what, and the registration.

    Raises:
        MalformedError: the bundle is not about a registration.
        PolicyError: its owner did not sign it, or too few did.
        VerificationError: a signature, a key or a proof does not hold.
    """
    evidence = verify_bundle(bundle, trust, policy, at)
    claim = evidence.statement.claim
    if not isinstance(claim, Registration):
        raise MalformedError(
            f"the bundle holds a {claim.predicate_type.value} statement, not a registration",
            hint="Give the bundle that `weightmark register --bundle FILE` wrote.",
        )
    if claim.owner not in evidence.identities:
        raise PolicyError(
            f"{claim.owner} is named as owner, but the registration is signed by"
            f" {', '.join(evidence.identities)}",
            hint=f"Ask {claim.owner} for a bundle they signed; the trust root says whose keys are whose.",
        )
    return evidence, claim
