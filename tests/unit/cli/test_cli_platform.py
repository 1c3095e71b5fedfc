"""``weightmark sync``, ``watch`` and ``doctor`` as a person and a program meet them."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from tests import shelf
from tests.shelf import Shelf, ShelfRegistry
from tests.unit.cli.test_json_schema import holds
from tests.workshop import Shell, flip_byte

from weightmark.cli import doctor
from weightmark.ports import Registry
from weightmark.ports.registry import PlatformStatus, ResolvedModel
from weightmark.workspace.pacing import Pace


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pace.__init__, "__kwdefaults__", {"first_wait": 0.005})


def publish(platform: Shelf, count: int) -> list[str]:
    return [platform.publish("m", number, [float(number)]) for number in range(count)]


def test_sync_registers_and_says_so(shell: Shell, platform: Shelf) -> None:
    publish(platform, 3)
    said = shell.run("sync", "shelf:/")
    assert "shelf:/: 3 registered, 0 there already, 0 failed." in said.stdout
    assert said.stderr == ""
    again = shell.json("sync", "shelf:/")
    holds("sync", again)
    assert (again["ok"], again["registered"], again["present"]) == (True, 0, 3)


def test_sync_ends_with_5_when_some_failed(shell: Shell, platform: Shelf) -> None:
    uris = publish(platform, 3)
    flip_byte(platform.models / "m" / "1" / "model.safetensors", 3)
    failed = shell.json("sync", "shelf:/", code=5)
    holds("sync", failed)
    assert [failure["uri"] for failure in failed["failures"]] == [uris[1]]
    assert uris[1] in shell.run("sync", "shelf:/", "--retry-failed", code=5).stdout


def test_sync_says_why_it_stopped(shell: Shell, platform: Shelf) -> None:
    publish(platform, 40)
    platform.break_it("resolve")
    platform.break_it("versions", times=1_000_000)
    assert "out of order at versions" in shell.fail("sync", "shelf:/", code=5)
    platform.mend("versions")
    held = shell.json("sync", "shelf:/", code=5)
    holds("sync", held)
    assert held["stopped"]["type"] == "PlatformError"
    assert "error: stopped: the shelf is out of order" in shell.run("sync", "shelf:/", code=5).stderr


def test_sync_is_told_how_much_and_how_fast(shell: Shell, platform: Shelf) -> None:
    publish(platform, 5)
    assert shell.json("sync", "shelf:/", "--limit", "2", "--jobs", "1", "--rate", "50")["registered"] == 2
    for wrong in (
        ("--jobs", "0"),
        ("--limit", "0"),
        ("--rate", "0"),
        ("--rate", "fast"),
        ("--rate", "nan"),
        ("--rate", "inf"),
        ("--rate", "-1"),
    ):
        shell.run("sync", "shelf:/", *wrong, code=2)
    shell.fail("sync", "nowhere:/", code=1)


def test_sync_speaks_for_whom_it_is_told(shell: Shell, platform: Shelf) -> None:
    publish(platform, 1)
    shell.run("sync", "shelf:/", *shell.key("openlab"))
    assert platform.tags("shelf:/m/0")["weightmark.owner"] == "openlab"


def test_watch_once_ends_with_the_worst(shell: Shell, platform: Shelf) -> None:
    publish(platform, 3)
    shell.run("sync", "shelf:/")
    whole = shell.json("watch", "shelf:/", "--once")
    holds("watch", whole)
    assert (whole["ok"], whole["states"]) == (True, {"whole": 3})
    platform.publish("wild", 1, [9.0])
    platform.point("wild", "prod", 1)
    unregistered = shell.json("watch", "shelf:/", "--once", code=4)
    holds("watch", unregistered)
    assert unregistered["wrong"][0]["state"] == "unregistered"
    flip_byte(platform.models / "m" / "1" / "model.safetensors", -1)
    changed = shell.json("watch", "shelf:/", "--once", code=3)
    holds("watch", changed)
    assert [finding["state"] for finding in changed["news"]] == ["changed"]
    said = shell.run("watch", "shelf:/", "--once", code=3).stdout
    assert "✗ shelf:/m/1 is changed: the tensor x in model.safetensors was changed" in said
    assert shell.json("watch", "shelf:/", "--once", "--deployed-only", code=4)["checked"] == 1
    platform.break_it("versions")
    down = shell.json("watch", "shelf:/", "--once", code=5)
    holds("watch", down)
    assert down["stopped"]["type"] == "PlatformError"


@pytest.mark.parametrize("span", ["", "0s", "1", "h", "1w", "1.5h", "-1h", "99999999999d"])
def test_watch_takes_spans_only(shell: Shell, platform: Shelf, span: str) -> None:
    assert "30s, 5m, 1h or 1d" in shell.run("watch", "shelf:/", "--every", span, code=2).stderr


def status_of(name: str, status: PlatformStatus | Exception, seconds: float = 0) -> type[Registry]:
    class Platform(Registry):
        schemes: ClassVar[Sequence[str]] = (name,)

        def resolve(self, uri: str) -> ResolvedModel:
            raise AssertionError

        def annotate(self, uri: str, tags: Mapping[str, str]) -> None:
            raise AssertionError

        def inspect(self) -> PlatformStatus:
            time.sleep(seconds)
            if isinstance(status, Exception):
                raise status
            return status

    Platform.name = name
    return Platform


def test_doctor_says_of_each_platform_what_is_there(
    shell: Shell, platform: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = PlatformStatus(installed="2.1", server="https://d.example", reachable=False, hint="Start it.")
    registries = {
        "shelf": ShelfRegistry,
        "absent": status_of("absent", PlatformStatus(hint="pip install 'weightmark[absent]'")),
        "broken": status_of("broken", RuntimeError("hunter2")),
        "down": status_of("down", down),
        "slow": status_of("slow", PlatformStatus(installed="1"), seconds=5),
    }
    monkeypatch.setattr(doctor, "_platforms", lambda _workspace: registries)
    monkeypatch.setattr(doctor, "PATIENCE_SECONDS", 0.5)
    started = time.monotonic()
    found = shell.json("doctor")
    assert time.monotonic() - started < 4, "nobody is waited for longer"
    holds("doctor", found)
    assert found["ok"], "a platform that is not there is no error"
    by_name = {each["platform"]: each for each in found["platforms"]}
    assert by_name["shelf"]["installed"] == "1.0"
    assert by_name["absent"] == {
        "platform": "absent",
        "installed": None,
        "server": None,
        "reachable": None,
        "hooked": None,
        "hint": "pip install 'weightmark[absent]'",
    }
    assert "did not answer within" in by_name["slow"]["hint"]
    assert "hunter2" not in json.dumps(found)
    said = shell.run("doctor").stdout
    assert "· absent: not installed" in said
    assert "✗ down: 2.1, https://d.example does not answer; not hooked\n  hint: Start it." in said


def test_a_strangers_plugin_is_found(shell: Shell, platform: Shelf, tmp_path: Path) -> None:
    assert shelf.ROOT
    assert (tmp_path / "installed").is_dir()
    assert "shelf" in shell.run("plugins").stdout
