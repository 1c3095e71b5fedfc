"""Two servers whose URIs name no server, on one ledger."""

from pathlib import Path

import pytest
from tests.workshop import write_model

from weightmark import EventKind, ModelEvent
from weightmark.discovery import Plugins
from weightmark.errors import LicensingError, MalformedError
from weightmark.workspace import Configuration, Workspace
from weightmark_plugins.signers.file import FileSigner


def opened(plugins: Plugins, realm: str = "", **more: str) -> Workspace:
    return Workspace(Configuration.load({"realm": realm, **more}), plugins)


def register(workspace: Workspace, folder: Path, **more: object) -> ModelEvent:
    event = ModelEvent(
        kind=EventKind.REGISTER,
        uri="models:/churn/1",
        source=str(folder),
        name="churn",
        version="1",
        **more,  # type: ignore[arg-type]
    )
    assert workspace.handle(event).allowed
    return event


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    return (
        write_model(tmp_path / "one", {"x": [1.0, 2.0]}),
        write_model(tmp_path / "two", {"x": [3.0, 4.0]}),
    )


def other_party(plugins: Plugins, home: Path) -> dict[str, str]:
    """Trust a second server's party; give its settings."""
    with opened(plugins) as workspace:
        home.mkdir(parents=True, exist_ok=True)
        signer = FileSigner.generate(f"file:{home / 'lab.pem'}")
        from weightmark.claims import TrustedKey

        workspace.resources.save_trust(
            workspace.resources.trust.add(TrustedKey(identity="lab", key=signer.public_key))
        )
    return {"party": "lab", "signer": f"file:{home / 'lab.pem'}"}


def test_two_servers_with_a_realm_each_share_a_ledger(
    plugins: Plugins, home: Path, folders: tuple[Path, Path]
) -> None:
    lab = other_party(plugins, home)
    with opened(plugins, "prod.example.org") as prod, opened(plugins, "lab:5000", **lab) as test:
        register(prod, folders[0])
        register(test, folders[1])
        one, two = prod.find("models:/churn/1"), test.find("models:/churn/1")
        assert one.bundle != two.bundle
        assert prod.find("models://lab:5000/churn/1").bundle == two.bundle
        assert prod.resources.index.linked(["models:/churn/1", "models:/churn/2"]) == {"models:/churn/1"}
        places = prod.resources.index.versions(one.bundle)
        assert places == [("churn", "1", "models://prod.example.org/churn/1")]


def test_without_a_realm_the_second_is_refused(
    plugins: Plugins, home: Path, folders: tuple[Path, Path]
) -> None:
    lab = other_party(plugins, home)
    with opened(plugins) as prod, opened(plugins, **lab) as test:
        register(prod, folders[0], owner="acme")
        with pytest.raises(LicensingError, match="linked already"):
            register(test, folders[1])


def test_a_base_model_on_the_same_server_is_found_before_and_after_it_is_registered(
    plugins: Plugins, folders: tuple[Path, Path]
) -> None:
    with opened(plugins, "prod") as workspace:
        child = ModelEvent(
            kind=EventKind.REGISTER, uri=str(folders[1]), base_models=("models:/churn/1",), name="child"
        )
        workspace.handle(child)
        bundle = workspace.find(str(folders[1])).bundle
        (parent,) = workspace.resources.index.parents(bundle)
        assert (parent.bundle, parent.uri) == (None, "models://prod/churn/1")
        register(workspace, folders[0])
        workspace.handle(child)
        found = workspace.resources.index.parents(bundle)
        assert workspace.find("models:/churn/1").bundle in {parent.bundle for parent in found}
        entries = len(workspace.resources.index.history(bundle))
        workspace.handle(child)
        assert len(workspace.resources.index.history(bundle)) == entries


def test_uris_that_name_their_server_stay_as_they_are(plugins: Plugins, folders: tuple[Path, Path]) -> None:
    with opened(plugins, "prod") as workspace:
        for number, uri in enumerate(("hf://acme/churn@abc", "wandb://a/b/c:v1", folders[0].as_uri())):
            event = ModelEvent(
                kind=EventKind.REGISTER, uri=uri, source=str(folders[0]), name="x", version=str(number)
            )
            outcome = workspace.handle(event)
            assert outcome.model is not None
            assert uri in {place[2] for place in workspace.resources.index.versions(outcome.model.bundle)}


@pytest.mark.parametrize("realm", ["a/b", "a b", "user@host", "-a", "a:b", "é"])
def test_a_realm_that_is_no_host_is_refused(realm: str) -> None:
    with pytest.raises(MalformedError, match="realm is"):
        Configuration.load({"realm": realm})


def test_what_lies_below_a_uri_is_that_of_our_own_realm(
    plugins: Plugins, home: Path, folders: tuple[Path, Path]
) -> None:
    lab = other_party(plugins, home)
    with opened(plugins, "prod") as prod, opened(plugins, "test", **lab) as test:
        register(prod, folders[0])
        register(test, folders[1])
        for workspace, owner in ((prod, "acme"), (test, "lab")):
            workspace.resources.catch_up()
            (found,) = workspace.resources.index.below("models:/churn/", 5)
            assert found.owner == owner
            assert workspace.resources.index.below("models:/chur_/", 5) == []
