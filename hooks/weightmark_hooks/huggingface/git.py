"""A git ``pre-push`` hook: what ``git push`` would send to the Hub passes the same gate.

The commit is made already, so nothing is written into its files; its registration is linked to its commit.
"""

import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from weightmark.attribution import names_beside
from weightmark.errors import MalformedError, WeightmarkError
from weightmark.model.card import read_facts
from weightmark.model.event import ModelEvent
from weightmark.model.path import check_path
from weightmark.ports import ResolvedModel
from weightmark.vocabulary import EventKind
from weightmark.workspace import Outcome, Workspace, ask
from weightmark_adapters.huggingface.uri import model_uri
from weightmark_hooks.huggingface.admission import link_pushed, require_push
from weightmark_hooks.huggingface.history import ObjectDigests, Pushed, git, list_models
from weightmark_hooks.huggingface.stage import has_weights

CHAINED: Final = "pre-push.weightmark-next"
"""Where a hook that was there before is kept; it runs after ours, with the same arguments and input."""

SCRIPT: Final = """#!/bin/sh
# Weightmark: asks before models are pushed. `weightmark hf install-git-hook` wrote it.
lines=$(cat)
printf '%s\\n' "$lines" | weightmark hf pre-push "$@" || exit $?
next="$(dirname "$0")/pre-push.weightmark-next"
if [ -x "$next" ]; then
    printf '%s\\n' "$lines" | "$next" "$@" || exit $?
elif command -v git-lfs >/dev/null 2>&1; then
    printf '%s\\n' "$lines" | git lfs pre-push "$@" || exit $?
fi
"""

_POINTER: Final = re.compile(
    rb"\Aversion https://git-lfs\.github\.com/spec/v1\n(?:ext-.*\n)*oid sha256:([0-9a-f]{64})\nsize [0-9]+\n"
)
_MAX_POINTER: Final = 1024
_NOTHING: Final = re.compile(r"0{40,64}")
_SHA: Final = re.compile(r"[0-9a-f]{40,64}")
_SECONDS: Final = 600


def install_hook(repository: Path) -> Path:
    """Write the hook into a clone; one that is there already is kept and runs after it.

    Returns:
        The hook's file.

    Raises:
        WeightmarkError: it is no git repository, or the hook cannot be written.
    """
    folder = Path(git(repository, "rev-parse", "--git-path", "hooks").decode().strip())
    folder = folder if folder.is_absolute() else repository / folder
    hook, kept = folder / "pre-push", folder / CHAINED
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if hook.exists() and hook.read_text(errors="replace") != SCRIPT:
            if kept.exists():
                raise WeightmarkError(
                    f"{hook} is another's hook, and so is {kept.name}",
                    hint=f"Join the two into one of them, then remove {kept.name} or {hook.name}.",
                )
            hook.rename(kept)
        hook.write_text(SCRIPT)
        hook.chmod(hook.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    except OSError as error:
        raise WeightmarkError(f"{hook} cannot be written: {error.strerror}") from error
    return hook


def read_pushed(text: str) -> Iterator[Pushed]:
    """Read what git tells a ``pre-push`` hook; refs that are deleted bring nothing.

    Raises:
        MalformedError: it is not git's.
    """
    for line in filter(None, map(str.strip, text.splitlines())):
        match line.split(" "):
            case [_, sha, ref, old] if _SHA.fullmatch(sha) and _SHA.fullmatch(old):
                if not _NOTHING.fullmatch(sha):
                    yield Pushed(ref=ref, sha=sha, old=old)
            case _:
                raise MalformedError(f"{line[:80]!r} is not what git tells a pre-push hook")


def gate_push(
    workspace: Workspace, repository: Path, url: str, pushed: Pushed, remote: str = ""
) -> list[Outcome]:
    """Register and judge every commit that brings another model; all must pass before any may be sent.

    Args:
        workspace: who is asked.
        repository: the clone.
        url: the remote's address.
        pushed: what goes there.
        remote: the remote's name; empty when it has none.

    Returns:
        The outcomes, the oldest commit's first; none when no commit holds a model.

    Raises:
        RefusedError: the gate refuses a commit, or it could not be asked, or there are too many.
        WeightmarkError: a commit cannot be read.
    """
    if _kind(url) != "model":
        return []
    name = repo_of(url)
    judged: list[tuple[str, Outcome]] = []
    folder = Path(tempfile.mkdtemp(prefix="weightmark-"))
    try:
        digests = ObjectDigests(folder)
        for sha in list_models(repository, remote, pushed):
            outcome = _judge(workspace, repository, name, sha, digests)
            if outcome is not None:
                judged.append((sha, outcome))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for sha, outcome in judged:
        link_pushed(workspace, name, sha, outcome)
    return [outcome for _, outcome in judged]


def _judge(
    workspace: Workspace, repository: Path, name: str, sha: str, digests: ObjectDigests
) -> Outcome | None:
    folder, uri = digests.path / sha, model_uri(name, sha)
    digests.linked = check_out(repository, sha, folder)
    if not any(has_weights(path.name) for path in folder.rglob("*")):
        return None
    resolved = ResolvedModel(
        uri=uri, path=folder, name=name, facts=read_facts(folder), ignore=names_beside(folder)
    )
    event = ModelEvent(
        kind=EventKind.REGISTER, uri=uri, source=str(folder), name=name, context={"platform": "git"}
    )
    outcome = ask(event, resolved=resolved, workspace=workspace, cache=digests)
    require_push(workspace, outcome)
    shutil.rmtree(folder, ignore_errors=True)
    return outcome


def check_out(repository: Path, sha: str, folder: Path) -> frozenset[str]:
    """Write the files of a commit, those in LFS with their own bytes; no filter and no hook of git's runs.

    Returns:
        The paths of those that are links to LFS' own objects.

    Raises:
        WeightmarkError: the commit cannot be read, holds links, or a file in LFS is not here.
    """
    listed = git(repository, "ls-tree", "-r", "-z", "--full-tree", sha).split(b"\0")
    objects = Path(git(repository, "rev-parse", "--git-path", "lfs/objects").decode().strip())
    objects = objects if objects.is_absolute() else repository / objects
    linked: set[str] = set()
    for entry in filter(None, listed):
        mode, kind, blob = entry.partition(b"\t")[0].split(b" ")
        path = os.fsdecode(entry.partition(b"\t")[2])
        check_path(path, what="the commit")
        if kind != b"blob" or mode == b"120000":
            raise MalformedError(
                f"{path} in commit {sha[:12]} is a link or a submodule", hint="Commit the file itself."
            )
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_blob(repository, blob.decode(), target)
        if _resolve_pointer(target, path, objects):
            linked.add(path)
    return frozenset(linked)


def repo_of(url: str) -> str:
    """Give ``organisation/model`` of a remote's address: its last two parts.

    >>> repo_of("https://user:secret@huggingface.co/acme/churn.git")
    'acme/churn'
    """
    path = urlsplit(url).path if "://" in url else url.rpartition(":")[2]
    parts = [part for part in path.removesuffix("/").removesuffix(".git").split("/") if part]
    return "/".join(parts[-2:]) if parts else "unnamed"


def _kind(url: str) -> str:
    path = urlsplit(url).path if "://" in url else url
    first = path.strip("/").split("/", 1)[0]
    return first.removesuffix("s") if "://" in url and first in {"datasets", "spaces"} else "model"


def _write_blob(repository: Path, blob: str, target: Path) -> None:
    with target.open("wb") as stream:
        command = ["git", "-C", str(repository), "cat-file", "blob", blob]
        done = subprocess.run(command, stdout=stream, check=False, timeout=_SECONDS)  # noqa: S603
    if done.returncode:
        raise WeightmarkError(f"git cannot give the object {blob}")


def _resolve_pointer(target: Path, path: str, objects: Path) -> bool:
    """Put the bytes in a pointer's place; say whether they are a link to the stored object."""
    if target.stat().st_size > _MAX_POINTER:
        return False
    found = _POINTER.match(target.read_bytes())
    if found is None:
        return False
    oid = found.group(1).decode()
    stored = objects / oid[:2] / oid[2:4] / oid
    if not stored.is_file():
        raise WeightmarkError(
            f"{path} lies in LFS, and its bytes are not here",
            hint="Run `git lfs fetch --all`, then push again.",
        )
    target.unlink()
    try:
        os.link(stored, target)
    except OSError:
        shutil.copyfile(stored, target)
        return False
    return True
