"""A model that is in memory, as named tensors: a torch module, a Keras model, a mapping of arrays.

No library is imported here: whoever has such a model has its library loaded, and it is found there.

Not promised: that the model stands still. Numbers that are trained meanwhile have no fingerprint.
"""

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, Protocol, TypeAlias, cast

from weightmark.errors import MalformedError

MAX_DEPTH: Final = 32
"""How deep mappings may lie in mappings."""

_REFUSED: Final = frozenset(
    {"int2", "uint2", "int4", "uint4", "float4_e2m1fn", "float6_e2m3fn", "float6_e3m2fn"}
)
"""Numbers of less than a byte: libraries keep each in a byte of its own, files pack them."""
_HINT: Final = "Fingerprint the file it is saved to: weightmark.fingerprint(path)."


class TorchModule(Protocol):
    """A ``torch.nn.Module``, or what has its ``state_dict``."""

    def state_dict(self) -> Mapping[str, Any]:
        """Give the tensors by their names."""
        ...


class KerasModel(Protocol):
    """A ``keras.Model``."""

    @property
    def weights(self) -> list[Any]:
        """Give the variables."""
        ...


class OnnxModel(Protocol):
    """An ``onnx.ModelProto``."""

    def SerializeToString(self) -> bytes:  # noqa: N802 - protobuf's name
        """Give the bytes of its file."""
        ...


LoadedModel: TypeAlias = Mapping[str, Any] | TorchModule | KerasModel | OnnxModel
"""What is taken for a model in memory; arrays are those of NumPy, torch, JAX or what NumPy can view."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedTensor:
    """One tensor in memory.

    Attributes:
        name: its name.
        dtype: as NumPy and ml_dtypes spell it.
        shape: lengths, outermost first.
        place: the same for tensors that share their memory; None when that cannot be known.
        fetch: gives the canonical bytes, copied only when memory has them in another order or elsewhere.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    place: tuple[object, ...] | None
    fetch: Callable[[], memoryview]


def name_tensors(model: LoadedModel) -> Mapping[str, Any]:
    """Give the tensors of a model by the names that its own library saves them under.

    Args:
        model: a model in memory, but not an ONNX one.

    Returns:
        Tensors by name; of a mapping the mapping itself, whose values are asked for one by one.

    Raises:
        MalformedError: it is no model.
    """
    if isinstance(model, Mapping):
        return model
    keras = _is_loaded("keras", model, "Model")
    if keras:
        return {str(each.path): each for each in cast("Any", model).weights}
    state_dict: object = getattr(model, "state_dict", None)
    if not callable(state_dict):
        raise MalformedError(
            f"{type(model).__name__} is neither a path nor a model in memory",
            hint="Pass a path, a URI, a torch module, a Keras, ONNX or transformers model, or a mapping.",
        )
    tensors = cast("Mapping[str, Any]", state_dict())
    return _saved(model, tensors) if is_pretrained(model) else tensors


def is_pretrained(model: object) -> bool:
    """Say whether a model is one of transformers'.

    Raises:
        Nothing.
    """
    return _is_loaded("transformers.modeling_utils", model, "PreTrainedModel")


def read_tensors(tensors: Mapping[str, Any]) -> Iterator[LoadedTensor]:
    """Read tensors one after another.

    Args:
        tensors: arrays by name; mappings in it join their names with dots. The caller keeps it.

    Raises:
        MalformedError: a value is no array of numbers, or two have one name.
    """
    seen: set[str] = set()
    for name, value, held in _flatten(tensors, "", 0, held=True):
        if name in seen:
            raise MalformedError(f"two tensors have the name {name[:200]!r}", hint="Rename one of the two.")
        seen.add(name)
        yield _read(name, value, held=held)


def _flatten(
    tensors: Mapping[str, Any], prefix: str, depth: int, *, held: bool
) -> Iterator[tuple[str, Any, bool]]:
    """Give names and values, and whether a value is kept, so that no other takes its place in memory."""
    held = held and type(tensors) in {dict, OrderedDict}
    if depth > MAX_DEPTH:
        raise MalformedError(f"mappings lie in mappings more than {MAX_DEPTH} deep at {prefix[:200]!r}")
    for key in tensors:
        if not isinstance(cast("object", key), str):
            raise MalformedError(f"a tensor has the name {key!r}, which is not text", hint="Name it by text.")
        value = tensors[key]
        if isinstance(value, Mapping):
            yield from _flatten(cast("Mapping[str, Any]", value), f"{prefix}{key}.", depth + 1, held=held)
        else:
            yield f"{prefix}{key}", value, held


def _read(name: str, value: Any, *, held: bool) -> LoadedTensor:
    what = f"tensor {name[:200]!r}"
    try:
        if _is_loaded("keras", value, "Variable"):
            value = value.value
        if _is_loaded("torch", value, "Tensor"):
            return _read_torch(name, value, held=held)
        return _read_array(name, value, held=held)
    except MalformedError:
        raise
    except Exception as error:
        raise MalformedError(f"{what} cannot be read: {type(error).__name__}: {error}", hint=_HINT) from error


def _read_torch(name: str, value: Any, *, held: bool) -> LoadedTensor:
    torch: Any = sys.modules["torch"]
    dtype = str(value.dtype).removeprefix("torch.")
    odd = "quantized" if value.is_quantized else str(value.layout).removeprefix("torch.")
    if value.is_meta or odd != "strided" or hasattr(value, "full_tensor") or dtype.endswith("_x2"):
        odd = "meta" if value.is_meta else dtype if dtype.endswith("_x2") else odd
        raise MalformedError(
            f"tensor {name[:200]!r} is {type(value).__name__} of kind {odd}, whose numbers are not at hand",
            hint=_HINT,
        )
    _check_dtype(name, dtype)
    if value.numel() and not value.data_ptr():
        raise MalformedError(
            f"tensor {name[:200]!r} is {type(value).__name__}, which is computed from others", hint=_HINT
        )

    def fetch() -> memoryview:
        whole = value.detach().resolve_conj().resolve_neg().cpu().contiguous()
        return memoryview(whole.reshape(-1).view(torch.uint8).numpy())

    place = None
    if held and not (value.is_conj() or value.is_neg()):
        place = (str(value.device), value.data_ptr(), dtype, tuple(value.shape), value.stride())
    return LoadedTensor(name=name, dtype=dtype, shape=tuple(value.shape), place=place, fetch=fetch)


def _read_array(name: str, value: Any, *, held: bool) -> LoadedTensor:
    import numpy as np

    if not (hasattr(value, "__array__") or hasattr(value, "__array_interface__")):
        raise MalformedError(
            f"{name[:200]!r} is {type(value).__name__} and not a tensor",
            hint="Pass the mapping of names to tensors alone, such as checkpoint['state_dict'].",
        )
    array: Any = np.asarray(value)
    dtype = array.dtype
    if dtype.kind not in "biufc" and not (dtype.isbuiltin == 2 and dtype.names is None):  # noqa: PLR2004 - NumPy's
        raise MalformedError(f"tensor {name[:200]!r} has {dtype.name}, which are not numbers", hint=_HINT)
    if dtype.char in "gG":
        raise MalformedError(
            f"tensor {name[:200]!r} has {dtype.name}, which differ from machine to machine", hint=_HINT
        )
    _check_dtype(name, dtype.name)

    def fetch() -> memoryview:
        little = array if dtype.kind == "V" else array.astype(dtype.newbyteorder("<"), copy=False)
        return np.ascontiguousarray(little).reshape(-1).view(np.uint8).data

    place = None
    if held and value is array:
        place = (array.ctypes.data, str(dtype), array.shape, array.strides)
    return LoadedTensor(name=name, dtype=dtype.name, shape=tuple(array.shape), place=place, fetch=fetch)


def _check_dtype(name: str, dtype: str) -> None:
    if dtype in _REFUSED:
        raise MalformedError(
            f"tensor {name[:200]!r} has {dtype}, which files pack and memory does not", hint=_HINT
        )


def _saved(model: object, tensors: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out and rename what transformers leaves out and renames when it saves a model."""
    library: Any = sys.modules["transformers.modeling_utils"]
    if getattr(model, "_hf_peft_config_loaded", False) or getattr(model, "hf_quantizer", None) is not None:
        return tensors
    ignored: object = getattr(model, "_keys_to_ignore_on_save", None) or ()
    kept = {name: tensor for name, tensor in tensors.items() if name not in cast("tuple[str, ...]", ignored)}
    for step in ("remove_tied_weights_from_state_dict", "revert_weight_conversion"):
        function = getattr(library, step, None)
        if function is not None:
            arguments = (kept, model) if step.startswith("remove") else (model, kept)
            kept = function(*arguments)
    return kept


def _is_loaded(module: str, value: object, name: str) -> bool:
    """Say whether a value is of a class of a library, which is then loaded already."""
    library: ModuleType | None = sys.modules.get(module)
    kind: object = getattr(library, name, None)
    return isinstance(kind, type) and isinstance(value, kind)
