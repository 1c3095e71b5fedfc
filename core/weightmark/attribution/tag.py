"""What Weightmark writes to a platform: a flat map of short strings.

Tags are for people and for links back. They are never trusted: platforms let users copy and change them.
"""

from weightmark.encoding import Digest
from weightmark.vocabulary import Tag

MAX_VALUE = 256
"""Characters in a tag's value: the least of what the platforms take."""


def format_receipt(origin: str, index: int) -> str:
    """Write where a statement is recorded: the log's origin, ``#``, the entry's index.

    >>> format_receipt("example.org/log", 7)
    'example.org/log#7'
    """
    return f"{origin}#{index}"


def write_tags(  # noqa: PLR0913 - one keyword for each tag
    *,
    bundle: Digest,
    weights: Digest | None,
    receipt: str,
    license_: str | None,
    owner: str,
    verdict: str,
    reason: str,
    credits_: str,
) -> dict[str, str]:
    """Write the tags of one model version.

    Args:
        bundle: the fingerprint.
        weights: the digest of the numbers; left out when None.
        receipt: from ``format_receipt``; left out when empty.
        license_: an SPDX expression; ``none stated`` when None.
        owner: who owns the model.
        verdict: what the licence says to its use here.
        reason: why, as a sentence.
        credits_: from ``credit_line``.

    Returns:
        Keys of ``vocabulary.Tag``, values of at most 256 characters.
    """
    tags = {
        Tag.FINGERPRINT: bundle,
        Tag.WEIGHTS: weights or "",
        Tag.RECEIPT: receipt,
        Tag.LICENSE: license_ or "none stated",
        Tag.OWNER: owner,
        Tag.VERDICT: verdict,
        Tag.REASON: reason,
        Tag.CREDITS: credits_,
    }
    return {key.value: _shorten(value) for key, value in tags.items() if value}


def _shorten(value: str) -> str:
    return value if len(value) <= MAX_VALUE else value[: MAX_VALUE - 1] + "…"
