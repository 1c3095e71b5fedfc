"""The audit that every ledger of ours runs: read all, hash all, compare all.

Not promised: that the log was not written anew by somebody with its signing key; a checkpoint kept elsewhere
shows that.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from weightmark.claims.envelope import Envelope
from weightmark.encoding.digest import DIGEST_SIZE
from weightmark.errors import InclusionError, MalformedError
from weightmark.log.checkpoint import LogKey, SignedCheckpoint, open_checkpoint
from weightmark.log.merkle import hash_leaf
from weightmark.log.tile import TILE_WIDTH, TileReader, TileTree, tile_path

AUDIT_HINT = "Keep the ledger as it is, and run `weightmark ledger audit` to find the first bad entry."

_STEP = 16 * TILE_WIDTH
"""Entries hashed between two comparisons of tiles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One entry as it is kept.

    Attributes:
        index: the place it is kept under.
        leaf: the hash it is kept under, 32 bytes.
        body: the encoded envelope.
    """

    index: int
    leaf: bytes
    body: bytes


def audit_log(
    records: Iterable[Record], checkpoints: Iterable[tuple[int, str]], tiles: TileReader, key: LogKey
) -> SignedCheckpoint:
    """Compare a log's entries, tiles and checkpoints with one another.

    Args:
        records: every entry, in order.
        checkpoints: the size and the note of every checkpoint, smallest first; not empty.
        tiles: gives the tiles as they are kept.
        key: what the checkpoints must be signed with.

    Returns:
        The newest checkpoint: the evidence.

    Raises:
        MalformedError: an entry or a checkpoint is damaged; the message names it.
        SignatureError: a checkpoint was not signed by the key.
        InclusionError: an entry is missing, in another place, or not covered by the checkpoints.
    """
    tree, size, newest = TileTree(tiles), 0, None
    leaves = _check_records(records, tiles)
    for note_size, note in checkpoints:
        newest = open_checkpoint(note, key)
        if newest.checkpoint.size != note_size or note_size < size:
            raise MalformedError(
                f"the checkpoint kept for {note_size} entries is one of {newest.checkpoint.size}"
            )
        while size < note_size:
            added = list(islice(leaves, min(_STEP, note_size - size)))
            if not added:
                raise InclusionError(f"entry {size} is missing; the checkpoint covers {note_size} entries")
            tree, grown = tree.grow(size, added)
            _check_tiles(grown, tiles)
            size += len(added)
        if tree.root(size) != newest.checkpoint.root:
            raise InclusionError(
                f"the first {size} entries are not those that their checkpoint was signed over"
            )
    if newest is None:
        raise MalformedError(f"the ledger {key.name} has no checkpoint")
    if next(leaves, None) is not None:
        raise InclusionError(f"entry {size} is not covered by the newest checkpoint, of {size} entries")
    return newest


def _check_records(records: Iterable[Record], tiles: TileReader) -> Iterator[bytes]:
    hashes = b""
    for index, record in enumerate(records):
        if record.index != index:
            raise InclusionError(f"entry {index} is missing; the next one kept is entry {record.index}")
        place = index % TILE_WIDTH * DIGEST_SIZE
        if place == 0 or len(hashes) < place + DIGEST_SIZE:
            hashes = tiles(0, index // TILE_WIDTH)
        check_body(record)
        if hashes[place : place + DIGEST_SIZE] != record.leaf:
            raise InclusionError(
                f"entry {index} is not the one that was recorded there: its hash is not the tile's"
            )
        yield record.leaf


def check_body(record: Record) -> Envelope:
    """Read an entry and compare it with its leaf.

    Returns:
        The envelope.

    Raises:
        MalformedError: the entry is damaged; the message names its index.
    """
    what = f"entry {record.index}"
    if hash_leaf(record.body) != record.leaf:
        raise MalformedError(
            f"{what} is damaged: its bytes do not have the hash it is kept under", hint=AUDIT_HINT
        )
    try:
        envelope = Envelope.decode(record.body, what=what)
    except MalformedError as error:
        raise MalformedError(f"{what} is no envelope: {error.message}", hint=AUDIT_HINT) from error
    if envelope.encode() != record.body:
        raise MalformedError(f"{what} is not written in the one form that envelopes have", hint=AUDIT_HINT)
    return envelope


def _check_tiles(grown: Mapping[tuple[int, int], bytes], tiles: TileReader) -> None:
    for (level, number), hashes in grown.items():
        kept = tiles(level, number)
        if not kept.startswith(hashes):
            raise InclusionError(
                f"{tile_path(level, number)} does not hold the hashes of the entries under it"
            )
