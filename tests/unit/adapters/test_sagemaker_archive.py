"""A model.tar.gz from a stranger: nothing leaves the folder, nothing fills the memory or the disk."""

import gzip
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import MalformedError, PlatformError
from weightmark_adapters.sagemaker import archive
from weightmark_adapters.sagemaker.archive import Room, place_for, unpack


def member(name, data=b"x", **more):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in more.items():
        setattr(info, key, value)
    return info, data


def packed(*members, form=tarfile.GNU_FORMAT):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz", format=form) as made:
        for info, data in members:
            made.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return raw.getvalue()


def brought(data, folder):
    folder.mkdir(exist_ok=True)
    unpack(io.BytesIO(data), folder, Room(folder), "s3://b/k")
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_files_and_folders_come_out(tmp_path):
    data = packed(
        member(".", b"", type=tarfile.DIRTYPE),
        member("./code", b"", type=tarfile.DIRTYPE),
        member("./code/inference.py", b"print()"),
        member("model.bin", b"\0" * 3_000_000),
    )
    assert brought(data, tmp_path / "m") == {"code/inference.py": b"print()", "model.bin": b"\0" * 3_000_000}


def test_nothing_that_comes_out_can_be_run(tmp_path):
    brought(packed(member("run.sh", b"x", mode=0o4777)), tmp_path / "m")
    assert (tmp_path / "m" / "run.sh").stat().st_mode & 0o6111 == 0


def test_several_gzip_members_are_one_archive(tmp_path):
    data = gzip.decompress(packed(member("a", b"a" * 5000)))
    assert brought(gzip.compress(data[:700]) + gzip.compress(data[700:]), tmp_path / "m") == {
        "a": b"a" * 5000
    }


@pytest.mark.parametrize(
    "info",
    [
        member("../outside"),
        member("/absolute"),
        member("a/../../outside"),
        member("back\\slash"),
        member("n" * 1025),
        member("link", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("hard", b"", type=tarfile.LNKTYPE, linkname="a"),
        member("device", b"", type=tarfile.CHRTYPE),
        member("pipe", b"", type=tarfile.FIFOTYPE),
        member("odd", b"", type=b"Z"),
    ],
    ids=lambda one: one[0].name[:12],
)
def test_what_is_not_a_models_is_refused(tmp_path, info):
    with pytest.raises(MalformedError):
        brought(packed(member("a"), info), tmp_path / "m")
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("second", ["a", "a/b", "./a"])
def test_a_name_is_used_once(tmp_path, second):
    with pytest.raises(MalformedError):
        brought(packed(member("a"), member(second)), tmp_path / "m")


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_header_cannot_fill_the_memory(tmp_path, form):
    with pytest.raises(MalformedError, match="headers"):
        brought(packed(member("n" * 9_000_000), form=form), tmp_path / "m")


@pytest.mark.parametrize("data", [packed(), gzip.compress(b""), gzip.compress(b"\0" * 1024)])
def test_an_empty_archive_is_no_model(tmp_path, data):
    with pytest.raises(MalformedError):
        brought(data, tmp_path / "m")


def test_an_archive_that_is_broken_off_anywhere_is_malformed(tmp_path):
    data = packed(member("a", bytes(range(256)) * 40), member("b", b"b" * 9000))
    for number, end in enumerate(range(0, len(data) - 1, 7)):
        with pytest.raises(MalformedError):
            brought(data[:end], tmp_path / str(number))


def test_a_bomb_does_not_fill_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(
        archive.shutil, "disk_usage", lambda _: type("Usage", (), {"free": archive.SPARE_BYTES + 9})
    )
    with pytest.raises(PlatformError, match="can be written"):
        brought(packed(member("a", b"\0" * 10)), tmp_path / "m")


def test_files_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_FILES", 2)
    with pytest.raises(MalformedError, match="more than 2 files"):
        brought(packed(*(member(name) for name in "abc")), tmp_path / "m")


@given(st.text(max_size=40))
def test_no_name_leads_out(tmp_path_factory, name):
    folder = tmp_path_factory.mktemp("m")
    try:
        place = place_for(folder, name, "it")
    except (MalformedError, UnicodeEncodeError):
        return
    assert place.resolve().is_relative_to(folder.resolve())
    assert place != folder


@given(st.binary(max_size=2000))
def test_any_bytes_are_a_model_or_malformed(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("m")
    try:
        brought(data, folder)
    except MalformedError:
        return


def test_folders_count_as_files_do(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_FILES", 10)
    folders = [member(f"d{number}", b"", type=tarfile.DIRTYPE) for number in range(20)]
    with pytest.raises(MalformedError, match="more than 10 files"):
        brought(packed(*folders, member("model.bin")), tmp_path / "m")
