"""Signing: a statement goes in, an envelope comes out.

Not here: keys. Whoever holds one hands in a way to sign.
"""

from collections.abc import Callable, Iterable

from weightmark.claims.envelope import Envelope, Signature, pre_authentication
from weightmark.claims.statement import Statement
from weightmark.vocabulary import PAYLOAD_TYPE


def sign(statement: Statement, signers: Iterable[Callable[[bytes], Signature]]) -> Envelope:
    """Sign a statement.

    Args:
        statement: what is said.
        signers: at least one; each is given the pre-authentication encoding and signs it once.

    Returns:
        The envelope, with a signature of each signer.

    Raises:
        MalformedError: the statement is too long, there is no signer, or two signers have the same key.
        ValueError: a time in the statement has no zone.
        WeightmarkError: a signer could not sign.

    Source: DSSE 1.0.2, protocol.md.
    """
    payload = statement.encode()
    message = pre_authentication(PAYLOAD_TYPE, payload)
    signatures = tuple(signer(message) for signer in signers)
    return Envelope(payload=payload, payload_type=PAYLOAD_TYPE, signatures=signatures)
