"""The port of what knows where tensors lie in files."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from weightmark.model.artifact import Artifact
from weightmark.model.tensor import TensorSpan


class Format(ABC):
    """Reads the headers of one file format, and executes nothing.

    A format is made without arguments and keeps nothing between calls.
    """

    name: ClassVar[str]
    """The format's name: ``safetensors``."""

    @abstractmethod
    def claims(self, artifact: Artifact) -> Sequence[str]:
        """Name the files of an artifact that are in this format.

        Args:
            artifact: the model's files.

        Returns:
            Paths relative to the artifact, POSIX; judged by name and first bytes only.
        """

    @abstractmethod
    def tensors(self, artifact: Artifact, paths: Sequence[str]) -> Sequence[TensorSpan]:
        """Say where the tensors lie.

        Args:
            artifact: the model's files.
            paths: what ``claims`` gave.

        Returns:
            One span per tensor; within a file they do not overlap and lie inside it. Names are unique within
            one artifact.

        Raises:
            MalformedError: a header is damaged, claims more than the file holds, or contradicts another.
        """
