"""The guard over a store and a workspace that are fakes: what reaches the store, and what never does."""

import os
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from weightmark.errors import LedgerError, PlatformError
from weightmark.licensing import Outcome as Verdict
from weightmark.ports.registry import ResolvedModel
from weightmark.vocabulary import EventKind
from weightmark_hooks.mlflow import guarded_store, protect
from weightmark_hooks.mlflow.guard import StoreCallback

pytestmark = pytest.mark.filterwarnings("ignore")


class Tag(SimpleNamespace):
    pass


class FakeStore:
    """Stands for one of MLflow's stores: notes every write that reaches it."""

    def __init__(self):
        self.writes, self.descriptions = [], []
        self.version = SimpleNamespace(
            name="churn", version=3, tags={"license": "mit"}, source="models:/m-1", run_id="run-1"
        )
        self.after_write = self.version

    def create_registered_model(self, name, tags=None, description=None):
        self.writes.append(("create model", name))

    def create_model_version(
        self, name, source, run_id=None, tags=None, run_link=None, description=None, *, model_id=None
    ):
        self.writes.append(("create", name, source, {tag.key: tag.value for tag in tags or ()}))
        self.descriptions.append(description)
        return self.version

    def get_model_version(self, name, version):
        return self.after_write if self.writes else self.version

    def get_registered_model(self, name):
        return SimpleNamespace(name=name, tags={"team": "y", "weightmark.owner": "mallory"})

    def delete_registered_model_alias(self, name, alias):
        self.writes.append(("no alias", name, alias))

    def get_model_version_download_uri(self, name, version):
        return "mlflow-artifacts:/0/models/m-1/artifacts"

    def set_registered_model_alias(self, name, alias, version):
        self.writes.append(("alias", name, alias, version))

    def transition_model_version_stage(self, name, version, stage, archive_existing_versions):
        self.writes.append(("stage", name, version, stage))

    def set_model_version_tag(self, name, version, tag):
        self.writes.append(("tag", tag.key))

    def delete_model_version_tag(self, name, version, key):
        self.writes.append(("untag", key))

    def rename_registered_model(self, name, new_name):
        self.writes.append(("rename", name, new_name))

    def search_model_versions(self, filter_string):
        return [self.version]


class GuardedFake(StoreCallback, FakeStore):
    pass


class FakeWorkspace:
    def __init__(self):
        self.events, self.links, self.outcome, self.error, self.link_error = [], [], "allowed", None, None
        self.tags = {}

    def handle(self, event, *, resolved, progress=None, cache=None):
        self.events.append((event, resolved))
        if self.error:
            raise self.error
        return SimpleNamespace(
            event=event,
            model=None,
            allowed=self.outcome == "allowed",
            decision=SimpleNamespace(outcome=Verdict(self.outcome)),
            tags=lambda: {"weightmark.owner": "acme", **self.tags},
            refusal=lambda: "the licence forbids it",
        )

    def link(self, outcome, *, uri, version):
        if self.link_error:
            raise self.link_error
        self.links.append((uri, version))


class FakeRegistry:
    def __init__(self):
        self.asked, self.error, self.annotated = [], None, []

    @contextmanager
    def checkout(self, source, *, tags=None, model_id="", run_id=""):
        self.asked.append((source, dict(tags or {}), model_id, run_id))
        if self.error:
            raise self.error
        yield ResolvedModel(
            uri=source, path=Path("/model"), facts={"license": "mit", "base_model": "models:/b@x"}
        )

    def pin(self, uri):
        return uri.replace("@x", "/7")

    def tell_logged_model(self, uri, tags):
        self.annotated.append((uri, tags))


@pytest.fixture
def workspace(monkeypatch):
    fake = FakeWorkspace()
    monkeypatch.setattr("weightmark.workspace.asking._opened", {os.getpid(): fake})
    return fake


@pytest.fixture
def store(workspace):
    made = GuardedFake()
    made.weightmark_registry = FakeRegistry()
    return made


def tags(**pairs):
    return [Tag(key=key.replace("__", "."), value=value) for key, value in pairs.items()]


def refused(call, *arguments):
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException) as caught:
        call(*arguments)
    assert caught.value.error_code == "PERMISSION_DENIED"
    return caught.value.message


def test_a_version_is_created_with_our_tags_and_not_the_callers(store, workspace):
    given = tags(weightmark__owner="mallory", Weightmark__reason="x", team="x")
    created = store.create_model_version("churn", "models:/m-1", "run-1", given, None, model_id="m-1")
    assert created is store.version
    assert store.writes == [("create", "churn", "models:/m-1", {"team": "x", "weightmark.owner": "acme"})]
    assert store.weightmark_registry.asked == [("models:/m-1", {"team": "x"}, "m-1", "run-1")]
    assert workspace.links == [("models:/churn/3", "3")]
    ((event, resolved),) = workspace.events
    assert (event.kind, event.name, event.license) == (EventKind.REGISTER, "churn", "mit")
    assert event.base_models == ("models:/b/7",)
    assert resolved.path == Path("/model")


@pytest.mark.parametrize(("outcome", "word"), [("refused", "refuses"), ("undecided", "cannot tell")])
def test_what_is_not_allowed_does_not_reach_the_store(store, workspace, outcome, word):
    workspace.outcome = outcome
    for call, arguments in (
        (store.create_model_version, ("churn", "models:/m-1")),
        (store.set_registered_model_alias, ("churn", "production", "3")),
        (store.transition_model_version_stage, ("churn", "3", "Production", False)),
        (store.transition_model_version_stage, ("churn", "3", " staging ", False)),
    ):
        message = refused(call, *arguments)
        assert word in message
        assert "the licence forbids it" in message
    assert store.writes == []


@pytest.mark.parametrize(
    "error", [LedgerError("the disk is full"), PlatformError("no such run"), RuntimeError("secret detail")]
)
def test_what_cannot_be_checked_is_refused(store, workspace, error):
    workspace.error = error
    message = refused(store.set_registered_model_alias, "churn", "production", "3")
    assert "could not check" in message
    assert "secret detail" not in message
    workspace.error, store.weightmark_registry.error = None, error
    assert "could not check" in refused(store.create_model_version, "churn", "models:/m-1")
    assert store.writes == []


def test_a_source_cannot_write_lines_of_its_own_into_the_log(store, workspace, caplog):
    workspace.error = LedgerError("the disk is full")
    refused(store.create_model_version, "churn", "s3://bucket/x\npromoting models:/forged/1")
    assert "the disk is full" in caplog.text
    assert "\npromoting" not in caplog.text


def test_a_promotion_checks_the_bytes_of_the_very_version(store, workspace):
    store.set_registered_model_alias("churn", "production", "03")
    assert store.writes == [("alias", "churn", "production", "03")]
    assert store.weightmark_registry.asked[0][0] == "mlflow-artifacts:/0/models/m-1/artifacts"
    event, _ = workspace.events[0]
    assert (event.kind, event.uri, event.context["alias"]) == (
        EventKind.PROMOTE,
        "models:/churn/3",
        "production",
    )


@pytest.mark.parametrize("stage", ["None", "Archived", "archived"])
def test_a_version_is_taken_back_without_asking(store, workspace, stage):
    store.transition_model_version_stage("churn", "3", stage, False)
    assert workspace.events == []
    assert len(store.writes) == 1


def test_a_prompt_passes_only_when_it_has_no_bytes(store, workspace):
    disguise = tags(mlflow__prompt__is_prompt="true")
    store.create_model_version("p", "prompt-template", None, disguise)
    assert workspace.events == []
    store.create_model_version("p", "models:/m-1", None, disguise)
    assert len(workspace.events) == 1
    store.version.tags, store.version.source = {"mlflow.prompt.is_prompt": "TRUE"}, "dummy-source"
    store.set_registered_model_alias("p", "production", "1")
    assert len(workspace.events) == 1
    store.version.source = "models:/m-1"
    store.set_registered_model_alias("p", "production", "1")
    assert len(workspace.events) == 2


def test_reserved_tags_are_refused_by_name(store):
    assert "weightmark.owner" in refused(
        store.set_model_version_tag, "churn", "3", Tag(key="weightmark.owner")
    )
    refused(store.delete_model_version_tag, "churn", "3", "weightmark.receipt")
    refused(store.set_registered_model_tag, "churn", Tag(key=" WEIGHTMARK.x"))
    refused(store.delete_registered_model_tag, "churn", "weightmark.x")
    refused(store.create_registered_model, "churn", tags(weightmark__x="1"))
    store.set_model_version_tag("churn", "3", Tag(key="weightmarks"))
    assert store.writes == [("tag", "weightmarks")]


def test_a_version_whose_number_cannot_be_recorded_stays_with_its_receipt(store, workspace, caplog):
    workspace.link_error = LedgerError("the disk is full", outcome="unknown")
    assert store.create_model_version("churn", "models:/m-1") is store.version
    assert "the gates go by its files" in caplog.text


def test_a_renamed_model_is_recorded_under_its_new_name(store, workspace):
    store.rename_registered_model("old", "churn")
    assert store.writes == [("rename", "old", "churn")]
    assert workspace.links == [("models:/churn/3", "3")]


def test_a_rename_holds_even_when_it_cannot_be_recorded(store, workspace, caplog):
    workspace.error = LedgerError("the disk is full")
    store.rename_registered_model("old", "churn")
    assert workspace.links == []
    assert "not recorded under its new name" in caplog.text


def test_a_name_handed_to_another_model_while_it_was_checked_is_taken_back(store):
    store.after_write = SimpleNamespace(**vars(store.version) | {"source": "models:/m-2"})
    assert "another model" in refused(store.set_registered_model_alias, "churn", "production", "3")
    assert store.writes == [("alias", "churn", "production", "3"), ("no alias", "churn", "production")]
    store.writes.clear()
    assert "another model" in refused(store.transition_model_version_stage, "churn", "3", "Staging", False)
    assert store.writes == [("stage", "churn", "3", "Staging"), ("stage", "churn", "3", "None")]


def test_a_promotion_reads_the_tags_of_today_but_not_our_own(store, workspace):
    store.version.tags = {"license": "mit", "weightmark.license": "cc0-1.0"}
    store.set_registered_model_alias("churn", "production", "3")
    assert store.weightmark_registry.asked[0][1:] == ({"license": "mit", "team": "y"}, "", "run-1")


def test_the_logged_model_is_told_too(store):
    store.create_model_version("churn", "models:/m-1", "run-1", None, None, model_id="m-1")
    store.create_model_version("churn", "models:/m-2")
    store.create_model_version("churn", "models:/m-x/3")
    store.create_model_version("churn", "s3://bucket/model")
    assert [uri for uri, _ in store.weightmark_registry.annotated] == ["models:/m-1", "models:/m-2"]


def test_a_version_without_a_description_gets_the_link_as_one(store, workspace):
    workspace.tags = {"weightmark.link": "https://w.example.org/models/sha256:1"}
    link = "[Recorded by Weightmark](https://w.example.org/models/sha256:1)"
    store.create_model_version("churn", "models:/m-1")
    store.create_model_version("churn", "models:/m-1", None, None, "run link", "")
    store.create_model_version("churn", "models:/m-1", description="mine")
    store.create_model_version("churn", "models:/m-1", None, None, None, "mine")
    assert store.descriptions == [link, link, "mine", "mine"]


def test_only_guarded_uris_are_opened():
    with pytest.raises(ValueError, match=r"weightmark\+"):
        guarded_store("sqlite:///x.db")


def test_a_registry_that_cannot_be_guarded_is_said_to_be():
    with pytest.raises(PlatformError, match="databricks"):
        protect("databricks://profile")


def test_the_stores_are_mlflows_own(tmp_path):
    from mlflow.store.model_registry.rest_store import RestStore
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    assert isinstance(guarded_store("weightmark+http://127.0.0.1:1"), RestStore)
    assert issubclass(type(guarded_store(f"weightmark+sqlite:///{tmp_path / 'm.db'}")), SqlAlchemyStore)
