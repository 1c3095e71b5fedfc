"""A version's number must say how far it goes, when the settings ask for it; branches point to versions."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.workspace.conftest import NOW
from tests.workshop import LAYERS, write_model

from weightmark.claims import VersionClaim
from weightmark.discovery import Plugins
from weightmark.encoding import Digest
from weightmark.errors import MalformedError, RefusedError
from weightmark.workspace import Configuration, Workspace
from weightmark.workspace.branching import branch_uri, find_version, list_versions
from weightmark.workspace.gate import VersionRule
from weightmark.workspace.versioning import check_version

TUNED = {**LAYERS, "dense.bias": [1.5, 2.0]}
LARGER = {**LAYERS, "head.weight": [1.0]}


@pytest.fixture
def judging(plugins: Plugins) -> Iterator[Workspace]:
    configuration = replace(Configuration.load({"ledger": "memory:"}), versions=VersionRule.SEMANTIC)
    with Workspace(configuration, plugins, clock=lambda: NOW) as opened:
        yield opened


def put(
    workspace: Workspace, folder: Path, version: str, layers: dict[str, list[float]] | None = None
) -> None:
    workspace.register(str(write_model(folder, layers or LAYERS)), name="churn", version=version, mine=True)


def versions(workspace: Workspace) -> list[str]:
    workspace.resources.catch_up()
    return [node.version for node in list_versions(workspace.resources, "churn")]


@pytest.mark.parametrize(
    ("layers", "version", "level"),
    [(TUNED, "1.0.1", "minor"), (LARGER, "1.1.0", "major"), (TUNED, "1.0.0", "minor")],
)
def test_a_version_that_is_too_small_is_refused_and_nothing_is_recorded(
    judging: Workspace, tmp_path: Path, layers: dict[str, list[float]], version: str, level: str
) -> None:
    put(judging, tmp_path / "a", "1.0.0")
    with pytest.raises(RefusedError, match=level):
        put(judging, tmp_path / "b", version, layers)
    assert versions(judging) == ["1.0.0"]
    assert len(judging.resources.index.history()) == 2


@pytest.mark.parametrize(
    ("layers", "version"),
    [
        (TUNED, "1.1.0"),
        (LARGER, "2.0.0"),
        (TUNED, "2.0.0"),
        (TUNED, "1.1.0-rc.1"),
        (TUNED, "0.9.0"),
        (TUNED, "3"),
    ],
)
def test_a_version_that_is_large_enough_is_recorded(
    judging: Workspace, tmp_path: Path, layers: dict[str, list[float]], version: str
) -> None:
    put(judging, tmp_path / "a", "1.0.0")
    put(judging, tmp_path / "b", version, layers)
    assert versions(judging) == ["1.0.0", version]


def test_a_card_alone_asks_for_a_patch(judging: Workspace, tmp_path: Path) -> None:
    put(judging, tmp_path / "a", "1.0.0")
    folder = write_model(tmp_path / "b", card="# A model\n")
    judging.register(str(folder), name="churn", version="1.0.1", mine=True)
    assert versions(judging) == ["1.0.0", "1.0.1"]


@pytest.mark.parametrize(
    ("config", "version"),
    [
        ('{"model_type": "mlp", "hidden_size": 5}', "2.0.0"),
        ('{"model_type": "mlp", "hidden_size": 4, "top_k": 3}', "1.1.0"),
    ],
)
def test_the_configuration_is_judged_by_its_keys_while_the_earlier_one_is_there(
    judging: Workspace, tmp_path: Path, config: str, version: str
) -> None:
    put(judging, tmp_path / "a", "1.0.0")
    (write_model(tmp_path / "b") / "config.json").write_text(config)
    with pytest.raises(RefusedError):
        judging.register(str(tmp_path / "b"), name="churn", version="1.0.1", mine=True)
    judging.register(str(tmp_path / "b"), name="churn", version=version, mine=True)
    assert versions(judging)[-1] == version


def test_the_configuration_asks_for_major_when_the_earlier_one_is_gone(
    judging: Workspace, tmp_path: Path
) -> None:
    put(judging, tmp_path / "a", "1.0.0")
    (tmp_path / "a/config.json").unlink()
    (write_model(tmp_path / "b") / "config.json").write_text('{"model_type": "mlp", "top_k": 3}')
    with pytest.raises(RefusedError, match="not at hand"):
        judging.register(str(tmp_path / "b"), name="churn", version="1.1.0", mine=True)


def test_a_branch_of_old_versions_is_held_against_its_own_predecessor(
    judging: Workspace, tmp_path: Path
) -> None:
    put(judging, tmp_path / "a", "1.0.0")
    put(judging, tmp_path / "b", "2.0.0", LARGER)
    put(judging, tmp_path / "c", "1.1.0", TUNED)
    assert versions(judging) == ["1.0.0", "2.0.0", "1.1.0"]


def test_strict_refuses_what_is_no_semantic_version(plugins: Plugins, tmp_path: Path) -> None:
    configuration = replace(Configuration.load({"ledger": "memory:"}), versions=VersionRule.STRICT)
    with Workspace(configuration, plugins, clock=lambda: NOW) as opened:
        for version in ("3", ""):
            with pytest.raises(RefusedError, match="no semantic version"):
                put(opened, tmp_path / "a", version)
        put(opened, tmp_path / "a", "1.0.0")


def test_nobody_is_judged_by_a_stranger_who_takes_the_same_name(judging: Workspace, tmp_path: Path) -> None:
    put(judging, tmp_path / "a", "1.0.0")
    nodes = list_versions(judging.resources, "churn")
    assert nodes[0].linkers == {"acme"}
    judging.resources.configuration = replace(
        judging.configuration, party=replace(judging.configuration.party, name="other")
    )
    model = judging.find(nodes[0].bundle)
    check_version(judging.resources, "churn", "1.0.0", replace(model, bundle=Digest("other")), "")


def test_without_the_setting_any_version_passes(workspace: Workspace, tmp_path: Path) -> None:
    put(workspace, tmp_path / "a", "1.0.0")
    put(workspace, tmp_path / "b", "1.0.0", LARGER)
    assert versions(workspace) == ["1.0.0", "1.0.0"]


def test_the_setting_is_read_and_a_wrong_one_named(home: Path) -> None:
    Path("weightmark.toml").write_text('[versions]\nenforce = "semantic"\n')
    assert Configuration.load().versions is VersionRule.SEMANTIC
    Path("weightmark.toml").write_text('[versions]\nenforce = "often"\n')
    with pytest.raises(MalformedError, match="off, semantic, strict"):
        Configuration.load()


def test_versions_that_lost_their_place_stay_in_the_graph(workspace: Workspace, tmp_path: Path) -> None:
    put(workspace, tmp_path / "a", "1.0.0")
    put(workspace, tmp_path / "a", "1.1.0", TUNED)
    first, second = list_versions(workspace.resources, "churn")
    assert (first.version, first.uris) == ("1.0.0", ())
    assert second.uris == ((tmp_path / "a").as_uri(),)
    assert [(edge.name, edge.relation) for edge in second.parents] == [("1.0.0", "follows")]


def test_what_was_stated_goes_before_the_order(workspace: Workspace, tmp_path: Path) -> None:
    put(workspace, tmp_path / "a", "1.0.0")
    put(workspace, tmp_path / "b", "2.0.0", LARGER)
    folder = write_model(tmp_path / "c", TUNED)
    base = list_versions(workspace.resources, "churn")[0].bundle
    workspace.register(str(folder), name="churn", version="3.0.0", mine=True, bases=(base, "hf:acme/other"))
    third = list_versions(workspace.resources, "churn")[2]
    assert [(edge.name, edge.relation, edge.within) for edge in third.parents] == [
        ("1.0.0", "fine-tune", True),
        ("hf:acme/other", "fine-tune", False),
    ]


def test_a_branch_is_a_signed_claim_and_moves(workspace: Workspace, tmp_path: Path) -> None:
    put(workspace, tmp_path / "a", "1.0.0")
    put(workspace, tmp_path / "b", "1.1.0", TUNED)
    uri = branch_uri("churn", "stable")
    for version in ("1.0.0", "1.1.0"):
        node = find_version(list_versions(workspace.resources, "churn"), "churn", version)
        model = workspace.find(node.bundle)
        workspace.record(model, VersionClaim(model="churn", version="stable", uri=uri, issued_at=NOW))
        nodes = list_versions(workspace.resources, "churn")
        assert [each.version for each in nodes if "stable" in each.branches] == [version]
        assert find_version(nodes, "churn", "stable").version == version
    assert versions(workspace) == ["1.0.0", "1.1.0"]


def test_our_own_version_goes_before_one_of_the_same_name_by_others(
    workspace: Workspace, tmp_path: Path
) -> None:
    put(workspace, tmp_path / "a", "1.0.0")
    (ours,) = list_versions(workspace.resources, "churn")
    theirs = replace(ours, bundle=Digest("other"), linkers=frozenset({"bob"}), entry=99)
    nodes = [ours, theirs]
    assert find_version(nodes, "churn", "1.0.0", party="acme") is ours
    assert find_version(nodes, "churn", "1.0.0", party="carol") is theirs


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a\nb"])
def test_a_branch_needs_a_word(name: str) -> None:
    with pytest.raises(MalformedError):
        branch_uri("churn", name)
