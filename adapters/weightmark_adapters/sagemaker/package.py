"""What SageMaker says about a model package: where its bytes are, and what was stated about it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import quote

from weightmark.errors import PlatformError
from weightmark.vocabulary import Fact, is_reserved
from weightmark_adapters.sagemaker.card import card_facts
from weightmark_adapters.sagemaker.s3 import DataPlace

PRODUCTION: Final = "production"
_LISTS: Final = (Fact.BASE_MODEL, Fact.DATASETS, Fact.EVALUATED_ON)

Container = Mapping[str, Any]
"""A container of an inference specification or of a model, as the API has it."""


def part(description: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Give an object inside a description; empty when it is not there."""
    found: Mapping[str, Any] | None = description.get(key)
    return found or {}


def parts(description: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    """Give a list of objects inside a description; empty when it is not there."""
    found: Sequence[Mapping[str, Any]] | None = description.get(key)
    return found or ()


def containers_of(description: Mapping[str, Any], specification: str = "") -> tuple[Container, ...]:
    """Give the containers that a package describes.

    Args:
        description: of a package, or the parameters that make one.
        specification: the name of one of its additional inference specifications; empty for its own.
    """
    if specification:
        for other in parts(description, "AdditionalInferenceSpecifications"):
            if other.get("Name") == specification:
                return tuple(parts(other, "Containers"))
    own = parts(part(description, "InferenceSpecification"), "Containers")
    return tuple(own or parts(part(description, "SourceAlgorithmSpecification"), "SourceAlgorithms"))


def places_of(containers: Sequence[Container]) -> tuple[DataPlace, ...]:
    """Say where the bytes of containers are.

    One container's model is the model's folder itself; several have a folder each, and what a container loads
    beside its model lies in ``additional-data`` below.
    """
    with_data = [container for container in containers if _main(container)]
    places: list[DataPlace] = []
    for number, container in enumerate(containers, start=1):
        label = str(container.get("ContainerHostname") or f"container-{number}") if len(with_data) > 1 else ""
        if main := _main(container):
            places.append(_place(*main, folder=label))
        for channel, source in _additional(container):
            folder = str(PurePosixPath(label, "additional-data", channel))
            places.append(_place(source, "", folder=folder))
    return tuple(dict.fromkeys(places))


def hub_uri(container: Container) -> str:
    """Give the URI of the model that a container fetches from Hugging Face's hub; empty when it does not.

    >>> hub_uri({"Environment": {"HF_MODEL_ID": "acme/churn"}})
    'hf://acme/churn'
    """
    environment = part(container, "Environment")
    name, revision = (str(environment.get(key) or "") for key in ("HF_MODEL_ID", "HF_MODEL_REVISION"))
    if not name or name.startswith(("/", ".", "s3:")):
        return ""
    return f"hf://{name}@{quote(revision, safe='')}" if revision else f"hf://{name}"


def require_places(containers: Sequence[Container], uri: str) -> tuple[DataPlace, ...]:
    """Say where the bytes are, as ``places_of``.

    Raises:
        PlatformError: there are none outside the container's image.
    """
    places = places_of(containers)
    if not places:
        raise PlatformError(
            f"{uri!r} has no model data; what is inside a container's image cannot be fingerprinted",
            hint="Register the model with ModelDataUrl or ModelDataSource.",
        )
    return places


def package_facts(description: Mapping[str, Any]) -> tuple[dict[str, str], ...]:
    """Give what was stated about a package, nearest first: customer metadata, its model card, its base model.

    Customer metadata cannot hold commas, so that several base models or data sets are separated by spaces.
    """
    own = {
        str(key): str(value)
        for key, value in part(description, "CustomerMetadataProperties").items()
        if not is_reserved(str(key))
    }
    for fact in _LISTS:
        if fact in own:
            own[fact.value] = ",".join(own[fact.value].split())
    content = part(description, "ModelCard").get("ModelCardContent") or ""
    bases = [
        str(name)
        for container in containers_of(description)
        if (name := part(container, "BaseModel").get("HubContentName"))
    ]
    known = {Fact.BASE_MODEL.value: ",".join(dict.fromkeys(bases))} if bases else {}
    return own, card_facts(str(content)), known


def is_promoted(description: Mapping[str, Any]) -> bool:
    """Say whether a package is approved, or its life cycle says that it is in production."""
    return description.get("ModelApprovalStatus") == "Approved" or is_live(
        part(description, "ModelLifeCycle")
    )


def is_live(cycle: Mapping[str, Any]) -> bool:
    """Say whether a life cycle's stage is a promotion.

    It is when its status is ``Approved``, except in a stage of development, and in production whatever its
    status, unless that is ``Rejected``.
    """
    stage = str(cycle.get("Stage", "")).strip().lower()
    status = str(cycle.get("StageStatus", "")).strip().lower()
    if status == "rejected":
        return False
    return stage.startswith("prod") or (status == "approved" and not stage.startswith("dev"))


def _main(container: Container) -> tuple[Mapping[str, Any], str] | None:
    etag = str(container.get("ModelDataETag") or "")
    if source := part(part(container, "ModelDataSource"), "S3DataSource"):
        return source, etag
    url = container.get("ModelDataUrl")
    if not url:
        return None
    kind = "S3Prefix" if str(url).endswith("/") else "S3Object"
    return {"S3Uri": url, "S3DataType": kind}, etag


def _additional(container: Container) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for channel in parts(container, "AdditionalModelDataSources"):
        yield str(channel.get("ChannelName", "")), channel["S3DataSource"]
    if more := part(container, "AdditionalS3DataSource"):
        yield "data", more


def _place(source: Mapping[str, Any], etag: str, *, folder: str) -> DataPlace:
    prefix = source.get("S3DataType") == "S3Prefix"
    stated = str(source.get("ETag") or etag).strip('"')
    return DataPlace(uri=str(source["S3Uri"]), prefix=prefix, etag="" if prefix else stated, folder=folder)
