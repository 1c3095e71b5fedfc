"""The slow reference decides the same; more cases with ``python -m tests.reference_licensing COUNT SEED``."""

import os

from tests import reference_licensing

from weightmark.licensing import ReasonCode

OF_GATES = {ReasonCode.POLICY, ReasonCode.NOT_INTACT, ReasonCode.NOT_ASKED}
BESIDE = {
    ReasonCode.GRANT_NON_COMMERCIAL,
    ReasonCode.GRANT_TOO_NARROW,
    ReasonCode.GRANT_NOT_FROM_OWNER,
}
COUNT = int(os.environ.get("WEIGHTMARK_REFERENCE_CASES", reference_licensing.EVERY_CASE))


def test_a_hundred_thousand_random_cases_are_decided_alike():
    seen = reference_licensing.compare(COUNT, seed=20261122)
    assert set(seen) == set(ReasonCode) - OF_GATES - BESIDE
