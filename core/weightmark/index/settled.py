"""The rule by which a settlement of use counts: whoever grants the use says what was used of it."""

from sqlalchemy import Connection

from weightmark.claims import UsageClaim
from weightmark.index.grant_query import licensor_of, life_of
from weightmark.index.said import RefusedError, Said, names


def check_settled(connection: Connection, said: Said, claim: UsageClaim) -> None:
    """Check that a settlement counts.

    Raises:
        RefusedError: there is no such grant for this model, or its licensor did not sign.
    """
    life = life_of(connection, claim.target)
    if life is None:
        raise RefusedError(f"there is no grant {claim.target}")
    licensor = licensor_of(connection, life, said.bundle)
    if not {licensor, life.origin.licensor} & set(said.signers):
        raise RefusedError(f"only {licensor} may settle what was used; signed by {names(said.signers)}")
