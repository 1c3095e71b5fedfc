"""What a W&B server keeps (projects, runs, versions, files, automations), and the changes to it."""

import base64
import hashlib
import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ORG = "acme-org"
ORG_ENTITY = "acme-org-entity"
TIME = "2026-11-22T11:13:49Z"


def identify(kind: str, number: int) -> str:
    """Make an identifier as the server does: base64 of its kind and number."""
    return base64.b64encode(f"{kind}:{number}".encode()).decode()


@dataclass(kw_only=True, eq=False)
class Project:
    id: str
    entity: str
    name: str


@dataclass(kw_only=True, eq=False)
class Run:
    id: str
    name: str
    project: Project
    config: str = "{}"
    inputs: list["Version"] = field(default_factory=list)
    outputs: list["Version"] = field(default_factory=list)


@dataclass(kw_only=True, eq=False)
class Membership:
    id: str
    collection: "Collection"
    version: "Version"
    index: int
    aliases: list[str] = field(default_factory=list)


@dataclass(kw_only=True, eq=False)
class Collection:
    id: str
    name: str
    project: Project
    kind: str
    portfolio: bool = False
    members: list[Membership] = field(default_factory=list)
    removed: int = 0

    def find(self, alias: str) -> Membership | None:
        """Find a member by version or alias."""
        if alias.startswith("v") and alias[1:].isdigit():
            return next((one for one in self.members if one.index == int(alias[1:])), None)
        return next((one for one in self.members if alias in one.aliases), None)


@dataclass(kw_only=True, eq=False)
class Version:
    id: str
    digest: str
    sequence: Collection
    run: Run | None
    metadata: str
    client: str = ""
    description: str | None = None
    algorithm: str = "MANIFEST_MD5"
    state: str = "PENDING"
    manifest: str = ""
    wanted: list[tuple[str, str]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    memberships: list[Membership] = field(default_factory=list)
    users: list[Run] = field(default_factory=list)

    @property
    def index(self) -> int:
        """Its place among the versions of its own collection."""
        return next((one.index for one in self.memberships if one.collection is self.sequence), 0)


class Store:
    """Files by key, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, key: str) -> Path:
        """Give a key's file; a key is hexadecimal, so it cannot climb."""
        return self._folder / hashlib.sha256(key.encode()).hexdigest()

    def corrupt(self, key: str) -> None:
        """Change the last byte of a file."""
        path = self.path(key)
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)


class World:
    """Everything on the server, and the changes that its clients may ask for."""

    def __init__(self, folder: Path, entity: str = "acme") -> None:
        self.entity = entity
        self.store = Store(folder)
        self.lock = threading.RLock()
        self.projects: dict[tuple[str, str], Project] = {}
        self.runs: dict[tuple[str, str, str], Run] = {}
        self.collections: list[Collection] = []
        self.versions: dict[str, Version] = {}
        self.manifests: dict[str, Version] = {}
        self.integrations: list[dict[str, Any]] = []
        self.triggers: list[dict[str, Any]] = []
        self.happened: list[dict[str, str]] = []
        self._number = 0

    def next_id(self, kind: str) -> str:
        """Make a fresh identifier."""
        self._number += 1
        return identify(kind, self._number)

    def project(self, entity: str | None, name: str | None) -> Project:
        """Give a project, made when it is not there, as a run's first message makes it."""
        key = (entity or self.entity, name or "uncategorized")
        if key not in self.projects:
            self.projects[key] = Project(id=self.next_id("Project"), entity=key[0], name=key[1])
        return self.projects[key]

    def run(self, project: Project, name: str) -> Run:
        """Give a run, made when it is not there."""
        key = (project.entity, project.name, name)
        if key not in self.runs:
            self.runs[key] = Run(id=self.next_id("Run"), name=name, project=project)
        return self.runs[key]

    def find_collection(self, project: Project | None, name: str) -> Collection | None:
        """Find a collection."""
        found = (one for one in self.collections if one.project is project and one.name == name)
        return next(found, None)

    def collection(self, project: Project, name: str, kind: str, *, portfolio: bool = False) -> Collection:
        """Give a collection, made when it is not there."""
        found = self.find_collection(project, name)
        if found is None:
            label = "ArtifactCollection"
            found = Collection(
                id=self.next_id(label), name=name, project=project, kind=kind, portfolio=portfolio
            )
            self.collections.append(found)
        return found

    def member(self, project: Project, name: str) -> Membership | None:
        """Find ``name:alias``; without an alias, the latest."""
        collection, _, alias = name.partition(":")
        found = self.find_collection(project, collection)
        return found.find(alias or "latest") if found else None

    def create(self, values: dict[str, Any]) -> Version:
        """Begin a version; the same digest as the latest version's is that version again."""
        project = self.project(values.get("entityName"), values.get("projectName"))
        names = values.get("artifactCollectionNames") or [values.get("artifactCollectionName")]
        collection = self.collection(project, names[0], values["artifactTypeName"])
        run = self.run(project, values["runName"]) if values.get("runName") else None
        latest = collection.members[-1].version if collection.members else None
        if values.get("enableDigestDeduplication") and latest and latest.digest == values["digest"]:
            version = latest
        else:
            version = Version(
                id=self.next_id("Artifact"),
                digest=values["digest"],
                sequence=collection,
                run=run,
                metadata=values.get("metadata") or "{}",
                client=values.get("clientID") or "",
                description=values.get("description"),
                algorithm=values.get("digestAlgorithm") or "MANIFEST_MD5",
                tags=[tag["tagName"] for tag in values.get("tags") or ()],
            )
            self.versions[version.id] = version
        version.wanted = [
            (one["artifactCollectionName"], one["alias"]) for one in values.get("aliases") or ()
        ]
        if run and version not in run.outputs:
            run.outputs.append(version)
        if version.state == "COMMITTED":
            self._name(version)
        return version

    def commit(self, version: Version) -> None:
        """End a version: it gets its number and its aliases."""
        if version.state != "COMMITTED":
            version.state = "COMMITTED"
            self._join(version.sequence, version)
            self.tell("CREATE_ARTIFACT", version.sequence, version, alias=f"v{version.index}")
        self._name(version)

    def _name(self, version: Version) -> None:
        for _, alias in version.wanted:
            self.alias(version.sequence, version, alias)

    def _join(self, collection: Collection, version: Version) -> Membership:
        found = next((one for one in collection.members if one.version is version), None)
        if found is None:
            found = Membership(
                id=self.next_id("ArtifactCollectionMembership"),
                collection=collection,
                version=version,
                index=len(collection.members) + collection.removed,
            )
            collection.members.append(found)
            version.memberships.append(found)
            self.alias(collection, version, "latest")
        return found

    def alias(self, collection: Collection, version: Version, alias: str) -> None:
        """Point an alias at a version."""
        member = next(one for one in collection.members if one.version is version)
        if alias in member.aliases:
            return
        for one in collection.members:
            if alias in one.aliases:
                one.aliases.remove(alias)
        member.aliases.append(alias)
        if alias != "latest":
            self.tell("ADD_ARTIFACT_ALIAS", collection, version, alias=alias)

    def remove_alias(self, collection: Collection, version: Version, alias: str) -> None:
        """Take an alias away."""
        for one in collection.members:
            if one.version is version and alias in one.aliases:
                one.aliases.remove(alias)

    def link(self, values: dict[str, Any]) -> Membership:
        """Link a version to a collection of another project."""
        version = self.versions[values["artifactID"]]
        project = self.project(values["entityName"], values["projectName"])
        name = values["artifactPortfolioName"]
        collection = self.collection(project, name, version.sequence.kind, portfolio=True)
        member = self._join(collection, version)
        self.tell("LINK_ARTIFACT", collection, version, alias=f"v{member.index}")
        for one in values.get("aliases") or ():
            self.alias(collection, version, one["alias"])
        return member

    def unlink(self, version: Version, portfolio: str) -> None:
        """Take a version out of a collection that it was linked to."""
        for member in [one for one in version.memberships if one.collection.id == portfolio]:
            member.collection.members.remove(member)
            member.collection.removed += 1
            version.memberships.remove(member)

    def tell(self, kind: str, collection: Collection, version: Version, *, alias: str) -> None:
        """Remember an event, in the words that an automation's payload may use."""
        project = collection.project
        metadata = json.loads(version.metadata or "{}")
        self.happened.append(
            {
                "scope": collection.id,
                "event_type": kind,
                "event_author": self.entity,
                "alias": alias if kind == "ADD_ARTIFACT_ALIAS" else "",
                "artifact_collection_name": collection.name,
                "artifact_version": f"wandb-artifact://_id/{version.id}",
                "artifact_version_string": f"{project.entity}/{project.name}/{collection.name}:{alias}",
                "artifact_version_index": f"v{version.index}",
                "project_name": project.name,
                "entity_name": project.entity,
                **{f"artifact_metadata.{key}": str(value) for key, value in metadata.items()},
            }
        )
