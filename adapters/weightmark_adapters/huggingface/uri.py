"""The URIs of models on the Hub, read strictly."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from weightmark.errors import MalformedError

SCHEME: Final = "hf"
SHA: Final = re.compile(r"[0-9a-f]{40}")
"""A commit, as the Hub names it."""

_FORMS: Final = "Write hf://ORGANISATION/MODEL, or hf://ORGANISATION/MODEL@REVISION."
_SEGMENT: Final = re.compile(r"(?!\.)[\w.-]{1,96}", re.ASCII)
_REVISION: Final = re.compile(r"(?!.*\.\.)[^\s\x00-\x20~^:?*\[\\@]{1,200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HubUri:
    """A URI taken apart.

    Attributes:
        author: the user or organisation.
        model: the model's name below them; empty when the URI names all their models.
        revision: a branch, a tag, a commit or ``refs/pr/1``; empty for the default branch.
    """

    author: str
    model: str = ""
    revision: str = ""

    @property
    def repo(self) -> str:
        """The repository's identifier, ``organisation/model``."""
        return f"{self.author}/{self.model}"

    @property
    def exact(self) -> bool:
        """Whether the revision is a commit."""
        return SHA.fullmatch(self.revision) is not None


def parse_uri(uri: str) -> HubUri:
    """Take a URI apart.

    Args:
        uri: ``hf://org``, ``hf://org/model`` or ``hf://org/model@revision``; a slash in a revision may be
            written ``%2F``.

    Raises:
        MalformedError: it is none of these, or names a data set or a space.

    >>> parse_uri("hf://acme/churn@refs%2Fpr%2F1").revision
    'refs/pr/1'
    """
    scheme, _, rest = uri.partition(":")
    if scheme != SCHEME:
        raise MalformedError(f"{uri!r} is not a URI of the Hub", hint=_FORMS)
    path, _, revision = rest.removeprefix("//").partition("@")
    segments = path.split("/")
    if len(segments) == 3 and segments[0] == "models":  # noqa: PLR2004 - hf://models/org/name, the library's long form
        segments = segments[1:]
    if segments[0] in {"datasets", "spaces", "buckets", "kernels"} and len(segments) > 1:
        raise MalformedError(f"{uri!r} names no model but one of the Hub's {segments[0]}", hint=_FORMS)
    if len(segments) > 2 or not all(_is_name(segment) for segment in segments):  # noqa: PLR2004
        raise MalformedError(f"{uri!r} names no model on the Hub", hint=_FORMS)
    revision = unquote(revision)
    if ("@" in uri and not _REVISION.fullmatch(revision)) or (revision and len(segments) == 1):
        raise MalformedError(f"{uri!r} names no revision", hint=_FORMS)
    return HubUri(author=segments[0], model=segments[1] if len(segments) > 1 else "", revision=revision)


def parse_model(uri: str) -> HubUri:
    """Take the URI of one model apart.

    Raises:
        MalformedError: it is not one.
    """
    parsed = parse_uri(uri)
    if not parsed.model:
        raise MalformedError(f"{uri!r} names all models of {parsed.author!r}, not one", hint=_FORMS)
    return parsed


def model_uri(repo: str, revision: str = "") -> str:
    """Write the URI of a model, or of one revision of it.

    >>> model_uri("acme/churn", "refs/pr/1")
    'hf://acme/churn@refs%2Fpr%2F1'
    """
    return f"{SCHEME}://{repo}@{quote(revision, safe='')}" if revision else f"{SCHEME}://{repo}"


def _is_name(segment: str) -> bool:
    return _SEGMENT.fullmatch(segment) is not None and not segment.endswith((".git", "."))
