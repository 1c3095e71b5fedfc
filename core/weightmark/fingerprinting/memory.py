"""The fingerprint of a model that is in memory: its tensors' digests, the same as those of its files.

Not promised: a ``bundle`` digest. What is in memory has no files; the same numbers in two packagings have the
same ``weights`` and ``tensors``, and so has the model in memory.
"""

import copy
import os
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from weightmark.encoding import Algorithm, Digest, Json, format_digest, hasher
from weightmark.errors import MalformedError
from weightmark.fingerprinting.architecture import architecture_digest, read_config_text
from weightmark.fingerprinting.engine import MAX_THREADS
from weightmark.fingerprinting.leaf import TensorDigest, tensor_roots
from weightmark.fingerprinting.loaded import (
    LoadedModel,
    LoadedTensor,
    is_pretrained,
    name_tensors,
    read_tensors,
)
from weightmark.fingerprinting.tree import CHUNK_SIZE
from weightmark.log.merkle import root_of

SMALL: Final = 64 << 10
"""Bytes of a tensor that are hashed at once: to hand them to a thread costs more."""

AHEAD: Final = 128 << 20
"""Bytes of tensors that wait to be hashed, beside one tensor that may be larger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedFingerprint:
    """The digests of a model in memory.

    Attributes:
        algorithm: the hash function of all digests.
        weights: the same for the same numbers, in memory or in a file; None when there are no tensors.
        tensors: the same for the same numbers under the same names; None without tensors.
        architecture: the same for the same network; None when it cannot be the one of the saved files, which
            is known of transformers and ONNX models only.
        entries: the tensors, sorted by name.
    """

    algorithm: Algorithm
    weights: Digest | None
    tensors: Digest | None
    architecture: Digest | None
    entries: tuple[TensorDigest, ...]


def fingerprint_loaded(
    model: LoadedModel, *, algorithm: Algorithm = Algorithm.SHA256, threads: int | None = None
) -> LoadedFingerprint:
    """Fingerprint a model in memory, tensor by tensor, without a copy of the whole.

    Args:
        model: a torch module, a Keras or transformers model, a mapping of names to arrays; not an ONNX model.
        algorithm: the hash function.
        threads: how many hash at once; None for as many as there are processors, at most 8.

    Returns:
        The fingerprint.

    Raises:
        ValueError: fewer than one thread was asked for.
        MalformedError: it is no such model, or a tensor's numbers are not at hand.

    Source: RFC 6962 section 2.1; RFC 8785.
    """
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    tensors = name_tensors(model)
    count = threads or min(os.cpu_count() or 1, MAX_THREADS)
    entries = _digest(read_tensors(tensors), algorithm, count)
    weights, named = tensor_roots(entries, algorithm)
    config = _config_of(model) if is_pretrained(model) else None
    return LoadedFingerprint(
        algorithm=algorithm,
        weights=weights,
        tensors=named,
        architecture=None if config is None else architecture_digest(config, entries, algorithm),
        entries=tuple(entries),
    )


def hash_chunks(data: memoryview, algorithm: Algorithm) -> list[bytes]:
    """Compute the leaves of a tensor's chunks from its canonical bytes, 32 bytes each.

    Raises:
        Nothing.

    Source: RFC 6962 section 2.1.
    """
    return [_hash(data, start, algorithm) for start in range(0, len(data), CHUNK_SIZE)]


def _hash(data: memoryview, start: int, algorithm: Algorithm) -> bytes:
    leaf = hasher(algorithm, b"\x00")
    leaf.update(data[start : start + CHUNK_SIZE])
    return leaf.digest()


class _Waiting:
    """Tensors whose chunks are being hashed, at most so many bytes at once."""

    def __init__(self, algorithm: Algorithm) -> None:
        self._algorithm = algorithm
        self._queue: deque[tuple[LoadedTensor, int, list[Future[bytes]]]] = deque()
        self._bytes = 0
        self.entries: list[TensorDigest] = []
        self.roots: dict[tuple[object, ...], Digest] = {}

    def add(self, tensor: LoadedTensor, size: int, leaves: list[Future[bytes]]) -> None:
        self._queue.append((tensor, size, leaves))
        self._bytes += size

    def settle(self, most: int) -> None:
        """Wait until no more than so many bytes are left."""
        while self._queue and self._bytes > most:
            tensor, size, leaves = self._queue.popleft()
            root = root_of([leaf.result() for leaf in leaves], self._algorithm)
            self._bytes -= size
            self.finish(tensor, format_digest(self._algorithm, root))

    def finish(self, tensor: LoadedTensor, root: Digest) -> None:
        if tensor.place is not None:
            self.roots[tensor.place] = root
        self.entries.append(TensorDigest(name=tensor.name, dtype=tensor.dtype, shape=tensor.shape, root=root))


def _digest(tensors: Iterable[LoadedTensor], algorithm: Algorithm, threads: int) -> list[TensorDigest]:
    waiting = _Waiting(algorithm)
    with ThreadPoolExecutor(threads, thread_name_prefix="weightmark-hash") as pool:
        try:
            for tensor in tensors:
                known = None if tensor.place is None else waiting.roots.get(tensor.place)
                if known is not None:
                    waiting.finish(tensor, known)
                    continue
                data = _fetch(tensor)
                if len(data) <= SMALL:
                    waiting.finish(
                        tensor, format_digest(algorithm, root_of(hash_chunks(data, algorithm), algorithm))
                    )
                    continue
                starts = range(0, len(data), CHUNK_SIZE)
                leaves = [pool.submit(_hash, data, start, algorithm) for start in starts]
                waiting.add(tensor, len(data), leaves)
                waiting.settle(AHEAD)
            waiting.settle(-1)
        finally:
            pool.shutdown(cancel_futures=True)
    return sorted(waiting.entries, key=lambda entry: entry.name)


def _fetch(tensor: LoadedTensor) -> memoryview:
    try:
        return tensor.fetch()
    except Exception as error:
        raise MalformedError(
            f"tensor {tensor.name[:200]!r} cannot be read: {type(error).__name__}: {error}",
            hint="Fingerprint the file that the model is saved to: weightmark.fingerprint(path).",
        ) from error


def _config_of(model: Any) -> Mapping[str, Json] | None:
    """Give the configuration that transformers would write beside the weights; None when it cannot say."""
    if getattr(model, "hf_quantizer", None) is not None or getattr(model, "_hf_peft_config_loaded", False):
        return None
    try:
        config = copy.deepcopy(model.config)
        config.dtype = str(model.dtype).removeprefix("torch.")
        config.architectures = [type(model).__name__.removeprefix("FSDP")]
        return read_config_text(config.to_json_string(use_diff=True).encode())
    except Exception:
        return None
