"""Workspaces in a home of their own."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.metered import World
from tests.workshop import write_model

from weightmark.discovery import Plugins
from weightmark.workspace import Configuration, Workspace

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WEIGHTMARK_HOME", str(tmp_path / "home" / "weightmark"))
    monkeypatch.setenv("WEIGHTMARK_PARTY", "acme")
    return tmp_path / "home" / "weightmark"


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    return Plugins()


@pytest.fixture
def workspace(plugins: Plugins) -> Iterator[Workspace]:
    with Workspace(Configuration.load({"ledger": "memory:"}), plugins, clock=lambda: NOW) as opened:
        yield opened


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


@pytest.fixture
def model(home: Path, tmp_path: Path) -> Path:
    return write_model(tmp_path / "work" / "churn")
