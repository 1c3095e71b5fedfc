"""What can be said of a grant in the course of its life.

Not here: who may say it. Whoever reads the ledger hands in only what counts.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from weightmark.licensing.grant import Grant


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """It is granted.

    Args:
        grant: what.
    """

    grant: Grant


@dataclass(frozen=True, slots=True, kw_only=True)
class Consented:
    """Somebody says yes.

    Args:
        target: to what: the id of the grant, of an amendment or of an assignment.
    """

    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Amended:
    """Another grant is put in its place.

    Args:
        grant: the whole of it.
    """

    grant: Grant


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """It is handed over.

    Args:
        grantee: to whom.
    """

    grantee: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """It is taken back.

    Args:
        effective_at: from when, with a zone; None for as soon as may be.
        notice: whether the grant's period of notice applies.
    """

    effective_at: datetime | None = None
    notice: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspended:
    """It is out of effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reinstated:
    """It is in effect again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """Its end is moved.

    Args:
        end: the new one, with a zone.
    """

    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Seated:
    """A seat is taken or freed.

    Args:
        holder: whose.
        freed: whether it is freed.
    """

    holder: str
    freed: bool = False


Act: TypeAlias = (
    Granted | Consented | Amended | Assigned | Revoked | Suspended | Reinstated | Renewed | Seated
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantEvent:
    """One statement about a grant that counts.

    Args:
        id: the digest of the statement.
        at: when it was said, as its signers say, with a zone.
        by: whose signatures it has.
        licensor: who stood as the licensor when it was recorded: the model's owner, or for a sublicence
            whoever held the grant above it.
        act: what was said.
    """

    id: str
    at: datetime
    by: frozenset[str]
    licensor: str
    act: Act
