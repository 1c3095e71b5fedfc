"""Flax's files under the suite that every format must pass."""

from pathlib import Path

from tests.format_files import flax, flax_array, msgpack

from weightmark.testing.format import FormatSuite, Sample
from weightmark_plugins.formats.flax import FlaxFormat


class TestFlax(FormatSuite):
    format_type = FlaxFormat

    def write(self, folder: Path, tensors: Sample) -> None:
        (folder / "flax_model.msgpack").write_bytes(flax(tensors))


class TestFlaxInChunks(FormatSuite):
    format_type = FlaxFormat

    def write(self, folder: Path, tensors: Sample) -> None:
        tree: dict[str, object] = {}
        for name, (dtype, shape, data) in tensors.items():
            chunks = [data[start : start + 8] for start in range(0, len(data), 8)]
            size = {"float32": 4, "int64": 8}[dtype]
            tree[name] = flax_array(dtype, shape, data)
            if chunks:
                tree[name] = {
                    "__msgpack_chunked_array__": True,
                    "shape": {str(place): length for place, length in enumerate(shape)},
                    "chunks": {
                        str(place): flax_array(dtype, [len(chunk) // size], chunk)
                        for place, chunk in enumerate(chunks)
                    },
                }
        (folder / "flax_model.msgpack").write_bytes(msgpack(tree))
