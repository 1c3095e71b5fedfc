"""The formats of this house under the suite that a stranger's format must pass."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from weightmark.model import Artifact, TensorSpan
from weightmark.testing.format import SAMPLE, FormatSuite, Sample
from weightmark_plugins.formats.opaque import OpaqueFormat
from weightmark_plugins.formats.safetensors import DTYPES, SafetensorsFormat

CODES = {dtype: code for code, (dtype, _) in DTYPES.items()}


def write_safetensors(path: Path, tensors: Sample) -> None:
    header: dict[str, object] = {}
    data = b""
    for name, (dtype, shape, content) in tensors.items():
        offsets = [len(data), len(data) + len(content)]
        header[name] = {"dtype": CODES[dtype], "shape": list(shape), "data_offsets": offsets}
        data += content
    raw = json.dumps(header).encode()
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + data)


class Careless(SafetensorsFormat):
    """Does one thing wrong, for the suite to notice."""

    wrong = ""

    def tensors(self, artifact: Artifact, paths: Sequence[str]) -> Sequence[TensorSpan]:
        spans = list(super().tensors(artifact, paths))
        if self.wrong == "executes":
            exec("1 + 1")
        if self.wrong == "outside":
            spans[0] = replace(spans[0], stop=10**6)
        if self.wrong == "overlap":
            spans = [replace(span, start=span.stop - 1) if span.start < span.stop else span for span in spans]
            spans[-1] = replace(spans[-1], start=spans[1].start)
        if self.wrong == "same name":
            spans = [replace(span, name="one") for span in spans]
        return spans


@pytest.mark.parametrize(
    ("wrong", "test"),
    [
        ("executes", FormatSuite.test_it_executes_nothing),
        ("outside", FormatSuite.test_spans_lie_inside_files_and_apart),
        ("overlap", FormatSuite.test_spans_lie_inside_files_and_apart),
        ("same name", FormatSuite.test_names_are_unique),
    ],
)
def test_the_suite_notices(wrong: str, test: Callable[[FormatSuite, Path], None], tmp_path: Path) -> None:
    class Suite(FormatSuite):
        format_type = type("Wrong", (Careless,), {"wrong": wrong})

        def write(self, folder: Path, tensors: Sample) -> None:
            write_safetensors(folder / "model.safetensors", tensors)

    suite = Suite()
    suite.write(tmp_path, SAMPLE)
    with pytest.raises(AssertionError):
        test(suite, tmp_path)


class TestSafetensors(FormatSuite):
    format_type = SafetensorsFormat

    def write(self, folder: Path, tensors: Sample) -> None:
        write_safetensors(folder / "model.safetensors", tensors)


class TestShardedSafetensors(FormatSuite):
    format_type = SafetensorsFormat

    def write(self, folder: Path, tensors: Sample) -> None:
        weight_map = {}
        for number, name in enumerate(tensors):
            shard = f"model-{number}.safetensors"
            write_safetensors(folder / shard, {name: tensors[name]})
            weight_map[name] = shard
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


class TestOpaque(FormatSuite):
    format_type = OpaqueFormat
    has_tensors = False

    def write(self, folder: Path, tensors: Sample) -> None:
        for name, (_, _, content) in tensors.items():
            (folder / name).write_bytes(content)
