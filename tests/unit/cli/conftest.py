"""A shell in a folder of its own."""

from pathlib import Path

import pytest
from tests import shelf
from tests.shelf import Shelf
from tests.workshop import Shell, write_model

from weightmark.cli import doctor
from weightmark_adapters.file import FileRegistry


@pytest.fixture(autouse=True)
def _no_platform_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep ``doctor`` from looking for servers; tests/integration/test_doctor.py asks all platforms."""
    monkeypatch.setattr(doctor, "_platforms", lambda _workspace: {"file": FileRegistry})


@pytest.fixture
def platform(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """A platform that is installed as a stranger's plugin."""
    environment = shelf.install(tmp_path / "installed", tmp_path / "shelf")
    monkeypatch.syspath_prepend(tmp_path / "installed")
    monkeypatch.setenv(shelf.ROOT, environment[shelf.ROOT])
    return Shelf(tmp_path / "shelf")


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    home = tmp_path / "home"
    env: dict[str, str | None] = {
        "HOME": str(home),
        "WEIGHTMARK_HOME": str(home / "weightmark"),
        "WEIGHTMARK_PARTY": "acme",
        "WEIGHTMARK_PASSPHRASE": None,
        "WEIGHTMARK_CONFIG": None,
    }
    return Shell(folder=folder, env=env)


@pytest.fixture
def model(shell: Shell) -> Path:
    return write_model(shell.folder / "churn")
