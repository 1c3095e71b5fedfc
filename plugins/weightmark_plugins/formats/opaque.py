"""Any file, as bytes without tensors.

Not promised: anything about what the bytes mean.
"""

from collections.abc import Sequence
from typing import ClassVar

from weightmark.hookspecs import hookimpl
from weightmark.model.artifact import Artifact
from weightmark.model.tensor import TensorSpan
from weightmark.ports import Format


class OpaqueFormat(Format):
    """Claims every file and knows no tensor in any."""

    name: ClassVar[str] = "opaque"

    def claims(self, artifact: Artifact) -> Sequence[str]:
        """Name all files."""
        return tuple(file.path for file in artifact.files)

    def tensors(self, artifact: Artifact, paths: Sequence[str]) -> Sequence[TensorSpan]:  # noqa: ARG002 - the port's
        """Know no tensor."""
        return ()


@hookimpl
def weightmark_formats() -> list[type[Format]]:
    """Offer the opaque format."""
    return [OpaqueFormat]
