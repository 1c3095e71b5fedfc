"""The URIs of Kubeflow: models of its Model Registry, objects that its pipelines keep.

``model-registry://NAME/VERSION`` is what Kubeflow's own storage initializer for KServe reads. A slash or
another mark in a name is percent-encoded here.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, quote, unquote, urlsplit

from weightmark.errors import MalformedError

SCHEME: Final = "model-registry"
STORE: Final = "minio"
OBJECTS: Final = ("s3", STORE)
"""The schemes of objects that a pipeline or the Model Registry may name; ``s3`` is another's to resolve."""

_FORMS: Final = "Write model-registry://NAME/VERSION, or model-registry://NAME for its newest version."
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{1,254}")
_SAFE: Final = " ._~+-"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUri:
    """A model of the Model Registry.

    Attributes:
        name: the registered model's name.
        version: the version's name; empty for the newest.
    """

    name: str
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectUri:
    """Objects in a store that speaks S3.

    Attributes:
        uri: the URI that names them, without what says how to get there.
        bucket: the bucket.
        key: the object, or the folder of all objects; never empty, without slashes at its ends.
        endpoint: the store's address as the URI says it; empty when it does not.
    """

    uri: str
    bucket: str
    key: str
    endpoint: str = ""


def parse_model(uri: str, host: str = "") -> ModelUri:
    """Take a URI of the Model Registry apart.

    Args:
        uri: ``model-registry://NAME``, ``…/NAME/VERSION``, or either with the server's host before the name.
        host: the host of the server that is meant; empty for none.

    Raises:
        MalformedError: it names no model, or another server.

    >>> parse_model("model-registry://churn/v3")
    ModelUri(name='churn', version='v3')
    """
    scheme, _, rest = uri.partition("://")
    parts = rest.split("/")
    if scheme != SCHEME or not rest or "?" in rest or "#" in rest:
        raise MalformedError(f"{uri!r} is not a URI of Kubeflow's Model Registry", hint=_FORMS)
    if len(parts) > 1 and host and parts[0] == host:
        parts = parts[1:]
    names = [unquote(part) for part in parts]
    if all(name.strip() and name.isprintable() for name in names):
        match names:
            case [name]:
                return ModelUri(name=name)
            case [name, version]:
                return ModelUri(name=name, version=version)
            case _:
                pass
    raise MalformedError(f"{uri!r} names no model of this Model Registry", hint=_FORMS)


def version_uri(name: str, version: str) -> str:
    """Write the URI of one version of a registered model.

    >>> version_uri("acme/churn", "v3")
    'model-registry://acme%2Fchurn/v3'
    """
    return f"{SCHEME}://{quote(name, safe=_SAFE)}/{quote(version, safe=_SAFE)}"


def parse_object(uri: str) -> ObjectUri:
    """Take the URI of objects apart.

    Args:
        uri: ``s3://bucket/key`` or ``minio://bucket/key``; the Model Registry's ``?endpoint=`` is read.

    Raises:
        MalformedError: it names no bucket or no object, or its key climbs.

    >>> parse_object("minio://mlpipeline/v2/artifacts/run/model").key
    'v2/artifacts/run/model'
    """
    try:
        parts = urlsplit(uri, allow_fragments=False)
        asked = parse_qs(parts.query, strict_parsing=bool(parts.query), max_num_fields=20)
    except ValueError as error:
        raise MalformedError(f"{uri!r} is not a URI of objects: {error}") from error
    key = parts.path.strip("/")
    if parts.scheme not in OBJECTS or not _BUCKET.fullmatch(parts.netloc) or not is_safe(key):
        raise MalformedError(f"{uri!r} names no objects", hint="Write s3://BUCKET/KEY or minio://BUCKET/KEY.")
    return ObjectUri(
        uri=f"{parts.scheme}://{parts.netloc}/{key}",
        bucket=parts.netloc,
        key=key,
        endpoint=asked.get("endpoint", [""])[0],
    )


def is_safe(path: str) -> bool:
    """Say whether a relative path stays in its folder, however it is read."""
    steps = path.split("/")
    return bool(path) and not ({"", ".", ".."} & set(steps)) and "\\" not in path and path.isprintable()
