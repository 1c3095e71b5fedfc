"""Customer metadata of a model package: which of our tags fit, and how they are spelled there.

SageMaker takes letters, digits, spaces and ``_ . : / = + - @``, 50 entries, 256 characters a value. Any other
character is written as in RFC 2045's quoted-printable: ``=``, two hexadecimal digits for each byte of UTF-8.

Not promised: that a value which was too long comes back whole; its end is replaced by ``...``.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from weightmark.vocabulary import Tag

MAX_ENTRIES: Final = 50
MAX_VALUE: Final = 256

_PLAIN: Final = frozenset("_.:/+-@")
_ESCAPED: Final = re.compile(r"(?:=[0-9A-F]{2})+")
_FIRST: Final = (
    Tag.FINGERPRINT,
    Tag.RECEIPT,
    Tag.VERDICT,
    Tag.LICENSE,
    Tag.OWNER,
    Tag.REASON,
    Tag.CREDITS,
    Tag.LINK,
    Tag.SEEN,
    Tag.WEIGHTS,
)


def encode_value(text: str) -> str:
    """Spell a value with the characters that SageMaker takes, at most 256 of them.

    Source: RFC 2045, section 6.7, rule 1; SageMaker API, CustomerMetadataValue.

    >>> encode_value("clause 4.1; ask Openlab")
    'clause 4.1=3B ask Openlab'
    """
    parts = [_spell(character) for character in text]
    if sum(map(len, parts)) > MAX_VALUE:
        size = 0
        for number, part in enumerate(parts):
            size += len(part)
            if size > MAX_VALUE - 3:
                parts = [*parts[:number], "..."]
                break
    return "".join(parts)


def decode_value(text: str) -> str:
    """Read a value that ``encode_value`` spelled.

    >>> decode_value("clause 4.1=3B ask Openlab")
    'clause 4.1; ask Openlab'
    """
    return _ESCAPED.sub(
        lambda found: bytes.fromhex(found[0].replace("=", "")).decode("utf-8", "replace"), text
    )


def merge(present: Mapping[str, str], tags: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Add tags to customer metadata; the user's own entries all stay.

    Args:
        present: what is there.
        tags: what is to be there.

    Returns:
        Everything that shall be there, and the keys of the tags for which there was no room; the fingerprint
        and the receipt go first.
    """
    merged = dict(present)
    order = {tag.value: place for place, tag in enumerate(_FIRST)}
    left: list[str] = []
    for key in sorted(tags, key=lambda key: (order.get(key, len(order)), key)):
        value = encode_value(tags[key])
        if not value:
            continue
        if key in merged or len(merged) < MAX_ENTRIES:
            merged[key] = value
        else:
            left.append(key)
    return merged, tuple(left)


def _spell(character: str) -> str:
    if character in _PLAIN or unicodedata.category(character)[0] in "LNZ":
        return character
    return "".join(f"={byte:02X}" for byte in character.encode("utf-8", "replace"))
