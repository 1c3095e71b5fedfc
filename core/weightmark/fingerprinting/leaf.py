"""The leaves that the digests of a model are made from, and the digests of its tensors.

With H the chosen hash function and JCS canonical JSON (RFC 8785): a tensor's leaf is
H(0x00 || JCS{"dtype", "shape", "root"}), its named leaf H(0x00 || JCS{"name", "leaf"}), a file's leaf
H(0x00 || JCS{"path", "size", "root"}).

Not promised: secrecy. A leaf over values that can be guessed, such as a layer of ones, can be guessed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from weightmark.encoding import Algorithm, Digest, Json, Record, encode, format_digest, parse_digest
from weightmark.errors import MalformedError
from weightmark.log.merkle import hash_leaf, root_of
from weightmark.model.manifest import FileEntry, TensorEntry

MAX_DTYPE: Final = 80
"""Characters of the name of a type of numbers in a proof that comes from elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorDigest:
    """One tensor, wherever it lies.

    Attributes:
        name: its name.
        dtype: as NumPy and ml_dtypes spell it: ``float32``.
        shape: lengths, outermost first.
        root: the Merkle root over the chunks of its canonical bytes.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    root: Digest

    @classmethod
    def of(cls, entry: TensorEntry) -> Self:
        """Take from a manifest's entry what does not depend on files.

        Raises:
            Nothing.
        """
        return cls(name=entry.name, dtype=entry.dtype, shape=entry.shape, root=entry.root)

    def to_json(self) -> dict[str, Json]:
        """Give it as JSON.

        Raises:
            Nothing.
        """
        return {"name": self.name, "dtype": self.dtype, "shape": self.shape, "root": self.root}

    @classmethod
    def from_record(cls, record: Record, algorithm: Algorithm, *, name: str | None = None) -> Self:
        """Read what ``to_json`` gave; the caller asks whether anything is left over.

        Args:
            record: the tensor's.
            algorithm: the hash function of its root.
            name: its name, when the record does not say it.

        Raises:
            MalformedError: a field is missing or wrong, or the root is by another algorithm.
        """
        shape: list[int] = []
        for length in record.items("shape"):
            if not isinstance(length, int) or isinstance(length, bool) or length < 0:
                raise MalformedError(f"'shape' in {record.what} must be a list of integers of at least 0")
            shape.append(length)
        root = record.digest("root")
        if parse_digest(root)[0] is not algorithm:
            raise MalformedError(f"'root' in {record.what} is {root[:10]}…, not of {algorithm.value}")
        name, dtype = record.text("name") if name is None else name, record.text("dtype")
        if not (dtype.isascii() and dtype.isprintable() and 0 < len(dtype) <= MAX_DTYPE):
            raise MalformedError(f"'dtype' in {record.what} is {dtype[:MAX_DTYPE]!r}, which names no type")
        return cls(name=name, dtype=dtype, shape=tuple(shape), root=root)


def tensor_leaf(tensor: TensorEntry | TensorDigest, algorithm: Algorithm) -> bytes:
    """Compute a tensor's leaf, 32 bytes; its name does not matter.

    Raises:
        MalformedError: the shape has no canonical form.

    Source: RFC 6962 section 2.1; RFC 8785.
    """
    value = encode({"dtype": tensor.dtype, "shape": tensor.shape, "root": tensor.root})
    return hash_leaf(value, algorithm)


def name_leaf(name: str, leaf: bytes, algorithm: Algorithm) -> bytes:
    """Compute the named leaf of a tensor from its leaf, 32 bytes.

    Raises:
        MalformedError: the name has no canonical form.

    Source: RFC 6962 section 2.1; RFC 8785.
    """
    return hash_leaf(encode({"name": name, "leaf": format_digest(algorithm, leaf)}), algorithm)


def file_leaf(file: FileEntry, algorithm: Algorithm) -> bytes:
    """Compute a file's leaf, 32 bytes.

    Raises:
        MalformedError: the path or the size has no canonical form.

    Source: RFC 6962 section 2.1; RFC 8785.
    """
    return hash_leaf(encode({"path": file.path, "size": file.size, "root": file.root}), algorithm)


def name_leaves(tensors: Iterable[TensorEntry | TensorDigest], algorithm: Algorithm) -> list[bytes]:
    """Compute the named leaves of tensors, in the order of the UTF-8 bytes of their names.

    Raises:
        MalformedError: a name or a shape has no canonical form.
    """
    ordered = sorted(tensors, key=lambda tensor: tensor.name)
    return [name_leaf(tensor.name, tensor_leaf(tensor, algorithm), algorithm) for tensor in ordered]


def tensor_roots(
    tensors: Sequence[TensorEntry | TensorDigest], algorithm: Algorithm
) -> tuple[Digest | None, Digest | None]:
    """Compute the ``weights`` and the ``tensors`` digest together; None and None when there are no tensors.

    Raises:
        MalformedError: a name or a shape has no canonical form.

    Source: RFC 6962 section 2.1; RFC 8785.
    """
    if not tensors:
        return None, None
    ordered = sorted(tensors, key=lambda tensor: tensor.name)
    leaves = [tensor_leaf(tensor, algorithm) for tensor in ordered]
    named = [name_leaf(tensor.name, leaf, algorithm) for tensor, leaf in zip(ordered, leaves, strict=True)]
    roots = [root_of(each, algorithm) for each in (sorted(set(leaves)), named)]
    return format_digest(algorithm, roots[0]), format_digest(algorithm, roots[1])
