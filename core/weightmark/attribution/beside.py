"""What lies beside a model where the platform keeps plain folders, as the Hub does, and is no part of it.

That is no place to hide in: only a file of ours, a ``.gitattributes`` that git could read, and the notes of
the Hub's library on its downloads are left out. Whatever else has such a name is part of the model.
"""

import re
from pathlib import Path
from typing import Final

BUNDLE: Final = "weightmark.bundle.json"
"""The signed registration, with all that is needed to verify it offline."""

MANIFEST: Final = "weightmark.manifest.json"
"""The registered manifest, with which a difference can be named."""

NOTE: Final = "weightmark.json"
"""Tags, as platforms with tags of their own have them."""

BESIDE: Final = frozenset({BUNDLE, MANIFEST, NOTE})
"""All of them: at the folder's top, and no part of the model."""

ATTRIBUTES: Final = ".gitattributes"
"""Which files git and the Hub keep in LFS."""

_CACHE: Final = ".cache"
_MAX_ATTRIBUTES: Final = 1 << 16
_MAX_NOTE: Final = 1 << 24
_MAX_NOTES: Final = 200_000
_ATTRIBUTE_LINES: Final = re.compile(
    rb"(?:[ \t]*(?:#[^\n]*"
    rb"|(?:\"[^\"\n]*\"|[^\s\"#]\S*)(?:[ \t]+[-!]?[\w.-]+(?:=[\w./-]+)?)+[ \t]*"
    rb")?\r?(?:\n|\Z))*"
)
_NOTES: Final = {
    ".metadata": re.compile(rb"[\w\".+/=:\s-]*"),
    ".lock": re.compile(rb""),
    ".gitignore": re.compile(rb"\*\s*"),
    ".TAG": re.compile(rb"Signature: [\x20-\x7e\s]*"),
    ".json": re.compile(rb"[\[{][\x20-\x7e\s]*"),
}
"""What the notes of the Hub's library hold, by how their names end: text, nothing that a loader runs."""


def names_beside(folder: Path) -> frozenset[str]:
    """Give the names at the top of a folder that are no part of the model.

    Args:
        folder: the model's folder; a path to a file has none.

    Raises:
        OSError: something there cannot be read.
    """
    names = {name for name in (*BESIDE, ATTRIBUTES) if is_beside(name, folder / name)}
    return frozenset(names | {_CACHE} if _is_notes(folder / _CACHE) else names)


def is_beside(path: str, file: Path) -> bool:
    """Say whether one file is no part of the model.

    Args:
        path: where it lies in the model's folder.
        file: the file.

    Raises:
        OSError: it cannot be read.
    """
    if path == ATTRIBUTES:
        return file.is_file() and _fits(file, _ATTRIBUTE_LINES, _MAX_ATTRIBUTES)
    return path in BESIDE and file.is_file()


def _is_notes(folder: Path) -> bool:
    """Say whether a ``.cache`` holds the notes of the Hub's library and nothing else."""
    if not folder.is_dir() or folder.is_symlink():
        return False
    for count, path in enumerate(folder.rglob("*")):
        if path.is_symlink() or count >= _MAX_NOTES or path.relative_to(folder).parts[0] != "huggingface":
            return False
        if not path.is_dir() and not _is_note(path):
            return False
    return True


def _is_note(path: Path) -> bool:
    text = _NOTES.get(path.suffix or path.name)
    return text is not None and path.is_file() and _fits(path, text, _MAX_NOTE)


def _fits(file: Path, text: re.Pattern[bytes], limit: int) -> bool:
    with file.open("rb") as stream:
        data = stream.read(limit + 1)
    return len(data) <= limit and text.fullmatch(data) is not None
