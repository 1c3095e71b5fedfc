import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.claim_examples import bundle, log_key, public, signed

from weightmark.claims.bundle import MAX_SIZE, Bundle
from weightmark.errors import MalformedError

Change = Callable[[dict[str, Any]], object]


def fields(one: Bundle | None = None) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((one or bundle()).encode())
    return value


def entry(value: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = value["verificationMaterial"]["tlogEntries"][0]
    return found


def test_round_trip() -> None:
    for one in (bundle(), bundle("alice", "bob"), Bundle(envelope=signed())):
        assert Bundle.decode(one.encode()) == one
        assert Bundle.decode(one.encode()).encode() == one.encode()


def test_bundle_is_a_sigstore_bundle() -> None:
    value = fields(bundle("alice", "bob"))
    assert value["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert value["verificationMaterial"]["publicKey"]["hint"] == min(
        public(n).key_id for n in ("alice", "bob")
    )
    logged = entry(value)
    assert logged["logIndex"] == logged["inclusionProof"]["logIndex"] == "2"
    assert logged["inclusionProof"]["treeSize"] == "5"
    assert logged["integratedTime"] == "0"
    assert logged["kindVersion"] == {"kind": "weightmark", "version": "1"}
    assert base64.b64decode(logged["logId"]["keyId"]) == log_key().key_hash
    assert all(len(base64.b64decode(each)) == 32 for each in logged["inclusionProof"]["hashes"])
    assert logged["inclusionProof"]["checkpoint"]["envelope"].startswith("example.com/log\n5\n")


def test_sigstores_own_reader_takes_it() -> None:
    from sigstore_models.bundle import v1 as models

    assert models.Bundle.from_json(bundle().encode()).dsse_envelope is not None


CHANGES: list[tuple[Change, str]] = [
    (lambda v: v.update(mediaType="application/json"), "'mediaType'"),
    (lambda v: v.update(extra=1), "unknown fields: extra"),
    (lambda v: v.pop("dsseEnvelope"), "must be an object|no 'dsseEnvelope'"),
    (lambda v: v.pop("verificationMaterial"), "no 'verificationMaterial'"),
    (lambda v: v["verificationMaterial"].pop("publicKey"), "no 'publicKey'"),
    (lambda v: v["verificationMaterial"].update(certificate={}), "unknown fields: certificate"),
    (lambda v: v["verificationMaterial"]["publicKey"].update(hint="0" * 64), "'hint'"),
    (lambda v: v["verificationMaterial"]["tlogEntries"].append(entry(v)), "2 log entries"),
    (lambda v: entry(v).update(logIndex="1"), "is for entry 1"),
    (lambda v: entry(v).update(logIndex=2), "must be a string"),
    (lambda v: entry(v).update(logIndex="02"), "not a number"),
    (lambda v: entry(v).update(logIndex=str(1 << 63)), "not a number"),
    (lambda v: entry(v).update(integratedTime="1"), "'integratedTime'"),
    (lambda v: entry(v).update(canonicalizedBody="eA=="), "'canonicalizedBody'"),
    (lambda v: entry(v).update(inclusionPromise={}), "unknown fields: inclusionPromise"),
    (lambda v: entry(v)["logId"].update(keyId="AAAAAA=="), "'keyId'"),
    (lambda v: entry(v)["kindVersion"].update(kind="dsse"), "'kind'"),
    (lambda v: entry(v)["kindVersion"].update(version="2"), "'version'"),
    (lambda v: entry(v)["inclusionProof"].update(treeSize="6"), "its checkpoint of 5"),
    (lambda v: entry(v)["inclusionProof"].update(logIndex="3"), "its proof for entry 3"),
    (lambda v: entry(v)["inclusionProof"].update(rootHash="AAAA"), "'rootHash'"),
    (lambda v: entry(v)["inclusionProof"].update(hashes=["AA=="] * 65), "65 hashes"),
    (lambda v: entry(v)["inclusionProof"].update(hashes=["A"]), "not base64"),
    (lambda v: entry(v)["inclusionProof"].update(checkpoint={"envelope": "hello"}), "signature lines"),
    (lambda v: entry(v)["inclusionProof"]["checkpoint"].update(x=1), "unknown fields: x"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_what_is_no_bundle_or_does_not_agree_is_refused(change: Change, message: str) -> None:
    value = fields()
    change(value)
    with pytest.raises(MalformedError, match=message) as caught:
        Bundle.decode(json.dumps(value).encode(), what="the bundle x.json")
    assert caught.value.hint


def test_long_bundle_is_not_read() -> None:
    with pytest.raises(MalformedError, match="at most"):
        Bundle.decode(bundle().encode() + b" " * MAX_SIZE)
