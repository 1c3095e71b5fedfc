"""The port of what can run a model."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from weightmark.model.artifact import Artifact

if TYPE_CHECKING:
    import numpy as np

Arrays: TypeAlias = "Mapping[str, np.ndarray]"
"""Inputs or outputs by name."""

SINGLE = ""
"""The name of an array that was given without one."""


class Runner(ABC):
    """Runs models of one kind, in a process of its own. Made without arguments.

    The library that runs them is imported in ``load`` and never before: the process that asks needs none of
    it, except that it asks ``claims``.
    """

    name: ClassVar[str]
    """What runs them: ``onnx``."""

    runs: ClassVar[str]
    """Which models, for a person who has another: ``one .onnx file``."""

    executes: ClassVar[str] = ""
    """Why to run such a model is to execute what its maker wrote, as a sentence; empty when it is not."""

    @abstractmethod
    def claims(self, artifact: Artifact) -> bool:
        """Say whether a model is of this kind; judged by the names of its files only.

        Args:
            artifact: the model's files.
        """

    @abstractmethod
    def load(self, path: Path) -> Callable[[Arrays], Arrays]:
        """Load a model, in the process that is to run it.

        Args:
            path: its folder, or its single file; nobody else writes there.

        Returns:
            What runs it once: inputs by name in, outputs by name out. An input without a name is called
            ``SINGLE``. What it raises is told to whoever asked.

        Raises:
            MissingExtraError: the library that runs such models is not installed.
        """
