"""Looking for like models among a million: one query after another; how often the right one comes first."""

import time

import numpy as np

from weightmark.encoding import Digest
from weightmark.similarity.nearest import Nearest
from weightmark.similarity.sketch import BITS

MODELS = 1_000_000
QUERIES = 200
FLIPS = (0.05, 0.15, 0.25, 0.30, 0.35)


def main() -> None:
    source = np.random.default_rng(1)
    codes = source.integers(0, 256, (MODELS, BITS // 8), np.uint8)
    bundles = [Digest(f"sha256:{number:064x}") for number in range(MODELS)]
    started = time.perf_counter()
    nearest = Nearest(bundles, codes.tobytes())
    print(f"{MODELS:,} models brought in: {time.perf_counter() - started:.2f} s")
    for flips in FLIPS:
        noise = np.packbits(source.random((QUERIES, BITS)) < flips, axis=1)
        times, right = [], 0
        for number in range(QUERIES):
            code = (codes[number] ^ noise[number]).tobytes()
            started = time.perf_counter()
            found = nearest.search(code, 10)
            times.append(time.perf_counter() - started)
            right += found[0][0] == bundles[number]
        times.sort()
        print(
            f"{flips:.0%} of the bits flipped: the right one first in {right / QUERIES:.1%}, "
            f"median {times[QUERIES // 2] * 1e3:.2f} ms, "
            f"99th percentile {times[QUERIES * 99 // 100] * 1e3:.2f} ms"
        )


if __name__ == "__main__":
    main()
