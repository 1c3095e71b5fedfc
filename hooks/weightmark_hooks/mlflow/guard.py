"""The guard in front of MLflow's registry store: every write that could let a model through asks first.

These ask: a new version (also a copy), an alias, a stage, a rename. Reserved tags are refused. All other
writes let nothing through and pass: descriptions, deletions, prompts without bytes, webhooks.

Not promised: anything about bytes that change after a promotion; the gate for loading tells.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from weightmark.model.card import split_names, state_facts
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind, Fact, is_reserved
from weightmark.workspace import Outcome, ask, process_workspace
from weightmark_adapters.mlflow import MlflowRegistry, artifact, sdk
from weightmark_adapters.mlflow.annotation import describe
from weightmark_adapters.mlflow.place import quoted
from weightmark_adapters.mlflow.uri import version_uri
from weightmark_hooks.mlflow.load import check_served
from weightmark_hooks.mlflow.promotion import ask_promotion
from weightmark_hooks.mlflow.request import asking_user
from weightmark_hooks.mlflow.tag import is_prompt, refuse_reserved, without_reserved
from weightmark_hooks.mlflow.verdict import denial, refusing

_log = logging.getLogger(__name__)

_CONTEXT: Final = {"platform": "mlflow"}
_FREE_STAGES: Final = frozenset({"none", "archived"})


class StoreCallback:
    """Mixed in before one of MLflow's registry stores, so that MLflow calls it first.

    Attributes:
        weightmark_registry: finds the bytes of what is to be registered or promoted.
    """

    weightmark_registry: MlflowRegistry

    def create_registered_model(self, name: str, tags: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Create a registered model; reserved tags are refused."""
        _refuse_reserved_to_others(tag.key for tag in tags or ())
        store: Any = super()
        return store.create_registered_model(name, tags, *args, **kwargs)

    def create_model_version(
        self, name: str, source: str, run_id: Any = None, tags: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Register the model with Weightmark, then create the version with the receipt among its tags."""
        store: Any = super()
        stated = {str(tag.key): str(tag.value) for tag in tags or ()}
        if is_prompt(stated, source):
            refuse_reserved(stated)
            return store.create_model_version(name, source, run_id, tags, *args, **kwargs)
        own = [tag for tag in tags or () if not is_reserved(tag.key)]
        facts, model_id = without_reserved(stated), str(kwargs.get("model_id") or "")
        outcome = self._register(name, source, facts, run_id=run_id, model_id=model_id)
        make_tag = sdk.load("mlflow.entities.model_registry").ModelVersionTag
        own += [make_tag(key, value) for key, value in outcome.tags().items()]
        args, kwargs = _with_description(args, kwargs, describe(outcome.tags()))
        with sdk.as_ourselves():
            created = store.create_model_version(name, source, run_id, own, *args, **kwargs)
        _link(outcome, name, str(created.version))
        self._tell_logged_model(outcome, source, model_id)
        return created

    def rename_registered_model(self, name: str, new_name: str) -> Any:
        """Rename, and record each version under its new name; one that cannot be is refused at promotion."""
        store: Any = super()
        renamed = store.rename_registered_model(name, new_name)
        for version in store.search_model_versions(f"name = {quoted(new_name)}"):
            if is_prompt(version.tags, version.source):
                continue
            try:
                source = store.get_model_version_download_uri(new_name, version.version)
                outcome = self._register(
                    new_name, source, without_reserved(version.tags), run_id=version.run_id
                )
            except Exception:
                _log.exception(
                    "%s is not recorded under its new name", version_uri(new_name, version.version)
                )
            else:
                _link(outcome, new_name, str(version.version))
        return renamed

    def set_registered_model_alias(self, name: str, alias: str, version: Any) -> Any:
        """Point an alias at a version, if the version may be promoted."""
        store: Any = super()
        checked = self._promote(name, version, {"alias": str(alias)})
        done = store.set_registered_model_alias(name, alias, version)
        self._confirm(checked, name, version, lambda: store.delete_registered_model_alias(name, alias))
        return done

    def transition_model_version_stage(
        self, name: str, version: Any, stage: str, *args: Any, **kw: Any
    ) -> Any:
        """Move a version to a stage, if it may be promoted; ``None`` and ``Archived`` are free."""
        store: Any = super()
        if str(stage).strip().lower() in _FREE_STAGES:
            return store.transition_model_version_stage(name, version, stage, *args, **kw)
        checked = self._promote(name, version, {"stage": str(stage)})
        done = store.transition_model_version_stage(name, version, stage, *args, **kw)
        self._confirm(
            checked,
            name,
            version,
            lambda: store.transition_model_version_stage(
                name, version, "None", archive_existing_versions=False
            ),
        )
        return done

    def get_model_version_download_uri(self, name: str, version: Any) -> Any:
        """Say where a version's bytes are; on a server, after the gate for loading has passed them."""
        store: Any = super()
        source = store.get_model_version_download_uri(name, version)
        if artifact.server_backend() and not sdk.is_speaking():
            check_served(self.weightmark_registry, store.get_model_version(name, version), str(source))
        return source

    def set_model_version_tag(self, name: str, version: Any, tag: Any) -> Any:
        """Set a tag that is not reserved."""
        _refuse_reserved_to_others([tag.key])
        store: Any = super()
        return store.set_model_version_tag(name, version, tag)

    def delete_model_version_tag(self, name: str, version: Any, key: str) -> Any:
        """Delete a tag that is not reserved."""
        _refuse_reserved_to_others([key])
        store: Any = super()
        return store.delete_model_version_tag(name, version, key)

    def set_registered_model_tag(self, name: str, tag: Any) -> Any:
        """Set a registered model's tag that is not reserved."""
        _refuse_reserved_to_others([tag.key])
        store: Any = super()
        return store.set_registered_model_tag(name, tag)

    def delete_registered_model_tag(self, name: str, key: str) -> Any:
        """Delete a registered model's tag that is not reserved."""
        _refuse_reserved_to_others([key])
        store: Any = super()
        return store.delete_registered_model_tag(name, key)

    def _register(
        self, name: str, source: str, facts: Mapping[str, str], *, run_id: Any = None, model_id: str = ""
    ) -> Outcome:
        with (
            refusing(f"registering {source!r} as {name!r}"),
            self.weightmark_registry.checkout(
                source, tags=facts, run_id=str(run_id or ""), model_id=model_id
            ) as resolved,
        ):
            event = ModelEvent(
                kind=EventKind.REGISTER, uri=f"models:/{name}", source=source, name=name, context=_CONTEXT
            )
            return ask(self._stated(event, resolved.facts), resolved=resolved)

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

    def _promote(self, name: str, version: Any, context: Mapping[str, str]) -> Any:
        """Check a version and give what was checked."""
        store: Any = super()
        found = store.get_model_version(name, version)
        if is_prompt(found.tags, found.source):
            return found
        number = str(found.version)
        uri = version_uri(str(found.name), number)
        with refusing(f"promoting {uri!r}"):
            source = store.get_model_version_download_uri(name, version)
            event = ModelEvent(
                kind=EventKind.PROMOTE,
                uri=uri,
                source=source,
                name=name,
                version=number,
                context={**_CONTEXT, **context},
            )
            tags = {**store.get_registered_model(name).tags, **found.tags}
            with self.weightmark_registry.checkout(
                source,
                tags=without_reserved(tags),
                model_id=str(getattr(found, "model_id", None) or ""),
                run_id=str(found.run_id or ""),
            ) as resolved:
                stated = state_facts(without_reserved(tags)).get(Fact.LICENSE, "")
                ask_promotion(self._stated(event, resolved.facts), resolved, stated)
        return found

    def _confirm(self, checked: Any, name: str, version: Any, undo: Callable[[], object]) -> None:
        """Look again after the write: a name may have been handed to another model since the check."""
        store: Any = super()
        now = store.get_model_version(name, version)
        if _identity(now) != _identity(checked):
            undo()
            raise denial(
                f"Weightmark refuses to promote {version_uri(name, str(version))}: while it was checked, the"
                " name was given to another model. It was taken back; ask again."
            )

    def _tell_logged_model(self, outcome: Outcome, source: str, model_id: str) -> None:
        """Write the tags to the logged model too; it is shown on other pages than the version."""
        uri = f"models:/{model_id}" if model_id else source
        if not uri.startswith("models:/m-") or uri.count("/") > 1:
            return
        try:
            self.weightmark_registry.tell_logged_model(uri, outcome.tags())
        except Exception:
            _log.exception("the logged model %r has no tags of ours; its version has", uri)


def _identity(version: Any) -> tuple[str, ...]:
    made = (version.source, version.run_id, getattr(version, "creation_timestamp", None))
    return (str(version.version), *(str(part) for part in made))


def _refuse_reserved_to_others(keys: Any) -> None:
    """Refuse reserved keys, unless it is ourselves who write them, in this very process."""
    if not sdk.is_speaking():
        refuse_reserved(keys)


def _with_description(
    args: tuple[Any, ...], kwargs: dict[str, Any], text: str
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Give a version the link for people as its description, if nobody wrote one.

    MLflow passes the link to the run and the description after the tags, by place or by name.
    """
    given = args[1] if len(args) > 1 else kwargs.get("description")
    if not text or given:
        return args, kwargs
    if len(args) > 1:
        return (args[0], text, *args[2:]), kwargs
    return args, {**kwargs, "description": text}


def _link(outcome: Outcome, name: str, version: str) -> None:
    """Record the version's number; without it the version keeps its receipt, but is not promoted."""
    uri = version_uri(name, version)
    try:
        process_workspace().link(outcome, uri=uri, version=version)
    except Exception:
        _log.exception("%s was registered, but its number is not recorded; the gates go by its files", uri)
