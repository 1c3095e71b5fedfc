"""The one door to trackio; nothing of it is imported before it is asked for."""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import Any

from weightmark.errors import PlatformError
from weightmark.extra import import_extra
from weightmark.ports.conversation import in_our_words


def load(module: str = "trackio") -> Any:
    """Import a module of trackio.

    Raises:
        MissingExtraError: it is not installed.
    """
    return import_extra(module, extra="trackio")


@contextmanager
def reading(uri: str) -> Generator[None, None, None]:
    """Turn what is raised inside into our own errors.

    Args:
        uri: what trackio is asked for, for the message.

    Raises:
        PlatformError: trackio failed; retryable when its database is in use by another process.
    """
    with in_our_words(partial(_told, uri)):
        yield


def _told(uri: str, error: Exception) -> PlatformError:
    return PlatformError(
        f"trackio could not give {uri!r}: {type(error).__name__}: {' '.join(str(error).split())[:300]}",
        retryable=isinstance(error, sqlite3.OperationalError) and "locked" in str(error),
        hint="Check TRACKIO_DIR, and that this is the trackio that Weightmark is tested with.",
    )
