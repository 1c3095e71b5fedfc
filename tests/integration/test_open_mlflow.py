"""Models that MLflow saved, run by those who may ask them and not have them."""

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.workshop import Shell, flip_byte

from weightmark.errors import DigestMismatchError, InferenceError, NotEntitledError
from weightmark.workspace import Workspace

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]

X = np.random.default_rng(7).random((40, 3))
Y = (X[:, 0] > 0.5).astype(int)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier with a table for its signature, a regression with an array, and a program."""
    import mlflow
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.linear_model import LinearRegression, LogisticRegression

    class Program(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            if float(np.asarray(model_input).max()) > 100:
                raise ValueError("too much")
            return {"total": np.asarray(model_input).sum(axis=1), "label": np.array(["a", "b"], dtype=object)}

    folder = tmp_path_factory.mktemp("saved")
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        warnings.simplefilter("ignore")
        # Named, because MLflow else starts processes to find out what a model needs.
        options: dict[str, Any] = {"serialization_format": "cloudpickle", "pip_requirements": []}
        table = pd.DataFrame(X, columns=["a", "b", "c"])
        classifier = LogisticRegression().fit(table, Y)
        mlflow.sklearn.save_model(
            classifier,
            folder / "churn",
            signature=infer_signature(table, Y),
            **options,
        )
        regression = LinearRegression().fit(X, Y)
        mlflow.sklearn.save_model(regression, folder / "price", signature=infer_signature(X, Y), **options)
        mlflow.pyfunc.save_model(folder / "program", python_model=Program(), pip_requirements=[])
    return folder


@pytest.fixture
def workspace(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEIGHTMARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WEIGHTMARK_PARTY", "acme")
    shutil.copytree(saved, tmp_path / "models")
    with Workspace.open() as opened:
        for name in ("churn", "price", "program"):
            opened.register(f"models/{name}", license_="cc-by-nc-4.0", mine=True)
        yield opened


def test_a_pickle_is_not_loaded_unless_that_is_said(workspace: Workspace) -> None:
    with (
        workspace.open_model("models/churn", tier="inference") as loader,
        pytest.raises(InferenceError, match="pickled") as caught,
    ):
        loader.infer(X)
    assert "trust_code=True" in caught.value.hint


def test_models_answer_and_keep_their_weights(workspace: Workspace) -> None:
    Shell(folder=Path()).run("grant", "models/churn", "--to", "bigcorp", "--for", "inference")
    with workspace.open_model("models/churn", tier="inference", party="bigcorp") as loader:
        answer = loader.infer(X, trust_code=True)
        assert (answer["output"] == Y).mean() > 0.7
        columns = {name: X[:, number] for number, name in enumerate("abc")}
        assert np.array_equal(loader.infer(columns, trust_code=True)["output"], answer["output"])
        with pytest.raises(InferenceError, match="could not run"):
            loader.infer({"a": X[:, 0]}, trust_code=True)
        for access in (loader.weights, loader.tensors, loader.architecture):
            with pytest.raises(NotEntitledError):
                access()


def test_a_program_answers_too(workspace: Workspace) -> None:
    with workspace.open_model("models/program", tier="inference") as loader:
        answer = loader.infer(X[:2], trust_code=True)
        assert np.allclose(answer["total"], X[:2].sum(axis=1))
        assert answer["label"].tolist() == ["a", "b"]
        with pytest.raises(InferenceError, match="too much"):
            loader.infer(X + 1000, trust_code=True)


def test_a_changed_pickle_is_never_loaded(workspace: Workspace) -> None:
    flip_byte(Path("models/churn/model.pkl"), -1)
    with (
        workspace.open_model("models/churn", tier="inference") as loader,
        pytest.raises(DigestMismatchError, match=r"model\.pkl"),
    ):
        loader.infer(X, trust_code=True)


def test_a_pickle_that_is_swapped_afterwards_is_not_the_one_that_runs(workspace: Workspace) -> None:
    with workspace.open_model("models/program", tier="inference") as loader:
        before = loader.infer(X[:2], trust_code=True)["total"]
        Path("models/program/python_model.pkl").write_bytes(b"cos\nabort\n(tR.")
        loader._process.close()
        assert np.array_equal(loader.infer(X[:2], trust_code=True)["total"], before)


def test_the_command_line_runs_it(workspace: Workspace, tmp_path: Path) -> None:
    shell = Shell(folder=tmp_path)
    np.save("x.npy", X)
    words = ("open", "models/price", "--as", "inference", "--input", "x.npy", "--output", "y.npz")
    assert "--trust-code" in shell.fail(*words, code=1)
    answer = shell.json(*words, "--trust-code")
    assert answer["outputs"] == {"output": {"dtype": "float64", "shape": [40]}}
    assert np.load("y.npz")["output"].shape == (40,)
