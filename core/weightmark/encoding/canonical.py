"""Canonical JSON (RFC 8785) out, strict JSON in.

Not promised: any other JSON. What is signed is written here and nowhere else.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

import rfc8785

from weightmark.errors import MalformedError

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

MAX_DEPTH = 64

MAX_INTEGER = 2**53 - 1
"""The largest integer that canonical JSON has."""

_PLAIN = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def encode(value: Json) -> bytes:
    """Write a value as canonical JSON.

    Args:
        value: JSON; integers between -(2**53 - 1) and 2**53 - 1, no NaN, no infinity.

    Returns:
        UTF-8 bytes, the same for equal values on every machine.

    Raises:
        MalformedError: the value has no canonical form.

    Source: RFC 8785.

    >>> encode({"b": 1, "a": [True, None]})
    b'{"a":[true,null],"b":1}'
    """
    if _is_plain(value):
        return _PLAIN.encode(value).encode()
    try:
        return rfc8785.dumps(cast("Any", value))  # its own type of JSON is not ours, but means the same
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        raise MalformedError(f"the value has no canonical JSON form: {error}") from error


def decode(data: bytes, *, what: str, constants: bool = False) -> Json:
    """Read JSON strictly: UTF-8, no duplicate keys, no NaN, bounded depth.

    Args:
        data: the bytes, any length that is already in memory.
        what: what is being read, for the message ("the bundle model.bundle.json").
        constants: take ``NaN`` and ``Infinity``, which Python's own writer leaves in files, as these words.

    Returns:
        The value.

    Raises:
        MalformedError: the bytes are not such JSON; the message says where.

    Source: RFC 8259 section 4; RFC 7493 (I-JSON) on duplicate names.

    >>> decode(b'{"a": 1}', what="the example")
    {'a': 1}
    """
    try:
        text = data.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=str if constants else _refuse_constant
        )
    except UnicodeDecodeError as error:
        raise MalformedError(f"{what} is not UTF-8 at byte {error.start}") from error
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"{what} is not strict JSON: {error}") from error
    _bound_depth(value, what)
    return cast("Json", value)


def _is_plain(value: object, depth: int = 0) -> bool:
    """Say whether a value has one JSON form only, but for white space and order: ASCII and small integers.

    Nearly all that is signed is such, and Python's own writer is many times faster than the library.
    """
    if isinstance(value, str):
        return value.isascii()
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, int):
        return -MAX_INTEGER <= value <= MAX_INTEGER
    if depth == MAX_DEPTH or not isinstance(value, dict | list | tuple):
        return False
    if isinstance(value, dict):
        members = cast("dict[object, object]", value)
        return all(
            isinstance(key, str) and key.isascii() and _is_plain(member, depth + 1)
            for key, member in members.items()
        )
    return all(_is_plain(item, depth + 1) for item in cast("Sequence[object]", value))


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return members


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _bound_depth(value: object, what: str) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (
                cast("dict[str, object]", parent).values()
                if isinstance(parent, dict)
                else cast("list[object]", parent)
            )
        ]
        if not level:
            return
    raise MalformedError(f"{what} is nested deeper than {MAX_DEPTH} levels")
