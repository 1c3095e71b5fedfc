"""What the Hub's webhooks send, read strictly."""

import json

import pytest

from weightmark.errors import MalformedError, SignatureError
from weightmark.vocabulary import EventKind
from weightmark_hooks.webhook.huggingface import HuggingfaceSource
from weightmark_hooks.webhook.source import Message

SECRET = b"a secret of this test"
SHA = "575db8b7a51b6f85eb06eee540738584589f131c"


def body(**changes) -> dict:
    message = {
        "event": {"action": "update", "scope": "repo.content"},
        "repo": {
            "type": "model",
            "name": "some-user/some-repo",
            "id": "6366c000a2abcdf2fd69a080",
            "private": False,
            "headSha": "c379e821c9c95d613899e8c4343e4bfee2b0c600",
            "tags": ["license:other"],
            "owner": {"id": "61d2000c3c2083e1c08af22d"},
        },
        "updatedRefs": [{"ref": "refs/heads/main", "oldSha": "ce9a" + "0" * 36, "newSha": SHA}],
        "webhook": {"id": "6390e855e30d9209411de93b", "version": 3},
    }
    for key, value in changes.items():
        outer, _, inner = key.partition("__")
        if inner:
            message[outer] = {**message[outer], inner: value}
        else:
            message[outer] = value
    return message


def read(content: dict, secret: str = SECRET.decode()):
    message = Message(method="POST", headers={"x-webhook-secret": secret}, body=json.dumps(content).encode())
    return HuggingfaceSource([b"an older secret", SECRET]).read(message, 0.0)


def test_a_new_commit_on_the_default_branch_is_a_registration():
    delivery = read(body())
    (event,) = delivery.events
    assert (event.kind, event.uri) == (EventKind.REGISTER, f"hf://some-user/some-repo@{SHA}")
    assert (event.name, event.version) == ("some-user/some-repo", SHA)
    assert delivery.id.isascii()
    assert len(delivery.id) <= 200


def test_the_same_news_has_the_same_identifier_and_other_news_another():
    assert read(body()).id == read(body(repo__headSha="0" * 39 + "1")).id
    others = [
        body(event__scope="repo"),
        body(event__action="create"),
        body(webhook={"id": "1", "version": 3}),
    ]
    assert len({read(one).id for one in [body(), *others]}) == 4


@pytest.mark.parametrize("secret", ["", "wrong", "a secret of this tes", "a secret of this test "])
def test_a_forged_delivery_is_refused(secret):
    with pytest.raises(SignatureError):
        read(body(), secret)


@pytest.mark.parametrize(
    "changes",
    [
        {"repo__type": "dataset"},
        {"event__scope": "discussion"},
        {"event__scope": "repo.config"},
        {"event__action": "delete"},
        {"updatedRefs": []},
        {"updatedRefs": [{"ref": "refs/heads/next", "newSha": SHA}]},
        {"updatedRefs": [{"ref": "refs/heads/main", "newSha": None}]},
        {"updatedRefs": [{"ref": "refs/heads/main", "newSha": "0" * 40}]},
    ],
)
def test_what_is_no_new_model_needs_no_answer(changes):
    assert read(body(**changes)).events == ()


def test_a_narrower_scope_counts_as_its_broader_one():
    assert read(body(event__scope="repo.content.lfs")).events


@pytest.mark.parametrize(
    "changes",
    [
        {"repo__name": "../../etc/passwd"},
        {"repo__name": "a/b@main"},
        {"updatedRefs": [{"ref": "refs/heads/main", "newSha": "main"}]},
        {"event": "update"},
    ],
)
def test_a_delivery_that_makes_no_sense_is_malformed(changes):
    with pytest.raises(MalformedError):
        read(body(**changes))
