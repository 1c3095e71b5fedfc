"""Where files are cut into chunks, and which chunks make a tensor.

The rules, which decide every digest and so never change: a file is cut at the first and the last byte of each
tensor that is not empty, and each part so made is cut every 16 MiB from its own beginning. A chunk's leaf is
H(0x00 || chunk). A file's root is the RFC 6962 root over all its leaves, a tensor's root the one over the
leaves of its own chunks. So each byte is hashed once for both. An empty file and an empty tensor have the
root of no leaves, H(). Tensors that are the same bytes of a file, such as tied ones, share their chunks.

A tensor with a layout does not cut its file. Its canonical bytes are cut every 16 MiB by themselves, so that
its root is the one that it would have in a format that stores the canonical bytes.

Not promised: any look at the bytes. A plan is made from sizes alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from weightmark.errors import MalformedError
from weightmark.model.tensor import TensorSpan

CHUNK_SIZE = 16 * 1024 * 1024
"""The most bytes of one chunk."""

_HINT = "The file, or the plugin that read its header, is wrong: write the file again with its own tool."


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorPlan:
    """Which chunks of a file make one tensor.

    Attributes:
        span: the tensor.
        first: its first chunk.
        last: the chunk after its last one; ``first`` for an empty tensor.
    """

    span: TensorSpan
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlan:
    """How one file is cut.

    Attributes:
        path: the file, relative to the artifact.
        bounds: offsets from 0 to the file's size; chunk ``i`` goes from ``bounds[i]`` to ``bounds[i + 1]``.
        tensors: the tensors that are plain bytes of the file, in the order of their bytes.
        derived: the tensors whose bytes are made by a layout, in the order of their stored bytes.
    """

    path: str
    bounds: tuple[int, ...]
    tensors: tuple[TensorPlan, ...]
    derived: tuple[TensorSpan, ...] = ()

    @property
    def chunks(self) -> int:
        """Count the chunks."""
        return len(self.bounds) - 1

    @property
    def made_bytes(self) -> int:
        """Count the bytes that layouts make."""
        return sum(span.size for span in self.derived)

    def digest(self) -> str:
        """Name the plan, so that roots kept for it are not taken for another's.

        Returns:
            64 hexadecimal digits.

        Raises:
            Nothing.
        """
        ranges = [(tensor.first, tensor.last) for tensor in self.tensors]
        plan: tuple[object, ...] = (self.bounds, ranges)
        if self.derived:
            plan = (*plan, [(span.start, span.stop, span.layout) for span in self.derived])
        return sha256(repr(plan).encode("ascii")).hexdigest()


def plan_file(path: str, size: int, spans: Sequence[TensorSpan], *, chunk_size: int = CHUNK_SIZE) -> FilePlan:
    """Cut one file.

    Args:
        path: the file, relative to the artifact.
        size: its bytes.
        spans: the tensors in it, in any order.
        chunk_size: the most bytes of one chunk; another value than the default gives other digests, and is
            for tests.

    Returns:
        The plan; the same for the same spans in another order.

    Raises:
        MalformedError: a tensor lies outside the file, or two overlap without being the same bytes.

    >>> plan_file("a", 10, [], chunk_size=4).bounds
    (0, 4, 8, 10)
    """
    ordered = sorted(spans, key=lambda span: (span.start, span.stop, span.name))
    bounds = [0]
    tensors: list[TensorPlan] = []
    before: TensorSpan | None = None
    derived = tuple(span for span in ordered if span.layout is not None)
    for span in ordered:
        if not 0 <= span.start <= span.stop <= size:
            raise MalformedError(
                f"tensor {span.name!r} has bytes {span.start} to {span.stop}, but {path} has {size}",
                hint=_HINT,
            )
        if span.layout is not None:
            continue
        if span.start == span.stop:
            tensors.append(TensorPlan(span=span, first=0, last=0))
            continue
        if before is not None and (before.start, before.stop) == (span.start, span.stop):
            tensors.append(replace(tensors[-1], span=span))
            continue
        if before is not None and span.start < before.stop:
            raise MalformedError(
                f"tensors {before.name!r} and {span.name!r} overlap in {path}: "
                f"one ends at byte {before.stop}, the other begins at byte {span.start}",
                hint=_HINT,
            )
        bounds.extend(_cuts(bounds[-1], span.start, chunk_size))
        first = len(bounds) - 1
        bounds.extend(_cuts(span.start, span.stop, chunk_size))
        tensors.append(TensorPlan(span=span, first=first, last=len(bounds) - 1))
        before = span
    bounds.extend(_cuts(bounds[-1], size, chunk_size))
    return FilePlan(path=path, bounds=tuple(bounds), tensors=tuple(tensors), derived=derived)


def _cuts(start: int, stop: int, chunk_size: int) -> Iterator[int]:
    """Give the end of each chunk between two offsets."""
    if stop > start:
        yield from range(start + chunk_size, stop, chunk_size)
        yield stop
