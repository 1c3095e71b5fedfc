"""Credit written into a model's own files: its card, its configuration, its safetensors headers.

Pure: bytes in, bytes out; no tensor's bytes are touched, and writing the same mark twice changes nothing.
Not promised: that what a file says is true. A mark is for people; the signed bundle beside it is the proof.
"""

import json
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from weightmark.encoding import Digest, printable
from weightmark.errors import MalformedError
from weightmark.vocabulary import Tag

KEY: Final = "weightmark"
"""The key in a card's front matter and in ``config.json``."""

MAX_HEADER: Final = 100_000_000
"""Bytes of a safetensors header, as its own reader bounds it."""

HEADER_ROOM: Final = 2048
"""Bytes that are left in a safetensors header for a mark."""

MAX_TEXT: Final = 16 << 20
"""Bytes of a card or a configuration that is written anew."""

_HUB_LICENSES: Final = {
    "apache-2.0": "apache-2.0",
    "mit": "mit",
    "cc-by-4.0": "cc-by-4.0",
    "cc-by-nc-4.0": "cc-by-nc-4.0",
    "gpl-3.0": "gpl-3.0",
    "gpl-3.0-only": "gpl-3.0",
    "gpl-3.0-or-later": "gpl-3.0",
    "openrail": "openrail",
}
"""What a card's ``license`` may hold, by our spelling in lower case; a hub takes all else as ``other``."""

_BEGIN: Final = "<!-- weightmark: what stands from here on is written by a program -->"
_END: Final = "<!-- weightmark: end -->"
_HOW: Final = (
    "`weightmark.bundle.json` holds the signed registration; check it with"
    " `weightmark verify FOLDER --bundle FOLDER/weightmark.bundle.json --trust TRUST.json`."
)
_SECTION: Final = re.compile(re.escape(_BEGIN) + r".*?" + re.escape(_END) + r"\n?", re.DOTALL)
_FRONT: Final = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*\r?$\n?", re.DOTALL | re.MULTILINE)
_OWN_BLOCK: Final = re.compile(rf"^{KEY}[ \t]*:.*\n(?:[ \t]+.*\n|[ \t]*\n(?=[ \t]))*", re.MULTILINE)
_MARKUP: Final = re.compile(r"([\\`*_{}\[\]<>|#!~])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What is written into a model's files; nothing that depends on those files' own digest.

    Attributes:
        name: what the model is called.
        owner: who owns it.
        license: its licence, an SPDX expression or a hub's spelling; None when none is stated.
        weights: the digest of its numbers; None when no format knew any.
        base_models: what it was derived from, as the card names it.
        credits: the line of credit, from ``credit_line``; empty when there is none yet.
    """

    name: str
    owner: str
    license: str | None = None
    weights: Digest | None = None
    base_models: tuple[str, ...] = ()
    credits: str = ""

    def tags(self) -> dict[str, str]:
        """Give the mark as keys of ``vocabulary.Tag``; what is not known is left out."""
        found = {
            Tag.OWNER: self.owner,
            Tag.LICENSE: self.license or "",
            Tag.WEIGHTS: self.weights or "",
            Tag.CREDITS: self.credits,
        }
        return {tag.value: value for tag, value in found.items() if value}


def write_card(card: bytes, mark: Mark) -> bytes:
    """Write a mark into a model card: front matter, and a section that a person reads.

    What the author wrote stays as it is, letter by letter; licence and base models are added when the front
    matter does not name them.

    Args:
        card: ``README.md``, UTF-8; empty for a model without one.
        mark: what to write.

    Raises:
        MalformedError: the card is not UTF-8 text, or larger than ``MAX_TEXT``.

    Source: Hugging Face model card metadata.
    """
    text = _text(card, "README.md")
    found = _FRONT.match(text)
    front, body = (found.group(1), text[found.end() :]) if found else ("", text)
    front = _OWN_BLOCK.sub("", front)
    if front and not front.endswith("\n"):
        front += "\n"
    lines = [*_missing_keys(front, mark), f"{KEY}:"]
    lines += [f"  {tag.removeprefix(f'{KEY}.')}: {_quoted(value)}" for tag, value in mark.tags().items()]
    body = _SECTION.sub("", body).rstrip("\n")
    if not body.strip():
        body = f"# {_plain(mark.name)}"
    return f"---\n{front}{chr(10).join(lines)}\n---\n{body}\n\n{_section(mark)}".encode()


def write_config(config: bytes, mark: Mark) -> bytes:
    """Write a mark under the key ``weightmark`` of a JSON object such as ``config.json``; all else stays.

    Raises:
        MalformedError: it is not a JSON object, or larger than ``MAX_TEXT``.
    """
    content = _object(config, "config.json")
    content[KEY] = {tag.removeprefix(f"{KEY}."): value for tag, value in mark.tags().items()}
    return (json.dumps(content, indent=2) + "\n").encode()


def write_index(index: bytes, mark: Mark) -> bytes:
    """Write a mark into the ``metadata`` of a sharded model's ``model.safetensors.index.json``.

    Raises:
        MalformedError: it is not a JSON object, or larger than ``MAX_TEXT``.
    """
    content = _object(index, "the shards' index")
    metadata = content.get("metadata")
    kept = cast("dict[str, object]", metadata) if isinstance(metadata, dict) else {}
    content["metadata"] = _unmarked(kept) | mark.tags()
    return (json.dumps(content, indent=2) + "\n").encode()


def write_header(header: bytes, mark: Mark | None) -> bytes:
    """Write a mark into the ``__metadata__`` of a safetensors header; ``format`` and all offsets stay.

    The header is padded with spaces to a length that does not depend on the mark, so that a mark can be
    written over another in place; only a mark longer than ``HEADER_ROOM`` makes it longer.

    Args:
        header: the JSON at the file's beginning, without its length.
        mark: what to write; None to leave room for one.

    Returns:
        The file's new beginning: 8 bytes of length, little-endian, and the header, a multiple of 8 bytes. The
        tensors' bytes follow it unchanged.

    Raises:
        MalformedError: it is not a header.

    Source: https://github.com/huggingface/safetensors, "Format".
    """
    if len(header) > MAX_HEADER:
        raise MalformedError(f"a safetensors header has {len(header)} bytes, more than {MAX_HEADER}")
    content = _object(header, "the safetensors header", limit=MAX_HEADER)
    metadata = content.pop("__metadata__", None)
    if metadata is not None and not isinstance(metadata, dict):
        raise MalformedError("the __metadata__ of a safetensors header is not an object")
    kept = _unmarked(cast("dict[str, object]", metadata or {}))
    plain = _compact({"__metadata__": kept, **content})
    written = plain if mark is None else _compact({"__metadata__": kept | mark.tags(), **content})
    size = max(len(plain) + HEADER_ROOM, len(written))
    written = written.ljust(size + -size % 8)
    return struct.pack("<Q", len(written)) + written


def _compact(content: Mapping[str, object]) -> bytes:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def _unmarked(metadata: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in metadata.items() if not key.startswith(f"{KEY}.")}


def _missing_keys(front: str, mark: Mark) -> list[str]:
    lines: list[str] = []
    if mark.license and not _has(front, "license"):
        known = _HUB_LICENSES.get(mark.license.lower())
        if known is not None:
            lines.append(f"license: {known}")
        else:
            lines += ["license: other", f"license_name: {_quoted(mark.license)}"]
    if mark.base_models and not _has(front, "base_model"):
        lines += ["base_model:", *(f"- {_quoted(base)}" for base in mark.base_models)]
    return lines


def _has(front: str, key: str) -> bool:
    return re.search(rf"^{key}[ \t]*:", front, re.MULTILINE) is not None


def _section(mark: Mark) -> str:
    lines = [
        _BEGIN,
        "## Attribution",
        "",
        f"**{_plain(mark.name)}** by {_plain(mark.owner)}, {_licence(mark.license)}.",
    ]
    if mark.base_models:
        lines += ["", f"Derived from {', '.join(_plain(base) for base in mark.base_models)}."]
    if mark.credits:
        lines += ["", f"Credit: {_plain(mark.credits)}."]
    if mark.weights:
        lines += ["", f"Fingerprint of the weights: `{mark.weights}`"]
    lines += [
        "",
        _HOW,
        _END,
        "",
    ]
    return "\n".join(lines)


def _licence(license_: str | None) -> str:
    return f"under {_plain(license_)}" if license_ else "without a stated licence"


def _plain(text: str) -> str:
    """Keep Markdown from reading markup in what somebody wrote."""
    return _MARKUP.sub(r"\\\1", printable(text))


def _quoted(text: str) -> str:
    r"""Write a YAML string; JSON's form is YAML's too, but for characters beyond U+FFFF.

    >>> _quoted('a "b" \U0001f600')
    '"a \\"b\\" \\U0001f600"'
    """
    written = (json.dumps(part) if part < "\U00010000" else f'"\\U{ord(part):08x}"' for part in text)
    return f'"{"".join(part[1:-1] for part in written)}"'


def _text(data: bytes, what: str) -> str:
    if len(data) > MAX_TEXT:
        raise MalformedError(f"{what} has {len(data)} bytes, more than {MAX_TEXT}")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(f"{what} is not UTF-8 text") from error


def _object(data: bytes, what: str, *, limit: int = MAX_TEXT) -> dict[str, object]:
    if len(data) > limit:
        raise MalformedError(f"{what} has {len(data)} bytes, more than {limit}")
    try:
        content: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"{what} is not JSON") from error
    if not isinstance(content, dict):
        raise MalformedError(f"{what} is not a JSON object")
    return cast("dict[str, object]", content)
