"""All rights reserved, as terms: nothing without a grant.

Not promised: that a statute gives nothing either; exceptions of the law are not weighed here.
"""

from typing import Final

from weightmark.licensing.family.citation import Citation
from weightmark.licensing.terms import Terms

TERMS: Final[tuple[Terms, ...]] = (
    Terms(
        id="LicenseRef-Proprietary",
        title="Proprietary, all rights reserved",
        commercial=False,
        clauses=Citation("LicenseRef-Proprietary").clauses("(all rights reserved)"),
    ),
)
