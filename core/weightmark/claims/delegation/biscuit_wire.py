"""A Biscuit's bytes: sign its first block with a key that never leaves its holder, and close it.

The library makes tokens with a private key that it is handed. Here a token is made with a key of the moment,
and the signature of its first block is then replaced by one of our signer, over the same bytes.

Not promised: that a token is good. The library verifies every token that is made here.
"""

import struct
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from weightmark.errors import MalformedError

MAX_TOKEN: Final = 64 << 10
"""Bytes of a token; a longer one is not read."""

_AUTHORITY: Final = 2
_BLOCK: Final = 3
_PROOF: Final = 4
_CONTENT: Final = 1
_NEXT_KEY: Final = 2
_SIGNATURE: Final = 3
_VERSION: Final = 5
_SECRET: Final = 1
_SEAL: Final = 2
_VARINT: Final = 0
_BYTES: Final = 2
_ED25519: Final = 0
_MOST_VARINT: Final = 5
_MORE: Final = 0x80


class _Field(NamedTuple):
    number: int
    value: int | bytes


class _Signed(NamedTuple):
    """One signed block: its fields as they came, and those that its signature covers."""

    fields: tuple[_Field, ...]
    block: bytes
    key: bytes
    signature: bytes
    version: int


def sign_first_block(token: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """Replace the signature of a token's first block.

    Args:
        token: one that has no other block.
        sign: an Ed25519 signature over the bytes it is given.

    Raises:
        MalformedError: the bytes are no such token.

    Source: Biscuit 3.3 specification, "Signature (one block)", versions 0 and 1 of the payload.
    """
    fields = _read(token)
    if any(field.number == _BLOCK for field in fields):
        raise MalformedError("only a token of one block can be signed anew")
    signed = _signed(_only(fields, _AUTHORITY))
    signature = sign(_payload(signed))
    again = [
        field._replace(value=signature) if field.number == _SIGNATURE else field for field in signed.fields
    ]
    return _write(
        field._replace(value=_write(again)) if field.number == _AUTHORITY else field for field in fields
    )


def close_token(token: bytes) -> bytes:
    """Close a token, so that nobody can append a block to it any more.

    The key that would sign the next block signs the last one instead, and is left out.

    Args:
        token: any token that is open.

    Raises:
        MalformedError: the bytes are no token, or it is closed already.

    Source: Biscuit 3.3 specification, "Sealed tokens".
    """
    fields = _read(token)
    last = _signed(next((f.value for f in reversed(fields) if f.number in (_AUTHORITY, _BLOCK)), b""))
    proof = _read(_only(fields, _PROOF))
    secret = next((field.value for field in proof if field.number == _SECRET), None)
    if not isinstance(secret, bytes):
        raise MalformedError("the token is closed already", hint="Use it as it is.")
    message = last.block + struct.pack("<i", _ED25519) + last.key + last.signature
    try:
        final = Ed25519PrivateKey.from_private_bytes(secret).sign(message)
    except ValueError as error:
        raise MalformedError(f"the token's next key has {len(secret)} bytes") from error
    closed = _write([_Field(_SEAL, final)])
    return _write(field._replace(value=closed) if field.number == _PROOF else field for field in fields)


def is_closed(token: bytes) -> bool:
    """Say whether a token takes no further block.

    Raises:
        MalformedError: the bytes are no token.
    """
    return any(field.number == _SEAL for field in _read(_only(_read(token), _PROOF)))


def blocks_of(token: bytes) -> list[bytes]:
    """Give the content of every block, in order.

    Raises:
        MalformedError: the bytes are no token.
    """
    return [_signed(field.value).block for field in _read(token) if field.number in (_AUTHORITY, _BLOCK)]


def _payload(signed: _Signed) -> bytes:
    key = struct.pack("<i", _ED25519)
    if signed.version == 0:
        return signed.block + key + signed.key
    if signed.version != 1:
        raise MalformedError(f"the token's first block is signed by version {signed.version}")
    parts = (
        (b"\0VERSION\0", struct.pack("<I", signed.version)),
        (b"\0PAYLOAD\0", signed.block),
        (b"\0ALGORITHM\0", key),
        (b"\0NEXTKEY\0", signed.key),
    )
    return b"\0BLOCK\0" + b"".join(name + value for name, value in parts)


def _signed(data: int | bytes) -> _Signed:
    if not isinstance(data, bytes):
        raise MalformedError("a block of the token is no message")
    fields = tuple(_read(data))
    version = next((field.value for field in fields if field.number == _VERSION), 0)
    key = _read(_only(fields, _NEXT_KEY))
    algorithm = next((field.value for field in key if field.number == 1), _ED25519)
    if algorithm != _ED25519 or not isinstance(version, int):
        raise MalformedError("the token's next key is not an Ed25519 key")
    return _Signed(fields, _only(fields, _CONTENT), _only(key, 2), _only(fields, _SIGNATURE), version)


def _only(fields: Iterable[_Field], number: int) -> bytes:
    found = [field.value for field in fields if field.number == number]
    if len(found) != 1 or not isinstance(found[0], bytes):
        raise MalformedError(f"the token's message has {len(found)} fields {number}; expected 1")
    return found[0]


def _read(data: bytes) -> list[_Field]:
    fields: list[_Field] = []
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        value, position = _varint(data, position)
        if tag & 7 == _VARINT:
            fields.append(_Field(tag >> 3, value))
        elif tag & 7 == _BYTES and position + value <= len(data):
            fields.append(_Field(tag >> 3, data[position : position + value]))
            position += value
        else:
            raise MalformedError(f"the token is no message at byte {position}")
    return fields


def _write(fields: Iterable[_Field]) -> bytes:
    out = bytearray()
    for number, value in fields:
        if isinstance(value, bytes):
            out += _number(number << 3 | _BYTES) + _number(len(value)) + value
        else:
            out += _number(number << 3 | _VARINT) + _number(value)
    return bytes(out)


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for place in range(_MOST_VARINT):
        if position + place >= len(data):
            break
        byte = data[position + place]
        value |= (byte & (_MORE - 1)) << (7 * place)
        if byte < _MORE:
            return value, position + place + 1
    raise MalformedError(f"the token has no number at byte {position}")


def _number(value: int) -> bytes:
    out = bytearray()
    while value >= _MORE:
        out.append(value & (_MORE - 1) | _MORE)
        value >>= 7
    return bytes([*out, value])
