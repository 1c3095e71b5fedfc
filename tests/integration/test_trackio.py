"""The hook under the real trackio, whose store is a folder of this machine."""

import re
from pathlib import Path

import pytest
from tests.integration import trackio_desk
from tests.integration.trackio_desk import PROJECT, Desk
from tests.workshop import Shell, flip_byte

from weightmark.errors import RefusedError
from weightmark.vocabulary import EventKind
from weightmark.workspace.gate import Gate, Requirement
from weightmark_adapters.trackio import TrackioRegistry

bare, desk = trackio_desk.bare, trackio_desk.desk
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "wandb.md"
TARGET = "registry-prod/churn"


def links() -> list[str]:
    """Give what the registry has, as trackio tells."""
    import trackio

    collections = trackio.Api().registry("prod").collections()
    return [
        f"{link['source_artifact']}:v{link['source_version']}" for one in collections for link in one.links
    ]


def shell(desk: Desk) -> Shell:
    """Give the command line of the desk's own workspace."""
    env: dict[str, str | None] = {"WEIGHTMARK_HOME": str(desk.folder / "home"), "WEIGHTMARK_PARTY": "acme"}
    return Shell(folder=desk.folder, env=env)


@pytest.fixture
def prod(desk: Desk) -> Desk:
    import trackio

    trackio.Api().create_registry("prod")
    return desk


def test_what_is_logged_is_registered_and_carries_its_receipt(desk: Desk) -> None:
    uri = desk.log(desk.model(card="---\nlicense: mit\n---\n"), epochs=3, weightmark_owner="openlab")
    metadata = desk.stored("churn:v0")
    model = desk.workspace.find(uri)
    assert uri == f"trackio://{PROJECT}/churn:v0"
    assert metadata["weightmark_fingerprint"] == model.bundle
    assert metadata["weightmark_license"] == "MIT"
    assert metadata["weightmark_owner"] == "acme"
    assert metadata["weightmark_verdict"].startswith("allowed")
    assert metadata["epochs"] == 3
    with TrackioRegistry().checkout(uri) as stored:
        desk.workspace.verify(str(stored.path), expect=uri)
    assert not list(desk.folder.rglob(".weightmark-*"))


def test_a_path_logged_by_the_module_is_registered_as_trackio_would_name_it(desk: Desk) -> None:
    import trackio

    folder = desk.model()
    with desk.run():
        first = trackio.log_artifact(folder, type="model")
        second = trackio.log_artifact(folder / "model.safetensors", "weights", "model", aliases=["best"])
        other = trackio.log_artifact(folder / "config.json")
    assert (first.name, second.name, {*second.aliases}) == ("model", "weights", {"best", "latest"})
    assert desk.workspace.find(desk.uri(first)).name == "model"
    assert desk.workspace.find(desk.uri(second)).name == "weights"
    assert not other.metadata


def test_the_same_files_again_are_the_same_version(desk: Desk) -> None:
    folder = desk.model()
    assert desk.log(folder) == desk.log(folder)
    assert desk.log(folder, "other") == f"trackio://{PROJECT}/other:v0"


def test_what_the_run_used_becomes_lineage(desk: Desk) -> None:
    base = desk.log(desk.model("base", 2.0), "base")
    with desk.run("elsewhere") as run:
        rows = run.log_artifact(desk.artifact(desk.model("rows", 9.0), "rows", "dataset"))
    with desk.run() as run:
        run.use_artifact("base:latest")
        run.use_artifact(rows)
        child = desk.uri(run.log_artifact(desk.artifact(desk.model("child", 3.0))))
    parents = desk.workspace.resources.index.parents(desk.workspace.find(child).bundle)
    assert desk.workspace.find(base).bundle in {row.bundle for row in parents}
    assert ("trackio://elsewhere/rows:v0", "trained-on") in {(row.uri, row.relation) for row in parents}


def test_a_link_is_refused_for_a_base_without_commercial_use_and_given_after_a_grant(prod: Desk) -> None:
    sh = shell(prod)
    base = prod.model("base", 2.0)
    sh.run("register", base, "--license", "cc-by-nc-4.0", *sh.key("openlab"))
    prod.log(base, "base")
    with prod.run() as run:
        run.use_artifact("base:v0")
        child = run.log_artifact(prod.artifact(prod.model("child", 3.0)))
        with pytest.raises(RefusedError, match="commercial"):
            run.link_artifact(child, TARGET, aliases=["production"])
        with pytest.raises(RefusedError, match="commercial"):
            child.link(TARGET)
        assert links() == []
        sh.run("grant", base, "--to", "acme", "--for", "full", *sh.key("openlab"))
        assert run.link_artifact(child, TARGET, aliases=["production"]).is_link
    assert links() == ["churn:v0"]


def test_a_draft_is_logged_and_judged_before_it_is_linked(prod: Desk) -> None:
    base = prod.model("base", 2.0)
    shell(prod).run("register", base, "--license", "cc-by-nc-4.0", *shell(prod).key("openlab"))
    prod.log(base, "base")
    with prod.run() as run:
        run.link_artifact(prod.artifact(prod.model()), TARGET)
        run.use_artifact("base:v0")
        child = prod.artifact(prod.model("child", 3.0), "child")
        with pytest.raises(RefusedError, match="commercial"):
            run.link_artifact(child, TARGET)
    assert links() == ["churn:v0"]
    assert child.version == "v0"


def test_what_was_logged_unguarded_is_not_linked(bare: Desk) -> None:
    import trackio

    from weightmark_hooks.trackio import protect, unprotect

    trackio.Api().create_registry("prod")
    bare.log(bare.model(card="---\nlicense: mit\n---\n"))
    protect(bare.workspace)
    try:
        with bare.run() as run, pytest.raises(RefusedError, match="not registered"):
            run.link_artifact(run.use_artifact("churn:v0"), TARGET)
    finally:
        unprotect()
    assert links() == []


def test_a_model_tampered_with_in_the_store_is_neither_loaded_nor_linked(prod: Desk) -> None:
    prod.log(prod.model(card="---\nlicense: mit\n---\n"))
    with prod.run() as run:
        used = run.use_artifact("churn:latest")
        assert Path(used.download(prod.folder / "down"), "model.safetensors").is_file()
        run.link_artifact(used, TARGET)
        flip_byte(prod.blobs()[-1], -1)
        with pytest.raises(RefusedError, match=r"model\.safetensors"):
            used.download(prod.folder / "again")
        with pytest.raises(RefusedError, match=r"model\.safetensors"):
            run.use_artifact(f"{TARGET}:latest").download(prod.folder / "linked")
        with pytest.raises(RefusedError, match=r"model\.safetensors"):
            run.link_artifact(used, "registry-prod/other")
    assert links() == ["churn:v0"]


def test_a_file_changed_where_trackio_would_not_look_again_is_found(desk: Desk) -> None:
    import os

    desk.log(desk.model())
    with desk.run() as run:
        used = run.use_artifact("churn:v0")
        file = Path(used.download(desk.folder / "down"), "model.safetensors")
        before = file.stat()
        flip_byte(file, -1)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(RefusedError, match=r"model\.safetensors"):
            used.download(desk.folder / "down")


def test_what_nobody_registered_is_loaded_and_other_types_pass(bare: Desk) -> None:
    from weightmark_hooks.trackio import protect, unprotect

    bare.log(bare.model())
    protect(bare.workspace)
    try:
        with bare.run() as run:
            assert run.use_artifact("churn:v0").download(bare.folder / "down")
            run.log_artifact(bare.artifact(bare.model(), "rows", "dataset"))
            assert run.use_artifact("rows:v0").download(bare.folder / "rows")
    finally:
        unprotect()
    assert not bare.stored("rows:v0")


def test_a_reference_is_logged_as_not_checked_and_never_linked(prod: Desk) -> None:
    made = prod.artifact(prod.model(card="---\nlicense: mit\n---\n"))
    made.add_reference((prod.folder / "model" / "config.json").as_uri(), "elsewhere.json")
    with prod.run() as run:
        run.log_artifact(made)
        with pytest.raises(RefusedError, match="only refers"):
            run.link_artifact(made, TARGET)
    assert prod.stored("churn:v0")["weightmark_verdict"] == "undecided (not-checked)"
    assert links() == []


def test_a_ledger_that_fails_stops_what_is_gated_and_loses_no_work(
    prod: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged = prod.log(prod.model(card="---\nlicense: mit\n---\n"))

    def fail(*_: object, **__: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(type(prod.workspace), "handle", fail)
    assert prod.log(prod.model("second", 7.0)) == logged.replace(":v0", ":v1")
    assert prod.stored("churn:v1")["weightmark_verdict"] == "undecided (not-checked)"
    with prod.run() as run:
        used = run.use_artifact("churn:v0")
        with pytest.raises(RefusedError):
            run.link_artifact(used, TARGET)
        with pytest.raises(RefusedError):
            used.download(prod.folder / "down")
    gate = Gate(requires=frozenset({Requirement.REGISTERED}))
    monkeypatch.setitem(prod.workspace.configuration.gates, EventKind.LOG, gate)  # type: ignore[arg-type]
    with pytest.raises(RefusedError):
        prod.log(prod.model("third", 8.0))
    assert links() == []


def test_protecting_twice_is_protecting_once_and_can_be_undone(bare: Desk) -> None:
    from trackio.run import Run

    from weightmark_hooks.trackio import protect, unprotect

    original = Run.log_artifact
    protect(bare.workspace)
    guarded = Run.log_artifact
    protect(bare.workspace)
    assert Run.log_artifact is guarded is not original
    unprotect()
    assert Run.log_artifact is original


def test_the_page_runs_as_it_is_written(desk: Desk) -> None:
    section = PAGE.read_text(encoding="utf-8").partition("\n## trackio\n")[2].partition("\n## ")[0]
    (block,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    desk.model()
    exec(compile(block, str(PAGE), "exec"), {})
    assert links() == ["churn:v0"]
    assert desk.workspace.find("trackio://churn/churn:v0").license == "Apache-2.0"
