from pathlib import Path
from typing import ClassVar

from weightmark_idx import DTYPES, IdxFormat

from weightmark.testing.format import FormatSuite, Sample


class TestIdxFormat(FormatSuite):
    format_type = IdxFormat
    sample: ClassVar[Sample] = {
        "decoder.weight": ("float32", (3, 2), bytes(range(24))),
        "decoder.bias": ("float64", (2,), bytes(range(100, 116))),
        "labels": ("uint8", (5,), b"\0\1\2\3\4"),
        "step": ("int32", (), b"\1\0\0\0"),
        "empty": ("float32", (0, 4), b""),
    }

    def write(self, folder: Path, tensors: Sample) -> None:
        codes = {name: (code, width) for code, (name, width) in DTYPES.items()}
        for name, (dtype, shape, data) in tensors.items():
            code, width = codes[dtype]
            lengths = b"".join(length.to_bytes(4, "big") for length in shape)
            turned = b"".join(data[at : at + width][::-1] for at in range(0, len(data), width))
            (folder / f"{name}.idx").write_bytes(bytes([0, 0, code, len(shape)]) + lengths + turned)
