"""What tests of SageMaker are given: their module's account, a world of their own, a line that can fail."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.sagemaker.aws import Aws, account
from tests.integration.sagemaker.proxy import Proxy, proxy
from tests.integration.sagemaker.world import World, world_of


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    """Run moto's server for one module of tests."""
    with pytest.MonkeyPatch.context() as patch, account(patch) as served:
        yield served


@pytest.fixture
def world(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Give a world of this test alone."""
    yield from world_of(aws, tmp_path, monkeypatch)


@pytest.fixture
def between(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Stand between boto3 and the account."""
    with proxy(world.aws.url) as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
        yield made
