"""Proofs are strangers' files: whatever is in one, it verifies or one of two errors says why not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.claim_examples import NOW, log_key, public, receipt, signer
from tests.json_fuzz import places

from weightmark.claims import (
    Bundle,
    ModelProof,
    Registration,
    Statement,
    Subject,
    TrustedKey,
    TrustRoot,
    sign,
    verify_proof,
)
from weightmark.encoding import Algorithm, digest_bytes, format_digest
from weightmark.errors import MalformedError, VerificationError
from weightmark.fingerprinting import bundle_digest, tensors_digest
from weightmark.fingerprinting.showing import show_bytes, show_file, show_tensor
from weightmark.log.merkle import hash_leaf, root_of
from weightmark.model import FileEntry, ModelManifest, TensorEntry

CHUNKS = [hash_leaf(b"%d" % number) for number in range(3)]
SIZE = 2 * (16 << 20) + 8
ROOT = digest_bytes(b"")


def manifest() -> ModelManifest:
    root = format_digest(Algorithm.SHA256, root_of(CHUNKS))
    tensors = tuple(
        TensorEntry(name=name, dtype="uint8", shape=(SIZE,), path="m", start=0, stop=SIZE, root=root)
        for name in ("a", "b", "c")
    )
    files = tuple(FileEntry(path=path, size=SIZE, root=digest_bytes(path.encode())) for path in ("m", "n"))
    return ModelManifest(algorithm=Algorithm.SHA256, files=files, tensors=tensors)


def registered(whole: ModelManifest) -> Bundle:
    claim = Registration(
        owner="alice@example.com",
        tensors=tensors_digest(whole),
        manifest=whole.digest,
        files=2,
        size=SIZE,
        issued_at=NOW,
    )
    subject = Subject(name="m", bundle=bundle_digest(whole))
    envelope = sign(Statement(subject=subject, claim=claim), [signer("alice")])
    return Bundle(envelope=envelope, receipt=receipt(envelope))


def proofs() -> dict[str, ModelProof]:
    whole = manifest()
    bundle = registered(whole)
    tensor = show_tensor(whole, "b")
    return {
        "tensor": ModelProof(registration=bundle, shown=tensor),
        "file": ModelProof(registration=bundle, shown=show_file(whole, "n")),
        "bytes": ModelProof(
            registration=bundle, shown=tensor, part=show_bytes(tensor.tensor, CHUNKS, 17 << 20, 18 << 20)
        ),
    }


PROOFS = {kind: json.loads(proof.encode()) for kind, proof in proofs().items()}
TRUST = TrustRoot(keys=(TrustedKey(identity="alice@example.com", key=public("alice")),), logs=(log_key(),))
JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**70) | st.text(max_size=8) | st.just(ROOT),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("kind", PROOFS)
def test_a_proof_holds_and_comes_back(kind: str) -> None:
    proof = ModelProof.decode(json.dumps(PROOFS[kind]).encode())
    assert proof.kind == kind
    assert verify_proof(proof, TRUST, None, NOW).registration.owner == "alice@example.com"
    assert ModelProof.decode(proof.encode()) == proof


def put(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    copied = json.loads(json.dumps(value))
    place = copied
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = new
    return copied


def binding(value: dict[str, Any]) -> dict[str, Any]:
    """Leave out what binds nothing: where tensors begin, and how large the subtrees say they are."""
    free = ("around", "cuts")
    return {
        name: {key: each for key, each in part.items() if key not in free} if isinstance(part, dict) else part
        for name, part in value.items()
    }


@given(kind=st.sampled_from(sorted(PROOFS)), data=st.data())
def test_whatever_is_put_into_a_proof_is_refused(kind: str, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(places(PROOFS[kind])[1:]))
    lie = put(PROOFS[kind], path, data.draw(JUNK))
    try:
        proof = ModelProof.decode(json.dumps(lie).encode())
        found = verify_proof(proof, TRUST, None, NOW)
    except (MalformedError, VerificationError):
        return
    assert binding(json.loads(found.proof.encode())) == binding(PROOFS[kind])


@given(data=st.binary(max_size=200))
def test_any_bytes_are_no_proof(data: bytes) -> None:
    with pytest.raises(MalformedError):
        ModelProof.decode(data)
