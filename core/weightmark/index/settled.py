"""The rule by which a settlement of use counts: whoever grants the use says what was used of it."""

from sqlalchemy import Connection

from weightmark.claims import UsageClaim
from weightmark.index.grant_query import granted_model, licensor_of, life_of
from weightmark.index.said import RefusedError, Said, owner_of


def check_settled(connection: Connection, said: Said, claim: UsageClaim) -> None:
    """Check that a settlement counts.

    Raises:
        RefusedError: there is no such grant for this model, or its licensor did not sign.
    """
    owner_of(connection, said)
    life = life_of(connection, claim.target)
    if life is None or granted_model(connection, claim.target) != said.bundle:
        raise RefusedError(f"there is no grant {claim.target} for this model")
    licensor = licensor_of(connection, life, said.bundle)
    if licensor not in said.signers:
        raise RefusedError(f"only {licensor} may settle what was used; {said.voices}")
