import pytest

from weightmark.errors import MalformedError, PlatformError
from weightmark_adapters.file import FileRegistry


def test_a_plain_path_becomes_a_uri(tmp_path, monkeypatch):
    (tmp_path / "my model").mkdir()
    monkeypatch.chdir(tmp_path)
    resolved = FileRegistry().resolve("my model")
    assert resolved.path == tmp_path / "my model"
    assert resolved.uri == (tmp_path / "my model").as_uri()
    assert FileRegistry().resolve(resolved.uri) == resolved


def test_a_single_file_is_a_model(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"x")
    assert FileRegistry().resolve(str(path)).path == path


def test_another_machine_is_refused():
    with pytest.raises(MalformedError, match="elsewhere"):
        FileRegistry().resolve("file://elsewhere/model")


def test_nothing_there(tmp_path):
    with pytest.raises(PlatformError, match="nothing at"):
        FileRegistry().resolve(str(tmp_path / "none"))


def test_tags_leave_the_folder_alone(tmp_path):
    FileRegistry().annotate(tmp_path.as_uri(), {"weightmark.owner": "acme"})
    assert list(tmp_path.iterdir()) == []
