"""The port of what puts a mark into weights and finds it again."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar


class Watermark(ABC):
    """One way to mark a model. A mark is evidence, not proof."""

    name: ClassVar[str]

    @abstractmethod
    def embed(self, model: Path, key: bytes, output: Path) -> None:
        """Write a marked copy of a model.

        Args:
            model: the folder to read.
            key: 32 secret bytes.
            output: the folder to write; must not exist.

        Raises:
            MalformedError: the model cannot be read.
        """

    @abstractmethod
    def detect(self, model: Path, key: bytes) -> float:
        """Look for the mark.

        Returns:
            The probability, from 0 to 1, of a match at least this good in a model that was never marked.

        Raises:
            MalformedError: the model cannot be read.
        """
