"""A folder that came from the Hub with Weightmark's own files is read without them."""

from pathlib import Path

import pytest
from tests.workshop import write_model

from weightmark.attribution import BESIDE
from weightmark.errors import MalformedError
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
    notes = folder / ".cache" / "huggingface" / "download"
    notes.mkdir(parents=True)
    (notes / "config.json.metadata").write_text(f'{"ab" * 20}\n"{"cd" * 20}"\n1732290000.5\n')
    (notes / "config.json.lock").touch()
    (notes.parent / ".gitignore").write_text("*")
    assert names(folder) == [
        ".cache/huggingface/.gitignore",
        ".cache/huggingface/download/config.json.lock",
        ".cache/huggingface/download/config.json.metadata",
        ".gitattributes",
        *MODEL,
    ]
    (folder / name).write_text("{}")
    assert names(folder) == MODEL


def test_only_the_top_of_the_folder_counts(tmp_path):
    folder = write_model(tmp_path / "churn")
    (folder / "part").mkdir()
    (folder / "part" / "weightmark.json").write_text("{}")
    assert names(folder) == [*MODEL, "part/weightmark.json"]


PICKLE = b"cos\nsystem\n(S'true'\ntR."


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (".cache/model.safetensors", b"x"),
        (".cache/huggingface/model.bin", b"x"),
        (".cache/huggingface/download/a.metadata", PICKLE),
        (".cache/huggingface/download/a.lock", b"x"),
        (".cache/huggingface/trees/a.json", PICKLE),
        (".gitattributes", PICKLE),
        (".gitattributes", b"\x80\x04."),
        (".gitattributes/run.py", b"x"),
        ("weightmark.bundle.json/run.py", b"x"),
    ],
)
def test_nothing_hides_behind_a_name_that_is_left_out(tmp_path, path, content):
    folder = write_model(tmp_path / "churn")
    (folder / "weightmark.json").write_text("{}")
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(content)
    assert path in names(folder)


def test_a_link_to_a_folder_of_notes_is_not_followed(tmp_path):
    folder = write_model(tmp_path / "churn")
    (folder / "weightmark.json").write_text("{}")
    (tmp_path / "elsewhere").mkdir()
    (folder / ".cache").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MalformedError):
        names(folder)


@pytest.mark.parametrize(
    "text",
    ["", "# a remark\n", '"a b" text\n\n*.bin filter=lfs diff=lfs -text', "saved_model/**/* !eol\r\n"],
)
def test_what_git_reads_is_left_out(tmp_path, text):
    folder = write_model(tmp_path / "churn")
    (folder / "weightmark.json").write_text("{}")
    (folder / ".gitattributes").write_bytes(text.encode())
    assert names(folder) == MODEL
