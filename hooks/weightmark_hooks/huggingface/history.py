"""Which commits a git push would send that bring another model, and what is known of their large files.

Commits that change neither weights nor card nor configuration bring nothing new and are passed over, except
for the last one. Not promised: that a commit is sent which git finds on the remote already.
"""

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from weightmark.encoding import Algorithm
from weightmark.errors import RefusedError, WeightmarkError
from weightmark.fingerprinting import CachedRoots, DigestCache
from weightmark.model.artifact import ArtifactFile
from weightmark.model.card import FACT_FILES
from weightmark_hooks.huggingface.stage import has_weights

MAX_COMMITS: Final = 10_000
"""Commits that are looked at for one push."""

MAX_MODELS: Final = 100
"""Commits with a model of their own that are judged for one push."""

_SECONDS: Final = 600
_NOTHING: Final = re.compile(r"0{40,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What is about to be pushed to one branch or tag.

    Attributes:
        ref: the branch or tag it goes to.
        sha: its new commit.
        old: the commit that it has on the remote; zeros when it is new there.
    """

    ref: str
    sha: str
    old: str = "0" * 40


class ObjectDigests(DigestCache):
    """Digests of files that are links to git LFS' own objects, so that each object is read once for a push.

    Args:
        folder: where commits are written.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.linked: frozenset[str] = frozenset()
        self._kept: dict[tuple[object, ...], CachedRoots] = {}

    def find(
        self, wanted: Sequence[tuple[ArtifactFile, str]], algorithm: Algorithm
    ) -> dict[str, CachedRoots]:
        """Give what is known of the objects; nothing of other files."""
        keys = ((file.path, _key(file, plan, algorithm)) for file, plan in wanted if file.path in self.linked)
        return {path: self._kept[key] for path, key in keys if key in self._kept}

    def keep(
        self, entries: Sequence[tuple[ArtifactFile, str, CachedRoots]], algorithm: Algorithm, *, started: int
    ) -> None:
        """Keep what was read of objects."""
        del started
        linked = (entry for entry in entries if entry[0].path in self.linked)
        self._kept |= {_key(file, plan, algorithm): roots for file, plan, roots in linked}


def list_models(repository: Path, remote: str, pushed: Pushed) -> list[str]:
    """List the commits to be judged, the oldest first, the last one of the push always among them.

    Args:
        repository: the clone.
        remote: the remote's name; its address when it has none.
        pushed: what goes there.

    Raises:
        RefusedError: there are more than may be judged at once.
        WeightmarkError: git cannot list them.
    """
    chosen, seen = [pushed.sha], {_model_of(repository, pushed.sha)}
    if _has(repository, pushed.old):
        seen.add(_model_of(repository, pushed.old))
    for sha in _commits(repository, remote, pushed):
        model = _model_of(repository, sha)
        if model not in seen and any(has_weights(path) for path, _ in model):
            chosen.append(sha)
        seen.add(model)
    if len(chosen) > MAX_MODELS:
        raise _too_many(f"{len(chosen)} commits with a model each, and {MAX_MODELS} are judged at once")
    return chosen[::-1]


def git(repository: Path, *args: str) -> bytes:
    """Run git in a clone and give what it wrote.

    Raises:
        WeightmarkError: git is not there, or failed.
    """
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(repository), *args],  # noqa: S607
            capture_output=True,
            check=False,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WeightmarkError("git could not be run", hint="Install git.") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise WeightmarkError(
            f"git could not read {repository}: {''.join(said)[:200]}",
            hint="Run it in a clone, or name the clone.",
        )
    return done.stdout


def _commits(repository: Path, remote: str, pushed: Pushed) -> list[str]:
    """Give the commits that the remote does not have, the newest first."""
    known = [f"^{pushed.old}"] if _has(repository, pushed.old) else []
    if remote and re.fullmatch(r"[\w.-]+", remote):
        known += ["--not", f"--remotes={remote}"]
    bound = f"--max-count={MAX_COMMITS + 1}"
    listed = git(repository, "rev-list", "--topo-order", bound, f"{pushed.sha}^{{commit}}", *known)
    commits = listed.decode().split()
    if len(commits) > MAX_COMMITS:
        raise _too_many(f"more than {MAX_COMMITS} commits")
    return commits


def _has(repository: Path, sha: str) -> bool:
    if _NOTHING.fullmatch(sha):
        return False
    try:
        git(repository, "cat-file", "-e", f"{sha}^{{commit}}")
    except WeightmarkError:
        return False
    return True


def _model_of(repository: Path, sha: str) -> frozenset[tuple[str, bytes]]:
    """Give paths and objects of a commit's files that make the model or say what it is."""
    found: set[tuple[str, bytes]] = set()
    for entry in filter(None, git(repository, "ls-tree", "-r", "-z", "--full-tree", sha).split(b"\0")):
        head, _, name = entry.partition(b"\t")
        path = os.fsdecode(name)
        if has_weights(path) or path in FACT_FILES:
            found.add((path, head))
    return frozenset(found)


def _key(file: ArtifactFile, plan: str, algorithm: Algorithm) -> tuple[object, ...]:
    # Not the time of change: it is another after every link that is made.
    return (file.device, file.inode, file.size, file.mtime_ns, algorithm, plan)


def _too_many(what: str) -> RefusedError:
    return RefusedError(
        f"Weightmark cannot tell, so it refuses to push: there are {what}",
        undecided=True,
        hint="Push in smaller steps: `git push REMOTE COMMIT:BRANCH`.",
    )
