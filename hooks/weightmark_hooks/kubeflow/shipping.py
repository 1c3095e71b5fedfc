"""The compiled components and the demonstration pipeline, as they are shipped."""

import re
from pathlib import Path
from typing import Final

from weightmark_adapters.kubeflow import sdk
from weightmark_hooks.kubeflow.component import image_name, steps_for
from weightmark_hooks.kubeflow.demonstration import make_pipeline

FOLDER: Final = Path(__file__).parent / "components"
"""Where the shipped files lie in this distribution."""

PIPELINE: Final = "demonstration_pipeline"
_SDK: Final = re.compile(r"(?m)^sdkVersion: .*$")


def compile_all(folder: Path, image: str = "") -> list[Path]:
    """Compile every component, and the demonstration pipeline, with the kfp that is installed.

    Args:
        folder: where the files go.
        image: the image in which the components run; empty for the one that is named by the environment.

    Returns:
        The files.

    Raises:
        MissingExtraError: kfp is not installed.
    """
    compiler = sdk.load("kfp.compiler").Compiler()
    image = image or image_name()
    made = {name: step.component for name, step in steps_for(image).items()}
    made[PIPELINE] = make_pipeline(image)
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}.yaml" for name in made]
    for file, component in zip(files, made.values(), strict=True):
        compiler.compile(component, package_path=str(file))
    return files


def normalise(text: str) -> str:
    """Leave out of a compiled file which kfp compiled it: nothing else in it depends on that."""
    return _SDK.sub("sdkVersion: kfp", text)
