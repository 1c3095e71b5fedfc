"""Runs ONNX models with ONNX Runtime, on the CPU."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from weightmark.errors import InferenceError
from weightmark.extra import import_extra
from weightmark.hookspecs import hookimpl
from weightmark.model.artifact import Artifact
from weightmark.ports import SINGLE, Arrays, Runner

SUFFIX = ".onnx"


class OnnxRunner(Runner):
    """A graph of operators that the runtime knows; it executes nothing of its maker's."""

    name: ClassVar[str] = "onnx"
    runs: ClassVar[str] = f"a model with one {SUFFIX} file"

    def claims(self, artifact: Artifact) -> bool:
        """Claim a model with exactly one graph."""
        return sum(file.path.endswith(SUFFIX) for file in artifact.files) == 1

    def load(self, path: Path) -> Callable[[Arrays], Arrays]:
        """Load the graph; external data lie where it says, beside it."""
        runtime = import_extra("onnxruntime", extra="onnx")
        file = path if path.is_file() else next(path.rglob(f"*{SUFFIX}"))
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        session = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        names = [each.name for each in session.get_inputs()]
        outputs = [each.name for each in session.get_outputs()]

        def run(inputs: Arrays) -> dict[str, Any]:
            return dict(zip(outputs, session.run(outputs, name_single(inputs, names)), strict=True))

        return run


def name_single(inputs: Arrays, names: list[str]) -> Arrays:
    """Give an array without a name that of the model's one input.

    Raises:
        InferenceError: the model has not one input.
    """
    if SINGLE not in inputs:
        return inputs
    if len(names) != 1 or len(inputs) != 1:
        raise InferenceError(
            f"the model has the inputs {', '.join(names)[:500]}",
            hint="Give a mapping of these names to arrays.",
        )
    return {names[0]: inputs[SINGLE]}


@hookimpl
def weightmark_runners() -> list[type[Runner]]:
    """Offer the ONNX runner."""
    return [OnnxRunner]
