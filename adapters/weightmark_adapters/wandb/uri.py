"""The URIs that name artifacts of Weights & Biases, read strictly."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from weightmark.errors import MalformedError

REGISTRY_PREFIX: Final = "wandb-registry-"
"""What the name of a registry's project begins with."""

_FORMS: Final = "Write wandb://ENTITY/PROJECT/NAME:v3 or wandb://ENTITY/PROJECT/NAME:ALIAS."
_PART: Final = re.compile(r"[^/:\\\x00-\x1f\x7f]{1,128}")
_VERSION: Final = re.compile(r"v[0-9]{1,9}")
_PARTS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactUri:
    """A URI taken apart; what it leaves out is empty.

    Attributes:
        entity: the user or team; in a registry, the organisation.
        project: the project or registry.
        name: the artifact's name, without version.
        alias: its version (``v3``) or alias.
    """

    entity: str
    project: str = ""
    name: str = ""
    alias: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether it names one version, in a project where a version's number is never given again."""
        return bool(_VERSION.fullmatch(self.alias)) and not self.in_registry

    @property
    def in_registry(self) -> bool:
        """Whether it lies in a registry, where versions are links to those of projects."""
        return self.project.startswith(REGISTRY_PREFIX)

    @property
    def path(self) -> str:
        """The name by which the library's client knows it."""
        alias = f":{self.alias or 'latest'}" if self.name else ""
        return "/".join(part for part in (self.entity, self.project, self.name) if part) + alias


def parse_uri(uri: str, *, listing: bool = False) -> ArtifactUri:
    """Take a URI apart.

    Args:
        uri: ``wandb://entity/project/name:v3``, with an alias for the version, or without for ``latest``.
        listing: whether ``wandb://entity`` and ``wandb://entity/project`` will do.

    Raises:
        MalformedError: it is none of these.

    >>> parse_uri("wandb://acme/churn/model:production").alias
    'production'
    """
    scheme, found, rest = uri.partition("://")
    if scheme != "wandb" or not found:
        raise MalformedError(f"{uri!r} is not a URI of Weights & Biases", hint=_FORMS)
    parts = unquote(rest).rstrip("/").split("/")
    last, colon, alias = parts[-1].partition(":")
    parts[-1] = last
    whole = len(parts) == _PARTS or (listing and len(parts) < _PARTS and not colon)
    named = [*parts, alias] if colon else parts
    if not whole or len(parts) > _PARTS or not all(_is_part(part) for part in named):
        raise MalformedError(f"{uri!r} names no artifact of Weights & Biases", hint=_FORMS)
    entity, project, name, *_ = [*parts, "", ""]
    return ArtifactUri(entity=entity, project=project, name=name, alias=alias)


def version_uri(entity: str, project: str, name: str) -> str:
    """Write the URI of one version; the name ends in it: ``model:v3``."""
    return f"wandb://{entity}/{project}/{name}"


def _is_part(text: str) -> bool:
    return bool(_PART.fullmatch(text)) and text not in {".", ".."} and text.strip() == text
