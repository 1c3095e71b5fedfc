"""Which relative paths a model's file may have.

Not promised: that the path exists, or that every platform can store it.
"""

import unicodedata

from weightmark.errors import MalformedError

_HINT = "Rename the file; a model's paths are plain relative UTF-8 paths with `/` between their parts."
_SHOWN = 300
_REFUSED = frozenset({"Cc", "Cs"})


def check_path(path: str, *, what: str) -> None:
    """Check one relative path.

    Args:
        path: the path, POSIX, relative to the model's folder.
        what: where the path stands, for the message ("the model's folder").

    Raises:
        MalformedError: the path is empty, absolute, has an empty, ``.`` or ``..`` part, a backslash, a
            control character, or bytes that are not UTF-8.

    >>> check_path("weights/model.safetensors", what="the example")
    """
    shown = path[:_SHOWN]
    if any(part in {"", ".", ".."} for part in path.split("/")):
        raise MalformedError(f"{what} has the path {shown!r}, which is not a plain relative path", hint=_HINT)
    if "\\" in path:
        raise MalformedError(f"{what} has the path {shown!r}, which has a backslash", hint=_HINT)
    if path.isascii() and path.isprintable():
        return
    for character in path:
        if unicodedata.category(character) in _REFUSED:
            found = "bytes that are not UTF-8" if "\ud800" <= character <= "\udfff" else "a control character"
            raise MalformedError(f"{what} has the path {shown!r}, which has {found}", hint=_HINT)


def collision_key(path: str) -> str:
    """Give what two paths share when a file system that ignores case or Unicode form takes them for one.

    Args:
        path: a relative path.

    Returns:
        The path in Unicode form NFC, case folded; only for comparing.

    Raises:
        Nothing.

    Source: Unicode Standard, section 3.13 (default caseless matching); Annex 15 (NFC).
    """
    if path.isascii():
        return path.lower()
    folded = unicodedata.normalize("NFC", path).casefold()
    return unicodedata.normalize("NFC", folded)
