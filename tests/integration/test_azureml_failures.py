"""What can go wrong around Azure ML, and that it ends in a refusal or in the same as if it had not."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from starlette.testclient import TestClient
from tests.integration.azureml import fixture
from tests.integration.azureml.fixture import uri_of
from tests.integration.azureml.server import Answer
from tests.integration.azureml.world import HOME, URI, Credential

from weightmark.errors import PlatformError, RefusedError, VerificationError
from weightmark.vocabulary import Tag
from weightmark.workspace import Workspace
from weightmark_adapters.azureml import AzuremlRegistry, connect, disconnect
from weightmark_hooks import azureml
from weightmark_hooks.webhook import Receiver, create_app
from weightmark_hooks.webhook.eventgrid import EventGridSource
from weightmark_hooks.webhook.inbox import Inbox

acme, world = fixture.acme, fixture.world
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]
SECRET = "a secret of this test"


@pytest.fixture
def client(world, acme) -> Iterator[object]:
    azureml.protect(acme)
    try:
        yield world.client(retry_total=0)
    finally:
        world.service.fault, Credential.token = None, "good"
        azureml.unprotect()
        disconnect()


@pytest.fixture
def plain(world) -> Iterator[object]:
    """A client in a process that knows nothing of Weightmark; ours reads with the same credential."""
    made = world.client()
    connect(made)
    yield made
    world.service.fault, Credential.token = None, "good"
    disconnect()


def model(world, **more):
    return fixture.model(world, **{"tags": {"license": "mit"}, **more})


def entries(workspace: Workspace) -> int:
    return workspace.resources.ledger.checkpoint().checkpoint.size


def test_without_a_ledger_nothing_is_registered_and_nothing_promoted(world):
    (world.folder / "no-folder").write_text("")
    with world.workspace(ledger=f"sqlite:{world.folder}/no-folder/ledger.db") as broken:
        azureml.protect(broken)
        try:
            client = world.client()
            world.service.requests.clear()
            with pytest.raises(RefusedError) as caught:
                client.models.create_or_update(model(world))
            assert caught.value.undecided
            assert world.service.lines("PUT") == []
        finally:
            azureml.unprotect()
            disconnect()


def test_a_service_that_dies_in_the_middle_leaves_one_registration(world, acme, client):
    wanted = model(world, version="1")
    world.service.fault = lambda asked: Answer(hang_up=True) if asked.method == "PUT" else None
    with pytest.raises(Exception, match="Connection"):
        client.models.create_or_update(wanted)
    world.service.fault = None
    before = entries(acme)
    made = client.models.create_or_update(wanted)
    assert entries(acme) == before + 1  # the link; the model itself was registered before
    client.models.create_or_update(made)
    assert entries(acme) == before + 1
    assert acme.verify(uri_of(made))


def test_a_service_that_does_not_answer_can_be_asked_again(world, client):
    world.service.fault = lambda _asked: Answer(hang_up=True)
    with pytest.raises(PlatformError) as caught:
        AzuremlRegistry().resolve(f"{URI}/models/any/versions/1")
    assert caught.value.retryable
    with pytest.raises(RefusedError) as refused:
        azureml.register(client, model(world, path=f"{URI}/datastores/workspaceblobstore/paths/any"))
    assert refused.value.undecided
    assert AzuremlRegistry().inspect().reachable is False


@pytest.mark.parametrize("status", [500, 503])
def test_a_service_in_trouble_can_be_asked_again(world, client, status):
    world.service.fault = lambda _asked: Answer(status=status)
    with pytest.raises(PlatformError) as caught:
        AzuremlRegistry().annotate(f"{URI}/models/any/versions/1", {Tag.OWNER: "acme"})
    assert caught.value.retryable


def test_a_service_in_trouble_for_a_moment_is_asked_again(world, client):
    made = client.models.create_or_update(model(world))
    answers = [Answer(status=503), Answer(status=429, headers={"Retry-After": "0"})]
    world.service.fault = lambda _asked: answers.pop() if answers else None
    assert AzuremlRegistry().resolve(uri_of(made)).name == made.name


def test_credentials_that_have_expired_are_named(world, client):
    Credential.token = "expired"
    with pytest.raises(PlatformError) as caught:
        AzuremlRegistry().resolve(f"{URI}/models/any/versions/1")
    assert not caught.value.retryable
    assert "az login" in caught.value.hint
    assert "expired" not in str(caught.value).replace("Expired", "")
    world.service.requests.clear()
    with pytest.raises(RefusedError) as refused:
        azureml.register(client, model(world, path=f"{URI}/datastores/workspaceblobstore/paths/any"))
    assert refused.value.undecided
    assert world.service.lines("PUT") == []


def test_missing_rights_are_named(world, client):
    world.service.fault = lambda _asked: Answer(status=403, body={"error": {"code": "Forbidden"}})
    with pytest.raises(PlatformError) as caught:
        AzuremlRegistry().resolve(f"{URI}/models/any/versions/1")
    assert not caught.value.retryable
    assert "role" in caught.value.hint


def test_what_azure_asks_to_wait_is_handed_on_and_not_slept(world, client):
    world.service.fault = lambda _asked: Answer(status=429, headers={"Retry-After": "120"})
    begun = time.monotonic()
    with pytest.raises(PlatformError) as caught:
        AzuremlRegistry().resolve(f"{URI}/models/any/versions/1")
    assert time.monotonic() - begun < 5
    assert (caught.value.retryable, caught.value.retry_after) == (True, 120)


def test_half_an_upload_is_not_the_registered_model(world, acme, client):
    made = client.models.create_or_update(model(world))
    with world.container() as container:
        prefix = made.path.split("/paths/")[1]
        container.delete_blob(f"{prefix}/config.json")
    with pytest.raises(VerificationError, match=r"config\.json"):
        acme.verify(uri_of(made))


def test_an_upload_that_breaks_off_makes_no_version(world, acme, client):
    wanted = model(world)
    world.service.fault = lambda asked: Answer(status=403) if asked.path.endswith("listSecrets") else None
    with pytest.raises(Exception, match=r"(?i)credential|token|https"):
        client.models.create_or_update(wanted)
    world.service.fault = None
    assert acme.find(str(wanted.path)).name == wanted.name
    assert client.models.create_or_update(wanted).tags[Tag.LICENSE] == "MIT"


def test_a_storage_account_that_is_gone_can_be_asked_again(world, client, monkeypatch):
    from azure.ai.ml.constants import _common as constants

    made = client.models.create_or_update(model(world))
    monkeypatch.setitem(constants.STORAGE_ACCOUNT_URLS, "AzureBlob", "http://127.0.0.1:9/{0}")
    with pytest.raises(PlatformError) as caught:
        AzuremlRegistry().resolve(uri_of(made))
    assert caught.value.retryable


def test_no_message_holds_the_token_of_an_address(world, client, monkeypatch):
    registry = world.client(registry_name="shared")
    made = registry.models.create_or_update(model(world, version="1"))
    real = world.service.container
    monkeypatch.setattr(
        world.service,
        "container",
        lambda name, rights: real(name, rights).replace(world.account, "http://127.0.0.1:9/devstoreaccount1"),
    )
    assert "sig=" in world.service.container("any", "r")
    with pytest.raises(PlatformError) as caught:
        AzuremlRegistry().resolve(made.id)
    words, cause = str(caught.value), caught.value.__cause__
    assert "sig=" not in words.replace("sig=…", "")
    assert cause is None or "sig=" not in str(cause)


# ---- events


def event(made, kind="ModelRegistered", *, after=0.0, identifier="", **data):
    moment = datetime.now(UTC) + timedelta(seconds=after)
    about = {"ModelName": made.name, "ModelVersion": int(made.version), "ModelTags": {}}
    if kind == "ModelDeployed":
        about = {"ServiceName": "live", "ModelIds": f"{made.name}:{made.version}"}
    return {
        "id": identifier or f"{kind}-{made.name}-{made.version}",
        "topic": HOME,
        "subject": f"models/{made.name}:{made.version}",
        "eventType": f"Microsoft.MachineLearningServices.{kind}",
        "eventTime": moment.isoformat().replace("+00:00", "Z"),
        "data": {**about, **data},
        "dataVersion": "1",
        "metadataVersion": "1",
    }


@pytest.fixture
def receiver(world, acme, plain):
    inbox = Inbox(world.folder / f"inbox-{len(world.service.requests)}.db")
    with TestClient(create_app(Receiver([EventGridSource([SECRET.encode()])], inbox, workspace=acme))) as app:
        yield app


def send(app, *events, code=SECRET):
    return app.post("/hooks/azureml", params={"code": code}, content=json.dumps(events))


def test_an_event_registers_what_was_made_without_the_guard(world, acme, plain, receiver):
    made = plain.models.create_or_update(model(world))
    answer = send(receiver, event(made))
    assert (answer.status_code, answer.json()) == (200, {"status": "handled", "allowed": True})
    assert plain.models.get(made.name, made.version).tags[Tag.LICENSE] == "MIT"
    assert acme.verify(uri_of(made))


def test_both_handshakes_are_answered_by_the_receiver(receiver):
    sent = [
        {
            "id": "1",
            "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
            "data": {"validationCode": "x1"},
        }
    ]
    assert send(receiver, *sent).json() == {"validationResponse": "x1"}
    asked = receiver.options(
        "/hooks/azureml", params={"code": SECRET}, headers={"WebHook-Request-Origin": "eventgrid.azure.net"}
    )
    assert asked.headers["webhook-allowed-origin"] == "eventgrid.azure.net"
    asked = receiver.options("/hooks/azureml", headers={"WebHook-Request-Origin": "eventgrid.azure.net"})
    assert asked.status_code == 401


def test_events_twice_and_in_the_wrong_order_end_in_one_registration(world, acme, plain, receiver):
    made = plain.models.create_or_update(model(world))
    before = entries(acme)
    events = [event(made, "ModelDeployed"), event(made), event(made, "ModelDeployed", identifier="again")]
    for one in [*events, *events]:
        assert send(receiver, one).status_code == 200
    assert send(receiver, *reversed(events)).status_code == 200
    assert entries(acme) == before + 2  # the registration and its link
    assert send(receiver, events[0]).json()["status"] == "already handled"


def test_a_refused_deployment_gets_no_more_traffic(world, plain, receiver):
    base = world.base()
    made = plain.models.create_or_update(model(world, tags={"license": "mit", "base_model": base}))
    running_ = {"model": made.id, "endpointComputeType": "Managed"}
    world.service.put(f"{HOME}/onlineEndpoints/live/deployments/refused", running_)
    endpoint = world.service.resources[f"{HOME}/onlineEndpoints/live".lower()]
    endpoint["properties"]["traffic"] = {"refused": 100}
    assert send(receiver, event(made, "ModelDeployed")).json()["allowed"] is False
    tags = plain.models.get(made.name, made.version).tags
    assert tags[Tag.VERDICT].startswith("refused")
    assert base in tags[Tag.REASON]
    endpoint = world.service.resources[f"{HOME}/onlineEndpoints/live".lower()]
    assert endpoint["properties"]["traffic"] == {"refused": 0}


def test_forged_old_and_future_events_are_refused(world, acme, plain, receiver):
    made = plain.models.create_or_update(model(world))
    before = entries(acme)
    assert send(receiver, event(made), code="guessed").status_code == 401
    assert send(receiver, event(made), code="").status_code == 401
    assert send(receiver, event(made, after=-100_000)).status_code == 401
    assert send(receiver, event(made, after=600)).status_code == 401
    assert entries(acme) == before
    assert send(receiver, event(made, after=200)).status_code == 200


def test_an_event_is_sent_again_until_the_service_answers(world, plain, receiver):
    made = plain.models.create_or_update(model(world))
    world.service.fault = lambda _asked: Answer(status=503)
    assert send(receiver, event(made)).status_code == 503
    world.service.fault = None
    assert send(receiver, event(made)).json()["status"] == "handled"


def test_an_event_about_a_model_that_is_gone_can_never_be_handled(world, plain, receiver):
    made = plain.models.create_or_update(model(world))
    gone = event(made, ModelVersion=99)
    assert send(receiver, gone).status_code == 422


def test_two_workers_with_one_event_make_one_registration(world, acme, plain):
    made = plain.models.create_or_update(model(world))
    before, answers, path = entries(acme), [], world.folder / "two-workers.db"
    gate = threading.Barrier(2)

    def work() -> None:
        with world.workspace() as own:
            inbox = Inbox(path)
            source = EventGridSource([SECRET.encode()])
            with TestClient(create_app(Receiver([source], inbox, workspace=own))) as app:
                gate.wait(30)
                answers.append(send(app, event(made)).status_code)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) in ([200, 200], [200, 503])
    assert entries(acme) == before + 2
