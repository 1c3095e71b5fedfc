"""PyTorch's files of before version 1.6: pickles one after another, then the storages; and bare pickles.

Not promised: a bare pickle's tensors. It is read only to refuse what runs code.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast

from weightmark.errors import MalformedError
from weightmark.model.artifact import Artifact, ArtifactFile
from weightmark.model.tensor import TensorSpan
from weightmark_plugins.formats import pickled
from weightmark_plugins.formats.archive import Member, show
from weightmark_plugins.formats.pickled import Persistent, read_pickle
from weightmark_plugins.formats.pytorch_tensor import Storage, place_tensor, read_storage
from weightmark_plugins.formats.pytorch_value import find_made

MAX_PICKLE: Final = 64 << 20
"""The most bytes of the pickles of one file."""

MAGICS: Final = (b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19", b"L119547037146038801333356L\n")
"""The magic number with which a file begins, as the first pickle has it, in newer and oldest protocols."""

_NUMBER: Final = 0x1950A86A20F9469CFC6C
_PROTOCOL: Final = 1001
_LENGTH: Final = 8
_PROTO: Final = b"\x80"
_PROTOCOLS: Final = range(2, 6)
_HINT: Final = (
    "The file was cut short or damaged: download it again, or save the model again with torch.save."
)


def read_legacy(artifact: Artifact, file: ArtifactFile, alone: str) -> Iterator[TensorSpan]:
    """Give the tensors of an old file.

    Args:
        artifact: the model's files.
        file: one of them, which begins with the magic number.
        alone: the name of a tensor that is the whole file.

    Raises:
        MalformedError: the file is damaged, or names what runs code when it is loaded.
    """
    path = file.path
    stream = io.BytesIO(artifact.read(path, 0, min(file.size, MAX_PICKLE)))
    number, protocol = read_pickle(stream, path), read_pickle(stream, path)
    if number != _NUMBER or protocol != _PROTOCOL:
        raise MalformedError(f"{path} is of an unknown version of PyTorch's old format", hint=_HINT)
    read_pickle(stream, path)  # about the machine that wrote it; the storages are little-endian all the same
    outside: list[Persistent] = []
    root, keys = read_pickle(stream, path, outside), read_pickle(stream, path)
    storages = _storages(artifact, file, keys, stream.tell(), _sizes(outside, path))
    for name, made in find_made(root, path, alone=alone):
        yield place_tensor(name, made, storages, path, swapped=False)


def check_bare(artifact: Artifact, file: ArtifactFile) -> None:
    """Refuse a bare pickle that names what runs code; a file that is no pickle is bytes without tensors.

    Args:
        artifact: the model's files.
        file: one of them.

    Raises:
        MalformedError: the pickle names what runs code when it is loaded, or is too large to be sure.
    """
    data = artifact.read(file.path, 0, min(file.size, MAX_PICKLE))
    stream = io.BytesIO(data)
    try:
        read_pickle(stream, file.path)
    except MalformedError as error:
        if error.hint != pickled.HINT:
            raise
        if stream.tell() == len(data) < file.size and data[:1] == _PROTO and data[1] in _PROTOCOLS:
            raise MalformedError(
                f"{file.path} is a bare pickle of more than {MAX_PICKLE} bytes, which is not read to its end",
                hint="Save the tensors with torch.save, or as safetensors.",
            ) from error


def _sizes(outside: Sequence[Persistent], path: str) -> dict[str, Storage]:
    """Gather the storages that the pickle names, and check that it names each in the same way."""
    sizes: dict[str, Storage] = {}
    for named in outside:
        stored = read_storage(named.identifier, path)
        other = sizes.setdefault(stored.key, stored)
        if (other.itemsize, other.count) != (stored.itemsize, stored.count):
            raise MalformedError(f"{path} states the storage {show(stored.key)} in two ways", hint=_HINT)
    return sizes


def _storages(
    artifact: Artifact, file: ArtifactFile, keys: object, position: int, sizes: Mapping[str, Storage]
) -> dict[str, Member]:
    """Find where the storages lie: each is its number of elements and then the elements."""
    found: dict[str, Member] = {}
    if not isinstance(keys, list):
        raise MalformedError(f"{file.path} has no list of its storages", hint=_HINT)
    for key in cast("list[object]", keys):
        storage = sizes.get(key) if isinstance(key, str) else None
        if storage is None or storage.key in found:
            raise MalformedError(f"{file.path} lists a storage that no tensor has, or one twice", hint=_HINT)
        if position + _LENGTH > file.size:
            raise MalformedError(f"{file.path} ends before the storage {show(storage.key)}", hint=_HINT)
        count = int.from_bytes(artifact.read(file.path, position, _LENGTH), "little")
        start, size = position + _LENGTH, count * storage.itemsize
        position = start + size
        if count != storage.count or position > file.size:
            raise MalformedError(
                f"the storage {show(storage.key)} in {file.path} states {count} elements; "
                f"its tensors state {storage.count}, and the file has {file.size} bytes",
                hint=_HINT,
            )
        found[storage.key] = Member(name=storage.key, start=start, stored=size, size=size)
    if position != file.size:
        raise MalformedError(f"{file.path} has bytes that belong to no storage", hint=_HINT)
    return found
