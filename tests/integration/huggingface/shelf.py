"""What a stand-in Hub keeps: repositories with commits, as git and LFS name their bytes."""

import hashlib
import json
import re
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import yaml

FRONT = re.compile(r"\A---\r?\n(.*?)^---", re.DOTALL | re.MULTILINE)
LFS_SUFFIXES = (".safetensors", ".bin", ".pt", ".gguf", ".onnx", ".h5", ".msgpack", ".pkl")
LFS_SIZE = 10 << 20


def blob_sha(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def pointer(sha256: str, size: int) -> bytes:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()


@dataclass
class Entry:
    size: int
    blob: str
    sha256: str = ""

    def listed(self, path: str) -> dict[str, object]:
        entry: dict[str, object] = {"type": "file", "path": path, "oid": self.blob, "size": self.size}
        return entry | ({"lfs": self._lfs()} if self.sha256 else {})

    def sibling(self, path: str) -> dict[str, object]:
        entry: dict[str, object] = {"rfilename": path, "size": self.size, "blobId": self.blob}
        return entry | ({"lfs": self._lfs()} if self.sha256 else {})

    def _lfs(self) -> dict[str, object]:
        pointed = len(pointer(self.sha256, self.size))
        return {"oid": self.sha256, "sha256": self.sha256, "size": self.size, "pointerSize": pointed}


@dataclass
class Commit:
    sha: str
    tree: dict[str, Entry]
    title: str
    parent: str
    at: str


@dataclass
class Repo:
    id: str
    kind: str = "model"
    private: bool = False
    gated: str = ""
    created: str = ""
    let_in: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pulls: dict[str, str] = field(default_factory=dict)
    discussions: list[dict[str, object]] = field(default_factory=list)

    def find(self, revision: str) -> Commit | None:
        sha = self.branches.get(revision) or self.tags.get(revision) or self.pulls.get(revision) or revision
        return self.commits.get(sha)


class Shelf:
    """All repositories, and the bytes of all files by their digest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repos: dict[str, Repo] = {}
        self.lock = threading.RLock()
        self._count = 0

    def now(self) -> str:
        self._count += 1
        moment = time.gmtime(1_780_000_000 + self._count)
        return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", moment)

    def create(self, repo_id: str, kind: str = "model", *, private: bool = False) -> Repo:
        repo = Repo(id=repo_id, kind=kind, private=private, created=self.now())
        self.repos[repo_id] = repo
        entry = self.put(b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n", lfs=False)
        self.commit(repo, "main", {".gitattributes": entry}, "initial commit")
        return repo

    def put(self, data: bytes, *, lfs: bool) -> Entry:
        if lfs:
            sha256 = hashlib.sha256(data).hexdigest()
            self.path(sha256).write_bytes(data)
            return Entry(len(data), blob_sha(pointer(sha256, len(data))), sha256)
        blob = blob_sha(data)
        self.path(blob).write_bytes(data)
        return Entry(len(data), blob)

    def path(self, digest: str) -> Path:
        return self.folder / digest

    def read(self, entry: Entry) -> Path:
        return self.path(entry.sha256 or entry.blob)

    def commit(self, repo: Repo, branch: str, tree: dict[str, Entry], title: str) -> Commit:
        parent = repo.branches.get(branch, "")
        at = self.now()
        listing = json.dumps(
            [parent, title, at, {path: entry.blob for path, entry in sorted(tree.items())}]
        ).encode()
        made = Commit(hashlib.sha1(listing).hexdigest(), tree, title, parent, at)
        repo.commits[made.sha] = made
        repo.branches[branch] = made.sha
        return made

    def publish(self, repo_id: str, folder: Path, *, title: str = "published") -> str:
        """Put a folder there past every client, as somebody else's upload."""
        with self.lock:
            repo = self.repos.get(repo_id) or self.create(repo_id)
            tree = {".gitattributes": repo.commits[repo.branches["main"]].tree[".gitattributes"]}
            for file in sorted(path for path in folder.rglob("*") if path.is_file()):
                data = file.read_bytes()
                name = file.relative_to(folder).as_posix()
                tree[name] = self.put(data, lfs=is_lfs(name, len(data)))
            return self.commit(repo, "main", tree, title).sha

    def card(self, commit: Commit) -> dict[str, object]:
        entry = commit.tree.get("README.md")
        found = FRONT.match(self.read(entry).read_bytes().decode("utf-8", "replace")) if entry else None
        content = yaml.safe_load(found.group(1)) if found else None
        return content if isinstance(content, dict) else {}

    def info(self, repo: Repo, commit: Commit, *, blobs: bool) -> dict[str, object]:
        card = self.card(commit)
        siblings = [
            entry.sibling(path) if blobs else {"rfilename": path} for path, entry in commit.tree.items()
        ]
        return {
            "_id": "000000000000000000000000",
            "id": repo.id,
            "modelId": repo.id,
            "author": repo.id.partition("/")[0],
            "sha": commit.sha,
            "lastModified": commit.at,
            "createdAt": repo.created,
            "private": repo.private,
            "gated": repo.gated or False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": card_tags(card),
            "cardData": card,
            "siblings": siblings,
            "spaces": [],
        }


def is_lfs(path: str, size: int) -> bool:
    return path.endswith(LFS_SUFFIXES) or size > LFS_SIZE


def card_tags(card: dict[str, object]) -> list[str]:
    tags = [f"license:{card['license']}"] if card.get("license") else []
    bases = card.get("base_model") or []
    for base in [bases] if isinstance(bases, str) else bases:
        relation = card.get("base_model_relation", "finetune")
        tags += [f"base_model:{base}", f"base_model:{relation}:{base}"]
    return tags
