"""What every test of Azure ML is given: the stand-in of its module, acme's workspace, and models."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.integration.azureml.world import URI, World, running

from weightmark.workspace import Workspace


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run the stand-in for one module of tests."""
    with running(tmp_path_factory.mktemp("azureml")) as made:
        yield made


@pytest.fixture
def acme(world: World) -> Iterator[Workspace]:
    """Open the workspace of the party that works there."""
    with world.workspace() as workspace:
        yield workspace


def model(world: World, **more: Any) -> Any:
    """Make the SDK's own object of another model than all before."""
    from azure.ai.ml.entities import Model

    folder = str(world.folder_of())
    return Model(**{"name": f"churn-{world.made}", "path": folder, **more})


def uri_of(made: Any) -> str:
    """Give a version's URI."""
    return f"{URI}/models/{made.name}/versions/{made.version}"
