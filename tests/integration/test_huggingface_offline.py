"""Loads of a commit that the Hub cannot place: what was registered of that repository decides."""

import os
from pathlib import Path

import pytest
from tests.integration.huggingface.world import guarded, world
from tests.workshop import flip_byte, write_model

from weightmark.errors import RefusedError
from weightmark_hooks.huggingface import loading

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]
__all__ = ["guarded", "world"]

CARD = "---\nlicense: apache-2.0\n---\n# Churn\n"
UNKNOWN = "a" * 40


@pytest.fixture
def snapshot(guarded, tmp_path, monkeypatch) -> Path:
    """Push and download a model, then rename its snapshot to a commit that nobody knows, and go offline."""
    from huggingface_hub import HfApi, snapshot_download

    api = HfApi()
    api.create_repo("acme/churn")
    api.upload_folder(repo_id="acme/churn", folder_path=write_model(tmp_path / "churn", card=CARD))
    second = write_model(tmp_path / "second", {"x": [7.0, 8.0]}, card=CARD)
    api.upload_folder(repo_id="acme/churn", folder_path=second)
    folder = Path(snapshot_download("acme/churn"))
    unknown = folder.with_name(UNKNOWN)
    unknown.mkdir()
    for path in folder.iterdir():
        (unknown / path.name).write_bytes(path.read_bytes())
    loading.forget()
    return unknown


def check(snapshot: Path) -> None:
    loading.check_folder("acme/churn", snapshot, UNKNOWN)


@pytest.mark.parametrize("down", [True, False])
def test_bytes_of_a_registered_version_are_loaded_and_others_are_not(guarded, snapshot, monkeypatch, down):
    if down:
        monkeypatch.setattr(guarded.hub, "users", {})
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    check(snapshot)
    flip_byte(snapshot / "model.safetensors", -1)
    with pytest.raises(RefusedError, match="of no registered version"):
        check(snapshot)


def test_a_file_that_no_registered_version_has_is_not_loaded(guarded, snapshot):
    (snapshot / "modeling_churn.py").write_text("print('hello')")
    with pytest.raises(RefusedError, match=r"modeling_churn\.py"):
        check(snapshot)


def test_a_repository_that_nobody_registered_is_loaded(guarded, snapshot):
    flip_byte(snapshot / "model.safetensors", -1)
    loading.check_folder("acme/other", snapshot, UNKNOWN)


def test_the_whole_file_is_read_once_for_versions_that_are_cut_alike(guarded, snapshot, monkeypatch):
    read = []
    original = loading.fingerprint_artifact

    def count(artifact, *args, **kwargs):
        read.append([file.path for file in artifact.files])
        return original(artifact, *args, **kwargs)

    monkeypatch.setattr(loading, "fingerprint_artifact", count)
    file = snapshot / "config.json"
    data = file.read_bytes()
    os.truncate(file, 0)
    file.write_bytes(data[:-1] + b" ")
    with pytest.raises(RefusedError):
        loading.check_file("acme/churn", "config.json", file, UNKNOWN)
    assert len(read) == 1
