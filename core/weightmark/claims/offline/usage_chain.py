"""Chains of use: a file of lines, each naming the one before it by its digest, sealed by signatures.

Lines are canonical JSON. The first is the header, then entries and seals come as they were written. A seal
is an envelope over the totals so far; it is a line of the chain like any other.

Not promised: that the keeper recorded everything, or that there is no second chain. Two files that begin
alike and then differ are a fork, which is seen when both are settled.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from weightmark.claims.envelope import Envelope, Signature, pre_authentication
from weightmark.claims.subject import check_text
from weightmark.claims.trust import TrustRoot
from weightmark.claims.usage import MOST_NAMES, MOST_UNITS, check_chain_id
from weightmark.encoding import Digest, Json, KeyId, Record, decode, digest_bytes, encode, format_time
from weightmark.errors import (
    ExpiredError,
    MalformedError,
    SignatureError,
    UntrustedKeyError,
    VerificationError,
)
from weightmark.vocabulary import USAGE_CHAIN_MEDIA_TYPE

MAX_CHAIN: Final = 64 << 20
"""Bytes of a chain's file; a longer one is not read, and none grows beyond it."""

MAX_LINE: Final = 8 << 10
_HINT: Final = "Export the chain again: `weightmark usage offline export`; a chain cannot be edited."


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainHeader:
    """Whose chain it is.

    Args:
        chain: its id: 32 hexadecimal digits, made at random.
        grant: the grant under which use is recorded.
        party: who uses it.
        key: the id of the key that seals it.
        made: when it was begun, with a zone.
    """

    chain: str
    grant: Digest
    party: str
    key: KeyId
    made: datetime

    def encode(self) -> bytes:
        """Write the first line.

        Raises:
            Nothing.
        """
        return encode(
            {
                "chain": self.chain,
                "grant": self.grant,
                "key": self.key,
                "made": format_time(self.made),
                "mediaType": USAGE_CHAIN_MEDIA_TYPE,
                "party": self.party,
            }
        )

    @classmethod
    def from_record(cls, record: Record) -> "ChainHeader":
        """Read the first line.

        Raises:
            MalformedError: it is no header of a chain.
        """
        if record.text("mediaType") != USAGE_CHAIN_MEDIA_TYPE:
            raise MalformedError(f"{record.what} is no chain of use")
        header = cls(
            chain=record.text("chain"),
            grant=record.digest("grant"),
            party=record.text("party"),
            key=KeyId(record.text("key")),
            made=record.time("made"),
        )
        check_chain_id(header.chain)
        check_text(header.party, "the chain's party", least=1, most=256)
        return header


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainEntry:
    """One use.

    Args:
        seq: its number; the first is 1.
        name: the entitlement's name.
        units: how many.
        key: what names this use; no key stands twice.
        time: when, with a zone; never before the entry before it.
        previous: the digest of the line before it.
    """

    seq: int
    name: str
    units: int
    key: str
    time: datetime
    previous: Digest

    def encode(self) -> bytes:
        """Write its line.

        Raises:
            Nothing.
        """
        return encode(
            {
                "key": self.key,
                "name": self.name,
                "previous": self.previous,
                "seq": self.seq,
                "time": format_time(self.time),
                "units": self.units,
            }
        )

    @classmethod
    def from_record(cls, record: Record) -> "ChainEntry":
        """Read a line.

        Raises:
            MalformedError: it is no use.
        """
        entry = cls(
            seq=record.integer("seq", least=1),
            name=record.text("name"),
            units=record.integer("units", least=1),
            key=record.text("key"),
            time=record.time("time"),
            previous=record.digest("previous"),
        )
        check_text(entry.name, "the entitlement's name", least=1, most=64)
        check_text(entry.key, "the use's key", least=1, most=255)
        return entry


@dataclass(slots=True, kw_only=True)
class UsageChain:
    """A chain as far as it was read; lines are added in order.

    Attributes:
        header: its first line.
        line: the digest of its last line.
        entries: the digest of each entry's line, in order.
        totals: units by name.
        keys: the name and the units of each key.
        began: the time of the first entry; None when there is none.
        ended: the time of the last one.
        envelopes: its seals, each with the number of entries that it covers.
        sealed: the number of entries that the last seal covers; 0 when there is none.
    """

    header: ChainHeader
    line: Digest
    entries: list[Digest] = field(default_factory=list[Digest])
    totals: dict[str, int] = field(default_factory=dict[str, int])
    keys: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    began: datetime | None = None
    ended: datetime | None = None
    envelopes: list[tuple[int, Envelope]] = field(default_factory=list[tuple[int, Envelope]])
    sealed: int = 0

    def next_entry(self, name: str, units: int, key: str, time: datetime) -> ChainEntry:
        """Give the entry that would come next.

        Raises:
            Nothing.
        """
        return ChainEntry(
            seq=len(self.entries) + 1, name=name, units=units, key=key, time=time, previous=self.line
        )

    def seal(self, sign: Callable[[bytes], Signature]) -> bytes:
        """Give the line that seals all entries so far.

        Raises:
            WeightmarkError: the signer could not sign.
        """
        payload = encode(self._summary())
        signature = sign(pre_authentication(USAGE_CHAIN_MEDIA_TYPE, payload))
        envelope = Envelope(payload=payload, payload_type=USAGE_CHAIN_MEDIA_TYPE, signatures=(signature,))
        return encode({"previous": self.line, "seal": envelope.to_json()})

    def add(self, line: bytes, what: str) -> None:
        """Take in the next line.

        Args:
            line: without its end.
            what: its name in messages.

        Raises:
            MalformedError: it is no line of a chain, or not the next one of this.
        """
        record = _record(line, what)
        previous = record.digest("previous")
        if previous != self.line:
            raise MalformedError(f"{what} does not follow the line before it", hint=_HINT)
        if record.has("seal"):
            envelope = Envelope.from_record(record.record("seal"))
            record.done()
            if envelope.payload != encode(self._summary()):
                raise MalformedError(f"{what} seals something else than the lines before it", hint=_HINT)
            self.envelopes.append((len(self.entries), envelope))
            self.sealed = len(self.entries)
        else:
            entry = ChainEntry.from_record(record)
            record.done()
            self._count(entry, what)
            self.entries.append(digest_bytes(line))
        self.line = digest_bytes(line)

    def _count(self, entry: ChainEntry, what: str) -> None:
        last = self.ended or self.header.made
        total = self.totals.get(entry.name, 0) + entry.units
        if entry.seq != len(self.entries) + 1:
            raise MalformedError(f"{what} is entry {entry.seq}; expected {len(self.entries) + 1}", hint=_HINT)
        if entry.time < last:
            raise MalformedError(f"{what} is of {format_time(entry.time)}, before {format_time(last)}")
        if entry.key in self.keys:
            raise MalformedError(f"{what} has the key {entry.key!r} of another entry", hint=_HINT)
        if total > MOST_UNITS or len(self.totals | {entry.name: 0}) > MOST_NAMES:
            raise MalformedError(f"{what} counts more than can be counted")
        self.totals[entry.name] = total
        self.keys[entry.key] = entry.name, entry.units
        self.began = self.began or entry.time
        self.ended = entry.time

    def _summary(self) -> dict[str, Json]:
        if self.began is None or self.ended is None:
            raise MalformedError("a chain without a use cannot be sealed", hint="Record a use first.")
        return {
            "began": format_time(self.began),
            "chain": self.header.chain,
            "ended": format_time(self.ended),
            "grant": self.header.grant,
            "head": self.entries[-1],
            "seq": len(self.entries),
            "totals": dict(self.totals),
        }


def begin_chain(line: bytes, what: str = "the chain's first line") -> UsageChain:
    """Read the first line of a chain.

    Raises:
        MalformedError: it is no header.
    """
    record = _record(line, what)
    header = ChainHeader.from_record(record)
    record.done()
    return UsageChain(header=header, line=digest_bytes(line))


def verify_chain(data: bytes, trust: TrustRoot, *, what: str = "the chain") -> UsageChain:
    """Verify an exported chain: every line, every digest, every seal; the last line seals all.

    Args:
        data: the file.
        trust: whose keys are whose.
        what: its name in messages.

    Returns:
        The chain; its header's party sealed it.

    Raises:
        MalformedError: it is no chain, or was cut, joined, reordered or changed.
        UntrustedKeyError: it is sealed by a key that is not its party's.
        SignatureError: a seal's signature does not fit.
        ExpiredError: the key was not valid when the chain ended.
        VerificationError: it does not end with a seal.
    """
    lines = _lines(data, what)
    chain = begin_chain(next(lines), f"line 1 of {what}")
    number = 1
    for number, line in enumerate(lines, 2):
        chain.add(line, f"line {number} of {what}")
    if not chain.envelopes or chain.sealed != len(chain.entries) or not chain.entries:
        raise VerificationError(
            f"{what} has {len(chain.entries)} entries, of which {chain.sealed} are sealed", hint=_HINT
        )
    for covered, envelope in chain.envelopes:
        require_seal(envelope, chain.header, trust, chain.ended or chain.header.made, f"{what} to {covered}")
    return chain


def require_seal(envelope: Envelope, header: ChainHeader, trust: TrustRoot, at: datetime, what: str) -> None:
    """Check that a seal is its party's.

    Raises:
        UntrustedKeyError: the key is not trusted, or is another's.
        SignatureError: the signature does not fit.
        ExpiredError: the key was not valid at that moment.
        MalformedError: the envelope is of another type.
    """
    if envelope.payload_type != USAGE_CHAIN_MEDIA_TYPE or len(envelope.signatures) != 1:
        raise MalformedError(f"the seal of {what} is no seal of a chain", hint=_HINT)
    signature = envelope.signatures[0]
    trusted = trust.find(signature.key_id)
    if signature.key_id != header.key or trusted is None or trusted.identity != header.party:
        raise UntrustedKeyError(
            f"{what} is sealed by the key {signature.key_id[:16]}…, which the trust root does not know as"
            f" {header.party}'s"
        )
    try:
        trusted.key.verify(envelope.signed_bytes, signature.value)
    except SignatureError as error:
        raise SignatureError(f"the seal of {what} is not {header.party}'s: {error.message}") from error
    if not trusted.is_valid(at):
        raise ExpiredError(f"the key of {header.party} that sealed {what} did not count then")


def _lines(data: bytes, what: str) -> Iterator[bytes]:
    if len(data) > MAX_CHAIN:
        raise MalformedError(f"{what} has {len(data)} bytes; at most {MAX_CHAIN} are read")
    if not data.endswith(b"\n"):
        raise MalformedError(f"{what} ends in the midst of a line", hint=_HINT)
    yield from data[:-1].split(b"\n")


def _record(line: bytes, what: str) -> Record:
    if len(line) > MAX_LINE:
        raise MalformedError(f"{what} has {len(line)} bytes; at most {MAX_LINE} are read")
    value = decode(line, what=what)
    if encode(value) != line:
        raise MalformedError(f"{what} is not in its canonical form", hint=_HINT)
    return Record(value, what)
