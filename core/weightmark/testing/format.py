"""What every format must keep, as tests to be inherited.

A plugin's own test module subclasses the suite, says which format is meant and how to write a file in it, and
inherits the tests::

    class TestMyFormat(FormatSuite):
        format_type = MyFormat

        def write(self, folder, tensors): ...

Not promised: that a format reads each kind of number right; that is for its own tests.
"""

import sys
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import ClassVar

import pytest

from weightmark.errors import MalformedError
from weightmark.model.artifact import Artifact
from weightmark.model.tensor import TensorSpan
from weightmark.ports.format import Format

_EXECUTION = frozenset(
    {
        *(
            "exec",
            "marshal.loads",
            "pickle.find_class",
            "ctypes.dlopen",
            "socket.connect",
            "subprocess.Popen",
        ),
        *("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile", "os.system"),
    }
)
_seen: list[list[str]] = []

Sample = Mapping[str, tuple[str, tuple[int, ...], bytes]]
"""Tensors by name: dtype, shape, and bytes, row-major and little-endian."""

SAMPLE: Sample = {
    "decoder.weight": ("float32", (3, 2), bytes(range(24))),
    "decoder.bias": ("float32", (2,), bytes(range(100, 108))),
    "steps": ("int64", (), bytes(range(8))),
    "empty": ("float32", (0, 4), b""),
}


class FormatSuite(ABC):
    """Tests for one format; subclass it under a name that begins with ``Test``.

    Attributes:
        format_type: the class under test.
        has_tensors: False for a format that never knows a tensor.
        sample: what is written; another one for a format that cannot hold this one's kinds of numbers.
    """

    format_type: ClassVar[type[Format]]
    has_tensors: ClassVar[bool] = True
    sample: ClassVar[Sample] = SAMPLE

    @abstractmethod
    def write(self, folder: Path, tensors: Sample) -> None:
        """Write tensors into a folder, as one or more files of the format.

        Args:
            folder: exists and is empty.
            tensors: what to write.
        """

    @pytest.fixture
    def model(self, tmp_path: Path) -> Path:
        """Write the sample into a new folder."""
        folder = tmp_path / "model"
        folder.mkdir()
        self.write(folder, self.sample)
        return folder

    def read(self, folder: Path) -> tuple[Sequence[str], Sequence[TensorSpan]]:
        """Ask the format for its files and its tensors."""
        artifact = Artifact.open(folder)
        reader = self.format_type()
        paths = reader.claims(artifact)
        return paths, reader.tensors(artifact, paths)

    def test_it_has_a_name(self) -> None:
        """The name is one lowercase word."""
        assert self.format_type.name
        assert self.format_type.name == self.format_type.name.lower().strip()

    def test_it_claims_files_that_exist(self, model: Path) -> None:
        """Claims are files of the artifact, each once."""
        paths, _ = self.read(model)
        assert paths
        assert len(set(paths)) == len(paths)
        assert set(paths) <= {file.path for file in Artifact.open(model).files}

    def test_it_finds_the_tensors(self, model: Path) -> None:
        """Each tensor's canonical bytes are those that were written."""
        _, spans = self.read(model)
        artifact = Artifact.open(model)
        found = {span.name: (span.dtype, span.shape, read_tensor(artifact, span)) for span in spans}
        assert found == (dict(self.sample) if self.has_tensors else {})

    def test_names_are_unique(self, model: Path) -> None:
        """No name stands for two tensors."""
        _, spans = self.read(model)
        assert len({span.name for span in spans}) == len(spans)

    def test_spans_lie_inside_files_and_apart(self, model: Path) -> None:
        """Spans do not leave their file and do not overlap."""
        _, spans = self.read(model)
        check_spans(Artifact.open(model), spans)

    def test_it_keeps_nothing_between_calls(self, model: Path) -> None:
        """Two readings give the same, and change no file."""
        before = Artifact.open(model)
        assert self.read(model) == self.read(model)
        before.check_unchanged()

    def test_it_executes_nothing(self, model: Path) -> None:
        """Reading runs no code from a file, starts no process and opens no connection."""
        self.read(model)  # so that what is imported late is there
        with watch_execution() as seen:
            self.read(model)
        assert not seen

    def test_a_file_cut_short_is_refused(self, model: Path) -> None:
        """Each beginning of a file is refused, or gives spans inside it that are fewer."""
        whole = len(self.read(model)[1])
        for path in self.read(model)[0]:
            content = (model / path).read_bytes()
            for size in sorted({0, 1, len(content) // 3, len(content) // 2, len(content) - 1}):
                (model / path).write_bytes(content[:size])
                spans = self.read_or_refuse(model)
                assert spans is None or not self.has_tensors or len(spans) < whole
            (model / path).write_bytes(content)

    def test_random_bytes_are_refused(self, model: Path) -> None:
        """Bytes without sense give MalformedError or no tensor, and never another exception."""
        source = Random(1)  # noqa: S311 - bytes for a test, always the same
        for path in self.read(model)[0]:
            for size in (1, 7, 8, 9, 64, 4096):
                (model / path).write_bytes(source.randbytes(size))
                spans = self.read_or_refuse(model) or ()
                assert path not in {span.path for span in spans}

    def test_changed_bytes_are_refused_or_harmless(self, model: Path) -> None:
        """A file with one byte changed gives MalformedError or sound spans, and never another exception."""
        source = Random(2)  # noqa: S311 - bytes for a test, always the same
        for path in self.read(model)[0]:
            content = bytearray((model / path).read_bytes())
            for _ in range(100 if content else 0):
                damaged = bytearray(content)
                damaged[source.randrange(len(damaged))] = source.randrange(256)
                (model / path).write_bytes(damaged)
                self.read_or_refuse(model)
            (model / path).write_bytes(content)

    def read_or_refuse(self, folder: Path) -> Sequence[TensorSpan] | None:
        """Read a damaged folder; give None when it is refused as it should be."""
        try:
            _, spans = self.read(folder)
        except MalformedError as error:
            check_told(error)
            return None
        check_spans(Artifact.open(folder), spans)
        return spans


@contextmanager
def watch_execution() -> Generator[list[str]]:
    """Listen for code that is run, processes that are started and connections that are opened.

    Yields:
        The names of such events, as they happen, in the words of Python's audit events.

    Raises:
        Nothing.

    Source: PEP 578.
    """
    _install()
    _seen.append([])
    try:
        yield _seen[-1]
    finally:
        _seen.pop()


@cache
def _install() -> None:
    sys.addaudithook(_listen)  # for good: an audit hook cannot be taken away


def _listen(event: str, _arguments: tuple[object, ...]) -> None:
    if _seen and event in _EXECUTION:
        _seen[-1].append(event)


def read_tensor(artifact: Artifact, span: TensorSpan) -> bytes:
    """Read the canonical bytes of one small tensor.

    Raises:
        MalformedError: the stored bytes are not what the span's layout expects.
    """
    file = artifact.find(span.path)
    assert file is not None, f"{span.name} lies in {span.path}, which is not there"
    with file.opened() as reader:
        return b"".join(span.blocks(reader))


def check_told(error: MalformedError) -> None:
    """Check that an error says what is wrong and what to do.

    Raises:
        AssertionError: it does not.
    """
    assert error.message
    assert error.hint


def check_spans(artifact: Artifact, spans: Sequence[TensorSpan]) -> None:
    """Check that spans lie inside their files and apart.

    Raises:
        AssertionError: one does not.
    """
    for span in spans:
        file = artifact.find(span.path)
        assert file is not None, f"{span.name} lies in {span.path}, which is not there"
        assert 0 <= span.start <= span.stop <= file.size, f"{span.name} leaves {span.path}"
    plain = {(span.path, span.start, span.stop) for span in spans if span.layout is None}
    ordered = sorted((path, start, stop) for path, start, stop in plain if start < stop)
    for (path, _, stop), (other, start, _) in pairwise(ordered):
        assert path != other or stop <= start, f"two tensors overlap in {path}"
