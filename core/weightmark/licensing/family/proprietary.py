"""All rights reserved, as terms: nothing without a grant.

Not promised: that a statute gives nothing either; exceptions of the law are not weighed here.
"""

from typing import Final

from weightmark.licensing.capability import Capability
from weightmark.licensing.duty import Clause
from weightmark.licensing.terms import COMMERCIAL, Terms

PROPRIETARY: Final = Terms(
    id="LicenseRef-Proprietary",
    title="Proprietary, all rights reserved",
    commercial=False,
    clauses=tuple(
        Clause(topic=topic, place="LicenseRef-Proprietary (all rights reserved)")
        for topic in (*Capability, COMMERCIAL)
    ),
)
