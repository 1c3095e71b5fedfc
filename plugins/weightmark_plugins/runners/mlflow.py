"""Runs models that MLflow saved, by the function ``predict`` that each of its flavours has."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from weightmark.errors import InferenceError
from weightmark.extra import import_extra
from weightmark.hookspecs import hookimpl
from weightmark.model.artifact import Artifact
from weightmark.ports import SINGLE, Arrays, Runner

DESCRIPTION = "MLmodel"
OUTPUT = "output"
"""The name of an output that has none."""


class MlflowRunner(Runner):
    """A folder with an ``MLmodel`` file."""

    name: ClassVar[str] = "mlflow"
    runs: ClassVar[str] = f"a folder with an {DESCRIPTION} file"
    executes: ClassVar[str] = (
        "such a model holds pickled objects or Python files, and to load them is to execute whatever its"
        " maker wrote there"
    )

    def claims(self, artifact: Artifact) -> bool:
        """Claim a folder that MLflow wrote."""
        return artifact.find(DESCRIPTION) is not None

    def load(self, path: Path) -> Callable[[Arrays], Arrays]:
        """Load it by the flavour ``python_function``."""
        pyfunc = import_extra("mlflow.pyfunc", extra="mlflow")
        model = pyfunc.load_model(str(path))
        schema = model.metadata.get_input_schema()
        return lambda inputs: _name_outputs(model.predict(_shape_inputs(inputs, schema)))


def _shape_inputs(inputs: Arrays, schema: Any) -> Any:
    """Turn arrays into what the model's signature asks for: arrays, or a table of columns."""
    single = inputs.get(SINGLE)
    if single is not None and len(inputs) != 1:
        raise InferenceError("an array without a name came together with others", hint="Name each of them.")
    if schema is not None and schema.is_tensor_spec():
        named = schema.has_input_names()
        if single is None:
            return dict(inputs) if named else next(iter(inputs.values()))
        return {schema.input_names()[0]: single} if named else single
    if single is None:
        return _table(inputs, None)
    if schema is None or single.ndim != 2:  # noqa: PLR2004 - rows and columns
        return single
    return _table(single, schema.input_names())


def _table(columns: Any, names: list[str] | None) -> Any:
    import pandas as pd  # type: ignore[import-untyped]

    return pd.DataFrame(columns if names is not None else dict(columns), columns=names)


def _name_outputs(answer: Any) -> dict[str, Any]:
    """Turn what ``predict`` gave into arrays by name."""
    import numpy as np

    if hasattr(answer, "columns"):
        return {str(name): _plain(answer[name].to_numpy()) for name in answer.columns}
    if hasattr(answer, "keys"):
        return {str(name): _plain(np.asarray(value)) for name, value in answer.items()}
    return {OUTPUT: _plain(np.asarray(answer))}


def _plain(values: Any) -> Any:
    """Turn an array of Python's texts into one of text; leave all else as it is."""
    if values.dtype.kind == "O" and all(isinstance(value, str) for value in values.flat):
        return values.astype(str)
    return values


@hookimpl
def weightmark_runners() -> list[type[Runner]]:
    """Offer the MLflow runner."""
    return [MlflowRunner]
