"""Making proofs that a tensor, some of its bytes, or a file belongs to a model.

Not promised: that the model at hand is the one of the manifest; only bytes are held against it.
"""

from collections.abc import Sequence

from weightmark.encoding import parse_digest
from weightmark.errors import InclusionError, MalformedError
from weightmark.fingerprinting.leaf import TensorDigest, file_leaf, name_leaves
from weightmark.fingerprinting.shown import ShownBytes, ShownFile, ShownTensor, chunk_range, size_of
from weightmark.fingerprinting.surroundings import Surroundings
from weightmark.fingerprinting.tree import CHUNK_SIZE
from weightmark.model.manifest import FileEntry, ModelManifest


def show_tensor(manifest: ModelManifest, name: str) -> ShownTensor:
    """Prove that a model has a tensor.

    Raises:
        MalformedError: it has none of this name.
    """
    names = [entry.name for entry in manifest.tensors]
    if name not in names:
        raise MalformedError(
            f"the model has no tensor {name[:200]!r}; it has {len(names)} tensors",
            hint="Give the name as the file has it, such as 'encoder.layer.0.output.dense.weight'.",
        )
    position, algorithm = names.index(name), manifest.algorithm
    leaves = name_leaves(manifest.tensors, algorithm)
    return ShownTensor(
        tensor=TensorDigest.of(manifest.tensors[position]),
        around=Surroundings.of(leaves, position, position + 1, algorithm),
    )


def show_file(manifest: ModelManifest, path: str) -> ShownFile:
    """Prove that a model has a file.

    Raises:
        MalformedError: it has none at this path.
    """
    paths = [entry.path for entry in manifest.files]
    if path not in paths:
        raise MalformedError(
            f"the model has no file {path[:200]!r}; it has {len(paths)} files",
            hint="Give the path relative to the model's folder.",
        )
    position, algorithm = paths.index(path), manifest.algorithm
    entry = manifest.files[position]
    plain = (tensor for tensor in manifest.tensors if tensor.path == path and not tensor.layout)
    cuts = {(tensor.start, tensor.stop) for tensor in plain if tensor.start < tensor.stop}
    leaves = [file_leaf(file, algorithm) for file in manifest.files]
    return ShownFile(
        file=FileEntry(path=entry.path, size=entry.size, root=entry.root),
        cuts=tuple(sorted(cuts)),
        around=Surroundings.of(leaves, position, position + 1, algorithm),
    )


def show_bytes(tensor: TensorDigest, leaves: Sequence[bytes], start: int, stop: int) -> ShownBytes:
    """Prove that a tensor has some bytes; the chunks that they lie in are shown whole.

    Args:
        tensor: the tensor.
        leaves: the leaves of all its chunks.
        start: the first byte's offset among its canonical bytes.
        stop: the offset after the last byte.

    Raises:
        MalformedError: the tensor has no such bytes, or another root than these chunks.
    """
    size = size_of(tensor)
    if not 0 <= start < stop <= size:
        raise MalformedError(
            f"tensor {tensor.name[:200]!r} has {size} bytes, and no bytes {start} to {stop}",
            hint="Give START:STOP with 0 <= START < STOP <= its size in bytes.",
        )
    first, last = chunk_range(start, stop)
    shown = ShownBytes(
        start=first * CHUNK_SIZE,
        stop=min(last * CHUNK_SIZE, size),
        chunks=tuple(leaves[first:last]),
        around=Surroundings.of(leaves, first, last, parse_digest(tensor.root)[0]),
    )
    try:
        shown.check(tensor)
    except InclusionError as error:
        raise MalformedError(
            f"tensor {tensor.name[:200]!r} at hand is not as it was registered",
            hint="Give the registered files, with --model PATH.",
        ) from error
    return shown
