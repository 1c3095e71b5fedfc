"""A model of any size takes the same memory; nothing of one lands on the disk."""

import tracemalloc
from collections.abc import Iterator

import pytest
from tests.integration.remote.files_server import Files, serving
from tests.integration.remote.world import fingerprint

from weightmark_adapters.remote import RemoteRegistry
from weightmark_adapters.remote.reader import WINDOW

pytestmark = pytest.mark.integration

SIZE = 100 << 20
THREADS = 3
OWN = 16 << 20
"""What else is allocated meanwhile: buffers of the engine, chunks on their way, the server's own."""

PATTERN = bytes(range(256)) * 4096


@pytest.fixture
def files() -> Iterator[Files]:
    with serving() as served:
        served.contents["/model.dat"] = part
        served.sizes["/model.dat"] = SIZE
        yield served


def part(start: int, stop: int) -> bytes:
    shift = start % 256
    return (PATTERN * ((stop - start) // len(PATTERN) + 2))[shift : shift + stop - start]


def test_a_hundred_megabytes_pass_through_a_few_windows(files: Files):
    with RemoteRegistry().checkout(f"{files.url}/model.dat") as resolved:
        tracemalloc.start()
        try:
            found = fingerprint(resolved, threads=THREADS)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert list(resolved.path.iterdir()) == []
    assert found.manifest.files[0].size == SIZE
    assert SIZE <= files.sent <= SIZE + 2
    assert peak < THREADS * 2 * WINDOW + OWN
