"""What a request to Azure ML is about to do to a model, read off its method, its address and its body."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from weightmark_adapters.azureml.service import pairs
from weightmark_adapters.azureml.uri import Place

_HOME: Final = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<group>[^/]+)"
    r"/providers/microsoft\.machinelearningservices/(?P<kind>workspaces|registries)/(?P<name>[^/]+)/(?P<rest>.+)",
    re.IGNORECASE,
)


class StepKind(StrEnum):
    """The steps that are gated."""

    VERSION = "version"
    DEPLOYMENT = "deployment"
    PACKAGE = "package"
    IMPORT = "import"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request that a gate asks about.

    Attributes:
        kind: what it does.
        place: the workspace or the registry that it is sent to.
        name: the model's name; empty for a deployment.
        version: the model's version; empty for a deployment.
        endpoint: the endpoint's name, for a deployment.
        body: what is sent.
    """

    kind: StepKind
    place: Place
    name: str = ""
    version: str = ""
    endpoint: str = ""
    body: Mapping[str, Any]

    @property
    def properties(self) -> dict[str, Any]:
        """What is stated about the resource."""
        return pairs(self.body.get("properties"))


def read_step(method: str, url: str, content: object) -> Step | None:
    """Read a request.

    Args:
        method: its method.
        url: its address.
        content: its body, text or bytes.

    Returns:
        The step; None for what no gate asks about.

    Raises:
        ValueError: it is a step, but its body is not JSON.
    """
    found = _HOME.search(unquote(urlsplit(url).path)) if method in {"PUT", "POST"} else None
    if found is None:
        return None
    place = _place(found)
    match method, [_word(step) for step in found["rest"].rstrip("/").split("/")]:
        case "PUT", ["models", name, "versions", version]:
            return Step(kind=StepKind.VERSION, place=place, name=name, version=version, body=_read(content))
        case "POST", ["models", name, "versions", version, "package"]:
            return Step(kind=StepKind.PACKAGE, place=place, name=name, version=version, body={})
        case "PUT", (
            ["onlineendpoints" | "batchendpoints", endpoint, "deployments", _]
            | ["serverlessendpoints", endpoint]
        ):
            return Step(kind=StepKind.DEPLOYMENT, place=place, endpoint=endpoint, body=_read(content))
        case "POST", ["import"] if place.registry:
            return Step(kind=StepKind.IMPORT, place=place, body=_read(content))
        case _:
            return None


_WORDS: Final = frozenset(
    {
        "models",
        "versions",
        "package",
        "onlineendpoints",
        "batchendpoints",
        "serverlessendpoints",
        "deployments",
        "import",
    }
)


def _word(text: str) -> str:
    """Write Azure's own words in lower case, which it does not tell from upper; names stay as they are."""
    return text.lower() if text.lower() in _WORDS else text


def _place(found: re.Match[str]) -> Place:
    if found["kind"].lower() == "registries":
        return Place(registry=found["name"].lower())
    return Place(
        subscription=found["subscription"].lower(),
        group=found["group"].lower(),
        workspace=found["name"].lower(),
    )


def _read(content: object) -> dict[str, Any]:
    if not isinstance(content, (str, bytes)):
        raise ValueError("its body cannot be read")  # noqa: TRY004 - as for a body that is not JSON
    return pairs(json.loads(content))
