"""TensorFlow's checkpoints, and the variables of a SavedModel; read by no library.

A checkpoint is a table of names (``PREFIX.index``) and files of numbers (``PREFIX.data-00000-of-00001``).
Names are the table's, without the ``/.ATTRIBUTES/VARIABLE_VALUE`` that TensorFlow 2 adds. Numbers lie as they
are; a dense kernel is (in, out).

A variable that was saved in slices is given as one tensor when its slices follow one another, along the first
dimension, in one file; otherwise each slice is a tensor of its own (``NAME[0:3,0:4]``).

Left out are texts, resources, the save counter and what an optimizer keeps for itself: the state of a
training and not the model. The model's own variables stay, which Keras lists below
``optimizer/_trainable_variables`` too.

Not promised: constants in ``saved_model.pb``, such as those of a frozen graph; checksums of the numbers.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Final

from weightmark.errors import MalformedError
from weightmark.fingerprinting import name_apart
from weightmark.hookspecs import hookimpl
from weightmark.model.artifact import Artifact
from weightmark.model.layout import Strided
from weightmark.model.tensor import TensorSpan
from weightmark.ports import Format
from weightmark_plugins.formats.apart import check_apart
from weightmark_plugins.formats.sstable import read_table
from weightmark_plugins.formats.tensorflow_entry import Bundle, Entry, read_bundle, read_entry, slice_key
from weightmark_plugins.formats.window import (
    HINT,
    MAX_KEPT,
    MAX_TENSORS,
    Window,
    open_window,
    show,
    show_shape,
)

SUFFIX: Final = ".index"
STORED: Final = "/.ATTRIBUTES/VARIABLE_VALUE"
"""What TensorFlow 2 adds to the name of a variable."""

_DATA: Final = re.compile(r"(?P<prefix>.+)\.data-[0-9]{5}-of-[0-9]{5}\Z", re.DOTALL)
_TRAINING: Final = re.compile(
    r"(?:.*/)?(?:_?optimizer/(?!_trainable_variables/)|\.OPTIMIZER_SLOT/)|save_counter/\.ATTRIBUTES/",
    re.DOTALL,
)


class TensorflowFormat(Format):
    """Reads checkpoints."""

    name: ClassVar[str] = "tensorflow"

    def claims(self, artifact: Artifact) -> Sequence[str]:
        """Name the files that end in ``.index`` and have files of numbers beside them."""
        data = (_DATA.match(file.path) for file in artifact.files)
        prefixes = {found["prefix"] for found in data if found is not None}
        return tuple(
            file.path
            for file in artifact.files
            if file.path.endswith(SUFFIX) and file.path.removesuffix(SUFFIX) in prefixes
        )

    def tensors(self, artifact: Artifact, paths: Sequence[str]) -> Sequence[TensorSpan]:
        """Say where the tensors lie.

        Args:
            artifact: the model's files.
            paths: what ``claims`` gave.

        Returns:
            One span per tensor, of one checkpoint after the other.

        Raises:
            MalformedError: a table is damaged, or claims what the files of numbers do not hold.

        Source: https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/util/tensor_bundle
        """
        found = [_Checkpoint(artifact, path).tensors() for path in sorted(paths)]
        spans = tuple(name_apart(found))
        check_apart(spans)
        return spans


class _Checkpoint:
    def __init__(self, artifact: Artifact, path: str) -> None:
        self.artifact = artifact
        self.path = path
        with open_window(artifact, path) as window:
            places: dict[bytes, tuple[int, int]] = {}
            for key, start, stop in read_table(window):
                if len(places) > MAX_TENSORS:
                    raise MalformedError(f"{path} has more than {MAX_TENSORS} tensors", hint=HINT)
                places[key] = (start, stop)
            self.bundle: Bundle = read_bundle(window, places.pop(b"", None))
            self.found = list(self._read(window, places))

    def tensors(self) -> list[TensorSpan]:
        names: set[str] = set()
        for span in self.found:
            if span.name in names:
                raise MalformedError(f"{self.path} has {show(span.name)} twice", hint=HINT)
            names.add(span.name)
        return self.found

    def _read(self, window: Window, places: Mapping[bytes, tuple[int, int]]) -> Iterator[TensorSpan]:
        for key, (start, stop) in places.items():
            if key.startswith(b"\0"):
                continue
            try:
                name = key.decode()
            except UnicodeDecodeError as error:
                raise MalformedError(f"{self.path} has a name that is not UTF-8 text", hint=HINT) from error
            if _TRAINING.match(name):
                continue
            entry = read_entry(window, start, stop, f"tensor {show(name)} in {self.path}")
            if entry is not None and entry.slices:
                yield from self._sliced(window, name.removesuffix(STORED), entry, key, places)
            elif entry is not None:
                yield self._span(name.removesuffix(STORED), entry)

    def _sliced(
        self,
        window: Window,
        name: str,
        whole: Entry,
        key: bytes,
        places: Mapping[bytes, tuple[int, int]],
    ) -> Iterator[TensorSpan]:
        """Give a variable that was saved in slices."""
        what = f"tensor {show(name)} in {self.path}"
        spans: list[TensorSpan] = []
        for extents in whole.slices:
            place = places.get(slice_key(key, extents))
            entry = None if place is None else read_entry(window, *place, what)
            lengths = tuple(
                length - start if size < 0 else size
                for (start, size), length in zip(extents, whole.shape, strict=True)
            )
            if entry is None or entry.slices or entry.shape != lengths or entry.dtype != whole.dtype:
                raise MalformedError(f"{what} lacks the slice {extents}", hint=HINT)
            ranges = ",".join(
                f"{start}:{start + size}" for (start, _), size in zip(extents, lengths, strict=True)
            )
            spans.append(self._span(f"{name}[{ranges}]", entry))
            if len(spans) > MAX_KEPT:
                raise MalformedError(f"{what} has more than {MAX_KEPT} slices", hint=HINT)
        joined = _join(name, whole, spans)
        yield from spans if joined is None else [joined]

    def _span(self, name: str, entry: Entry) -> TensorSpan:
        what = f"tensor {show(name)} in {self.path}"
        count = self.bundle.shards
        prefix = self.path.removesuffix(SUFFIX)
        path = f"{prefix}.data-{entry.shard:05}-of-{count:05}"
        file = self.artifact.find(path) if entry.shard < count else None
        if file is None:
            raise MalformedError(
                f"{what} lies in {show(path)}, which is not there",
                hint="Copy all files of the checkpoint into one folder, and pass that.",
            )
        if entry.start + entry.stored > file.size or entry.stored != entry.needed:
            raise MalformedError(
                f"{what} of {entry.dtype} and shape {show_shape(entry.shape)} needs {entry.needed} bytes, "
                f"and has bytes {entry.start} to {entry.start + entry.stored} of the {file.size} of {path}",
                hint=HINT,
            )
        layout = None
        if self.bundle.big_endian and entry.itemsize > 1 and entry.stored:
            lengths = (entry.stored // entry.itemsize,)
            layout = Strided(itemsize=entry.itemsize, lengths=lengths, strides=(1,), swapped=True)
        return TensorSpan(
            name=name,
            dtype=entry.dtype,
            shape=entry.shape,
            path=path,
            start=entry.start,
            stop=entry.start + entry.stored,
            layout=layout,
        )


def _join(name: str, whole: Entry, spans: Sequence[TensorSpan]) -> TensorSpan | None:
    """Make one tensor of slices along the first dimension that follow one another; None when they do not."""
    position, row = spans[0].start, 0
    for span, extents in zip(spans, whole.slices, strict=True):
        full = span.shape[1:] == whole.shape[1:]
        if (span.path, span.start) != (spans[0].path, position) or not full or span.layout is not None:
            return None
        if extents[0][0] != row:
            return None
        position, row = span.stop, row + span.shape[0]
    if row != whole.shape[0]:
        return None
    return TensorSpan(
        name=name,
        dtype=whole.dtype,
        shape=whole.shape,
        path=spans[0].path,
        start=spans[0].start,
        stop=position,
    )


@hookimpl
def weightmark_formats() -> list[type[Format]]:
    """Offer TensorFlow."""
    return [TensorflowFormat]
