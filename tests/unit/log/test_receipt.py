from dataclasses import replace

import pytest

from weightmark.errors import InclusionError, MalformedError, SignatureError, UntrustedKeyError
from weightmark.log.checkpoint import Checkpoint, LogKey, SignedCheckpoint, sign_checkpoint
from weightmark.log.merkle import hash_leaf, prove_inclusion, root_of
from weightmark.log.proof import ConsistencyProof, InclusionProof
from weightmark.log.receipt import Receipt, verify_receipt
from weightmark.testing.ledger import FixedSigner

SIGNER, OTHER = FixedSigner(b"log"), FixedSigner(b"other")
KEY = LogKey(name="log.example", public=SIGNER.public_key.raw_ed25519)
OTHER_KEY = LogKey(name="log.other", public=OTHER.public_key.raw_ed25519)
DATA = [b"%d" % number for number in range(5)]
LEAVES = [hash_leaf(data) for data in DATA]
HEAD = sign_checkpoint(
    Checkpoint(origin="log.example", size=5, root=root_of(LEAVES)),
    lambda message: SIGNER.sign(message).value,
    KEY,
)
RECEIPT = Receipt(
    index=3,
    proof=InclusionProof(
        index=3, size=5, hashes=prove_inclusion(3, 5, lambda start, stop: root_of(LEAVES[start:stop]))
    ),
    checkpoint=HEAD,
)


def test_the_evidence_is_the_checkpoint():
    assert verify_receipt(DATA[3], RECEIPT, [OTHER_KEY, KEY]) == HEAD.checkpoint


@pytest.mark.parametrize("keys", [[], [OTHER_KEY], [LogKey(name="log.example", public=OTHER_KEY.public)]])
def test_without_its_key_it_is_untrusted(keys: list[LogKey]):
    with pytest.raises(UntrustedKeyError, match=r"log\.example"):
        verify_receipt(DATA[3], RECEIPT, keys)


@pytest.mark.parametrize(
    "receipt",
    [
        replace(RECEIPT, index=2),
        replace(RECEIPT, proof=replace(RECEIPT.proof, index=2)),
        replace(RECEIPT, index=2, proof=replace(RECEIPT.proof, index=2)),
        replace(RECEIPT, proof=replace(RECEIPT.proof, size=6)),
        replace(RECEIPT, proof=replace(RECEIPT.proof, hashes=())),
        replace(RECEIPT, proof=replace(RECEIPT.proof, hashes=RECEIPT.proof.hashes[::-1])),
        replace(RECEIPT, proof=replace(RECEIPT.proof, hashes=(*RECEIPT.proof.hashes[:-1], b"short"))),
        replace(RECEIPT, proof=replace(RECEIPT.proof, hashes=(bytes(32),) * 65)),
        replace(RECEIPT, index=-1, proof=replace(RECEIPT.proof, index=-1)),
        replace(
            RECEIPT,
            checkpoint=replace(HEAD, checkpoint=Checkpoint(origin="log.example", size=5, root=bytes(32))),
        ),
    ],
)
def test_a_receipt_that_does_not_add_up_is_refused(receipt: Receipt):
    with pytest.raises(InclusionError):
        verify_receipt(DATA[3], receipt, [KEY])


def test_other_data_is_refused():
    with pytest.raises(InclusionError):
        verify_receipt(DATA[2], RECEIPT, [KEY])


def test_a_changed_note_is_refused():
    forged = SignedCheckpoint(checkpoint=HEAD.checkpoint, note=HEAD.note.replace("\n5\n", "\n6\n"))
    with pytest.raises(SignatureError):
        verify_receipt(DATA[3], replace(RECEIPT, checkpoint=forged), [KEY])
    with pytest.raises(MalformedError):
        verify_receipt(DATA[3], replace(RECEIPT, checkpoint=replace(HEAD, note="no note")), [KEY])


def test_a_consistency_proof_with_a_short_hash_is_refused():
    with pytest.raises(InclusionError, match="32 bytes"):
        ConsistencyProof(old=1, size=2, hashes=(b"short",)).check(bytes(32), bytes(32))
