"""A few hundred bytes per tensor that let models be looked up by likeness, and reveal no weights.

For each large tensor a fixed sample of its elements is thrown into 256 buckets, each element with a sign;
sample, bucket and sign follow from the seed and the tensor's shape. The sign of each bucket's sum is one bit.
Two tensors whose elements have the cosine c agree in about 1 - arccos(c)/pi of their bits, unrelated ones in
half. The model's own code is the sign of the sum over its tensors, each brought to the same length, so that
names, files and order do not matter.

Not promised: evidence. Who knows the seed can forge a likeness, or hide one, by changing weights by about one
per cent. A sketch with the public seed only nominates; what it nominates is to be compared.

Source: M. Charikar, "Finding frequent items in data streams" (2002), for the buckets; "Similarity estimation
techniques from rounding algorithms" (2002), for the signs.
"""

import hashlib
import math
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Self

from weightmark.encoding import Digest, Record, decode, digest_bytes, encode
from weightmark.errors import MalformedError
from weightmark.similarity.values import ModelTensors
from weightmark.vocabulary import SKETCH_MEDIA_TYPE

if TYPE_CHECKING:
    import numpy as np

BITS: Final = 256
"""Bits of one code."""

MAX_SIZE: Final = 64 << 10
"""The most bytes of an encoded sketch."""

MAX_TENSORS: Final = 900
"""The most tensors that have codes of their own: the largest."""

MIN_ELEMENTS: Final = 1024
"""Elements of the smallest tensor that takes part."""

RUN: Final = 4096
"""Elements that are sampled side by side."""

RUNS: Final = 16
"""Runs that are sampled from one tensor, at most."""

PUBLIC_SEED: Final = "weightmark-sketch-v1"
"""What everybody uses, so that sketches of different ledgers can be compared."""

_KEY_SIZE: Final = 8
_CODE_SIZE: Final = BITS // 8
_MIN_RANK: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """What is kept of one model.

    Attributes:
        seed: SHA-256 of the seed: which sketches may be compared, not the seed itself.
        code: 32 bytes for the whole model.
        tensors: for each tensor 8 bytes that stand for its shape, and its code of 32 bytes; sorted.
    """

    seed: Digest
    code: bytes
    tensors: tuple[tuple[bytes, bytes], ...]

    def encode(self) -> bytes:
        """Write the sketch as canonical JSON, at most 64 KiB.

        Raises:
            Nothing.
        """
        return encode(
            {
                "mediaType": SKETCH_MEDIA_TYPE,
                "seed": self.seed,
                "code": _text(self.code),
                "tensors": [_text(key + code) for key, code in self.tensors],
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a sketch strictly.

        Raises:
            MalformedError: it is too large, or not one.
        """
        if len(data) > MAX_SIZE:
            raise MalformedError(f"a sketch has {len(data)} bytes; it has at most {MAX_SIZE}")
        record = Record(decode(data, what="the sketch"), "the sketch")
        media_type = record.text("mediaType")
        if media_type != SKETCH_MEDIA_TYPE:
            raise MalformedError(f"the sketch is of type {media_type[:80]!r}, not {SKETCH_MEDIA_TYPE!r}")
        seed, code = record.digest("seed"), _bytes(record.text("code"), _CODE_SIZE)
        items = [item for item in record.items("tensors") if isinstance(item, str)]
        tensors = tuple(_bytes(item, _KEY_SIZE + _CODE_SIZE) for item in items)
        if len(items) != len(record.items("tensors")) or list(tensors) != sorted(tensors):
            raise MalformedError("the tensors of the sketch are not sorted texts")
        record.done()
        pairs = tuple((item[:_KEY_SIZE], item[_KEY_SIZE:]) for item in tensors)
        return cls(seed=seed, code=code, tensors=pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How alike two sketches are.

    Attributes:
        bits: the part of equal bits in the two models' codes, 0 to 1; unrelated models have about 0.5.
        tensors: how many tensors of the one have a partner of their shape in the other.
        alike: how many of those agree beyond chance, by more than six standard deviations.
    """

    bits: float
    tensors: int
    alike: int


def make_sketch(model: ModelTensors, *, seed: str = PUBLIC_SEED) -> Sketch | None:
    """Sketch a model.

    Args:
        model: its tensors; a sample of each is read.
        seed: what sample, buckets and signs follow from; a secret one cannot be prepared for.

    Returns:
        The sketch; None when no tensor is large enough, has two dimensions and values that are known.

    Raises:
        MalformedError: a tensor's bytes are not what its type and shape ask for.
        MissingExtraError: a tensor's type needs a library that is not installed.
    """
    import numpy as np

    chosen = _chosen(model)
    total = np.zeros(BITS)
    codes: list[tuple[bytes, bytes]] = []
    for name in chosen:
        sums = _sums(model, name, seed)
        length = float(np.linalg.norm(sums))
        if not math.isfinite(length) or not length:
            continue
        total += sums / length
        if len(codes) < MAX_TENSORS:
            codes.append((_shape_key(model.shape(name)), _code(sums)))
    if not codes:
        return None
    return Sketch(seed=seed_digest(seed), code=_code(total), tensors=tuple(sorted(codes)))


def seed_digest(seed: str) -> Digest:
    """Name a seed without giving it away.

    Raises:
        Nothing.
    """
    return digest_bytes(seed.encode())


def agree(first: Sketch, second: Sketch) -> Agreement:
    """Compare two sketches.

    Tensors of one shape are paired so that the most alike come first.

    Raises:
        ValueError: they were made with different seeds.
    """
    if first.seed != second.seed:
        raise ValueError("sketches that were made with different seeds say nothing about each other")
    tensors = alike = 0
    theirs = _by_shape(second)
    for key, codes in _by_shape(first).items():
        for bits in _pair(codes, theirs.get(key, [])):
            tensors += 1
            alike += bits > BITS / 2 + 6 * math.sqrt(BITS) / 2
    return Agreement(
        bits=equal_bits(first.code, second.code) / BITS,
        tensors=tensors,
        alike=alike,
    )


def equal_bits(first: bytes, second: bytes) -> int:
    """Count the bits that two codes of one length have in common.

    Raises:
        Nothing.
    """
    differing = int.from_bytes(first, "big") ^ int.from_bytes(second, "big")
    return len(first) * 8 - differing.bit_count()


def _chosen(model: ModelTensors) -> Sequence[str]:
    """Give the tensors that take part, the largest first."""
    sizes = {
        name: math.prod(model.shape(name))
        for name in model.names
        if len(model.shape(name)) >= _MIN_RANK and model.has_values(name)
    }
    large = [name for name, size in sizes.items() if size >= MIN_ELEMENTS]
    return sorted(large, key=lambda name: (-sizes[name], name))


def _sums(model: ModelTensors, name: str, seed: str) -> "np.ndarray":
    """Add the sampled elements up in their buckets, with their signs."""
    import numpy as np

    shape = model.shape(name)
    starts, buckets, signs = _sample(shape, seed)
    values = np.concatenate(model.runs(name, starts, RUN))
    count = values.size
    return np.bincount(buckets[:count], values * signs[:count], BITS)


@lru_cache(maxsize=64)
def _sample(shape: tuple[int, ...], seed: str) -> tuple[tuple[int, ...], "np.ndarray", "np.ndarray"]:
    """Say which runs of a tensor are sampled, and each element's bucket and sign."""
    import numpy as np

    elements = math.prod(shape)
    key = hashlib.sha256(f"{seed}\0{','.join(map(str, shape))}".encode()).digest()
    source = np.random.Philox(key=int.from_bytes(key[:16], "little"))
    if elements <= RUN * RUNS:
        starts = tuple(range(0, elements, RUN))
    else:
        # aligned to 256 elements, so that blocks of quantised numbers are not cut
        drawn = source.random_raw(RUNS) % np.uint64((elements - RUN) // 256 + 1)
        starts = tuple(int(start) * 256 for start in drawn)
    raw = source.random_raw(len(starts) * RUN)
    buckets = (raw % np.uint64(BITS)).astype(np.intp)
    signs = 1.0 - 2.0 * ((raw >> np.uint64(40)) & np.uint64(1)).astype(np.float32)
    return starts, buckets, signs


def _code(sums: "np.ndarray") -> bytes:
    import numpy as np

    return np.packbits(sums > 0).tobytes()


def _shape_key(shape: tuple[int, ...]) -> bytes:
    return hashlib.sha256(",".join(map(str, shape)).encode()).digest()[:_KEY_SIZE]


def _by_shape(sketch: Sketch) -> Mapping[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for key, code in sketch.tensors:
        found.setdefault(key, []).append(code)
    return found


def _pair(codes: Sequence[bytes], others: Sequence[bytes]) -> list[int]:
    """Give the equal bits of each pair, the most alike paired first, each code in one pair."""
    import numpy as np

    if not codes or not others:
        return []
    first = np.unpackbits(np.frombuffer(b"".join(codes), np.uint8)).reshape(len(codes), BITS)
    second = np.unpackbits(np.frombuffer(b"".join(others), np.uint8)).reshape(len(others), BITS)
    signs, other_signs = first.astype(np.float32) * 2 - 1, second.astype(np.float32) * 2 - 1
    equal = ((signs @ other_signs.T + BITS) / 2).astype(int)
    pairs: list[int] = []
    for flat in np.argsort(-equal, axis=None, kind="stable"):
        row, column = divmod(int(flat), len(others))
        if equal[row, column] >= 0:
            pairs.append(int(equal[row, column]))
            equal[row, :] = equal[:, column] = -1
            if len(pairs) == min(len(codes), len(others)):
                break
    return pairs


def _text(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _bytes(text: str, size: int) -> bytes:
    try:
        data = b64decode(text, validate=True)
    except (Base64Error, ValueError) as error:
        raise MalformedError(f"{text[:80]!r} in the sketch is not base64") from error
    if len(data) != size:
        raise MalformedError(f"a code in the sketch has {len(data)} bytes, not {size}")
    return data
