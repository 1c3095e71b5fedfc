from .checkpoint import Checkpoint as Checkpoint
from .checkpoint import LogKey as LogKey
from .checkpoint import SignedCheckpoint as SignedCheckpoint
from .checkpoint import open_checkpoint as open_checkpoint
from .checkpoint import parse_checkpoint as parse_checkpoint
from .checkpoint import sign_checkpoint as sign_checkpoint
from .merkle import hash_leaf as hash_leaf
from .merkle import hash_node as hash_node
from .merkle import root_of as root_of
from .note import Note as Note
from .note import NoteSignature as NoteSignature
from .note import format_note as format_note
from .note import parse_note as parse_note
from .proof import ConsistencyProof as ConsistencyProof
from .proof import InclusionProof as InclusionProof
from .receipt import Receipt as Receipt
from .receipt import verify_receipt as verify_receipt
from .tile import TileTree as TileTree
from .tile import tile_path as tile_path
from .tile import tile_widths as tile_widths

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
