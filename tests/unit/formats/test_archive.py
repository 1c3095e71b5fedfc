"""Zip archives that contradict themselves are refused; sound ones are listed."""

import io
import struct
import zipfile
from pathlib import Path

import pytest
from tests.format_files import pack

from weightmark.errors import MalformedError
from weightmark.model import Artifact
from weightmark_plugins.formats import archive
from weightmark_plugins.formats.archive import Member, read_archive, read_beginning, read_member

GOOD = pack({"a": b"first", "b": b"second" * 100})
SMALL = pack({"a": b"first" * 100}, zipfile.ZIP_DEFLATED)


def members(folder: Path, content: bytes) -> dict[str, Member]:
    (folder / "x.zip").write_bytes(content)
    return dict(read_archive(Artifact.open(folder).files[0]))


def refuse(folder: Path, content: bytes, word: str) -> None:
    with pytest.raises(MalformedError, match=word) as caught:
        members(folder, content)
    assert "x.zip" in caught.value.message


def change(content: bytes, place: int, value: bytes) -> bytes:
    return content[:place] + value + content[place + len(value) :]


def test_members_are_where_the_archive_says(tmp_path: Path) -> None:
    found = members(tmp_path, GOOD)
    assert {name: GOOD[member.start :][: member.stored] for name, member in found.items()} == {
        "a": b"first",
        "b": b"second" * 100,
    }
    found = members(tmp_path, SMALL)
    file = Artifact.open(tmp_path).files[0]
    assert read_member(file, found["a"], most=1000) == b"first" * 100
    assert read_beginning(file, found["a"], 7) == b"firstfi"
    with pytest.raises(MalformedError, match="at most 10 are read"):
        read_member(file, found["a"], most=10)


def test_wide_archives_and_those_inside_of_files_are_read(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as written, written.open("big", "w", force_zip64=True) as member:
        member.write(b"content")
    assert members(tmp_path, buffer.getvalue())["big"].size == 7
    (tmp_path / "x.zip").write_bytes(b"before" + GOOD + b"after")
    file = Artifact.open(tmp_path).files[0]
    found = read_archive(file, start=6, stop=6 + len(GOOD))
    assert file.size == len(GOOD) + 11
    assert read_member(file, found["a"], most=9) == b"first"


def test_a_bomb_is_refused_by_what_deflate_can_give(tmp_path: Path) -> None:
    place = SMALL.rindex(b"PK\x01\x02")
    refuse(tmp_path, change(SMALL, place + 24, struct.pack("<L", 2**31)), "more than .* can give")
    lied = change(SMALL, place + 24, struct.pack("<L", 499))
    found = members(tmp_path, lied)
    with pytest.raises(MalformedError, match="does not give the 499 bytes"):
        read_member(Artifact.open(tmp_path).files[0], found["a"], most=1000)


def test_archives_that_contradict_themselves_are_refused(tmp_path: Path) -> None:
    first, second = (place for place in range(len(GOOD)) if GOOD[place : place + 4] == b"PK\x01\x02")
    end = GOOD.rindex(b"PK\x05\x06")
    for content, word in (
        (GOOD[:20], "no directory at its end"),
        (GOOD + b"x", "bytes after its end"),
        (b"x" + GOOD, "directory at byte"),
        (change(GOOD, end + 8, struct.pack("<2H", 3, 3)), "directory is shorter"),
        (change(GOOD, end + 8, struct.pack("<2H", 1, 1)), "directory is longer"),
        (change(GOOD, end + 8, struct.pack("<2H", 1, 2)), "split"),
        (change(GOOD, first + 8, struct.pack("<H", 1)), "encrypted"),
        (change(GOOD, first + 10, struct.pack("<H", 12)), "unknown method 12"),
        (change(GOOD, first + 24, struct.pack("<L", 6)), "states 6 bytes and stores 5"),
        (change(GOOD, first + 46, b"c"), "contradicts its directory"),
        (change(GOOD, second + 46, b"a"), "contradicts its directory"),
        (change(GOOD, second + 42, struct.pack("<L", 1)), "contradicts its directory"),
        (change(GOOD, first + 20, struct.pack("<2L", 2**30, 2**30)), "more bytes than it has"),
        (change(GOOD, first + 20, struct.pack("<2L", 50, 50)), "overlap"),
        (change(GOOD, first + 46, b"\xff"), "not UTF-8"),
        (change(GOOD, first + 20, b"\xff" * 8), "zip64 sizes"),
    ):
        refuse(tmp_path, content, word)


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as written:
        written.writestr("a", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            written.writestr("a", b"2")
    refuse(tmp_path, buffer.getvalue(), "'a' twice")


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBERS", 1)
    refuse(tmp_path, GOOD, "at most 1 are read")
