"""Weighing works together: uses in words, kinds of works, choices, terms of one's own."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from weightmark.errors import MalformedError
from weightmark.licensing import (
    Answer,
    Capability,
    CompatibilityCode,
    Condition,
    Duty,
    Entitlement,
    Ingredient,
    Joining,
    Reach,
    ShareAlike,
    Terms,
    Use,
    WorkKind,
    find_template,
    parse_use,
    read_ingredient,
    weigh_together,
)
from weightmark.licensing.capability import EVERYTHING
from weightmark.licensing.use import FILLERS, VOCABULARY

PAGE = (Path(__file__).parents[3] / "docs/how-to/check-compatibility.md").read_text(encoding="utf-8")


def codes(*works: str | Terms | Ingredient, use: str = "publish", joining: str = "merge") -> set[str]:
    return {reason.code for reason in weigh_together(works, parse_use(use), Joining(joining)).reasons}


@pytest.mark.parametrize(
    ("text", "use"),
    [
        ("", {}),
        ("fine-tune", {"capabilities": {Capability.FINE_TUNE}}),
        ("Fine Tune, and run it.", {"capabilities": {Capability.FINE_TUNE, Capability.INFER}}),
        ("serve", {"capabilities": {Capability.INFER}, "network": True}),
        ("publish", {"capabilities": {Capability.REDISTRIBUTE}, "shares": True}),
        ("non commercial", {"commercial": False}),
        ("in house business", {"commercial": True}),
        ("research", {"commercial": False, "purposes": {"research"}}),
        ("commercial research", {"commercial": True, "purposes": {"research"}}),
        ("medical advice", {"purposes": {"medical-advice"}}),
        (
            "sell",
            {
                "capabilities": {Capability.RESELL, Capability.REDISTRIBUTE},
                "shares": True,
                "commercial": True,
            },
        ),
    ],
)
def test_words_are_read(text: str, use: dict[str, object]) -> None:
    found = parse_use(text)
    expected = {
        "capabilities": set(),
        "shares": False,
        "network": False,
        "commercial": None,
        "purposes": set(),
    }
    assert {name: getattr(found, name) for name in expected} == expected | use
    assert found.text == text


@pytest.mark.parametrize(
    "text", ["frobnicate", "serve, not publish", "without sharing", "\x1b[2J", "-" * 999]
)
def test_other_words_are_an_error_that_lists_the_words(text: str) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_use(text)
    assert "fine-tune" in caught.value.hint
    assert "\x1b" not in caught.value.message


def test_a_use_that_contradicts_itself_is_an_error() -> None:
    with pytest.raises(MalformedError, match="both commercial and non-commercial"):
        parse_use("serve commercially and non-commercially")


def test_a_use_that_is_too_long_is_an_error() -> None:
    with pytest.raises(MalformedError, match="1000 characters"):
        parse_use("serve " * 1000)


def test_no_word_is_both_read_and_passed_over() -> None:
    assert not FILLERS & VOCABULARY.keys()


@pytest.mark.parametrize("word", sorted(VOCABULARY))
def test_every_word_is_on_the_page(word: str) -> None:
    assert f"`{word}`" in PAGE


def test_every_code_is_on_the_page() -> None:
    table = PAGE.partition("## Reasons")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE) == list(CompatibilityCode)


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("mit", None, "MIT"),
        ("code:mit", WorkKind.CODE, "MIT"),
        ("Data: odbl", WorkKind.DATA, "ODbL-1.0"),
        ("models:/churn/3", None, "models:/churn/3"),
        ("weights:", WorkKind.WEIGHTS, ""),
    ],
)
def test_a_kind_may_stand_before_a_licence(text: str, kind: WorkKind | None, name: str) -> None:
    found = read_ingredient(text)
    assert (found.kind, found.name) == (kind, name)


def test_nothing_named_is_unknown() -> None:
    answer = weigh_together([], Use())
    assert (answer.verdict, answer.allowed) == (Answer.UNKNOWN, False)


def test_too_many_choices_are_unknown_and_quick() -> None:
    works = [
        f"({one} OR {other})"
        for one in ("mit", "isc", "zlib", "ncsa")
        for other in ("wtfpl", "0bsd", "ecl-2.0")
    ]
    assert codes(*works) == {"too-many-choices"}
    assert codes(" AND ".join(works)) == {"too-many-choices"}
    assert "too-many-choices" not in codes(*["mit OR gpl-2.0-only"] * 50)


def test_an_unknown_licence_offers_names() -> None:
    reason = weigh_together(["apach-2.0"], Use()).reasons[0]
    assert (reason.code, reason.answer) == ("unknown-licence", Answer.UNKNOWN)
    assert "Apache-2.0" in reason.hint


def test_an_exception_that_is_not_weighed_leaves_it_open() -> None:
    works = ["gpl-2.0-only WITH Bison-exception-2.2", "apache-2.0"]
    assert "exception-not-weighed" in codes(*works, joining="combine")
    assert weigh_together(works, parse_use("publish"), Joining.COMBINE).verdict is Answer.UNKNOWN
    works[0] = "gpl-2.0-only WITH Classpath-exception-2.0"
    assert weigh_together(works, parse_use("publish"), Joining.COMBINE).verdict is Answer.DUTIES


def test_serving_what_copyleft_claims_needs_leave_to_pass_all_of_it_on() -> None:
    closed = Terms(id="LicenseRef-House", permissions=EVERYTHING - {Capability.REDISTRIBUTE})
    assert "not-permitted" in codes(closed, "agpl-3.0", use="serve")
    assert "not-permitted" not in codes(closed, "gpl-3.0", use="serve")


def test_facts_that_no_request_states_are_duties() -> None:
    terms = Terms(
        id="LicenseRef-Deal",
        permissions=EVERYTHING,
        start=datetime(2026, 1, 1, tzinfo=UTC),
        end=datetime(2027, 1, 1, tzinfo=UTC),
        bounds=(Entitlement(name="inferences", unit="calls", limit=10),),
        territory=("DE",),
        seats=3,
        price="order 7",
        organisations=("acme",),
        conditions=(Condition(id="revenue", sentence="You earn little.", clause="LicenseRef-Deal 4"),),
    )
    answer = weigh_together([terms], parse_use("run internally"))
    assert answer.verdict is Answer.DUTIES
    assert [duty.id.removeprefix("condition-") for duty in answer.duties] == [
        "revenue",
        "start",
        "end",
        "organisation",
        "territory",
        "seats",
        "usage",
        "price",
    ]


def test_terms_of_ones_own_count_as_a_licence_of_the_result() -> None:
    alike = ShareAlike(reach=Reach.DERIVATIVE, outbound=("LicenseRef-Club",), clause="Club 3")
    club = Terms(id="LicenseRef-Club", permissions=EVERYTHING, share_alike=alike)
    assert weigh_together([club, "mit"], parse_use("publish")).outbound == ("LicenseRef-Club",)
    assert "share-alike" in codes(club, "gpl-3.0")


def test_a_list_of_licences_that_nobody_knows_is_taken_at_its_word() -> None:
    alike = ShareAlike(reach=Reach.DERIVATIVE, outbound=("LAL-1.3",), clause="Art 3")
    art, craft = (
        Terms(id=f"LicenseRef-{name}", permissions=EVERYTHING, share_alike=alike) for name in ("Art", "Craft")
    )
    assert weigh_together([art, "mit"], parse_use("publish")).outbound == ("LicenseRef-Art",)
    assert "own-terms" in codes(art, craft)
    assert "further-restrictions" in codes(art, "openrail")
    assert "share-alike" in codes(art, "gpl-3.0")


def test_duties_of_an_unknown_name_are_kept() -> None:
    odd = Terms(
        id="LicenseRef-Odd", permissions=EVERYTHING, duties=(Duty(id="sing", sentence="Sing.", clause="1"),)
    )
    assert [duty.id for duty in weigh_together([odd], parse_use("run")).duties] == ["sing"]


def test_a_network_duty_is_owed_for_serving_only() -> None:
    def ids(use: str) -> set[str]:
        return {duty.id for duty in weigh_together(["agpl-3.0"], parse_use(use)).duties}

    assert "network-source" in ids("serve")
    assert "network-source" not in ids("publish")
    assert ids("run") == set()


def test_a_choice_and_its_alternative_are_named() -> None:
    answer = weigh_together(["MIT OR GPL-2.0-only", "apache-2.0"], parse_use("publish"))
    chosen = next(reason for reason in answer.reasons if reason.code == "chosen")
    assert chosen.licence == "MIT"
    assert "MIT OR GPL-2.0-only" in chosen.message


def test_the_answer_is_written_as_json() -> None:
    body = weigh_together(["gpl-2.0-only", "gpl-3.0-only"], parse_use("publish"), Joining.MERGE).to_json()
    assert body["verdict"] == "refused"
    assert body["clauses"] == ["GPL-2.0-only section 2(b)", "GPL-3.0-only section 5(c)"]
    assert find_template("gpl-2.0") is find_template("gpl-2.0-only")


def test_terms_that_took_a_known_name_are_not_taken_for_it() -> None:
    false = Terms(id="CC-BY-4.0", permissions=EVERYTHING, commercial=False)
    answer = weigh_together([false, "cc-by-4.0"], parse_use("publish for research"))
    assert answer.outbound
    assert "MIT" not in answer.outbound
    assert "GPL-3.0-only" not in answer.outbound
