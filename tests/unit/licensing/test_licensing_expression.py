import subprocess
import sys

import pytest

from weightmark.errors import MalformedError
from weightmark.licensing import find_template, parse_license, resolve_license
from weightmark.licensing.catalog import ALIASES
from weightmark.licensing.expression import AllOf, AnyOf, Known, Unknown
from weightmark.licensing.template import TEMPLATES, nearest_names


@pytest.mark.parametrize(
    ("text", "usual"),
    [
        ("apache-2.0", "Apache-2.0"),
        (" MIT ", "MIT"),
        ("cc-by-nc-4.0", "CC-BY-NC-4.0"),
        ("GPL-3.0", "GPL-3.0-only"),
        ("mit and apache-2.0", "MIT AND Apache-2.0"),
        ("mit OR apache-2.0 AND openrail", "MIT OR Apache-2.0 AND LicenseRef-OpenRAIL-M"),
        ("(mit OR apache-2.0) AND openrail", "(MIT OR Apache-2.0) AND LicenseRef-OpenRAIL-M"),
        ("gpl-3.0 WITH GCC-exception-3.1", "GPL-3.0-only WITH GCC-exception-3.1"),
        ("LicenseRef-Ours OR MIT", "LicenseRef-Ours OR MIT"),
    ],
)
def test_usual_spelling_is_stable(text, usual):
    expression = parse_license(text)
    assert expression.text == usual
    assert parse_license(usual).text == usual


def test_shapes():
    assert isinstance(resolve_license("MIT"), Known)
    assert isinstance(resolve_license("gfdl"), Unknown)
    assert isinstance(resolve_license("MIT AND gfdl"), AllOf)
    assert isinstance(resolve_license("MIT OR gfdl"), AnyOf)
    assert resolve_license(None) is None


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "SPDX"),
        ("Apache2.0", "Apache-2.0"),
        ("MIT AND", "AND, OR, WITH"),
        ("(MIT", "AND, OR, WITH"),
        ("MIT OR nonsense-1", "LicenseRef-NAME"),
        ("(" * 40 + "MIT" + ")" * 40, "AND, OR, WITH"),
        ("(" * 10_000 + "MIT" + ")" * 10_000, "AND, OR, WITH"),
        ("M" * 2000, "AND, OR, WITH"),
    ],
)
def test_people_are_told_what_is_wrong(text, hint):
    with pytest.raises(MalformedError) as caught:
        parse_license(text)
    assert hint in caught.value.hint


@pytest.mark.parametrize("text", ["OSL-3.0", "LicenseRef-Ours", "osl-3.0 OR MIT", "gfdl"])
def test_licences_without_rules_may_be_named(text):
    assert parse_license(text).text.lower() == text.lower()


@pytest.mark.parametrize("terms", TEMPLATES, ids=lambda terms: terms.id)
def test_every_template_is_found_by_its_id_in_any_case(terms):
    assert find_template(terms.id) is terms
    assert find_template(terms.id.upper()) is terms


def test_aliases_are_lower_case():
    assert all(
        name == name.lower() and find_template(name) is find_template(known)
        for name, known in ALIASES.items()
    )


def test_nothing_is_near_to_nonsense():
    assert nearest_names("zzzz") == ()


def test_a_plain_name_loads_no_parser():
    code = (
        "import sys, weightmark.licensing as l;"
        "l.resolve_license('apache-2.0'); l.resolve_license('gfdl');"
        "sys.exit('license_expression' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
