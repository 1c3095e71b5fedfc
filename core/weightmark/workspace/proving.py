"""Making proofs of one thing of a registered model, and holding data against them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from weightmark.attribution import format_receipt
from weightmark.claims import ModelProof, Registration, Statement
from weightmark.claims.proof import ProofEvidence, Shown, ShownUpdate
from weightmark.encoding import Json
from weightmark.errors import LedgerError, MalformedError
from weightmark.fingerprinting.leaf import TensorDigest
from weightmark.fingerprinting.showing import show_bytes, show_file, show_tensor
from weightmark.fingerprinting.shown import ShownBytes, ShownFile, ShownTensor, chunk_range
from weightmark.fingerprinting.tree import CHUNK_SIZE
from weightmark.fingerprinting.update import UpdateProof
from weightmark.index import RegisteredModel
from weightmark.log.merkle import hash_leaf
from weightmark.ports import ResolvedModel
from weightmark.vocabulary import SCHEMA_VERSION
from weightmark.workspace.reading import find_tensors
from weightmark.workspace.recording import bundle_of, prove_entry
from weightmark.workspace.resource import Resources
from weightmark.workspace.updating import find_update, require_manifest

_TAKE: Final = "Give the registered files themselves: --model PATH."


def prove_tensor(resources: Resources, model: RegisteredModel, name: str) -> ModelProof:
    """Prove that a registered model has a tensor.

    Raises:
        MalformedError: it has none of this name.
        LedgerError: the store does not have its manifest.
    """
    shown = show_tensor(require_manifest(resources, model), name)
    return ModelProof(registration=bundle_of(resources, model), shown=shown)


def prove_file(resources: Resources, model: RegisteredModel, path: str) -> ModelProof:
    """Prove that a registered model has a file.

    Raises:
        MalformedError: it has none at this path.
        LedgerError: the store does not have its manifest.
    """
    shown = show_file(require_manifest(resources, model), path)
    return ModelProof(registration=bundle_of(resources, model), shown=shown)


def prove_bytes(  # noqa: PLR0913, PLR0917 - where, what, and from where to where
    resources: Resources,
    model: RegisteredModel,
    resolved: ResolvedModel,
    name: str,
    start: int,
    stop: int,
    keep: Callable[[bytes], object] | None = None,
) -> ModelProof:
    """Prove that a tensor of a registered model has some bytes; only this tensor is read.

    Args:
        resources: whose ledger and store are asked.
        model: the registered model.
        resolved: its files.
        name: the tensor's name.
        start: the first byte's offset among its canonical bytes.
        stop: the offset after the last byte.
        keep: given the bytes that the proof shows, block by block; they go from chunk to chunk.

    Raises:
        MalformedError: there is no such tensor or range, or the files are not the registered ones.
        LedgerError: the store does not have the manifest.
    """
    manifest = require_manifest(resources, model)
    shown = show_tensor(manifest, name)
    leaves: list[bytes] = []
    first, last = chunk_range(start, stop)
    for chunk in _chunks(resources, resolved, shown.tensor):
        if keep is not None and first <= len(leaves) < last:
            keep(chunk)
        leaves.append(hash_leaf(chunk, manifest.algorithm))
    part = show_bytes(shown.tensor, leaves, start, stop)
    return ModelProof(registration=bundle_of(resources, model), shown=shown, part=part)


def prove_updated(resources: Resources, model: RegisteredModel) -> ModelProof:
    """Prove what the newest update of a registered model changed.

    Raises:
        LedgerError: no update of it is recorded, or the store does not have its proof.
    """
    registration = bundle_of(resources, model)
    registered = Statement.decode(registration.envelope.payload).claim
    owner = registered.owner if isinstance(registered, Registration) else model.owner
    found = find_update(resources, model, signer=owner)
    if found is None:
        raise LedgerError(
            f"no update of {model.name} is recorded that {owner}, who registered it, signed",
            hint="Record one: `weightmark register MODEL --since EARLIER`.",
        )
    index, claim = found
    data = resources.store.get(claim.proof)
    earlier = resources.index.find(claim.parent)
    if data is None or earlier is None:
        raise LedgerError(f"the store does not have the proof of the update of {model.name}")
    shown = ShownUpdate(
        earlier=bundle_of(resources, earlier),
        statement=prove_entry(resources, index),
        proof=UpdateProof.decode(data),
    )
    return ModelProof(registration=registration, shown=shown)


def describe_proof(found: ProofEvidence, uri: str) -> dict[str, Json]:
    """Give what a proof shows in the words of the command line's ``--json``."""
    statement, checkpoint = found.evidence.statement, found.evidence.checkpoint
    receipt = None
    if checkpoint is not None and found.index is not None:
        receipt = format_receipt(checkpoint.origin, found.index)
    return {
        "schema": SCHEMA_VERSION,
        "ok": True,
        "failures": [],
        "uri": uri,
        "name": statement.subject.name,
        "bundle": statement.subject.bundle,
        "weights": statement.subject.weights,
        "owner": found.registration.owner,
        "license": found.registration.license,
        "signers": list(found.evidence.identities),
        "receipt": receipt,
        "log_size": None if checkpoint is None else checkpoint.size,
        "shown": {"kind": found.proof.kind, **describe_shown(found.proof.shown, found.proof.part)},
    }


def describe_shown(shown: Shown, part: ShownBytes | None) -> Mapping[str, Json]:
    """Give what is shown, without its proof."""
    if isinstance(shown, ShownFile):
        return {"path": shown.file.path, "size": shown.file.size, "root": shown.file.root}
    if isinstance(shown, ShownTensor):
        place: dict[str, Json] = {} if part is None else {"start": part.start, "stop": part.stop}
        return {**shown.tensor.to_json(), **place}
    rows: list[Json] = [
        {
            "name": change.name,
            "kind": change.kind,
            "root": None if change.after is None else change.after.root,
        }
        for change in shown.proof.changes
    ]
    return {"before": shown.proof.before, "after": shown.proof.after, "changes": rows}


def _chunks(resources: Resources, resolved: ResolvedModel, tensor: TensorDigest) -> Iterator[bytes]:
    """Read a tensor's canonical bytes, cut as its root has them."""
    artifact = resolved.open()
    span = next(
        (each for each in find_tensors(artifact, resources.plugins) if each.name == tensor.name), None
    )
    file = None if span is None else artifact.find(span.path)
    if span is None or file is None or (span.dtype, span.shape) != (tensor.dtype, tensor.shape):
        raise MalformedError(
            f"{resolved.uri} has no tensor {tensor.name[:200]!r} like the registered one", hint=_TAKE
        )
    rest = b""
    with file.opened() as reader:
        for block in span.blocks(reader):
            rest += block
            while len(rest) >= CHUNK_SIZE:
                yield rest[:CHUNK_SIZE]
                rest = rest[CHUNK_SIZE:]
    if rest:
        yield rest
