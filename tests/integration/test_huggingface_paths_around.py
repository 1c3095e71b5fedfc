"""Ways around the gate of a push to the Hub, and around the check of a load."""

import os
import threading
import tracemalloc
from pathlib import Path

import pytest
from tests.integration.huggingface.world import guarded, world
from tests.integration.test_huggingface_push import NC_CHILD, OWN_CARD, api, make, only

from weightmark.errors import RefusedError

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]
__all__ = ["guarded", "world"]


@pytest.mark.parametrize("name", ["weights.dat", "model.nemo", "notes.txt"])
def test_a_file_of_any_name_is_judged_by_the_card_that_is_there(guarded, tmp_path, name):
    guarded.base()
    model = make(tmp_path / "child", NC_CHILD)
    api().create_repo("acme/child")
    guarded.hub.shelf.publish("acme/child", only(model, tmp_path / "card", "README.md"))
    with pytest.raises(RefusedError, match="openlab/base"):
        api().upload_file(path_or_fileobj=bytes(100), path_in_repo=name, repo_id="acme/child")
    assert guarded.hub.calls("/commit/") == []


def test_another_push_at_the_same_time_does_not_slip_through_the_open_gate(guarded, tmp_path):
    from huggingface_hub import CommitOperationAdd

    from weightmark_hooks.huggingface.permit import Permit, permitted

    guarded.base()
    model = make(tmp_path / "child", NC_CHILD)
    api().create_repo("acme/child")
    names = ("README.md", "config.json", "model.safetensors")
    sizes = {name: (model / name).stat().st_size for name in names}
    caught: list[BaseException] = []

    def push() -> None:
        operations = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=model / name) for name in names]
        try:
            api().create_commit("acme/child", operations, commit_message="x")
        except RefusedError as error:
            caught.append(error)

    with permitted(Permit(repo="acme/child", sizes=sizes)):
        thread = threading.Thread(target=push)
        thread.start()
        thread.join()
    assert caught
    assert guarded.hub.calls("/commit/") == []


def test_a_pull_request_is_judged_by_the_branch_that_it_is_against(guarded, tmp_path):
    guarded.base()
    model = make(tmp_path / "child", NC_CHILD)
    api().create_repo("acme/child")
    api().create_branch("acme/child", branch="next")
    repo = guarded.hub.shelf.repos["acme/child"]
    card = guarded.hub.shelf.put((model / "README.md").read_bytes(), lfs=False)
    guarded.hub.shelf.commit(repo, "next", {"README.md": card}, "card")
    with pytest.raises(RefusedError, match="openlab/base"):
        api().upload_file(
            path_or_fileobj=model / "model.safetensors",
            path_in_repo="model.safetensors",
            repo_id="acme/child",
            revision="next",
            create_pr=True,
        )


def test_our_own_file_carries_no_copy_past_the_gate(guarded, tmp_path):
    from huggingface_hub import CommitOperationAdd, CommitOperationCopy

    guarded.hub.shelf.publish("acme/churn", make(tmp_path / "churn", OWN_CARD))
    done = api().create_commit(
        "acme/churn",
        [
            CommitOperationCopy("model.safetensors", "copy/model.safetensors"),
            CommitOperationAdd("weightmark.json", b"{}"),
        ],
        commit_message="x",
    )
    assert guarded.workspace().verify(f"hf://acme/churn@{done.oid}").registration.owner == "acme"


@pytest.mark.parametrize("path", [".cache/model.safetensors", "weightmark.json/run.py"])
def test_nothing_hides_from_a_load_behind_a_name_that_is_left_out(guarded, tmp_path, path):
    from huggingface_hub import hf_hub_download

    model = make(tmp_path / "churn")
    sha = guarded.hub.shelf.publish("acme/churn", model)
    guarded.workspace().register(f"hf://acme/churn@{sha}", mine=True)
    repo = guarded.hub.shelf.repos["acme/churn"]
    repo.commits[sha].tree[path] = guarded.hub.shelf.put(b"print('hello')", lfs=False)
    with pytest.raises(RefusedError, match="not what was registered"):
        hf_hub_download("acme/churn", path, revision=sha)


def test_a_local_file_changed_after_its_download_is_not_loaded_offline(guarded, tmp_path):
    from huggingface_hub import hf_hub_download

    api().create_repo("acme/churn")
    api().upload_folder(repo_id="acme/churn", folder_path=make(tmp_path / "churn"))
    there = tmp_path / "there"
    file = Path(hf_hub_download("acme/churn", "model.safetensors", local_dir=there))
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    os.utime(file, (2_000_000_000, 2_000_000_000))
    with pytest.raises(RefusedError):
        hf_hub_download("acme/churn", "model.safetensors", local_dir=there, local_files_only=True)


def test_a_note_of_any_size_is_not_read_further_than_a_note_goes(guarded, tmp_path):
    from weightmark_adapters.huggingface.registry import _read_note

    model = make(tmp_path / "churn")
    (model / "weightmark.json").write_bytes(b" " * (20 << 20))
    guarded.hub.shelf.publish("acme/churn", model)
    tracemalloc.start()
    try:
        assert not _read_note("acme/churn", "").tags
        assert tracemalloc.get_traced_memory()[1] < 12 << 20
    finally:
        tracemalloc.stop()
    (model / "weightmark.json").write_bytes(b"")
    guarded.hub.shelf.publish("acme/churn", model)
    assert not _read_note("acme/churn", "").tags
