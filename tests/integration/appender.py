"""A process that appends to a ledger, for tests that kill it or run several of it.

``appender.py URI count FIRST COUNT`` appends COUNT envelopes one by one and ends.
``appender.py URI serve`` reads lines ``FIRST SEED`` and for each forks a child that appends until killed;
it writes ``pid N`` before and ``ended STATUS`` after. A child writes ``ack INDEX LEAF`` for each receipt, and
brings the index in the same file up to the ledger every now and then.
"""

import os
import random
import sys

from tests.integration.statements import TRUST, envelope_of

from weightmark.index import Index
from weightmark.log.merkle import hash_leaf
from weightmark.ports.ledger import Ledger
from weightmark.testing.ledger import ORIGIN, FixedSigner
from weightmark_plugins.ledgers.sqlite import SqliteLedger


def opened(uri: str) -> Ledger:
    return SqliteLedger.open(uri, signer=FixedSigner(), origin=ORIGIN)


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def append(ledger: Ledger, numbers: list[int]) -> None:
    envelopes = [envelope_of(number) for number in numbers]
    receipts = ledger.append_all(envelopes)
    for envelope, receipt in zip(envelopes, receipts, strict=True):
        say(f"ack {receipt.index} {hash_leaf(envelope.encode()).hex()}")


def append_for_ever(uri: str, first: int, seed: int) -> None:
    """Append singles and batches, some of them a second time, and project them."""
    choose = random.Random(seed)
    ledger, index = opened(uri), Index(uri)
    say("open")
    number = first
    while True:
        count = choose.choice((1, 1, 1, 2, 7, 20, 50))
        numbers = list(range(number, number + count))
        number += count
        if choose.random() < 0.2:
            numbers.append(choose.randrange(max(1, number)))
        append(ledger, numbers)
        if choose.random() < 0.5:
            index.catch_up(ledger, TRUST)


def serve(uri: str) -> None:
    for line in sys.stdin:
        first, seed = (int(word) for word in line.split())
        child = os.fork()
        if child == 0:
            try:
                append_for_ever(uri, first, seed)
            except BaseException as error:
                say(f"failed {error!r}")
            finally:
                os._exit(1)
        say(f"pid {child}")
        _, status = os.waitpid(child, 0)
        say(f"ended {os.waitstatus_to_exitcode(status)}")


def main(uri: str, mode: str, *rest: str) -> None:
    if mode == "serve":
        serve(uri)
        return
    first, count = (int(word) for word in rest)
    with opened(uri) as ledger:
        for number in range(first, first + count):
            append(ledger, [number])


if __name__ == "__main__":
    main(*sys.argv[1:])
