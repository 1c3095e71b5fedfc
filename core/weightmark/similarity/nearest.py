"""The models whose codes are nearest to one, among millions.

Codes are nearly random, so a graph or a hash table misses neighbours that an exhaustive scan finds; counting
the differing bits of a million codes takes milliseconds.

Not promised: that a near code means a relation. See ``weightmark.similarity.sketch``.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from weightmark.encoding import Digest
from weightmark.errors import MissingExtraError
from weightmark.similarity.sketch import BITS

if TYPE_CHECKING:
    import faiss


class Nearest:
    """Codes that can be searched.

    Args:
        bundles: whose codes they are.
        codes: 32 bytes for each of them, one after another.

    Raises:
        MissingExtraError: faiss is not installed.
        ValueError: there are more or fewer codes than bundles.
    """

    def __init__(self, bundles: Sequence[Digest], codes: bytes) -> None:
        if len(codes) != len(bundles) * BITS // 8:
            raise ValueError(f"{len(bundles)} bundles cannot have {len(codes)} bytes of codes")
        self._bundles = bundles
        self._index = _index(codes)

    def search(self, code: bytes, count: int) -> list[tuple[Digest, float]]:
        """Find the nearest.

        Args:
            code: 32 bytes.
            count: how many at most.

        Returns:
            Bundles, each with the part of equal bits, 0 to 1; the nearest first.

        Raises:
            Nothing.
        """
        import numpy as np

        wanted = min(count, len(self._bundles))
        if not wanted:
            return []
        with _one_thread():
            distances, places = self._index.search(np.frombuffer(code, np.uint8)[None, :], wanted)
        return [
            (self._bundles[int(place)], 1 - int(distance) / BITS)
            for distance, place in zip(distances[0], places[0], strict=True)
        ]


@contextmanager
def _one_thread() -> Generator[None]:
    """Search in this thread: waking others costs more than they save, much more on a busy machine."""
    import faiss

    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


def _index(codes: bytes) -> "faiss.IndexBinaryFlat":
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError("compare") from error
    import numpy as np

    index = faiss.IndexBinaryFlat(BITS)
    index.add(np.frombuffer(codes, np.uint8).reshape(-1, BITS // 8))
    return index
