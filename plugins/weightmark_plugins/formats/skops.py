"""scikit-learn's models as skops saves them: an archive of arrays, and a schema that says where each belongs.

The arrays' names in the archive are memory addresses of whoever saved the model, so a tensor's name is its
way through the schema: ``steps.1.1.coef_``. The same model saved twice has the same tensors.

Not promised: what the schema says besides: classes, parameters that are not arrays, functions.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Final, cast

from weightmark.encoding import Record, decode
from weightmark.errors import MalformedError
from weightmark.hookspecs import hookimpl
from weightmark.model.artifact import Artifact, ArtifactFile
from weightmark.model.tensor import TensorSpan
from weightmark.ports import Format
from weightmark_plugins.formats import archive
from weightmark_plugins.formats.archive import Member, read_archive, read_member, show
from weightmark_plugins.formats.npy import read_npy
from weightmark_plugins.formats.sharding import name_spaces

SUFFIX: Final = ".skops"
SCHEMA: Final = "schema.json"
MAX_SCHEMA: Final = 100_000_000
"""The most bytes of a schema."""

_LOADER: Final = "__loader__"
_SAME: Final = frozenset({"content", "__reduce__"})
_HINT: Final = "The model was written wrongly or damaged: save it again with skops.io.dump."


class SkopsFormat(Format):
    """Reads the arrays of skops' archives, without skops and without building an object."""

    name: ClassVar[str] = "skops"

    def claims(self, artifact: Artifact) -> Sequence[str]:
        """Name the files that end in ``.skops`` and begin as an archive."""
        magic = archive.MAGIC
        named = [file for file in artifact.files if file.path.endswith(SUFFIX) and file.size >= len(magic)]
        return tuple(file.path for file in named if artifact.read(file.path, 0, len(magic)) == magic)

    def tensors(self, artifact: Artifact, paths: Sequence[str]) -> Sequence[TensorSpan]:
        """Say where the arrays lie.

        Args:
            artifact: the model's files.
            paths: what ``claims`` gave.

        Returns:
            One span per array that the schema names.

        Raises:
            MalformedError: archive, schema or an array is damaged, or they do not belong together.
        """
        found = ((path, artifact.find(path)) for path in sorted(paths))
        files = {path: tuple(_read(file)) for path, file in found if file is not None}
        return tuple(name_spaces(files, {}))


def _read(file: ArtifactFile) -> Iterator[TensorSpan]:
    members = read_archive(file)
    schema = members.get(SCHEMA)
    if schema is None:
        raise MalformedError(f"{file.path} has no {SCHEMA}", hint=_HINT)
    what = f"{SCHEMA} in {file.path}"
    value = decode(read_member(file, schema, most=MAX_SCHEMA), what=what)
    for name, stored in _files(Record(value, what).members()):
        member = members.get(stored)
        if member is None:
            raise MalformedError(f"{what} names {show(stored)}, which is not in the archive", hint=_HINT)
        if stored.endswith(".npy"):
            yield from read_npy(file, member, name)
        elif stored.endswith(".npz"):
            yield from _sparse(file, member, name)


def _sparse(file: ArtifactFile, member: Member, name: str) -> Iterator[TensorSpan]:
    """Give the parts of a sparse matrix, an archive inside of the archive."""
    if member.deflated:
        raise MalformedError(
            f"{show(name)} in {file.path} is a compressed archive inside of one, which is not read here",
            hint="Save the model again with skops.io.dump and without compression.",
        )
    for inner, part in read_archive(file, start=member.start, stop=member.start + member.stored).items():
        if inner.endswith(".npy"):
            yield from read_npy(file, part, f"{name}.{inner.removesuffix('.npy')}")


def _files(root: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Give the arrays that a schema names, each with its way: attributes, keys and places, joined by dots."""
    rest: list[tuple[str, object]] = [("", root)]
    while rest:
        prefix, value = rest.pop()
        children: list[tuple[str, object]] = []
        if isinstance(value, list):
            items = cast("list[object]", value)
            children = [(_join(prefix, str(index)), item) for index, item in enumerate(items)]
        elif isinstance(value, dict):
            members = cast("dict[str, object]", value)
            is_node = isinstance(members.get(_LOADER), str)
            stored = members.get("file")
            if is_node and isinstance(stored, str):
                yield prefix or "array", stored
            for key, item in members.items():
                if not is_node or key != "key_types":
                    same = is_node and key in _SAME
                    children.append((prefix if same else _join(prefix, key), item))
        rest.extend(reversed(children))


def _join(prefix: str, key: str) -> str:
    return f"{prefix}.{key}" if prefix else key


@hookimpl
def weightmark_formats() -> list[type[Format]]:
    """Offer skops."""
    return [SkopsFormat]
