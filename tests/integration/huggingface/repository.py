"""The Hub's requests about repositories: made, listed, gated, discussed."""

import json
from collections.abc import Mapping
from urllib.parse import parse_qs

import yaml
from tests.integration.huggingface.handler import BaseHandler, RefusalError, route
from tests.integration.huggingface.shelf import FRONT, Repo

PAGE = 3


class RepositoryRoutes(BaseHandler):
    @route("GET", "/api/whoami-v2")
    def whoami(self) -> None:
        user = self._user()
        if user is None:
            raise RefusalError(401, "", "Invalid username or password.")
        orgs = [{"name": org, "type": "org"} for org in user.orgs]
        self._send(200, {"type": "user", "id": user.name, "name": user.name, "orgs": orgs})

    @route("POST", "/api/repos/create")
    def create(self) -> None:
        asked, user = self._json(), self._user()
        name = str(asked["name"])
        owner = asked.get("organization") or (user.name if user else "")
        repo_id = name if "/" in name else f"{owner}/{name}"
        self._check_writer(user, repo_id)
        answer = {"url": f"{self.hub.url}/{repo_id}", "name": repo_id, "id": "0"}
        if repo_id in self.hub.shelf.repos:
            self._send(409, {**answer, "error": "You already created this model repo"})
            return
        self.hub.shelf.create(repo_id, asked.get("type") or "model", private=bool(asked.get("private")))
        self._send(200, answer)

    @route("DELETE", "/api/repos/delete")
    def delete(self) -> None:
        asked = self._json()
        name, org = asked["name"], asked.get("organization")
        repo_id = f"{org}/{name}" if org else name
        self._repo(repo_id, write=True)
        del self.hub.shelf.repos[repo_id]
        self._send(200, {})

    @route("POST", "/api/validate-yaml")
    def validate(self) -> None:
        found = FRONT.match(self._json()["content"])
        try:
            yaml.safe_load(found.group(1) if found else "")
        except yaml.YAMLError as error:
            self._send(400, {"errors": [{"message": str(error)}], "warnings": []})
            return
        self._send(200, {"errors": [], "warnings": []})

    @route("GET", "/api/models")
    def models(self) -> None:
        self._user()
        repos = [repo for repo in self.hub.shelf.repos.values() if repo.kind == "model"]
        author = self.query.get("author")
        found = [repo for repo in repos if not author or repo.id.startswith(f"{author}/")]
        found.sort(key=lambda repo: repo.created, reverse=self.query.get("direction") != "1")
        limit = int(self.query.get("limit") or PAGE)
        start = int(self.query.get("cursor") or 0)
        headers = {}
        if start + limit < len(found) and "limit" not in self.query:
            query = "&".join(f"{key}={value}" for key, value in self.query.items() if key != "cursor")
            headers["Link"] = f'<{self.hub.url}/api/models?{query}&cursor={start + limit}>; rel="next"'
        page = found[start : start + limit]
        infos = [self.hub.shelf.info(repo, self._commit(repo, "main"), blobs=False) for repo in page]
        self._send(200, infos, headers)

    @route("GET", "/api/models/([^/]+/[^/]+)")
    def info(self, repo_id: str) -> None:
        self.info_at(repo_id, "")

    @route("GET", "/api/models/([^/]+/[^/]+)/revision/(.+)")
    def info_at(self, repo_id: str, revision: str) -> None:
        repo = self._repo(repo_id)
        blobs = "blobs" in self.query
        self._send(200, self.hub.shelf.info(repo, self._commit(repo, revision), blobs=blobs))

    @route("GET", "/api/models/([^/]+/[^/]+)/tree/([^/]+)(?:/.*)?")
    def tree(self, repo_id: str, revision: str) -> None:
        commit = self._commit(self._repo(repo_id), revision)
        self._send(200, [entry.listed(path) for path, entry in commit.tree.items()])

    @route("POST", "/api/models/([^/]+/[^/]+)/paths-info/(.+)")
    def paths(self, repo_id: str, revision: str) -> None:
        data = self._drain().decode()
        asked = json.loads(data)["paths"] if data.startswith("{") else parse_qs(data).get("paths", [])
        tree = self._commit(self._repo(repo_id), revision).tree
        self._send(200, [tree[path].listed(path) for path in asked if path in tree])

    @route("GET", "/api/models/([^/]+/[^/]+)/refs")
    def refs(self, repo_id: str) -> None:
        repo = self._repo(repo_id)

        def write(refs: Mapping[str, str], kind: str) -> list[dict[str, str]]:
            return [
                {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": sha}
                for name, sha in refs.items()
            ]

        self._send(
            200, {"branches": write(repo.branches, "heads"), "tags": write(repo.tags, "tags"), "converts": []}
        )

    @route("GET", "/api/models/([^/]+/[^/]+)/commits/(.+)")
    def commits(self, repo_id: str, revision: str) -> None:
        repo = self._repo(repo_id)
        found, listed = repo.find(revision), []
        while found is not None:
            listed.append(
                {"id": found.sha, "title": found.title, "message": "", "date": found.at, "authors": []}
            )
            found = repo.commits.get(found.parent)
        self._send(200, listed)

    @route("POST", "/api/models/([^/]+/[^/]+)/branch/(.+)")
    def branch(self, repo_id: str, name: str) -> None:
        repo, asked = self._repo(repo_id, write=True), self._json()
        if name in repo.branches:
            raise RefusalError(409, "", "Reference already exists")
        repo.branches[name] = self._commit(repo, asked.get("startingPoint") or "main").sha
        self._send(200, {})

    @route("POST", "/api/models/([^/]+/[^/]+)/tag/(.+)")
    def tag(self, repo_id: str, revision: str) -> None:
        repo, asked = self._repo(repo_id, write=True), self._json()
        repo.tags[asked["tag"]] = self._commit(repo, revision).sha
        self._send(200, {})

    @route("PUT", "/api/models/([^/]+/[^/]+)/settings")
    def settings(self, repo_id: str) -> None:
        repo, asked = self._repo(repo_id, write=True), self._json()
        repo.gated = asked.get("gated", repo.gated) or ""
        repo.private = bool(asked.get("private", repo.private))
        self._send(200, asked)

    # -- gates of the Hub's own

    @route("POST", "/([^/]+/[^/]+)/ask-access")
    def ask(self, repo_id: str) -> None:
        repo, user = self._repo(repo_id), self._user()
        if user is None:
            raise RefusalError(401, "", "Log in first")
        (repo.let_in if repo.gated == "auto" else repo.asked).add(user.name)
        self._drain()
        self._send(200, {})

    @route("POST", "/api/models/([^/]+/[^/]+)/user-access-request/handle")
    def handle_access(self, repo_id: str) -> None:
        repo, asked = self._repo(repo_id, write=True), self._json()
        repo.asked.discard(asked["user"])
        if asked["status"] == "accepted":
            repo.let_in.add(asked["user"])
        self._send(200, {})

    @route("GET", "/api/models/([^/]+/[^/]+)/user-access-request/(pending|accepted|rejected)")
    def accesses(self, repo_id: str, status: str) -> None:
        repo = self._repo(repo_id, write=True)
        names = {"pending": repo.asked, "accepted": repo.let_in}.get(status, set())
        self._send(
            200,
            [
                {"user": {"user": name, "fullname": name}, "status": status, "timestamp": repo.created}
                for name in sorted(names)
            ],
        )

    # -- discussions

    @route("GET", "/api/models/([^/]+/[^/]+)/discussions")
    def discussions(self, repo_id: str) -> None:
        listed = self._repo(repo_id).discussions
        self._send(200, {"discussions": listed, "count": len(listed), "start": 0})

    @route("POST", "/api/models/([^/]+/[^/]+)/discussions")
    def discuss(self, repo_id: str) -> None:
        repo, asked, user = self._repo(repo_id), self._json(), self._user()
        if user is None:
            raise RefusalError(401, "", "Log in first")
        repo.discussions.append(discussion_of(repo, str(asked["title"]), user.name))
        self._send(200, {"num": len(repo.discussions)})

    @route("GET", "/api/models/([^/]+/[^/]+)/discussions/([0-9]+)")
    def discussion(self, repo_id: str, number: str) -> None:
        found = self._repo(repo_id).discussions[int(number) - 1]
        self._send(200, {**found, "events": [], "conflicts": []})


def discussion_of(repo: Repo, title: str, author: str, *, pull: bool = False) -> dict[str, object]:
    return {
        "num": len(repo.discussions) + 1,
        "title": title,
        "status": "open",
        "isPullRequest": pull,
        "author": {"name": author, "_id": author},
        "repo": {"name": repo.id, "type": repo.kind},
        "createdAt": repo.created,
    }
