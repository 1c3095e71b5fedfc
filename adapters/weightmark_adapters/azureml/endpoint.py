"""Which models are in use: the deployments behind a workspace's endpoints."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from weightmark.errors import PlatformError
from weightmark_adapters.azureml.service import Service, pairs
from weightmark_adapters.azureml.uri import asset_uri

_WHOLE: Final = 100


def deployed_uris(service: Service) -> frozenset[str]:
    """Give the exact URIs of the models that online and batch deployments of a workspace run.

    Raises:
        PlatformError: Azure refused or failed.
    """
    if service.place.registry:
        return frozenset()
    found: set[str] = set()
    for kind in ("onlineEndpoints", "batchEndpoints"):
        for endpoint in service.items(kind):
            found |= {uri for _, uri in _deployments(service, kind, str(endpoint["name"]))}
    return frozenset(found)


def deployed_model(properties: Mapping[str, Any]) -> str:
    """Give what a deployment says it runs, as Azure writes it; empty when it names no model.

    Args:
        properties: of an online or a batch deployment or of a serverless endpoint, as the service has them.
    """
    model = properties.get("model") or pairs(properties.get("modelSettings")).get("modelId")
    for key in ("assetId", "path"):
        model = pairs(model).get(key) or model
    return model if isinstance(model, str) else ""


def stop_traffic(service: Service, uri: str, endpoint: str = "") -> bool:
    """Send no more traffic to the online deployments that run a model.

    Their share goes to the endpoint's largest other deployment; with no other the endpoint answers nobody.

    Args:
        service: the workspace.
        uri: the model's exact URI.
        endpoint: the endpoint's name; empty for all.

    Returns:
        Whether a deployment that runs the model was found, and none is given traffic now.

    Raises:
        PlatformError: Azure refused or failed.
    """
    names = [endpoint] if endpoint else [str(one["name"]) for one in service.items("onlineEndpoints")]
    stopped = False
    for name in names:
        found = service.find(f"onlineEndpoints/{name}")
        if found is None:
            continue
        running = {one for one, model in _deployments(service, "onlineEndpoints", name) if model == uri}
        stopped = stopped or bool(running)
        traffic = pairs(pairs(found["properties"]).get("traffic"))
        rest = without(traffic, running)
        if rest != traffic:
            properties = {**found["properties"], "traffic": rest}
            properties.pop("mirrorTraffic", None)
            kept = ("location", "tags", "identity", "kind", "sku")
            body = {key: found[key] for key in kept if found.get(key) is not None}
            service.put(f"onlineEndpoints/{name}", {**body, "properties": properties})
    return stopped


def without(traffic: Mapping[str, int], names: set[str]) -> dict[str, int]:
    """Take deployments' shares away; Azure wants the rest to come to 100 or to 0.

    >>> without({"blue": 70, "green": 20, "grey": 10}, {"blue"})
    {'blue': 0, 'green': 90, 'grey': 10}
    """
    rest = {name: 0 if name in names else share for name, share in traffic.items()}
    others = {name: share for name, share in rest.items() if share > 0}
    if others and sum(others.values()) < sum(traffic.values()):
        rest[max(others, key=lambda name: others[name])] += min(sum(traffic.values()), _WHOLE) - sum(
            others.values()
        )
    return rest


def _deployments(service: Service, kind: str, endpoint: str) -> Iterator[tuple[str, str]]:
    try:
        for deployment in service.items(f"{kind}/{endpoint}/deployments"):
            model = deployed_model(deployment["properties"])
            if model:
                yield str(deployment["name"]), asset_uri(model, service.place)
    except PlatformError as error:
        if error.retryable or getattr(error.__cause__, "status_code", 0) != 404:  # noqa: PLR2004 - not found
            raise
