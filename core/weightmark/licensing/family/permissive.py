"""Permissive licences of software, as terms; every clause is checked against the texts.

Not promised: the licences' own words; the texts at the URLs bind.
"""

from typing import Final

from weightmark.licensing.capability import EVERYTHING, Capability
from weightmark.licensing.family.citation import Citation
from weightmark.licensing.terms import Terms

_FIRST, _NOTICE = "first paragraph (permission)", "second paragraph (notice)"


def _mit() -> Terms:
    cite = Citation("MIT")
    return Terms(
        id="MIT",
        title="MIT License",
        url="https://spdx.org/licenses/MIT.html",
        permissions=EVERYTHING,
        duties=(
            cite.duty("attribution", _NOTICE, "When you pass on the model, keep the copyright notice."),
            cite.duty(
                "include-licence",
                _NOTICE,
                "When you pass on the model, keep the permission notice, which is the licence's text.",
            ),
        ),
        clauses=cite.clauses(_FIRST),
    )


def _apache(name: str, title: str, url: str) -> Terms:
    cite = Citation(name)
    passing_on = "sections 2 and 4"
    return Terms(
        id=name,
        title=title,
        url=url,
        permissions=EVERYTHING,
        duties=(
            cite.duty("include-licence", "section 4(a)"),
            cite.duty("state-changes", "section 4(b)"),
            cite.duty("attribution", "section 4(c)"),
            cite.duty(
                "notice-file",
                "section 4(d)",
                "When the model comes with a NOTICE file, pass on its attribution notices.",
            ),
        ),
        clauses=cite.clauses(
            "section 2", {Capability.REDISTRIBUTE: passing_on, Capability.RESELL: passing_on}
        ),
    )


def _bsd(name: str, title: str, *, endorsement: str = "") -> Terms:
    cite = Citation(name)
    duties = [
        cite.duty(
            "attribution",
            "conditions 1 and 2",
            "When you pass it on, in source or in another form, keep the copyright notice.",
        ),
        cite.duty(
            "include-licence",
            "conditions 1 and 2",
            "When you pass it on, in source or in another form, keep the conditions and the disclaimer.",
        ),
    ]
    if endorsement:
        duties.append(cite.duty("no-endorsement", endorsement))
    return Terms(
        id=name,
        title=title,
        url=f"https://spdx.org/licenses/{name}.html",
        permissions=EVERYTHING - {Capability.SUBLICENSE},
        duties=tuple(duties),
        clauses=cite.clauses("opening sentence (permission)"),
    )


def _short(name: str, title: str, permission: str, *notices: tuple[str, str, str]) -> Terms:
    cite = Citation(name)
    return Terms(
        id=name,
        title=title,
        url=f"https://spdx.org/licenses/{name}.html",
        permissions=EVERYTHING - {Capability.SUBLICENSE},
        duties=tuple(cite.duty(duty, where, sentence) for duty, where, sentence in notices),
        clauses=cite.clauses(permission),
    )


def _ncsa() -> Terms:
    cite = Citation("NCSA")
    return Terms(
        id="NCSA",
        title="University of Illinois/NCSA Open Source License",
        url="https://spdx.org/licenses/NCSA.html",
        permissions=EVERYTHING,
        duties=(
            cite.duty("attribution", "conditions 1 and 2"),
            cite.duty("include-licence", "conditions 1 and 2"),
            cite.duty("no-endorsement", "condition 3"),
        ),
        clauses=cite.clauses("permission paragraph"),
    )


_KEEP_ALL = "When you pass it on, keep the copyright notice and this permission notice."

TERMS: Final[tuple[Terms, ...]] = (
    _mit(),
    _apache("Apache-2.0", "Apache License 2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
    _apache("ECL-2.0", "Educational Community License v2.0", "https://spdx.org/licenses/ECL-2.0.html"),
    _bsd("BSD-2-Clause", 'BSD 2-Clause "Simplified" License'),
    _bsd("BSD-3-Clause", 'BSD 3-Clause "New" or "Revised" License', endorsement="condition 3"),
    _bsd("BSD-3-Clause-Clear", "BSD 3-Clause Clear License", endorsement="condition 3"),
    _short("0BSD", "BSD Zero Clause License", "only paragraph (permission)"),
    _short("ISC", "ISC License", "permission paragraph", ("attribution", "permission paragraph", _KEEP_ALL)),
    _short(
        "PostgreSQL",
        "PostgreSQL License",
        "permission paragraph",
        ("attribution", "permission paragraph", _KEEP_ALL),
    ),
    _short(
        "Zlib",
        "zlib License",
        "second paragraph (permission)",
        ("no-misrepresentation", "restriction 1", "Do not claim that you wrote the original."),
        ("state-changes", "restriction 2", "When you pass on a changed version, mark it plainly as changed."),
        ("attribution", "restriction 3", "When you pass on the source, keep this notice."),
    ),
    _short(
        "BSL-1.0",
        "Boost Software License 1.0",
        "first paragraph (permission)",
        (
            "include-licence",
            "second paragraph",
            "When you pass it on in a form that people read, keep the notices and the whole licence.",
        ),
    ),
    _short("WTFPL", "Do What The F*ck You Want To Public License", "section 0"),
    _ncsa(),
)
