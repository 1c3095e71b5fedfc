"""The catalogue holds what the families hold, reads what is asked for, and knows all names of the Hub."""

import subprocess
import sys
from importlib import import_module

import pytest

from weightmark.encoding import decode, encode
from weightmark.errors import MalformedError
from weightmark.licensing import (
    TEMPLATES,
    Capability,
    Reach,
    Terms,
    find_template,
    from_odrl,
    parse_license,
    read_terms,
    resolve_license,
    to_odrl,
    word_terms,
)
from weightmark.licensing.catalog import ALIASES, FAMILIES, HUB_NAMES
from weightmark.licensing.expression import Known, Unknown
from weightmark.licensing.family.purpose import PURPOSES
from weightmark.licensing.pointer import find_pointer, pointer_names


@pytest.mark.parametrize("family", FAMILIES)
def test_the_catalogue_names_what_the_family_holds(family):
    module = import_module(f"weightmark.licensing.family.{family}")
    assert tuple(terms.id for terms in module.TERMS) == FAMILIES[family]


@pytest.mark.parametrize("terms", TEMPLATES, ids=lambda terms: terms.id)
def test_every_template_survives_json_odrl_and_sentences(terms):
    assert Terms.from_json(decode(encode(terms.to_json()), what="it")) == terms
    assert from_odrl(decode(encode(to_odrl(terms)), what="it")) == terms
    assert read_terms(word_terms(terms)) == terms


@pytest.mark.parametrize("terms", TEMPLATES, ids=lambda terms: terms.id)
def test_every_template_cites_its_own_text(terms):
    name = terms.id if terms.id == "LicenseRef-Proprietary" else terms.id.removeprefix("LicenseRef-")
    demand = [] if terms.share_alike is None else [terms.share_alike.clause]
    cited = [one.clause for one in (*terms.duties, *terms.use_restrictions, *terms.conditions)] + demand
    assert all(clause.startswith(f"{name} ") for clause in cited)
    assert len({duty.id for duty in terms.duties}) == len(terms.duties)
    assert {one.id for one in terms.use_restrictions} <= {*PURPOSES, "non-computational-use"}
    assert all(find_template(licence) or "LAL-1.3" for licence in (demand and terms.share_alike.outbound))


@pytest.mark.parametrize("terms", TEMPLATES, ids=lambda terms: terms.id)
def test_what_is_promised_elsewhere_can_be_found(terms):
    assert find_template(terms.id) is terms
    assert isinstance(parse_license(terms.id), Known)
    assert terms.url.startswith("https://") or terms.id.startswith("LicenseRef-")


@pytest.mark.parametrize("name", HUB_NAMES)
def test_every_name_of_the_hub_is_known(name):
    found = resolve_license(name)
    assert isinstance(found, Known) or (isinstance(found, Unknown) and found.title and not found.nearest)


def test_the_hub_has_as_many_names_as_its_list():
    assert len(HUB_NAMES) == len(set(HUB_NAMES)) == 81


def test_no_name_is_both_a_template_and_a_pointer():
    assert [name for name in pointer_names() if find_template(name)] == []
    assert all(find_template(known) for known in ALIASES.values())


def test_other_asks_for_a_name_and_a_link():
    pointer = find_pointer("other")
    assert pointer is not None
    assert "license_name" in pointer.advice
    assert "license_link" in pointer.advice


def test_a_name_reads_one_family_and_the_program_none():
    code = (
        "import sys, weightmark.cli.application, weightmark.licensing as l;"
        "from weightmark.licensing import decide;"
        "read = lambda: {m.rpartition('.')[2] for m in sys.modules if '.licensing.family.' in m};"
        "assert not read(), read();"
        "l.find_template('llama3.1');"
        "assert read() == {'llama', 'citation', 'purpose'}, read()"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("depth", [17, 10_000])
def test_a_deep_expression_is_told_its_depth(depth):
    with pytest.raises(MalformedError, match=f"{depth} levels deep"):
        parse_license("(" * depth + "MIT" + ")" * depth)


@pytest.mark.parametrize(
    ("text", "weighed"),
    [
        ("GPL-2.0-only WITH Classpath-exception-2.0", True),
        ("GPL-3.0-only WITH GCC-exception-3.1", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("MIT WITH LLVM-exception", False),
        ("GPL-3.0-only WITH Bison-exception-2.2", False),
    ],
)
def test_only_common_exceptions_are_weighed(text, weighed):
    found = resolve_license(text)
    assert isinstance(found, Known)
    assert found.text == text
    assert found.weighed is weighed


def test_a_linking_exception_keeps_the_demand_from_larger_works():
    plain, excepted = resolve_license("GPL-2.0-only"), resolve_license("GPL-2.0 WITH Classpath-exception-2.0")
    assert isinstance(plain, Known)
    assert isinstance(excepted, Known)
    assert plain.terms.share_alike.reach is Reach.COMBINED
    assert excepted.terms.share_alike.reach is Reach.DERIVATIVE
    assert excepted.terms.duties == plain.terms.duties


def test_the_versions_of_llama_differ_in_distilling():
    may = [find_template(name).permissions for name in ("llama2", "llama3", "llama3.1", "llama4")]
    assert [Capability.DISTILL in permissions for permissions in may] == [False, False, True, True]
