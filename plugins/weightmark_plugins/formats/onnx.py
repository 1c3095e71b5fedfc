"""The ONNX format; the file is walked here, by no library, and weights are never loaded to find them.

Read are the initializers of the graph, of nested graphs, of functions and of training graphs, sparse ones
included (as ``NAME`` and ``NAME:indices``), and the tensors in nodes' attributes, such as those of Constant
nodes, which take the name of the node's output. External data are read where they lie; those in a safetensors
file of the model belong to that format.

Names are the file's. A tensor whose name is taken, by one further out or by another file, has its place or
its file before its name. The tensors of a function have ``DOMAIN::FUNCTION/`` before their names.

One layout is undone. An exporter that folds the transposition of a linear layer's weight gives the result a
name of its own (``val_12``, ``onnx::MatMul_34``). A tensor of two dimensions with such a name, that is used
only as the second operand of MatMul or of Gemm without transB, is given as the layer has it: (out, in). A
tensor that kept its own name keeps its layout: a model that multiplies by (in, out), such as GPT-2, is stored
like that everywhere.

Not promised: that a runtime takes the file. Text tensors are no numbers and are left out.
"""

import posixpath
from collections.abc import Sequence
from typing import ClassVar, Final

from weightmark.fingerprinting import name_apart
from weightmark.hookspecs import hookimpl
from weightmark.model.artifact import Artifact
from weightmark.model.tensor import TensorSpan
from weightmark.ports import Format
from weightmark_plugins.formats.apart import check_apart
from weightmark_plugins.formats.onnx_graph import read_model
from weightmark_plugins.formats.onnx_tensor import ExternalData
from weightmark_plugins.formats.window import POINTER, open_window

SUFFIX: Final = ".onnx"
_LEFT: Final = (".safetensors",)
_FIRST: Final = frozenset(bytes([tag]) for tag in b"\x08\x12\x1a\x22\x28\x32\x3a\x42\x72\xa2\xca")
"""With which byte a model can begin: each of its fields, as protocol buffers write them."""


class OnnxFormat(Format):
    """Reads ONNX files."""

    name: ClassVar[str] = "onnx"

    def claims(self, artifact: Artifact) -> Sequence[str]:
        """Name the files that end in ``.onnx`` and begin as a model, or as Git's pointer to one."""
        return tuple(
            file.path
            for file in artifact.files
            if file.path.endswith(SUFFIX) and _is_candidate(artifact.read(file.path, 0, min(file.size, 32)))
        )

    def tensors(self, artifact: Artifact, paths: Sequence[str]) -> Sequence[TensorSpan]:
        """Say where the tensors lie.

        Args:
            artifact: the model's files.
            paths: what ``claims`` gave.

        Returns:
            One span per tensor, of one file after the other.

        Raises:
            MalformedError: a file is damaged, claims what it or its external data do not hold, or refers to
                data out of the model's folder.

        Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
        """
        found = [_read(artifact, path) for path in sorted(paths)]
        spans = tuple(name_apart(found))
        check_apart(spans)
        return spans


def _is_candidate(head: bytes) -> bool:
    return head[0:1] in _FIRST or head.startswith(POINTER)


def _read(artifact: Artifact, path: str) -> list[TensorSpan]:
    external = ExternalData(artifact=artifact, path=path, folder=posixpath.dirname(path))
    with open_window(artifact, path) as window:
        return [span for span in read_model(window, external) if not span.path.endswith(_LEFT)]


@hookimpl
def weightmark_formats() -> list[type[Format]]:
    """Offer ONNX."""
    return [OnnxFormat]
