"""The server's answers to mutations."""

import base64
import json
from typing import Any
from urllib.parse import quote

from tests.integration.wandb.world import TIME, Collection, World, identify

Arguments = dict[str, Any]


class Changes:
    """Mutations of one world; the objects that they answer with are the schema's."""

    world: World
    address: str
    run: Any
    version: Any
    membership: Any
    project: Any
    collection_by_id: Any

    def upsert_bucket(self, values: Arguments) -> dict[str, Any]:
        project = self.world.project(values.get("entityName"), values.get("modelName"))
        run = self.world.run(project, values.get("name") or "run")
        run.config = values.get("config") or run.config
        return {"bucket": self.run(run), "inserted": True}

    def create_run_files(self, values: Arguments) -> dict[str, Any]:
        base = f"{self.address}/run/{values['entityName']}/{values['projectName']}/{values['runName']}"
        files = [{"name": name, "uploadUrl": f"{base}/{quote(name)}"} for name in values["files"]]
        return {"runID": identify("Run", 1), "uploadHeaders": [], "files": files}

    def create_manifest(self, values: Arguments) -> dict[str, Any]:
        version = self.world.versions[values["artifactID"]]
        key = f"manifest-{len(self.world.manifests)}"
        self.world.manifests[key] = version
        version.manifest = key
        return {"artifactManifest": self._upload(key)}

    def update_manifest(self, values: Arguments) -> dict[str, Any]:
        key = values["artifactManifestID"]
        self.world.manifests[key].manifest = key
        return {"artifactManifest": self._upload(key)}

    def _upload(self, key: str) -> dict[str, Any]:
        file = {"id": key, "uploadUrl": f"{self.address}/blob/{key}", "uploadHeaders": []}
        return {"id": key, "file": file}

    def create_files(self, values: Arguments) -> dict[str, Any]:
        nodes = [
            {
                "storagePath": f"wandb_artifacts/{file_key(one['md5'])}",
                "uploadUrl": f"{self.address}/blob/{file_key(one['md5'])}",
                "uploadHeaders": [],
                "uploadMultipartUrls": None,
                "artifact": {"id": one["artifactID"]},
                "name": one["name"],
                "displayName": one["name"],
            }
            for one in values["artifactFiles"]
        ]
        return {"files": {"edges": [{"node": node} for node in nodes]}}

    def commit(self, key: str) -> dict[str, Any]:
        version = self.world.versions[key]
        self.world.commit(version)
        return {"artifact": self.version(version)}

    def use(self, values: Arguments) -> dict[str, Any]:
        version = self.world.versions[values["artifactID"]]
        project = self.world.project(values.get("entityName"), values.get("projectName"))
        run = self.world.run(project, values["runName"])
        if version not in run.inputs:
            run.inputs.append(version)
            version.users.append(run)
        return {"artifact": self.version(version)}

    def update(self, values: Arguments) -> dict[str, Any]:
        version = self.world.versions[values["artifactID"]]
        if values.get("metadata") is not None:
            version.metadata = values["metadata"]
        if values.get("description") is not None:
            version.description = values["description"]
        gone = {tag["tagName"] for tag in values.get("tagsToDelete") or ()}
        version.tags = [tag for tag in version.tags if tag not in gone]
        version.tags += [tag["tagName"] for tag in values.get("tagsToAdd") or ()]
        return {"artifact": self.version(version)}

    def add_aliases(self, values: Arguments) -> dict[str, Any]:
        for collection, alias in self._aliases(values):
            self.world.alias(collection, self.world.versions[values["artifactID"]], alias)
        return {"success": True}

    def delete_aliases(self, values: Arguments) -> dict[str, Any]:
        for collection, alias in self._aliases(values):
            self.world.remove_alias(collection, self.world.versions[values["artifactID"]], alias)
        return {"success": True}

    def _aliases(self, values: Arguments) -> list[tuple[Collection, str]]:
        found: list[tuple[Collection, str]] = []
        for one in values["aliases"]:
            project = self.world.project(one.get("entityName"), one.get("projectName"))
            collection = self.world.find_collection(project, one["artifactCollectionName"])
            if collection is not None:
                found.append((collection, one["alias"]))
        return found

    def link(self, values: Arguments) -> dict[str, Any]:
        member = self.world.link(values)
        return {"versionIndex": member.index, "artifactMembership": self.membership(member)}

    def unlink(self, values: Arguments) -> dict[str, Any]:
        self.world.unlink(self.world.versions[values["artifactID"]], values["artifactPortfolioID"])
        return {"success": True}

    # -- automations

    def create_integration(self, values: Arguments) -> dict[str, Any]:
        found = {
            "__typename": "GenericWebhookIntegration",
            "id": self.world.next_id("GenericWebhookIntegration"),
            "name": values["name"],
            "urlEndpoint": values["urlEndpoint"],
            "createdAt": TIME,
        }
        self.world.integrations.append(found)
        return {"integration": found}

    def create_trigger(self, values: Arguments) -> dict[str, Any]:
        action = values["triggeredActionConfig"]["genericWebhookActionInput"]
        integration = next(one for one in self.world.integrations if one["id"] == action["integrationID"])
        scope = self.collection_by_id(values["scopeID"]) or next(
            self.project(one) for one in self.world.projects.values() if one.id == values["scopeID"]
        )
        trigger = {
            "__typename": "Trigger",
            "id": self.world.next_id("Trigger"),
            "createdAt": TIME,
            "updatedAt": None,
            "name": values["name"],
            "description": values.get("description"),
            "enabled": values.get("enabled", True),
            "scope": scope,
            "triggeringCondition": {
                "__typename": "FilterEventTriggeringCondition",
                "eventType": values["triggeringEventType"],
                "filter": json.dumps({"filter": values["eventFilter"]}),
            },
            "triggeredAction": {
                "__typename": "GenericWebhookTriggeredAction",
                "integration": integration,
                "requestPayload": action["requestPayload"],
            },
        }
        self.world.triggers.append(trigger)
        return {"trigger": trigger}

    def delete_trigger(self, key: str) -> dict[str, Any]:
        self.world.triggers = [one for one in self.world.triggers if one["id"] != key]
        return {"success": True}


def file_key(digest: str) -> str:
    """Give the place of a file: its digest, so that equal files lie there once."""
    return f"md5-{base64.b64decode(digest).hex()}"
