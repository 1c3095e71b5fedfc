"""Delegation: a grant as a token that its holders narrow offline, block by block.

The first block carries the signed grant and is signed by the licensor, or by a grantee who may sublicense.
Every further block only adds checks, so whoever appends one can take away and never add.

Not here: whether the grant still holds. That is decided from the grant itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from weightmark.claims.delegation.biscuit_wire import close_token, is_closed, sign_first_block
from weightmark.claims.delegation.narrowing import Narrowing, Wording, read_block
from weightmark.claims.delegation.token import MOST_BLOCKS, encode_token, library, open_token
from weightmark.claims.envelope import Envelope, Signature
from weightmark.claims.key import PublicKey, Scheme
from weightmark.claims.permission import GrantClaim
from weightmark.claims.statement import Statement
from weightmark.claims.trust import TrustRoot
from weightmark.claims.verify import verify_envelope
from weightmark.encoding import Digest, KeyId, decode, digest_bytes, encode
from weightmark.errors import ExpiredError, MalformedError, SignatureError, UntrustedKeyError
from weightmark.licensing.capability import Capability
from weightmark.licensing.grant import Grant
from weightmark.vocabulary import PAYLOAD_TYPE

if TYPE_CHECKING:
    from biscuit_auth import Biscuit

Sign = Callable[[bytes], Signature]

_FIRST: Final = "grant({grant}); statement({statement});"
_EDITION: Final = "edition({edition});"
_SIGNED: Final = "signed({key}, {signature});"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBlock:
    """One block of a token.

    Attributes:
        revocation_id: what revokes this token and all that were narrowed from it, in hexadecimal digits.
        rules: what it checks, in order.
        party: the party it names; empty when it names none.
    """

    revocation_id: str
    rules: tuple[Wording, ...]
    party: str = ""

    @property
    def account(self) -> Digest:
        """Under which name a meter counts what is used of this block's own bounds."""
        return digest_bytes(bytes.fromhex(self.revocation_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """A token whose signatures hold.

    Attributes:
        text: the token, as it is handed on.
        id: the digest of the grant's statement.
        statement: the grant as its licensor signed it.
        grant: the grant as it stood when the token was made.
        issuer: who signed the first block.
        key_id: with which key.
        blocks: the first block and what was appended.
        closed: whether no block can be appended.
    """

    text: str
    id: Digest
    statement: Statement
    grant: Grant
    issuer: str
    key_id: KeyId
    blocks: tuple[TokenBlock, ...]
    closed: bool
    biscuit: "Biscuit" = field(repr=False, compare=False)

    @property
    def party(self) -> str:
        """The narrowest party that it names."""
        return next(block.party for block in reversed(self.blocks) if block.party)


def make_delegation(
    envelope: Envelope, grant: Grant, key: PublicKey, sign: Sign, *, narrowing: Narrowing | None = None
) -> str:
    """Make a token of one block.

    Args:
        envelope: the grant's statement, as the ledger holds it.
        grant: the grant as it stands now.
        key: the public half of the key that signs.
        sign: signs with it; the key itself stays where it is.
        narrowing: what to take away from the grant at once.

    Returns:
        The token: URL-safe base64.

    Raises:
        MissingExtraError: the extra ``biscuit`` is not installed.
        MalformedError: the key is not an Ed25519 key, or a name cannot stand in a token.
        WeightmarkError: the signer could not sign.
    """
    biscuit_auth = library()
    if key.scheme is not Scheme.ED25519:
        raise MalformedError(
            f"a token is signed by an Ed25519 key, not by one of {key.scheme.value}",
            hint="Make one with `weightmark keygen` and give it with --key.",
        )
    statement = Statement.decode(envelope.payload)
    claim = statement.claim
    if not isinstance(claim, GrantClaim):
        raise MalformedError("only a grant can be delegated")
    builder = biscuit_auth.BiscuitBuilder(
        _FIRST,
        {"grant": digest_bytes(envelope.payload), "statement": envelope.payload},
    )
    if grant != claim.grant:
        builder.add_code(_EDITION, {"edition": encode(grant.to_json())})
    for signature in envelope.signatures:
        builder.add_code(_SIGNED, {"key": str(signature.key_id), "signature": signature.value})
    for narrow in (_from_grant(grant, statement), narrowing or Narrowing()):
        for source, values in narrow.checks():
            builder.add_code(source, values)
    builder.set_root_key_id(_hint(key.key_id))
    token = builder.build(biscuit_auth.KeyPair().private_key)
    return encode_token(sign_first_block(bytes(token.to_bytes()), lambda message: sign(message).value))


def narrow_delegation(delegation: Delegation, narrowing: Narrowing, *, close: bool = False) -> str:
    """Append a block that takes something away; no key is needed.

    Args:
        delegation: the token.
        narrowing: what the new token is good for; its party is named below the party so far.
        close: whether nobody may append another block.

    Returns:
        The new token.

    Raises:
        MalformedError: the token is closed, has too many blocks, or nothing is taken away.
    """
    raw = bytes(delegation.biscuit.to_bytes())
    sources = narrowing.below(delegation.party).checks()
    if not sources and not close:
        raise MalformedError("nothing is narrowed", hint="Say by what: --party, --for, --until, …")
    if delegation.closed:
        raise MalformedError("the token is closed; no block can be appended", hint="Ask for an open one.")
    if sources:
        if len(delegation.blocks) == MOST_BLOCKS:
            raise MalformedError(f"the token has {MOST_BLOCKS} blocks, the most that are read")
        builder = library().BlockBuilder("")
        for source, values in sources:
            builder.add_code(source, values)
        raw = bytes(delegation.biscuit.append(builder).to_bytes())
    return encode_token(close_token(raw) if close else raw)


def read_delegation(text: str, trust: TrustRoot, at: datetime) -> Delegation:
    """Verify a token and read it; without a network.

    Args:
        text: the token.
        trust: whose keys are whose.
        at: the moment at which the first block's key must be valid, with a zone.

    Returns:
        The token, verified: its first block is signed by one who may delegate the grant, and every block by
        whoever had the token before.

    Raises:
        MissingExtraError: the extra ``biscuit`` is not installed.
        MalformedError: it is no such token.
        UntrustedKeyError: its first block is by a key that is not trusted, or by one who may not delegate.
        SignatureError: a signature does not fit: it is forged, or a block was cut off or changed.
        ExpiredError: the first block's key is not valid at that moment.
    """
    trusted_keys = [key for key in trust.keys if key.key.scheme is Scheme.ED25519]
    opened = open_token(text, {_hint(trusted.key.key_id): trusted.key for trusted in trusted_keys})
    trusted = trust.find(opened.key.key_id)
    if trusted is None or not trusted.is_valid(at):
        raise ExpiredError(f"the token's key {opened.key.key_id} does not count at this moment")
    statement, grant = _read_first(opened.facts, trust)
    licensor, may_sublicense = grant.licensor, Capability.SUBLICENSE in grant.allows
    if trusted.identity != licensor and not (trusted.identity == grant.grantee and may_sublicense):
        raise UntrustedKeyError(
            f"the token is signed by {trusted.identity}, who may not delegate a grant of {licensor}",
            hint=f"Ask {licensor} for a token: `weightmark license delegate GRANT`.",
        )
    if trusted.identity == licensor and opened.facts["edition"] is not None:
        grant = _edition(opened.facts)
    blocks = tuple(
        TokenBlock(revocation_id=id_, rules=(block := read_block(source)).rules, party=block.party)
        for id_, source in opened.blocks
    )
    if not blocks[0].party:
        raise MalformedError("the token's first block names no grantee")
    return Delegation(
        text=text,
        id=statement.digest,
        statement=statement,
        grant=grant,
        issuer=trusted.identity,
        key_id=opened.key.key_id,
        blocks=blocks,
        closed=is_closed(opened.raw),
        biscuit=opened.biscuit,
    )


def _read_first(facts: Mapping[str, Any], trust: TrustRoot) -> tuple[Statement, Grant]:
    payload = facts["statement"]
    envelope = Envelope(
        payload=payload,
        payload_type=PAYLOAD_TYPE,
        signatures=tuple(Signature(key_id=KeyId(key), value=value) for key, value in facts["signed"]),
    )
    claim = Statement.decode(payload, what="the token's grant").claim
    if not isinstance(claim, GrantClaim):
        raise MalformedError("the statement in the token's first block is no grant")
    evidence = verify_envelope(envelope, trust, None, claim.issued_at)
    if claim.grant.licensor not in evidence.identities:
        raise SignatureError(f"the token's grant is not signed by {claim.grant.licensor}, who grants it")
    if facts["grant"] != evidence.statement.digest:
        raise MalformedError("the token names another grant than the one that it carries")
    return evidence.statement, claim.grant


def _edition(facts: Mapping[str, Any]) -> Grant:
    what = "the edition in the token's first block"
    return Grant.from_json(decode(facts["edition"], what=what), what=what)


def _from_grant(grant: Grant, statement: Statement) -> Narrowing:
    """Say in the token's own checks what the grant says, for verifiers that know nothing else."""
    subject = statement.subject
    models = frozenset(str(digest) for digest in (subject.bundle, subject.weights) if digest is not None)
    return Narrowing(
        party=grant.grantee,
        capabilities=grant.allows,
        purposes=grant.purposes,
        models=models,
        start=grant.start,
        until=grant.window.last,
    )


def _hint(key_id: KeyId) -> int:
    return int(key_id[:8], 16)
