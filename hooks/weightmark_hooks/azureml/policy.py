"""A policy of azure-core: it sees every request of the client that it is given to, and may refuse it."""

import functools
import json
from typing import Any, Final, Self, cast

from weightmark.errors import RefusedError
from weightmark.vocabulary import EventKind
from weightmark.workspace import Outcome, Workspace
from weightmark.workspace.asking import failing_closed
from weightmark_adapters.azureml import AzuremlRegistry, sdk
from weightmark_adapters.azureml.client import connected
from weightmark_adapters.azureml.endpoint import deployed_model
from weightmark_adapters.azureml.registry import is_promoted
from weightmark_adapters.azureml.service import Service, is_own, pairs
from weightmark_adapters.azureml.uri import Place, asset_uri, version_uri
from weightmark_hooks.azureml.gate import Gate, merge_tags, passing
from weightmark_hooks.azureml.step import Step, StepKind, read_step

_KEPT: Final = "weightmark"
_ACCEPTED: Final = frozenset({200, 201, 202})
_SAS: Final = ("http://", "https://")


class WeightmarkPolicy:
    """Gates what a client does: ``MLClient(…, per_call_policies=[WeightmarkPolicy()])``.

    It is an instance of azure-core's ``SansIOHTTPPolicy``, and one may serve any number of clients.

    Args:
        workspace: who is asked; None for the process's own.

    Raises:
        MissingExtraError: the SDK is not installed.
    """

    def __new__(cls, workspace: Workspace | None = None) -> Self:
        """Make an instance of a class that azure-core knows; its library is imported only now."""
        del workspace
        made: Self = object.__new__(_known(cast("Any", cls)))
        return made

    def __init__(self, workspace: Workspace | None = None) -> None:
        self._gate = Gate(workspace)

    def on_request(self, request: Any) -> None:
        """Ask about a request before it is sent.

        Raises:
            RefusedError: the gate refuses, or it could not be asked; nothing is sent.
        """
        if is_own():
            return
        sent = request.http_request
        with failing_closed(f"{sent.method} of {str(sent.url).partition('?')[0]}"):
            step = read_step(sent.method, sent.url, getattr(sent, "content", None) or sent.body)
        if step is None:
            return
        match step.kind:
            case StepKind.VERSION:
                request.context[_KEPT] = self._make(sent, step)
            case StepKind.IMPORT:
                request.context[_KEPT] = self._share(step)
            case StepKind.PACKAGE:
                self._gate.use(EventKind.DEPLOY, version_uri(step.place, step.name, step.version))
            case StepKind.DEPLOYMENT:
                self._deploy(step)

    def on_response(self, request: Any, response: Any) -> None:
        """Record which version a model became, once Azure has accepted it."""
        kept: tuple[Outcome, str, str] | None = request.context.pop(_KEPT, None)
        if kept is not None and response.http_response.status_code in _ACCEPTED:
            self._gate.link(*kept)

    def on_exception(self, request: Any) -> None:
        """Forget what was to be recorded."""
        request.context.pop(_KEPT, None)

    def _deploy(self, step: Step) -> None:
        """Ask about what a deployment runs; one that names no model at all runs its image only."""
        model = deployed_model(step.properties)
        if model:
            self._gate.use(EventKind.DEPLOY, _named(model, step.place), endpoint=step.endpoint)
        elif step.properties.get("model"):
            raise RefusedError(
                f"Weightmark cannot tell which model is deployed to {step.endpoint!r}, so it refuses",
                undecided=True,
                hint="Name a registered version: azureml:NAME:VERSION.",
            )

    def _make(self, sent: Any, step: Step) -> tuple[Outcome, str, str] | None:
        """Ask about a version that is made or changed; its tags are added to what is sent."""
        uri = version_uri(step.place, step.name, step.version)
        stated, passed = pairs(step.properties.get("tags")), passing.get()
        if passed is not None and (passed.place, passed.name) == (step.place, step.name):
            self._write_tags(sent, step, merge_tags(stated, {}, passed.outcome.tags()))
            return passed.outcome, uri, step.version
        with failing_closed(f"to register {uri}"):
            service = Service(step.place)
            present = service.find(f"models/{step.name}/versions/{step.version}")
        old = pairs(pairs(present).get("properties"))
        outcome: Outcome | None = None
        if present is None:
            outcome = self._create(service, step)
        elif is_promoted(step.properties.get("stage")) and _stage(step.properties) != _stage(old):
            outcome = self._gate.use(EventKind.PROMOTE, uri, stage=str(step.properties["stage"]))
        own = {} if outcome is None else outcome.tags()
        self._write_tags(sent, step, merge_tags(stated, pairs(old.get("tags")), own))
        return None if outcome is None or present is not None else (outcome, uri, step.version)

    def _write_tags(self, sent: Any, step: Step, tags: dict[str, Any]) -> None:
        if tags == pairs(step.properties.get("tags")):
            return
        text = json.dumps({**step.body, "properties": {**step.properties, "tags": tags}})
        sent.set_text_body(text)
        sent.headers["Content-Length"] = str(len(text.encode()))

    def _create(self, service: Service, step: Step) -> Outcome:
        uri = version_uri(step.place, step.name, step.version)
        merge_tags(pairs(step.properties.get("tags")), {}, {})
        source = str(step.properties.get("modelUri") or "")
        if source.startswith(_SAS):
            raise RefusedError(
                f"Weightmark could not check, so it refuses to register {uri}: it cannot read its files",
                undecided=True,
                hint="Call weightmark_hooks.azureml.protect() first, or make it with"
                " weightmark_hooks.azureml.register(ml_client, model).",
            )
        with (
            failing_closed(f"to register {uri}"),
            AzuremlRegistry().checkout(_absolute(source, service), stated=step.properties) as resolved,
        ):
            return self._gate.create(step.place, step.name, step.version, step.properties, resolved)

    def _share(self, step: Step) -> tuple[Outcome, str, str]:
        """Ask about a workspace's version that is copied to a registry."""
        wanted = step.properties
        name, number = str(wanted.get("destinationName")), str(wanted.get("destinationVersion"))
        target = version_uri(step.place, name, number)
        with failing_closed(f"to push {target}"):
            source = _source(str(wanted.get("sourceAssetId")))
        return self._gate.use(EventKind.PUSH, source, registry=step.place.registry), target, number


def _stage(properties: Any) -> str:
    return str(properties.get("stage") or "").strip().lower()


def _named(model: str, place: Place) -> str:
    """Write what a deployment runs as a URI, whatever form Azure took it in."""
    uri = asset_uri(model, place)
    return uri if uri.startswith("azureml:") else f"azureml:{uri}"


def _absolute(location: str, service: Service) -> str:
    """Write out in which workspace a location is meant."""
    for kind in ("datastores/", "jobs/"):
        if location.startswith(f"azureml://{kind}"):
            return f"{service.place.uri}/{location.removeprefix('azureml://')}"
    if location.startswith("runs:/"):
        job, _, path = location.removeprefix("runs:/").partition("/")
        return f"{service.place.uri}/jobs/{job}/outputs/artifacts/paths/{path}"
    return location


def _source(asset: str) -> str:
    """Find the workspace of ``azureml://locations/L/workspaces/GUID/models/N/versions/V`` among ours.

    Raises:
        RefusedError: none of the clients in use is for that workspace.
    """
    match asset.split("/"):
        case ["azureml:", "", "locations", _, "workspaces", guid, "models", name, "versions", version]:
            for place in (connection.place for connection in connected()):
                known = Service(place).get("")["properties"].get("workspaceId") if place.workspace else None
                if str(known).lower() == guid.lower():
                    return version_uri(place, name, version)
        case _:
            return asset
    raise RefusedError(
        f"Weightmark cannot tell which workspace {asset!r} is in, so it refuses to push it",
        undecided=True,
        hint="Name the workspace's client once: weightmark_hooks.azureml.connect(ml_client).",
    )


@functools.cache
def _known(cls: Any) -> Any:
    base = sdk.load("azure.core.pipeline.policies").SansIOHTTPPolicy
    return cls if issubclass(cls, base) else type(cls.__name__, (cls, base), {"__module__": cls.__module__})
