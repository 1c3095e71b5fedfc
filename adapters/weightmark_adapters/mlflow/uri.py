"""The URIs that MLflow gives to models and artifacts, read strictly."""

import posixpath
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from weightmark.errors import MalformedError

GUARD: Final = "weightmark+"
"""Before the scheme of a registry URI: the same registry, guarded."""

_FORMS: Final = "Write models:/NAME/VERSION or models:/NAME@ALIAS."


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUri:
    """A URI taken apart; the fields that its kind does not have are empty.

    Attributes:
        scheme: ``models``, ``runs`` or ``mlflow-artifacts``.
        name: the registered model's name.
        version: its version, decimal digits without leading zeros.
        alias: its alias; ``latest`` stands for the highest version.
        stage: its stage, as older servers have it.
        model_id: the identifier of a logged model, ``m-…``.
        run_id: the run's identifier.
        path: the path below the run, without slashes at its ends.
    """

    scheme: str
    name: str = ""
    version: str = ""
    alias: str = ""
    stage: str = ""
    model_id: str = ""
    run_id: str = ""
    path: str = ""


def parse_uri(uri: str) -> ModelUri:
    """Take a URI apart.

    Args:
        uri: ``models:/name/3``, ``models:/name@alias``, ``models:/name/latest``, ``models:/name/Stage``,
            ``models:/m-id``, ``runs:/id/path`` or ``mlflow-artifacts:/path``.

    Raises:
        MalformedError: it is none of these, or its path climbs out of its folder.

    >>> parse_uri("models:/churn/3").version
    '3'
    """
    try:
        parts = urlsplit(uri, allow_fragments=False)
    except ValueError as error:
        raise MalformedError(f"{uri!r} is not a URI: {error}", hint=_FORMS) from error
    if parts.scheme not in {"models", "runs", "mlflow-artifacts"}:
        raise MalformedError(f"{uri!r} is not a URI of MLflow", hint=_FORMS)
    if parts.scheme == "mlflow-artifacts":
        return ModelUri(scheme=parts.scheme, path=safe_path(parts.path, uri))
    if parts.netloc or not parts.path.startswith("/") or parts.query:
        raise MalformedError(f"{uri!r} must begin with {parts.scheme}:/ and name no server")
    if parts.scheme == "runs":
        if "#" in uri:
            raise MalformedError(f"{uri!r} holds '#': MLflow reads no further, so it names two folders")
        run_id, _, rest = parts.path[1:].partition("/")
        if not run_id or run_id in {".", ".."}:
            raise MalformedError(f"{uri!r} names no run")
        return ModelUri(scheme="runs", run_id=run_id, path=safe_path(rest, uri))
    return _parse_model(uri, parts.path[1:])


def parse_listing(uri: str) -> str:
    """Read what is to be listed.

    Args:
        uri: ``models:/`` for the whole registry, ``models:/name`` for one registered model.

    Returns:
        The registered model's name; empty for all.

    Raises:
        MalformedError: it is neither.

    >>> parse_listing("models:/churn")
    'churn'
    """
    hint = "Write models:/ for the whole registry, or models:/NAME."
    path = uri.removeprefix("models:/").strip("/")
    if not uri.startswith("models:/") or uri.startswith("models://") or "/" in path:
        raise MalformedError(f"{uri!r} names nothing that MLflow could list", hint=hint)
    return path


def version_uri(name: str, version: str) -> str:
    """Write the URI of one version of a registered model."""
    return f"models:/{name}/{version}"


def safe_path(path: str, uri: str) -> str:
    """Decode a path until it no longer changes and refuse one that climbs.

    Returns:
        The path with single slashes inside and none at its ends; empty for the root.

    Raises:
        MalformedError: it holds ``..``, a backslash or a NUL.

    >>> safe_path("/0/run//artifacts/", "mlflow-artifacts:/0/run//artifacts/")
    '0/run/artifacts'
    """
    while (decoded := unquote(path)) != path:
        path = decoded
    steps = [step for step in path.split("/") if step not in {"", "."}]
    if ".." in steps or "\\" in path or "\0" in path:
        raise MalformedError(f"the path of {uri!r} climbs out of its folder", hint="Use its plain path.")
    return posixpath.join(*steps) if steps else ""


def _parse_model(uri: str, path: str) -> ModelUri:
    match path.rstrip("/").split("/"):
        case [name, suffix] if name.strip() and suffix.strip():
            if suffix.isascii() and suffix.isdigit():
                return ModelUri(scheme="models", name=name, version=suffix.lstrip("0") or "0")
            if suffix.lower() == "latest":
                return ModelUri(scheme="models", name=name, alias="latest")
            return ModelUri(scheme="models", name=name, stage=suffix)
        case [one] if "@" in one:
            name, _, alias = one.rpartition("@")
            if name.strip() and alias.strip():
                return ModelUri(scheme="models", name=name, alias=alias)
        case [model_id] if model_id.strip():
            return ModelUri(scheme="models", model_id=model_id)
        case _:
            pass
    raise MalformedError(f"{uri!r} names no model", hint=_FORMS)
