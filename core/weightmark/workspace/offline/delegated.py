"""What a ledger and a meter add to a token: the grant as it is now, what was used, and what was revoked."""

from __future__ import annotations  # so that sqlite3 is read only when something is counted

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from weightmark.claims.delegation.delegation import Delegation
from weightmark.claims.delegation.revoked_token import MAX_LIST, RevokedToken, RevokedTokens
from weightmark.claims.trust import TrustRoot
from weightmark.errors import NotEntitledError, QuotaExceededError, UsageConflictError
from weightmark.workspace.deciding import grants_for
from weightmark.workspace.file import read_bounded, write_whole
from weightmark.workspace.lineage import works_of
from weightmark.workspace.metering import tally
from weightmark.workspace.metering.bounds import editions_of, read_limits
from weightmark.workspace.metering.meter import used
from weightmark.workspace.metering.room import require_room
from weightmark.workspace.metering.usage import check_key, check_units
from weightmark.workspace.offline.delegating import Asked, Known, Used, carried
from weightmark.workspace.resource import Resources

if TYPE_CHECKING:
    import sqlite3

LIST_NAME: Final = "revoked-tokens.json"
FRESH: Final = timedelta(days=7)
"""For so long a list of revoked tokens counts as fresh when nobody says otherwise."""


def known_here(resources: Resources, delegation: Delegation) -> Known | None:
    """Give what the ledger here knows of a token's grant; None when it does not know the grant.

    A grant that it does not know counts for nothing when the ledger knows the model as somebody else's.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    resources.catch_up()
    editions = editions_of(resources, delegation.id)
    subject = delegation.statement.subject
    model = resources.index.find(subject.bundle)
    if model is None and subject.weights is not None and not editions:
        model = next(iter(resources.index.same_weights(subject.weights)), None)
    works = () if model is None else works_of(resources.index, model)
    if not editions:
        strange = any(work.owner != delegation.grant.licensor for work in works)
        return Known(editions=carried(delegation), works=works) if strange else None
    grants = grants_for(resources, works, party=delegation.grant.grantee)
    return Known(editions=editions, works=works, grants=tuple(grants))


def used_here(resources: Resources, delegation: Delegation) -> Used:
    """Give what was counted here under a token's grant and under its blocks.

    Raises:
        LedgerError: the usage file cannot be read.
        MalformedError: it is damaged.
    """
    return used(resources, [delegation.id, *(block.account for block in delegation.blocks)])


def count_delegated(  # noqa: PLR0913 - what is counted, and for whom
    resources: Resources, delegation: Delegation, asked: Asked, name: str, units: int, *, key: str
) -> bool:
    """Count a use of a token under its grant and under every block, as one step.

    The job of a token is its first bearer's: a second party that counts under it is refused.

    Args:
        resources: the usage file; the ledger, where it knows the grant.
        delegation: the token, for which ``decide_delegated`` has just allowed it.
        asked: who uses it, when.
        name: what is counted.
        units: how many.
        key: what names this use; the same key counts once.

    Returns:
        Whether it was counted now; False when it was before.

    Raises:
        QuotaExceededError: so many are not left, of the grant or of a block.
        NotEntitledError: the token's job was used by another party; or the grant does not hold.
        UsageConflictError: the key was counted with another name or number.
        LedgerError: the usage file cannot be written; says whether it may have been counted.
        ValueError: the units or the key are none.
    """
    check_key(key)
    check_units(name, units)
    known = bool(editions_of(resources, delegation.id))
    limits = read_limits(resources, delegation.id) if known else None
    above = () if limits is None else limits.above
    bounded = limits is not None and any(bound.name == name for bound in limits.own(asked.at))
    higher = [block.account for block in reversed(delegation.blocks[:-1])]
    with resources.usage.writing() as connection:
        own = delegation.blocks[-1].account
        account = tally.open_account(connection, own, (*higher, delegation.id, *above))
        _require_same_bearer(connection, delegation, asked)
        before = tally.entry(connection, account, key)
        if before is not None:
            if before != (name, units):
                raise UsageConflictError(f"the key {key!r} was counted as {before[1]} {before[0]}")
            return False
        _require_left(connection, delegation, name, units)
        if limits is not None:
            limits.require_in_effect(asked.at)
            if bounded:
                require_room(connection, limits, name, units, asked.at)
        tally.add_entry(connection, account, key, name, units, asked.at)
    return True


def was_counted(resources: Resources, delegation: Delegation, key: str) -> bool:
    """Say whether a use of a token was counted under a key.

    Raises:
        LedgerError: the usage file cannot be read.
        MalformedError: it is damaged.
    """
    with resources.usage.reading() as connection:
        if connection is None:
            return False
        account = tally.find_account(connection, delegation.blocks[-1].account)
        return account is not None and tally.entry(connection, account, key) is not None


def revoke_token(
    resources: Resources, revocation_id: str, cause: str, at: datetime, *, fresh: timedelta = FRESH
) -> RevokedTokens:
    """Add a block to the list of revoked tokens that our party signs.

    The list lies in the home folder as ``revoked-tokens.json`` and is carried from there. An id that is on it
    keeps its time and cause; the list is signed anew all the same, and is fresh again.

    Args:
        resources: our key and the home folder.
        revocation_id: of the block; everything narrowed from it is revoked too.
        cause: why, for people.
        at: the present time.
        fresh: for how long the list counts as fresh.

    Raises:
        MalformedError: the id is none, the cause does not print, or the list that is there is damaged.
        UntrustedKeyError: our key may not speak for our party.
        LedgerError: the list cannot be written.
    """
    resources.require_own_key(at)
    token = RevokedToken(id=revocation_id, at=at, cause=cause)
    file = resources.configuration.home / LIST_NAME
    with resources.alone():
        before = own_list(resources)
        tokens = () if before is None else before.tokens
        if all(token.id != each.id for each in tokens):
            tokens = (*tokens, token)
        party = resources.configuration.party.name
        listed = RevokedTokens(issuer=party, issued_at=at, fresh_until=at + fresh, tokens=tokens)
        write_whole(file, listed.sign(resources.signer.sign).encode(), shared=True)
    return listed


def own_list(resources: Resources) -> RevokedTokens | None:
    """Give the list in our own home folder; None when nothing was ever revoked.

    Raises:
        MalformedError: it is damaged.
        VerificationError: its signature does not hold.
    """
    file = resources.configuration.home / LIST_NAME
    if not file.exists():
        return None
    return RevokedTokens.verify(read_bounded(file, MAX_LIST), resources.trust, what=str(file))


def read_list(file: Path, trust: TrustRoot, at: datetime) -> RevokedTokens:
    """Verify a list that was carried here, and that it is fresh.

    Raises:
        MalformedError: it is no such list.
        StaleStatusError: it is too old.
        VerificationError: its signature does not hold.
    """
    listed = RevokedTokens.verify(read_bounded(file, MAX_LIST), trust, what=str(file))
    listed.require_fresh(at)
    return listed


def _require_same_bearer(connection: sqlite3.Connection, delegation: Delegation, asked: Asked) -> None:
    """Hold the bearer of a job to the first that used it."""
    for block in delegation.blocks:
        if any(rule.job for rule in block.rules):
            account = tally.open_account(connection, f"{block.account}#bearer", ())
            first = tally.entry(connection, account, "bearer")
            if first is None:
                tally.add_entry(connection, account, "bearer", asked.party, 0, asked.at)
            elif first[0] != asked.party:
                raise NotEntitledError(
                    f"the token's job {asked.job!r} was used by {first[0]}; {asked.party} may not use it too",
                    hint="A job's token is for one bearer: narrow another for each.",
                )


def _require_left(connection: sqlite3.Connection, delegation: Delegation, name: str, units: int) -> None:
    """Hold a use to what each block that bounds it has left."""
    for block in delegation.blocks:
        for rule in block.rules:
            if rule.unit != name:
                continue
            spent = sum(tally.tally(connection, block.account, name))
            if spent + units > rule.limit:
                raise QuotaExceededError(
                    f"the token allows {rule.limit} {name}: {spent} are used, and {units} were asked for",
                    hint="Ask whoever narrowed the token for another.",
                )
