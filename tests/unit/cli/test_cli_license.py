"""``weightmark license``: set, show, templates, text and build answer as their schemas say."""

import json
from pathlib import Path

import jsonschema
import pytest
from tests.unit.cli.test_json_schema import holds
from tests.workshop import Shell

from weightmark.licensing import TEMPLATES, find_text, read_terms
from weightmark.licensing.pointer import pointer_names


@pytest.mark.parametrize("terms", TEMPLATES, ids=lambda terms: terms.id)
def test_the_json_of_every_template_holds_its_schema(terms) -> None:
    holds("terms", terms.to_json())


@pytest.mark.parametrize(
    "change", [{"commercial": None}, {"permissions": ["fly"]}, {"seats": -1}, {"fly": 1}, {"renewal": "no"}]
)
def test_terms_that_do_not_fit_are_noticed(change: dict[str, object]) -> None:
    with pytest.raises((jsonschema.ValidationError, AssertionError)):
        holds("terms", {**TEMPLATES[0].to_json(), **change})


def test_show_answers_for_a_licence_a_name_and_a_model(shell: Shell, model: Path) -> None:
    licence = shell.json("license", "show", "cc-by-nc-4.0")
    holds("license-show", licence)
    holds("terms", licence["terms"])
    named = shell.json("license", "show", "gfdl")
    holds("license-show", named)
    assert named["terms"] is None
    shell.run("register", model, "--mine")
    bare = shell.json("license", "show", model)
    holds("license-show", bare)
    assert (bare["license"], bare["terms"]) == (None, None)
    answer = shell.json("license", "set", model, "apache-2.0")
    holds("license-set", answer)
    shown = shell.json("license", "show", model)
    holds("license-show", shown)
    assert shown["terms"]["id"] == "Apache-2.0"


def test_templates_say_whose_text_is_here(shell: Shell) -> None:
    answer = shell.json("license", "templates")
    holds("license-templates", answer)
    here = {row["id"]: row["text"] for row in answer["templates"]}
    assert (here["MIT"], here["LicenseRef-Gemma"]) == (True, False)


def test_build_answers_with_terms_policy_and_files(shell: Shell) -> None:
    every = ("--allow", "infer", "--duty", "attribution", "--not-for", "military", "--seats", "3")
    every += ("--start", "2027-01-01", "--end", "2028-01-01", "--grace", "5", "--renewal", "auto")
    every += ("--bound", "calls:5", "--share-alike", "file:MIT", "--territory", "DE", "--law", "Germany")
    answer = shell.json("license", "build", "--name", "ours", *every)
    holds("license-build", answer)
    holds("terms", answer["terms"])
    assert json.loads(Path(answer["files"][0]).read_text(encoding="utf-8")) == answer["terms"]


def test_the_text_is_written_word_for_word(shell: Shell) -> None:
    found = find_text("apache-2.0")
    assert found is not None
    assert shell.run("license", "text", "Apache 2.0").stdout.rstrip("\n") == found.text.rstrip("\n")
    answer = shell.json("license", "text", "apache-2.0")
    holds("license-text", answer)
    assert (answer["text"], answer["sha256"]) == (found.text, found.sha256)


def test_an_agreement_of_ours_is_its_sentences(shell: Shell) -> None:
    written = shell.run("license", "text", "per-seat").stdout
    assert read_terms(written).id == "LicenseRef-Weightmark-Per-Seat-1.0"
    holds("license-text", shell.json("license", "text", "per-seat"))


@pytest.mark.parametrize(
    ("licence", "says"),
    [("llama3.1", "hand out its text"), ("proprietary", "no public text"), ("gfdl", "SPDX identifier")],
)
def test_a_text_that_is_not_here_is_undecided_and_says_why(shell: Shell, licence: str, says: str) -> None:
    assert says in shell.run("license", "text", licence, code=5).stdout
    answer = shell.json("license", "text", licence, code=5)
    holds("license-text", answer)
    assert answer["text"] is None
    assert says in answer["note"]


def test_every_name_without_rules_has_an_answer(shell: Shell) -> None:
    for name in pointer_names():
        assert shell.json("license", "text", name, code=5)["note"]


def test_an_unknown_licence_offers_near_names(shell: Shell) -> None:
    assert "Did you mean Apache-2.0?" in shell.fail("license", "text", "apach-2.0", code=1)
    assert "license templates" in shell.fail("license", "text", "frobnicate", code=1)
