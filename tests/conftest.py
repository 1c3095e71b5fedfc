"""What holds for every test: nothing of the machine's own, and the same examples in every run."""

import gc
import os
import warnings
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "default", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(scope="session", autouse=True)
def _fresh_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give the whole run an empty home, so that no key, ledger or setting of this machine takes part."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("WEIGHTMARK_", "MLFLOW_", "XDG_"))]:
            patch.delenv(name)
        patch.setenv("HOME", str(home))
        yield


@pytest.fixture(scope="module", autouse=True)
def _own_garbage() -> Iterator[None]:
    """Collect what a module leaves open at its end: a library's sockets, a crashed workspace's connections.

    What stands in cycles is else collected in the midst of another module's test, which then fails with a
    ``ResourceWarning`` that has nothing to do with it.
    """
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their length: an archive holds when it was made, and each worker makes its own."""
    return f"{argname}-{len(val)}" if isinstance(val, bytes) else None
