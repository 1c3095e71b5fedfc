"""Marks in cards, configurations and headers: readable, written once, and nothing else touched."""

import json
import struct

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.workshop import write_model

from weightmark.attribution import Mark, write_card, write_config, write_header, write_index
from weightmark.errors import MalformedError
from weightmark.model.card import read_facts

MARK = Mark(
    name="acme/churn",
    owner="acme",
    license="Apache-2.0",
    weights="sha256:" + "ab" * 32,  # type: ignore[arg-type]
    base_models=("openlab/base", "openlab/other"),
    credits="base by openlab (MIT)",
)


def front(card: bytes) -> dict:
    return yaml.safe_load(card.decode().split("---\n")[1])


def test_an_empty_card_becomes_one_that_says_it_all(tmp_path):
    card = write_card(b"", MARK)
    assert front(card) == {
        "license": "apache-2.0",
        "base_model": ["openlab/base", "openlab/other"],
        "weightmark": {
            "owner": "acme",
            "license": "Apache-2.0",
            "weights": MARK.weights,
            "credits": "base by openlab (MIT)",
        },
    }
    assert "# acme/churn" in card.decode()
    assert "Derived from openlab/base, openlab/other." in card.decode()
    (tmp_path / "README.md").write_bytes(card)
    assert read_facts(tmp_path) == {"license": "apache-2.0", "base_model": "openlab/base,openlab/other"}


def test_what_the_author_wrote_stays_letter_by_letter():
    card = (
        "---\nlicense: mit # as ever\nbase_model: x/y\ntags: [a,  b]\n---\n\n# Mine\r\n\nText with `code`.\n"
    )
    written = write_card(card.encode(), MARK).decode()
    assert "license: mit # as ever\nbase_model: x/y\ntags: [a,  b]\nweightmark:\n" in written
    assert "\n# Mine\r\n\nText with `code`.\n\n<!-- weightmark" in written
    assert front(written.encode())["base_model"] == "x/y"


def test_writing_twice_changes_nothing_and_another_mark_replaces_the_first():
    once = write_card(b"---\nlicense: mit\n---\n# Mine\n", MARK)
    assert write_card(once, MARK) == once
    other = Mark(name="acme/churn", owner="openlab", license="mit")
    changed = write_card(once, other)
    assert front(changed)["weightmark"] == {"owner": "openlab", "license": "mit"}
    assert b"acme, under" not in changed
    assert changed.count(b"## Attribution") == 1


@given(st.text(max_size=200), st.text(max_size=40))
def test_any_card_and_any_owner_stay_readable(body, owner):
    mark = Mark(name="a/b", owner=owner or "x", license="mit")
    card = write_card(body.encode("utf-8", "replace"), mark)
    assert write_card(card, mark) == card


@given(st.text(min_size=1, max_size=60), st.text(max_size=60))
def test_names_of_strangers_bring_no_markup_and_no_keys(owner, credits_):
    card = write_card(b"", Mark(name="a/b", owner=owner, license="mit", credits=credits_))
    assert set(front(card)) == {"license", "weightmark"}
    assert front(card)["weightmark"]["owner"] == owner
    section = card.decode().split("## Attribution")[1]
    assert "](" not in section.replace("\\]", "")


def test_a_licence_that_the_hub_does_not_list_goes_by_its_name():
    written = front(write_card(b"", Mark(name="a/b", owner="x", license="LicenseRef-Acme")))
    assert (written["license"], written["license_name"]) == ("other", "LicenseRef-Acme")
    assert front(write_card(b"", Mark(name="a/b", owner="x", license="GPL-3.0-only")))["license"] == "gpl-3.0"


def test_a_configuration_keeps_every_other_key():
    written = json.loads(write_config(b'{"b": 1, "a": [1.5, null], "weightmark": 3}', MARK))
    assert list(written) == ["b", "a", "weightmark"]
    assert written["a"] == [1.5, None]
    assert written["weightmark"]["owner"] == "acme"
    assert write_config(write_config(b"{}", MARK), MARK) == write_config(b"{}", MARK)


def test_a_header_keeps_format_and_offsets(tmp_path):
    data = (write_model(tmp_path / "m") / "model.safetensors").read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size]) | {"__metadata__": {"format": "pt", "weightmark.old": "x"}}
    start = write_header(json.dumps(header).encode(), MARK)
    length = struct.unpack("<Q", start[:8])[0]
    assert len(start) == 8 + length
    assert len(start) % 8 == 0
    written = json.loads(start[8:])
    assert written["__metadata__"] == {"format": "pt", **MARK.tags()}
    assert {key: value for key, value in written.items() if key != "__metadata__"} == {
        key: value for key, value in header.items() if key != "__metadata__"
    }
    assert write_header(start[8:], MARK) == start


def test_an_index_of_shards_keeps_its_size():
    written = json.loads(write_index(b'{"metadata": {"total_size": 8}, "weight_map": {"a": "b"}}', MARK))
    assert written["metadata"]["total_size"] == 8
    assert written["metadata"]["weightmark.owner"] == "acme"
    assert written["weight_map"] == {"a": "b"}


@pytest.mark.parametrize("write", [write_config, write_index, write_header])
@pytest.mark.parametrize("data", [b"", b"[]", b"\xff\xfe", b"[" * 50_000])
def test_what_is_no_object_is_refused(write, data):
    with pytest.raises(MalformedError):
        write(data, MARK)


def test_a_card_that_is_no_text_is_refused():
    with pytest.raises(MalformedError):
        write_card(b"\xff\xfe\x00", MARK)
    with pytest.raises(MalformedError):
        write_header(b'{"__metadata__": 3}', MARK)
