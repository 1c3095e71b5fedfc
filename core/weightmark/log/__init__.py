"""The append-only log: its tree, tiles, checkpoints, proofs and receipts."""

from weightmark.log.checkpoint import (
    Checkpoint,
    LogKey,
    SignedCheckpoint,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
)
from weightmark.log.merkle import hash_leaf, hash_node, root_of
from weightmark.log.note import Note, NoteSignature, format_note, parse_note
from weightmark.log.proof import ConsistencyProof, InclusionProof
from weightmark.log.receipt import Receipt, verify_receipt
from weightmark.log.tile import TileTree, tile_path, tile_widths

__all__ = [
    "Checkpoint",
    "ConsistencyProof",
    "InclusionProof",
    "LogKey",
    "Note",
    "NoteSignature",
    "Receipt",
    "SignedCheckpoint",
    "TileTree",
    "format_note",
    "hash_leaf",
    "hash_node",
    "open_checkpoint",
    "parse_checkpoint",
    "parse_note",
    "root_of",
    "sign_checkpoint",
    "tile_path",
    "tile_widths",
    "verify_receipt",
]
