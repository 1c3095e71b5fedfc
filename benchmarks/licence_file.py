"""How long a licence file takes to verify, beside the bare libraries; and how large status lists are.

    python benchmarks/licence_file.py [--json] [--rounds 2000]

Times are CPU time of this process, call by call; median and 99th percentile in microseconds. The bare rows
check a signature and nothing more: no trust root, no window, no strict reading. The sizes are of signed
lists for a million grants, in bytes.
"""

import argparse
import importlib.util
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.jwk import OKPKey

from weightmark.claims import PublicKey, Signature, Subject, TrustedKey, TrustRoot
from weightmark.claims.offline.bitstring_status import sign_bitstring
from weightmark.claims.offline.licence_file import LicenceFile, StatusReference, sign_licence, verify_licence
from weightmark.claims.offline.status_list import StatusList
from weightmark.claims.offline.status_token import StatusToken, sign_status, verify_status
from weightmark.encoding import digest_bytes
from weightmark.licensing import Action, Grant, IssuedGrant, Party, Request, Tier, Work, decide

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = PublicKey.from_raw_ed25519(PRIVATE.public_key().public_bytes_raw())
TRUST = TrustRoot(keys=(TrustedKey(identity="lab.example", key=KEY),))
MODEL = Subject(name="lab/churn", bundle=digest_bytes(b"b"), weights=digest_bytes(b"w"))
MILLION = 1_000_000

Case = tuple[str, Callable[[], object]]


def sign(message: bytes) -> Signature:
    return Signature(key_id=KEY.key_id, value=PRIVATE.sign(message))


def licence_file() -> bytes:
    """Make a licence file as most are: one work, one grant, a status list."""
    grant = Grant(
        model=MODEL.bundle,
        licensor="lab.example",
        grantee="acme.example",
        tier=Tier.INFERENCE,
        start=NOW - timedelta(days=1),
        end=NOW + timedelta(days=365),
        grace_days=14,
    )
    work = Work(
        name=MODEL.name,
        subject=MODEL.bundle,
        weights=MODEL.weights,
        owner="lab.example",
        license="cc-by-nc-4.0",
        licensors=frozenset({"lab.example"}),
    )
    licence = LicenceFile(
        id="0f" * 16,
        issuer="lab.example",
        grantee="acme.example",
        issued_at=NOW,
        not_before=grant.start,
        expires_at=grant.window.last,
        grant=IssuedGrant(id=digest_bytes(b"g"), grant=grant),
        model=MODEL,
        works=(work,),
        status=StatusReference(uri="https://lab.example/status/1", index=12),
    )
    return sign_licence(licence, key=KEY, sign=sign)


def status_list(revoked: int) -> StatusToken:
    """Make a list of a million grants, so many of which are revoked, at random places."""
    places = random.Random(revoked).sample(range(MILLION), revoked)
    return StatusToken(
        issuer="lab.example",
        uri="https://lab.example/status/1",
        issued_at=NOW,
        expires_at=NOW + timedelta(days=30),
        ttl=timedelta(days=1),
        statuses=StatusList.pack(dict.fromkeys(places, 1), size=MILLION),
    )


def cases() -> Iterator[Case]:
    """Make the calls that are timed."""
    data = licence_file()
    token = data.strip()
    message = token.rpartition(b".")[0]
    value = PRIVATE.sign(message)
    public = PRIVATE.public_key()
    key = OKPKey.import_key(KEY.pem)
    evidence = verify_licence(data, TRUST, NOW)
    request = Request(action=Action.DEPLOY, party=Party(name="acme.example", commercial=True), at=NOW)
    works, grants = evidence.licence.works, [evidence.licence.grant]
    assert decide(request, works, grants).allowed
    yield f"verify a licence file ({len(data)} bytes)", lambda: verify_licence(data, TRUST, NOW)
    yield (
        "verify it and decide",
        lambda: decide(request, verify_licence(data, TRUST, NOW).licence.works, grants),
    )
    yield "joserfc, signature only", lambda: jws.deserialize_compact(token, key, algorithms=["Ed25519"])
    yield "cryptography, Ed25519 only", lambda: public.verify(value, message)
    if importlib.util.find_spec("jwt") is not None:
        import jwt

        peer = jwt.PyJWS()
        peer.register_algorithm("Ed25519", jwt.get_algorithm_by_name("EdDSA"))
        yield "PyJWT, signature only", lambda: peer.decode(token.decode(), public, algorithms=["Ed25519"])
    listed = sign_status(status_list(MILLION // 100), key=KEY, sign=sign)
    yield (
        f"verify a status list of a million ({len(listed)} bytes)",
        lambda: verify_status(listed, TRUST, NOW),
    )
    held = verify_status(listed, TRUST, NOW)
    yield "look one grant up in it", lambda: held.look_up(123_456)


def measure(case: Case, rounds: int) -> dict[str, object]:
    """Time one case call by call."""
    name, call = case
    for _ in range(rounds // 10):
        call()
    clock = time.process_time_ns
    times: list[float] = []
    for _ in range(rounds):
        start = clock()
        call()
        times.append((clock() - start) / 1000)
    times.sort()
    return {
        "case": name,
        "median_us": round(statistics.median(times), 1),
        "p99_us": round(times[int(rounds * 0.99)], 1),
    }


def sizes() -> Iterator[dict[str, object]]:
    """Give the bytes of lists of a million grants in both forms."""
    for revoked in (0, 100, 1_000, 10_000, 100_000):
        token = status_list(revoked)
        yield {
            "revoked": revoked,
            "status_list": len(sign_status(token, key=KEY, sign=sign)),
            "bitstring": len(sign_bitstring(token, key=KEY, sign=sign)),
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=2000)
    args = parser.parse_args()
    rows = [measure(case, args.rounds) for case in cases()]
    bytes_ = list(sizes())
    if args.json:
        print(json.dumps({"rounds": args.rounds, "rows": rows, "sizes": bytes_}))
        return
    print(f"{args.rounds} calls each; microseconds of CPU time: median, 99th percentile")
    for row in rows:
        print(f"  {row['case']:<52} {row['median_us']:>9} {row['p99_us']:>9}")
    print("bytes of a signed list for 1,000,000 grants of 2 bits: IETF, W3C")
    for row in bytes_:
        print(f"  {row['revoked']:>7} revoked {row['status_list']:>9} {row['bitstring']:>9}")


if __name__ == "__main__":
    main()
