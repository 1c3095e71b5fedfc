"""What differs between two manifests, named as precisely as they allow.

Not promised: which bytes of a tensor or of a file differ.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from weightmark.model.manifest import ModelManifest, TensorEntry

Reason = Literal["changed", "missing", "unexpected", "header-changed"]
"""What is the matter: other bytes; not there; not expected; other bytes, but not in the file's tensors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not as expected.

    Attributes:
        path: the file, relative to the model's folder.
        tensor: the tensor's name; empty when it is about the file.
        reason: what is the matter with it.
    """

    path: str
    tensor: str
    reason: Reason


def compare_manifests(expected: ModelManifest, found: ModelManifest) -> tuple[Difference, ...]:
    """Say what differs.

    A file whose tensors differ is not named itself: its tensors are. A tensor that is gone with its whole
    file is not named either: the file is. A tensor that only moved to another file does not differ.

    Args:
        expected: how the model should be.
        found: how it is.

    Returns:
        The differences, sorted by path and tensor; empty exactly when ``bundle`` is the same, as long as both
        were made with the same formats.

    Raises:
        ValueError: the two were made with different algorithms.
    """
    if expected.algorithm is not found.algorithm:
        raise ValueError(f"manifests of {expected.algorithm} and {found.algorithm} cannot be compared")
    tensors = list(_tensors(expected, found))
    blamed = {difference.path for difference in tensors}
    return tuple(
        sorted(
            [*tensors, *_files(expected, found, blamed)],
            key=lambda difference: (difference.path, difference.tensor, difference.reason),
        )
    )


def _tensors(expected: ModelManifest, found: ModelManifest) -> Iterable[Difference]:
    before = {tensor.name: tensor for tensor in expected.tensors}
    after = {tensor.name: tensor for tensor in found.tensors}
    files_before = {file.path: file.root for file in expected.files}
    files_after = {file.path: file.root for file in found.files}
    for name in before.keys() | after.keys():
        old, new = before.get(name), after.get(name)
        if old is not None and new is not None:
            if _value(old) != _value(new):
                yield Difference(path=new.path, tensor=name, reason="changed")
        elif old is not None and _touched(old.path, files_before, files_after):
            yield Difference(path=old.path, tensor=name, reason="missing")
        elif new is not None and _touched(new.path, files_before, files_after):
            yield Difference(path=new.path, tensor=name, reason="unexpected")


def _touched(path: str, before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Say whether the file is in both manifests, with different bytes."""
    return path in before and path in after and before[path] != after[path]


def _files(expected: ModelManifest, found: ModelManifest, blamed: set[str]) -> Iterable[Difference]:
    before = {file.path: file for file in expected.files}
    after = {file.path: file for file in found.files}
    names_before, names_after = _names(expected), _names(found)
    for path in before.keys() | after.keys():
        if path not in after:
            yield Difference(path=path, tensor="", reason="missing")
        elif path not in before:
            yield Difference(path=path, tensor="", reason="unexpected")
        elif (before[path].root, before[path].size) != (
            after[path].root,
            after[path].size,
        ) and path not in blamed:
            same = path in names_before and names_before[path] == names_after.get(path)
            yield Difference(path=path, tensor="", reason="header-changed" if same else "changed")


def _names(manifest: ModelManifest) -> dict[str, set[str]]:
    names: dict[str, set[str]] = {}
    for tensor in manifest.tensors:
        names.setdefault(tensor.path, set()).add(tensor.name)
    return names


def _value(tensor: TensorEntry) -> tuple[str, tuple[int, ...], str]:
    return (tensor.dtype, tensor.shape, tensor.root)
