"""Writes files of formats without the libraries that usually do, sound ones and others."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from weightmark.errors import MalformedError
from weightmark.model import Artifact, TensorSpan
from weightmark.ports import Format
from weightmark.testing.format import Sample, check_spans, check_told, read_tensor

STORAGES = {
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "int64": "LongStorage",
    "uint8": "ByteStorage",
    "bfloat16": "BFloat16Storage",
    "bool": "BoolStorage",
    "complex64": "ComplexFloatStorage",
}
SIZES = {"float32": 4, "float64": 8, "int64": 8, "uint8": 1, "bfloat16": 2, "bool": 1, "complex64": 8}
LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


def read(cls: type[Format], folder: Path) -> dict[str, TensorSpan]:
    """Read a folder's tensors by name, and check that they are sound."""
    artifact = Artifact.open(folder)
    reader = cls()
    spans = reader.tensors(artifact, reader.claims(artifact))
    check_spans(artifact, spans)
    assert len({span.name for span in spans}) == len(spans)
    for span in spans:
        span.name.encode()
    return {span.name: span for span in spans}


def read_bytes(cls: type[Format], folder: Path) -> dict[str, bytes]:
    artifact = Artifact.open(folder)
    return {name: read_tensor(artifact, span) for name, span in read(cls, folder).items()}


def read_or_refuse(cls: type[Format], folder: Path) -> None:
    """Read a hostile folder and its tensors' bytes: sound or refused in words, and nothing else."""
    try:
        spans = read(cls, folder)
        artifact = Artifact.open(folder)
        for span in spans.values():
            if span.size < 1 << 20:
                read_tensor(artifact, span)
    except MalformedError as error:
        check_told(error)


# ---- pickles, operation by operation


def text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + len(data).to_bytes(4, "little") + data


def number(value: int) -> bytes:
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8b" + len(data).to_bytes(4, "little") + data


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def couple(*values: bytes) -> bytes:
    return b"(" + b"".join(values) + b"t"


def call(maker: bytes, *arguments: bytes) -> bytes:
    return maker + couple(*arguments) + b"R"


def mapping(items: Mapping[str, bytes]) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


def whole(root: bytes) -> bytes:
    return b"\x80\x02" + root + b"."


def storage(key: str, dtype: str, count: int) -> bytes:
    kind = name("torch", STORAGES[dtype])
    return couple(text("storage"), kind, text(key), text("cpu"), number(count)) + b"Q"


def tensor(stored: bytes, shape: Sequence[int], strides: Sequence[int], offset: int = 0) -> bytes:
    hooks = call(name("collections", "OrderedDict"))
    lengths, steps = (couple(*map(number, values)) for values in (shape, strides))
    return call(
        name("torch._utils", "_rebuild_tensor_v2"), stored, number(offset), lengths, steps, b"\x89", hooks
    )


def strides_of(shape: Sequence[int]) -> list[int]:
    return [int(np.prod([max(length, 1) for length in shape[place + 1 :]])) for place in range(len(shape))]


def state_dict(tensors: Sample) -> tuple[bytes, dict[str, bytes]]:
    """Make the pickle of a flat dictionary, and its storages."""
    parts: dict[str, bytes] = {}
    storages: dict[str, bytes] = {}
    for place, (key, (dtype, shape, data)) in enumerate(tensors.items()):
        stored = storage(str(place), dtype, len(data) // SIZES[dtype])
        parts[key] = tensor(stored, shape, strides_of(shape))
        storages[str(place)] = data
    return whole(mapping(parts)), storages


def torch_zip(  # the archive that torch.save writes
    pickle: bytes,
    storages: Mapping[str, bytes],
    *,
    order: bytes = b"little",
    compression: int = zipfile.ZIP_STORED,
    top: str = "archive",
) -> bytes:
    members = {
        "data.pkl": pickle,
        "byteorder": order,
        **{f"data/{key}": data for key, data in storages.items()},
    }
    return pack({f"{top}/{key}": data for key, data in members.items()}, compression)


def torch_legacy(pickle: bytes, storages: Mapping[str, bytes], sizes: Mapping[str, int]) -> bytes:
    keys = whole(b"](" + b"".join(text(key) for key in storages) + b"e")
    stored = [(len(data) // sizes[key]).to_bytes(8, "little") + data for key, data in storages.items()]
    return b"".join([LEGACY, whole(number(1001)), whole(b"}"), pickle, keys, *stored])


# ---- archives, arrays, MessagePack


def pack(members: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for key, data in members.items():
            archive.writestr(key, data)
    return buffer.getvalue()


def npy(dtype: str, shape: tuple[int, ...], data: bytes) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.frombuffer(data, np.dtype(dtype)).reshape(shape))
    return buffer.getvalue()


def npy_header(header: bytes, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


def node(loader: str, **fields: object) -> dict[str, object]:
    return {"__class__": "x", "__module__": "y", "__loader__": loader, **fields}


def skops(tensors: Sample) -> bytes:
    members: dict[str, bytes] = {}
    content: dict[str, object] = {}
    for place, (key, (dtype, shape, data)) in enumerate(tensors.items()):
        members[f"{140000 + place}.npy"] = npy(dtype, shape, data)
        content[key] = node("NdArrayNode", type="numpy", file=f"{140000 + place}.npy")
    schema = node("ObjectNode", content=node("DictNode", content=content))
    return pack({**members, "schema.json": json.dumps(schema).encode()})


def msgpack(value: object) -> bytes:
    """Pack as MessagePack does, with the widest lengths; extensions are pairs of type and bytes."""
    match value:
        case bool():
            return b"\xc3" if value else b"\xc2"
        case int():
            return b"\xd3" + value.to_bytes(8, "big", signed=True)
        case str():
            return b"\xdb" + len(value.encode()).to_bytes(4, "big") + value.encode()
        case bytes():
            return b"\xc6" + len(value).to_bytes(4, "big") + value
        case tuple():
            code, data = value
            return b"\xc9" + len(data).to_bytes(4, "big") + bytes([code]) + data
        case list():
            return b"\xdd" + len(value).to_bytes(4, "big") + b"".join(map(msgpack, value))
        case dict():
            parts = [msgpack(part) for pair in value.items() for part in pair]
            return b"\xdf" + len(value).to_bytes(4, "big") + b"".join(parts)
        case _:
            raise TypeError(type(value))


def flax_array(dtype: str, shape: Sequence[int], data: bytes) -> tuple[int, bytes]:
    return 1, msgpack([list(shape), dtype, data])


def flax(tensors: Sample) -> bytes:
    tree: dict[str, object] = {}
    for key, (dtype, shape, data) in tensors.items():
        *way, last = key.split(".")
        inner = tree
        for part in way:
            inner = inner.setdefault(part, {})  # type: ignore[assignment]
        inner[last] = flax_array(dtype, shape, data)
    return msgpack(tree)
