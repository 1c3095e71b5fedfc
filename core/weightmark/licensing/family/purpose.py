"""Restricted purposes: the names and sentences that several licences share.

Not promised: the licences' own words, nor that two licences draw the same line where they share a name.
"""

from collections.abc import Iterable
from itertools import count
from string import ascii_lowercase
from typing import Final

PURPOSES: Final = {
    "unlawful-use": "No use that breaks a law or regulation.",
    "harm-to-minors": "No exploiting or harming of minors.",
    "malware": "No malware or anything else made to harm computer systems.",
    "harmful-falsehood": "No verifiably false content made to harm others.",
    "harmful-personal-data": "No personal data that can be used to harm somebody.",
    "undisclosed-machine-output": "No publishing of its output without saying that a machine made it.",
    "harassment": "No defaming, disparaging or harassing of others.",
    "impersonation": "No impersonating of people to deceive, or without their consent.",
    "automated-decision": "No fully automated decisions that touch somebody's rights or obligations.",
    "social-scoring": "No harm or discrimination by social behaviour or personality.",
    "exploiting-vulnerability": "No exploiting of a group's weaknesses so that somebody comes to harm.",
    "discrimination": "No discrimination by legally protected traits.",
    "medical-advice": "No medical advice, no reading of medical results.",
    "law-enforcement": "No use in justice, law enforcement, immigration or asylum.",
    "military": "No military use.",
    "inappropriate-content": "No content that regulations on content forbid.",
    "infringement": "No content that infringes or violates the rights of others.",
    "terrorism": "No violence, violent extremism or terrorism.",
    "human-trafficking": "No human trafficking, exploitation or sexual violence.",
    "sexual-content": "No sexually explicit content, no sexual solicitation.",
    "unlicensed-practice": "No practice of a profession without its licence: legal, medical, financial.",
    "sensitive-personal-data": "No gathering or inferring of sensitive personal data without a right to it.",
    "circumvention": "No circumventing of safety measures.",
    "weapons": "No weapons, and no development of weapons.",
    "illegal-drugs": "No illegal or controlled substances.",
    "critical-infrastructure": "No running of critical infrastructure, transport or heavy machinery.",
    "self-harm": "No furthering of self-harm.",
    "violence": "No content that incites violence.",
    "fraud": "No fraud, no scams, no disinformation.",
    "defamation": "No defamatory content.",
    "spam": "No spam.",
    "human-claim": "No presenting of its output as made by a human.",
    "false-engagement": "No fake reviews or other false engagement.",
    "undisclosed-dangers": "No hiding of known dangers of the system from its users.",
    "hatred": "No content that promotes hatred.",
    "tracking": "No tracking or monitoring of people without their consent.",
    "misleading-expertise": "No misleading claims of expertise in sensitive areas.",
    "surveillance": "No surveillance, and no research on it.",
    "biometrics": "No biometric processing.",
    "production": "No use in production.",
    "improve-other-model": "No improving of other models with it or its outputs.",
}


def cited(where: str, *names: str) -> tuple[tuple[str, str, str], ...]:
    """Cite purposes that stand at one place.

    Args:
        where: the place in the licence's text.
        names: keys of ``PURPOSES``.

    Raises:
        KeyError: a name is not among them.
    """
    return tuple((name, PURPOSES[name], where) for name in names)


def lettered(where: str, names: str) -> tuple[tuple[str, str, str], ...]:
    """Cite purposes of a list with the letters (a), (b), (c) and so on.

    Args:
        where: the list's place.
        names: keys of ``PURPOSES`` in the list's order, with spaces between them.

    Raises:
        KeyError: a name is not among them.
    """
    return _listed(names, (f"{where} ({letter})" for letter in ascii_lowercase))


def numbered(where: str, names: str) -> tuple[tuple[str, str, str], ...]:
    """Cite purposes of a list by their position, counted from 1; as ``lettered`` otherwise.

    Raises:
        KeyError: a name is not among ``PURPOSES``.
    """
    return _listed(names, (f"{where} item {position}" for position in count(1)))


def _listed(names: str, places: Iterable[str]) -> tuple[tuple[str, str, str], ...]:
    return tuple((name, PURPOSES[name], place) for name, place in zip(names.split(), places, strict=False))
