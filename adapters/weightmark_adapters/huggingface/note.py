"""``weightmark.json``: Weightmark's tags in a repository on the Hub.

One file at the repository's top, left out of the fingerprint. ``tags`` are about the very revision that the
file came with, as a push writes them; ``revisions`` are about earlier commits, as they are annotated later.
Not promised: that it is true. Whoever may write to the repository may write to it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self, cast

from weightmark.vocabulary import SCHEMA_VERSION
from weightmark_adapters.huggingface.uri import SHA

MAX_NOTE: Final = 1 << 20
"""Bytes of a note that is read."""

_MAX_REVISIONS: Final = 50
"""The newest are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What stands in a repository's note.

    Attributes:
        tags: of the revision that the note came with; empty when it came later.
        revisions: tags by commit, the newest last.
    """

    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    revisions: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a note; one that is damaged is an empty one, and is written anew."""
        try:
            content: object = json.loads(data[:MAX_NOTE])
        except (ValueError, RecursionError):
            return cls()
        if not isinstance(content, dict):
            return cls()
        record = cast("dict[str, object]", content)
        listed = record.get("revisions")
        pairs = cast("dict[str, object]", listed) if isinstance(listed, dict) else {}
        revisions = {sha: _pairs(tags) for sha, tags in pairs.items() if SHA.fullmatch(sha)}
        return cls(tags=_pairs(record.get("tags")), revisions=revisions)

    def encode(self) -> bytes:
        """Write the note as a person reads it."""
        content: dict[str, object] = {"schema": SCHEMA_VERSION}
        if self.tags:
            content["tags"] = dict(self.tags)
        content["revisions"] = {sha: dict(tags) for sha, tags in self.revisions.items()}
        return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()

    def add(self, sha: str, tags: Mapping[str, str]) -> "Note":
        """Add tags to a commit; what is there under other keys stays."""
        merged = {**self.revisions.get(sha, {}), **tags}
        others = [(key, value) for key, value in self.revisions.items() if key != sha]
        kept = dict([*others, (sha, merged)][-_MAX_REVISIONS:])
        return Note(revisions=kept)


def _pairs(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    members = cast("dict[object, object]", value)
    return {key: text for key, text in members.items() if isinstance(key, str) and isinstance(text, str)}
