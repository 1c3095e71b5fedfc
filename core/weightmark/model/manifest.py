"""The list of a model's files and tensors with their digests, and its canonical form.

Not promised: that the files are still so. A manifest says how they were when they were read.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from weightmark.encoding import Algorithm, Digest, Json, Record, decode, digest_bytes, encode, parse_digest
from weightmark.errors import MalformedError
from weightmark.model.path import check_path
from weightmark.vocabulary import MANIFEST_MEDIA_TYPE

MAX_SIZE = 256 << 20
"""Bytes of an encoded manifest that comes from elsewhere; a longer one is not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file of a model.

    Attributes:
        path: relative to the model's folder, POSIX.
        size: bytes.
        root: the Merkle root over the file's chunks.
        sha256: the plain SHA-256 over the whole file; None when it was not asked for.
    """

    path: str
    size: int
    root: Digest
    sha256: Digest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorEntry:
    """One tensor of a model.

    Attributes:
        name: as the format gives it; unique in one manifest.
        dtype: as NumPy and ml_dtypes spell it: ``float32``.
        shape: lengths, outermost first.
        path: the file it lies in.
        start: its first byte's offset in the file.
        stop: the offset after its last byte.
        root: the Merkle root over the chunks of the tensor's canonical bytes.
        layout: how those are made from the file's bytes, in one word; empty when they are the same.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    path: str
    start: int
    stop: int
    root: Digest
    layout: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelManifest:
    """All files and tensors of one model.

    Attributes:
        algorithm: the hash function of every root.
        files: sorted by the UTF-8 bytes of their paths.
        tensors: sorted by the UTF-8 bytes of their names; empty when no format knew any.
    """

    algorithm: Algorithm
    files: tuple[FileEntry, ...]
    tensors: tuple[TensorEntry, ...] = ()

    def encode(self) -> bytes:
        """Write the manifest as canonical JSON.

        Returns:
            UTF-8 bytes, the same for equal manifests.

        Raises:
            MalformedError: a number or a name has no canonical form.
        """
        return encode(
            {
                "mediaType": MANIFEST_MEDIA_TYPE,
                "algorithm": self.algorithm.value,
                "files": [_write_file(file) for file in self.files],
                "tensors": [_write_tensor(tensor) for tensor in self.tensors],
            }
        )

    @property
    def digest(self) -> Digest:
        """Give the SHA-256 over the canonical JSON."""
        return digest_bytes(self.encode())

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a manifest strictly.

        Args:
            data: JSON, as ``encode`` writes it; white space and the order of keys do not matter.

        Returns:
            The manifest.

        Raises:
            MalformedError: a field is missing, unknown or of another type; entries are not sorted or stand
                twice; a tensor does not lie inside a file; a digest has another algorithm.
        """
        record = Record(decode(data, what="the manifest"), "the manifest")
        media_type = record.text("mediaType")
        if media_type != MANIFEST_MEDIA_TYPE:
            raise MalformedError(f"the manifest is of type {media_type[:80]!r}, not {MANIFEST_MEDIA_TYPE!r}")
        name = record.text("algorithm")
        if name not in set(Algorithm):
            raise MalformedError(
                f"the manifest's algorithm is {name[:40]!r}, not one of {', '.join(Algorithm)}"
            )
        algorithm = Algorithm(name)
        files = tuple(_read_file(item, algorithm) for item in record.records("files"))
        tensors = tuple(_read_tensors(record.records("tensors"), files, algorithm))
        record.done()
        _check_order([file.path for file in files], "files")
        _check_order([tensor.name for tensor in tensors], "tensors")
        return cls(algorithm=algorithm, files=files, tensors=tensors)


def _write_file(file: FileEntry) -> Json:
    entry: dict[str, Json] = {"path": file.path, "size": file.size, "root": file.root}
    return entry if file.sha256 is None else {**entry, "sha256": file.sha256}


def _write_tensor(tensor: TensorEntry) -> Json:
    entry: dict[str, Json] = {
        "name": tensor.name,
        "dtype": tensor.dtype,
        "shape": tensor.shape,
        "path": tensor.path,
        "start": tensor.start,
        "stop": tensor.stop,
        "root": tensor.root,
    }
    return {**entry, "layout": tensor.layout} if tensor.layout else entry


def _read_file(item: Record, algorithm: Algorithm) -> FileEntry:
    path = item.text("path")
    check_path(path, what=item.what)
    sha256 = item.optional_digest("sha256")
    if sha256 is not None:
        _check_algorithm(sha256, Algorithm.SHA256, path)
    root = item.digest("root")
    _check_algorithm(root, algorithm, path)
    entry = FileEntry(path=path, size=item.integer("size"), root=root, sha256=sha256)
    item.done()
    return entry


def _read_tensors(
    items: Iterable[Record], files: tuple[FileEntry, ...], algorithm: Algorithm
) -> Iterator[TensorEntry]:
    sizes = {file.path: file.size for file in files}
    for item in items:
        entry = TensorEntry(
            name=item.text("name"),
            dtype=item.text("dtype"),
            shape=tuple(_read_length(length, item.what) for length in item.items("shape")),
            path=item.text("path"),
            start=item.integer("start"),
            stop=item.integer("stop"),
            root=item.digest("root"),
            layout=item.optional_text("layout") or "",
        )
        item.done()
        _check_algorithm(entry.root, algorithm, entry.name)
        if entry.path not in sizes:
            raise MalformedError(f"{item.what} lies in {entry.path!r}, which is not a file of the manifest")
        if not entry.start <= entry.stop <= sizes[entry.path]:
            raise MalformedError(
                f"{item.what} has bytes {entry.start} to {entry.stop}, "
                f"but {entry.path!r} has {sizes[entry.path]}"
            )
        yield entry


def _read_length(value: Json, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise MalformedError(f"'shape' in {what} must be a list of integers of at least 0")
    return value


def _check_algorithm(digest: Digest, algorithm: Algorithm, what: str) -> None:
    found, _ = parse_digest(digest, what=f"the digest of {what!r}")
    if found is not algorithm:
        raise MalformedError(f"the digest of {what!r} is of {found.value}, not of {algorithm.value}")


def _check_order(names: list[str], what: str) -> None:
    for before, after in pairwise(names):
        if before >= after:
            raise MalformedError(
                f"the manifest's {what} are not sorted, or one stands twice: {before!r} before {after!r}"
            )
