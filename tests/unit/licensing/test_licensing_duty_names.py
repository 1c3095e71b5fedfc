"""Compatibility looks at duties by name: each name it looks for exists, and each that exists is placed.

Whoever renames a duty, or adds one, must say here what it does to others.
"""

from weightmark.licensing import TEMPLATES
from weightmark.licensing.collision import NO_FURTHER
from weightmark.licensing.demand import _BURDENS, FREE_ALONE
from weightmark.licensing.duty import PRIVATE_ONLY
from weightmark.licensing.family.citation import USUAL_DUTIES
from weightmark.licensing.family.purpose import PURPOSES
from weightmark.licensing.odrl import DUTY_ACTIONS
from weightmark.licensing.owing import _OF_FREE_DATA, _ON_NETWORK, _ON_PASSING

IN_TEMPLATES = {duty.id for terms in TEMPLATES for duty in terms.duties}
LOOKED_FOR = {NO_FURTHER, PRIVATE_ONLY, "no-hosting", "observe-use-restrictions", "pass-on-use-restrictions"}
ALWAYS_OWED_AND_NO_BURDEN = {
    "cite",
    "delete-copies",
    "name-users",
    "no-endorsement",
    "proof-of-status",
}


def test_every_name_that_is_looked_for_is_that_of_a_duty():
    looked_for = LOOKED_FOR | _BURDENS | _ON_PASSING | _ON_NETWORK | _OF_FREE_DATA | DUTY_ACTIONS.keys()
    assert looked_for <= IN_TEMPLATES
    assert USUAL_DUTIES.keys() <= IN_TEMPLATES
    assert FREE_ALONE in PURPOSES


def test_every_duty_is_placed():
    placed = _BURDENS | _ON_PASSING | _ON_NETWORK | {PRIVATE_ONLY} | ALWAYS_OWED_AND_NO_BURDEN
    assert placed == IN_TEMPLATES


def test_a_licence_with_the_demand_has_the_duty_and_the_other_way_round():
    for terms in TEMPLATES:
        closed = terms.share_alike is not None and terms.id in terms.share_alike.outbound
        named = any(duty.id == "share-alike" for duty in terms.duties)
        assert named == closed, terms.id
