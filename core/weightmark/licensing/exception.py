"""Exceptions: what may stand after WITH, and what it takes from a licence's demands.

Weighed are those that are common: the linking exceptions of GNU, and LLVM's for what a compiler puts into
its output. Others are named and not weighed, which leaves the licence as strict as it is.

Not promised: that an exception fits a model. Linking is read as being used beside.
"""

from dataclasses import replace
from typing import Final

from weightmark.licensing.sharing import Reach, ShareAlike
from weightmark.licensing.terms import Terms

_LINKING: Final = frozenset({"classpath-exception-2.0", "gpl-3.0-linking-exception"})
_OUTPUT: Final = frozenset({"gcc-exception-2.0", "gcc-exception-3.1"})
_LLVM: Final = "llvm-exception"
_COMPILED: Final = frozenset({"include-licence", "state-changes", "notice-file"})
"""The duties of Apache-2.0 that LLVM's exception lifts for compiled code: sections 4(a), 4(b), 4(d)."""


def weigh_exception(terms: Terms, name: str) -> Terms | None:
    """Take an exception into account.

    Args:
        terms: those of the licence before WITH.
        name: what stands after it.

    Returns:
        The terms with their demand loosened; None when it is not weighed, or is for other licences.

    Raises:
        Nothing.

    Source: the texts of Classpath-exception-2.0, GCC-exception-3.1 and LLVM-exception, as SPDX lists them.
    """
    spelled = name.strip().lower()
    gnu = terms.id.startswith(("GPL-", "AGPL-"))
    if gnu and spelled in _LINKING | _OUTPUT and terms.share_alike is not None:
        return replace(terms, share_alike=_loosen(terms.share_alike, name))
    if terms.id == "Apache-2.0" and spelled == _LLVM:
        duties = tuple(
            replace(duty, sentence=f"Unless it is compiled into a program: {duty.sentence}")
            if duty.id in _COMPILED
            else duty
            for duty in terms.duties
        )
        return replace(terms, duties=duties)
    return None


def _loosen(demand: ShareAlike, name: str) -> ShareAlike:
    return replace(demand, reach=Reach.DERIVATIVE, clause=f"{demand.clause}, less {name}")
