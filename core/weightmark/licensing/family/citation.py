"""Citations: one licence's name, put before every place that is cited from its text.

Not promised: the licence's own words. The sentences here are the usual duties, said once for all licences.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from weightmark.licensing.capability import Capability
from weightmark.licensing.duty import Clause, Condition, Duty, UseRestriction
from weightmark.licensing.sharing import Reach, ShareAlike
from weightmark.licensing.terms import COMMERCIAL

USUAL_DUTIES: Final = {
    "attribution": "When you pass it on, keep its copyright, patent and attribution notices.",
    "include-licence": "When you pass it on or a derivative of it, give a copy of the licence with it.",
    "state-changes": "When you pass on changed files, mark them prominently as changed.",
    "notice-file": "When you pass on copies, keep the attribution notice in a text file named Notice.",
    "no-endorsement": "Use no name of the licensor to endorse what you make from it.",
    "disclose-source": "When you pass it on in another form than source, give the source too.",
    "share-alike": "When you pass on a work based on it, license the whole work under this licence.",
    "no-further-restrictions": "When you pass it on, add no restriction to the rights it gives.",
    "observe-use-restrictions": "Use it for none of the restricted purposes.",
    "pass-on-use-restrictions": "When you pass on, host or derive from it, bind others to the restrictions.",
}


@dataclass(frozen=True, slots=True)
class Citation:
    """A licence whose text is cited.

    Args:
        name: how it is called in front of a place: ``Apache-2.0``.
    """

    name: str

    def place(self, where: str) -> str:
        """Put the name before a place in its text."""
        return f"{self.name} {where}"

    def clauses(self, usual: str, exceptions: Mapping[str, str] | None = None) -> tuple[Clause, ...]:
        """Say where everything is written.

        Args:
            usual: the place that most permissions share.
            exceptions: other places, by capability or ``commercial``.

        Returns:
            One clause for each capability and one for commercial use, in the order of their names.
        """
        places = dict.fromkeys(sorted((*map(str, Capability), COMMERCIAL)), usual) | {
            str(topic): where for topic, where in (exceptions or {}).items()
        }
        return tuple(Clause(topic=topic, place=self.place(where)) for topic, where in places.items())

    def duty(self, name: str, where: str, sentence: str = "") -> Duty:
        """Cite a duty; without a sentence, the usual one of that name."""
        return Duty(id=name, sentence=sentence or USUAL_DUTIES[name], clause=self.place(where))

    def condition(self, name: str, where: str, sentence: str) -> Condition:
        """Cite a condition."""
        return Condition(id=name, sentence=sentence, clause=self.place(where))

    def restrictions(self, cited: Iterable[tuple[str, str, str]]) -> tuple[UseRestriction, ...]:
        """Cite the restricted purposes: names, sentences and places."""
        return tuple(
            UseRestriction(id=name, sentence=sentence, clause=self.place(where))
            for name, sentence, where in cited
        )

    def sharing(self, reach: Reach, where: str, *outbound: str, network: bool = False) -> ShareAlike:
        """Cite a demand about the licence of other works."""
        return ShareAlike(reach=reach, outbound=outbound, network=network, clause=self.place(where))
