"""Holding data against what a proof shows: is this file the tensor, its bytes, or the file that is meant?

Not promised: a look at the rest of the model.
"""

import io
from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING, Final

from weightmark.encoding import format_digest, parse_digest
from weightmark.encoding.digest import Algorithm
from weightmark.errors import DigestMismatchError, Failure, MalformedError
from weightmark.fingerprinting.engine import HashJob, hash_files
from weightmark.fingerprinting.leaf import TensorDigest
from weightmark.fingerprinting.shown import ShownBytes, ShownFile, ShownTensor, size_of
from weightmark.fingerprinting.tree import CHUNK_SIZE, plan_file
from weightmark.log.merkle import hash_leaf, root_of
from weightmark.model.artifact import ArtifactFile
from weightmark.model.tensor import TensorSpan

if TYPE_CHECKING:
    import numpy as np

NPY: Final = ".npy"
_MAX_HEADER: Final = 64 << 10


def check_file(shown: ShownFile, file: ArtifactFile) -> None:
    """Check that a file has the bytes of the one that is shown; its name does not matter.

    Raises:
        DigestMismatchError: it has others.
        MalformedError: it cannot be read.
    """
    if file.size != shown.file.size:
        raise _mismatch(file, f"has {file.size} bytes; the file in the model has {shown.file.size}")
    algorithm, expected = parse_digest(shown.file.root)
    spans = [
        TensorSpan(name=str(start), dtype="", shape=(), path=file.path, start=start, stop=stop)
        for start, stop in shown.cuts
    ]
    job = HashJob(file, plan_file(file.path, file.size, spans))
    hash_files([job], algorithm)
    if root_of(job.leaves, algorithm) != expected:
        raise _mismatch(file, f"is not {shown.file.path[:200]!r} as the model has it")


def check_bytes(shown: ShownBytes, tensor: TensorDigest, file: ArtifactFile) -> None:
    """Check that a file holds exactly the bytes that are shown.

    Raises:
        DigestMismatchError: it holds others.
        MalformedError: it cannot be read.
    """
    size = shown.stop - shown.start
    if file.size != size:
        raise _mismatch(file, f"has {file.size} bytes; bytes {shown.start} to {shown.stop} are {size}")
    algorithm = parse_digest(tensor.root)[0]
    if tuple(_leaves(file, 0, algorithm)) != shown.chunks:
        raise _mismatch(
            file, f"is not the bytes {shown.start} to {shown.stop} of tensor {tensor.name[:200]!r}"
        )


def check_tensor(shown: ShownTensor, file: ArtifactFile) -> None:
    """Check that a file holds the numbers of the tensor that is shown: ``.npy``, or their bytes alone.

    The bytes are row-major and little-endian.

    Raises:
        DigestMismatchError: it holds others.
        MalformedError: it cannot be read.
    """
    tensor = shown.tensor
    algorithm, expected = parse_digest(tensor.root)
    start = 0
    if file.path.endswith(NPY):
        start = _check_header(tensor, file)
    leaves = list(_leaves(file, start, algorithm))
    if root_of(leaves, algorithm) != expected:
        found = format_digest(algorithm, root_of(leaves, algorithm))
        raise _mismatch(file, f"has the root {found}; tensor {tensor.name[:200]!r} has {tensor.root}")


def _check_header(tensor: TensorDigest, file: ArtifactFile) -> int:
    """Check that an array is of the tensor's type and shape; give where its numbers begin."""
    shape, dtype, fortran, start = _read_header(file)
    # NumPy has no name for bfloat16 and its like in a file, and calls them void.
    named = dtype.kind != "V" and dtype.name != tensor.dtype
    void = dtype.kind == "V" and dtype.itemsize * prod(shape) != size_of(tensor)
    if named or void or shape != tensor.shape:
        raise _mismatch(
            file,
            f"is {dtype.name} of shape {list(shape)[:8]}; tensor {tensor.name[:200]!r} is {tensor.dtype} of"
            f" shape {list(tensor.shape)[:8]}",
        )
    if (fortran and len([length for length in shape if length > 1]) > 1) or dtype.byteorder == ">":
        raise MalformedError(
            f"{file.path} has its numbers in another order than row-major and little-endian",
            hint="Save it with numpy.save(path, numpy.ascontiguousarray(array, '<f4')).",
        )
    return start


def _read_header(file: ArtifactFile) -> "tuple[tuple[int, ...], np.dtype, bool, int]":
    from numpy.lib import format as npy

    with file.opened() as reader:
        stream = io.BytesIO(reader.read(0, min(file.size, _MAX_HEADER)))
    try:
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(stream)
    except Exception as error:
        raise MalformedError(
            f"{file.path} has no header of an array: {error}", hint="Save it with numpy.save."
        ) from error
    if dtype.hasobject:
        raise MalformedError(f"{file.path} holds Python objects and no numbers", hint="Save numbers alone.")
    return tuple(shape), dtype, bool(fortran), stream.tell()


def _leaves(file: ArtifactFile, start: int, algorithm: Algorithm) -> Iterator[bytes]:
    with file.opened() as reader:
        for position in range(start, file.size, CHUNK_SIZE):
            yield hash_leaf(reader.read(position, min(CHUNK_SIZE, file.size - position)), algorithm)


def _mismatch(file: ArtifactFile, found: str) -> DigestMismatchError:
    return DigestMismatchError(f"{file.path} {found}", failures=(Failure(path=file.path, reason=found),))
