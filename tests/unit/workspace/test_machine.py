"""Machines: a name that only the machine itself can check."""

import re
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest

from weightmark.errors import MalformedError, VerificationError, WeightmarkError
from weightmark.workspace.offline import machine
from weightmark.workspace.offline.machine import check_name, name_machine, read_id, require_machine

ID = "0123456789abcdef" * 2


@pytest.fixture(autouse=True)
def _linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    (tmp_path / "machine-id").write_text(f"{ID}\n")
    return [tmp_path / "missing", tmp_path / "machine-id"]


def test_a_name_is_checked_on_its_own_machine(files: list[Path], tmp_path: Path) -> None:
    name = name_machine(files)
    require_machine(name, files)
    other = tmp_path / "other"
    other.write_text("f" * 32)
    with pytest.raises(VerificationError, match="another machine"):
        require_machine(name, [other])


def test_two_names_of_one_machine_are_not_alike_and_tell_nothing(files: list[Path]) -> None:
    one, two = name_machine(files), name_machine(files)
    assert set(one.split(":")[1:]).isdisjoint(two.split(":")[1:])
    assert re.fullmatch(r"wm1:[0-9a-f]{32}:[0-9a-f]{64}", one)
    assert ID not in one


@pytest.mark.parametrize("name", ["", "wm1", "wm2:" + "0" * 32 + ":" + "0" * 64, "wm1:0:0", ID, "wm1::"])
def test_what_is_no_name(name: str, files: list[Path]) -> None:
    for ask in (check_name, lambda text: require_machine(text, files)):
        with pytest.raises(MalformedError) as caught:
            ask(name)
        assert "weightmark license machine" in caught.value.hint


@pytest.mark.parametrize("content", ["", "\n", "uninitialized\n", "0" * 32, "xyz", "a" * 31, "\xff" * 32])
def test_a_system_without_an_id(tmp_path: Path, content: str) -> None:
    (tmp_path / "id").write_text(content)
    for ask in (read_id, name_machine, lambda files: require_machine(f"wm1:{'0' * 32}:{'0' * 64}", files)):
        with pytest.raises(WeightmarkError, match="no id of its own") as caught:
            ask([tmp_path / "id"])
        assert "machine-id" in caught.value.hint


def test_an_id_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "id").write_text("0" * 1000)
    with pytest.raises(WeightmarkError):
        read_id([tmp_path / "id"])


def test_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    said = '    "IOPlatformUUID" = "01234567-89AB-CDEF-0123-456789ABCDEF"\n'
    answers: list[Callable[[], object]] = [
        lambda: subprocess.CompletedProcess([], 0, said, ""),
        lambda: subprocess.CompletedProcess([], 1, "", ""),
    ]
    monkeypatch.setattr(machine.subprocess, "run", lambda *_args, **_kwargs: answers[0]())
    assert read_id() == ID
    answers.pop(0)
    with pytest.raises(WeightmarkError):
        read_id()


def test_a_mac_without_its_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    def missing(*_args: object, **_kwargs: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(machine.subprocess, "run", missing)
    with pytest.raises(WeightmarkError):
        read_id()


def test_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    class Key:
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_error: object) -> None: ...

    registry = types.ModuleType("winreg")
    vars(registry).update(
        HKEY_LOCAL_MACHINE=0,
        OpenKey=lambda _root, _name: Key(),
        QueryValueEx=lambda _key, _name: ("01234567-89ab-cdef-0123-456789abcdef", 1),
    )
    monkeypatch.setitem(sys.modules, "winreg", registry)
    monkeypatch.setattr(sys, "platform", "win32")
    assert read_id() == ID
