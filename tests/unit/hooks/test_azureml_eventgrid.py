"""Event Grid's deliveries, recorded and written after its documents, in both schemas."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from weightmark.errors import ExpiredError, MalformedError, SignatureError
from weightmark.vocabulary import EventKind
from weightmark_hooks.webhook.eventgrid import HEADER, MAX_AGE_SECONDS, EventGridSource
from weightmark_hooks.webhook.source import Message

VECTORS = Path(__file__).parents[2] / "vectors" / "azureml"
SECRET = "a secret of this test"
SOURCE = EventGridSource([b"the one before", SECRET.encode()])
WORKSPACE = "azureml://subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/workspaces/ws"
THEN = datetime(2017, 6, 26, 18, 41, 0, tzinfo=UTC).timestamp()
SCHEMAS = ("eventgrid", "cloudevents")


def recorded(name):
    return json.loads((VECTORS / f"azureml-eventgrid-{name}.json").read_text())


def message(content, **more):
    given = {"method": "POST", "headers": {}, "query": {"code": SECRET}, "body": json.dumps(content).encode()}
    return Message(**{**given, **more})


def changed(schema, **more):
    event = recorded(f"modelregistered-{schema}")[0]
    event["data"] = more.pop("data", event["data"])
    return [event | more]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_registered_version_is_read(schema):
    delivery = SOURCE.read(message(recorded(f"modelregistered-{schema}")), THEN)
    assert delivery.id == "831e1650-001e-001b-66ab-eeb76e069631"
    (event,) = delivery.events
    assert (event.kind, event.name, event.version) == (EventKind.REGISTER, "sklearn_regression_model", "20")
    assert event.uri == f"{WORKSPACE}/models/sklearn_regression_model/versions/20"


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_other_spelling_of_keys_is_read(schema):
    body = changed(schema, data={"modelName": "churn", "modelVersion": "3"})
    (event,) = SOURCE.read(message(body), THEN).events
    assert event.uri == f"{WORKSPACE}/models/churn/versions/3"


def test_a_single_event_without_a_list_is_read():
    (body,) = recorded("modelregistered-cloudevents")
    assert len(SOURCE.read(message(body), THEN).events) == 1


def test_every_model_of_a_service_is_deployed():
    data = {
        "ServiceName": "live",
        "ModelIds": "churn:3, /subscriptions/s/resourceGroups/g/providers/"
        "Microsoft.MachineLearningServices/workspaces/other/models/base/versions/1",
    }
    kind = "Microsoft.MachineLearningServices.ModelDeployed"
    events = SOURCE.read(message(changed("eventgrid", eventType=kind, data=data)), THEN).events
    assert [event.uri for event in events] == [
        f"{WORKSPACE}/models/churn/versions/3",
        "azureml://subscriptions/s/resourceGroups/g/workspaces/other/models/base/versions/1",
    ]
    assert {event.kind for event in events} == {EventKind.DEPLOY}
    assert events[0].context["endpoint"] == "live"


@pytest.mark.parametrize("kind", ["RunCompleted", "RunStatusChanged", "DatasetDriftDetected"])
def test_other_events_need_no_answer(kind):
    body = changed("eventgrid", eventType=f"Microsoft.MachineLearningServices.{kind}")
    assert SOURCE.read(message(body), THEN).events == ()


def test_the_handshake_of_its_own_schema_is_answered():
    reply = SOURCE.greet(message(recorded("subscription-validation")))
    assert reply.body == {"validationResponse": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}


def test_the_handshake_of_cloudevents_is_answered():
    headers = {"webhook-request-origin": "eventgrid.azure.net", "webhook-request-rate": "120"}
    reply = SOURCE.greet(message(None, method="OPTIONS", headers=headers, body=b""))
    assert reply.headers["WebHook-Allowed-Origin"] == "eventgrid.azure.net"
    assert reply.headers["WebHook-Allowed-Rate"] == "120"


@pytest.mark.parametrize("origin", ["", "a\r\nSet-Cookie: b", "*" * 300])
def test_a_handshake_from_nowhere_is_refused(origin):
    with pytest.raises(MalformedError):
        SOURCE.greet(message(None, method="OPTIONS", headers={"webhook-request-origin": origin}, body=b""))


def test_an_event_is_no_handshake():
    assert SOURCE.greet(message(recorded("modelregistered-eventgrid"))) is None


@pytest.mark.parametrize("query", [{}, {"code": ""}, {"code": "another"}, {"code": SECRET + "x"}])
def test_without_the_secret_nothing_is_answered_and_nothing_read(query):
    headers = {"webhook-request-origin": "eventgrid.azure.net"}
    with pytest.raises(SignatureError):
        SOURCE.greet(message(None, method="OPTIONS", headers=headers, query=query, body=b""))
    with pytest.raises(SignatureError):
        SOURCE.greet(message(recorded("subscription-validation"), query=query))
    with pytest.raises(SignatureError):
        SOURCE.read(message(recorded("modelregistered-eventgrid"), query=query), THEN)


@pytest.mark.parametrize("secret", [SECRET, "the one before"])
def test_the_secret_may_be_a_delivery_header_and_the_one_before_it(secret):
    sent = message(recorded("modelregistered-eventgrid"), query={}, headers={HEADER: secret})
    assert SOURCE.read(sent, THEN).events


@pytest.mark.parametrize("seconds", [MAX_AGE_SECONDS + 5, -600])
def test_what_is_too_old_or_ahead_is_refused(seconds):
    with pytest.raises(ExpiredError):
        SOURCE.read(message(recorded("modelregistered-eventgrid")), THEN + seconds)


@pytest.mark.parametrize("seconds", [MAX_AGE_SECONDS - 5, -200])
def test_a_late_repetition_and_a_clock_a_little_off_are_read(seconds):
    assert SOURCE.read(message(recorded("modelregistered-eventgrid")), THEN + seconds).events


def test_a_batch_has_one_name_in_any_order():
    one, two = changed("eventgrid", id="one")[0], changed("eventgrid", id="two")[0]
    first, second = (SOURCE.read(message(body), THEN) for body in ([one, two], [two, one]))
    assert first.id == second.id
    assert len(first.events) == 2
    assert SOURCE.read(message([one]), THEN).id == "one"


@pytest.mark.parametrize(
    "body",
    [
        [1],
        "text",
        [{}],
        changed("eventgrid", id=""),
        changed("eventgrid", id="a b"),
        changed("eventgrid", eventTime="yesterday"),
        changed("eventgrid", topic="/subscriptions/s"),
        changed("eventgrid", data={"ModelName": "../x", "ModelVersion": 1}),
        changed("eventgrid", data={"ModelName": "x", "ModelVersion": True}),
        changed("eventgrid", data={"ModelName": "x"}),
        changed("eventgrid") * 1001,
    ],
)
def test_what_is_no_event_is_malformed(body):
    with pytest.raises(MalformedError):
        SOURCE.read(message(body), THEN)


def test_bytes_that_are_no_json_are_malformed():
    with pytest.raises(MalformedError):
        SOURCE.read(replace(message(None), body=b"\xff{"), THEN)


def test_it_stays_closed_without_a_secret():
    assert EventGridSource.from_environment({}) is None
    assert EventGridSource.from_environment({"WEIGHTMARK_WEBHOOK_SECRET_AZUREML": "s"}) is not None
