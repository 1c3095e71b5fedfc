"""skops' files under the suite that every format must pass."""

from pathlib import Path

from tests.format_files import skops

from weightmark.testing.format import FormatSuite, Sample
from weightmark_plugins.formats.skops import SkopsFormat


class TestSkops(FormatSuite):
    format_type = SkopsFormat

    def write(self, folder: Path, tensors: Sample) -> None:
        (folder / "model.skops").write_bytes(skops(tensors))
