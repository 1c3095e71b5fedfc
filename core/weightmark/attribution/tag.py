"""What Weightmark writes to a platform: a flat map of short strings.

Tags are for people and for links back. They are never trusted: platforms let users copy and change them.
"""

from datetime import datetime

from weightmark.encoding import Digest, format_time
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
    link: str = "",
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
        link: where a person can look the model up; left out when empty.

    Returns:
        Keys of ``vocabulary.Tag``, values of at most 256 characters.
    """
    tags = {
        Tag.FINGERPRINT: bundle,
        Tag.WEIGHTS: weights or "",
        Tag.RECEIPT: receipt,
        Tag.LICENSE: license_ or "none stated",
        Tag.OWNER: owner,
        Tag.CREDITS: credits_,
        Tag.LINK: link,
    }
    return {key.value: _shorten(value) for key, value in tags.items() if value} | write_verdict(
        verdict, reason
    )


def write_verdict(verdict: str, reason: str) -> dict[str, str]:
    """Write the tags that say whether a model may be used, and why."""
    return {Tag.VERDICT.value: _shorten(verdict), Tag.REASON.value: _shorten(reason)}


def write_seen(at: datetime) -> dict[str, str]:
    """Write the tag that says when a model was last seen whole."""
    return {Tag.SEEN.value: format_time(at)}


def _shorten(value: str) -> str:
    return value if len(value) <= MAX_VALUE else value[: MAX_VALUE - 1] + "…"
