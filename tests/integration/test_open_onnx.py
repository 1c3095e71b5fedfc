"""ONNX models run by ONNX Runtime for those who may ask them and not have them; nothing need be trusted."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from weightmark.errors import DigestMismatchError, InferenceError, NotEntitledError
from weightmark.workspace import Workspace

pytestmark = pytest.mark.integration


def write(folder: Path, *, external: bool) -> None:
    """Write y = x @ W with W twice the identity, its numbers in the graph or beside it."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    folder.mkdir()
    weight = numpy_helper.from_array(np.eye(300, dtype=np.float32) * 2, "W")
    size = [None, 300]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "W"], ["y"])],
        "double",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, size)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, size)],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "model.onnx", save_as_external_data=external, location="numbers.bin")


@pytest.fixture(params=[False, True], ids=["whole", "external"])
def workspace(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workspace]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEIGHTMARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WEIGHTMARK_PARTY", "acme")
    write(tmp_path / "double", external=request.param)
    with Workspace.open() as opened:
        opened.register("double", license_="mit", mine=True)
        yield opened


def test_it_answers_and_keeps_its_weights(workspace: Workspace) -> None:
    x = np.ones((2, 300), np.float32)
    with workspace.open_model("double", tier="inference", party="bigcorp") as loader:
        assert np.array_equal(loader.infer(x)["y"], 2 * x)
        assert np.array_equal(loader.infer({"x": x})["y"], 2 * x)
        with pytest.raises(InferenceError, match="could not run"):
            loader.infer({"z": x})
        with pytest.raises(InferenceError, match="the inputs x"):
            loader.infer({"": x, "x": x})
        assert np.array_equal(loader.infer(x)["y"], 2 * x), "an error of the inputs costs nothing else"
        for access in (loader.weights, loader.tensors, loader.architecture):
            with pytest.raises(NotEntitledError):
                access()


def test_a_changed_graph_is_never_loaded(workspace: Workspace) -> None:
    file = max(Path("double").iterdir(), key=lambda file: file.stat().st_size)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with workspace.open_model("double", tier="inference") as loader, pytest.raises(DigestMismatchError):
        loader.infer(np.ones((2, 300), np.float32))
