"""The Hub's requests that carry bytes: uploads with LFS and commits, and downloads."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Mapping
from typing import Any

from tests.integration.huggingface.handler import BaseHandler, RefusalError, route
from tests.integration.huggingface.repository import discussion_of
from tests.integration.huggingface.shelf import Entry, blob_sha, is_lfs, pointer


class TransferRoutes(BaseHandler):
    @route("POST", "/api/(?:models|datasets|spaces)/([^/]+/[^/]+)/preupload/(.+)")
    def preupload(self, repo_id: str, revision: str) -> None:
        repo = self._repo(repo_id, write=True)
        commit, asked = self._commit(repo, revision), self._json()
        files = []
        for file in asked["files"]:
            path, size = file["path"], int(file["size"])
            lfs = is_lfs(path, size)
            answer = {"path": path, "uploadMode": "lfs" if lfs else "regular", "shouldIgnore": False}
            if path in commit.tree:
                answer["oid"] = commit.tree[path].sha256 or commit.tree[path].blob
            files.append(answer)
        self._send(200, {"files": files, "commitOid": commit.sha})

    @route("POST", "/(?:datasets/|spaces/)?([^/]+/[^/]+)\\.git/info/lfs/objects/batch")
    def batch(self, repo_id: str) -> None:
        self._repo(repo_id, write=True)
        objects = []
        for asked in self._json()["objects"]:
            answer = {"oid": asked["oid"], "size": asked["size"]}
            if not self.hub.shelf.path(asked["oid"]).exists():
                href = {"href": f"{self.hub.url}/_lfs/{asked['oid']}"}
                answer["actions"] = {"upload": href, "verify": href}
            objects.append(answer)
        media = {"Content-Type": "application/vnd.git-lfs+json"}
        self._send(200, {"transfer": "basic", "objects": objects}, media)

    @route("PUT", "/_lfs/([0-9a-f]{64})")
    def put_object(self, oid: str) -> None:
        target = self.hub.shelf.path(f"{oid}.part-{threading.get_ident()}")
        digest = hashlib.sha256()
        with target.open("wb") as stream:
            while self._left:
                part = self.rfile.read(min(self._left, 1 << 20))
                if not part:
                    break
                self._left -= len(part)
                digest.update(part)
                stream.write(part)
        if digest.hexdigest() != oid:
            target.unlink()
            self.close_connection = True
            raise RefusalError(400, "", "the bytes have another SHA-256")
        target.rename(self.hub.shelf.path(oid))
        self._send(200)

    @route("POST", "/_lfs/([0-9a-f]{64})")
    def verify_object(self, oid: str) -> None:
        asked, path = self._json(), self.hub.shelf.path(oid)
        if not path.exists() or path.stat().st_size != asked["size"]:
            raise RefusalError(404, "", "no such object")
        self._send(200, {"ok": True})

    @route("POST", "/api/(?:models|datasets|spaces)/([^/]+/[^/]+)/commit/(.+)")
    def commit(self, repo_id: str, revision: str) -> None:
        repo = self._repo(repo_id, write=True)
        lines = [json.loads(line) for line in self._drain().splitlines() if line.strip()]
        header = next(line["value"] for line in lines if line["key"] == "header")
        shelf = self.hub.shelf
        with shelf.lock:
            before = self._commit(repo, revision)
            if header.get("parentCommit") and not before.sha.startswith(header["parentCommit"]):
                raise RefusalError(412, "", "A commit has happened since. Please refresh and try again.")
            tree = dict(before.tree)
            for line in lines:
                self._apply(tree, line["key"], line["value"])
            pull = self.query.get("create_pr") == "1"
            branch = f"refs/pr/{len(repo.discussions) + 1}" if pull else revision
            if pull:
                user = self._user()
                author = user.name if user else ""
                repo.discussions.append(discussion_of(repo, header["summary"], author, pull=True))
                repo.branches[branch] = before.sha
            made = shelf.commit(repo, branch, tree, header["summary"])
        url = f"{self.hub.url}/{repo_id}/commit/{made.sha}"
        number = len(repo.discussions)
        opened = f"{self.hub.url}/{repo_id}/discussions/{number}" if pull else None
        self._send(
            200,
            {
                "success": True,
                "commitOid": made.sha,
                "commitUrl": url,
                "hookOutput": "",
                "pullRequestUrl": opened,
            },
        )
        if not pull:
            threading.Thread(target=self.hub.tell, args=(repo, before.sha, made.sha), daemon=True).start()

    def _apply(self, tree: dict[str, Entry], key: str, value: Mapping[str, Any]) -> None:
        path = str(value.get("path", ""))
        if key == "file":
            tree[path] = self.hub.shelf.put(base64.b64decode(value["content"]), lfs=False)
        elif key == "lfsFile":
            oid, size = str(value["oid"]), int(value["size"])
            if not self.hub.shelf.path(oid).exists():
                raise RefusalError(400, "", f"no LFS object {oid}")
            tree[path] = Entry(size, blob_sha(pointer(oid, size)), oid)
        elif key == "deletedFile":
            if tree.pop(path, None) is None:
                raise RefusalError(404, "EntryNotFound", "A file with this name doesn't exist")
        elif key == "deletedFolder":
            for name in [name for name in tree if name.startswith(path.rstrip("/") + "/")]:
                del tree[name]

    # -- downloads

    @route("GET", "/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
    def download(self, repo_id: str, revision: str, path: str) -> None:
        repo = self._repo(repo_id)
        commit = self._commit(repo, revision)
        self._let_in(repo)
        entry = commit.tree.get(path)
        if entry is None:
            raise RefusalError(404, "EntryNotFound", f"{path} does not exist on {revision}")
        source = self.hub.shelf.read(entry)
        start, stop, status = 0, entry.size, 200
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if asked:
            start = int(asked.group(1) or 0)
            stop = min(int(asked.group(2) or entry.size - 1) + 1, entry.size)
            status = 206
        self.send_response(status)
        self.send_header("Content-Length", str(stop - start))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("X-Repo-Commit", commit.sha)
        self.send_header("ETag", f'"{entry.sha256 or entry.blob}"')
        if entry.sha256:
            self.send_header("X-Linked-Size", str(entry.size))
            self.send_header("X-Linked-Etag", f'"{entry.sha256}"')
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{entry.size}")
        self.end_headers()
        if self.command == "HEAD":
            return
        with source.open("rb") as stream:
            stream.seek(start)
            left = (stop - start) // 2 if self._cut else stop - start
            while left > 0 and (part := stream.read(min(left, 1 << 20))):
                self.wfile.write(part)
                left -= len(part)
        self.close_connection = self._cut
