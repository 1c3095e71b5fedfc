"""``diff``, ``verify-merge`` and ``versions`` as a person calls them."""

from pathlib import Path

import numpy as np
import pytest
from tests.unit.cli.test_json_schema import holds
from tests.unit.similarity.models import Weights, make_weights, save, tune
from tests.workshop import LAYERS, Shell, write_model

BASE = make_weights(1)
TUNED = {**LAYERS, "dense.bias": [1.5, 2.0]}


@pytest.fixture
def family(shell: Shell) -> Path:
    one, two = tune(BASE, 2), tune(BASE, 3)
    half: Weights = {name: ((one[name] + two[name]) / 2).astype(np.float32) for name in BASE}
    for name, weights in (
        ("base", BASE),
        ("one", one),
        ("two", two),
        ("half", half),
        ("far", make_weights(9)),
    ):
        save(shell.folder / name, weights)
    return shell.folder


def test_diff_says_what_changed_and_the_next_version(shell: Shell, family: Path) -> None:
    shown = shell.run("diff", "base", "one", "--from", "1.4.2").stdout
    assert "1.4.2 -> 1.5.0" in shown
    assert "layers.1.up.weight" in shown
    answer = shell.json("diff", "base", "one", "--from", "1.4.2")
    holds("diff", answer)
    assert answer["version"]["level"] == "minor"
    assert len(answer["tensors"]) == len(BASE)


def test_diff_of_equal_models_ends_with_0_too(shell: Shell, family: Path) -> None:
    assert "Nothing differs." in shell.run("diff", "base", "base").stdout
    answer = shell.json("diff", "base", "base")
    holds("diff", answer)
    assert answer["identical"] is True
    assert answer["version"]["next"] is None


def test_diff_prints_an_entry_for_a_changelog(shell: Shell, family: Path) -> None:
    entry = shell.run("diff", "base", "one", "--from", "1.4.2", "--changelog", "--date", "2026-11-22").stdout
    assert entry.startswith("## 1.5.0 - 2026-11-22\n\n### Changed\n\n- Weights: 5 of 5 tensors, 100.0%")
    answer = shell.json("diff", "base", "one", "--changelog", "--date", "2026-11-22")
    assert answer["changelog"].startswith("## Unreleased - 2026-11-22")


def test_diff_of_what_went_and_came_holds_to_its_schema(shell: Shell, family: Path) -> None:
    write_model(shell.folder / "small")
    answer = shell.json("diff", "base", "small")
    holds("diff", answer)
    assert answer["version"]["level"] == "major"
    assert "added" in shell.run("diff", "base", "small").stdout


def test_diff_used_wrongly_is_a_usage_error_or_named(shell: Shell, family: Path) -> None:
    shell.run("diff", "base", "one", "--picture", "x.gif", code=2)
    shell.fail("diff", "base", "one", "--from", "new", code=1)
    shell.fail("diff", "base", "nowhere", code=1)


def test_verify_merge_names_recipe_coefficients_and_decoy(shell: Shell, family: Path) -> None:
    shown = shell.run("verify-merge", "half", "--parents", "one", "two", "far", "--base", "base").stdout
    assert "linear explains half" in shown
    assert "does not contribute" in shown
    answer = shell.json("verify-merge", "half", "--parents", "one", "two", "--base", "base")
    holds("verify-merge", answer)
    assert answer["recipe"] == "linear"
    assert [each["value"] for each in answer["coefficients"]] == pytest.approx([0.5, 0.5], abs=0.02)


def test_verify_merge_refuses_what_does_not_hold(shell: Shell, family: Path) -> None:
    claimed = ("verify-merge", "half", "--parents", "one", "two", "--claim", "linear", "--weights")
    assert shell.json(*claimed, "0.5,0.5")["ok"] is True
    answer = shell.json(*claimed, "0.6,0.4", code=3)
    holds("verify-merge", answer)
    assert answer["recipe"] is None
    assert "not 0.600" in answer["failures"][0]["reason"]
    answer = shell.json("verify-merge", "far", "--parents", "one", "two", code=3)
    holds("verify-merge", answer)
    assert not any(each["fits"] for each in answer["tensors"])
    assert (
        "No recipe explains far" in shell.run("verify-merge", "far", "--parents", "one", "two", code=3).stdout
    )


def test_verify_merge_used_wrongly_is_a_usage_error(shell: Shell, family: Path) -> None:
    shell.run("verify-merge", "half", code=2)
    shell.run("verify-merge", "half", "--parents", "one", "two", "--weights", "0.5,0.5", code=2)
    shell.run(
        "verify-merge", "half", "--parents", "one", "two", "--claim", "linear", "--weights", "a", code=2
    )
    shell.run(
        "verify-merge", "half", "--parents", "one", "two", "--claim", "linear", "--weights", "1", code=2
    )
    shell.run("verify-merge", "half", "--parents", "one", "--claim", "linear", code=2)
    shell.fail("verify-merge", "half", "--parents", "base", "--adapter", "one", code=1)


def test_versions_are_listed_compared_and_named(shell: Shell) -> None:
    for name, version, layers in (("a", "1.0.0", LAYERS), ("b", "1.1.0", TUNED)):
        write_model(shell.folder / name, layers)
        shell.run("register", name, "--name", "churn", "--version", version, "--mine")
    assert "points to 1.1.0" in shell.run("versions", "churn", "--branch", "stable", "1.1.0").stdout
    answer = shell.json("versions", "churn")
    holds("versions", answer)
    assert [(each["version"], each["branches"]) for each in answer["versions"]] == [
        ("1.0.0", []),
        ("1.1.0", ["stable"]),
    ]
    assert "1.0.0" in shell.run("versions", "churn").stdout
    compared = shell.json("versions", "churn", "--compare", "1.0.0", "stable")
    holds("diff", compared)
    assert compared["version"]["next"] == "1.1.0"
    shell.run("verify", "b", "--expect", "branch:churn/stable")
    shell.run("verify", "a", "--expect", "branch:churn/stable", code=3)


def test_versions_that_are_not_there_are_named(shell: Shell, model: Path) -> None:
    shell.fail("versions", "churn", code=4)
    shell.run("register", model, "--version", "1.0.0", "--mine")
    shell.fail("versions", "churn", "--compare", "1.0.0", "2.0.0", code=4)
    shell.run("versions", "churn", "--compare", "1.0.0", "1.0.0", "--branch", "a", "1.0.0", code=2)
    (model / "README.md").write_text("new")
    shell.fail("versions", "churn", "--compare", "1.0.0", "1.0.0", code=3)


def test_only_who_named_a_branch_moves_it(shell: Shell, model: Path) -> None:
    shell.run("register", model, "--version", "1.0.0", *shell.key("openlab"))
    shell.run("versions", "churn", "--branch", "stable", "1.0.0", *shell.key("openlab"))
    write_model(shell.folder / "other", TUNED)
    shell.run("register", "other", "--name", "churn", "--version", "1.1.0", *shell.key("bigcorp"))
    shell.fail("versions", "churn", "--branch", "stable", "1.1.0", *shell.key("bigcorp"), code=4)


def test_a_version_that_is_too_small_is_refused_at_the_gate(shell: Shell) -> None:
    Path("weightmark.toml").write_text('[versions]\nenforce = "semantic"\n')
    write_model(shell.folder / "a")
    write_model(shell.folder / "b", TUNED)
    shell.run("register", "a", "--name", "churn", "--version", "1.0.0", "--mine")
    said = shell.fail("register", "b", "--name", "churn", "--version", "1.0.1", "--mine", code=4)
    assert "asks for minor: tensor dense.bias changed" in said
    assert "1.1.0 or larger" in said
    shell.run("register", "b", "--name", "churn", "--version", "1.1.0", "--mine")
