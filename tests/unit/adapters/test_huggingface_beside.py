"""A folder that came from the Hub with Weightmark's own files is read without them."""

from pathlib import Path

import pytest
from tests.workshop import write_model

from weightmark.attribution import BESIDE
from weightmark.model import Artifact
from weightmark_adapters.file import FileRegistry

MODEL = ["config.json", "model.safetensors"]


def names(folder: Path) -> list[str]:
    resolved = FileRegistry().resolve(str(folder))
    return [file.path for file in Artifact.open(resolved.path, ignore=resolved.ignore).files]


@pytest.mark.parametrize("name", sorted(BESIDE))
def test_what_lies_beside_the_model_is_no_part_of_it(tmp_path, name):
    folder = write_model(tmp_path / "churn")
    (folder / ".gitattributes").write_text("*.safetensors filter=lfs\n")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "notes").write_text("x")
    assert names(folder) == [".cache/notes", ".gitattributes", *MODEL]
    (folder / name).write_text("{}")
    assert names(folder) == MODEL


def test_only_the_top_of_the_folder_counts(tmp_path):
    folder = write_model(tmp_path / "churn")
    (folder / "part").mkdir()
    (folder / "part" / "weightmark.json").write_text("{}")
    assert names(folder) == [*MODEL, "part/weightmark.json"]
