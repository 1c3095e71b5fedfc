"""What a licensor makes for machines without a network: licence files, and the status list of all grants.

Not here: the ledger's own grants; see ``granting``.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from weightmark.claims import Subject
from weightmark.claims.offline.bitstring_status import sign_bitstring
from weightmark.claims.offline.licence_file import LicenceFile, StatusReference, sign_licence
from weightmark.claims.offline.status_list import Status, StatusList
from weightmark.claims.offline.status_token import StatusToken, sign_status
from weightmark.encoding import Digest
from weightmark.errors import (
    ExpiredError,
    GrantRevokedError,
    LicensingError,
    NotEntitledError,
    UnknownGrantError,
)
from weightmark.index import KnownGrant, RegisteredModel
from weightmark.licensing import GrantState, IssuedGrant
from weightmark.vocabulary import Predicate
from weightmark.workspace.lineage import works_of
from weightmark.workspace.offline.machine import check_name
from weightmark.workspace.resource import Resources

EXPIRES: Final = timedelta(days=30)
TTL: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A status list in both its forms.

    Attributes:
        token: what it says.
        signed: the IETF's form, a line of ASCII.
        credential: the W3C's form, a line of ASCII.
        counts: how many grants have each status; places of other entries are not counted.
    """

    token: StatusToken
    signed: bytes
    credential: bytes
    counts: dict[Status, int]


def issue_licence(  # noqa: PLR0913 - what a licensor may say
    resources: Resources,
    grant: Digest,
    at: datetime,
    *,
    machine: str = "",
    seat: str = "",
    status_uri: str = "",
    status_optional: bool = False,
    lasting: timedelta | None = None,
) -> tuple[bytes, LicenceFile]:
    """Sign a licence file for a grant of ours.

    Args:
        resources: whose key, which ledger.
        grant: the grant's id.
        at: the present time, with a zone.
        machine: the only machine on which it counts, as ``weightmark license machine`` names it there.
        seat: the only seat for which it counts; one of the grant's, when the grant has seats.
        status_uri: the name of the list that says whether the grant still holds; empty for none.
        status_optional: whether the file counts without that list.
        lasting: how long the file counts at most; None for as long as the grant and its grace.

    Returns:
        The file's bytes, and what they say.

    Raises:
        UnknownGrantError: there is no such grant.
        NotEntitledError: it is neither ours nor for a model of ours, or it has no such seat.
        GrantRevokedError: it was revoked.
        LicensingError: it waits for somebody, or is suspended.
        ExpiredError: it is over.
        UntrustedKeyError: our key may not speak for our party.
        MalformedError: the machine's name is none, or the file would be too long.
    """
    resources.require_own_key(at)
    model, known, issued = _own_grant(resources, grant, at)
    _check_holds(issued, at)
    if machine:
        check_name(machine)
    if seat and issued.grant.seats is not None:
        issued = _for_seat(issued, seat)
    # Which holds now is said by who issues it; a machine whose clock is a little behind must not ask again.
    issued = replace(issued, since=None)
    status = None
    if status_uri:
        status = StatusReference(uri=status_uri, index=known.entry, optional=status_optional)
    ends = [issued.grant.window.last, None if lasting is None else at + lasting]
    licence = LicenceFile(
        id=secrets.token_hex(16),
        issuer=resources.configuration.party.name,
        grantee=issued.grant.grantee,
        issued_at=at.replace(microsecond=0),
        not_before=issued.grant.start.replace(microsecond=0),
        expires_at=min((end for end in ends if end is not None), default=None),
        grant=issued,
        model=Subject(name=model.name, bundle=model.bundle, weights=model.weights),
        works=works_of(resources.index, model),
        status=status,
        machine=machine,
        seat=seat,
    )
    signer = resources.signer
    return sign_licence(licence, key=signer.public_key, sign=signer.sign), licence


def publish_status(
    resources: Resources, uri: str, at: datetime, *, ttl: timedelta = TTL, expires: timedelta = EXPIRES
) -> Published:
    """Sign the status of all grants of ours, each at the place of its ledger entry.

    Args:
        resources: whose key, which ledger.
        uri: the list's name, as licence files name it.
        at: the present time, with a zone.
        ttl: after how long a newer list should be there.
        expires: after how long the list may no longer be used.

    Raises:
        UntrustedKeyError: our key may not speak for our party.
        MalformedError: there are more entries than a list can hold, or the times make no sense.
    """
    resources.require_own_key(at)
    size = resources.ledger.checkpoint().checkpoint.size
    found = dict(_statuses(resources, at))
    made = at.replace(microsecond=0)
    token = StatusToken(
        issuer=resources.configuration.party.name,
        uri=uri,
        issued_at=made,
        expires_at=made + expires,
        ttl=ttl,
        statuses=StatusList.pack(found, size=size),
    )
    signer = resources.signer
    return Published(
        token=token,
        signed=sign_status(token, key=signer.public_key, sign=signer.sign),
        credential=sign_bitstring(token, key=signer.public_key, sign=signer.sign),
        counts={status: sum(1 for each in found.values() if each is status) for status in Status},
    )


def edition_at(editions: Sequence[IssuedGrant], at: datetime) -> IssuedGrant | None:
    """Give the edition of a grant that holds at a moment; None when none does.

    Raises:
        TypeError: the moment has no zone.
    """
    for edition in editions:
        if (edition.since is None or edition.since <= at) and (edition.until is None or at < edition.until):
            return edition
    return None


def status_at(editions: Sequence[IssuedGrant], at: datetime) -> Status:
    """Say what a status list says of a grant; a sublicence is never better off than what it is under.

    Raises:
        TypeError: the moment has no zone.
    """
    edition = edition_at(editions, at)
    if edition is None or (edition.revoked_at is not None and edition.revoked_at <= at):
        return Status.INVALID
    above = status_at(edition.under, at) if edition.under else Status.VALID
    if above is Status.INVALID:
        return above
    return Status.VALID if edition.state is GrantState.IN_EFFECT and not above else Status.SUSPENDED


def _own_grant(
    resources: Resources, grant: Digest, at: datetime
) -> tuple[RegisteredModel, KnownGrant, IssuedGrant]:
    known = resources.index.grant(grant)
    model = None if known is None else resources.index.find(known.bundle)
    if known is None or model is None:
        raise UnknownGrantError(f"the ledger has no grant {grant}", hint=_SEE)
    edition = edition_at(known.editions, at)
    if edition is None:
        raise NotEntitledError(f"the grant {grant} does not hold now", hint=_SEE)
    party, licensor = resources.configuration.party.name, edition.grant.licensor
    if party not in (licensor, model.owner):
        raise NotEntitledError(
            f"only {licensor}, who granted it, and {model.owner}, who owns {model.name}, may issue a licence"
            f" file for the grant {grant}; this workspace speaks for {party}",
            hint=f"Ask {licensor}, or speak as them: --as {licensor} --key file:THEIR-KEY.pem.",
        )
    return model, known, edition


def _check_holds(issued: IssuedGrant, at: datetime) -> None:
    last = issued.grant.window.last
    if issued.revoked_at is not None and issued.revoked_at <= at:
        raise GrantRevokedError(
            f"the grant {issued.id} was revoked at {issued.revoked_at:%Y-%m-%d %H:%M:%S} UTC",
            hint="Grant it anew: `weightmark grant MODEL --to NAME --for WHAT`.",
        )
    if issued.state is not GrantState.IN_EFFECT:
        raise LicensingError(
            f"the grant {issued.id} is {issued.state.value}, so no licence file can be issued for it",
            hint="Let it be accepted, approved or reinstated first: `weightmark grants show GRANT`.",
        )
    if last is not None and last <= at:
        raise ExpiredError(
            f"the grant {issued.id} ended at {last:%Y-%m-%d %H:%M:%S} UTC, with its grace",
            hint="Renew it first.",
        )


def _for_seat(issued: IssuedGrant, seat: str) -> IssuedGrant:
    """Leave one seat of a grant, and name nobody else's."""
    if seat not in issued.holders:
        held = ", ".join(sorted(issued.holders)) or "nobody"
        raise NotEntitledError(
            f"{seat} has no seat of the grant {issued.id}; its seats are held by {held}",
            hint=f"Give them one: `weightmark grants seat add {issued.id} {seat}`.",
        )
    return replace(issued, holders=frozenset({seat}))


def _statuses(resources: Resources, at: datetime) -> Iterator[tuple[int, Status]]:
    """Go through all grants that are ours to speak of: those we gave, and those for models we own."""
    party, index = resources.configuration.party.name, resources.index
    models: dict[Digest, tuple[str, Mapping[str, Sequence[IssuedGrant]]]] = {}
    for entry in index.history():
        if not entry.accepted or entry.predicate_type != Predicate.GRANT:
            continue
        bundle = index.granted_model(entry.statement)
        if bundle is None:
            continue
        if bundle not in models:
            models[bundle] = _owner_and_grants(resources, bundle)
        owner, grants = models[bundle]
        editions = grants.get(entry.statement, ())
        if owner == party or any(issued.grant.licensor == party for issued in editions):
            yield entry.index, status_at(editions, at)


def _owner_and_grants(
    resources: Resources, bundle: Digest
) -> tuple[str, Mapping[str, Sequence[IssuedGrant]]]:
    model = resources.index.find(bundle)
    if model is None:
        return "", {}
    grants: dict[str, list[IssuedGrant]] = {}
    subjects = [digest for digest in (model.bundle, model.weights) if digest is not None]
    for issued in resources.index.grants(subjects):
        grants.setdefault(issued.id, []).append(issued)
    return model.owner, grants


_SEE = "See the ids with `weightmark history MODEL`."
