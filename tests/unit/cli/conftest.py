"""A shell in a folder of its own."""

from pathlib import Path

import pytest
from tests.workshop import Shell, write_model


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
