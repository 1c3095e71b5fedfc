"""PyTorch's files under the suite that every format must pass."""

import json
import zipfile
from pathlib import Path

from tests.format_files import SIZES, state_dict, torch_legacy, torch_zip

from weightmark.testing.format import FormatSuite, Sample
from weightmark_plugins.formats.pytorch import PyTorchFormat


class TestArchive(FormatSuite):
    format_type = PyTorchFormat

    def write(self, folder: Path, tensors: Sample) -> None:
        (folder / "pytorch_model.bin").write_bytes(torch_zip(*state_dict(tensors)))


class TestCompressedArchive(FormatSuite):
    format_type = PyTorchFormat

    def write(self, folder: Path, tensors: Sample) -> None:
        packed = torch_zip(*state_dict(tensors), compression=zipfile.ZIP_DEFLATED)
        (folder / "model.pt").write_bytes(packed)


class TestOldFile(FormatSuite):
    format_type = PyTorchFormat

    def write(self, folder: Path, tensors: Sample) -> None:
        sizes = {str(place): SIZES[dtype] for place, (dtype, _, _) in enumerate(tensors.values())}
        (folder / "model.pth").write_bytes(torch_legacy(*state_dict(tensors), sizes))


class TestShards(FormatSuite):
    format_type = PyTorchFormat

    def write(self, folder: Path, tensors: Sample) -> None:
        weight_map = {}
        for number, name in enumerate(tensors):
            shard = f"pytorch_model-{number}.bin"
            (folder / shard).write_bytes(torch_zip(*state_dict({name: tensors[name]})))
            weight_map[name] = shard
        (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": weight_map}))
