"""How values become bytes and back: canonical JSON, digests, times, identifiers."""

from weightmark.encoding.canonical import Json, decode, encode
from weightmark.encoding.digest import (
    Algorithm,
    Digest,
    digest_bytes,
    format_digest,
    hasher,
    is_digest,
    parse_digest,
)
from weightmark.encoding.identifier import KeyId, ModelId
from weightmark.encoding.printable import printable
from weightmark.encoding.record import Record
from weightmark.encoding.secret import hide_secrets
from weightmark.encoding.time import format_time, parse_time

__all__ = [
    "Algorithm",
    "Digest",
    "Json",
    "KeyId",
    "ModelId",
    "Record",
    "decode",
    "digest_bytes",
    "encode",
    "format_digest",
    "format_time",
    "hasher",
    "hide_secrets",
    "is_digest",
    "parse_digest",
    "parse_time",
    "printable",
]
