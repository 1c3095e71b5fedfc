from pathlib import Path

from weightmark_npy import DTYPES, MAGIC, NpyFormat

from weightmark.testing.format import FormatSuite, Sample


class TestNpyFormat(FormatSuite):
    format_type = NpyFormat

    def write(self, folder: Path, tensors: Sample) -> None:
        codes = {name: code for code, (name, _) in DTYPES.items()}
        for name, (dtype, shape, data) in tensors.items():
            fields = {"descr": codes[dtype].decode(), "fortran_order": False, "shape": shape}
            header = repr(fields).encode() + b"\n"
            (folder / f"{name}.npy").write_bytes(MAGIC + len(header).to_bytes(2, "little") + header + data)
