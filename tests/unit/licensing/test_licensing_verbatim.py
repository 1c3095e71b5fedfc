"""The texts that ship are whole, and say at each place that a template cites what the template takes from it.

The phrases were read in the texts, not taken from the templates; where a template is wrong, this fails.
"""

import hashlib
import io
import json
from importlib.resources import files
from zipfile import ZipFile

import pytest
from tests.unit.licensing.text_phrases import GPL_3, SAID
from tests.unit.licensing.text_places import places

from weightmark.errors import MalformedError
from weightmark.licensing import TEMPLATES, Terms, find_template, verbatim
from weightmark.licensing.verbatim import INDEX, TEXTS, find_text, text_names, why_no_text


def words(text: str) -> str:
    return " ".join(text.translate(str.maketrans("‘’“”", "''\"\"")).split())


def cited(terms: Terms) -> set[str]:
    demand = [] if terms.share_alike is None else [terms.share_alike.clause]
    named = (*terms.duties, *terms.use_restrictions, *terms.conditions)
    clauses = [*(clause.place for clause in terms.clauses), *(one.clause for one in named), *demand]
    return {clause.removeprefix(terms.id).strip() for clause in clauses}


def text_of(licence: str) -> str:
    found = find_text(licence)
    assert found is not None
    return found.text


def split(licence: str, place: str) -> tuple[str, str, str]:
    """Whose text to look in, the place in it, and the phrase; LGPL-3.0 takes some from the GPL."""
    own, _, gpl = place.partition(" (with GPL-3.0 ")
    return (licence, own, SAID[licence][own]) if not gpl else ("GPL-3.0-only", gpl[:-1], GPL_3[gpl[:-1]])


@pytest.mark.parametrize("licence", SAID)
def test_the_text_says_at_each_cited_place_what_is_taken_from_it(licence):
    terms = find_template(licence)
    every = cited(terms)
    for place in every | {place.partition(" (with ")[0] for place in every if "(with " in place}:
        text, where, phrase = split(licence, place)
        found = places(text_of(text), where)
        assert None not in found, f"{licence} has no {place}"
        assert any(words(phrase) in words(part) for part in found), f"{licence} {place}: no {phrase!r}"


def test_every_template_on_the_spdx_list_has_its_text_and_no_other_has_one():
    listed = tuple(terms.id for terms in TEMPLATES if not terms.id.startswith("LicenseRef-"))
    assert text_names() == listed == tuple(SAID)


def test_the_texts_are_those_of_their_source_and_share_one_file_where_they_are_one():
    folder = files("weightmark.licensing")
    rows = json.loads((folder / INDEX).read_bytes())
    with ZipFile(io.BytesIO((folder / TEXTS).read_bytes())) as archive:
        assert {row["file"] for row in rows} == set(archive.namelist())
        for row in rows:
            assert hashlib.sha256(archive.read(row["file"])).hexdigest() == row["sha256"]
            assert row["unmodified"] is True
            assert row["source"].startswith("SPDX License List")
    assert text_of("gpl-2.0") == text_of("GPL-2.0-or-later")


def test_a_text_is_found_by_any_name_and_the_others_say_why_not():
    assert find_text("Apache 2.0") == find_text("APACHE-2.0")
    assert find_text("mit").sha256 == hashlib.sha256(text_of("mit").encode()).hexdigest()
    assert [find_text(name) for name in ("llama3.1", "gfdl", "nonsense", "")] == [None] * 4
    assert "does not plainly allow" in why_no_text(find_template("llama3.1"))
    assert "no public text" in why_no_text(find_template("proprietary"))


@pytest.mark.parametrize("damage", [b"", b"PK", b"another text"])
def test_a_damaged_file_of_texts_is_an_error(damage, monkeypatch):
    plain = verbatim._bytes
    monkeypatch.setattr(verbatim, "_bytes", lambda name: damage if name == TEXTS else plain(name))
    with pytest.raises(MalformedError, match=r"the text of MIT in texts\.zip"):
        find_text("MIT")


def test_a_flipped_byte_gives_the_right_text_or_an_error(monkeypatch):
    plain, right, errors = verbatim._bytes, text_of("Apache-2.0"), 0
    size = len(plain(TEXTS))
    for at in range(size // 100, size, size // 50):
        content = bytearray(plain(TEXTS))
        content[at] ^= 1
        monkeypatch.setattr(
            verbatim, "_bytes", lambda name, it=bytes(content): it if name == TEXTS else plain(name)
        )
        try:
            assert text_of("Apache-2.0") == right
        except MalformedError:
            errors += 1
    assert errors
