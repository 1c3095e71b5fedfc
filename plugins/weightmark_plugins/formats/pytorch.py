"""PyTorch's files: ``torch.save``'s archives and old files, TorchScript, exported programs, and shards.

Names are the way to a tensor in the saved value, joined by dots, so that ``pytorch_model.bin`` gives the
names that ``model.safetensors`` has. Views of one storage become layouts, tied tensors the same range of
bytes. A quantised tensor is its integers. A file that names what runs code is refused. What a trainer keeps
to go on from (``optimizer.pt``, ``rng_state.pth``) is checked too, and its tensors are not the model's.
Other programs use the same endings: an archive that names nothing of PyTorch's is bytes without tensors, and
so is an index of shards of which none is there.

Not promised: that a loader takes the file too, or that the file is safe to unpickle.
"""

import io
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import ClassVar, Final

from weightmark.errors import MalformedError
from weightmark.hookspecs import hookimpl
from weightmark.model.artifact import Artifact, ArtifactFile
from weightmark.model.tensor import TensorSpan
from weightmark.ports import Format
from weightmark_plugins.formats import archive
from weightmark_plugins.formats.archive import Member, has_bytes, read_archive, read_member
from weightmark_plugins.formats.pickled import read_pickle
from weightmark_plugins.formats.placement import settle
from weightmark_plugins.formats.pytorch_export import FOLDERS, read_export
from weightmark_plugins.formats.pytorch_legacy import MAGICS, MAX_PICKLE, check_bare, read_legacy
from weightmark_plugins.formats.pytorch_tensor import place_tensor
from weightmark_plugins.formats.pytorch_value import find_made
from weightmark_plugins.formats.sharding import check_index, name_spaces

SUFFIXES: Final = (".bin", ".ckpt", ".pt", ".pt2", ".pth")
INDEX_SUFFIX: Final = ".bin.index.json"

TRAINING: Final = re.compile(
    r"(?:optimizer|scheduler|scaler|training_args|rng_state(?:_\d+)?|random_states_\d+)\.(?:bin|pt|pth)"
)
"""The names of files from which training goes on."""

_HEAD: Final = 512
_BEGIN: Final = 32
_TAR: Final = b"ustar"
_TAR_AT: Final = 257
_TAR_PARTS: Final = (b"storages\0", b"sys_info\0")
_BYTEORDER: Final = 16
_ORDERS: Final = {b"little": False, b"big": True}
_PICKLES: Final = (("data.pkl", "data/"), ("constants.pkl", "constants/"))
_SIGNS: Final = (b".pkl", b"model_weights_config.json")


class PyTorchFormat(Format):
    """Reads PyTorch's files without PyTorch and without unpickling."""

    name: ClassVar[str] = "pytorch"

    def claims(self, artifact: Artifact) -> Sequence[str]:
        """Name the files with PyTorch's endings that begin as an archive, a tar archive or a pickle."""
        return tuple(
            file.path
            for file in artifact.files
            if file.path.endswith(INDEX_SUFFIX)
            or (file.path.endswith(SUFFIXES) and _is_candidate(_head(artifact, file)))
        )

    def tensors(self, artifact: Artifact, paths: Sequence[str]) -> Sequence[TensorSpan]:
        """Say where the tensors lie.

        Args:
            artifact: the model's files.
            paths: what ``claims`` gave.

        Returns:
            The tensors of each file, in the order of the saved value.

        Raises:
            MalformedError: a file is damaged, claims what it does not hold, or names what runs code when it
                is loaded; the message names file and tensor or callable.
        """
        files: dict[str, Sequence[TensorSpan]] = {}
        for path in sorted(paths):
            file = artifact.find(path)
            if file is not None and not path.endswith(INDEX_SUFFIX):
                found = tuple(settle(tuple(_read(artifact, file))))
                files[path] = () if TRAINING.fullmatch(posixpath.basename(path)) else found
        spaces: dict[str, str] = {}
        for path in sorted(paths):
            if path.endswith(INDEX_SUFFIX):
                for shard in check_index(artifact, path, files, kind="PyTorch", repeats=True, absent=True):
                    spaces.setdefault(shard, path)
        return tuple(name_spaces(files, spaces))


def _head(artifact: Artifact, file: ArtifactFile) -> bytes:
    return artifact.read(file.path, 0, min(file.size, _HEAD))


@cache
def _starts() -> frozenset[bytes]:
    """Give the bytes with which a pickle can begin."""
    from pickletools import opcodes

    return frozenset(opcode.code.encode("latin-1") for opcode in opcodes)


def _is_candidate(head: bytes) -> bool:
    """Say whether a file begins as one of PyTorch's, or as a pickle."""
    return head.startswith(archive.MAGIC) or head[_TAR_AT:].startswith(_TAR) or head[:1] in _starts()


def _read(artifact: Artifact, file: ArtifactFile) -> Iterator[TensorSpan]:
    head = _head(artifact, file)
    alone = posixpath.basename(file.path).rsplit(".", 1)[0]
    if head.startswith(archive.MAGIC):
        yield from _read_archive(file, alone)
    elif any(magic in head[:_BEGIN] for magic in MAGICS):
        yield from read_legacy(artifact, file, alone)
    elif head[_TAR_AT:].startswith(_TAR):
        if not has_bytes(file, *_TAR_PARTS):
            return
        raise MalformedError(
            f"{file.path} is a tar archive, as PyTorch wrote before version 0.2; such are not read here",
            hint="Load it with an old PyTorch in a closed-off machine and save it again as safetensors.",
        )
    else:
        check_bare(artifact, file)


def _read_archive(file: ArtifactFile, alone: str) -> Iterator[TensorSpan]:
    try:
        members = read_archive(file)
    except MalformedError:
        if has_bytes(file, *_SIGNS):
            raise
        return
    known = ("data.pkl", *FOLDERS.values())
    tops = {name.removesuffix(end) for name in members for end in known if name.endswith(end)}
    if len(tops) > 1:
        raise MalformedError(
            f"{file.path} holds {len(tops)} models of PyTorch's: {', '.join(sorted(tops))[:200]}",
            hint="Save each model in a file of its own.",
        )
    top = min(tops, default="")
    if tops:
        swapped = _is_swapped(file, members.get(f"{top}byteorder"))
        yield from read_export(file, members, top, swapped=swapped)
        for pickle, folder in _PICKLES:
            member = members.get(top + pickle)
            if member is not None:
                prefix = "" if pickle == "data.pkl" else pickle.removesuffix(".pkl")
                storages = _storages(members, top + folder)
                yield from _read_pickle(file, member, storages, alone=alone, prefix=prefix, swapped=swapped)
    else:
        _check_members(file, members)


def _read_pickle(  # noqa: PLR0913 - keywords
    file: ArtifactFile,
    member: Member,
    storages: Mapping[str, Member],
    *,
    alone: str,
    prefix: str,
    swapped: bool,
) -> Iterator[TensorSpan]:
    data = read_member(file, member, most=MAX_PICKLE)
    root = read_pickle(io.BytesIO(data), file.path)
    for name, made in find_made(root, file.path, alone=alone):
        full = f"{prefix}.{name}" if prefix else name
        yield place_tensor(full, made, storages, file.path, swapped=swapped)


def _storages(members: Mapping[str, Member], folder: str) -> dict[str, Member]:
    """Give the members of a folder by what follows it."""
    return {name.removeprefix(folder): member for name, member in members.items() if name.startswith(folder)}


def _is_swapped(file: ArtifactFile, member: Member | None) -> bool:
    """Say whether an archive's numbers are big-endian; without a word they are little-endian."""
    if member is None:
        return False
    order = read_member(file, member, most=_BYTEORDER)
    if order not in _ORDERS:
        raise MalformedError(
            f"{file.path} says that its bytes are in the order {order!r}, which is neither little nor big",
            hint="Save the model again with torch.save.",
        )
    return _ORDERS[order]


def _check_members(file: ArtifactFile, members: Mapping[str, Member]) -> None:
    """Refuse an archive without PyTorch's pickle whose members are pickles that run code."""
    for name, member in members.items():
        if name.endswith(".pkl") and member.size <= MAX_PICKLE:
            read_pickle(io.BytesIO(read_member(file, member, most=MAX_PICKLE)), f"{name} in {file.path}")


@hookimpl
def weightmark_formats() -> list[type[Format]]:
    """Offer PyTorch's formats."""
    return [PyTorchFormat]
