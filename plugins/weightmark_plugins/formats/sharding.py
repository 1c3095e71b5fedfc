"""Models in several files: an index that says which tensor is in which shard, and one space of names.

Names are unique in one artifact. The shards of one index share one space of names; every other file has its
own. When a name occurs in two spaces, all names outside of the first space (by path) become
``<path>:<name>``.

Not promised: that a loader reads the shards in this way.
"""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from weightmark.encoding import Record, decode
from weightmark.errors import MalformedError
from weightmark.model.artifact import Artifact
from weightmark.model.path import check_path
from weightmark.model.tensor import TensorSpan
from weightmark_plugins.formats.archive import show

MAX_INDEX: Final = 100_000_000
"""The most bytes of an index."""

_HINT: Final = "Index and shards do not belong together: download all of them again, or save the model again."

Files = Mapping[str, Sequence[TensorSpan]]
"""The tensors of each file, by its path."""


def check_index(  # noqa: PLR0913 - keywords
    artifact: Artifact,
    path: str,
    files: Files,
    *,
    kind: str,
    repeats: bool = False,
    absent: bool = False,
    most: int = MAX_INDEX,
) -> set[str]:
    """Check that an index and its shards agree.

    Args:
        artifact: the model's files.
        path: the index.
        files: the tensors of each file of the format.
        kind: the format's name, for messages.
        repeats: whether a tensor may stand in a shard although the index has it in another.
        absent: whether all shards may be missing, as when a repository was downloaded without them.
        most: the most bytes of an index.

    Returns:
        The shards' paths; none when they are all missing and may be.

    Raises:
        MalformedError: the index is damaged, names a file or a tensor that is not there, or lacks one.
    """
    mapped = _read_index(artifact, path, most)
    if absent and not any(artifact.find(shard) for shard in set(mapped.values())):
        return set()
    placed: dict[str, str] = {}
    for shard in sorted(set(mapped.values())):
        if shard not in files:
            raise MalformedError(
                f"{path} names the shard {shard}, which is no {kind} file of the model", hint=_HINT
            )
        for span in files[shard]:
            if repeats and mapped.get(span.name, shard) != shard:
                continue
            other = placed.setdefault(span.name, shard)
            if other != shard:
                found = f"tensor {show(span.name)} is in {other} and in {shard}"
                raise MalformedError(f"{path}: {found}", hint=_HINT)
            if span.name not in mapped:
                found = f"{shard} has tensor {show(span.name)}"
                raise MalformedError(f"{found}, which {path} does not name", hint=_HINT)
    for name, shard in mapped.items():
        if placed.get(name) != shard:
            found = placed.get(name, "no shard")
            raise MalformedError(
                f"{path} says that tensor {show(name)} is in {shard}, but it is in {found}", hint=_HINT
            )
    return set(mapped.values())


def name_spaces(files: Files, spaces: Mapping[str, str]) -> Iterator[TensorSpan]:
    """Give the tensors of all files, with names that are unique.

    Args:
        files: the tensors of each file, sorted by path.
        spaces: the index of each file that has one.

    Raises:
        MalformedError: a name stands for two tensors nevertheless.
    """
    owners: dict[str, str] = {}
    first = spaces.get(next(iter(files), ""), next(iter(files), ""))
    clash = False
    for path, spans in files.items():
        space = spaces.get(path, path)
        for span in spans:
            clash |= owners.setdefault(span.name, space) != space
    seen: set[str] = set()
    for path, spans in files.items():
        qualify = clash and spaces.get(path, path) != first
        for span in spans:
            name = f"{path}:{span.name}" if qualify else span.name
            try:
                name.encode()
            except UnicodeEncodeError as error:
                raise MalformedError(
                    f"tensor {show(name)} in {path} has a name that is not Unicode text",
                    hint="Rename it, and save the model again.",
                ) from error
            if name in seen:
                raise MalformedError(
                    f"{path}: the name {show(name)} stands for two tensors",
                    hint="Rename one of the two, or of their files.",
                )
            seen.add(name)
            yield replace(span, name=name) if qualify else span


def _read_index(artifact: Artifact, path: str, most: int) -> dict[str, str]:
    """Read which tensor an index says is in which file."""
    file = artifact.find(path)
    if file is None:
        raise ValueError(f"the artifact has no file {path!r}")
    if file.size > most:
        raise MalformedError(f"{path} has {file.size} bytes; an index has at most {most}", hint=_HINT)
    data = artifact.read(path, 0, file.size)
    mapped: dict[str, str] = {}
    for name, value in Record(decode(data, what=path), path).record("weight_map").members().items():
        if not isinstance(value, str):
            raise MalformedError(f"{path} does not say in which file tensor {show(name)} is", hint=_HINT)
        check_path(value, what=f"{path}, at tensor {show(name)},")
        mapped[name] = posixpath.join(posixpath.dirname(path), value)
    return mapped
