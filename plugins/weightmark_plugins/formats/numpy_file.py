"""NumPy's files: ``.npy``, one array, and ``.npz``, an archive of them, compressed or not.

An array of an archive has its member's name, another one its file's path without the ending.

Not promised: what an archive holds besides arrays.
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar, Final

from weightmark.hookspecs import hookimpl
from weightmark.model.artifact import Artifact, ArtifactFile
from weightmark.model.tensor import TensorSpan
from weightmark.ports import Format
from weightmark_plugins.formats import archive, npy
from weightmark_plugins.formats.archive import Member, read_archive
from weightmark_plugins.formats.npy import read_npy
from weightmark_plugins.formats.placement import settle
from weightmark_plugins.formats.sharding import name_spaces

ARRAY_SUFFIX: Final = ".npy"
ARCHIVE_SUFFIX: Final = ".npz"

_MAGIC: Final = {ARRAY_SUFFIX: npy.MAGIC, ARCHIVE_SUFFIX: archive.MAGIC}


class NumpyFormat(Format):
    """Reads NumPy's files, and no pickle in them."""

    name: ClassVar[str] = "numpy"

    def claims(self, artifact: Artifact) -> Sequence[str]:
        """Name the files that end in ``.npy`` or ``.npz`` and begin as such."""
        return tuple(
            file.path
            for file in artifact.files
            for magic in [_MAGIC.get(file.path[-len(ARRAY_SUFFIX) :])]
            if magic is not None and artifact.read(file.path, 0, min(file.size, len(magic))) == magic
        )

    def tensors(self, artifact: Artifact, paths: Sequence[str]) -> Sequence[TensorSpan]:
        """Say where the arrays lie.

        Args:
            artifact: the model's files.
            paths: what ``claims`` gave.

        Returns:
            One span per array, or per field of its records.

        Raises:
            MalformedError: a header is damaged, claims other bytes than there are, or those of objects.
        """
        found = ((path, artifact.find(path)) for path in sorted(paths))
        files = {path: tuple(settle(tuple(_read(file)))) for path, file in found if file is not None}
        return tuple(name_spaces(files, {}))


def _read(file: ArtifactFile) -> Iterator[TensorSpan]:
    if file.path.endswith(ARRAY_SUFFIX):
        whole = Member(name=file.path, start=0, stored=file.size, size=file.size)
        yield from read_npy(file, whole, file.path.removesuffix(ARRAY_SUFFIX))
        return
    for name, member in read_archive(file).items():
        if name.endswith(ARRAY_SUFFIX):
            yield from read_npy(file, member, name.removesuffix(ARRAY_SUFFIX))


@hookimpl
def weightmark_formats() -> list[type[Format]]:
    """Offer NumPy's formats."""
    return [NumpyFormat]
