"""A tensor, some of its bytes, or a file of a model, each with the proof that the model has it.

Not promised: how many tensors or files there are besides. The proof says so, but nobody signed it.
"""

import re
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Final, Self

from weightmark.encoding import Algorithm, Digest, Json, Record, parse_digest
from weightmark.errors import InclusionError, MalformedError
from weightmark.fingerprinting.leaf import TensorDigest, file_leaf, name_leaf, tensor_leaf
from weightmark.fingerprinting.surroundings import Surroundings, read_hash
from weightmark.fingerprinting.tree import CHUNK_SIZE
from weightmark.log.part import HINT
from weightmark.model.manifest import FileEntry
from weightmark.model.path import check_path

_BITS: Final = re.compile(r"(?:bool|(?:b?float|u?int|complex)(\d{1,3})(?:_\w+)?)\Z")
_BYTE: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTensor:
    """A tensor of a model, and the proof that it is one.

    Attributes:
        tensor: the tensor.
        around: the other tensors, as subtrees.
    """

    tensor: TensorDigest
    around: Surroundings

    def check(self, root: Digest) -> None:
        """Check that the model with this ``tensors`` digest has the tensor.

        Raises:
            InclusionError: it has not, or the proof is another's.
        """
        algorithm, expected = parse_digest(root)
        leaf = name_leaf(self.tensor.name, tensor_leaf(self.tensor, algorithm), algorithm)
        if self.around.root([leaf], algorithm)[0] != expected:
            raise InclusionError(
                f"tensor {self.tensor.name[:200]!r} as it is shown is not in the model (tensors {root})",
                hint=HINT,
            )

    def to_json(self) -> dict[str, Json]:
        """Give it as JSON.

        Raises:
            Nothing.
        """
        return {**self.tensor.to_json(), "around": self.around.to_json()}

    @classmethod
    def from_record(cls, record: Record, algorithm: Algorithm) -> Self:
        """Read what ``to_json`` gave.

        Raises:
            MalformedError: it is something else.
        """
        tensor = TensorDigest.from_record(record, algorithm)
        around = Surroundings.from_record(record.record("around"))
        record.done()
        return cls(tensor=tensor, around=around)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFile:
    """A file of a model, and the proof that it is one.

    Attributes:
        file: the file.
        cuts: where the tensors in it begin and end, so that its root can be computed from its bytes.
        around: the other files, as subtrees.
    """

    file: FileEntry
    cuts: tuple[tuple[int, int], ...]
    around: Surroundings

    def check(self, root: Digest) -> None:
        """Check that the model with this ``bundle`` digest has the file.

        Raises:
            InclusionError: it has not, or the proof is another's.
        """
        algorithm, expected = parse_digest(root)
        if self.around.root([file_leaf(self.file, algorithm)], algorithm)[0] != expected:
            raise InclusionError(
                f"the file {self.file.path[:200]!r} as it is shown is not in the model {root}", hint=HINT
            )

    def to_json(self) -> dict[str, Json]:
        """Give it as JSON.

        Raises:
            Nothing.
        """
        return {
            "path": self.file.path,
            "size": self.file.size,
            "root": self.file.root,
            "cuts": [{"start": start, "stop": stop} for start, stop in self.cuts],
            "around": self.around.to_json(),
        }

    @classmethod
    def from_record(cls, record: Record, algorithm: Algorithm) -> Self:
        """Read what ``to_json`` gave.

        Raises:
            MalformedError: it is something else, or its cuts are not in it, in order.
        """
        file = FileEntry(path=record.text("path"), size=record.integer("size"), root=record.digest("root"))
        check_path(file.path, what=record.what)
        if parse_digest(file.root)[0] is not algorithm:
            raise MalformedError(f"'root' in {record.what} is {file.root[:10]}…, not of {algorithm.value}")
        cuts: list[tuple[int, int]] = []
        for item in record.records("cuts"):
            cuts.append((item.integer("start"), item.integer("stop")))
            item.done()
        around = Surroundings.from_record(record.record("around"))
        record.done()
        edges = [0, *(edge for pair in cuts for edge in pair), file.size]
        if any(before > after for before, after in pairwise(edges)):
            raise MalformedError(f"'cuts' in {record.what} are not in order within {file.size} bytes")
        return cls(file=file, cuts=tuple(cuts), around=around)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownBytes:
    """Whole chunks of a tensor, and the proof that they are in it at this place.

    Attributes:
        start: the offset of the first byte among the tensor's canonical bytes; a multiple of 16 MiB.
        stop: the offset after the last byte.
        chunks: the leaves of the chunks, 32 bytes each.
        around: the tensor's other chunks, as subtrees.
    """

    start: int
    stop: int
    chunks: tuple[bytes, ...]
    around: Surroundings

    def check(self, tensor: TensorDigest) -> None:
        """Check that the tensor has these chunks at this place.

        How many chunks it has follows from its type and shape, which its leaf binds; so the place is bound.

        Raises:
            InclusionError: it has not, or the proof is another's.
            MalformedError: the tensor's type does not say how large a number is.
        """
        algorithm, expected = parse_digest(tensor.root)
        size = size_of(tensor)
        root, count = self.around.root(self.chunks, algorithm)
        first, last = chunk_range(self.start, self.stop)
        before = sum(part.count for part in self.around.before)
        fits = (before, len(self.chunks), count) == (first, last - first, chunk_range(0, size)[1])
        if not fits or (self.start, self.stop) != (first * CHUNK_SIZE, min(last * CHUNK_SIZE, size)):
            raise InclusionError(
                f"the proof is not for the bytes {self.start} to {self.stop} of a tensor of {size} bytes",
                hint=HINT,
            )
        if root != expected:
            raise InclusionError(
                f"the bytes {self.start} to {self.stop} as they are shown are not those of tensor"
                f" {tensor.name[:200]!r}",
                hint=HINT,
            )

    def to_json(self) -> dict[str, Json]:
        """Give it as JSON.

        Raises:
            Nothing.
        """
        chunks: list[Json] = [chunk.hex() for chunk in self.chunks]
        return {"start": self.start, "stop": self.stop, "chunks": chunks, "around": self.around.to_json()}

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read what ``to_json`` gave.

        Raises:
            MalformedError: it is something else.
        """
        shown = cls(
            start=record.integer("start"),
            stop=record.integer("stop"),
            chunks=tuple(read_hash(text, record.what) for text in record.texts("chunks")),
            around=Surroundings.from_record(record.record("around")),
        )
        record.done()
        return shown


def chunk_range(start: int, stop: int) -> tuple[int, int]:
    """Give the first chunk that bytes lie in, and the one after the last.

    Raises:
        Nothing.

    >>> chunk_range(0, 1)
    (0, 1)
    """
    return start // CHUNK_SIZE, -(-stop // CHUNK_SIZE)


def size_of(tensor: TensorDigest) -> int:
    """Count the canonical bytes of a tensor, from its type and shape.

    Raises:
        MalformedError: its type does not say how large a number is.

    >>> size_of(TensorDigest(name="w", dtype="bfloat16", shape=(2, 3), root=Digest("")))
    12
    """
    match = _BITS.match(tensor.dtype)
    if match is None:
        raise MalformedError(
            f"tensor {tensor.name[:200]!r} has numbers of the type {tensor.dtype[:40]!r}, of no fixed size",
            hint="Prove the whole tensor: `weightmark prove tensor`.",
        )
    return -(-int(match[1] or _BYTE) * prod(tensor.shape) // _BYTE)
