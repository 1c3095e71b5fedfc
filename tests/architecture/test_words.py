"""Rules about text that no tool checks for us."""

import inspect
import re
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import FunctionType

import pytest

import weightmark

ROOT = Path(__file__).parents[2]
WALL = 400
FOLDERS = ("core", "plugins", "adapters", "hooks", "tests", "docs", "examples", "benchmarks", ".ci")
TEXT = {".py", ".md", ".toml", ".txt", ".svg", ".lock", ".yaml", ".yml", ".json", ""}
MACHINE = re.compile(r"(?<![\w.-])/(?:home|root|Users|work|opt|tmp)/\w+")
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|NotImplementedError)\b")


def ours() -> list[Path]:
    """List the files we wrote: those in our folders and beside them, without what tools left there."""
    listed = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    listed += [path for path in ROOT.iterdir() if path.name not in {"LICENSE", ".git"}]
    left = {"__pycache__", "_build", ".venv", ".hypothesis"}
    return sorted(
        path for path in listed if path.is_file() and path.suffix in TEXT and not left & set(path.parts)
    )


def modules() -> list[str]:
    """Name every module of core that can be imported without starting the program."""
    found = (module.name for module in walk_packages(weightmark.__path__, "weightmark."))
    return sorted(name for name in found if not name.endswith("__main__"))


@pytest.mark.parametrize("pattern", [MACHINE, UNFINISHED], ids=["machine", "unfinished"])
def test_no_file_holds(pattern: re.Pattern[str]) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in ours()
        if path != Path(__file__)
        for match in pattern.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_patterns_find_what_they_are_for() -> None:
    assert MACHINE.search('open("/home/someone/model")')
    assert not MACHINE.search("https://example.org/home/page")
    assert UNFINISHED.search("# TODO: later")


def test_lock_names_no_registry() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert not re.search(r"^torch==", lock, re.MULTILINE)


@pytest.mark.parametrize("folder", ["core", "plugins", "adapters", "hooks"])
def test_no_file_is_longer_than_the_wall(folder: str) -> None:
    sizes = {
        path: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / folder).rglob("*.py")
    }
    assert sizes
    assert [str(path) for path, size in sizes.items() if size > WALL] == []


@pytest.mark.parametrize("name", modules())
def test_public_function_of_core_says_what_it_raises(name: str) -> None:
    module = import_module(name)
    silent = [
        function.__name__
        for function in vars(module).values()
        if isinstance(function, FunctionType)
        and function.__module__ == name
        and not function.__name__.startswith(("_", "weightmark_"))
        and _raises(function)
        and "Raises:" not in (function.__doc__ or "")
    ]
    assert silent == []


def _raises(function: FunctionType) -> bool:
    return bool(re.search(r"^\s+raise\b", inspect.getsource(function), re.MULTILINE))
