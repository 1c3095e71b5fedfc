"""Tokens: opening one without trusting it, and asking it.

Not promised: an answer in no time. A token's checks run under limits; beyond them nothing is known.
"""

import base64
import binascii
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from weightmark.claims.delegation.biscuit_wire import MAX_TOKEN, blocks_of
from weightmark.claims.delegation.narrowing import is_known
from weightmark.claims.key import PublicKey
from weightmark.errors import (
    MalformedError,
    MissingExtraError,
    SignatureError,
    UndecidedError,
    UntrustedKeyError,
    VerificationError,
)

if TYPE_CHECKING:
    from biscuit_auth import Biscuit

MOST_BLOCKS: Final = 32
"""Blocks of a token; one with more is not read."""

MAX_TIME: Final = timedelta(seconds=1)
"""How long a token's checks may take. The library's own limit of 1 ms of wall time refuses valid tokens when
the machine is busy; 250 ms is the least that did not."""

MAX_FACTS: Final = 1_000
MAX_ITERATIONS: Final = 100

_HINT: Final = "Ask for the token again; a token is one line of letters, digits, - and _."
_FAILED: Final = re.compile(r"Check n°(\d+) in block n°(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenToken:
    """A token whose signatures hold under a known key.

    Attributes:
        raw: its bytes.
        key: the key that signed its first block.
        facts: what its first block says.
        blocks: of each block its revocation id, and its Datalog; all of it is known here.
        biscuit: the token itself.
    """

    raw: bytes
    key: PublicKey
    facts: Mapping[str, Any]
    blocks: tuple[tuple[str, str], ...]
    biscuit: "Biscuit"


def library() -> ModuleType:
    """Give the library.

    Raises:
        MissingExtraError: the extra ``biscuit`` is not installed.
    """
    try:
        import biscuit_auth
    except ImportError as error:
        raise MissingExtraError("biscuit") from error
    return biscuit_auth


def encode_token(raw: bytes) -> str:
    """Write a token as URL-safe base64.

    Raises:
        Nothing.
    """
    return base64.urlsafe_b64encode(raw).decode("ascii")


def open_token(text: str, keys: Mapping[int, PublicKey]) -> OpenToken:
    """Check a token's signatures and read its first block.

    Args:
        text: the token.
        keys: those that may have signed its first block, by the hint that the token carries.

    Raises:
        MissingExtraError: the extra ``biscuit`` is not installed.
        MalformedError: it is no token, or not one of ours.
        UntrustedKeyError: none of the keys is meant.
        SignatureError: a signature does not fit.
        VerificationError: a block is by a third party.
    """
    biscuit_auth = library()
    raw = _decode(text)
    with _door("the token is damaged", biscuit_auth):
        hint = biscuit_auth.UnverifiedBiscuit.from_base64(encode_token(raw)).root_key_id()
    key = keys.get(hint)
    if key is None:
        raise UntrustedKeyError("the key that signed the token's first block is not in the trust root")
    root = biscuit_auth.PublicKey.from_bytes(key.raw_ed25519, biscuit_auth.Algorithm.Ed25519)
    try:
        with _door("", biscuit_auth):
            token = biscuit_auth.Biscuit.from_bytes(raw, root)
    except MalformedError as error:
        raise SignatureError(
            "the token's signatures do not hold: it is forged, or a block was changed or cut off",
            hint="Ask for it again; a token cannot be edited, only narrowed.",
        ) from error
    with _door("the token cannot be read", biscuit_auth):
        count = token.block_count()
        if any(token.block_external_key(index) is not None for index in range(count)):
            raise VerificationError(
                "the token has a block of a third party, which says nothing here",
                hint="Narrow the token without third-party blocks.",
            )
        sources = [token.block_source(index) for index in range(count)]
        _require_known(biscuit_auth, raw, sources)
        blocks = tuple(zip(token.revocation_ids, sources, strict=True))
        return OpenToken(raw=raw, key=key, facts=_facts(biscuit_auth, token), blocks=blocks, biscuit=token)


def ask_token(token: "Biscuit", source: str, values: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Run a token's checks against the facts of one request.

    Args:
        token: one whose signatures hold.
        source: the facts, as Datalog with its values apart.
        values: the values.

    Returns:
        The checks that fail, each as the number of its block and its own in it; empty when all hold.

    Raises:
        UndecidedError: the checks took too long, or too much.
    """
    biscuit_auth = library()
    builder = biscuit_auth.AuthorizerBuilder(f"{source} allow if true;", dict(values))
    set_limits(builder)
    try:
        builder.build(token).authorize()
    except biscuit_auth.AuthorizationError as error:
        failed = [(int(block), int(check)) for check, block in _FAILED.findall(str(error))]
        if failed:
            return failed
        raise UndecidedError(
            f"the token's checks came to no end: {str(error)[:120]}",
            hint="Ask again when the machine is less busy; if it stays so, ask for a simpler token.",
        ) from error
    return []


def set_limits(builder: Any) -> None:
    """Bound what a token's checks may take."""
    limits = builder.limits()
    limits.max_time, limits.max_facts, limits.max_iterations = MAX_TIME, MAX_FACTS, MAX_ITERATIONS
    builder.set_limits(limits)


def _decode(text: str) -> bytes:
    text = text.strip()
    if len(text) > MAX_TOKEN * 4 // 3:
        raise MalformedError(f"the token has {len(text)} characters, more than are read", hint=_HINT)
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii"))
    except (binascii.Error, ValueError) as error:
        raise MalformedError("the token is not base64", hint=_HINT) from error
    if not raw or encode_token(raw) != text:
        raise MalformedError("the token is not base64", hint=_HINT)
    if len(blocks_of(raw)) > MOST_BLOCKS:
        raise MalformedError(f"the token has more than {MOST_BLOCKS} blocks, the most that are read")
    return raw


def _facts(biscuit_auth: ModuleType, token: "Biscuit") -> dict[str, Any]:
    builder = biscuit_auth.AuthorizerBuilder("allow if true;")
    set_limits(builder)
    authorizer = builder.build(token)
    facts: dict[str, Any] = {}
    for name in ("grant", "statement", "edition"):
        found = authorizer.query(biscuit_auth.Rule(f"found($x) <- {name}($x)"))
        if len(found) > 1 or (not found and name != "edition"):
            raise MalformedError(f"the token's first block has {len(found)} facts {name!r}; expected 1")
        facts[name] = found[0].terms[0] if found else None
    signed = authorizer.query(biscuit_auth.Rule("found($k, $s) <- signed($k, $s)"))
    facts["signed"] = [tuple(fact.terms) for fact in signed]
    kinds = {"grant": str, "statement": bytes, "edition": bytes | None}
    if not all(isinstance(facts[name], kind) for name, kind in kinds.items()) or not all(
        isinstance(name, str) and isinstance(value, bytes) for name, value in facts["signed"]
    ):
        raise MalformedError("the token's first block does not carry a grant")
    return facts


def _require_known(biscuit_auth: ModuleType, raw: bytes, sources: list[str]) -> None:
    """Check that every block holds what has words here, and nothing else.

    The library bounds how often rules run, and not how long one join takes; what is known here has no joins.
    It also writes strings without escapes, so that a string may look like checks that are not there: the text
    read again must be the block.
    """
    try:
        again = biscuit_auth.BiscuitBuilder(sources[0]).build(biscuit_auth.KeyPair().private_key)
        for source in sources[1:]:
            again = again.append(biscuit_auth.BlockBuilder(source))
        same = blocks_of(bytes(again.to_bytes())) == blocks_of(raw)
    except (biscuit_auth.DataLogError, biscuit_auth.BiscuitBuildError):
        same = False
    for number, source in enumerate(sources):
        if not same or not is_known(source, first=number == 0):
            raise VerificationError(
                f"the token holds something that is not known here{f' (block {number})' if same else ''}",
                hint="Narrow tokens with `weightmark license delegate --narrow`; its checks are documented.",
            )


@contextmanager
def _door(what: str, biscuit_auth: ModuleType) -> Generator[None]:
    """Let out our own errors only, whatever the library makes of hostile bytes."""
    try:
        yield
    except (MalformedError, VerificationError):
        raise
    except biscuit_auth.AuthorizationError as error:
        raise UndecidedError(f"the token cannot be read within bounds: {error}") from error
    except Exception as error:
        raise MalformedError(what or "the token is damaged", hint=_HINT) from error
