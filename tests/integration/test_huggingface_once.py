"""A guarded push reads every byte of a tensor once, and sends exactly what it registered."""

import json
import struct
from collections import Counter
from pathlib import Path

import pytest
from tests.integration.huggingface.world import guarded, world
from tests.workshop import flip_byte, write_model

from weightmark.errors import RefusedError
from weightmark.model.artifact import Reader
from weightmark_hooks.huggingface import admission

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]
__all__ = ["guarded", "world"]

CARD = "---\nlicense: apache-2.0\n---\n# Churn\n"
LARGE = 1 << 22


def api():
    from huggingface_hub import HfApi

    return HfApi()


def write_large(folder: Path) -> Path:
    """Write a model of a few MiB: one large tensor, one small one."""
    write_model(folder, card=CARD)
    header = {
        "large": {"dtype": "U8", "shape": [LARGE], "data_offsets": [0, LARGE]},
        "small": {"dtype": "U8", "shape": [3], "data_offsets": [LARGE, LARGE + 3]},
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    data = bytes(range(256)) * (LARGE // 256) + b"end"
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    return folder


@pytest.fixture
def reads(monkeypatch):
    """Count the bytes that are read to be fingerprinted, by the file's name."""
    counted: Counter[str] = Counter()
    original = Reader.read_into

    def read_into(self, buffer, position):
        got = original(self, buffer, position)
        counted[self._file.path] += got
        return got

    monkeypatch.setattr(Reader, "read_into", read_into)
    return counted


def registered_and_sent(guarded, tmp_path: Path, oid: str) -> tuple[str, str]:
    """Give the registered fingerprint, and the one of what the Hub has, read from nothing but its bytes."""
    fetched = tmp_path / "fetched"
    for path in ("README.md", "config.json", "model.safetensors"):
        fetched.mkdir(exist_ok=True)
        (fetched / path).write_bytes(guarded.hub.read("acme/churn", path))
    workspace = guarded.workspace()
    model = workspace.find(f"hf://acme/churn@{oid}")
    return model.bundle, workspace.fingerprint(str(fetched)).bundle


@pytest.mark.parametrize("stamp", ["on", "off"])
def test_the_bytes_of_a_tensor_are_hashed_once_and_what_is_sent_is_what_is_registered(
    guarded, tmp_path, reads, monkeypatch, stamp
):
    monkeypatch.setenv("WEIGHTMARK_HF_STAMP", stamp)
    api().create_repo("acme/churn")
    done = api().upload_folder(repo_id="acme/churn", folder_path=write_large(tmp_path / "churn"))
    assert LARGE <= reads["model.safetensors"] < 1.1 * LARGE
    registered, sent = registered_and_sent(guarded, tmp_path, done.oid)
    assert registered == sent


def test_a_tensor_that_changes_after_it_was_hashed_is_read_again(guarded, tmp_path, monkeypatch):
    mark = admission.Stage.mark

    def meddle(self, *args):
        flip_byte(self.folder / "model.safetensors", -1)
        mark(self, *args)

    monkeypatch.setattr(admission.Stage, "mark", meddle)
    api().create_repo("acme/churn")
    done = api().upload_folder(repo_id="acme/churn", folder_path=write_large(tmp_path / "churn"))
    registered, sent = registered_and_sent(guarded, tmp_path, done.oid)
    assert registered == sent


def test_a_file_that_changes_after_its_fingerprint_is_not_sent(guarded, tmp_path, monkeypatch):
    lay = admission._lay_beside

    def meddle(workspace, outcome, stage):
        lay(workspace, outcome, stage)
        flip_byte(stage.folder / "model.safetensors", -1)

    monkeypatch.setattr(admission, "_lay_beside", meddle)
    api().create_repo("acme/churn")
    guarded.hub.trace.clear()
    with pytest.raises(RefusedError, match=r"model\.safetensors was changed"):
        api().upload_folder(repo_id="acme/churn", folder_path=write_large(tmp_path / "churn"))
    assert guarded.hub.calls("/commit/") == []


def test_a_mark_too_long_for_its_room_is_fingerprinted_too(guarded, tmp_path, reads, monkeypatch):
    monkeypatch.setattr("weightmark.attribution.embed.HEADER_ROOM", 8)
    api().create_repo("acme/churn")
    done = api().upload_folder(repo_id="acme/churn", folder_path=write_large(tmp_path / "churn"))
    assert reads["model.safetensors"] >= 2 * LARGE
    registered, sent = registered_and_sent(guarded, tmp_path, done.oid)
    assert registered == sent
