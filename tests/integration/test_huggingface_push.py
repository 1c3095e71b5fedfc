"""Pushes by Hugging Face's own library to a stand-in Hub, with the gate in between."""

import json
from pathlib import Path

import pytest
from tests.integration.huggingface.world import guarded, world
from tests.workshop import Shell, flip_byte, write_model

from weightmark.errors import RefusedError

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]
__all__ = ["guarded", "world"]

OWN_CARD = (
    "---\nlicense: apache-2.0\n# a remark of the author's\nlanguage: en\n---\n"
    "# Churn\n\nIt tells who leaves.\n"
)
NC_CHILD = "---\nlicense: mit\nbase_model: openlab/base\n---\n# Child\n"
WEIGHTS = r"PUT|/preupload/|objects/batch|/commit/"


def api():
    from huggingface_hub import HfApi

    return HfApi()


def make(folder: Path, card: str = OWN_CARD) -> Path:
    return write_model(folder, card=card)


def test_a_folder_is_registered_stamped_and_pushed_with_its_bundle(guarded, tmp_path):
    model = make(tmp_path / "churn")
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    api().create_repo("acme/churn")
    done = api().upload_folder(repo_id="acme/churn", folder_path=model)
    files = guarded.hub.files("acme/churn")
    assert {"weightmark.bundle.json", "weightmark.manifest.json", "weightmark.json"} < set(files)
    card = guarded.hub.read("acme/churn", "README.md").decode()
    assert card.startswith(
        '---\nlicense: apache-2.0\n# a remark of the author\'s\nlanguage: en\nweightmark:\n  owner: "acme"\n'
    )
    assert "It tells who leaves." in card
    assert "## Attribution" in card
    assert json.loads(guarded.hub.read("acme/churn", "config.json"))["weightmark"]["license"] == "apache-2.0"
    assert b'"weightmark.weights":"sha256:' in guarded.hub.read("acme/churn", "model.safetensors")
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before
    model_there = guarded.workspace().find(f"hf://acme/churn@{done.oid}")
    assert guarded.tags("acme/churn")["tags"]["weightmark.fingerprint"] == model_there.bundle


def test_a_model_on_a_base_that_forbids_it_is_refused_before_a_byte_left(guarded, tmp_path):
    guarded.base()
    api().create_repo("acme/child")
    guarded.hub.trace.clear()
    with pytest.raises(RefusedError, match=r"CC-BY-NC-4\.0"):
        api().upload_folder(repo_id="acme/child", folder_path=make(tmp_path / "child", NC_CHILD))
    assert guarded.hub.calls(WEIGHTS) == []
    guarded.grant("openlab/base")
    api().upload_folder(repo_id="acme/child", folder_path=tmp_path / "child")
    assert "openlab" in guarded.hub.read("acme/child", "README.md").decode()


def test_a_base_that_nobody_registered_is_refused_with_the_command_that_registers_it(guarded, tmp_path):
    api().create_repo("acme/child")
    with pytest.raises(RefusedError, match="openlab/base is not registered") as caught:
        api().upload_folder(repo_id="acme/child", folder_path=make(tmp_path / "child", NC_CHILD))
    assert "weightmark register hf://openlab/base" in caught.value.hint
    assert caught.value.undecided
    assert guarded.hub.calls("/commit/") == []


def test_pushing_again_makes_no_commit(guarded, tmp_path):
    api().create_repo("acme/churn")
    first = api().upload_folder(repo_id="acme/churn", folder_path=make(tmp_path / "churn"))
    again = api().upload_folder(repo_id="acme/churn", folder_path=tmp_path / "churn")
    assert again.oid == first.oid
    assert len(guarded.hub.calls("/commit/")) == 1


@pytest.mark.parametrize("kind", ["path", "bytes", "stream"])
def test_create_commit_is_gated_whatever_the_file_comes_as(guarded, tmp_path, kind):
    from huggingface_hub import CommitOperationAdd

    guarded.base()
    model = make(tmp_path / "child", NC_CHILD)
    api().create_repo("acme/child")

    def operations():
        for name in ("README.md", "config.json", "model.safetensors"):
            file = model / name
            content = {"path": file, "bytes": file.read_bytes(), "stream": file.open("rb")}
            yield CommitOperationAdd(path_in_repo=name, path_or_fileobj=content[kind])
            content["stream"].close() if kind != "stream" else streams.append(content["stream"])

    streams = []
    with pytest.raises(RefusedError):
        api().create_commit("acme/child", operations(), commit_message="x")
    assert guarded.hub.calls(WEIGHTS) == []
    guarded.grant("openlab/base")
    done = api().create_commit("acme/child", operations(), commit_message="x")
    assert guarded.workspace().find(f"hf://acme/child@{done.oid}").name == "acme/child"
    for stream in streams:
        stream.close()


def test_a_file_alone_is_judged_by_the_card_that_is_there(guarded, tmp_path):
    guarded.base()
    model = make(tmp_path / "child", NC_CHILD)
    api().create_repo("acme/child")
    guarded.hub.shelf.publish("acme/child", only(model, tmp_path / "card", "README.md"))
    for push in (upload_file, huggingface_upload_file, write_through_the_file_system):
        with pytest.raises(RefusedError, match="openlab/base"):
            push("acme/child", model / "model.safetensors")
    assert guarded.hub.calls(WEIGHTS) == []


def only(model: Path, folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes((model / name).read_bytes())
    return folder


def upload_file(repo: str, file: Path) -> None:
    api().upload_file(path_or_fileobj=file, path_in_repo=file.name, repo_id=repo)


def huggingface_upload_file(repo: str, file: Path) -> None:
    import huggingface_hub

    huggingface_hub.upload_file(path_or_fileobj=str(file), path_in_repo=file.name, repo_id=repo)


def write_through_the_file_system(repo: str, file: Path) -> None:
    from huggingface_hub import HfFileSystem

    with HfFileSystem(skip_instance_cache=True).open(f"{repo}/{file.name}", "wb") as stream:
        stream.write(file.read_bytes())


def test_a_card_and_a_tokenizer_pass_and_the_whole_is_recorded_anew(guarded, tmp_path):
    api().create_repo("acme/churn")
    api().upload_file(path_or_fileobj=OWN_CARD.encode(), path_in_repo="README.md", repo_id="acme/churn")
    assert "weightmark.bundle.json" not in guarded.hub.files("acme/churn")
    first = api().upload_folder(repo_id="acme/churn", folder_path=make(tmp_path / "churn"))
    (tmp_path / "tokenizer.json").write_text("{}")
    second = api().upload_file(
        path_or_fileobj=tmp_path / "tokenizer.json", path_in_repo="tokenizer.json", repo_id="acme/churn"
    )
    workspace = guarded.workspace()
    one, other = (workspace.find(f"hf://acme/churn@{done.oid}") for done in (first, second))
    assert one.weights == other.weights
    assert one.bundle != other.bundle
    assert workspace.verify(f"hf://acme/churn@{second.oid}").registration.owner == "acme"


def test_a_push_in_the_background_keeps_its_refusal(guarded, tmp_path):
    from weightmark_hooks.huggingface.push import take_background

    guarded.base()
    api().create_repo("acme/child")
    future = api().upload_folder(
        repo_id="acme/child", folder_path=make(tmp_path / "child", NC_CHILD), run_as_future=True
    )
    with pytest.raises(RefusedError):
        future.result(60)
    assert take_background() == [future]
    assert guarded.hub.calls(WEIGHTS) == []


def test_what_goes_past_the_gate_does_not_pass_the_wire(guarded, tmp_path):
    from huggingface_hub import CommitOperationAdd

    guarded.hub.shelf.create("acme/churn")
    file = make(tmp_path / "churn") / "model.safetensors"
    operation = CommitOperationAdd(path_in_repo="model.safetensors", path_or_fileobj=file)
    with pytest.raises(RefusedError, match="did not come through the gate"):
        api().preupload_lfs_files("acme/churn", [operation])
    assert guarded.hub.calls(WEIGHTS) == []


def test_data_sets_deletions_and_other_branches_go_by_their_own_rules(guarded, tmp_path):
    (tmp_path / "data.bin").write_bytes(bytes(100))
    api().create_repo("acme/data", repo_type="dataset")
    api().upload_file(
        path_or_fileobj=tmp_path / "data.bin",
        path_in_repo="data.bin",
        repo_id="acme/data",
        repo_type="dataset",
    )
    assert "data.bin" in guarded.hub.files("acme/data")
    guarded.hub.shelf.publish("acme/churn", make(tmp_path / "churn"))
    api().delete_file("config.json", "acme/churn")
    assert "config.json" not in guarded.hub.files("acme/churn")
    api().create_branch("acme/churn", branch="next")
    done = api().upload_folder(repo_id="acme/churn", folder_path=tmp_path / "churn", revision="next")
    assert guarded.workspace().find(f"hf://acme/churn@{done.oid}").name == "acme/churn"


def test_a_subfolder_and_patterns_are_kept(guarded, tmp_path):
    model = make(tmp_path / "churn")
    (model / "notes.log").write_text("x")
    api().create_repo("acme/churn")
    api().upload_folder(repo_id="acme/churn", folder_path=model, ignore_patterns="*.log")
    api().upload_folder(
        repo_id="acme/churn",
        folder_path=model,
        path_in_repo="step-1",
        allow_patterns=["*.safetensors", "*.log"],
    )
    assert {path for path in guarded.hub.files("acme/churn") if "/" in path or path.endswith(".log")} == {
        "step-1/model.safetensors",
        "step-1/notes.log",
    }
    api().upload_folder(
        repo_id="acme/churn",
        folder_path=model,
        path_in_repo="step-1",
        allow_patterns="*.json",
        delete_patterns="*.log",
    )
    assert "step-1/notes.log" not in guarded.hub.files("acme/churn")
    assert "step-1/config.json" in guarded.hub.files("acme/churn")
    assert guarded.workspace().verify("hf://acme/churn").registration.owner == "acme"


def test_who_registered_the_weights_as_theirs_pushes_them_as_theirs(guarded, tmp_path):
    model = make(tmp_path / "own", "---\nlicense: cc-by-nc-4.0\n---\n# Own\n")
    api().create_repo("acme/own")
    with pytest.raises(RefusedError, match=r"CC-BY-NC-4\.0"):
        api().upload_folder(repo_id="acme/own", folder_path=model)
    guarded.workspace().register(str(model), mine=True)
    done = api().upload_folder(repo_id="acme/own", folder_path=model)
    assert not guarded.workspace().find(f"hf://acme/own@{done.oid}").presumed


def test_the_stamp_of_tensors_can_be_left_out(guarded, tmp_path, monkeypatch):
    monkeypatch.setenv("WEIGHTMARK_HF_STAMP", "off")
    model = make(tmp_path / "churn")
    api().create_repo("acme/churn")
    api().upload_folder(repo_id="acme/churn", folder_path=model)
    assert guarded.hub.read("acme/churn", "model.safetensors") == (model / "model.safetensors").read_bytes()
    assert "weightmark:" in guarded.hub.read("acme/churn", "README.md").decode()


def test_a_downloaded_model_verifies_offline_with_the_bundle_beside_it(guarded, tmp_path):
    from huggingface_hub import snapshot_download

    api().create_repo("acme/churn")
    api().upload_folder(repo_id="acme/churn", folder_path=make(tmp_path / "churn"))
    trust = tmp_path / "trust.json"
    trust.write_bytes(guarded.workspace().resources.trust.encode())
    there = tmp_path / "there"
    snapshot_download("acme/churn", local_dir=there)
    shell = Shell(folder=tmp_path, env={"WEIGHTMARK_HOME": str(tmp_path / "elsewhere")})
    options = ("--bundle", there / "weightmark.bundle.json", "--trust", trust)
    options += ("--manifest", there / "weightmark.manifest.json")
    assert shell.json("verify", there, *options)["owner"] == "acme"
    flip_byte(there / "model.safetensors", -1)
    shell.fail("verify", there, *options, code=3)


def test_unprotect_leaves_the_library_as_it_was(world, tmp_path):
    import huggingface_hub

    from weightmark_hooks.huggingface import protect, unprotect

    before = (huggingface_hub.HfApi.create_commit, huggingface_hub.hf_hub_download)
    protect()
    protect()
    assert huggingface_hub.HfApi.create_commit is not before[0]
    unprotect()
    assert (huggingface_hub.HfApi.create_commit, huggingface_hub.hf_hub_download) == before
    api().create_repo("acme/plain")
    api().upload_folder(repo_id="acme/plain", folder_path=make(tmp_path / "plain"))
    assert "weightmark.bundle.json" not in world.hub.files("acme/plain")


def test_a_token_of_the_call_is_the_one_that_is_used(guarded, tmp_path):
    from huggingface_hub import HfApi
    from tests.integration.huggingface.world import ACME

    guarded.hub.shelf.publish("acme/churn", make(tmp_path / "churn"))
    repo = guarded.hub.shelf.repos["acme/churn"]
    repo.gated = "manual"
    guarded.patch.setenv("HF_TOKEN", "")
    with pytest.raises(RefusedError):
        upload_file("acme/churn", tmp_path / "churn" / "config.json")
    (tmp_path / "vocab.txt").write_text("a")
    HfApi(token=ACME).upload_file(
        path_or_fileobj=tmp_path / "vocab.txt", path_in_repo="vocab.txt", repo_id="acme/churn"
    )
    assert "weightmark.bundle.json" in guarded.hub.files("acme/churn")


def test_a_file_copied_from_another_repository_is_judged_too(guarded, tmp_path):
    from huggingface_hub import CommitOperationAdd, CommitOperationCopy

    guarded.hub.shelf.publish("acme/churn", make(tmp_path / "churn"))
    done = api().create_commit(
        "acme/churn",
        [
            CommitOperationCopy("model.safetensors", "copy/model.safetensors"),
            CommitOperationAdd("notes.txt", b"x"),
        ],
        commit_message="x",
    )
    assert "copy/model.safetensors" in guarded.hub.files("acme/churn")
    assert guarded.workspace().verify(f"hf://acme/churn@{done.oid}").registration.owner == "acme"


def test_what_is_there_already_is_synced_once(world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(5):
        model = write_model(tmp_path / f"m{number}", {"w": [float(number)]}, card=OWN_CARD)
        world.hub.shelf.publish(f"acme/m{number}", model)
    shell = Shell(folder=tmp_path)
    shell.run("sync", "hf://acme")
    commits = len(world.hub.calls("/commit/"))
    shell.run("sync", "hf://acme")
    assert len(world.hub.calls("/commit/")) == commits == 5
    assert {f"acme/m{number}" for number in range(5)} == {
        world.workspace().find(f"hf://acme/m{number}@{head_of(world, number)}").name for number in range(5)
    }


def head_of(world, number: int) -> str:
    from weightmark_adapters.huggingface import HuggingfaceRegistry

    return HuggingfaceRegistry().pin(f"hf://acme/m{number}").partition("@")[2]
