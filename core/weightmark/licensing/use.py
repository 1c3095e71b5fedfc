"""Uses: what somebody means to do, read from a few plain words.

Not promised: English. Only the words of ``VOCABULARY`` are read; any other one, a negation too, is an error,
so that nothing is taken to mean less than it says.
"""

import difflib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from weightmark.encoding import Json
from weightmark.errors import MalformedError
from weightmark.licensing.capability import Capability
from weightmark.licensing.sentence import show

LONGEST_USE = 1_000
"""Characters; a longer text is not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What somebody means to do with the result, and with each work for it.

    Args:
        text: as it was written.
        capabilities: what it takes of every model.
        shares: whether the result is given to others.
        network: whether others use it over a network.
        commercial: whether it is for money or advantage in trade; None when that was not said.
        purposes: the fields it is for, by the names that restrictions and fields of use have.
    """

    text: str = ""
    capabilities: frozenset[Capability] = frozenset()
    shares: bool = False
    network: bool = False
    commercial: bool | None = None
    purposes: frozenset[str] = frozenset()

    def to_json(self) -> dict[str, Json]:
        """Write it as JSON.

        Raises:
            Nothing.
        """
        return {
            "commercial": self.commercial,
            "does": sorted(self.capabilities),
            "network": self.network,
            "purposes": sorted(self.purposes),
            "shares": self.shares,
            "text": self.text,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What one word adds to a use; the fields are those of ``Use``."""

    capabilities: frozenset[Capability] = field(default_factory=frozenset[Capability])
    shares: bool = False
    network: bool = False
    commercial: bool | None = None
    purposes: tuple[str, ...] = ()


def _does(*capabilities: Capability, shares: bool = False, network: bool = False) -> Meaning:
    return Meaning(capabilities=frozenset(capabilities), shares=shares, network=network)


_TRAIN: Final = _does(Capability.FINE_TUNE)
_SERVE: Final = _does(Capability.INFER, network=True)
_PUBLISH: Final = _does(Capability.REDISTRIBUTE, shares=True)
_COMMERCIAL: Final = Meaning(commercial=True)
_SELL: Final = Meaning(
    capabilities=frozenset({Capability.RESELL, Capability.REDISTRIBUTE}), shares=True, commercial=True
)
_TRIAL: Final = Meaning(capabilities=frozenset({Capability.INFER}), purposes=("evaluation",))
_TEST: Final = Meaning(capabilities=frozenset({Capability.INFER}), purposes=("testing",))

_GROUPS: Final[tuple[tuple[str, Meaning], ...]] = (
    ("fine-tune fine-tuning finetune finetuning train training adapt modify quantize convert prune", _TRAIN),
    ("merge merging", _does(Capability.MERGE)),
    ("distill distil distilling distillation", _does(Capability.DISTILL)),
    ("run infer inference", _does(Capability.INFER)),
    ("serve serving host hosting deploy deploying api saas", _SERVE),
    ("embed embedding embeddings", _does(Capability.EMBED)),
    ("download", _does(Capability.DOWNLOAD_WEIGHTS)),
    ("publish publishing redistribute distribute share sharing release ship upload", _PUBLISH),
    ("sublicense", _does(Capability.SUBLICENSE, Capability.REDISTRIBUTE, shares=True)),
    ("sell selling resell reselling", _SELL),
    ("internal internally private privately in-house", Meaning()),
    ("commercial commercially business paid customers", _COMMERCIAL),
    ("non-commercial non-commercially noncommercial noncommercially", Meaning(commercial=False)),
    ("research academic academically science", Meaning(purposes=("research",))),
    ("teach teaching education educational", Meaning(purposes=("teaching",))),
    ("personal hobby", Meaning(purposes=("personal",))),
    ("evaluate evaluation evaluating benchmark trial", _TRIAL),
    ("test testing", _TEST),
)
VOCABULARY: Final[dict[str, Meaning]] = {
    word: meaning for words, meaning in _GROUPS for word in words.split()
}
"""The words that say something, in lower case; the names of restricted purposes are read too."""

_FILLER_WORDS: Final = (
    "a also an and as by for from i in it its model models my of on or our result results the their them then"
    " to us use using via we weights with"
)
FILLERS: Final = frozenset(_FILLER_WORDS.split())
"""The words that are passed over."""

_UNPAID: Final = frozenset({"research", "teaching", "personal"})
"""Purposes that are not commercial unless that is said."""
_BREAK: Final = re.compile(r"[\s,;:/+&()\"']+|\.(?=\s|$)")


def parse_use(text: str, *, purposes: Iterable[str] = ()) -> Use:
    """Read a use from plain words.

    Args:
        text: such as ``"fine-tune and serve commercially"``; upper and lower case do not matter.
        purposes: further words that are names of purposes, from terms of one's own.

    Returns:
        The use. Whoever sells acts commercially; research, teaching and personal use are not commercial
        unless that is said.

    Raises:
        MalformedError: a word is not known, or the words say that it is both commercial and not.

    >>> parse_use("serve for research").commercial
    False
    """
    if len(text) > LONGEST_USE:
        raise MalformedError(f"the use is longer than {LONGEST_USE} characters", hint=_hint(()))
    named = _restricted() | frozenset(purposes)
    unknown: list[str] = []
    meanings: list[Meaning] = []
    for word in _words(text.lower(), named):
        if word in VOCABULARY:
            meanings.append(VOCABULARY[word])
        elif word in named:
            meanings.append(Meaning(purposes=(word,)))
        elif word not in FILLERS:
            unknown.append(word)
    if unknown:
        listed = ", ".join(repr(show(word)) for word in dict.fromkeys(unknown))
        raise MalformedError(f"the use has words that are not known: {listed}", hint=_hint(unknown))
    return _add_up(text, meanings)


def _add_up(text: str, meanings: list[Meaning]) -> Use:
    said = {meaning.commercial for meaning in meanings} - {None}
    if len(said) > 1:
        raise MalformedError(
            f"the use {show(text)!r} is said to be both commercial and non-commercial",
            hint="Ask twice, once for each.",
        )
    purposes = frozenset(purpose for meaning in meanings for purpose in meaning.purposes)
    commercial = next(iter(said)) if said else None
    if commercial is None and purposes & _UNPAID:
        commercial = False
    return Use(
        text=text,
        capabilities=frozenset(need for meaning in meanings for need in meaning.capabilities),
        shares=any(meaning.shares for meaning in meanings),
        network=any(meaning.network for meaning in meanings),
        commercial=commercial,
        purposes=purposes,
    )


def _words(text: str, named: Collection[str]) -> list[str]:
    """Split a text, and join two words that are written as one with a hyphen: ``fine tune``."""
    raw = [word for word in _BREAK.split(text) if word]
    words: list[str] = []
    for word in raw:
        joined = f"{words[-1]}-{word}" if words else word
        if words and (joined in VOCABULARY or joined in named):
            words[-1] = joined
        else:
            words.append(word)
    return words


@cache
def _restricted() -> frozenset[str]:
    from weightmark.licensing.family.purpose import PURPOSES

    return frozenset(PURPOSES)


def _hint(unknown: Iterable[str]) -> str:
    near = [
        match
        for word in list(unknown)[:3]
        for match in difflib.get_close_matches(word[:40], VOCABULARY, n=1, cutoff=0.7)
    ]
    offer = f"Did you mean {' or '.join(dict.fromkeys(near))}? " if near else ""
    known = ", ".join(words.split()[0] for words, _meaning in _GROUPS)
    return (
        f"{offer}Words are: {known}; their other forms; and names of restricted purposes, such as military."
    )
