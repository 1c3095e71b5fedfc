"""Files on this machine, as Kubeflow names them."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from weightmark.errors import MalformedError


def local_path(location: str) -> Path:
    """Turn a path or a ``file:`` URI into a path.

    Raises:
        MalformedError: it names another machine, or holds a NUL.
    """
    parts = urlsplit(location) if location.startswith("file:") else None
    text = unquote(parts.path) if parts else location
    if (parts and parts.netloc not in {"", "localhost"}) or "\0" in text or not text.startswith("/"):
        raise MalformedError(f"{location!r} is not a path on this machine")
    return Path(text)
