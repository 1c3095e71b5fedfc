"""The guard in front of SageMaker's calls: what registers, promotes or deploys a model asks first.

Not promised: anything about calls from other processes, or by other means than botocore; and what lies inside
a container's image cannot be seen.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final

from weightmark.encoding import parse_digest
from weightmark.errors import RefusedError
from weightmark.model.event import ModelEvent
from weightmark.ports import ResolvedModel
from weightmark.vocabulary import EventKind, is_reserved
from weightmark.workspace import Outcome, ask, failing_closed, process_workspace
from weightmark_adapters.sagemaker import SagemakerRegistry, sdk
from weightmark_adapters.sagemaker.metadata import merge
from weightmark_adapters.sagemaker.package import (
    Container,
    containers_of,
    hub_uri,
    is_live,
    is_promoted,
    part,
    parts,
    places_of,
)
from weightmark_adapters.sagemaker.uri import is_package_arn, split_name

_log = logging.getLogger(__name__)

_OUTCOME: Final = "weightmark_outcome"
_PLATFORM: Final = {"platform": "sagemaker"}


class Guard:
    """Handles botocore's events for one client; our own calls use that client's credentials.

    Args:
        client: boto3's client of SageMaker.
        session: the botocore session that made it; None when it is not known.
    """

    def __init__(self, client: Any, session: Any = None) -> None:
        self._client, self._session = client, session
        self._makes = sdk.ClientSession(client, session)
        self._lock = threading.Lock()
        self._registries: dict[str, SagemakerRegistry] = {}

    def before(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        """Ask before a call is sent; raising sends nothing.

        Raises:
            RefusedError: Weightmark refuses, or could not be asked.
        """
        if sdk.is_own_call():
            return
        with failing_closed(f"SageMaker's {model.name}"):
            registry = self._registry(str(context.get("client_region") or ""))
            with registry.sharing():
                outcome = _BEFORE[model.name](registry, params)
        if outcome is not None:
            context[_OUTCOME] = outcome

    def after(self, http_response: Any, parsed: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
        """Link the version that was made; without the link it has its receipt, and gates go by files."""
        outcome = context.get(_OUTCOME)
        arn = str(parsed.get("ModelPackageArn", ""))
        if not isinstance(outcome, Outcome) or http_response.status_code >= 300 or not is_package_arn(arn):  # noqa: PLR2004  HTTP's
            return
        try:
            version = split_name(arn)[1] or _short(outcome)
            process_workspace().link(outcome, uri=arn, version=version)
        except Exception:
            _log.exception("%s was registered, but its number is not recorded", arn)

    def _registry(self, region: str) -> SagemakerRegistry:
        with self._lock:
            if not self._makes.is_current():
                self._makes = sdk.ClientSession(self._client, self._session)
                self._registries.clear()
            if region not in self._registries:
                self._registries[region] = SagemakerRegistry(self._makes, region=region)
            return self._registries[region]


def _create_package(registry: SagemakerRegistry, params: dict[str, Any]) -> Outcome | None:
    group, _ = split_name(str(params.get("ModelPackageGroupName") or params.get("ModelPackageName") or ""))
    uri = f"sagemaker://{group}"
    own = {key: value for key, value in _stated(params).items() if not is_reserved(key)}
    containers = _source_containers(registry, params)
    if not places_of(containers) and not is_promoted(params):
        _log.warning("%s: there is no model data, so nothing is registered", uri)
        if own != _stated(params):
            params["CustomerMetadataProperties"] = own
        return None
    described = {**params, "CustomerMetadataProperties": own}
    with registry.checkout_described(described, containers=containers) as resolved:
        event = ModelEvent(kind=EventKind.REGISTER, uri=uri, name=group, context=_PLATFORM)
        outcome = ask(event, resolved=resolved)
        if is_promoted(params):
            event = ModelEvent(kind=EventKind.PROMOTE, uri=uri, name=group, context=_PLATFORM)
            ask(event, resolved=resolved)
    params["CustomerMetadataProperties"], _ = merge(own, outcome.tags())
    return outcome


def _update_package(registry: SagemakerRegistry, params: dict[str, Any]) -> Outcome | None:
    arn = str(params.get("ModelPackageArn", ""))
    stated = _stated(params)
    removed: Sequence[str] = params.get("CustomerMetadataPropertiesToRemove") or ()
    reserved = [key for key in stated if is_reserved(key)]
    promotes = params.get("ModelApprovalStatus") == "Approved" or is_live(part(params, "ModelLifeCycle"))
    swaps = "InferenceSpecification" in params
    if not (promotes or swaps or reserved or any(map(is_reserved, removed))):
        return None
    found = registry.packages.describe(arn)
    _refuse_reserved(stated, removed, part(found, "CustomerMetadataProperties"))
    if not promotes and not (swaps and is_promoted(found)):
        return None
    whole = {**found, **{key: params[key] for key in ("InferenceSpecification",) if key in params}}
    uri = str(found["ModelPackageArn"])
    group, version = split_name(uri)
    with registry.checkout_described(whole) as resolved:
        outcome = ask(
            ModelEvent(kind=EventKind.PROMOTE, uri=uri, name=group, version=version, context=_PLATFORM),
            resolved=resolved,
        )
    present = {**part(found, "CustomerMetadataProperties"), **stated}
    params["CustomerMetadataProperties"], _ = merge(
        {key: value for key, value in present.items() if key not in removed}, outcome.tags()
    )
    return None


def _create_model(registry: SagemakerRegistry, params: dict[str, Any]) -> None:
    _deploy_containers(registry, params)


def _create_endpoint_config(registry: SagemakerRegistry, params: dict[str, Any]) -> None:
    for name in _models_of(params):
        _deploy_model(registry, name)


def _create_endpoint(registry: SagemakerRegistry, params: dict[str, Any]) -> None:
    config = registry.packages.describe_endpoint_config(str(params.get("EndpointConfigName", "")))
    for name in _models_of(config):
        _deploy_model(registry, name)


def _use_model(registry: SagemakerRegistry, params: dict[str, Any]) -> None:
    _deploy_model(registry, str(params.get("ModelName", "")))


def _create_experiment(registry: SagemakerRegistry, params: dict[str, Any]) -> None:
    for name in _names_in(parts(params, "ModelVariants")):
        _deploy_model(registry, name)


def _create_component(registry: SagemakerRegistry, params: dict[str, Any]) -> None:
    for specification in (part(params, "Specification"), *parts(params, "Specifications")):
        if name := specification.get("ModelName"):
            _deploy_model(registry, str(name))
        container = part(specification, "Container")
        _deploy_containers(
            registry, {"PrimaryContainer": {**container, "ModelDataUrl": container.get("ArtifactUrl")}}
        )


_BEFORE: Final[Mapping[str, Callable[[SagemakerRegistry, dict[str, Any]], Outcome | None]]] = {
    "CreateModelPackage": _create_package,
    "UpdateModelPackage": _update_package,
    "CreateModel": _create_model,
    "CreateEndpointConfig": _create_endpoint_config,
    "CreateEndpoint": _create_endpoint,
    "UpdateEndpoint": _create_endpoint,
    "CreateTransformJob": _use_model,
    "CreateEdgePackagingJob": _use_model,
    "CreateInferenceExperiment": _create_experiment,
    "UpdateInferenceExperiment": _create_experiment,
    "CreateInferenceComponent": _create_component,
    "UpdateInferenceComponent": _create_component,
}

GATED: Final = tuple(_BEFORE)
"""SageMaker's operations that ask."""


def _deploy_model(registry: SagemakerRegistry, name: str) -> None:
    _deploy_containers(registry, registry.packages.describe_model(name))


def _deploy_containers(registry: SagemakerRegistry, model: Mapping[str, Any]) -> None:
    """Ask about everything that a model would run."""
    containers = [one for one in (part(model, "PrimaryContainer"), *parts(model, "Containers")) if one]
    for uri in filter(None, map(hub_uri, containers)):
        ask(ModelEvent(kind=EventKind.DEPLOY, uri=uri, context=_PLATFORM))
    with ExitStack() as stack:
        for uri, resolved in _models_in(registry, containers, stack):
            ask(ModelEvent(kind=EventKind.DEPLOY, uri=uri, context=_PLATFORM), resolved=resolved)


def _models_in(
    registry: SagemakerRegistry, containers: Sequence[Container], stack: ExitStack
) -> Iterator[tuple[str, ResolvedModel]]:
    for container in containers:
        if package := str(container.get("ModelPackageName") or ""):
            found = registry.packages.describe(
                package if is_package_arn(package) else f"sagemaker://{package}"
            )
            special = str(container.get("InferenceSpecificationName") or "")
            uri = str(found["ModelPackageArn"])
            # Another specification holds other files, which are registered as what they are, or not at all.
            uri = f"{uri}#{special}" if special else uri
            other = containers_of(found, special) if special else None
            yield uri, stack.enter_context(registry.checkout_described(found, containers=other))
    bare = [one for one in containers if not one.get("ModelPackageName")]
    places = places_of(bare)
    if places:
        yield places[0].uri, stack.enter_context(registry.checkout_described({}, containers=bare))


def _models_of(config: Mapping[str, Any]) -> list[str]:
    variants = (*parts(config, "ProductionVariants"), *parts(config, "ShadowProductionVariants"))
    pools = [pool for one in variants for pool in parts(one, "InstancePools")]
    return _names_in([*variants, *pools])


def _names_in(described: Sequence[Mapping[str, Any]]) -> list[str]:
    """Give the models that are named, each once; a pool of instances may have one of its own."""
    names = (one.get("ModelNameOverride") or one.get("ModelName") for one in described)
    return list(dict.fromkeys(str(name) for name in names if name))


def _source_containers(registry: SagemakerRegistry, params: Mapping[str, Any]) -> Sequence[Container]:
    """Give the containers of what is to be registered; a copy has those of what it copies."""
    own = containers_of(params)
    source = str(params.get("SourceUri") or "")
    if own or ":sagemaker:" not in source:
        return own
    if is_package_arn(source):
        return containers_of(registry.packages.describe(source))
    if ":model/" in source:
        model = registry.packages.describe_model(source.rpartition("/")[2])
        return [one for one in (part(model, "PrimaryContainer"), *parts(model, "Containers")) if one]
    return own


def _short(outcome: Outcome) -> str:
    """Give a package that has no version one: the first digits of its fingerprint."""
    return "" if outcome.model is None else parse_digest(outcome.model.bundle)[1].hex()[:12]


def _stated(params: Mapping[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in part(params, "CustomerMetadataProperties").items()}


def _refuse_reserved(stated: Mapping[str, str], removed: Sequence[str], present: Mapping[str, str]) -> None:
    """Let pass what only repeats what is there: who adds a key of their own sends all."""
    changed = [key for key, value in stated.items() if is_reserved(key) and present.get(key) != value]
    for key in (*changed, *filter(is_reserved, removed)):
        raise RefusedError(
            f"Weightmark alone writes the metadata {key!r}: keys that begin with 'weightmark.' are reserved",
            hint="Leave the key out, or send the value that it has.",
        )
