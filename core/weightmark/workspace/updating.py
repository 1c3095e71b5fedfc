"""An updated model and the earlier one: what changed, and the signed statement that says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weightmark.claims import Statement, Subject, Update
from weightmark.encoding import Json
from weightmark.errors import InclusionError, LedgerError, MalformedError
from weightmark.fingerprinting import Fingerprint
from weightmark.fingerprinting.update import UpdateProof, prove_update
from weightmark.index import RegisteredModel
from weightmark.model import ModelManifest
from weightmark.vocabulary import Predicate
from weightmark.workspace.recording import Recorded, manifest_of, record, require_owner
from weightmark.workspace.resource import Clock, Resources
from weightmark.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """What changed since an earlier model was registered.

    Attributes:
        model: the earlier model.
        proof: the tensors that changed, and the proof that no others did; None when none did.
        tensors: how many tensors the model has now.
    """

    model: RegisteredModel
    proof: UpdateProof | None
    tensors: int

    def to_json(self) -> Mapping[str, Json]:
        """Give it in the words of the command line's ``--json``."""
        changes = () if self.proof is None else self.proof.changes
        names: dict[str, Json] = {
            kind: [change.name for change in changes if change.kind == kind]
            for kind in ("added", "removed", "changed")
        }
        kept = self.tensors if self.proof is None else self.proof.kept
        return {"name": self.model.name, "bundle": self.model.bundle, **names, "kept": kept}


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """What was said about an update.

    Attributes:
        since: what changed.
        recorded: the statement; None when no tensor changed, or it was recorded before.
    """

    since: Since
    recorded: Recorded | None

    @property
    def sentence(self) -> str:
        """What is told to a person."""
        told = self.since.to_json()
        counts = ", ".join(f"{len(_list(told[kind]))} {kind}" for kind in ("changed", "added", "removed"))
        done = "recorded" if self.recorded is not None else "nothing new to record"
        return f"Since {self.since.model.name}: {counts}, {told['kept']} tensors as they were; {done}."

    def to_json(self) -> Mapping[str, Json]:
        """Give it in the words of the command line's ``--json``."""
        statement = None if self.recorded is None else self.recorded.statement.digest
        return {**self.since.to_json(), "statement": statement}


def find_earlier(workspace: Workspace, reference: str) -> RegisteredModel:
    """Find an earlier model.

    Args:
        workspace: whose ledger is asked.
        reference: a receipt such as ``example.org/log#7``, a digest, a name, a URI, or a path.

    Raises:
        InclusionError: the receipt is of no entry of the ledger.
        NotEntitledError: nothing registered fits.
    """
    origin, mark, number = reference.rpartition("#")
    resources = workspace.resources
    if not mark or not number.isdecimal() or origin != resources.ledger.origin:
        return workspace.find(reference)
    return workspace.find(_statement(resources, int(number)).subject.bundle)


def require_updatable(workspace: Workspace, earlier: RegisteredModel) -> None:
    """Check what can be known of an update before the updated model is registered.

    Raises:
        LedgerError: the store does not have the earlier manifest.
        MalformedError: the earlier model has no tensors, or is by another hash function than the settings'.
    """
    before = require_manifest(workspace.resources, earlier)
    if not before.tensors:
        raise MalformedError(
            f"{earlier.name} has no tensors that a format knows, so nothing updates it tensor by tensor",
            hint="Register this model by itself, without --since.",
        )
    own, theirs = workspace.configuration.algorithm.value, before.algorithm.value
    if own != theirs:
        raise MalformedError(
            f"{earlier.name} was registered by {theirs}, and this model would be by {own}",
            hint=f"Register it with WEIGHTMARK_ALGORITHM={theirs}.",
        )


def compare_since(resources: Resources, earlier: RegisteredModel, found: Fingerprint) -> Since:
    """Say what changed since an earlier model was registered.

    Args:
        resources: whose store has the earlier model's manifest.
        earlier: the earlier model.
        found: what was read from the updated model's files, by the earlier one's hash function.

    Raises:
        LedgerError: the store does not have the earlier manifest.
        MalformedError: one of the two has no tensors.
    """
    return _since(earlier, require_manifest(resources, earlier), found.manifest)


def record_update(
    resources: Resources, earlier: RegisteredModel, model: RegisteredModel, clock: Clock
) -> Updated:
    """Record what changed from an earlier model to a registered one; the same is recorded once.

    Args:
        resources: key, ledger, store and index.
        earlier: the earlier model.
        model: the updated one, which is our party's.
        clock: gives the present time, UTC.

    Returns:
        What changed, and the statement.

    Raises:
        NotEntitledError: our party does not own the updated model.
        LedgerError: a manifest is not in the store, or recording failed.
        MalformedError: one of the two has no tensors.
    """
    require_owner(resources, model, "say what it updates")
    since = _since(earlier, require_manifest(resources, earlier), require_manifest(resources, model))
    with resources.alone():
        resources.catch_up()
        if since.proof is None or find_update(resources, model, earlier) is not None:
            return Updated(since=since, recorded=None)
        claim = Update.of(since.proof, parent=earlier.bundle, issued_at=clock())
        resources.store.put(since.proof.encode())
        subject = Subject(name=model.name, bundle=model.bundle, weights=model.weights)
        recorded = record(resources, subject, [claim], clock())[0]
    return Updated(since=since, recorded=recorded)


def find_update(
    resources: Resources, model: RegisteredModel, earlier: RegisteredModel | None = None, *, signer: str = ""
) -> tuple[int, Update] | None:
    """Find the newest update of a model that counts, and its entry; from one earlier model when named.

    Args:
        resources: whose ledger and index are asked.
        model: the updated model.
        earlier: the earlier one; None for any.
        signer: who must have signed it; empty for anybody.
    """
    for entry in reversed(resources.index.history(model.bundle)):
        if entry.accepted and entry.predicate_type == Predicate.UPDATE:
            if signer and signer not in entry.signers:
                continue
            claim = _statement(resources, entry.index).claim
            if isinstance(claim, Update) and (earlier is None or claim.parent == earlier.bundle):
                return entry.index, claim
    return None


def require_manifest(resources: Resources, model: RegisteredModel) -> ModelManifest:
    """Give the registered manifest of a model.

    Raises:
        LedgerError: the store does not have it.
    """
    manifest = manifest_of(resources, model)
    if manifest is None:
        raise LedgerError(
            f"the store has no manifest of {model.name} ({model.bundle})",
            hint="Use the store that the model was registered with; see `store` in the settings.",
        )
    return manifest


def _since(earlier: RegisteredModel, before: ModelManifest, after: ModelManifest) -> Since:
    proof = prove_update(before, after)
    return Since(model=earlier, proof=proof if proof.changes else None, tensors=len(after.tensors))


def _statement(resources: Resources, index: int) -> Statement:
    ledger = resources.ledger
    known = index < ledger.checkpoint().checkpoint.size
    entry = next(ledger.entries(index, index + 1), None) if known else None
    if entry is None:
        raise InclusionError(
            f"the ledger {ledger.origin} has no entry {index}",
            hint="See what is there with `weightmark history`; entries are counted from 0.",
        )
    return Statement.decode(entry.envelope.payload)


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list) else []
