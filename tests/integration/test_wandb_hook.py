"""The hook under the real library of Weights & Biases, which speaks to a stand-in of its server."""

import json
from pathlib import Path

import pytest
from tests.integration.wandb import fixture
from tests.integration.wandb.fixture import Desk
from tests.workshop import Shell

from weightmark.errors import RefusedError
from weightmark.vocabulary import EventKind, Fact
from weightmark.workspace.gate import Gate, Requirement

server, bare, desk = fixture.server, fixture.bare, fixture.desk
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]

REGISTRY = "wandb-registry-model/churn"


def shell(desk: Desk) -> Shell:
    """Give the command line of the desk's own workspace."""
    env: dict[str, str | None] = {"WEIGHTMARK_HOME": str(desk.folder / "home"), "WEIGHTMARK_PARTY": "acme"}
    return Shell(folder=desk.folder, env=env)


def register_base(desk: Desk, folder: Path, license_: str) -> None:
    """Register somebody else's model, as a company records what it took from elsewhere."""
    sh = shell(desk)
    sh.run("register", folder, "--license", license_, *sh.key("openlab"))


def test_what_is_logged_is_registered_and_carries_its_receipt(desk: Desk) -> None:
    name = desk.log(desk.model(card="---\nlicense: mit\n---\n"), epochs=3)
    metadata = desk.metadata(name)
    model = desk.workspace.find(desk.uri(name))
    assert metadata["weightmark_fingerprint"] == model.bundle
    assert metadata["weightmark_license"] == "MIT"
    assert metadata["weightmark_owner"] == "acme"
    assert metadata["weightmark_verdict"].startswith("allowed")
    assert metadata["epochs"] == 3
    desk.workspace.verify(desk.uri(name))


def test_a_folder_of_links_is_never_left_behind(desk: Desk) -> None:
    folder = desk.model()
    made = desk.artifact(folder)
    with desk.run() as run:
        run.log_artifact(made).wait()
    places = {Path(entry.local_path).parent for entry in made.manifest.entries.values()}
    assert not [found for place in places for found in place.glob(".weightmark-*")]


def test_reserved_keys_of_users_are_not_taken_over(desk: Desk) -> None:
    name = desk.log(desk.model(), weightmark_verdict="allowed (licence)", weightmark_owner="openlab")
    assert desk.metadata(name)["weightmark_owner"] == "acme"


def test_a_version_is_linked_when_the_run_ends_without_waiting(desk: Desk) -> None:
    run = desk.run()
    run.log_artifact(desk.artifact(desk.model()))
    run.finish()
    assert desk.workspace.find(desk.uri("churn:v0")).name == "churn"


def test_what_the_run_used_becomes_lineage(desk: Desk) -> None:
    import wandb

    base = desk.log(desk.model("base", 2.0), "base")
    with desk.run() as run:
        data = wandb.Artifact("rows", "dataset")
        with data.new_file("rows.csv") as stream:
            stream.write("1,2")
        run.log_artifact(data).wait()
    with desk.run() as run:
        run.use_artifact(base)
        run.use_artifact("rows:latest")
        child = run.log_artifact(desk.artifact(desk.model("child", 3.0))).wait().name
    model = desk.workspace.find(desk.uri(child))
    parents = desk.workspace.resources.index.parents(model.bundle)
    assert desk.workspace.find(desk.uri(base)).bundle in {row.bundle for row in parents}
    assert (desk.uri("rows:v0"), "trained-on") in {(row.uri, row.relation) for row in parents}


def test_a_link_is_refused_for_a_base_without_commercial_use_and_granted_after_a_grant(desk: Desk) -> None:
    base = desk.model("base", 2.0)
    register_base(desk, base, "cc-by-nc-4.0")
    base_name = desk.log(base, "base")
    with desk.run() as run:
        run.use_artifact(base_name)
        child = run.log_artifact(desk.artifact(desk.model("child", 3.0))).wait()
        with pytest.raises(RefusedError, match="commercial"):
            run.link_artifact(child, REGISTRY)
        refused = desk.metadata(child.name)
        assert len(desk.server.version(f"{desk.project}/{child.name}").memberships) == 1
        sh = shell(desk)
        sh.run("grant", desk.folder / "base", "--to", "acme", "--for", "full", *sh.key("openlab"))
        assert run.link_artifact(child, REGISTRY).is_link
    metadata = refused
    assert metadata["weightmark_verdict"].startswith("refused")
    assert "NC" in metadata["weightmark_reason"].upper()
    assert desk.metadata(child.name)["weightmark_verdict"].startswith("allowed")


def test_a_model_of_ones_own_is_linked(desk: Desk) -> None:
    with desk.run() as run:
        made = run.log_artifact(desk.artifact(desk.model())).wait()
        linked = run.link_artifact(made, REGISTRY, aliases=["production"])
    assert linked.is_link
    assert desk.workspace.plugins.registries["wandb"]().pin(
        f"wandb://acme-org/{linked.project}/{linked.name}"
    ) == desk.uri(made.name)


def test_an_alias_that_promotes_is_refused_and_the_work_is_not_lost(desk: Desk) -> None:
    base = desk.model("base", 2.0)
    register_base(desk, base, "cc-by-nc-4.0")
    name = desk.log(base, "base")
    import wandb

    artifact = wandb.Api().artifact(f"acme/{desk.project}/{name}")
    artifact.aliases.append("production")
    with pytest.raises(RefusedError):
        artifact.save()
    assert "production" not in desk.aliases(name)
    with desk.run() as run, pytest.raises(RefusedError):
        run.log_artifact(desk.artifact(base, "again"), aliases=["production", "best"])
    assert "production" not in desk.aliases("again:v0")
    assert "best" in desk.aliases("again:v0")


def test_an_alias_that_promotes_passes_when_allowed(desk: Desk) -> None:
    name = desk.log(desk.model(), aliases=["production"])
    assert "production" in desk.aliases(name)
    folder = desk.model("second", 9.0)
    with desk.run() as run:
        run.log_artifact(str(folder), name="second", type="model", aliases=["prod-eu"])
        run.log_model(str(folder), name="third", aliases=["production", "best"])
    assert "prod-eu" in desk.aliases("second:v0")
    assert {"production", "best"} <= set(desk.aliases("third:v0"))


def test_tampering_stops_the_download(desk: Desk) -> None:
    name = desk.log(desk.model())
    desk.server.corrupt(f"{desk.project}/{name}", "model.safetensors")
    desk.empty_cache()
    with desk.run() as run:
        used = run.use_artifact(name)
        with pytest.raises(RefusedError, match="not what was registered"):
            used.download(root=str(desk.folder / "out"))


def test_a_manifest_that_was_changed_too_stops_the_download(desk: Desk) -> None:
    name = desk.log(desk.model())
    desk.server.replace(f"{desk.project}/{name}", "config.json", b'{"model_type": "other"}')
    import wandb

    artifact = wandb.Api().artifact(f"acme/{desk.project}/{name}")
    with pytest.raises(RefusedError, match=r"config\.json"):
        artifact.download(root=str(desk.folder / "out"))
    with pytest.raises(RefusedError):
        artifact.download(root=str(desk.folder / "part"), path_prefix="model.s")


def test_what_is_whole_and_what_nobody_registered_is_downloaded(desk: Desk, bare: Desk) -> None:
    from weightmark_hooks.wandb import protect, unprotect

    name = desk.log(desk.model())
    unprotect()
    other = desk.log(desk.model("other", 5.0), "other")
    protect(desk.workspace)
    import wandb

    for one in (name, other):
        path = wandb.Api().artifact(f"acme/{desk.project}/{one}").download(root=str(desk.folder / one[:5]))
        assert sorted(file.name for file in Path(path).iterdir()) == [
            "config.json",
            "model.safetensors",
        ]


def test_a_reference_is_logged_but_not_promoted(desk: Desk) -> None:
    import wandb

    made = wandb.Artifact("far", "model")
    made.add_reference("http://models.example.org/weights.bin", checksum=False)
    with desk.run() as run:
        run.log_artifact(made).wait()
        with pytest.raises(RefusedError, match="refers"):
            run.link_artifact(made, REGISTRY)
    assert desk.metadata("far:v0")["weightmark_verdict"] == "undecided (not-checked)"


def test_a_policy_may_refuse_to_log(desk: Desk) -> None:
    gates = dict(desk.workspace.configuration.gates)
    gates[EventKind.LOG] = Gate(requires=frozenset({Requirement.ATTRIBUTED}))
    object.__setattr__(desk.workspace.configuration, "gates", gates)
    with desk.run() as run:
        with pytest.raises(RefusedError, match="licence"):
            run.log_artifact(desk.artifact(desk.model()))
        run.log_artifact(desk.artifact(desk.model(card="---\nlicense: mit\n---\n"))).wait()


def test_other_artifacts_pass_untouched(desk: Desk) -> None:
    import wandb

    rows = wandb.Artifact("rows", "dataset", metadata={"rows": 2})
    with rows.new_file("rows.csv") as stream:
        stream.write("1,2")
    with desk.run() as run:
        run.log_artifact(rows, aliases=["production"]).wait()
    assert desk.metadata("rows:v0") == {"rows": 2}


def test_the_same_files_are_one_registration(desk: Desk) -> None:
    folder = desk.model()
    assert desk.log(folder) == desk.log(folder) == "churn:v0"
    model = desk.workspace.find(desk.uri("churn:v0"))
    assert len(desk.workspace.resources.index.versions(model.bundle)) == 1


def test_users_may_state_facts_in_metadata(desk: Desk) -> None:
    name = desk.log(desk.model(), license="apache-2.0", datasets=["hf://datasets/a", "hf://datasets/b"])
    assert desk.workspace.find(desk.uri(name)).license == "Apache-2.0"
    with desk.workspace.plugins.registries["wandb"]().checkout(desk.uri(name)) as resolved:
        assert resolved.facts[Fact.DATASETS] == "hf://datasets/a,hf://datasets/b"


def test_unprotect_puts_everything_back(bare: Desk) -> None:
    import wandb

    from weightmark_hooks.wandb import protect, unprotect

    before = {
        name: getattr(wandb.Artifact, name) for name in ("finalize", "wait", "save", "link", "download")
    }
    protect(bare.workspace)
    protect(bare.workspace)
    assert wandb.Artifact.finalize is not before["finalize"]
    unprotect()
    assert all(getattr(wandb.Artifact, name) is method for name, method in before.items())
    assert "weightmark_fingerprint" not in json.dumps(bare.metadata(bare.log(bare.model())))


def test_what_is_there_is_registered_afterwards_and_watched(bare: Desk) -> None:
    desk, sh = bare, shell(bare)
    for number in range(3):
        desk.log(desk.model("model", float(number), card="---\nlicense: mit\nowner: acme\n---\n"))
    place = f"wandb://acme/{desk.project}"
    assert sh.json("sync", place)["registered"] == 3
    assert sh.json("sync", place)["registered"] == 0
    assert all("weightmark_receipt" in desk.metadata(f"churn:v{number}") for number in range(3))
    desk.server.world.alias(
        desk.server.version(f"{desk.project}/churn:v1").sequence,
        desk.server.version(f"{desk.project}/churn:v1"),
        "production",
    )
    sh.run("watch", place, "--once", "--json")
    assert "weightmark_seen" in desk.metadata("churn:v1")
    desk.server.replace(f"{desk.project}/churn:v1", "config.json", b'{"model_type": "other"}')
    assert sh.call("watch", place, "--once", "--json").exit_code == 3
