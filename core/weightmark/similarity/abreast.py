"""Several tensors read side by side, in equal steps and bounded memory.

Not promised: that the tensors mean the same; only that the same places are looked at together.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weightmark.errors import MalformedError
from weightmark.similarity.values import ModelTensors

STEP: Final = 1 << 18
"""Elements that are looked at together: 1 MiB of each tensor."""

_BYTES: Final = 1 << 20
"""Bytes that are compared at once: they stay in the processor's cache."""

Floats = NDArray[np.float32]


def read_abreast(
    sources: Sequence[Iterator[Floats]], *, what: str, step: int = STEP
) -> Iterator[list[Floats]]:
    """Read several streams of numbers in equal steps.

    Args:
        sources: each gives one-dimensional float32 blocks of any length; all have equally many elements.
        what: the tensor, for messages.
        step: the most elements that are given at once.

    Yields:
        One run of each stream, all of one length, at most ``step``.

    Raises:
        MalformedError: one stream ends before another.
    """
    rests: list[Floats] = [np.empty(0, np.float32) for _ in sources]
    while True:
        for index, source in enumerate(sources):
            while not rests[index].size:
                block = next(source, None)
                if block is None:
                    break
                rests[index] = block
        length = min(step, *(rest.size for rest in rests)) if rests else 0
        if not length:
            break
        yield [rest[:length] for rest in rests]
        rests = [rest[length:] for rest in rests]
    if any(rest.size for rest in rests):
        raise MalformedError(
            f"tensor {what[:200]!r} has fewer elements in one model than in another of the same shape",
            hint="One of the files is damaged: get it again.",
        )


def pick(tensors: ModelTensors, name: str, places: NDArray[np.int64]) -> Floats:
    """Read some elements of a tensor, a block at a time.

    Args:
        tensors: the model.
        name: the tensor.
        places: flat indices in canonical order, ascending.

    Returns:
        The elements at these places, float32.

    Raises:
        MalformedError: the tensor cannot be read, or its numbers are not known.
    """
    picked = np.empty(places.size, np.float32)
    start = position = 0
    for block in tensors.blocks(name):
        end = int(np.searchsorted(places, position + block.size))
        picked[start:end] = block[places[start:end] - position]
        start, position = end, position + block.size
    return picked


def sample_places(size: int, most: int, *, seed: int = 0) -> NDArray[np.int64]:
    """Choose places in a tensor: all of a small one, else runs of 64 that are spread evenly.

    Args:
        size: the tensor's elements.
        most: about how many to choose.
        seed: another one shifts the runs.

    Returns:
        Flat indices, ascending; runs begin at multiples of 64.

    Raises:
        Nothing.
    """
    if size <= most:
        return np.arange(size, dtype=np.int64)
    runs, wanted = size // 64, max(1, most // 64)
    edges = np.linspace(0, runs, wanted + 1).astype(np.int64)
    spread = np.maximum(edges[1:] - edges[:-1], 1)
    firsts = edges[:-1] + np.random.default_rng(seed).integers(0, spread)
    starts = np.unique(firsts) * 64
    return (starts[:, None] + np.arange(64)).reshape(-1)


def same_bytes(first: ModelTensors, second: ModelTensors, name: str, other: str) -> bool:
    """Say whether two tensors have the same canonical bytes; reading stops where they differ.

    Args:
        first: a model.
        second: another.
        name: the tensor in the first.
        other: the tensor in the second.

    Raises:
        MalformedError: a file cannot be read.
    """
    if first.span(name).size != second.span(other).size:
        return False
    sources = [_bytes(first, name), _bytes(second, other)]
    rests: list[bytes] = [b"", b""]
    while True:
        for index, source in enumerate(sources):
            while not rests[index]:
                block = next(source, None)
                if block is None:
                    return not (rests[0] or rests[1])
                rests[index] = block
        length = min(len(rests[0]), len(rests[1]))
        if rests[0][:length] != rests[1][:length]:  # a slice of all copies nothing
            return False
        rests = [rest[length:] for rest in rests]


def _bytes(tensors: ModelTensors, name: str) -> Iterator[bytes]:
    span = tensors.span(name)
    file = tensors.artifact.find(span.path)
    if file is None:
        raise MalformedError(
            f"tensor {name[:200]!r} lies in {span.path!r}, which the model does not have",
            hint="The plugin that read the model is wrong; leave it out.",
        )
    with file.opened() as reader:
        if span.layout is not None:
            yield from span.blocks(reader)
            return
        for position in range(span.start, span.stop, _BYTES):
            yield reader.read(position, min(_BYTES, span.stop - position))
