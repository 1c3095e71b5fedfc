"""The safe walk of a folder, and reading without being fooled."""

import errno
import os
import socket
import unicodedata
from pathlib import Path

import pytest

from weightmark.errors import MalformedError
from weightmark.model import artifact as module
from weightmark.model.artifact import Artifact


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "model"
    (root / "sub").mkdir(parents=True)
    (root / "b.bin").write_bytes(b"0123456789")
    (root / "a.txt").write_bytes(b"")
    (root / "sub/c.bin").write_bytes(b"c")
    return root


def paths(artifact: Artifact) -> list[str]:
    return [file.path for file in artifact.files]


def refuse(path: Path | str, *words: str) -> MalformedError:
    with pytest.raises(MalformedError) as caught:
        Artifact.open(path)
    for word in words:
        assert word in caught.value.message
    assert caught.value.hint
    return caught.value


def test_a_folder_is_listed_in_order(folder: Path) -> None:
    artifact = Artifact.open(folder)
    assert paths(artifact) == ["a.txt", "b.bin", "sub/c.bin"]
    assert [file.size for file in artifact.files] == [0, 10, 1]
    assert artifact.size == 11
    assert not artifact.single
    assert artifact.root == folder


def test_order_is_that_of_utf8_bytes(tmp_path: Path) -> None:
    for name in ("Z", "a", "é", "\uffee", "\U00010000"):
        (tmp_path / name).write_bytes(b"x")
    found = paths(Artifact.open(tmp_path))
    assert found == sorted(found, key=str.encode)


def test_a_single_file(folder: Path) -> None:
    artifact = Artifact.open(folder / "b.bin")
    assert paths(artifact) == ["b.bin"]
    assert artifact.single
    assert artifact.read("b.bin", 2, 3) == b"234"
    artifact.check_unchanged()
    (folder / "b.bin").write_bytes(b"another")
    with pytest.raises(MalformedError, match=r"b\.bin changed"):
        artifact.check_unchanged()


def test_the_given_path_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "to-folder").symlink_to(folder)
    (tmp_path / "to-file.bin").symlink_to(folder / "b.bin")
    assert Artifact.open(tmp_path / "to-folder").root == folder
    artifact = Artifact.open(tmp_path / "to-file.bin")
    assert paths(artifact) == ["to-file.bin"]
    assert artifact.read("to-file.bin", 0, 10) == b"0123456789"
    artifact.check_unchanged()


def test_git_and_ignored_names_are_left_out_at_the_top_only(folder: Path) -> None:
    for place in (".git", "sub/.git", "skip", "sub/skip"):
        (folder / place).mkdir()
        (folder / place / "x").write_bytes(b"x")
    artifact = Artifact.open(folder, ignore=frozenset({"skip", "a.txt"}))
    assert paths(artifact) == ["b.bin", "sub/.git/x", "sub/c.bin", "sub/skip/x"]
    (folder / "skip/y").write_bytes(b"y")
    artifact.check_unchanged()


def test_a_link_inside_the_folder_is_read_as_its_target(folder: Path) -> None:
    (folder / "sub/link.bin").symlink_to("../b.bin")
    artifact = Artifact.open(folder)
    assert artifact.read("sub/link.bin", 0, 10) == b"0123456789"
    artifact.check_unchanged()


def test_links_out_of_the_folder_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(b"x")
    (folder / "link.bin").symlink_to("../blob")
    assert "cp -rL" in refuse(folder, "link.bin", "out of the model's folder").hint


def test_a_sibling_with_the_same_beginning_is_outside(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model-other").mkdir()
    (tmp_path / "model-other/blob").write_bytes(b"x")
    (folder / "link.bin").symlink_to(tmp_path / "model-other/blob")
    refuse(folder, "out of the model's folder")


def test_links_to_folders_and_to_nothing_are_refused(folder: Path) -> None:
    link = folder / "link"
    link.symlink_to("sub")
    refuse(folder, "link to a folder")
    link.unlink()
    link.symlink_to("gone")
    refuse(folder, "leads nowhere")
    link.unlink()
    link.symlink_to("link")
    refuse(folder, "link")


def test_pipes_sockets_and_devices_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(folder / "pipe")
    refuse(folder, "pipe", "not a regular file")
    refuse(folder / "pipe", "not a regular file")
    (folder / "pipe").unlink()
    (folder / "link").symlink_to("pipe")
    os.mkfifo(folder / "pipe")
    refuse(folder, "not a regular file")
    (folder / "link").unlink()
    (folder / "pipe").unlink()
    monkeypatch.chdir(folder)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        refuse(folder, "not a regular file")
    refuse("/dev/null", "not a regular file")


@pytest.mark.parametrize("name", ["a\nb", "a\x7fb", "a\x85b", "a\\b"])
def test_names_with_control_characters_and_backslashes_are_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"x")
    refuse(folder, repr(name))


def test_names_that_are_not_utf8_are_refused(folder: Path) -> None:
    (Path(os.fsdecode(os.fsencode(folder) + b"/\xff"))).write_bytes(b"x")
    refuse(folder, "not UTF-8")


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Model.bin", "model.BIN"),
        ("é.bin", unicodedata.normalize("NFD", "é.bin")),
        ("STRASSE", "straße"),
        ("A/x", "a/x"),
    ],
)
def test_paths_that_some_file_systems_take_for_one_are_refused(folder: Path, one: str, two: str) -> None:
    for name in (one, two):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    refuse(folder, repr(one), repr(two))


def test_nothing_is_refused(tmp_path: Path) -> None:
    refuse(tmp_path, "no files")
    (tmp_path / "empty").mkdir()
    refuse(tmp_path, "no files")
    refuse(tmp_path / "missing", "does not exist")
    refuse("a\0b", "cannot be read")


def test_too_many_files_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 2)
    refuse(folder, "more than 2 files")


def test_a_folder_that_cannot_be_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def scandir(path: str) -> object:
        if path.endswith("sub/"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    refuse(folder, "sub/", "Permission denied")


def test_a_file_that_cannot_be_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = Artifact.open(folder)
    real = os.open

    def open_file(path: str, flags: int) -> int:
        if path.endswith("b.bin"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return real(path, flags)

    monkeypatch.setattr(os, "open", open_file)
    with pytest.raises(MalformedError, match=r"b\.bin cannot be read: Permission denied"):
        artifact.read("b.bin", 0, 1)
    assert artifact.read("sub/c.bin", 0, 1) == b"c"


def test_reads_are_bounded(folder: Path) -> None:
    artifact = Artifact.open(folder)
    assert artifact.read("b.bin", 0, 10) == b"0123456789"
    assert artifact.read("b.bin", 10, 0) == b""
    assert artifact.read("a.txt", 0, 0) == b""
    for start, size in ((0, 11), (-1, 2), (5, -1), (11, 0)):
        with pytest.raises(ValueError, match="not inside"):
            artifact.read("b.bin", start, size)
    with pytest.raises(ValueError, match="no file"):
        artifact.read("b", 0, 0)
    assert artifact.find("nothing") is None


def test_a_read_of_another_file_than_was_listed_is_refused(folder: Path) -> None:
    artifact = Artifact.open(folder)
    (folder / "new").write_bytes(b"0123456789")
    (folder / "new").replace(folder / "b.bin")
    with pytest.raises(MalformedError, match=r"b\.bin changed while it was read"):
        artifact.read("b.bin", 0, 1)
    (folder / "b.bin").unlink()
    with pytest.raises(MalformedError, match=r"b\.bin changed while it was read: it was removed"):
        artifact.read("b.bin", 0, 1)
    (folder / "b.bin").symlink_to("a.txt")
    with pytest.raises(MalformedError, match=r"b\.bin cannot be read"):
        artifact.read("b.bin", 0, 1)


def test_a_short_read_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = Artifact.open(folder)
    monkeypatch.setattr(os, "preadv", lambda *_: 0)
    with pytest.raises(MalformedError, match="ends at byte 0"):
        artifact.read("b.bin", 0, 1)


def test_a_read_in_parts_is_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, size, offset: real(fd, min(size, 3), offset))
    assert Artifact.open(folder).read("b.bin", 1, 8) == b"12345678"


def test_what_changed_is_named(folder: Path) -> None:
    artifact = Artifact.open(folder)
    artifact.check_unchanged()
    (folder / "sub/new").write_bytes(b"x")
    with pytest.raises(MalformedError, match="sub/new changed while it was read: it was added"):
        artifact.check_unchanged()
    (folder / "sub/new").unlink()
    artifact.check_unchanged()
    os.utime(folder / "b.bin", ns=(1, 1))
    with pytest.raises(MalformedError, match=r"b\.bin changed"):
        artifact.check_unchanged()
    (folder / "b.bin").unlink()
    with pytest.raises(MalformedError, match=r"b\.bin changed while it was read: it was removed"):
        artifact.check_unchanged()
    (folder / "b.bin").symlink_to("gone")
    with pytest.raises(MalformedError, match=r"the model changed while it was read: b\.bin"):
        artifact.check_unchanged()
