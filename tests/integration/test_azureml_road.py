"""The real SDK against a stand-in for Azure ML, with the guard in front and blobs in Azurite."""

import json
from collections.abc import Iterator

import pytest
from tests.integration.azureml import fixture
from tests.integration.azureml.fixture import model, uri_of
from tests.integration.azureml.world import HOME, SUBSCRIPTION, URI

from weightmark.errors import DigestMismatchError, PlatformError, RefusedError
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind, Tag
from weightmark_adapters.azureml import AzuremlRegistry, disconnect
from weightmark_adapters.azureml.client import VARIABLES, configured_place, connection_for
from weightmark_hooks import azureml
from weightmark_hooks.azureml.allowlist import allowed_assets, write_parameters

acme, world = fixture.acme, fixture.world
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def client(world, acme) -> Iterator[object]:
    """The SDK's client as a person makes it, in a process that is guarded."""
    azureml.protect(acme)
    try:
        world.service.requests.clear()
        yield world.client()
    finally:
        azureml.unprotect()
        disconnect()


def derived(world, **more):
    """The name of a base of Openlab's that is not for commercial use, and a model made of it."""
    base = world.base()
    return base, model(world, tags={"license": "mit", "base_model": base}, **more)


def puts(world) -> list[str]:
    return [line for line in world.service.lines("PUT") if "/versions/" in line or "/deployments/" in line]


def blobs_of(world, made) -> list[str]:
    path = made.path.split("/paths/")[1]
    with world.container() as container:
        return [blob.name for blob in container.list_blobs(name_starts_with=path)]


def test_a_local_folder_is_registered_and_its_tags_say_so(world, acme, client):
    made = client.models.create_or_update(model(world, tags={"license": "mit", "team": "growth"}))
    assert made.tags["team"] == "growth"
    assert made.tags[Tag.LICENSE] == "MIT"
    assert made.tags[Tag.OWNER] == "acme"
    assert made.tags[Tag.FINGERPRINT].startswith("sha256:")
    assert len(blobs_of(world, made)) == 2
    found = acme.find(uri_of(made))
    assert (found.name, found.bundle) == (made.name, made.tags[Tag.FINGERPRINT])
    assert acme.verify(uri_of(made))


def test_nothing_is_sent_of_a_model_that_may_not_be_registered(world, client):
    wrong = model(world, tags={"owner": "somebody-else"})
    with pytest.raises(RefusedError, match="somebody-else"):
        client.models.create_or_update(wrong)
    assert puts(world) == []
    assert not [line for line in world.service.lines("POST") if line.endswith("listSecrets")]


def test_a_version_made_of_bytes_that_are_there_is_registered(world, acme, client):
    first = client.models.create_or_update(model(world))
    again = client.models.create_or_update(
        model(world, name="copy", path=first.path, tags={"license": "apache-2.0"})
    )
    assert again.tags[Tag.FINGERPRINT] == first.tags[Tag.FINGERPRINT]
    assert acme.find(uri_of(again)).bundle == acme.find(uri_of(first)).bundle


def test_a_client_with_the_policy_alone_is_guarded(world, acme):
    policy = azureml.WeightmarkPolicy(acme)
    client = world.client(per_call_policies=[policy])
    azureml.connect(client)
    try:
        made = client.models.create_or_update(model(world, tags={"license": "mit"}))
        assert made.tags[Tag.LICENSE] == "MIT"
        assert acme.find(uri_of(made))
        world.service.requests.clear()
        with pytest.raises(RefusedError):
            client.models.create_or_update(model(world, tags={"owner": "somebody-else"}))
        assert puts(world) == []
    finally:
        disconnect()


def test_register_checks_first_on_a_client_that_is_not_guarded(world, acme):
    client = world.client()
    try:
        made = azureml.register(client, model(world, tags={"license": "mit"}), workspace=acme)
        assert client.models.get(made.name, made.version).tags[Tag.LICENSE] == "MIT"
        assert acme.find(uri_of(made))
        world.service.requests.clear()
        with pytest.raises(RefusedError):
            azureml.register(client, model(world, tags={"owner": "somebody-else"}), workspace=acme)
        assert world.service.lines("PUT") == []
    finally:
        disconnect()


def test_register_again_changes_nothing_on_a_guarded_client(world, acme, client):
    wanted = model(world, version="1", tags={"license": "mit", "team": "growth"})
    first = azureml.register(client, wanted, workspace=acme)
    before = acme.resources.ledger.checkpoint().checkpoint.size
    again = azureml.register(
        client, model(world, name=first.name, version="1", path=first.path, tags={"license": "mit"})
    )
    assert again.tags[Tag.FINGERPRINT] == first.tags[Tag.FINGERPRINT]
    assert acme.resources.ledger.checkpoint().checkpoint.size == before


def test_what_amlignore_leaves_out_is_no_part_of_the_model(world, acme, client):
    folder = world.folder_of()
    (folder / "notes.tmp").write_text("not for others")
    (folder / ".amlignore").write_text("*.tmp\n.amlignore\n")
    made = client.models.create_or_update(model(world, path=str(folder)))
    assert acme.verify(uri_of(made))
    assert not [name for name in blobs_of(world, made) if name.endswith(".tmp")]


def test_a_single_file_is_registered(world, acme, client):
    file = world.folder_of() / "model.safetensors"
    made = client.models.create_or_update(model(world, path=str(file)))
    assert acme.verify(uri_of(made))


def test_reserved_tags_cannot_be_set_and_are_not_lost(world, client):
    with pytest.raises(RefusedError, match="reserved"):
        client.models.create_or_update(model(world, tags={"weightmark.owner": "me"}))
    made = client.models.create_or_update(model(world))
    made.tags = {"team": "growth"}
    changed = client.models.create_or_update(made)
    assert changed.tags["team"] == "growth"
    assert changed.tags[Tag.OWNER] == "acme"
    changed.tags[Tag.OWNER.value] = "me"
    with pytest.raises(RefusedError, match="reserved"):
        client.models.create_or_update(changed)


def test_a_promotion_against_the_base_models_licence_is_refused_until_it_is_granted(world, client):
    base, wanted = derived(world)
    made = client.models.create_or_update(wanted)
    made.stage = "Production"
    world.service.requests.clear()
    with pytest.raises(RefusedError) as caught:
        client.models.create_or_update(made)
    assert base in str(caught.value)
    assert "CC-BY-NC-4.0 section 2(a)(1)" in str(caught.value)
    assert "weightmark grant" in str(caught.value)
    there = client.models.get(made.name, made.version)
    assert there.stage is None
    assert there.tags[Tag.VERDICT].startswith("refused")
    assert "CC-BY-NC-4.0" in there.tags[Tag.REASON]
    there.stage = "Development"
    assert client.models.create_or_update(there).stage == "Development"
    world.grant(base)
    there.stage = "Production"
    promoted = client.models.create_or_update(there)
    assert promoted.stage == "Production"
    assert promoted.tags[Tag.VERDICT].startswith("allowed")


def test_a_version_cannot_be_born_in_production(world, client):
    _, wanted = derived(world, stage="Production")
    with pytest.raises(RefusedError, match="promote"):
        client.models.create_or_update(wanted)
    assert puts(world) == []


def test_archiving_and_restoring_are_free(world, client):
    _, wanted = derived(world)
    made = client.models.create_or_update(wanted)
    client.models.archive(made.name, made.version)
    assert made.version not in [one.version for one in client.models.list(made.name)]
    client.models.restore(made.name, made.version)
    assert made.version in [one.version for one in client.models.list(made.name)]


def deploy(client, name, model_):
    from azure.ai.ml.entities import ManagedOnlineDeployment

    deployment = ManagedOnlineDeployment(
        name=name, endpoint_name="live", model=model_, instance_type="Standard_DS3_v2", instance_count=1
    )
    return client.online_deployments.begin_create_or_update(deployment).result()


def deploy_batch(client, name, model_):
    from azure.ai.ml.entities import BatchDeployment

    deployment = BatchDeployment(name=name, endpoint_name="nightly", model=model_, compute="cpu")
    return client.batch_deployments.begin_create_or_update(deployment).result()


@pytest.mark.parametrize("deploys", [deploy, deploy_batch])
def test_a_deployment_against_the_licence_is_refused_until_it_is_granted(world, client, deploys):
    base, wanted = derived(world)
    made = client.models.create_or_update(wanted)
    name = f"blue{world.made}"
    world.service.requests.clear()
    with pytest.raises(RefusedError, match=base):
        deploys(client, name, f"azureml:{made.name}:{made.version}")
    assert not [line for line in world.service.lines("PUT") if "/deployments/" in line]
    assert client.models.get(made.name, made.version).tags[Tag.VERDICT].startswith("refused")
    world.grant(base)
    assert deploys(client, name, f"azureml:{made.name}:{made.version}").model.endswith(
        f"/models/{made.name}/versions/{made.version}"
    )


def test_a_deployment_of_a_version_nobody_registered_is_refused(world, client):
    azureml.unprotect()
    made = world.client().models.create_or_update(model(world))
    with pytest.raises(RefusedError, match="not registered"):
        deploy(client, "smuggled", f"azureml:{made.name}:{made.version}")


def test_a_local_model_of_a_deployment_is_registered_and_gated(world, acme, client):
    base, wanted = derived(world)
    with pytest.raises(RefusedError, match=base):
        deploy(client, "local", wanted)
    assert acme.find(str(wanted.name)).name == wanted.name
    world.grant(base)
    _, other = derived(world)
    other.tags = {"license": "mit", "base_model": base}
    assert deploy(client, "local", other).model.endswith(f"/models/{other.name}/versions/{other.version}")


def tamper(world, made) -> None:
    """Change a byte in the storage account past everybody."""
    (name,) = [name for name in blobs_of(world, made) if name.endswith(".safetensors")]
    with world.container() as container:
        blob = container.get_blob_client(name)
        data = bytearray(blob.download_blob().readall())
        data[-1] ^= 1
        blob.upload_blob(bytes(data), overwrite=True)


def test_tampered_bytes_are_stopped_at_every_way_out(world, acme, client, tmp_path):
    made = client.models.create_or_update(model(world, tags={"license": "mit"}))
    client.models.download(made.name, made.version, tmp_path / "before")
    assert len([path for path in (tmp_path / "before").rglob("*") if path.is_file()]) == 2
    tamper(world, made)
    with pytest.raises(DigestMismatchError, match=r"model\.safetensors"):
        acme.verify(uri_of(made))
    with pytest.raises(RefusedError, match=r"model\.safetensors"):
        deploy(client, "tampered", f"azureml:{made.name}:{made.version}")
    with pytest.raises(RefusedError, match=r"model\.safetensors"):
        client.models.download(made.name, made.version, tmp_path / "after")
    assert list((tmp_path / "after").iterdir()) == []
    made.stage = "Production"
    with pytest.raises(RefusedError, match=r"model\.safetensors"):
        client.models.create_or_update(made)


def test_bytes_that_are_not_what_the_storage_says_are_stopped(world, client):
    from azure.storage.blob import ContentSettings

    made = client.models.create_or_update(model(world))
    (name,) = [name for name in blobs_of(world, made) if name.endswith("config.json")]
    with world.container() as container:
        wrong = ContentSettings(content_md5=bytearray(16))
        container.get_blob_client(name).set_http_headers(wrong)
    with pytest.raises(DigestMismatchError, match="MD5"):
        AzuremlRegistry().resolve(uri_of(made))


def test_a_local_model_is_given_to_a_registry_only_when_its_licence_allows(world, acme, client):
    registry = world.client(registry_name="shared")
    base, wanted = derived(world, version="1")
    world.service.requests.clear()
    with pytest.raises(RefusedError, match="push"):
        registry.models.create_or_update(wanted)
    assert world.service.lines("PUT") == []
    world.grant(base)
    made = registry.models.create_or_update(wanted)
    uri = f"azureml://registries/shared/models/{made.name}/versions/1"
    assert made.id == uri
    assert made.tags[Tag.OWNER] == "acme"
    assert acme.find(uri).bundle == made.tags[Tag.FINGERPRINT]
    assert acme.verify(uri)
    assert deploy(client, "shared", uri)
    assert allowed_assets(acme, ["azureml://registries/shared"]) == [uri]
    assert json.loads(write_parameters(acme, ["azureml://registries/shared"]))["effect"]["value"] == "Deny"


def test_the_policy_alone_gives_a_registry_nothing_that_it_cannot_read(world, acme):
    registry = world.client(registry_name="shared", per_call_policies=[azureml.WeightmarkPolicy(acme)])
    azureml.connect(registry)
    world.service.requests.clear()
    try:
        with pytest.raises(RefusedError) as caught:
            registry.models.create_or_update(model(world, version="1"))
        assert caught.value.undecided
        assert "protect()" in caught.value.hint
        assert not [line for line in puts(world) if "/models/" in line]
    finally:
        disconnect()


def test_a_version_of_a_workspace_that_is_not_connected_is_not_pushed(world, acme):
    from azure.ai.ml.entities._assets.workspace_asset_reference import WorkspaceAssetReference

    azureml.protect(acme)
    try:
        registry = world.client(registry_name="shared")
        asset = "azureml://locations/westeurope/workspaces/another/models/a/versions/1"
        with pytest.raises(RefusedError, match="which workspace"):
            registry.models.create_or_update(WorkspaceAssetReference(name="a", version="1", asset_id=asset))
    finally:
        azureml.unprotect()
        disconnect()


def share(client, made):
    return client.models.share(
        made.name,
        made.version,
        share_with_name=made.name,
        share_with_version=made.version,
        registry_name="shared",
    )


def test_a_version_is_shared_with_a_registry_only_when_its_licence_allows(world, acme, client):
    base, wanted = derived(world)
    made = client.models.create_or_update(wanted)
    world.service.requests.clear()
    with pytest.raises(RefusedError, match="push"):
        share(client, made)
    assert not [line for line in world.service.lines("POST") if line.endswith("/import")]
    world.grant(base)
    assert share(client, made).id == f"azureml://registries/shared/models/{made.name}/versions/1"
    assert acme.find(f"azureml://registries/shared/models/{made.name}/versions/1").name == made.name


def test_what_the_job_knows_becomes_lineage(world, acme, client):
    base = client.models.create_or_update(model(world, tags={"license": "apache-2.0"}))
    inputs = {
        "base": {"jobInputType": "custom_model", "uri": f"azureml:{base.id}"},
        "rows": {"jobInputType": "uri_folder", "uri": f"azureml:{HOME}/data/rows/versions/2"},
        "more": {"jobInputType": "mltable", "uri": "azureml:more:1"},
        "rate": {"jobInputType": "literal", "value": "0.1"},
    }
    world.service.put(f"{HOME}/jobs/train-1", {"jobType": "Command", "tags": {}, "inputs": inputs})
    folder = world.folder_of()
    with world.container() as container:
        for file in folder.iterdir():
            container.upload_blob(f"azureml/train-1/model/{file.name}", file.read_bytes())
    made = client.models.create_or_update(
        model(world, path="azureml://jobs/train-1/outputs/model/paths/", tags={"license": "mit"})
    )
    resolved = AzuremlRegistry().resolve(uri_of(made))
    assert resolved.facts["base_model"] == uri_of(base)
    assert resolved.facts["datasets"] == f"{URI}/data/rows/versions/2,{URI}/data/more/versions/1"
    works = [parent.uri for parent in acme.resources.index.parents(acme.find(uri_of(made)).bundle)]
    assert {uri_of(base), f"{URI}/data/rows/versions/2"} <= set(works)


def test_versions_are_listed_oldest_first_with_what_is_in_use(world, client):
    made = client.models.create_or_update(model(world, name="many", tags={"license": "mit"}))
    for _ in range(5):
        client.models.create_or_update(model(world, name="many", path=made.path, tags={"license": "mit"}))
    deploy(client, "many", "azureml:many:3")
    sixth = client.models.get("many", "6")
    sixth.stage = "Production"
    client.models.create_or_update(sixth)
    client.models.archive("many", "5")
    listed = list(AzuremlRegistry().versions("azureml:many"))
    assert [one.version for one in listed] == [str(number) for number in range(1, 7)]
    assert [one.version for one in listed if one.deployed] == ["3", "6"]
    assert listed[0].tags[Tag.OWNER] == "acme"
    everything = {one.uri for one in AzuremlRegistry().versions(URI)}
    assert {one.uri for one in listed} < everything
    with pytest.raises(PlatformError):
        list(AzuremlRegistry().versions("azureml:many:3"))


def test_unchanged_tags_are_not_written_again_and_archived_stays_archived(world, client):
    made = client.models.create_or_update(model(world))
    client.models.archive(made.name, made.version)
    world.service.requests.clear()
    AzuremlRegistry().annotate(uri_of(made), {Tag.OWNER: "acme"})
    assert world.service.lines("PUT") == []
    AzuremlRegistry().annotate(uri_of(made), {Tag.OWNER: "openlab"})
    assert world.service.resources[made.id.lower()]["properties"]["isArchived"] is True


def test_a_refused_use_is_withdrawn(world, client):
    made = client.models.create_or_update(model(world, stage="Production", tags={"license": "mit"}))
    deploy(client, "old", f"azureml:{made.name}:{made.version}")
    endpoint = world.service.resources[f"{HOME}/onlineEndpoints/live".lower()]
    endpoint["properties"]["traffic"] = {"old": 60, "new": 40}
    registry = AzuremlRegistry()
    promoted = ModelEvent(kind=EventKind.PROMOTE, uri=uri_of(made))
    deployed = ModelEvent(kind=EventKind.DEPLOY, uri=uri_of(made), context={"endpoint": "live"})
    for _ in range(2):
        assert registry.withdraw(promoted, "because")
        assert registry.withdraw(deployed, "because")
    assert client.models.get(made.name, made.version).stage == "Development"
    endpoint = world.service.resources[f"{HOME}/onlineEndpoints/live".lower()]
    assert endpoint["properties"]["traffic"] == {"old": 0, "new": 100}
    assert endpoint["location"] == "westeurope"


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A process that was not told of any client."""
    disconnect()
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    disconnect()


def test_the_workspace_is_found_as_azures_own_tools_find_it(world, nowhere, monkeypatch):
    with pytest.raises(PlatformError, match="which workspace"):
        connection_for(None)
    place = {"subscription_id": SUBSCRIPTION, "resource_group": "rg", "workspace_name": "ws"}
    (nowhere / "config.json").write_text(json.dumps(place))
    assert connection_for(None).place.uri == URI
    disconnect()
    for name, value in zip(VARIABLES, (SUBSCRIPTION, "rg", "named"), strict=True):
        monkeypatch.setenv(name, value)
    assert configured_place().workspace == "named"
    assert connection_for(None).place.workspace == "named"
    assert AzuremlRegistry().pin("azureml:churn:3").endswith("/workspaces/named/models/churn/versions/3")


def test_another_workspace_and_a_registry_are_read_with_the_same_credential(world, nowhere):
    azureml.connect(world.client())
    for uri in (f"{URI[:-2]}other/models/a/versions/1", "azureml://registries/shared/models/a/versions/1"):
        with pytest.raises(PlatformError) as caught:
            AzuremlRegistry().resolve(uri)
        assert not caught.value.retryable
    with pytest.raises(PlatformError, match="registries/nothing"):
        AzuremlRegistry().resolve("azureml://registries/nothing/models/a/versions/1")


def test_inspect_says_what_is_there(world, client):
    status = AzuremlRegistry().inspect()
    assert (status.server, status.reachable, status.hooked) == (URI, True, "guarded client")
    assert status.installed
    azureml.unprotect()
    assert "protect()" in AzuremlRegistry().inspect().hint


def test_protect_twice_is_protect_once_and_unprotect_undoes_it(world, acme):
    from azure.ai.ml import MLClient

    before = MLClient.__init__
    azureml.protect(acme)
    once = MLClient.__init__
    azureml.protect(acme)
    assert MLClient.__init__ is once is not before
    azureml.unprotect()
    azureml.unprotect()
    assert MLClient.__init__ is before
