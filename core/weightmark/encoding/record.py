"""Typed reading of a JSON object: each field is asked for by its type, and what is left over is an error.

Not promised: schemas. A record checks shape; meaning is the reader's.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from weightmark.encoding.canonical import Json
from weightmark.encoding.digest import Digest, parse_digest
from weightmark.encoding.printable import printable
from weightmark.encoding.time import parse_time
from weightmark.errors import MalformedError


class Record:
    """One JSON object, read field by field.

    Args:
        value: what should be an object.
        what: its name in messages ("the statement's predicate").

    Raises:
        MalformedError: from every method, when a field is missing or has another type.
    """

    def __init__(self, value: Json, what: str) -> None:
        if not isinstance(value, dict):
            raise MalformedError(f"{what} must be an object, not {_kind(value)}")
        self._fields = dict(value)
        self._left = set(self._fields)
        self.what = what

    def has(self, key: str) -> bool:
        """Say whether the field is there and not null."""
        return self._fields.get(key) is not None

    def text(self, key: str, default: str | None = None) -> str:
        """Read a string; ``default`` when the field is missing or null."""
        value = self._take(key, required=default is None)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            raise self._wrong(key, "a string", value)
        return value

    def optional_text(self, key: str) -> str | None:
        """Read a string, or None when the field is missing or null."""
        return self.text(key) if self._present(key) else None

    def integer(self, key: str, *, least: int = 0, default: int | None = None) -> int:
        """Read an integer of at least ``least``."""
        value = self._take(key, required=default is None)
        if value is None and default is not None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self._wrong(key, f"an integer of at least {least}", value)
        return value

    def boolean(self, key: str, *, default: bool | None = None) -> bool:
        """Read true or false."""
        value = self._take(key, required=default is None)
        if value is None and default is not None:
            return default
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false", value)
        return value

    def digest(self, key: str) -> Digest:
        """Read a digest such as ``sha256:9f86…``."""
        text = self.text(key)
        parse_digest(text, what=f"{key!r} in {self.what}")
        return Digest(text)

    def time(self, key: str) -> datetime:
        """Read an RFC 3339 time in UTC."""
        return parse_time(self.text(key), what=f"{key!r} in {self.what}")

    def optional_time(self, key: str) -> datetime | None:
        """Read a time, or None when the field is missing or null."""
        return self.time(key) if self._present(key) else None

    def optional_digest(self, key: str) -> Digest | None:
        """Read a digest, or None when the field is missing or null."""
        return self.digest(key) if self._present(key) else None

    def items(self, key: str, *, required: bool = True) -> Sequence[Json]:
        """Read a list; empty when it is missing and not required."""
        value = self._take(key, required=required)
        if value is None and not required:
            return []
        if not isinstance(value, list):
            raise self._wrong(key, "a list", value)
        return value

    def texts(self, key: str, *, required: bool = True) -> tuple[str, ...]:
        """Read a list of strings."""
        values = self.items(key, required=required)
        for value in values:
            if not isinstance(value, str):
                raise self._wrong(key, "a list of strings", value)
        return tuple(str(value) for value in values)

    def record(self, key: str) -> "Record":
        """Read an object."""
        return Record(self._take(key, required=True), f"{key!r} in {self.what}")

    def records(self, key: str, *, required: bool = True) -> Iterator["Record"]:
        """Read a list of objects."""
        for position, value in enumerate(self.items(key, required=required)):
            yield Record(value, f"{key}[{position}] in {self.what}")

    def members(self) -> dict[str, Json]:
        """Read all fields as they are."""
        self._left.clear()
        return dict(self._fields)

    def done(self) -> None:
        """Refuse fields that nobody asked for."""
        if self._left:
            # The names are a stranger's: shown with their controls escaped, and no more than a person reads.
            names = ", ".join(printable(name[:40]) for name in sorted(self._left)[:8])
            raise MalformedError(f"{self.what} has unknown fields: {names}")

    def _take(self, key: str, *, required: bool) -> Json:
        self._left.discard(key)
        if required and key not in self._fields:
            raise MalformedError(f"{self.what} has no {key!r}")
        return self._fields.get(key)

    def _present(self, key: str) -> bool:
        self._left.discard(key)
        return self.has(key)

    def _wrong(self, key: str, expected: str, found: Json) -> MalformedError:
        return MalformedError(f"{key!r} in {self.what} must be {expected}, not {_kind(found)}")


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return f"the string {value[:40]!r}"
    if isinstance(value, int | float):
        return f"the number {value}"
    return "an object" if isinstance(value, dict) else "a list"
