"""Licences of software agree with OSADL's compatibility matrix, but for the pairs explained here.

The vectors are a part of the OSADL license compatibility matrix, (c) Open Source Automation Development Lab
(OSADL) eG, licensed under CC-BY-4.0. OSADL asks whether software under an inbound licence may become part of
software under an outbound one; that is a work made from it.
"""

import json
from pathlib import Path

import pytest

from weightmark.licensing import find_template, may_carry

MATRIX = json.loads((Path(__file__).parent / "osadl/matrix.json").read_text(encoding="utf-8"))
PAIRS = {
    (inbound, outbound): letter
    for outbound, letters in MATRIX["outbound"].items()
    for inbound, letter in zip(MATRIX["inbound"], letters, strict=True)
}


NOTICES = "it asks for notices only, and the outbound licence's demand stays with its own files"
PATENTS = "its patent clause ends its own grant only, and MS-PL section 3 forbids no such term beside it"
DECIDED_HERE = {
    ("ECL-2.0", "MPL-2.0"): NOTICES,
    ("ECL-2.0", "EPL-2.0"): NOTICES,
    ("ECL-2.0", "MS-PL"): PATENTS,
    ("Apache-2.0", "MS-PL"): PATENTS,
    ("PostgreSQL", "MPL-2.0"): NOTICES,
    ("PostgreSQL", "EPL-2.0"): NOTICES,
    ("PostgreSQL", "MS-PL"): NOTICES,
}
"""Pairs that OSADL leaves open, and that are allowed here, each with the reason. The rest of them is not."""


def allowed(pair: tuple[str, str]) -> bool:
    inbound, outbound = map(find_template, pair)
    assert inbound is not None
    assert outbound is not None
    return may_carry(inbound, outbound)


def test_the_vectors_name_their_source_and_its_licence() -> None:
    assert "OSADL" in MATRIX["attribution"]
    assert "CC-BY-4.0" in MATRIX["attribution"]
    assert len(PAIRS) == 26 * 26


def test_every_pair_that_osadl_decides_is_decided_alike() -> None:
    decided = {pair: letter == "Y" for pair, letter in PAIRS.items() if letter in "YN"}
    assert len(decided) == 608
    assert [pair for pair, answer in decided.items() if allowed(pair) != answer] == []


def test_every_pair_that_osadl_leaves_open_is_not_allowed_or_explained() -> None:
    undecided = [pair for pair, letter in PAIRS.items() if letter in "?D"]
    assert {pair for pair in undecided if allowed(pair)} == set(DECIDED_HERE)


@pytest.mark.parametrize("name", MATRIX["inbound"])
def test_a_licence_may_carry_itself(name: str) -> None:
    assert allowed((name, name))
