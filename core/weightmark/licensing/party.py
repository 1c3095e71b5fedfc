"""Parties: who acts.

Not promised: who they really are. Whoever asks for a decision has made sure of that.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Somebody who wants to do something with a model.

    Args:
        name: as owners and grants write it, such as ``acme.example``; compared letter by letter.
        commercial: whether they act for commercial advantage or money here. It is the act that counts:
            a company's charity may be False, an amateur's paid service is True.
    """

    name: str
    commercial: bool
