"""A back-fill that is killed at random moments, and many that run at once: each version is there once."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from tests import shelf
from tests.shelf import Shelf

from weightmark.index import Index
from weightmark.vocabulary import Predicate
from weightmark.workspace import Workspace

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks"),
]

VERSIONS, KILLS, LONGEST_SECONDS = 400, 40, 0.25


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An installed shelf and a home, for this process and those that it starts."""
    added = shelf.install(tmp_path / "installed", tmp_path / "shelf")
    added |= {"WEIGHTMARK_HOME": str(tmp_path / "home"), "WEIGHTMARK_PARTY": "acme"}
    for name, value in added.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return {**os.environ, **added}


def publish(tmp_path: Path, count: int) -> Shelf:
    platform = Shelf(tmp_path / "shelf")
    for number in range(count):
        # Every third has the files of another: one registration, several versions.
        platform.publish(f"m{number % 7}", number, [float(number - number % 3), 0.5])
    return platform


def check_once(platform: Shelf, uris: set[str]) -> None:
    """Every version and every registration is in the ledger once, and nothing there does not count."""
    with Workspace(plugins=shelf.plugins()) as workspace:
        workspace.resources.ledger.audit()
        workspace.resources.catch_up()
        index = workspace.resources.index
        history = index.history()
        assert [entry for entry in history if not entry.accepted] == []
        said = Counter(entry.predicate_type for entry in history)
        bundles = {model.bundle for uri in uris if (model := index.at(uri))}
        assert index.linked(uris) == uris
        assert said == {Predicate.REGISTRATION: len(bundles), Predicate.VERSION: len(uris)}
        anew = Index("sqlite://")
        anew.rebuild(workspace.resources.ledger, workspace.resources.trust)
        assert anew.dump() == index.dump()
        anew.close()
        for uri in uris:
            model = index.at(uri)
            assert model is not None
            assert workspace.resources.store.get(model.manifest) is not None
            assert platform.tags(uri)["weightmark.fingerprint"] == model.bundle


def listed(platform: Shelf) -> set[str]:
    return {f"shelf:/{path.parent.name}/{path.name}" for path in platform.models.glob("*/*")}


def test_a_back_fill_that_is_killed_again_and_again(tmp_path: Path, environment: Mapping[str, str]) -> None:
    platform, choose, killed = publish(tmp_path, VERSIONS), random.Random(20261122), 0
    command = [sys.executable, "-m", "tests.integration.syncer", "serve"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root, env=environment
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        for _ in range(KILLS):
            server.stdin.write(f"{choose.choice((1, 4))}\n")
            server.stdin.flush()
            word, child = server.stdout.readline().split()
            assert word == "pid"
            time.sleep(choose.uniform(0.0, LONGEST_SECONDS))
            with suppress(ProcessLookupError):  # it was done before
                os.kill(int(child), signal.SIGKILL)
            ended = server.stdout.readline().split()
            assert ended in (["ended", "0"], ["ended", str(-signal.SIGKILL)])
            killed += ended[1] != "0"
        server.stdin.close()
    assert killed >= KILLS // 2, "most back-fills ended before they were killed"
    done = subprocess.run(
        [sys.executable, "-m", "weightmark", "sync", "shelf:/", "--json"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert answer["registered"] + answer["present"] == VERSIONS
    check_once(platform, listed(platform))


def test_many_processes_and_threads_register_the_same_at_once(
    tmp_path: Path, environment: Mapping[str, str]
) -> None:
    platform = Shelf(tmp_path / "shelf")
    uris = [platform.publish("m", number, [float(number // 2)]) for number in range(6)]
    command = [sys.executable, "-m", "tests.integration.syncer", "register", "3", *uris]
    root = Path(__file__).parents[2]
    running = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root, env=environment
        )
        for _ in range(4)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        answer, _ = process.communicate(timeout=120)
        assert (answer, process.returncode) == ("done\n", 0)
    check_once(platform, set(uris))
