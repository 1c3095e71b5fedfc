"""Pointers: licences that are known by name and address, and for which there are no rules.

Not promised: any answer. A licence that is only pointed at leaves a decision undecided, but named.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """A licence that is known, without rules.

    Args:
        name: how a hub spells it, in lower case.
        title: its full name.
        url: where its text stands; empty when the name does not say which text.
        advice: what to do about it; empty for the usual.
    """

    name: str
    title: str
    url: str = ""
    advice: str = ""


_FAMILY = "The name does not say which licence of the family is meant: write its SPDX identifier."
_CC = "https://creativecommons.org/licenses/{}/legalcode.en"


def _family(name: str, title: str) -> Pointer:
    return Pointer(name=name, title=title, advice=_FAMILY)


def _older_cc(elements: str, version: str, title: str) -> Pointer:
    name = f"cc-{elements}-{version}"
    return Pointer(
        name=name, title=f"Creative Commons {title} {version}", url=_CC.format(f"{elements}/{version}")
    )


def _spdx(identifier: str, title: str) -> Pointer:
    return Pointer(name=identifier.lower(), title=title, url=f"https://spdx.org/licenses/{identifier}.html")


_POINTERS: Final[tuple[Pointer, ...]] = (
    Pointer(
        name="other",
        title="a licence of its own",
        advice="`other` names none: set license_name to a name, and license_link to its text.",
    ),
    Pointer(
        name="unknown", title="a licence that nobody has stated", advice="Ask the owner which licence it is."
    ),
    _family("bsd", "BSD licence family"),
    _family("cc", "Creative Commons licence family"),
    _family("gpl", "GNU General Public License family"),
    _family("lgpl", "GNU Lesser General Public License family"),
    _family("gfdl", "GNU Free Documentation License family"),
    _older_cc("by", "2.0", "Attribution"),
    _older_cc("by", "2.5", "Attribution"),
    _older_cc("by", "3.0", "Attribution"),
    _older_cc("by-sa", "2.0", "Attribution-ShareAlike"),
    _older_cc("by-sa", "2.5", "Attribution-ShareAlike"),
    _older_cc("by-sa", "3.0", "Attribution-ShareAlike"),
    _older_cc("by-nc", "2.0", "Attribution-NonCommercial"),
    _older_cc("by-nc", "2.5", "Attribution-NonCommercial"),
    _older_cc("by-nc", "3.0", "Attribution-NonCommercial"),
    _older_cc("by-nd", "3.0", "Attribution-NoDerivatives"),
    _older_cc("by-nc-nd", "3.0", "Attribution-NonCommercial-NoDerivatives"),
    _older_cc("by-nc-sa", "2.0", "Attribution-NonCommercial-ShareAlike"),
    _older_cc("by-nc-sa", "2.5", "Attribution-NonCommercial-ShareAlike"),
    _older_cc("by-nc-sa", "3.0", "Attribution-NonCommercial-ShareAlike"),
    _spdx("AFL-3.0", "Academic Free License v3.0"),
    _spdx("Artistic-2.0", "Artistic License 2.0"),
    _spdx("EPL-1.0", "Eclipse Public License 1.0"),
    _spdx("EUPL-1.1", "European Union Public License 1.1"),
    _spdx("EUPL-1.2", "European Union Public License 1.2"),
    _spdx("LPPL-1.3c", "LaTeX Project Public License v1.3c"),
    _spdx("OFL-1.1", "SIL Open Font License 1.1"),
    _spdx("OSL-3.0", "Open Software License 3.0"),
    Pointer(
        name="lgpl-lr",
        title="Lesser General Public License For Linguistic Resources",
        url="https://spdx.org/licenses/LGPLLR.html",
    ),
    Pointer(
        name="deepfloyd-if-license",
        title="DeepFloyd IF Research License Agreement",
        url="https://github.com/deep-floyd/IF/blob/develop/LICENSE-MODEL",
    ),
    Pointer(
        name="fair-noncommercial-research-license",
        title="FAIR Noncommercial Research License",
        url="https://huggingface.co/facebook/fair-noncommercial-research-license",
    ),
    Pointer(
        name="intel-research",
        title="Intel Research Use License Agreement",
        url="https://huggingface.co/OpenVINO/Llama-3.1-8B-Instruct-FastDraft-150M-int8-ov/blob/main/LICENSE.md",
    ),
    Pointer(name="h-research", title="H Research License"),
    Pointer(
        name="ai2-impact-lr",
        title="AI2 ImpACT License, low-risk artifacts",
        url="https://allenai.org/licenses/impact-lr",
    ),
    Pointer(
        name="ai2-impact-mr",
        title="AI2 ImpACT License, medium-risk artifacts",
        url="https://allenai.org/licenses/impact-mr",
    ),
    Pointer(
        name="ai2-impact-hr",
        title="AI2 ImpACT License, high-risk artifacts",
        url="https://allenai.org/licenses/impact-hr",
    ),
    Pointer(name="deci", title="Deci's licence of its models, and its terms for hosting them"),
    Pointer(name="xgen", title="Salesforce's licence of XGen; it differs from model to model"),
    Pointer(name="openmdw-1.1", title="OpenMDW License Agreement 1.1", url="https://openmdw.ai/license/1-1/"),
)

_BY_NAME: Final = {pointer.name: pointer for pointer in _POINTERS}


def find_pointer(name: str) -> Pointer | None:
    """Find a licence that is known without rules.

    Args:
        name: a hub's spelling or an SPDX identifier; upper and lower case do not matter.

    Raises:
        Nothing.

    >>> find_pointer("GFDL").title
    'GNU Free Documentation License family'
    """
    return _BY_NAME.get(name.strip().lower())


def pointer_names() -> tuple[str, ...]:
    """List the names of all licences that are known without rules.

    Raises:
        Nothing.
    """
    return tuple(_BY_NAME)
