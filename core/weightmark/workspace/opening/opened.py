"""What an opened model shows: facts, its network, and its tensors, each held against the registration.

A tensor is hashed from the very bytes that its array is made of, so there is no moment between check and use.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from weightmark.encoding import Algorithm, Digest, Json, format_digest, format_time, printable
from weightmark.errors import DigestMismatchError, Failure, WeightmarkError
from weightmark.fingerprinting.memory import hash_chunks
from weightmark.log.merkle import root_of
from weightmark.model import Artifact, ModelManifest, TensorSpan

if TYPE_CHECKING:
    import numpy as np

MOST_TOLD: Final = 10_000
"""Tensors that ``Architecture.to_json`` names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMetadata:
    """What may be known of a model without any of its numbers.

    Attributes:
        name: what its owner calls it.
        owner: who owns it.
        presumed: whether the owner is only whoever registered it.
        license: the licence it stands under; None when none was stated.
        bundle: the digest of its files.
        weights: the digest of its numbers; None when no tensors were found in it.
        registered_at: when, as its owner stated it.
        receipt: where its registration stands.
        credits: who is credited for it and for what it stands on, in one line.
        card: its ``README.md``; empty when it has none, or the files are not at hand.
    """

    name: str
    owner: str
    presumed: bool
    license: str | None
    bundle: Digest
    weights: Digest | None
    registered_at: datetime
    receipt: str
    credits: str
    card: str = field(default="", repr=False)

    def to_json(self) -> dict[str, Json]:
        """Give it in the words of the command line's ``--json``."""
        return {
            "name": self.name,
            "owner": self.owner,
            "presumed": self.presumed,
            "license": self.license,
            "bundle": self.bundle,
            "weights": self.weights,
            "registered_at": format_time(self.registered_at),
            "receipt": self.receipt,
            "credits": self.credits,
            "card": self.card,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorShape:
    """One tensor without its numbers."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """What network a model is.

    Attributes:
        configuration: its ``config.json`` without what changes from save to save; None when it has none.
        tensors: sorted by name.
        digest: the registered digest of both; None when the model has neither.
    """

    configuration: Mapping[str, Json] | None
    tensors: tuple[TensorShape, ...]
    digest: Digest | None

    @property
    def parameters(self) -> int:
        """Count the elements of all tensors."""
        return sum(math.prod(tensor.shape) for tensor in self.tensors)

    def to_json(self) -> dict[str, Json]:
        """Give it in the words of the command line's ``--json``; of many tensors the first ones."""
        return {
            "configuration": None if self.configuration is None else dict(self.configuration),
            "digest": self.digest,
            "parameters": self.parameters,
            "tensor_count": len(self.tensors),
            "tensors": [
                {"name": tensor.name, "dtype": tensor.dtype, "shape": list(tensor.shape)}
                for tensor in self.tensors[:MOST_TOLD]
            ],
        }


class VerifiedTensors(Mapping[str, "np.ndarray"]):
    """A model's tensors by name, each read and verified when it is asked for; read-only arrays.

    Args:
        artifact: the files.
        spans: where formats find the tensors.
        manifest: what was registered.
        require: called before each reading; raises when it is not allowed any more.

    Raises:
        LicensingError: from reading one: it is not allowed any more.
        KeyError: there is none of this name.
        DigestMismatchError: from reading one: it is not as it was registered.
        MalformedError: from reading one: its file cannot be read, or changes meanwhile.
        WeightmarkError: from reading one: NumPy has no type for its numbers.
    """

    def __init__(
        self,
        artifact: Artifact,
        spans: Mapping[str, TensorSpan],
        manifest: ModelManifest,
        require: Callable[[], object],
    ) -> None:
        self._require = require
        self._artifact = artifact
        self._spans = spans
        self._roots = {entry.name: entry for entry in manifest.tensors}
        self._algorithm = manifest.algorithm
        if self._spans.keys() != self._roots.keys():
            name = min(self._spans.keys() ^ self._roots.keys())
            reason = "missing" if name in self._roots else "unexpected"
            raise _changed("", name, reason)

    def __getitem__(self, name: str) -> "np.ndarray":
        """Read one tensor."""
        import numpy as np

        span, entry = self._spans[name], self._roots[name]
        self._require()
        dtype = _dtype(span)
        file = self._artifact.find(span.path)
        if file is None or (span.dtype, span.shape) != (entry.dtype, entry.shape):
            raise _changed(span.path, name, "changed")
        with file.opened() as reader:
            data = b"".join(span.blocks(reader))
        if root_over(data, self._algorithm) != entry.root:
            raise _changed(span.path, name, "changed")
        return np.frombuffer(data, dtype).reshape(span.shape)

    def __iter__(self) -> Iterator[str]:
        """Give the names, sorted."""
        return iter(sorted(self._spans))

    def __len__(self) -> int:
        """Count the tensors."""
        return len(self._spans)


def root_over(data: bytes, algorithm: Algorithm) -> Digest:
    """Give the root of bytes that nothing but their length cuts: a tensor's, or a file's without tensors."""
    return format_digest(algorithm, root_of(hash_chunks(memoryview(data), algorithm), algorithm))


def _dtype(span: TensorSpan) -> "np.dtype":
    import ml_dtypes
    import numpy as np

    try:
        dtype = np.dtype(getattr(ml_dtypes, span.dtype, span.dtype)).newbyteorder("<")
    except TypeError:
        dtype = None
    if dtype is None or dtype.hasobject or dtype.itemsize * math.prod(span.shape) != span.size:
        raise WeightmarkError(
            f"tensor {printable(span.name)[:200]!r} is of the type {printable(span.dtype)[:40]!r}, for which"
            " NumPy has no array",
            hint="Take the files: loader.weights().",
        )
    return dtype


def _changed(path: str, name: str, reason: str) -> DigestMismatchError:
    what = {"missing": "is missing", "unexpected": "was not there"}.get(reason, "was changed")
    return DigestMismatchError(
        f"the tensor {printable(name)[:200]} {what} since the model was registered",
        failures=(Failure(path=path, tensor=name, reason=reason),),
    )
