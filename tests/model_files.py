"""Small model files, written without the formats' own libraries: ONNX, GGUF, TensorFlow, HDF5."""

import struct
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from weightmark.errors import MalformedError
from weightmark.fingerprinting import fingerprint_artifact
from weightmark.model import Artifact
from weightmark.ports import Format
from weightmark.testing.format import Sample, check_spans, check_told
from weightmark_plugins.formats import gguf_header, onnx_tensor, tensorflow_entry

ONNX_CODES = {dtype: code for code, (dtype, _) in onnx_tensor.DTYPES.items()}
GGUF_CODES = {dtype: code for code, (dtype, _, _) in gguf_header.DTYPES.items()}
TENSORFLOW_CODES = {dtype: code for code, (dtype, _) in reversed(tensorflow_entry.DTYPES.items())}


def check_hostile(format_type: type[Format], files: Mapping[str, bytes]) -> None:
    """Read files of strangers: a MalformedError that says what is wrong, or sound spans, and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        artifact = Artifact.open(folder)
        reader = format_type()
        try:
            spans = reader.tensors(artifact, reader.claims(artifact))
            check_spans(artifact, spans)
            fingerprint_artifact(artifact, spans, threads=1)
        except MalformedError as error:
            check_told(error)


def damaged(content: bytes, places: Sequence[tuple[int, bytes]]) -> bytes:
    """Write bytes over a file, each at a place of its own that wraps around."""
    changed = bytearray(content)
    for place, value in places:
        start = place % len(content)
        changed[start : start + len(value)] = value
    return bytes(changed)


# ---- protocol buffers and ONNX
def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])


def field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def onnx_tensor_message(name: str, dtype: str, shape: Sequence[int], content: bytes) -> bytes:
    dims = b"".join(field(1, length) for length in shape)
    return dims + field(2, ONNX_CODES[dtype]) + field(8, name) + field(9, content)


def onnx_typed_message(name: str, dtype: str, shape: Sequence[int], content: bytes) -> bytes:
    dims = field(1, b"".join(varint(length) for length in shape))
    if dtype == "float32":
        values = field(4, content)
    else:
        numbers = struct.unpack(f"<{len(content) // 8}q", content)
        values = field(7, b"".join(varint(number) for number in numbers))
    return dims + field(2, ONNX_CODES[dtype]) + values + field(8, name)


def onnx_external_message(
    name: str, dtype: str, shape: Sequence[int], entries: Mapping[str, object]
) -> bytes:
    dims = b"".join(field(1, length) for length in shape)
    written = b"".join(field(13, field(1, key) + field(2, str(value))) for key, value in entries.items())
    return dims + field(2, ONNX_CODES[dtype]) + field(8, name) + written + field(14, 1)


def onnx_node(operation: str, inputs: Sequence[str], output: str, *attributes: bytes) -> bytes:
    named = b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, operation)
    return named + b"".join(field(5, attribute) for attribute in attributes)


def onnx_model(
    initializers: Sequence[bytes], nodes: Sequence[bytes] = (), *others: bytes, graph: bytes = b""
) -> bytes:
    content = b"".join(field(1, node) for node in nodes)
    content += b"".join(field(5, tensor) for tensor in initializers) + graph
    return field(1, 8) + field(7, content) + b"".join(others) + field(8, field(2, 17))


# ---- GGUF
def gguf_text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def gguf_value(value: object) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", 8) + gguf_text(value)
    if isinstance(value, list):
        items = [gguf_value(item) for item in value]
        kind = items[0][:4] if items else struct.pack("<I", 4)
        return (
            struct.pack("<I", 9) + kind + struct.pack("<Q", len(items)) + b"".join(one[4:] for one in items)
        )
    assert isinstance(value, int)
    return struct.pack("<II", 4, value)


def gguf_file(tensors: Sample, metadata: Mapping[str, object] | None = None, *, alignment: int = 32) -> bytes:
    entries = dict(metadata or {})
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries))
    head += b"".join(gguf_text(key) + gguf_value(value) for key, value in entries.items())
    data = b""
    for name, (dtype, shape, content) in tensors.items():
        data += bytes(-len(data) % alignment)
        head += gguf_text(name) + struct.pack("<I", len(shape))
        head += b"".join(struct.pack("<Q", length) for length in reversed(shape))
        head += struct.pack("<IQ", GGUF_CODES[dtype], len(data))
        data += content
    return head + bytes(-len(head) % alignment) + data


# ---- TensorFlow
def table_block(entries: Mapping[bytes, bytes]) -> bytes:
    content = b""
    before = b""
    for key, value in sorted(entries.items()):
        shared = 0
        while shared < min(len(key), len(before)) and key[shared] == before[shared]:
            shared += 1
        content += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    return content + struct.pack("<II", 0, 1)


def table(entries: Mapping[bytes, bytes]) -> bytes:
    block = table_block(entries)
    index = table_block({max(entries): varint(0) + varint(len(block))})
    start = len(block) + 5
    footer = varint(0) + varint(0) + varint(start) + varint(len(index))
    trailer = bytes(5)
    magic = struct.pack("<Q", 0xDB4775248B80FB57)
    return block + trailer + index + trailer + footer + bytes(40 - len(footer)) + magic


def checkpoint_entry(dtype: str, shape: Sequence[int], start: int, size: int, shard: int = 0) -> bytes:
    dims = b"".join(field(2, field(1, length)) for length in shape)
    place = field(3, shard) + field(4, start) + field(5, size)
    return field(1, TENSORFLOW_CODES[dtype]) + field(2, dims) + place


def write_checkpoint(folder: Path, tensors: Sample, *, prefix: str = "variables", big: bool = False) -> None:
    entries = {b"": field(1, 1) + field(2, int(big))}
    data = b""
    for name, (dtype, shape, content) in tensors.items():
        entries[name.encode()] = checkpoint_entry(dtype, shape, len(data), len(content))
        data += content
    (folder / f"{prefix}.data-00000-of-00001").write_bytes(data)
    (folder / f"{prefix}.index").write_bytes(table(entries))


# ---- HDF5
FLOAT = bytes([0x11, 0x20, 31, 0]) + struct.pack("<IHH4BI", 4, 0, 32, 23, 8, 0, 23, 127)
INTEGER = bytes([0x10, 0x08, 0, 0]) + struct.pack("<IHH", 8, 0, 64)
NOWHERE = (1 << 64) - 1


class Hdf5Writer:
    """Puts one object after the other and remembers where each is."""

    def __init__(self) -> None:
        self.data = bytearray(96)

    def put(self, content: bytes) -> int:
        self.data += bytes(-len(self.data) % 8)
        self.data += content
        return len(self.data) - len(content)

    def header(self, messages: Sequence[tuple[int, bytes]]) -> int:
        body = b""
        for kind, content in messages:
            padded = content + bytes(-len(content) % 8)
            body += struct.pack("<HHI", kind, len(padded), 0) + padded
        return self.put(struct.pack("<BBHII4x", 1, 0, len(messages), 1, len(body)) + body)

    def dataset(self, dtype: str, shape: Sequence[int], content: bytes) -> int:
        place = self.put(content) if content else NOWHERE
        space = struct.pack("<BBB5x", 1, len(shape), 0) + struct.pack(f"<{len(shape)}Q", *shape)
        layout = struct.pack("<BBQQ", 3, 1, place, len(content))
        return self.header([(1, space), (3, {"float32": FLOAT, "int64": INTEGER}[dtype]), (8, layout)])

    def group(self, members: Mapping[str, int], kind: int = 0) -> int:
        names, offsets = bytearray(8), {}
        for name in sorted(members):
            offsets[name] = len(names)
            names += name.encode() + bytes(8 - len(name.encode()) % 8)
        place = self.put(bytes(names))
        heap = self.put(b"HEAP" + struct.pack("<4xQQQ", len(names), NOWHERE, place))
        entries = b"".join(
            struct.pack("<QQI20x", offsets[name], address, kind) for name, address in sorted(members.items())
        )
        symbols = self.put(b"SNOD" + struct.pack("<BBH", 1, 0, len(members)) + entries)
        tree = self.put(b"TREE" + struct.pack("<BBHQQQQQ", 0, 0, 1, NOWHERE, NOWHERE, 0, symbols, 0))
        return self.header([(0x11, struct.pack("<QQ", tree, heap))])

    def finished(self, root: int) -> bytes:
        sizes = bytes([0, 0, 0, 0, 0, 8, 8, 0]) + struct.pack("<HHI", 4, 16, 0)
        addresses = struct.pack("<QQQQ", 0, NOWHERE, len(self.data), NOWHERE)
        self.data[:96] = b"\x89HDF\r\n\x1a\n" + sizes + addresses + struct.pack("<QQ24x", 0, root)
        return bytes(self.data)


def hdf5_file(tensors: Sample) -> bytes:
    """Write tensors into the groups that their names lead through."""
    writer = Hdf5Writer()
    tree: dict[str, object] = {}
    for name, (dtype, shape, content) in tensors.items():
        *groups, last = name.split("/")
        inner = tree
        for group in groups:
            inner = inner.setdefault(group, {})  # type: ignore[assignment]
        inner[last] = writer.dataset(dtype, shape, content)

    def build(members: Mapping[str, object]) -> int:
        return writer.group(
            {
                name: build(member) if isinstance(member, dict) else int(str(member))
                for name, member in members.items()
            }
        )

    return writer.finished(build(tree))
