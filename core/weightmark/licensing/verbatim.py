"""Verbatim texts of licences whose text may be handed out: those of the SPDX License List, unmodified.

They lie in one compressed file beside this module, with an index that names each text's source and digest.

Not promised: every text. A model maker's own licence is linked to and described, not copied.
"""

import hashlib
import io
import json
import zlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final
from zipfile import BadZipFile, ZipFile

from weightmark.encoding import Json, Record
from weightmark.errors import MalformedError
from weightmark.licensing.template import find_template
from weightmark.licensing.terms import Terms

INDEX: Final = "texts.json"
TEXTS: Final = "texts.zip"
OURS: Final = "LicenseRef-Weightmark-"
"""How the names of the agreements begin whose text is what ``wording`` writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceText:
    """The whole text of a licence, as its source has it.

    Args:
        id: the licence's identifier.
        text: the text.
        sha256: the digest of its UTF-8 bytes, 64 lowercase hexadecimal digits.
        source: where it was taken from.
    """

    id: str
    text: str
    sha256: str
    source: str


def find_text(name: str) -> LicenceText | None:
    """Find the text of a licence.

    Args:
        name: an SPDX identifier or a hub's spelling; upper and lower case do not matter.

    Returns:
        The text, or None when none is shipped.

    Raises:
        MalformedError: the file of texts is damaged, or holds another text than the index says.

    >>> find_text("mit").text.splitlines()[0]
    'MIT License'
    """
    terms = find_template(name)
    row = None if terms is None else _index().get(terms.id)
    return None if row is None else _read(*row)


def text_names() -> tuple[str, ...]:
    """List the licences whose text is shipped.

    Raises:
        MalformedError: the index is damaged.
    """
    return tuple(_index())


def why_no_text(terms: Terms) -> str:
    """Say why the text of a licence is not shipped.

    Args:
        terms: a licence that ``find_text`` does not find.

    Raises:
        Nothing.
    """
    if not terms.url:
        return "It has no public text."
    return "Its publisher does not plainly allow others to hand out its text; read it at the link."


@cache
def _index() -> dict[str, tuple[str, str, str, str]]:
    rows: Json = json.loads(_bytes(INDEX))
    found: dict[str, tuple[str, str, str, str]] = {}
    for record in Record({"texts": rows}, f"{INDEX} of the licence texts").records("texts"):
        name = record.text("id")
        found[name] = (name, record.text("file"), record.text("sha256"), record.text("source"))
    return found


def _read(name: str, file: str, sha256: str, source: str) -> LicenceText:
    try:
        with ZipFile(io.BytesIO(_bytes(TEXTS))) as archive:
            content = archive.read(file)
    except (BadZipFile, KeyError, zlib.error) as error:
        raise _damaged(name) from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise _damaged(name)
    return LicenceText(id=name, text=content.decode(), sha256=sha256, source=source)


def _bytes(name: str) -> bytes:
    return (files("weightmark.licensing") / name).read_bytes()


def _damaged(name: str) -> MalformedError:
    return MalformedError(
        f"the text of {name} in {TEXTS} is not the one that its index names",
        hint="Install Weightmark anew; until then read the text at its publisher's address.",
    )
