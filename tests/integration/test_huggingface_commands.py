"""``weightmark hf``: push, scan, and the git hook with a real git and a bare remote."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.huggingface.shelf import pointer
from tests.integration.huggingface.world import APACHE_CARD, NC_CARD, World, world
from tests.workshop import Shell, write_model

from weightmark.errors import RefusedError

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]
__all__ = ["world"]

CHILD = "---\nlicense: {}\nbase_model: {}\n---\n# Child\n"


@pytest.fixture
def shell(world, tmp_path, monkeypatch) -> Shell:
    (tmp_path / "desk").mkdir()
    monkeypatch.chdir(tmp_path / "desk")
    return Shell(folder=tmp_path / "desk")


def publish(world: World, name: str, card: str) -> None:
    world.hub.shelf.publish(name, write_model(world.folder / name.replace("/", "-"), card=card))


def test_push_makes_the_repository_and_pushes(world, shell, tmp_path):
    model = write_model(tmp_path / "churn", card=APACHE_CARD)
    done = shell.json("hf", "push", model, "acme/churn")
    assert done["uri"] == f"hf://acme/churn@{world.hub.head('acme/churn')}"
    assert shell.json("verify", done["uri"])["owner"] == "acme"
    world.base()
    said = shell.fail(
        "hf",
        "push",
        write_model(tmp_path / "child", card=CHILD.format("mit", "openlab/base")),
        "acme/child",
        code=4,
    )
    assert "CC-BY-NC-4.0" in said


def test_scan_names_what_is_wrong_and_downloads_nothing(world, shell):
    publish(world, "openlab/base", NC_CARD)
    publish(world, "openlab/gated", "---\nlicense: apache-2.0\n---\n")
    world.hub.shelf.repos["openlab/gated"].gated = "auto"
    publish(world, "acme/fine", APACHE_CARD)
    publish(world, "acme/bare", "# nothing said\n")
    publish(world, "acme/odd", "---\nlicense: my-own\n---\n")
    publish(world, "acme/wide", CHILD.format("mit", "openlab/base"))
    publish(world, "acme/grandchild", CHILD.format("cc-by-nc-4.0", "acme/wide"))
    publish(world, "acme/lost", CHILD.format("mit", "openlab/gone"))
    publish(world, "acme/gate", CHILD.format("apache-2.0", "openlab/gated"))
    world.hub.trace.clear()
    found = shell.json("hf", "scan", "acme", code=4)
    problems = {one["model"]: {finding["problem"] for finding in one["findings"]} for one in found["models"]}
    assert problems == {
        "acme/fine": set(),
        "acme/bare": {"missing-license"},
        "acme/odd": {"unknown-license"},
        "acme/wide": {"more-permissive-than-base"},
        "acme/grandchild": {"refused"},
        "acme/lost": {"base-unknown", "undecided"},
        "acme/gate": {"gated-base"},
    }
    assert found["models"][4]["base_models"] == [
        {"model": "acme/wide", "license": "mit"},
        {"model": "openlab/base", "license": "cc-by-nc-4.0"},
    ]
    assert world.hub.calls("/resolve/") == []
    table = shell.run("hf", "scan", "acme", code=4).stdout
    assert "commercial use" in table
    assert shell.json("hf", "scan", "openlab")["ok"]
    assert "names one model" in shell.fail("hf", "scan", "acme/churn", code=1)


def test_scan_waits_when_the_hub_asks_for_it(world, shell):
    publish(world, "acme/fine", APACHE_CARD)
    world.hub.fail("GET /api/models$", status=429, Retry_After="1")
    assert shell.json("hf", "scan", "acme")["ok"]
    assert len(world.hub.calls("GET /api/models$")) == 2


# -- git


class Clone:
    """A clone with a bare remote, used by a real git."""

    def __init__(self, world: World, folder: Path) -> None:
        self.folder, self.remote = folder / "clone", folder / "remote" / "acme" / "child.git"
        links = folder / "bin"
        links.mkdir()
        program = links / "weightmark"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m weightmark "$@"\n')
        program.chmod(0o755)
        self.env = world.environ(PATH=f"{links}:{os.environ['PATH']}", GIT_CONFIG_GLOBAL="/dev/null")
        for key in ("AUTHOR", "COMMITTER"):
            self.env |= {f"GIT_{key}_NAME": "a", f"GIT_{key}_EMAIL": "a@b.c"}
        subprocess.run(["git", "init", "-q", "--bare", str(self.remote)], check=True, env=self.env)
        subprocess.run(["git", "init", "-q", "-b", "main", str(self.folder)], check=True, env=self.env)
        self.git("remote", "add", "origin", str(self.remote))

    def git(self, *args: str, code: int = 0) -> str:
        done = subprocess.run(
            ["git", *args],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def commit(self) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x")
        return self.git("rev-parse", "HEAD").strip()

    def pushed(self) -> str:
        return subprocess.run(
            ["git", "-C", str(self.remote), "rev-list", "--all"], capture_output=True, text=True, check=True
        ).stdout


@pytest.fixture
def clone(world, tmp_path) -> Clone:
    if shutil.which("git") is None:
        pytest.fail("git is not installed")
    return Clone(world, tmp_path)


def test_a_git_push_is_gated_and_a_hook_that_was_there_still_runs(world, clone, shell):
    world.base()
    other = clone.folder / ".git" / "hooks" / "pre-push"
    other.parent.mkdir(exist_ok=True)
    other.write_text('#!/bin/sh\ncat > ../heard\necho "$@" >> ../heard\n')
    other.chmod(0o755)
    shell.json("hf", "install-git-hook", clone.folder)
    shell.json("hf", "install-git-hook", clone.folder)
    write_model(clone.folder, card=CHILD.format("mit", "openlab/base"))
    sha = clone.commit()
    said = clone.git("push", "origin", "main", code=1)
    assert "CC-BY-NC-4.0" in said
    assert clone.pushed() == ""
    assert not (clone.folder.parent / "heard").exists()
    world.grant("openlab/base")
    clone.git("push", "origin", "main")
    assert sha in clone.pushed()
    assert sha in (clone.folder.parent / "heard").read_text()
    assert world.workspace().find(f"hf://acme/child@{sha}").license == "MIT"
    clone.git("push", "origin", ":main")


def test_the_bytes_behind_lfs_pointers_are_what_is_judged(world, clone, shell):
    shell.json("hf", "install-git-hook", clone.folder)
    write_model(clone.folder, card=APACHE_CARD)
    data = (clone.folder / "model.safetensors").read_bytes()
    entry = world.hub.shelf.put(data, lfs=True)
    (clone.folder / "model.safetensors").write_bytes(pointer(entry.sha256, len(data)))
    sha = clone.commit()
    assert "git lfs fetch" in clone.git("push", "origin", "main", code=1)
    stored = clone.folder / ".git" / "lfs" / "objects" / entry.sha256[:2] / entry.sha256[2:4] / entry.sha256
    stored.parent.mkdir(parents=True)
    stored.write_bytes(data)
    clone.git("push", "origin", "main")
    plain = world.workspace().fingerprint(str(write_model(world.folder / "plain", card=APACHE_CARD)))
    assert world.workspace().find(f"hf://acme/child@{sha}").weights == plain.weights


def test_a_commit_without_a_model_passes_and_links_are_refused(world, clone, shell):
    shell.json("hf", "install-git-hook", clone.folder)
    (clone.folder / "notes.md").write_text("x")
    clone.commit()
    clone.git("push", "origin", "main")
    (clone.folder / "out.bin").symlink_to("/etc/passwd")
    clone.commit()
    assert "is a link" in clone.git("push", "origin", "main", code=1)


def test_every_commit_of_a_push_is_judged_and_recorded(world, clone, shell):
    world.base()
    shell.json("hf", "install-git-hook", clone.folder)
    write_model(clone.folder, card=CHILD.format("mit", "openlab/base"))
    first = clone.commit()
    write_model(clone.folder, {"x": [1.0, 2.0]}, card=APACHE_CARD)
    tip = clone.commit()
    assert "CC-BY-NC-4.0" in clone.git("push", "origin", "main", code=1)
    assert clone.pushed() == ""
    world.grant("openlab/base")
    clone.git("push", "origin", "main")
    (clone.folder / "notes.md").write_text("x")
    notes = clone.commit()
    write_model(clone.folder, {"x": [3.0, 4.0]}, card=APACHE_CARD)
    last = clone.commit()
    clone.git("push", "origin", "main")
    workspace = world.workspace()
    found = [workspace.resources.index.at(f"hf://acme/child@{sha}") for sha in (first, tip, notes, last)]
    assert [one is None for one in found] == [False, False, True, False]


def test_a_large_object_is_read_once_for_all_commits_that_have_it(world, clone, shell, monkeypatch):
    from weightmark.model.artifact import Reader
    from weightmark_hooks.huggingface.git import gate_push
    from weightmark_hooks.huggingface.history import Pushed

    read: list[int] = []
    original = Reader.read_into

    def read_into(self, buffer, position):
        got = original(self, buffer, position)
        read.append(got if self._file.path == "model.safetensors" else 0)
        return got

    write_model(clone.folder, {"x": [0.5] * 50_000}, card=APACHE_CARD)
    data = (clone.folder / "model.safetensors").read_bytes()
    oid = hashlib.sha256(data).hexdigest()
    stored = clone.folder / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
    stored.parent.mkdir(parents=True)
    stored.write_bytes(data)
    (clone.folder / "model.safetensors").write_bytes(pointer(oid, len(data)))
    for number in range(3):
        (clone.folder / "README.md").write_text(f"{APACHE_CARD}{number}")
        tip = clone.commit()
    counts: list[int] = []
    for number in range(2):
        monkeypatch.setattr(Reader, "read_into", read_into)
        workspace = world.workspace(home=str(world.folder / f"home-{number}"))
        pushed = Pushed(ref="refs/heads/main", sha=tip)
        judged = gate_push(workspace, clone.folder, "https://huggingface.co/acme/child", pushed)
        assert len(judged) == (1 if number else 3)
        counts.append(sum(read))
        read.clear()
        clone.git("checkout", "-q", "--orphan", f"alone-{number}")
        tip = clone.commit()
    three, one = counts
    assert three < 1.1 * one  # the headers of the others are read, to find the tensors


def test_more_models_than_are_judged_at_once_are_refused(world, clone, shell, monkeypatch):
    from weightmark_hooks.huggingface import history

    monkeypatch.setattr(history, "MAX_MODELS", 2)
    for number in range(3):
        write_model(clone.folder, {"x": [float(number)]}, card=APACHE_CARD)
        tip = clone.commit()
    with pytest.raises(RefusedError, match="3 commits with a model each"):
        history.list_models(clone.folder, "origin", history.Pushed(ref="refs/heads/main", sha=tip))
