"""A process that records use until it is killed, and says what was acknowledged.

Called as ``python -m tests.integration.recorder CHAIN SEED START``: the key is made from the seed.
"""

import sys
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.licence_files import Party
from tests.usage_chains import meter


def person(seed: str) -> Party:
    """The reseller, with the same key in every process."""
    raw = sha256(seed.encode()).digest()
    return Party("reseller", Ed25519PrivateKey.from_private_bytes(raw))


if __name__ == "__main__":
    kept = meter(Path(sys.argv[1]), person(sys.argv[2]))
    for number in range(int(sys.argv[3]), 1 << 30):
        sys.stdout.write(f"begin {number}\n")
        sys.stdout.flush()
        kept.record("images", 1, key=f"use {number}")
        sys.stdout.write(f"ack {number}\n")
        sys.stdout.flush()
