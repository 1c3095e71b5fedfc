"""A model's tensors as numbers, read one at a time.

Not promised: exact values beyond float32. Whoever asks for exactness compares digests.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from weightmark.encoding import Json
from weightmark.errors import MalformedError, MissingExtraError
from weightmark.fingerprinting import read_config
from weightmark.model import Artifact, TensorSpan

if TYPE_CHECKING:
    import numpy as np

BLOCK: Final = 16 << 20
"""Elements that ``blocks`` gives at once, about."""

_QUANTISED: Final = ("q", "iq", "tq", "mxfp", "nvfp")


class ModelTensors:
    """The tensors of one model.

    Args:
        artifact: the model's files.
        spans: its tensors; names are unique.
    """

    def __init__(self, artifact: Artifact, spans: Sequence[TensorSpan]) -> None:
        self.artifact = artifact
        self._spans: Mapping[str, TensorSpan] = {span.name: span for span in spans}
        self._config: Mapping[str, Json] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The tensors' names, in the order of their files."""
        return tuple(self._spans)

    @property
    def config(self) -> Mapping[str, Json]:
        """The model's ``config.json``; empty when it has none."""
        if self._config is None:
            self._config = read_config(self.artifact) or {}
        return self._config

    def span(self, name: str) -> TensorSpan:
        """Say where a tensor lies.

        Raises:
            KeyError: there is none of this name.
        """
        return self._spans[name]

    def shape(self, name: str) -> tuple[int, ...]:
        """Give a tensor's lengths, outermost first.

        Raises:
            KeyError: there is none of this name.
        """
        return self._spans[name].shape

    def read(self, name: str) -> "np.ndarray":
        """Read a whole tensor.

        Returns:
            float32, of the tensor's shape; quantised numbers as the values they stand for.

        Raises:
            KeyError: there is none of this name.
            MalformedError: its bytes are not what its type and shape ask for, or its type is unknown.
            MissingExtraError: its type needs a library that is not installed.
        """
        import numpy as np

        parts = list(self.blocks(name))
        shape = self.shape(name)
        if not parts:
            return np.empty(shape, np.float32)
        return np.concatenate(parts).reshape(shape)

    def blocks(self, name: str) -> Iterator["np.ndarray"]:
        """Read a tensor in runs of elements, in canonical order.

        Yields:
            float32, one-dimensional, at most about ``BLOCK`` elements; together all of the tensor's.

        Raises:
            KeyError: there is none of this name.
            MalformedError: its bytes are not what its type and shape ask for, or its type is unknown.
            MissingExtraError: its type needs a library that is not installed.
        """
        span = self._spans[name]
        decode, unit = _decoder(span)
        file = self.artifact.find(span.path)
        if file is None:
            raise MalformedError(
                f"tensor {name[:200]!r} lies in {span.path!r}, which the model does not have"
            )
        rest, count = b"", 0
        with file.opened() as reader:
            for stored in span.blocks(reader):
                data = rest + stored if rest else stored
                whole = len(data) - len(data) % unit
                rest = data[whole:]
                for start in range(0, whole, BLOCK // unit * unit):
                    values = decode(data[start : min(whole, start + BLOCK // unit * unit)])
                    count += values.size
                    yield values
        if rest or count != math.prod(span.shape):
            raise _uneven(span, count)

    def runs(self, name: str, starts: Sequence[int], count: int) -> list["np.ndarray"]:
        """Read some runs of elements that follow one another in canonical order.

        A tensor with a layout is read as a whole for it.

        Args:
            name: the tensor.
            starts: each run's first element; of a quantised tensor the first of one of its blocks.
            count: how many elements a run has; fewer are given at the tensor's end.

        Returns:
            One float32 array of one dimension for each run.

        Raises:
            KeyError: there is none of this name.
            MalformedError: its bytes are not what its type and shape ask for, or its type is unknown.
            MissingExtraError: its type needs a library that is not installed.
        """
        span = self._spans[name]
        total = math.prod(span.shape)
        bounds = [(start, max(start, min(start + count, total))) for start in starts]
        file = self.artifact.find(span.path)
        if span.layout is not None or file is None:
            whole = self.read(name).reshape(-1)
            return [whole[start:stop] for start, stop in bounds]
        decode, unit = _decoder(span)
        elements = _block_elements(span)
        if -(-total // elements) * unit != span.size:
            raise _uneven(span, span.size // unit * elements)
        found: list[np.ndarray] = []
        with file.opened() as reader:
            for start, stop in bounds:
                first, last = start // elements, -(-stop // elements)
                values = decode(reader.read(span.start + first * unit, (last - first) * unit))
                found.append(values[start - first * elements :][: stop - start])
        return found

    def has_values(self, name: str) -> bool:
        """Say whether a tensor's type is one whose values are known here.

        Raises:
            KeyError: there is none of this name.
        """
        try:
            _decoder(self._spans[name])
        except (MalformedError, MissingExtraError):
            return False
        return True


Decode = Callable[[bytes], "np.ndarray"]


def _decoder(span: TensorSpan) -> tuple[Decode, int]:
    """Give what turns bytes into float32, and the bytes of the smallest run that it takes."""
    import ml_dtypes
    import numpy as np

    if span.dtype.startswith(_QUANTISED):
        return _quantised(span)
    bits = _packed_bits(span.dtype)
    try:
        dtype = np.dtype(getattr(ml_dtypes, span.dtype, span.dtype)).newbyteorder("<")
    except TypeError as error:
        raise _unknown(span) from error
    if bits < dtype.itemsize * 8 or dtype.kind not in "biufcV":
        raise _unknown(span)

    def decode(data: bytes) -> "np.ndarray":
        values = np.frombuffer(data, dtype)
        return np.abs(values).astype(np.float32) if dtype.kind == "c" else values.astype(np.float32)

    return decode, dtype.itemsize


def _packed_bits(dtype: str) -> int:
    """Give the bits that an element has in a file, for types that ml_dtypes keeps in a byte each."""
    narrow = {"float4": 4, "float6": 6, "int4": 4, "uint4": 4, "int2": 2, "uint2": 2}
    return narrow.get(dtype.split("_", 1)[0], 512)


def _quantised(span: TensorSpan) -> tuple[Decode, int]:
    try:
        from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, dequantize
    except ImportError as error:
        raise MissingExtraError("formats") from error
    import numpy as np

    try:
        kind = GGMLQuantizationType[span.dtype.upper()]
    except KeyError as error:
        raise _unknown(span) from error
    _, size = GGML_QUANT_SIZES[kind]

    def decode(data: bytes) -> "np.ndarray":
        rows = np.frombuffer(data, np.uint8).reshape(-1, size)
        return dequantize(rows, kind).astype(np.float32, copy=False).reshape(-1)

    return decode, size


def _unknown(span: TensorSpan) -> MalformedError:
    return MalformedError(
        f"tensor {span.name[:200]!r} in {span.path} has numbers of the type {span.dtype[:40]!r}, "
        "whose values are not known here",
        hint="Compare a copy of the model with plain numbers.",
    )


def _block_elements(span: TensorSpan) -> int:
    """Give the elements of the smallest run of bytes that can be read by itself."""
    if not span.dtype.startswith(_QUANTISED):
        return 1
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    return GGML_QUANT_SIZES[GGMLQuantizationType[span.dtype.upper()]][0]


def _uneven(span: TensorSpan, count: int) -> MalformedError:
    return MalformedError(
        f"tensor {span.name[:200]!r} in {span.path} has {count} elements; "
        f"its shape {list(span.shape)[:8]} asks for {math.prod(span.shape)}",
        hint="The file, or the plugin that read it, is wrong: save the model again.",
    )
