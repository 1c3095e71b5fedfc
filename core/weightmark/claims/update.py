"""The claim that a model is an earlier one with these tensors changed, and the check of its proof.

Not promised: how the numbers changed, or that the earlier model was the starting point of any training. How
many tensors were kept is what the signer says: the proof shows which they are as one hash for many.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self

from weightmark.encoding import Digest, Json, Record, digest_bytes, format_time, parse_digest
from weightmark.errors import DigestMismatchError, MalformedError, VerificationError
from weightmark.fingerprinting.update import UpdateProof
from weightmark.vocabulary import Predicate


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """The subject has an earlier model's tensors, but for those that the proof names.

    Args:
        parent: the earlier model's bundle digest.
        before: the earlier model's ``tensors`` digest.
        after: the subject's.
        added: how many tensors are new.
        removed: how many are gone.
        changed: how many have other numbers.
        kept: how many are as they were.
        proof: SHA-256 over the proof's bytes, which names the changed tensors and their roots.
        issued_at: when it was said, with a zone.

    Raises:
        MalformedError: a digest is none, a count is negative, or nothing is updated.
    """

    predicate_type: ClassVar[Predicate] = Predicate.UPDATE

    parent: Digest
    before: Digest
    after: Digest
    added: int
    removed: int
    changed: int
    kept: int
    proof: Digest
    issued_at: datetime

    def __post_init__(self) -> None:
        """Check the parts."""
        for digest in (self.parent, self.before, self.after, self.proof):
            parse_digest(digest)
        if min(self.added, self.removed, self.changed, self.kept) < 0:
            raise MalformedError("an update cannot have fewer than no tensors")
        if self.before == self.after:
            raise MalformedError("an update from a model to the same tensors says nothing")

    @classmethod
    def of(cls, proof: UpdateProof, *, parent: Digest, issued_at: datetime) -> Self:
        """Say what a proof shows.

        Raises:
            MalformedError: nothing is updated.
        """
        kinds = [change.kind for change in proof.changes]
        return cls(
            parent=parent,
            before=proof.before,
            after=proof.after,
            added=kinds.count("added"),
            removed=kinds.count("removed"),
            changed=kinds.count("changed"),
            kept=proof.kept,
            proof=digest_bytes(proof.encode()),
            issued_at=issued_at,
        )

    def to_json(self) -> Json:
        """Give the predicate.

        Raises:
            ValueError: ``issued_at`` has no zone.
        """
        return {
            "parent": self.parent,
            "before": self.before,
            "after": self.after,
            "added": self.added,
            "removed": self.removed,
            "changed": self.changed,
            "kept": self.kept,
            "proof": self.proof,
            "issuedAt": format_time(self.issued_at),
        }

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read the predicate.

        Raises:
            MalformedError: it is not an update.
        """
        return cls(
            parent=record.digest("parent"),
            before=record.digest("before"),
            after=record.digest("after"),
            added=record.integer("added"),
            removed=record.integer("removed"),
            changed=record.integer("changed"),
            kept=record.integer("kept"),
            proof=record.digest("proof"),
            issued_at=record.time("issuedAt"),
        )


def verify_update(claim: Update, proof: UpdateProof, before: Digest) -> UpdateProof:
    """Verify that a model is an earlier one but for the changes that its update states.

    No model and no manifest is asked for: the earlier registration's digest, the claim and its proof are all.

    Args:
        claim: the update, from a statement whose signature holds.
        proof: what the claim's ``proof`` digest names.
        before: the ``tensors`` digest in the earlier model's registration.

    Returns:
        The proof: what changed, and that nothing else did.

    Raises:
        DigestMismatchError: the proof is another's, or the update starts from other tensors.
        InclusionError: the proof does not lead from the earlier tensors to the updated ones.
        MalformedError: the proof contradicts itself.
        VerificationError: the claim counts other changes than the proof shows.
    """
    if digest_bytes(proof.encode()) != claim.proof:
        raise DigestMismatchError("the update's proof is not the one that the signed statement names")
    if claim.before != before:
        raise DigestMismatchError(
            f"the update is from the tensors {claim.before}; the earlier model was registered with {before}"
        )
    if (proof.before, proof.after) != (claim.before, claim.after):
        raise DigestMismatchError(
            f"the update's proof is from {proof.before} to {proof.after},"
            f" not from {claim.before} to {claim.after}"
        )
    proof.check()
    if Update.of(proof, parent=claim.parent, issued_at=claim.issued_at) != claim:
        raise VerificationError("the update counts other changes than its proof shows")
    return proof
