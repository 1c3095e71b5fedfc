"""NumPy's files under the suite that every format must pass."""

import zipfile
from pathlib import Path

import numpy as np
from tests.format_files import npy, pack

from weightmark.testing.format import FormatSuite, Sample
from weightmark_plugins.formats.numpy_file import NumpyFormat


class TestArray(FormatSuite):
    format_type = NumpyFormat

    def write(self, folder: Path, tensors: Sample) -> None:
        for name, (dtype, shape, data) in tensors.items():
            (folder / f"{name}.npy").write_bytes(npy(dtype, shape, data))


class TestArchive(FormatSuite):
    format_type = NumpyFormat

    def write(self, folder: Path, tensors: Sample) -> None:
        members = {f"{name}.npy": npy(*array) for name, array in tensors.items()}
        (folder / "model.npz").write_bytes(pack(members))


class TestCompressedArchive(FormatSuite):
    format_type = NumpyFormat

    def write(self, folder: Path, tensors: Sample) -> None:
        members = {f"{name}.npy": npy(*array) for name, array in tensors.items()}
        (folder / "model.npz").write_bytes(pack(members, zipfile.ZIP_DEFLATED))


class TestColumnsFirst(FormatSuite):
    format_type = NumpyFormat

    def write(self, folder: Path, tensors: Sample) -> None:
        arrays = {
            name: np.frombuffer(data, dtype).reshape(shape).copy(order="F")
            for name, (dtype, shape, data) in tensors.items()
        }
        np.savez(folder / "model.npz", **arrays)


class TestBigEndian(FormatSuite):
    format_type = NumpyFormat

    def write(self, folder: Path, tensors: Sample) -> None:
        for name, (dtype, shape, data) in tensors.items():
            array = np.frombuffer(data, dtype).reshape(shape)
            np.save(folder / f"{name}.npy", array.astype(np.dtype(dtype).newbyteorder(">")))
