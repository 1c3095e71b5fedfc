"""What Azure ML knows about a model version: its tags, its job, what went into that job."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from weightmark.errors import MalformedError, PlatformError
from weightmark.model.card import read_facts, split_names, state_facts
from weightmark.vocabulary import Fact
from weightmark_adapters.azureml.service import Service, pairs
from weightmark_adapters.azureml.uri import Place, asset_uri, parse_uri

_MODELS: Final = frozenset({"custom_model", "mlflow_model", "triton_model"})
_DATA: Final = frozenset({"uri_file", "uri_folder", "mltable"})
_MAX_INPUTS: Final = 64


def _read_stated(properties: Mapping[str, Any]) -> tuple[Mapping[str, str], ...]:
    """Give what was stated about a version, what counts most first."""
    flavors = [pairs(flavor).get("data") for flavor in pairs(properties.get("flavors")).values()]
    kept = [properties.get(key) for key in ("tags", "properties", "systemMetadata")]
    return tuple(map(_texts, [*kept, *flavors]))


def gather_facts(service: Service, stated: Mapping[str, Any], path: Path, *, job: str = "") -> dict[str, str]:
    """Give all facts about a version; short names of base models are written out.

    Args:
        service: where the version is.
        stated: its properties, as the service gives or takes them.
        path: its files.
        job: the job that made it; empty when it is not known.

    Raises:
        MalformedError: a card among the files cannot be read.
        PlatformError: Azure could not be reached or was too busy.
    """
    made = {} if not job or service.place.registry else _read_job(service, job)
    facts = state_facts({}, *_read_stated(stated), made, read_facts(path))
    # A short form is meant in this workspace, wherever it is read later.
    bases = [_expand(service.place, base) for base in split_names(facts.get(Fact.BASE_MODEL, ""))]
    return facts | ({Fact.BASE_MODEL.value: ",".join(bases)} if bases else {})


def _expand(place: Place, base: str) -> str:
    try:
        parsed = parse_uri(base)
    except MalformedError:
        return base
    if not parsed.is_model or parsed.place is not None:
        return base
    tail = f"versions/{parsed.version}" if parsed.version else f"labels/{parsed.label}"
    return f"{place.uri}/models/{parsed.name}/{tail}"


def _read_job(service: Service, name: str) -> dict[str, str]:
    """Give the facts that the job tells which made a model; none when it is gone or may not be seen.

    Models that went into it are base models, data that went into it are data sets.
    """
    try:
        properties = pairs(service.get(f"jobs/{name}").get("properties"))
    except PlatformError as error:
        if error.retryable:
            raise
        return {}
    inputs = list(_inputs(properties))
    used = {
        Fact.BASE_MODEL.value: _join(inputs, _MODELS, service.place),
        Fact.DATASETS.value: _join(inputs, _DATA, service.place),
    }
    return state_facts(_texts(properties.get("tags")), _texts(properties.get("properties")), used)


def _inputs(properties: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for value in list(pairs(properties.get("inputs")).values())[:_MAX_INPUTS]:
        stated = pairs(value)
        if isinstance(stated.get("uri"), str):
            yield str(stated.get("jobInputType")), str(stated["uri"])


def _join(inputs: list[tuple[str, str]], kinds: frozenset[str], place: Place) -> str:
    uris = (
        asset_uri(uri, place) if kinds is _MODELS else _data(uri, place)
        for kind, uri in inputs
        if kind in kinds
    )
    return ",".join(dict.fromkeys(uri for uri in uris if "," not in uri))


def _data(uri: str, place: Place) -> str:
    """Write a data set's short form out; the reader of model URIs would take it for a model."""
    rest = uri.removeprefix("azureml:")
    if uri.startswith("azureml:") and not rest.startswith("/") and rest.count(":") == 1:
        name, version = rest.split(":")
        return f"{place.uri}/data/{name}/versions/{version}"
    return asset_uri(uri, place)


def _texts(value: Any) -> dict[str, str]:
    return {str(key): text for key, text in pairs(value).items() if isinstance(text, str)}
