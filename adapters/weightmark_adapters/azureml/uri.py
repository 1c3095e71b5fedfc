"""The URIs that Azure ML gives to models, datastores and jobs, read strictly."""

import re
from dataclasses import dataclass, field
from typing import Final

from weightmark.errors import MalformedError

SCHEME: Final = "azureml"
LATEST: Final = "latest"
"""The one label that Azure ML resolves for models."""

_FORMS: Final = "Write azureml:NAME:VERSION or azureml://registries/REGISTRY/models/NAME/versions/VERSION."
_MAX_URI: Final = 2048
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_PART: Final = re.compile(r"[A-Za-z0-9][\w.()-]{0,89}", re.ASCII)
_WORKSPACE: Final = re.compile(
    r"subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<group>[^/]+)/"
    r"(?:providers/microsoft\.machinelearningservices/)?workspaces/(?P<workspace>[^/]+)(?:/|$)",
    re.IGNORECASE,
)
_REGISTRY: Final = re.compile(r"registries/(?P<registry>[^/]+)(?:/|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A workspace or a registry; its names are in lower case, since Azure does not tell the cases apart.

    Attributes:
        subscription: of the workspace; empty for a registry.
        group: the workspace's resource group; empty for a registry.
        workspace: the workspace; empty for a registry.
        registry: the registry; empty for a workspace.
    """

    subscription: str = ""
    group: str = ""
    workspace: str = ""
    registry: str = ""

    @property
    def uri(self) -> str:
        """The URI below which its models are."""
        if self.registry:
            return f"azureml://registries/{self.registry}"
        return f"azureml://subscriptions/{self.subscription}/resourceGroups/{self.group}/workspaces/{self.workspace}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureUri:
    """A URI taken apart; the fields that its kind does not have are empty.

    Attributes:
        place: where; None for the workspace that the client is set to.
        name: the model's name.
        version: its version.
        label: its label.
        datastore: the datastore's name.
        job: the job's name.
        output: the job's output.
        path: the path in the datastore or the output, without slashes at its ends.
    """

    place: Place | None = field(default=None)
    name: str = ""
    version: str = ""
    label: str = ""
    datastore: str = ""
    job: str = ""
    output: str = ""
    path: str = ""

    @property
    def is_model(self) -> bool:
        """Whether it names one version of a model, or a label of it."""
        return bool(self.name and (self.version or self.label))


def parse_uri(uri: str) -> AzureUri:
    """Take a URI apart.

    Args:
        uri: ``azureml:name:3``, ``azureml:name@latest``,
            ``azureml://registries/R/models/N/versions/3``,
            ``azureml://subscriptions/S/resourceGroups/G/workspaces/W/models/N/versions/3``, the same with
            ``/labels/latest``, ``azureml://datastores/D/paths/P``, ``azureml://jobs/J/outputs/O/paths/P``, or
            only the beginning of one of them. An Azure resource identifier may stand after ``azureml:`` too.

    Raises:
        MalformedError: it is none of these, or its path climbs out of its folder.

    >>> parse_uri("azureml:churn:3").version
    '3'
    """
    scheme, colon, rest = uri.partition(":")
    if scheme != SCHEME or not colon or len(uri) > _MAX_URI:
        raise MalformedError(f"{uri[:80]!r} is not a URI of Azure ML", hint=_FORMS)
    return _parse_long(rest.lstrip("/"), uri) if rest.startswith("/") else _parse_short(rest, uri)


def asset_uri(reference: str, place: Place) -> str:
    """Write what Azure ML itself refers to a model or a data set by as its exact URI.

    Args:
        reference: a resource identifier, a URI, or a name and version.
        place: where a short form is meant.

    Returns:
        The URI; what is none of Azure ML's assets comes back as it was.

    >>> asset_uri("azureml:churn:3", Place(registry="shared"))
    'azureml://registries/shared/models/churn/versions/3'
    """
    text = reference if reference.startswith(f"{SCHEME}:") else f"{SCHEME}:{reference}"
    try:
        parsed = parse_uri(text)
    except MalformedError:
        return _data_uri(text) or reference
    return version_uri(parsed.place or place, parsed.name, parsed.version) if parsed.version else reference


def version_uri(place: Place, name: str, version: str) -> str:
    """Write the exact URI of one version of a model."""
    return f"{place.uri}/models/{name}/versions/{version}"


def safe_path(path: str, uri: str) -> str:
    """Tidy a path in a store and refuse one that climbs.

    Returns:
        The path with single slashes inside and none at its ends; empty for the root.

    Raises:
        MalformedError: it holds ``..``, a backslash or a control character.

    >>> safe_path("models//churn/", "azureml://datastores/d/paths/models//churn/")
    'models/churn'
    """
    steps = [step for step in path.split("/") if step not in {"", "."}]
    if ".." in steps or "\\" in path or not path.isprintable():
        raise MalformedError(f"the path of {uri!r} climbs out of its folder", hint="Use its plain path.")
    return "/".join(steps)


def _parse_short(text: str, uri: str) -> AzureUri:
    if not text:
        return AzureUri()
    name, mark, rest = text.partition("@" if "@" in text else ":")
    if not mark:
        return AzureUri(name=_named(name, uri))
    if mark == "@":
        return AzureUri(name=_named(name, uri), label=_named(rest, uri))
    return AzureUri(name=_named(name, uri), version=_named(rest, uri))


def _parse_long(text: str, uri: str) -> AzureUri:
    place: Place | None = None
    if found := _WORKSPACE.match(text) or _REGISTRY.match(text):
        for part in found.groups():
            if not _PART.fullmatch(part):
                raise MalformedError(f"{uri!r} names no workspace and no registry", hint=_FORMS)
        place = Place(**{key: value.lower() for key, value in found.groupdict().items()})
        text = text[found.end() :]
    match text.rstrip("/").split("/"):
        case [""] | ["models"] if place is not None:
            return AzureUri(place=place)
        case ["models", name] if place is not None:
            return AzureUri(place=place, name=_named(name, uri))
        case ["models", name, "versions", version] if place is not None:
            return AzureUri(place=place, name=_named(name, uri), version=_named(version, uri))
        case ["models", name, "labels", label] if place is not None:
            return AzureUri(place=place, name=_named(name, uri), label=_named(label, uri))
        case ["datastores", store, "paths", *steps] if place is None or not place.registry:
            path = safe_path("/".join(steps), uri)
            return AzureUri(place=place, datastore=_named(store, uri), path=path)
        case ["jobs", job, "outputs", output, "paths", *steps] if place is None or not place.registry:
            path = safe_path("/".join(steps), uri)
            return AzureUri(place=place, job=_named(job, uri), output=_named(output, uri), path=path)
        case _:
            raise MalformedError(f"{uri!r} names nothing in Azure ML", hint=_FORMS)


def _named(text: str, uri: str) -> str:
    if not _NAME.fullmatch(text):
        raise MalformedError(f"{uri!r} holds a name that Azure ML does not give: {text[:80]!r}", hint=_FORMS)
    return text


def _data_uri(text: str) -> str:
    """Write a data set's resource identifier as a URI; empty when it is none."""
    rest = text.removeprefix(f"{SCHEME}:").lstrip("/")
    found = _WORKSPACE.match(rest) or _REGISTRY.match(rest)
    if found is None:
        return ""
    place = Place(**{key: value.lower() for key, value in found.groupdict().items()})
    match rest[found.end() :].split("/"):
        case ["data", name, "versions", version] if _NAME.fullmatch(name) and _NAME.fullmatch(version):
            return f"{place.uri}/data/{name}/versions/{version}"
        case _:
            return ""
