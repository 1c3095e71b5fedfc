"""Secrets in text that others wrote, such as an SDK's error message."""

import re
from typing import Final

_ADDRESS: Final = re.compile(
    r"\b([a-z][a-z0-9+.-]{0,19}://)(?:[^\s/@'\"<>]*@)?([^\s?#'\"<>]*)(?:[?#][^\s'\"<>]*)?", re.IGNORECASE
)


def hide_secrets(text: str) -> str:
    """Leave user, password and parameters out of every address in a text; a signed address is a key.

    Args:
        text: such as ``403 for url: https://storage.example.org/a?X-Signature=12``.

    Raises:
        Nothing.

    >>> hide_secrets("403 for url: https://me:pw@storage.example.org/a?X-Signature=12")
    '403 for url: https://storage.example.org/a'
    """
    return _ADDRESS.sub(r"\1\2", text)
