"""The guard in front of MLflow's registry store: every write that could let a model through asks first.

Not promised: anything about models that are loaded past the registry (``runs:/``, ``models:/m-…``), or about
bytes that change after a promotion; ``weightmark verify`` tells.
"""

import logging
import threading
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from weightmark.errors import WeightmarkError
from weightmark.model.card import split_names
from weightmark.model.event import ModelEvent
from weightmark.ports.registry import ResolvedModel
from weightmark.vocabulary import TAG_PREFIX, EventKind, Fact
from weightmark.workspace import Outcome, Workspace
from weightmark_adapters.mlflow import MlflowRegistry, sdk
from weightmark_adapters.mlflow.uri import version_uri
from weightmark_hooks.mlflow.request import asking_user

_log = logging.getLogger(__name__)

_CONTEXT: Final = {"platform": "mlflow"}
_PROMPT_TAG: Final = "mlflow.prompt.is_prompt"
_PROMPT_SOURCES: Final = frozenset({"dummy-source", "prompt-template"})
_FREE_STAGES: Final = frozenset({"none", "archived"})
_lock = threading.Lock()
_opened: list[Workspace] = []


class StoreCallback:
    """Mixed in before one of MLflow's registry stores, so that MLflow calls it first.

    Attributes:
        weightmark_registry: finds the bytes of what is to be registered or promoted.
    """

    weightmark_registry: MlflowRegistry

    def create_registered_model(self, name: str, tags: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Create a registered model; reserved tags are refused."""
        _refuse_reserved(tag.key for tag in tags or ())
        store: Any = super()
        return store.create_registered_model(name, tags, *args, **kwargs)

    def create_model_version(
        self, name: str, source: str, run_id: Any = None, tags: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Register the model with Weightmark, then create the version with the receipt among its tags."""
        store: Any = super()
        stated = {str(tag.key): str(tag.value) for tag in tags or ()}
        if _is_prompt(stated, source):
            _refuse_reserved(stated)
            return store.create_model_version(name, source, run_id, tags, *args, **kwargs)
        own = [tag for tag in tags or () if not _is_reserved(tag.key)]
        facts = {key: value for key, value in stated.items() if not _is_reserved(key)}
        outcome = self._register(name, source, facts, run_id=run_id, model_id=kwargs.get("model_id"))
        make_tag = sdk.load("mlflow.entities.model_registry").ModelVersionTag
        own += [make_tag(key, value) for key, value in outcome.tags().items()]
        created = store.create_model_version(name, source, run_id, own, *args, **kwargs)
        _link(outcome, name, str(created.version))
        return created

    def rename_registered_model(self, name: str, new_name: str) -> Any:
        """Rename, and record each version under its new name; one that cannot be is refused at promotion."""
        store: Any = super()
        renamed = store.rename_registered_model(name, new_name)
        quote = '"' if "'" in new_name else "'"
        for version in store.search_model_versions(f"name = {quote}{new_name}{quote}"):
            if _is_prompt(version.tags, version.source):
                continue
            try:
                source = store.get_model_version_download_uri(new_name, version.version)
                facts = {key: value for key, value in version.tags.items() if not _is_reserved(key)}
                outcome = self._register(new_name, source, facts, run_id=version.run_id)
            except Exception:
                _log.exception(
                    "%s is not recorded under its new name", version_uri(new_name, version.version)
                )
            else:
                _link(outcome, new_name, str(version.version))
        return renamed

    def set_registered_model_alias(self, name: str, alias: str, version: Any) -> Any:
        """Point an alias at a version, if the version may be promoted."""
        self._promote(name, version, {"alias": str(alias)})
        store: Any = super()
        return store.set_registered_model_alias(name, alias, version)

    def transition_model_version_stage(
        self, name: str, version: Any, stage: str, *args: Any, **kw: Any
    ) -> Any:
        """Move a version to a stage, if it may be promoted; ``None`` and ``Archived`` are free."""
        if str(stage).strip().lower() not in _FREE_STAGES:
            self._promote(name, version, {"stage": str(stage)})
        store: Any = super()
        return store.transition_model_version_stage(name, version, stage, *args, **kw)

    def set_model_version_tag(self, name: str, version: Any, tag: Any) -> Any:
        """Set a tag that is not reserved."""
        _refuse_reserved([tag.key])
        store: Any = super()
        return store.set_model_version_tag(name, version, tag)

    def delete_model_version_tag(self, name: str, version: Any, key: str) -> Any:
        """Delete a tag that is not reserved."""
        _refuse_reserved([key])
        store: Any = super()
        return store.delete_model_version_tag(name, version, key)

    def set_registered_model_tag(self, name: str, tag: Any) -> Any:
        """Set a registered model's tag that is not reserved."""
        _refuse_reserved([tag.key])
        store: Any = super()
        return store.set_registered_model_tag(name, tag)

    def delete_registered_model_tag(self, name: str, key: str) -> Any:
        """Delete a registered model's tag that is not reserved."""
        _refuse_reserved([key])
        store: Any = super()
        return store.delete_registered_model_tag(name, key)

    def _register(
        self, name: str, source: str, facts: Mapping[str, str], *, run_id: Any = None, model_id: Any = None
    ) -> Outcome:
        with (
            _failing_closed(f"registering {source!r} as {name!r}"),
            self.weightmark_registry.checkout(
                source, tags=facts, run_id=str(run_id or ""), model_id=str(model_id or "")
            ) as resolved,
        ):
            event = ModelEvent(
                kind=EventKind.REGISTER, uri=f"models:/{name}", source=source, name=name, context=_CONTEXT
            )
            return _ask(self._stated(event, resolved.facts), resolved)

    def _stated(self, event: ModelEvent, facts: Mapping[str, str]) -> ModelEvent:
        """Add what the users stated; a base model's alias becomes the version it stands for now."""
        bases = split_names(facts.get(Fact.BASE_MODEL, ""))
        return replace(
            event,
            actor=asking_user(),
            license=facts.get(Fact.LICENSE),
            owner=facts.get(Fact.OWNER),
            base_models=tuple(
                self.weightmark_registry.pin(base) if base.startswith("models:/") else base for base in bases
            ),
        )

    def _promote(self, name: str, version: Any, context: Mapping[str, str]) -> None:
        store: Any = super()
        found = store.get_model_version(name, version)
        if _is_prompt(found.tags, found.source):
            return
        number = str(found.version)
        uri = version_uri(str(found.name), number)
        source = store.get_model_version_download_uri(name, version)
        event = ModelEvent(
            kind=EventKind.PROMOTE,
            uri=uri,
            source=source,
            name=name,
            version=number,
            context={**_CONTEXT, **context},
        )
        with _failing_closed(f"promoting {uri!r}"), self.weightmark_registry.checkout(source) as resolved:
            _ask(self._stated(event, resolved.facts), resolved)


def workspace() -> Workspace:
    """Give this process's workspace, opened when it is first needed (after a server has made its workers)."""
    with _lock:
        if not _opened:
            _opened.append(Workspace.open())
        return _opened[0]


def _ask(event: ModelEvent, resolved: ResolvedModel) -> Outcome:
    outcome = workspace().handle(event, resolved=resolved)
    if not outcome.allowed:
        undecided = outcome.decision.outcome.value == "undecided"
        verdict = "cannot tell, so it refuses" if undecided else "refuses"
        raise _denial(f"{verdict} to {event.kind.value} {event.uri}: {outcome.refusal()}")
    return outcome


def _link(outcome: Outcome, name: str, version: str) -> None:
    """Record the version's number; without it the version keeps its receipt, but is not promoted."""
    uri = version_uri(name, version)
    try:
        workspace().link(outcome, uri=uri, version=version)
    except Exception:
        _log.exception("%s was registered, but its number is not recorded; the gates go by its files", uri)


@contextmanager
def _failing_closed(step: str) -> Generator[None, None, None]:
    """Turn every failure to check into a refusal.

    Always a 403: MLflow's client repeats a 5xx for minutes and then hides its reason.
    """
    platform_error = sdk.load("mlflow.exceptions").MlflowException
    try:
        yield
    except platform_error:
        raise
    except WeightmarkError as error:
        _log.warning("%s could not be checked: %s", step, error.message)
        raise _denial(
            f"could not check, so it refuses {step}: {error.message}. {error.hint}".rstrip()
        ) from error
    except Exception as error:
        _log.exception("%s could not be checked", step)
        raise _denial(
            f"could not check, so it refuses {step}: {type(error).__name__}. The log says more."
        ) from error


def _denial(message: str) -> Exception:
    exceptions = sdk.load("mlflow.exceptions")
    codes = sdk.load("mlflow.protos.databricks_pb2")
    denial: Exception = exceptions.MlflowException(
        f"Weightmark {message}", error_code=codes.PERMISSION_DENIED
    )
    return denial


def _is_prompt(tags: Mapping[str, str], source: str | None) -> bool:
    """Say whether it is a prompt: it says so, and it has no bytes of its own that could be a model's."""
    return tags.get(_PROMPT_TAG, "").lower() == "true" and source in _PROMPT_SOURCES


def _is_reserved(key: str) -> bool:
    return str(key).strip().lower().startswith(TAG_PREFIX)


def _refuse_reserved(keys: Iterable[str]) -> None:
    for key in keys:
        if _is_reserved(key):
            raise _denial(f"alone writes the tag {key!r}: keys that begin with {TAG_PREFIX!r} are reserved")
