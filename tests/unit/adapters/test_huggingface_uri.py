"""URIs of the Hub, and the note that it keeps for us."""

import json

import pytest

from weightmark.errors import MalformedError
from weightmark_adapters.huggingface.note import Note
from weightmark_adapters.huggingface.uri import model_uri, parse_model, parse_uri

SHA = "575db8b7a51b6f85eb06eee540738584589f131c"


@pytest.mark.parametrize(
    ("uri", "author", "model", "revision"),
    [
        ("hf://acme", "acme", "", ""),
        ("hf://acme/churn", "acme", "churn", ""),
        ("hf:acme/churn", "acme", "churn", ""),
        ("hf://models/acme/churn", "acme", "churn", ""),
        ("hf://acme/Churn-1.5_b@v1.0", "acme", "Churn-1.5_b", "v1.0"),
        ("hf://acme/churn@refs%2Fpr%2F1", "acme", "churn", "refs/pr/1"),
        ("hf://acme/churn@refs/pr/1", "acme", "churn", "refs/pr/1"),
        (f"hf://acme/churn@{SHA}", "acme", "churn", SHA),
    ],
)
def test_a_uri_is_taken_apart(uri, author, model, revision):
    parsed = parse_uri(uri)
    assert (parsed.author, parsed.model, parsed.revision) == (author, model, revision)
    assert parsed.exact is (revision == SHA)


def test_a_uri_is_written_as_it_is_read():
    for revision in ("", "main", "refs/pr/12", SHA):
        assert parse_model(model_uri("acme/churn", revision)).revision == revision


@pytest.mark.parametrize(
    "uri",
    [
        "hf:",
        "hf:///",
        "hf://acme/",
        "hf://acme@main",
        "hf://acme/churn@",
        "hf://acme/churn@a b",
        "hf://acme/churn@..",
        "hf://acme/churn@x%00",
        "hf://.git/churn",
        "hf://acme/churn.git",
        "hf://acme/churn/model.safetensors",
        "hf://datasets/acme/rows",
        "hf://spaces/acme",
        "models:/churn/1",
        "hf://acme/chürn",
    ],
)
def test_what_names_no_model_is_refused(uri):
    with pytest.raises(MalformedError):
        parse_uri(uri)


def test_a_model_is_not_an_author():
    with pytest.raises(MalformedError, match="all models"):
        parse_model("hf://acme")


def test_a_note_keeps_what_is_there_and_the_newest_fifty():
    note = Note()
    for number in range(60):
        note = note.add(f"{number:040x}", {"weightmark.owner": "acme"})
    note = note.add(f"{59:040x}", {"weightmark.reason": "x"})
    again = Note.decode(note.encode())
    assert again == note
    assert len(again.revisions) == 50
    assert again.revisions[f"{59:040x}"] == {"weightmark.owner": "acme", "weightmark.reason": "x"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b'{"revisions": []}',
        b"\xff",
        b"[" * 100_000,
        json.dumps({"revisions": {"x": 1}}).encode(),
    ],
)
def test_a_damaged_note_is_an_empty_one(data):
    assert Note.decode(data) == Note()
