"""A small pipeline that shows the way of a model: made, fingerprinted, registered, gated, deployed."""

# What stands where types stand is kfp's own notation for artifacts, which type checkers cannot read.
# pyright: basic, reportMissingTypeStubs=false, reportInvalidTypeForm=false
# pyright: reportArgumentType=false, reportCallIssue=false
# mypy: disable-error-code="valid-type, untyped-decorator"

from collections.abc import Callable
from typing import Any

from weightmark_adapters.kubeflow import sdk
from weightmark_hooks.kubeflow.component import image_name, steps_for


def make_pipeline(image: str = "") -> Any:
    """Make the pipeline.

    Args:
        image: the image in which its tasks run; empty for the one that is named by the environment.

    Raises:
        MissingExtraError: kfp is not installed.
    """
    sdk.load("kfp")
    from kfp import dsl

    image = image or image_name()
    ours = steps_for(image)
    component = dsl.component(base_image=image, install_kfp_package=False)
    train, deploy = _training(component), _deploying(component)

    @dsl.pipeline(name="weightmark-demonstration", description="Train, register, gate, deploy.")
    def pipeline(license: str = "apache-2.0") -> None:  # noqa: A002 - the word for it
        with dsl.ExitHandler(ours["record_failure"]()):
            trained = train(license=license)
            known = ours["fingerprint"](model=trained.outputs["model"])
            registered = ours["register"](model=known.outputs["fingerprinted"])
            gate = ours["license_gate"](model=registered.outputs["registered"])
            deploy(model=gate.outputs["approved"])

    return pipeline


def _training(component: Callable[..., Any]) -> Any:
    from kfp.dsl import Model, Output

    @component
    def train(model: Output[Model], license: str) -> None:  # noqa: A002 - the word for it
        """Write a model of one file."""
        import json
        import struct
        from pathlib import Path

        folder = Path(model.path)
        folder.mkdir(parents=True)
        tensor = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
        header = json.dumps({"dense.weight": tensor}).encode()
        header += b" " * (-len(header) % 8)
        numbers = struct.pack("<2f", 0.5, -1.25)
        (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + numbers)
        model.metadata["license"] = license
        model.metadata["name"] = "demonstration"

    return train


def _deploying(component: Callable[..., Any]) -> Any:
    from kfp.dsl import Input, Model

    @component
    def deploy(model: Input[Model]) -> str:
        """Stand for whatever serves a model."""
        from pathlib import Path

        return ", ".join(sorted(file.name for file in Path(model.path).iterdir()))

    return deploy
