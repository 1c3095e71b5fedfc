"""The gate in front of Kubeflow's Model Registry: asked before its client sends anything."""

import functools
import inspect
import logging
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from weightmark.errors import RefusedError
from weightmark.model.card import split_names, state_facts
from weightmark.model.event import ModelEvent
from weightmark.ports import ResolvedModel
from weightmark.vocabulary import TAG_PREFIX, EventKind, Fact, is_reserved
from weightmark.workspace import Outcome, ask, failing_closed, process_workspace
from weightmark_adapters.kubeflow import KubeflowRegistry, sdk
from weightmark_adapters.kubeflow.uri import OBJECTS, version_uri

_log = logging.getLogger(__name__)

_SOURCES: Final = {"register_model": "uri", "upload_artifact_and_register_model": "model_files_path"}
"""The client's methods that register, and the argument of each that says where the model lies."""

_MARK: Final = "__weightmark_original__"
_under_way = threading.local()


def put_in() -> None:
    """Guard the client's methods that register; called again, it changes nothing.

    Raises:
        MissingExtraError: the Model Registry's client is not installed.
    """
    client = sdk.load("model_registry").ModelRegistry
    for name in _SOURCES:
        original = getattr(client, name)
        if not hasattr(original, _MARK):
            setattr(client, name, _guarded(original))


def take_out() -> None:
    """Take the guard away again.

    Raises:
        MissingExtraError: the Model Registry's client is not installed.
    """
    client = sdk.load("model_registry").ModelRegistry
    for name in _SOURCES:
        original = getattr(getattr(client, name), _MARK, None)
        if original is not None:
            setattr(client, name, original)


def _guarded(original: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs)
        if getattr(_under_way, "active", False):
            return original(*args, **kwargs)
        stated = given.arguments
        name, version = str(stated["name"]), str(stated["version"])
        metadata = dict(stated.get("metadata") or {})
        outcome = _register(name, version, str(stated[_SOURCES[original.__name__]]), metadata)
        stated["metadata"] = metadata | outcome.tags()
        with _asked():
            registered = original(*given.args, **given.kwargs)
        _link(outcome, name, version)
        return registered

    setattr(call, _MARK, original)
    return call


@contextmanager
def _asked() -> Generator[None, None, None]:
    """Let the one method of the client call the other without being asked a second time."""
    _under_way.active = True
    try:
        yield
    finally:
        _under_way.active = False


def _register(name: str, version: str, source: str, metadata: Mapping[str, Any]) -> Outcome:
    for key in metadata:
        if is_reserved(str(key)):
            raise RefusedError(
                f"Weightmark alone writes the property {key!r}: {TAG_PREFIX!r} is its own",
                hint="Leave it out.",
            )
    uri = version_uri(name, version)
    stated = {str(key): value for key, value in metadata.items() if isinstance(value, str)}
    with failing_closed(f"registering {source!r} as {name!r}"), _checkout(source) as resolved:
        facts = state_facts(stated, resolved.facts)
        event = ModelEvent(
            kind=EventKind.REGISTER,
            uri=uri,
            source=source,
            name=name,
            license=facts.get(Fact.LICENSE),
            owner=facts.get(Fact.OWNER),
            base_models=split_names(facts.get(Fact.BASE_MODEL, "")),
            relation=facts.get(Fact.BASE_MODEL_RELATION, ""),
            context={"platform": "kubeflow"},
        )
        known = replace(resolved, uri=uri, name=name, facts=facts)
        return ask(event, resolved=known)


@contextmanager
def _checkout(source: str) -> Generator[ResolvedModel, None, None]:
    if source.partition(":")[0] in OBJECTS:
        with KubeflowRegistry().checkout(source) as resolved:
            yield resolved
    else:
        yield process_workspace().resolve(source)


def _link(outcome: Outcome, name: str, version: str) -> None:
    """Record the version's URI; without it the version keeps its receipt, and the gates go by its files."""
    uri = version_uri(name, version)
    try:
        process_workspace().link(outcome, uri=uri, version=version)
    except Exception:
        _log.exception("%s was registered, but its URI is not recorded; the gates go by its files", uri)
