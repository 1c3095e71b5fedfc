"""From a claim to a ledger entry: say it, sign it, append it, project it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from weightmark.claims import (
    Bundle,
    Claim,
    Derivation,
    Envelope,
    Likeness,
    Registration,
    Statement,
    Subject,
    sign,
)
from weightmark.encoding import Digest
from weightmark.errors import InclusionError, LicensingError, NotEntitledError
from weightmark.fingerprinting import Fingerprint
from weightmark.index import RegisteredModel
from weightmark.licensing import resolve_license
from weightmark.licensing.expression import Unknown
from weightmark.log import Receipt
from weightmark.model import ModelManifest, Parent, Relation
from weightmark.model.card import split_names
from weightmark.ports import ResolvedModel
from weightmark.vocabulary import Fact
from weightmark.workspace.realm import into_realm
from weightmark.workspace.resource import Resources

PARENTS_PER_STATEMENT = 8
"""So that a statement of derivation stays under its bound of 4,000 bytes even with long URIs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One statement that is in the ledger now.

    Attributes:
        statement: what was said; its digest is its id.
        receipt: the ledger's receipt.
    """

    statement: Statement
    receipt: Receipt


def record(resources: Resources, subject: Subject, claims: Sequence[Claim], at: datetime) -> list[Recorded]:
    """Sign claims about one model and record them, all or none.

    Args:
        resources: whose key, which ledger.
        subject: the model.
        claims: in order.
        at: the present time.

    Raises:
        UntrustedKeyError: our key may not speak for our party; nothing was recorded.
        LedgerError: recording failed; says whether it may have happened.
    """
    (answer,) = record_all(resources, [(subject, claims)], at)
    if isinstance(answer, Exception):
        raise answer
    return answer


def record_all(
    resources: Resources, said: Sequence[tuple[Subject, Sequence[Claim]]], at: datetime
) -> list[list[Recorded] | Exception]:
    """Sign claims about several models and record them together.

    Args:
        resources: whose key, which ledger.
        said: of each model, what is said about it, in order.
        at: the present time.

    Returns:
        For each model what was recorded; or why nothing of it could be signed.

    Raises:
        UntrustedKeyError: our key may not speak for our party; nothing was recorded.
        LedgerError: recording failed; says whether it may have happened.
    """
    resources.require_own_key(at)
    signed = [_sign(resources, subject, claims) for subject, claims in said]
    whole = [each for each in signed if not isinstance(each, Exception)]
    receipts = iter(resources.ledger.append_all([envelope for each in whole for _, envelope in each]))
    resources.catch_up()
    return [
        each
        if isinstance(each, Exception)
        else [Recorded(statement=statement, receipt=next(receipts)) for statement, _ in each]
        for each in signed
    ]


def _sign(
    resources: Resources, subject: Subject, claims: Sequence[Claim]
) -> list[tuple[Statement, Envelope]] | Exception:
    """Sign what is said about one model; what cannot be signed keeps no other from being recorded."""
    try:
        statements = [Statement(subject=subject, claim=claim) for claim in claims]
        return [(statement, sign(statement, [resources.signer.sign])) for statement in statements]
    except Exception as error:
        return error


def registration_claims(  # noqa: PLR0913 - each is said in the statement
    fingerprint: Fingerprint,
    *,
    owner: str,
    presumed: bool,
    license_: str | None,
    parents: Sequence[Parent],
    at: datetime,
    likeness: tuple[Likeness, ...] = (),
) -> list[Claim]:
    """Say what is said when a model is registered for the first time."""
    manifest = fingerprint.manifest
    license_ = None if license_ is None else canonical_license(license_)
    registration = Registration(
        owner=owner,
        license=license_,
        presumed=presumed,
        algorithm=fingerprint.algorithm,
        tensors=fingerprint.tensors,
        architecture=fingerprint.architecture,
        manifest=manifest.digest,
        likeness=likeness,
        files=len(manifest.files),
        size=sum(file.size for file in manifest.files),
        issued_at=at,
    )
    return [registration, *derivation_claims(parents, at)]


def canonical_license(text: str) -> str | None:
    """Spell a licence as SPDX does, where it is known; None when it says that nothing is said.

    >>> canonical_license("apache-2.0 or mit")
    'Apache-2.0 OR MIT'
    """
    expression = resolve_license(text)
    if expression is None:
        return None
    return text.strip() if isinstance(expression, Unknown) else expression.text


def derivation_claims(parents: Sequence[Parent], at: datetime) -> list[Claim]:
    """Say what a model was derived from, in as many statements as it takes."""
    groups = range(0, len(parents), PARENTS_PER_STATEMENT)
    return [
        Derivation(parents=tuple(parents[start : start + PARENTS_PER_STATEMENT]), issued_at=at)
        for start in groups
    ]


def find_parents(
    resources: Resources, references: Sequence[str], relation: Relation = Relation.FINE_TUNE
) -> list[Parent]:
    """Turn what a user wrote about base models into parents; an unregistered one keeps its URI only."""
    parents: dict[Digest | str, Parent] = {}
    for reference in references:
        known = resources.index.find(reference)
        if known is None and reference.startswith("/") and reference.isprintable():
            known = resources.index.find(Path(reference).as_uri())  # an adapter names its base by a path
        subject = None if known is None else known.bundle
        uri = "" if reference == subject else into_realm(reference, resources.configuration.realm)
        parents[subject or reference] = Parent(subject=subject, relation=relation, uri=uri)
    return list(parents.values())


def require_owner(resources: Resources, model: RegisteredModel, what: str) -> None:
    """Check that our party owns a model, before something is recorded that only its owner may say.

    Raises:
        NotEntitledError: somebody else owns it.
    """
    party = resources.configuration.party.name
    if model.owner != party:
        raise NotEntitledError(
            f"only {model.owner}, who owns {model.name}, may {what}; this workspace speaks for {party}",
            hint=f"Ask {model.owner}, or speak as them: --as {model.owner} --key file:THEIR-KEY.pem.",
        )


def require_stated_owner(party: str, uri: str, model: RegisteredModel | None, stated: str | None) -> None:
    """Check that who is stated to own a model is who it can be recorded for.

    Args:
        party: for whom this workspace speaks.
        uri: the model, for the message.
        model: it, when it is registered already.
        stated: its owner as its user stated it; None when nobody did.

    Raises:
        LicensingError: it is somebody else.
    """
    owners: set[str | None] = {None} if model is None else {None, model.owner}
    if model is None or model.presumed:
        owners.add(party)
    if stated in owners:
        return
    held = (
        f"{party}, for whom this workspace speaks" if model is None else f"{model.owner}, who registered it"
    )
    raise LicensingError(
        f"{uri} states the owner {stated}, but it can only be recorded as owned by {held}",
        hint=f"Let {stated} register it with their own key, or leave the owner out.",
    )


def data_of(resolved: ResolvedModel) -> list[Parent]:
    """Give the data sets that the platform knows a model was trained and evaluated on."""
    return [
        Parent(subject=None, relation=relation, uri=uri)
        for fact, relation in (
            (Fact.DATASETS, Relation.TRAINED_ON),
            (Fact.EVALUATED_ON, Relation.EVALUATED_ON),
        )
        for uri in split_names(resolved.facts.get(fact, ""))
    ]


def manifest_of(resources: Resources, model: RegisteredModel) -> ModelManifest | None:
    """Give the registered manifest of a model; None when the store does not have it.

    Raises:
        DigestMismatchError: what the store has is not it.
    """
    data = resources.store.get(model.manifest)
    return None if data is None else ModelManifest.decode(data)


def bundle_of(resources: Resources, model: RegisteredModel) -> Bundle:
    """Give the registration of a model with a proof under the newest checkpoint.

    Raises:
        InclusionError: the ledger has no such entry.
        LedgerError: the ledger cannot be read.
    """
    return prove_entry(resources, model.entry)


def prove_entry(resources: Resources, index: int) -> Bundle:
    """Give one ledger entry with a proof under the newest checkpoint.

    Raises:
        InclusionError: the ledger has no such entry.
        LedgerError: the ledger cannot be read.
    """
    ledger = resources.ledger
    checkpoint = ledger.checkpoint()
    size = checkpoint.checkpoint.size
    entry = next(ledger.entries(index, index + 1), None) if index < size else None
    if entry is None:
        raise InclusionError(
            f"the ledger {ledger.origin} has {size} entries and no entry {index}", hint=_COUNT
        )
    receipt = Receipt(index=index, proof=ledger.prove_inclusion(index, size), checkpoint=checkpoint)
    return Bundle(envelope=entry.envelope, receipt=receipt)


_COUNT = "See what is there with `weightmark history`; entries are counted from 0."
