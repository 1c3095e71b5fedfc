"""Keras models: ``.keras`` archives, ``.weights.h5`` and the older ``.h5``, read by no library.

Names are the paths of the file: ``layers/dense/vars/0``, and in older files
``model_weights/dense/sequential/dense/kernel``. What the optimizer keeps (the groups ``optimizer`` and
``optimizer_weights``) is the state of a training and not the model, and is left out; so is what is no number.
Layouts are Keras's own: a dense kernel is (in, out).

Nothing in ``config.json`` is looked at, so a Lambda layer stays text. Links to other files, data in other
files, views and loops are refused; so are compressed members and datasets in chunks, which Keras does not
write. An HDF5 file that is not Keras's holds no tensors here, nor does a file that ends in ``.h5`` or
``.hdf5`` and is none. A ``.keras`` file of before Keras's version 2.12 is an HDF5 file.

Not promised: other HDF5 files.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar, Final

from weightmark.errors import MalformedError
from weightmark.fingerprinting import name_apart
from weightmark.hookspecs import hookimpl
from weightmark.model.artifact import Artifact, ArtifactFile
from weightmark.model.layout import Strided
from weightmark.model.tensor import TensorSpan
from weightmark.ports import Format
from weightmark_plugins.formats.apart import check_apart
from weightmark_plugins.formats.archive import read_archive
from weightmark_plugins.formats.hdf5 import MAGIC, Dataset, File
from weightmark_plugins.formats.hdf5_message import Message
from weightmark_plugins.formats.window import (
    HINT,
    MAX_TENSORS,
    Window,
    check_pointer,
    count_elements,
    show,
    show_shape,
)

ARCHIVE: Final = ".keras"
FILES: Final = (".h5", ".hdf5")
WEIGHTS: Final = ".weights.h5"
_ROOTS: Final = frozenset({"layers", "model_weights", "vars", "_layer_checkpoint_dependencies"})
_MARKS: Final = frozenset({"layer_names", "keras_version", "model_config"})
_OTHERS: Final = frozenset({"encoding-type"})
_TRAINING: Final = ("optimizer", "optimizer_weights")


class KerasFormat(Format):
    """Reads the weights of Keras models."""

    name: ClassVar[str] = "keras"

    def claims(self, artifact: Artifact) -> Sequence[str]:
        """Name the files that end in ``.keras``, and those in ``.h5`` or ``.hdf5`` that begin as HDF5."""
        return tuple(
            file.path
            for file in artifact.files
            if (file.path.endswith(ARCHIVE) and file.size)
            or (file.path.endswith(FILES) and _is_hdf5(artifact, file))
        )

    def tensors(self, artifact: Artifact, paths: Sequence[str]) -> Sequence[TensorSpan]:
        """Say where the tensors lie.

        Args:
            artifact: the model's files.
            paths: what ``claims`` gave.

        Returns:
            One span per tensor, of one file after the other.

        Raises:
            MalformedError: a file is damaged, claims what it does not hold, or refers to other files.

        Source: HDF5 File Format Specification 3.0; Keras, "Whole model saving & loading".
        """
        spans = tuple(name_apart([list(_read(artifact, path)) for path in sorted(paths)]))
        check_apart(spans)
        return spans


def _read(artifact: Artifact, path: str) -> Iterator[TensorSpan]:
    file = artifact.find(path)
    if file is None:
        raise ValueError(f"the artifact has no file {path!r}")
    if not path.endswith(ARCHIVE) or _is_hdf5(artifact, file):
        yield from _read_part(file, 0, file.size, path)
        return
    check_pointer(artifact, path)
    members = {name: member for name, member in read_archive(file).items() if name.endswith(FILES)}
    for name, member in members.items():
        if member.deflated:
            raise MalformedError(
                f"{show(name)} in {path} is compressed",
                hint="Save the model again with Keras, which stores its weights without compression.",
            )
        for span in _read_part(file, member.start, member.stored, f"{name} in {path}"):
            yield span if len(members) == 1 else replace(span, name=f"{name}:{span.name}")
    if not members:
        raise MalformedError(f"{path} holds no weights", hint=HINT)


def _is_hdf5(artifact: Artifact, file: ArtifactFile) -> bool:
    return artifact.read(file.path, 0, min(file.size, len(MAGIC))) == MAGIC


def _read_part(file: ArtifactFile, start: int, size: int, what: str) -> Iterator[TensorSpan]:
    """Read the HDF5 file that lies in a range of a file."""
    with file.opened() as reader:
        data = File(Window(lambda at, count: reader.read(start + at, count), size, what))
        messages = data.messages(data.root())
        if not _is_keras(data, messages, file.path):
            return
        links = data.links(messages)
        if links is None:
            raise MalformedError(f"{what} has no root group", hint=HINT)
        names: set[str] = set()
        kept = [link for link in links if link[0] not in _TRAINING]
        for dataset in data.datasets(kept):
            if dataset.name in names or len(names) > MAX_TENSORS:
                raise MalformedError(f"{what} has {show(dataset.name)} twice", hint=HINT)
            names.add(dataset.name)
            if dataset.dtype and dataset.shape is not None:
                yield _span(file.path, start, dataset, dataset.shape, what)


def _is_keras(data: File, messages: list[Message], path: str) -> bool:
    """Say whether an HDF5 file is one of Keras's: by name, or by its root's attributes or members."""
    attributes = data.attributes(messages)
    if path.endswith((ARCHIVE, WEIGHTS)) or _MARKS & attributes:
        return True
    try:
        links = data.links(messages) or []
    except MalformedError:  # links to elsewhere, and groups of a kind that Keras does not write
        return False
    return bool(_ROOTS & {name for name, _ in links}) and not _OTHERS & attributes


def _span(path: str, base: int, dataset: Dataset, shape: tuple[int, ...], what: str) -> TensorSpan:
    name = f"tensor {show(dataset.name)} in {what}"
    count = count_elements(shape, name)
    if count * dataset.itemsize != dataset.stored and (count or dataset.stored):
        raise MalformedError(
            f"{name} of {dataset.dtype} and shape {show_shape(shape)} needs {count * dataset.itemsize} "
            f"bytes, and has {dataset.stored}",
            hint=HINT,
        )
    layout = None
    if dataset.swapped and count:
        layout = Strided(itemsize=dataset.itemsize, lengths=(count,), strides=(1,), swapped=True)
    start = base + dataset.start
    return TensorSpan(
        name=dataset.name,
        dtype=dataset.dtype,
        shape=shape,
        path=path,
        start=start,
        stop=start + dataset.stored,
        layout=layout,
    )


@hookimpl
def weightmark_formats() -> list[type[Format]]:
    """Offer Keras."""
    return [KerasFormat]
