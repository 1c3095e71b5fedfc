"""Programs that ``torch.export`` saved: the weights of a ``.pt2`` archive, by their configuration.

Not promised: the program itself, its sample inputs, and weights that the archive keeps as pickles; an archive
that has such is refused.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from weightmark.encoding import Record, decode
from weightmark.errors import MalformedError
from weightmark.model.artifact import ArtifactFile
from weightmark.model.tensor import TensorSpan
from weightmark_plugins.formats.archive import Member, read_member, show
from weightmark_plugins.formats.placement import ITEMSIZES, View, place
from weightmark_plugins.formats.pytorch_tensor import whole_number

FOLDERS: Final[Mapping[str, str]] = {
    "data/weights/": "data/weights/model_weights_config.json",
    "data/constants/": "data/constants/model_constants_config.json",
}
"""Where weights and constants lie in an archive, and what says which is which."""

MAX_CONFIG: Final = 100_000_000
"""The most bytes of a configuration."""

_DTYPES: Final = (
    *("", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"),
    *("complex32", "complex64", "complex128", "bool", "bfloat16"),
)
_MORE: Final = {
    28: "uint16",
    29: "float8_e4m3fn",
    30: "float8_e5m2",
    31: "float8_e4m3fnuz",
    32: "float8_e5m2fnuz",
}
_HINT: Final = "The archive was written wrongly or damaged: export the program again."


def read_export(
    file: ArtifactFile, members: Mapping[str, Member], top: str, *, swapped: bool
) -> Iterator[TensorSpan]:
    """Give the weights and constants of an exported program.

    Args:
        file: the archive.
        members: what it holds.
        top: the folder in the archive that all lies in, with its slash.
        swapped: whether its numbers are big-endian.

    Raises:
        MalformedError: the configuration is damaged, or names what the archive does not hold.
    """
    for folder, name in FOLDERS.items():
        config = members.get(f"{top}{name}")
        if config is None:
            continue
        what = f"{name} in {file.path}"
        value = decode(read_member(file, config, most=MAX_CONFIG), what=what)
        for tensor, entry in Record(value, what).record("config").members().items():
            record = Record(entry, f"tensor {show(tensor)} in {what}")
            stored = members.get(f"{top}{folder}{record.text('path_name')}")
            if stored is None:
                raise MalformedError(
                    f"{record.what} lies in {show(record.text('path_name'))}, which is not in the archive",
                    hint=_HINT,
                )
            meta = record.members().get("tensor_meta")
            if meta is None:
                continue  # an object of TorchBind's, not a tensor
            yield place(_view(tensor, record, swapped=swapped), stored, file.path)


def _view(name: str, record: Record, *, swapped: bool) -> View:
    what = record.what
    if record.members().get("use_pickle"):
        raise MalformedError(
            f"{what} is kept as a pickle, which is not read here", hint="Save the weights as safetensors."
        )
    meta = record.record("tensor_meta")
    code = whole_number(meta.members().get("dtype"), what)
    dtype = _DTYPES[code] if code < len(_DTYPES) else _MORE.get(code, "")
    if not dtype:
        raise MalformedError(
            f"{what} has the unknown number type {code}",
            hint="If the type is a new one, a newer Weightmark may know it.",
        )
    itemsize = ITEMSIZES[dtype]
    return View(
        name=name,
        dtype=dtype,
        itemsize=itemsize,
        shape=_numbers(meta, "sizes", what),
        strides=tuple(stride * itemsize for stride in _numbers(meta, "strides", what)),
        offset=whole_number(meta.record("storage_offset").members().get("as_int"), what) * itemsize,
        swapped=swapped,
    )


def _numbers(meta: Record, key: str, what: str) -> tuple[int, ...]:
    return tuple(
        whole_number(Record(value, f"{key} of {what}").members().get("as_int"), what)
        for value in meta.items(key)
    )
