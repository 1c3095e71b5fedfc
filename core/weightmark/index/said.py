"""One ledger entry whose signatures hold, and whether its signers may say it."""

from dataclasses import dataclass

from sqlalchemy import Connection, Text, bindparam, select

from weightmark.claims import Statement
from weightmark.encoding import Digest
from weightmark.index.schema import MODEL

_MODEL = select(MODEL).where(MODEL.c.bundle == bindparam("wanted", type_=Text()))


class RefusedError(Exception):
    """The claim does not count.

    Args:
        message: why.
        hint: what to do instead; empty when nothing can be done.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What was said, and by whom.

    Args:
        statement: it.
        digest: the statement's.
        signers: whose signatures hold.
        index: the ledger entry.
        how: how the signers stand to it, for messages.
    """

    statement: Statement
    digest: Digest
    signers: tuple[str, ...]
    index: int
    how: str = "signed by"

    @property
    def voices(self) -> str:
        """Who said it, for messages."""
        return f"{self.how} {names(self.signers)}"

    @property
    def bundle(self) -> Digest:
        """The model that it is about."""
        return self.statement.subject.bundle


def owner_of(connection: Connection, said: Said) -> str:
    """Give the owner of the model that something is said about.

    Raises:
        RefusedError: the model is not registered.
    """
    known = connection.execute(_MODEL, {"wanted": said.bundle}).first()
    if known is None:
        raise RefusedError(f"the model {said.bundle} is not registered")
    return str(known.owner)


def owned(connection: Connection, said: Said) -> str:
    """Check that the owner of a model says something about it; give the owner.

    Raises:
        RefusedError: the model is not registered, or its owner did not sign.
    """
    owner = owner_of(connection, said)
    if owner not in said.signers:
        raise RefusedError(
            f"only {owner}, who owns the model, may say this; {said.voices}",
            hint=f"Ask {owner}, or speak as them: --as {owner} --key file:THEIR-KEY.pem.",
        )
    return owner


def names(parties: tuple[str, ...]) -> str:
    """Write several parties as one text."""
    return ", ".join(parties) or "nobody known"
