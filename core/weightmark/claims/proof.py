"""One file that shows one thing of a registered model, and is checked with no model at hand.

It carries the registration with its receipt, and one of: a tensor, some bytes of a tensor, a file, or what an
update changed; each with the proof that leads to a digest of the registration.

Not promised: that what it shows is secret to whoever holds the file, or that all it hides cannot be guessed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self, TypeAlias

from weightmark.claims.bundle import Bundle
from weightmark.claims.policy import Policy
from weightmark.claims.registered import verify_registration
from weightmark.claims.registration import Registration
from weightmark.claims.statement import Statement
from weightmark.claims.trust import TrustRoot
from weightmark.claims.update import Update, verify_update
from weightmark.claims.verify import Evidence, verify_bundle
from weightmark.encoding import Algorithm, Digest, Json, Record, decode, encode, parse_digest
from weightmark.errors import DigestMismatchError, MalformedError, VerificationError
from weightmark.fingerprinting.shown import ShownBytes, ShownFile, ShownTensor
from weightmark.fingerprinting.update import MAX_SIZE as MAX_UPDATE
from weightmark.fingerprinting.update import UpdateProof
from weightmark.vocabulary import PROOF_MEDIA_TYPE

MAX_SIZE: Final = MAX_UPDATE
"""Bytes of an encoded proof; a longer one is not read."""

_KINDS: Final = ("tensor", "file", "update")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownUpdate:
    """What an update changed.

    Attributes:
        earlier: the earlier model's registration, with its receipt.
        statement: the signed update, with its receipt.
        proof: what changed.
    """

    earlier: Bundle
    statement: Bundle
    proof: UpdateProof


Shown: TypeAlias = ShownTensor | ShownFile | ShownUpdate
"""What a proof shows; bytes are shown with the tensor that they are of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProof:
    """One thing of a registered model.

    Attributes:
        registration: the model's registration, with its receipt.
        shown: what is shown, with its proof.
        part: which bytes of the tensor are shown; None when they are not.
    """

    registration: Bundle
    shown: Shown
    part: ShownBytes | None = None

    @property
    def kind(self) -> str:
        """Give ``tensor``, ``bytes``, ``file`` or ``update``."""
        if isinstance(self.shown, ShownTensor):
            return "tensor" if self.part is None else "bytes"
        return "file" if isinstance(self.shown, ShownFile) else "update"

    def encode(self) -> bytes:
        """Write the proof as canonical JSON.

        Raises:
            MalformedError: a name has no canonical form.
        """
        shown: dict[str, Json]
        if isinstance(self.shown, ShownUpdate):
            shown = {
                "earlier": _json(self.shown.earlier.encode()),
                "statement": _json(self.shown.statement.encode()),
                "proof": _json(self.shown.proof.encode()),
            }
        else:
            shown = self.shown.to_json()
        key = "tensor" if isinstance(self.shown, ShownTensor) else self.kind
        fields: dict[str, Json] = {
            "mediaType": PROOF_MEDIA_TYPE,
            "registration": _json(self.registration.encode()),
            key: shown,
        }
        if self.part is not None:
            fields["bytes"] = self.part.to_json()
        return encode(fields)

    @classmethod
    def decode(cls, data: bytes, *, what: str = "the proof") -> Self:
        """Read a proof strictly; whether it holds ``verify_proof`` says.

        Args:
            data: JSON of at most ``MAX_SIZE`` bytes.
            what: its name in messages.

        Raises:
            MalformedError: it is something else.
        """
        if len(data) > MAX_SIZE:
            raise MalformedError(f"{what} has {len(data)} bytes; at most {MAX_SIZE} are read")
        record = Record(decode(data, what=what), what)
        media_type = record.text("mediaType")
        if media_type != PROOF_MEDIA_TYPE:
            raise MalformedError(
                f"'mediaType' in {what} is {media_type[:80]!r}, not {PROOF_MEDIA_TYPE!r}",
                hint="Give the file that `weightmark prove` wrote.",
            )
        registration = _bundle(record, "registration")
        algorithm = _algorithm(registration)
        kinds = [kind for kind in _KINDS if record.has(kind)]
        if len(kinds) != 1:
            raise MalformedError(f"{what} shows {len(kinds)} things; expected one of {', '.join(_KINDS)}")
        shown = _read(record, kinds[0], algorithm)
        part = None
        if record.has("bytes"):
            part = ShownBytes.from_record(record.record("bytes"))
        record.done()
        if part is not None and kinds[0] != "tensor":
            raise MalformedError(f"{what} shows bytes of a {kinds[0]}; expected those of a tensor")
        return cls(registration=registration, shown=shown, part=part)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofEvidence:
    """What a proof was found to show.

    Attributes:
        evidence: who signed the registration, and in which log it stands.
        registration: the signed registration.
        proof: the proof, which holds.
        index: the registration's entry in the log; None when it has no receipt.
    """

    evidence: Evidence
    registration: Registration
    proof: ModelProof
    index: int | None


def verify_proof(proof: ModelProof, trust: TrustRoot, policy: Policy | None, at: datetime) -> ProofEvidence:
    """Verify that what a proof shows is part of a registered model.

    Args:
        proof: the proof, all of which is a stranger's.
        trust: where we start from.
        policy: how many must have signed, and who; None for what the trust root asks for.
        at: the moment at which keys must be valid, with a zone.

    Returns:
        The evidence.

    Raises:
        InclusionError: what is shown is not part of the model.
        VerificationError: a signature, a key or a receipt does not hold.
        MalformedError: the proof contradicts itself.
    """
    evidence, claim = verify_registration(proof.registration, trust, policy, at)
    try:
        _check(proof, evidence, claim, trust, policy, at)
    except (MalformedError, VerificationError):
        raise
    except Exception as error:
        raise VerificationError(
            f"the proof could not be verified: {type(error).__name__}: {error}"
        ) from error
    receipt = proof.registration.receipt
    index = None if receipt is None else receipt.index
    return ProofEvidence(evidence=evidence, registration=claim, proof=proof, index=index)


def _check(  # noqa: PLR0913, PLR0917 - what a verification starts from
    proof: ModelProof,
    evidence: Evidence,
    claim: Registration,
    trust: TrustRoot,
    policy: Policy | None,
    at: datetime,
) -> None:
    shown, subject = proof.shown, evidence.statement.subject
    if isinstance(shown, ShownFile):
        shown.check(subject.bundle)
        return
    if claim.tensors is None:
        raise MalformedError(f"{subject.name} was registered without tensors, so none can be shown")
    if isinstance(shown, ShownTensor):
        shown.check(claim.tensors)
        if proof.part is not None:
            proof.part.check(shown.tensor)
        return
    earlier, before = verify_registration(shown.earlier, trust, policy, at)
    said = verify_bundle(shown.statement, trust, policy, at)
    update = said.statement.claim
    if not isinstance(update, Update) or before.tensors is None:
        raise MalformedError("the proof has no statement of an update between two models with tensors")
    if claim.owner not in said.identities:
        raise VerificationError(
            f"the update is signed by {', '.join(said.identities)}, but {claim.owner} owns the updated model"
        )
    links = (
        (said.statement.subject.bundle, subject.bundle, "the updated model"),
        (update.after, claim.tensors, "the updated model's tensors"),
        (update.parent, earlier.statement.subject.bundle, "the earlier model"),
    )
    for found, expected, what in links:
        if found != expected:
            raise DigestMismatchError(f"the update names {found} as {what}; it was registered as {expected}")
    verify_update(update, shown.proof, before.tensors)


def _read(record: Record, kind: str, algorithm: Algorithm) -> Shown:
    item = record.record(kind)
    if kind == "tensor":
        return ShownTensor.from_record(item, algorithm)
    if kind == "file":
        return ShownFile.from_record(item, algorithm)
    shown = ShownUpdate(
        earlier=_bundle(item, "earlier"),
        statement=_bundle(item, "statement"),
        proof=UpdateProof.from_record(item.record("proof")),
    )
    item.done()
    return shown


def _bundle(record: Record, key: str) -> Bundle:
    members = record.record(key)
    return Bundle.decode(encode(members.members()), what=members.what)


def _algorithm(registration: Bundle) -> Algorithm:
    """Give the hash function of the registered model; whether the registration holds is asked later."""
    bundle: Digest = Statement.decode(registration.envelope.payload).subject.bundle
    return parse_digest(bundle)[0]


def _json(data: bytes) -> Json:
    return decode(data, what="what was written")
