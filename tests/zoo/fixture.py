"""The zoo for tests: made once in a run, by the worker that asks first.

``WEIGHTMARK_ZOO`` names a folder that keeps it between runs.
"""

import os
from pathlib import Path

import pytest
from tests.zoo.zoo import Zoo

KEPT = os.environ.get("WEIGHTMARK_ZOO")


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    """Give the reduced zoo."""
    from tests.zoo.build import open_zoo
    from tests.zoo.recipes import REDUCED

    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if os.environ.get("PYTEST_XDIST_WORKER") else folder
    return open_zoo(REDUCED, Path(KEPT) if KEPT else shared / "zoo")
