"""The server's answers: fields of the root, and the objects that they give."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from tests.integration.wandb.change import Changes, file_key
from tests.integration.wandb.world import (
    ORG,
    ORG_ENTITY,
    TIME,
    Collection,
    Membership,
    Project,
    Run,
    Version,
    World,
    identify,
)

Arguments = dict[str, Any]
TYPES = {
    "ArtifactSequence": {"ArtifactCollection"},
    "ArtifactPortfolio": {"ArtifactCollection"},
    "GenericWebhookIntegration": {"Integration"},
}
FEATURES = (
    "ARTIFACT_TAGS",
    "ARTIFACT_COLLECTION_MEMBERSHIP_FILES",
    "ARTIFACT_COLLECTION_MEMBERSHIP_FILE_DOWNLOAD_URL",
    "PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP",
    "ARTIFACT_REGISTRY_SEARCH",
    "ARTIFACT_MEMBERSHIP_IN_LINK_ARTIFACT_RESPONSE",
    "ARTIFACT_COLLECTIONS_FILTERING_SORTING",
    "AUTOMATION_EVENT_CREATE_ARTIFACT",
    "QUERY_AUTOMATIONS_ON_ENTITY",
)


def page(items: Iterable[Any], arguments: Arguments) -> dict[str, Any]:
    """Give one page of a connection; the cursor is the place to go on from."""
    rows = list(items)
    start = int(arguments.get("after") or 0)
    size = int(arguments.get("first") or 50)
    end = start + size
    return {
        "totalCount": len(rows),
        "pageInfo": {"__typename": "PageInfo", "hasNextPage": end < len(rows), "endCursor": str(end)},
        "edges": [{"node": row, "version": row.get("version", "")} for row in rows[start:end]],
    }


class Schema(Changes):
    """Answers of one world.

    Args:
        world: what there is.
        address: the server's own, for addresses of files.
    """

    def __init__(self, world: World, address: str) -> None:
        self.world = world
        self.address = address

    def root(self) -> dict[str, Callable[[Arguments], Any]]:
        """Give every field of the root, for queries and mutations alike."""
        world = self.world
        return {
            "viewer": lambda _: self.viewer(),
            "serverInfo": lambda _: self.server_info(),
            "project": lambda a: self.find_project(a.get("entityName"), a.get("name")),
            "model": lambda a: self.find_project(a.get("entityName"), a.get("name")),
            "models": lambda a: page(map(self.project, self._projects(a["entityName"])), a),
            "entity": lambda a: self.entity(a["name"]),
            "organization": lambda a: self.organization(),
            "artifact": lambda a: self.version(world.versions.get(a["id"])),
            "artifactCollection": lambda a: self.collection_by_id(a["id"]),
            "clientIDMapping": lambda a: self.client(a["clientID"]),
            "__type": lambda a: self.introspect(a["name"]),
            "upsertBucket": lambda a: self.upsert_bucket(a["input"]),
            "createRunFiles": lambda a: self.create_run_files(a["input"]),
            "createArtifact": lambda a: {"artifact": self.version(world.create(a["input"]))},
            "createArtifactManifest": lambda a: self.create_manifest(a["input"]),
            "updateArtifactManifest": lambda a: self.update_manifest(a["input"]),
            "createArtifactFiles": lambda a: self.create_files(a["input"]),
            "commitArtifact": lambda a: self.commit(a["input"]["artifactID"]),
            "useArtifact": lambda a: self.use(a["input"]),
            "updateArtifact": lambda a: self.update(a["input"]),
            "addAliases": lambda a: self.add_aliases(a["input"]),
            "deleteAliases": lambda a: self.delete_aliases(a["input"]),
            "linkArtifact": lambda a: self.link(a["input"]),
            "unlinkArtifact": lambda a: self.unlink(a["input"]),
            "createFilterTrigger": lambda a: self.create_trigger(a["input"]),
            "deleteTrigger": lambda a: self.delete_trigger(a["input"]["triggerID"]),
            "createGenericWebhookIntegration": lambda a: self.create_integration(a["input"]),
        }

    # -- who and where

    def viewer(self) -> dict[str, Any]:
        name = self.world.entity
        return {
            "__typename": "User",
            "id": identify("User", 1),
            "entity": name,
            "defaultEntity": {"name": name},
            "username": name,
            "name": name,
            "email": "someone@example.org",
            "admin": False,
            "flags": "{}",
            "teams": {"edges": []},
            "apiKeys": {"edges": []},
            "organizations": [self.organization()],
        }

    def server_info(self) -> dict[str, Any]:
        return {
            "cliVersionInfo": {"max_cli_version": "9.9.9"},
            "latestLocalVersionInfo": None,
            "features": [{"name": name, "isEnabled": True} for name in FEATURES],
        }

    def organization(self) -> dict[str, Any]:
        return {
            "__typename": "Organization",
            "id": identify("Organization", 1),
            "name": ORG,
            "orgEntity": {
                "__typename": "Entity",
                "name": ORG_ENTITY,
                "projects": lambda a: page(map(self.project, self._projects(ORG_ENTITY)), a),
            },
        }

    def entity(self, name: str) -> dict[str, Any]:
        return {
            "__typename": "Entity",
            "id": identify("Entity", 1),
            "name": name,
            "isTeam": True,
            "organization": self.organization(),
            "user": None,
            "xxhashDigestsEnabled": False,
            "project": lambda a: self.find_project(name, a["name"]),
            "projects": lambda a: page(map(self.project, self._projects(name)), a),
            "integrations": lambda a: page(self.world.integrations, a),
            "triggers": lambda a: page(self.world.triggers, a),
        }

    def _projects(self, entity: str) -> list[Project]:
        return [one for one in self.world.projects.values() if one.entity == entity]

    def introspect(self, name: str) -> dict[str, Any]:
        fields = {
            "Artifact": ["tags", "ttlDurationSeconds", "ttlIsInherited"],
            "ProjectType": [],
            "Project": ["artifactCollectionMembership"],
            "LinkArtifactPayload": ["artifactMembership"],
        }
        names = [{"name": one} for one in fields.get(name, [])]
        return {"name": name, "fields": names, "inputFields": [], "enumValues": []}

    # -- projects and runs

    def find_project(self, entity: str | None, name: str | None) -> dict[str, Any] | None:
        found = self.world.projects.get((entity or self.world.entity, name or ""))
        return None if found is None else self.project(found)

    def project(self, one: Project) -> dict[str, Any]:
        world = self.world
        registry = one.entity == ORG_ENTITY
        return {
            "__typename": "Project",
            "id": one.id,
            "internalId": one.id,
            "name": one.name,
            "entityName": one.entity,
            "entity": lambda _: {**self.entity(one.entity), "name": one.entity},
            "createdAt": TIME,
            "isBenchmark": False,
            "readOnly": False,
            "access": "PRIVATE" if registry else "USER_READ",
            "allowAllArtifactTypesInRegistry": True,
            "run": lambda a: self.run(world.runs.get((one.entity, one.name, a["name"]))),
            "bucket": lambda a: self.run(world.runs.get((one.entity, one.name, a["name"]))),
            "artifact": lambda a: self.named(one, a["name"]),
            "artifactCollectionMembership": lambda a: self.membership(world.member(one, a["name"])),
            "artifactCollection": lambda a: self.collection(world.find_collection(one, a["name"])),
            "artifactCollections": lambda a: page(map(self.collection, self._collections(one)), a),
            "artifactTypes": lambda a: page(map(self._type, self._types(one)), a),
            "artifactType": lambda a: self.artifact_type(one, a["name"]),
            "triggers": lambda _: self.world.triggers,
        }

    def _collections(self, project: Project) -> list[Collection]:
        return [one for one in self.world.collections if one.project is project]

    def _types(self, project: Project) -> list[str]:
        return sorted({one.kind for one in self._collections(project)})

    def _type(self, name: str) -> dict[str, Any]:
        return {
            "__typename": "ArtifactType",
            "id": identify("ArtifactType", 1),
            "name": name,
            "createdAt": TIME,
        }

    def artifact_type(self, project: Project, name: str) -> dict[str, Any] | None:
        world = self.world
        collections = [one for one in self._collections(project) if one.kind == name]
        if not collections:
            return None
        return {
            **self._type(name),
            "artifact": lambda a: self.named(project, a["name"]),
            "artifactCollection": lambda a: self.collection(world.find_collection(project, a["name"])),
            "artifactCollections": lambda a: page(map(self.collection, collections), a),
        }

    def named(self, project: Project, name: str) -> dict[str, Any] | None:
        found = self.world.member(project, name)
        return self.version(found.version) if found else None

    def run(self, one: Run | None) -> dict[str, Any] | None:
        if one is None:
            return None
        return {
            "__typename": "Run",
            "id": one.id,
            "projectId": "1",
            "name": one.name,
            "displayName": one.name,
            "state": "finished",
            "config": one.config,
            "tags": [],
            "readOnly": False,
            "createdAt": TIME,
            "heartbeatAt": TIME,
            "historyLineCount": 0,
            "summaryMetrics": "{}",
            "systemMetrics": "{}",
            "user": {"name": self.world.entity, "username": self.world.entity},
            "project": lambda _: self.project(one.project),
            "inputArtifacts": lambda a: page(map(self.version, one.inputs), a),
            "outputArtifacts": lambda a: page(map(self.version, one.outputs), a),
        }

    # -- artifacts

    def collection(self, one: Collection | None) -> dict[str, Any] | None:
        if one is None:
            return None
        kind = self._type(one.kind)
        aliases = [
            {"__typename": "ArtifactAlias", "id": identify("ArtifactAlias", number), "alias": alias}
            for number, alias in enumerate(alias for member in one.members for alias in member.aliases)
        ]
        return {
            "__typename": "ArtifactPortfolio" if one.portfolio else "ArtifactSequence",
            "id": one.id,
            "name": one.name,
            "state": "READY",
            "createdAt": TIME,
            "digestAlgorithm": "MANIFEST_MD5",
            "project": lambda _: self.project(one.project),
            "type": kind,
            "defaultArtifactType": kind,
            "tags": {"edges": []},
            "aliases": lambda a: page(aliases, {"first": 1000, **a}),
            "artifactMembership": lambda a: self.membership(one.find(a["aliasName"])),
            "latestArtifact": lambda _: self.version(one.members[-1].version) if one.members else None,
            "artifacts": lambda a: self.listing(one, a),
        }

    def listing(self, one: Collection, arguments: Arguments) -> dict[str, Any]:
        members = (
            one.members
            if str(arguments.get("order") or "-").lstrip("+") == "createdAt"
            else one.members[::-1]
        )
        rows = [{**self.version(member.version), "version": f"v{member.index}"} for member in members]
        return page(rows, arguments)

    def collection_by_id(self, key: str) -> dict[str, Any] | None:
        return self.collection(next((one for one in self.world.collections if one.id == key), None))

    def membership(self, one: Membership | None) -> dict[str, Any] | None:
        if one is None:
            return None
        return {
            "__typename": "ArtifactCollectionMembership",
            "id": one.id,
            "createdAt": TIME,
            "versionIndex": one.index,
            "artifact": lambda _: self.version(one.version),
            "artifactCollection": lambda _: self.collection(one.collection),
            "aliases": lambda _: self.aliases(one),
            "files": lambda a: self.files(one.version, a),
        }

    def aliases(self, one: Membership) -> list[dict[str, Any]]:
        return [
            {
                "__typename": "ArtifactAlias",
                "id": identify("ArtifactAlias", number),
                "alias": alias,
                "artifactCollection": lambda _: self.collection(one.collection),
            }
            for number, alias in enumerate(one.aliases)
        ]

    def version(self, one: Version | None) -> dict[str, Any]:
        if one is None:
            return {}
        entries = self.entries(one)
        return {
            "__typename": "Artifact",
            "id": one.id,
            "digest": one.digest,
            "digestAlgorithm": one.algorithm,
            "state": one.state,
            "metadata": one.metadata,
            "description": one.description,
            "size": sum(int(entry.get("size") or 0) for entry in entries.values()),
            "fileCount": len(entries),
            "createdAt": TIME,
            "versionIndex": one.index,
            "version": f"v{one.index}",
            "commitHash": one.id,
            "ttlDurationSeconds": -2,
            "ttlIsInherited": False,
            "tags": [{"__typename": "Tag", "id": identify("Tag", 1), "name": tag} for tag in one.tags],
            "artifactType": self._type(one.sequence.kind),
            "artifactSequence": lambda _: self.collection(one.sequence),
            "artifactCollections": lambda a: page(
                (self.collection(member.collection) for member in one.memberships), a
            ),
            "artifactMemberships": lambda a: page(map(self.membership, one.memberships), a),
            "aliases": lambda _: [alias for member in one.memberships for alias in self.aliases(member)],
            "currentManifest": lambda _: self.manifest(one),
            "createdBy": lambda _: self.run(one.run),
            "usedBy": lambda a: page(map(self.run, one.users), a),
            "files": lambda a: self.files(one, a),
        }

    def entries(self, one: Version) -> dict[str, Any]:
        path = self.world.store.path(one.manifest)
        if not one.manifest or not path.exists():
            return {}
        return dict(json.loads(path.read_bytes())["contents"])

    def manifest(self, one: Version) -> dict[str, Any]:
        address = f"{self.address}/blob/{one.manifest}"
        return {"id": one.manifest, "file": {"id": one.manifest, "directUrl": address, "url": address}}

    def files(self, one: Version, arguments: Arguments) -> dict[str, Any]:
        wanted = arguments.get("names")
        rows = [
            {
                "__typename": "File",
                "id": identify("File", number),
                "name": name,
                "displayName": name,
                "directUrl": f"{self.address}/blob/{file_key(entry['digest'])}",
                "url": f"{self.address}/blob/{file_key(entry['digest'])}",
                "sizeBytes": entry.get("size"),
                "storagePath": name,
                "digest": entry["digest"],
                "md5": entry["digest"],
            }
            for number, (name, entry) in enumerate(sorted(self.entries(one).items()))
            if "ref" not in entry and (not wanted or name in wanted)
        ]
        return page(rows, arguments)

    def client(self, client: str) -> dict[str, Any] | None:
        found = next((one for one in self.world.versions.values() if one.client == client), None)
        return {"serverID": found.id} if found else None
