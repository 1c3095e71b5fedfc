"""What differs between two models, and how far the numbers moved."""

import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.similarity.models import load, make_weights, model, narrow, save, tune

from weightmark.errors import MalformedError
from weightmark.similarity.changelog import write_entry
from weightmark.similarity.difference import Change, diff_models
from weightmark.similarity.picture import norms_by_place
from weightmark.similarity.semantic import Level, Version, judge_key, propose


def test_equal_models_do_not_differ(tmp_path: Path) -> None:
    weights = make_weights(1)
    found = diff_models(model(tmp_path / "a", weights), model(tmp_path / "b", weights))
    assert found.is_empty
    assert len(found.equal) == len(weights)
    assert propose(found).level is Level.NONE
    assert "Nothing changed." in write_entry(found, propose(found), None, datetime(2026, 11, 22, tzinfo=UTC))


def test_how_far_numbers_moved_is_what_numpy_says(tmp_path: Path) -> None:
    before = make_weights(1)
    after = {**before, "layers.1.up.weight": tune(before, 2)["layers.1.up.weight"]}
    after["layers.1.up.weight"][:10] = before["layers.1.up.weight"][:10]
    found = diff_models(model(tmp_path / "a", before), model(tmp_path / "b", after))
    (tensor,) = found.tensors
    assert (tensor.name, tensor.change, tensor.layer) == ("layers.1.up.weight", Change.CHANGED, 1)
    old, new = (each["layers.1.up.weight"].astype(np.float64) for each in (before, after))
    measure = tensor.measure
    assert measure is not None
    assert measure.relative_norm == pytest.approx(np.linalg.norm(new - old) / np.linalg.norm(old), rel=1e-5)
    assert measure.cosine == pytest.approx(
        (old * new).sum() / np.linalg.norm(old) / np.linalg.norm(new), abs=1e-6
    )
    assert measure.changed == pytest.approx(86 / 96, abs=0.01)
    whole = np.concatenate([old.ravel(), before["layers.1.norm.weight"].astype(np.float64)])
    assert found.layers[1].relative_norm == pytest.approx(
        np.linalg.norm(new - old) / np.linalg.norm(whole), rel=1e-5
    )
    assert found.layers[0].relative_norm == 0
    assert propose(found).level is Level.MINOR


def test_what_came_went_and_changed_its_shape_is_named(tmp_path: Path) -> None:
    before = make_weights(1)
    after = {name: values for name, values in before.items() if name != "layers.1.up.weight"}
    after["layers.2.up.weight"] = np.ones((3, 2), np.float32)
    after["embed.weight"] = before["embed.weight"][:32]
    found = diff_models(model(tmp_path / "a", before), model(tmp_path / "b", after))
    assert {tensor.name: tensor.change for tensor in found.tensors} == {
        "embed.weight": Change.RESHAPED,
        "layers.1.up.weight": Change.REMOVED,
        "layers.2.up.weight": Change.ADDED,
    }
    proposal = propose(found)
    assert proposal.level is Level.MAJOR
    entry = write_entry(found, proposal, Version.parse("1.4.2"), datetime(2026, 11, 22, tzinfo=UTC))
    assert entry.startswith("## 2.0.0 - 2026-11-22\n\n### Added\n\n- Tensor `layers.2.up.weight`, [3, 2].")
    norms, marks = norms_by_place(found)
    assert marks["layers.*.up.weight", 2] == "+"
    assert marks["layers.*.up.weight", 1] == "-"
    assert norms["layers.*.up.weight", 0] == 0


def test_the_same_numbers_under_other_names_are_packaging(tmp_path: Path) -> None:
    before = make_weights(1)
    after = {f"model.{name}": values for name, values in before.items()}
    found = diff_models(model(tmp_path / "a", before), model(tmp_path / "b", after))
    assert {tensor.change for tensor in found.tensors} == {Change.RENAMED}
    assert all(tensor.name == f"model.{tensor.renamed_from}" for tensor in found.tensors)
    assert propose(found).level is Level.PATCH


def test_a_type_that_keeps_every_value_is_packaging_and_one_that_does_not_is_a_change(tmp_path: Path) -> None:
    exact = {name: values.astype(np.float32) for name, values in narrow(make_weights(1)).items()}
    one = model(tmp_path / "a", exact)
    assert propose(diff_models(one, model(tmp_path / "b", narrow(exact)))).level is Level.PATCH
    rounded = diff_models(
        model(tmp_path / "c", make_weights(1)), model(tmp_path / "d", narrow(make_weights(1)))
    )
    assert propose(rounded).level is Level.MINOR


def test_an_unrelated_model_of_the_same_shape_is_another_one(tmp_path: Path) -> None:
    found = diff_models(model(tmp_path / "a", make_weights(1)), model(tmp_path / "b", make_weights(2)))
    assert propose(found).level is Level.MAJOR


def test_a_change_within_rounding_is_a_patch(tmp_path: Path) -> None:
    before = make_weights(1)
    after = {name: np.nextafter(values, np.float32(1)) for name, values in before.items()}
    assert (
        propose(diff_models(model(tmp_path / "a", before), model(tmp_path / "b", after))).level is Level.PATCH
    )


def test_numbers_that_are_not_finite_are_counted_and_left_out(tmp_path: Path) -> None:
    before = make_weights(1)
    after = {name: values.copy() for name, values in before.items()}
    before["embed.weight"][0, :3] = np.nan
    after["embed.weight"][0, :5] = [np.nan, np.nan, 1, np.inf, -np.inf]
    found = diff_models(model(tmp_path / "a", before), model(tmp_path / "b", after))
    (tensor,) = found.tensors
    assert tensor.measure is not None
    assert tensor.measure.strange == 5
    assert tensor.measure.moved == 3
    assert tensor.measure.relative_norm == 0


def test_integers_beyond_float32_are_changed_though_no_number_shows_it(tmp_path: Path) -> None:
    one = model(tmp_path / "a", {"steps": np.array([2**40], np.int64)})
    found = diff_models(one, model(tmp_path / "b", {"steps": np.array([2**40 + 1], np.int64)}))
    (tensor,) = found.tensors
    assert tensor.measure is None
    assert propose(found).level is Level.MINOR


def test_configuration_and_files_are_told_by_key_and_path(tmp_path: Path) -> None:
    weights = make_weights(1)
    save(tmp_path / "a", weights, {"rope": {"theta": 1}, "dropout": 0.1})
    save(tmp_path / "b", weights, {"rope": {"theta": 2}, "dropout": 0.2})
    (tmp_path / "a/README.md").write_text("one")
    (tmp_path / "b/README.md").write_text("two")
    (tmp_path / "b/tokenizer.json").write_text("{}")
    found = diff_models(load(tmp_path / "a"), load(tmp_path / "b"))
    assert [(key.key, key.before, key.after) for key in found.config] == [
        ("dropout", 0.1, 0.2),
        ("rope.theta", 1, 2),
    ]
    assert found.files == {"README.md": Change.CHANGED, "tokenizer.json": Change.ADDED}
    levels = {reason.text.split()[0]: reason.level for reason in propose(found).reasons}
    assert levels == {
        "rope.theta": Level.MAJOR,
        "tokenizer.json": Level.MINOR,
        "README.md": Level.PATCH,
        "dropout": Level.PATCH,
    }


def test_other_bytes_around_equal_tensors_are_packaging(tmp_path: Path) -> None:
    weights = make_weights(1)
    one = model(tmp_path / "a", weights)
    other = model(tmp_path / "b", dict(reversed(weights.items())))
    found = diff_models(one, other)
    assert found.files == {"model.safetensors": Change.CHANGED}
    assert propose(found).level is Level.PATCH


@pytest.mark.parametrize(
    ("key", "level"),
    [
        ("hidden_size", Level.MAJOR),
        ("never_heard_of", Level.MAJOR),
        ("eos_token_id", Level.MINOR),
        ("torch_dtype", Level.PATCH),
        ("text_config.attention_dropout", Level.PATCH),
        ("quantization_config._load_in_4bit", Level.PATCH),
    ],
)
def test_keys_of_the_configuration_matter_differently(key: str, level: Level) -> None:
    assert judge_key(key).level is level


@pytest.mark.parametrize(
    ("version", "level", "expected"),
    [
        ("1.4.2", Level.NONE, "1.4.2"),
        ("1.4.2", Level.PATCH, "1.4.3"),
        ("1.4.2", Level.MINOR, "1.5.0"),
        ("v1.4.2", Level.MAJOR, "v2.0.0"),
        ("0.4.2", Level.MAJOR, "0.5.0"),
        ("0.4.2", Level.PATCH, "0.4.3"),
        ("1.4.2-rc.1", Level.PATCH, "1.4.2"),
        ("1.4.2+build.5", Level.MINOR, "1.5.0"),
    ],
)
def test_the_next_version(version: str, level: Level, expected: str) -> None:
    assert str(Version.parse(version).raised(level)) == expected


def test_versions_are_ordered_as_their_standard_orders_them() -> None:
    ordered = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
    ]
    versions = [Version.parse(text) for text in ordered]
    mixed = [versions[at] for at in (3, 0, 6, 1, 5, 2, 4)]
    assert sorted(mixed) == versions


@pytest.mark.parametrize("text", ["3", "1.2", "01.2.3", "1.2.3.4", "", "latest", "1.2.3-"])
def test_what_is_no_semantic_version_is_said_to_be_none(text: str) -> None:
    with pytest.raises(MalformedError, match="semantic"):
        Version.parse(text)


@given(st.tuples(*[st.integers(0, 99)] * 3), st.sampled_from([Level.PATCH, Level.MINOR, Level.MAJOR]))
def test_a_raised_version_comes_later(core: tuple[int, int, int], level: Level) -> None:
    version = Version(core=core)
    assert version < version.raised(level)


def test_names_from_a_strangers_file_stay_names_in_the_changelog(tmp_path: Path) -> None:
    one = model(tmp_path / "a", {"x": np.ones(4, np.float32)})
    other = model(tmp_path / "b", {"a`b](http://x)\n# c": np.ones((2, 2), np.float32)})
    found = diff_models(one, other)
    entry = write_entry(found, propose(found), None, datetime(2026, 11, 22, tzinfo=UTC))
    assert "- Tensor `a'b](http://x)\\n# c`, [2, 2]." in entry


def test_a_zero_before_has_no_relative_norm(tmp_path: Path) -> None:
    one = model(tmp_path / "a", {"x": np.zeros(4, np.float32)})
    found = diff_models(one, model(tmp_path / "b", {"x": np.ones(4, np.float32)}))
    assert found.total.relative_norm is None
    assert found.total.cosine is None
    assert not math.isnan(found.total.changed)
