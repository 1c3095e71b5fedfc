"""The run's file, written by the format's own rules, read back; and damage."""

import gzip
import json
import struct
import threading
import zlib
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import MalformedError
from weightmark_hooks.wandb import journal
from weightmark_hooks.wandb.choice import Choice
from weightmark_hooks.wandb.folder import gathered
from weightmark_hooks.wandb.journal import _files, _records, wait_for_end

IDENTITY = b":W&B\xe1\xbe\x00"
BLOCK = 1 << 15


def write(records: list[bytes]) -> bytes:
    out = bytearray(IDENTITY)
    for record in records:
        first, data = True, record
        while True:
            left = BLOCK - len(out) % BLOCK
            if left < 7:
                out += bytes(left)
                continue
            piece, data = data[: left - 7], data[left - 7 :]
            kind = (1 if not data else 2) if first else (4 if not data else 3)
            out += struct.pack("<IHB", zlib.crc32(piece, zlib.crc32(bytes([kind]))), len(piece), kind) + piece
            first = False
            if not data:
                break
    return bytes(out)


def read(data: bytes) -> list[bytes]:
    return list(_records(BytesIO(data), "the run"))


@given(st.lists(st.sampled_from([0, 1, 7, 100, BLOCK - 14, BLOCK - 7, BLOCK, 3 * BLOCK + 5]), max_size=8))
def test_records_of_every_size_come_back(sizes: list[int]) -> None:
    records = [bytes([number % 256]) * size for number, size in enumerate(sizes)]
    assert read(write(records)) == records


@given(st.binary(max_size=300))
def test_bytes_that_are_no_run_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        read(b"x" + data)


@given(st.integers(min_value=7, max_value=120), st.integers(min_value=1, max_value=255))
def test_damage_is_found_or_ends_the_run(position: int, change: int) -> None:
    data = bytearray(write([b"a" * 50, b"b" * 50]))
    data[position] ^= change
    try:
        found = read(bytes(data))
    except MalformedError:
        return
    assert found in ([b"a" * 50], [])


def test_a_run_that_was_cut_off_ends_there() -> None:
    data = write([b"a" * 50, b"b" * 50])
    assert read(data[:-1]) == [b"a" * 50]
    assert read(data[: len(IDENTITY)]) == []


def test_pieces_that_do_not_follow_each_other_are_refused() -> None:
    piece = struct.pack("<IHB", zlib.crc32(b"a", zlib.crc32(b"\x04")), 1, 4) + b"a"
    with pytest.raises(MalformedError, match="follow"):
        read(IDENTITY + piece)


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    (tmp_path / "one" / "a").write_bytes(b"a" * 10)
    (tmp_path / "two" / "b").write_bytes(b"b" * 20)
    return {"model/a.bin": tmp_path / "one" / "a", "b.bin": tmp_path / "two" / "b"}


def test_files_of_several_places_are_one_folder_for_a_while(places: dict[str, Path], tmp_path: Path) -> None:
    with gathered(places) as folder:
        assert (folder / "model" / "a.bin").read_bytes() == b"a" * 10
        assert (folder / "b.bin").samefile(places["b.bin"])
    assert not folder.exists()
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["a", "b"]


def test_a_path_that_climbs_is_refused(places: dict[str, Path]) -> None:
    with pytest.raises(MalformedError), gathered({"../a": places["b.bin"]}):
        pass


def test_the_environment_chooses_types_and_aliases() -> None:
    chosen = Choice.from_environment(
        {"WEIGHTMARK_WANDB_TYPES": "net, other", "WEIGHTMARK_WANDB_ALIASES": "gold*"}
    )
    assert chosen.guards("net")
    assert not chosen.guards("model")
    assert chosen.promoting(["gold-1", "production"]) == ["gold-1"]
    assert Choice.from_environment({}).guards("my-model")


def manifest_of(file: Path) -> list[tuple[str, str]]:
    return list(_files(SimpleNamespace(contents=(), manifest_file_path=str(file)), "the run"))


def test_a_manifest_in_a_file_of_its_own_is_read(tmp_path: Path) -> None:
    file = tmp_path / "manifest.gz"
    rows = [
        {"path": "a", "digest": "x", "size": 1, "local_path": "/here/a", "extra": {"t": 0.5}},
        {"path": "b", "digest": "x", "ref": "s3://b/c"},
    ]
    file.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    assert manifest_of(file) == [("a", "/here/a"), ("b", "")]


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b" " * (1 << 21)),
        gzip.compress(b"{}\n"),
        gzip.compress(b"[]\n"),
        gzip.compress(b"not json\n"),
        gzip.compress(b'{"path":"a"}\n' * 100)[:-20],
        b"no gzip",
    ],
    ids=["bomb", "empty", "list", "text", "cut", "plain"],
)
def test_a_manifest_that_is_none_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.gz").write_bytes(content)
    with pytest.raises(MalformedError):
        manifest_of(tmp_path / "manifest.gz")


def _message(kind: str) -> bytes:
    from wandb.proto import wandb_internal_pb2 as messages

    record = messages.Record()
    getattr(record, kind).SetInParent()
    return bytes(record.SerializeToString())


def test_a_run_that_is_still_written_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "run-1.wandb"
    begun, whole = write([_message("run")]), write([_message("run"), _message("artifact"), _message("exit")])
    file.write_bytes(begun)
    with file.open("ab", buffering=0) as stream:
        later = threading.Timer(0.3, stream.write, [whole.removeprefix(begun)])
        later.start()
        assert wait_for_end(file)
        later.join()


def test_a_killed_run_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "SILENCE_SECONDS", 0.2)
    file = tmp_path / "run-1.wandb"
    file.write_bytes(write([_message("run")]))
    assert not wait_for_end(file)
