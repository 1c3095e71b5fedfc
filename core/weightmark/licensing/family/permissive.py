"""MIT and Apache-2.0, as terms.

Not promised: the licences' own words; the texts at the URLs bind.
"""

from typing import Final

from weightmark.licensing.capability import EVERYTHING, Capability
from weightmark.licensing.duty import Clause, Duty
from weightmark.licensing.terms import COMMERCIAL, Terms

MIT: Final = Terms(
    id="MIT",
    title="MIT License",
    url="https://spdx.org/licenses/MIT.html",
    permissions=EVERYTHING,
    duties=(
        Duty(
            id="attribution",
            sentence="When you pass on the model, keep the copyright notice.",
            clause="MIT second paragraph (notice)",
        ),
        Duty(
            id="include-licence",
            sentence="When you pass on the model, keep the permission notice, which is the licence's text.",
            clause="MIT second paragraph (notice)",
        ),
    ),
    clauses=tuple(
        Clause(topic=topic, place="MIT first paragraph (permission)") for topic in (*Capability, COMMERCIAL)
    ),
)

_APACHE_RIGHTS = "Apache-2.0 section 2"
_APACHE_PASSING_ON = "Apache-2.0 sections 2 and 4"

APACHE_2_0: Final = Terms(
    id="Apache-2.0",
    title="Apache License 2.0",
    url="https://www.apache.org/licenses/LICENSE-2.0",
    permissions=EVERYTHING,
    duties=(
        Duty(
            id="include-licence",
            sentence="When you pass on the model or a derivative, give a copy of the licence with it.",
            clause="Apache-2.0 section 4(a)",
        ),
        Duty(
            id="state-changes",
            sentence="When you pass on changed files, mark them prominently as changed.",
            clause="Apache-2.0 section 4(b)",
        ),
        Duty(
            id="attribution",
            sentence="When you pass on a derivative, keep its copyright, patent and attribution notices.",
            clause="Apache-2.0 section 4(c)",
        ),
        Duty(
            id="notice-file",
            sentence="When the model comes with a NOTICE file, pass on its attribution notices.",
            clause="Apache-2.0 section 4(d)",
        ),
    ),
    clauses=(
        *(
            Clause(topic=topic, place=_APACHE_RIGHTS)
            for topic in (*Capability, COMMERCIAL)
            if topic not in {Capability.REDISTRIBUTE, Capability.RESELL}
        ),
        Clause(topic=Capability.REDISTRIBUTE, place=_APACHE_PASSING_ON),
        Clause(topic=Capability.RESELL, place=_APACHE_PASSING_ON),
    ),
)
