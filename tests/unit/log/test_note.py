import pytest

from weightmark.errors import MalformedError
from weightmark.log.note import MAX_NOTE, NoteSignature, decode_base64, format_note, is_key_name, parse_note

SIGNATURE = NoteSignature(name="log.example", key_hash=b"\1\2\3\4", value=b"signature")
NOTE = "one\ntwo\n\n— log.example AQIDBHNpZ25hdHVyZQ==\n"


def test_a_note_is_written_and_read():
    assert format_note("one\ntwo\n", [SIGNATURE]) == NOTE
    note = parse_note(NOTE)
    assert (note.text, note.signatures) == ("one\ntwo\n", (SIGNATURE,))


def test_the_text_may_have_empty_lines():
    text = "one\n\n— looks like a signature\n\nend\n"
    assert parse_note(format_note(text, [SIGNATURE])).text == text


def test_signatures_are_chosen_by_name_and_hash():
    other = NoteSignature(name="other", key_hash=b"\1\2\3\4", value=b"x")
    same_name = NoteSignature(name="log.example", key_hash=b"\0\0\0\0", value=b"y")
    note = parse_note(format_note("text\n", [other, SIGNATURE, same_name, SIGNATURE]))
    assert note.made_by("log.example", b"\1\2\3\4") == (b"signature", b"signature")
    assert note.made_by("nobody", b"\1\2\3\4") == ()


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        "\n\n",
        "text\n",
        "text\n\n",
        "text\n\nno signature\n",
        NOTE[:-1],
        NOTE + "\n",
        NOTE + "more\n",
        NOTE.replace("\n\n", "\n"),
        NOTE.replace("— ", "- "),
        NOTE.replace("— ", "—"),
        NOTE.replace("log.example", ""),
        NOTE.replace("log.example", "log+example"),
        NOTE.replace("log.example", "log\u00a0example"),
        NOTE.replace("log.example ", "log.example  "),
        NOTE.replace("log.example ", "log.example\t"),
        NOTE.replace("==", ""),
        NOTE.replace("==", "="),
        NOTE.replace("==", "==="),
        NOTE.replace("ZQ==", "ZR=="),
        NOTE.replace("AQID", "AQ ID"),
        NOTE.replace("AQID", "AQ-_"),
        "text\n\n— log.example AQIDBA==\n",
        "text\n\n— log.example \n",
        "text\n\n— log.example\n",
        NOTE.replace("two", "two\r"),
        NOTE.replace("two", "t\0wo"),
        NOTE.replace("two", "\ud800"),
        "\n" + NOTE[NOTE.index("\n\n") + 1 :],
        "x" * MAX_NOTE + NOTE,
        "text\n\n" + "— log.example AQIDBHNpZ25hdHVyZQ==\n" * 101,
    ],
)
def test_anything_else_is_refused(note: str):
    with pytest.raises(MalformedError, match="the thing"):
        parse_note(note, what="the thing")


@pytest.mark.parametrize(
    ("text", "signatures"),
    [
        ("", [SIGNATURE]),
        ("no end", [SIGNATURE]),
        ("tab\t\n", [SIGNATURE]),
        ("text\n", []),
        ("text\n", [SIGNATURE] * 101),
        ("text\n", [NoteSignature(name="a b", key_hash=bytes(4), value=b"x")]),
        ("text\n", [NoteSignature(name="ab", key_hash=bytes(5), value=b"x")]),
        ("text\n", [NoteSignature(name="ab", key_hash=bytes(4), value=b"")]),
    ],
)
def test_what_no_note_can_hold_is_not_written(text: str, signatures: list[NoteSignature]):
    with pytest.raises(ValueError, match="note"):
        format_note(text, signatures)


@pytest.mark.parametrize("name", ["", " ", "a b", "a+b", "a\n", "a\u2003b", "\u200b"])
def test_names_that_cannot_be_told_apart_are_refused(name: str):
    assert not is_key_name(name)


@pytest.mark.parametrize("text", ["AQ", "AQ=", "AR==", "A===", "AQ==\n", " AQ==", "é", "_-8="])
def test_base64_has_one_form(text: str):
    with pytest.raises(MalformedError):
        decode_base64(text, what="the text")
