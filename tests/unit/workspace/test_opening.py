"""Opening as a tier: no more than was asked for, no more than is granted, and only what was registered."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from tests.workshop import LAYERS, flip_byte, write_model

from weightmark import EventKind, ModelEvent
from weightmark.claims import GrantClaim, Revocation
from weightmark.encoding import Json
from weightmark.errors import (
    DigestMismatchError,
    GrantRevokedError,
    InferenceError,
    MalformedError,
    NotEntitledError,
    UndecidedError,
    WeightmarkError,
)
from weightmark.licensing import Capability, Grant, Tier
from weightmark.ports import Observer
from weightmark.workspace import Loader, Workspace

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ACCESSES: Mapping[str, Capability] = {
    "metadata": Capability.VIEW_METADATA,
    "architecture": Capability.VIEW_ARCHITECTURE,
    "tensors": Capability.DOWNLOAD_WEIGHTS,
    "weights": Capability.DOWNLOAD_WEIGHTS,
    "infer": Capability.INFER,
}


class Listener(Observer):
    name: ClassVar[str] = "listener"

    def __init__(self) -> None:
        self.heard: list[tuple[str, object, object]] = []

    def notice(self, event: ModelEvent, outcome: Mapping[str, Json]) -> None:
        if "open" in event.context:
            assert event.kind is EventKind.LOAD
            self.heard.append((event.context["capability"], outcome["allowed"], outcome["code"]))


@pytest.fixture
def card_model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "work" / "churn", card="---\nlicense: mit\n---\n# Churn\n")


def grant(workspace: Workspace, model: Path, tier: Tier) -> str:
    """Let bigcorp have a tier of a model that is closed to it otherwise."""
    registered = workspace.find(str(model))
    given = Grant(model=registered.bundle, licensor="acme", grantee="bigcorp", tier=tier, start=NOW)
    said = workspace.record(registered, GrantClaim(grant=given, issued_at=NOW), owner_only="grant it")
    return said.statement.digest


def use(loader: Loader, name: str) -> object:
    access: Callable[..., object] = getattr(loader, name)
    return access(np.zeros(1)) if name == "infer" else access()


@pytest.fixture
def closed(workspace: Workspace, model: Path) -> Path:
    """A model whose licence gives nobody anything to see, run or take."""
    workspace.register(str(model), license_="LicenseRef-none-of-yours", mine=True)
    return model


def test_the_owner_is_given_all_that_the_tier_holds(workspace: Workspace, card_model: Path) -> None:
    workspace.register(str(card_model), mine=True, name="acme/churn")
    with workspace.open_model(str(card_model), tier="full") as loader:
        metadata, architecture = loader.metadata(), loader.architecture()
        assert (metadata.name, metadata.owner, metadata.license) == ("acme/churn", "acme", "MIT")
        assert metadata.card.endswith("# Churn\n")
        assert metadata.credits == "acme/churn by acme (MIT)"
        assert metadata.receipt.endswith("#0")
        assert architecture.configuration == {"model_type": "mlp", "hidden_size": 4}
        assert [(each.name, each.dtype, each.shape) for each in architecture.tensors] == [
            ("dense.bias", "float32", (2,)),
            ("dense.weight", "float32", (4,)),
        ]
        assert architecture.parameters == 6
        tensors = loader.tensors()
        assert {name: array.tolist() for name, array in tensors.items()} == LAYERS
        assert not tensors["dense.bias"].flags.writeable
        copy = loader.weights()
        assert {file.name for file in copy.iterdir()} == {file.name for file in card_model.iterdir()}
    assert not copy.exists()


@pytest.mark.parametrize("tier", Tier)
@pytest.mark.parametrize("granted", Tier)
def test_what_is_given_is_what_both_the_tier_and_the_grant_hold(
    workspace: Workspace, closed: Path, tier: Tier, granted: Tier
) -> None:
    grant(workspace, closed, granted)
    with workspace.open_model(str(closed), tier=tier, party="bigcorp") as loader:
        for name, capability in ACCESSES.items():
            if capability in tier.capabilities & granted.capabilities:
                if name == "infer":
                    with pytest.raises(InferenceError, match="nothing that is installed runs"):
                        use(loader, name)
                else:
                    assert use(loader, name)
                continue
            with pytest.raises((NotEntitledError, UndecidedError)) as caught:
                use(loader, name)
            assert caught.value.hint
            if capability not in tier.capabilities:
                assert tier.value in caught.value.message
                assert capability.value in caught.value.message
                assert "weightmark grant churn --to bigcorp --for" in caught.value.hint


def test_a_tier_that_nobody_knows_is_refused(workspace: Workspace, closed: Path) -> None:
    with pytest.raises(ValueError, match="'platinum'"):
        workspace.open_model(str(closed), tier="platinum")


def test_what_nobody_registered_is_not_opened(workspace: Workspace, model: Path) -> None:
    with pytest.raises(NotEntitledError, match="nothing registered"):
        workspace.open_model(str(model), tier="metadata")


def test_a_name_is_enough_where_no_files_are_needed(workspace: Workspace, closed: Path) -> None:
    with workspace.open_model("churn", tier="metadata") as loader:
        assert loader.metadata().owner == "acme"


def test_a_revocation_reaches_a_loader_that_is_open(workspace: Workspace, closed: Path) -> None:
    issued = grant(workspace, closed, Tier.FULL)
    with workspace.open_model(str(closed), tier="fine-tune", party="bigcorp") as loader:
        tensors = loader.tensors()
        assert tensors["dense.bias"].tolist() == [1.0, 2.0]
        claim = Revocation(target=issued, cause="not paid", issued_at=NOW)  # type: ignore[arg-type]
        workspace.record(workspace.find(str(closed)), claim, owner_only="revoke it")
        for name in ACCESSES:
            with pytest.raises((NotEntitledError, UndecidedError, GrantRevokedError)):
                use(loader, name)
        with pytest.raises((NotEntitledError, UndecidedError, GrantRevokedError)):
            tensors["dense.bias"]


def test_a_purpose_reaches_the_decision(workspace: Workspace, closed: Path) -> None:
    registered = workspace.find(str(closed))
    given = Grant(
        model=registered.bundle,
        licensor="acme",
        grantee="bigcorp",
        tier=Tier.FULL,
        start=NOW,
        purposes=frozenset({"research"}),
    )
    workspace.record(registered, GrantClaim(grant=given, issued_at=NOW), owner_only="grant it")
    with workspace.open_model(str(closed), tier="full", party="bigcorp", purpose="research") as loader:
        assert len(loader.tensors()) == 2
    with (
        workspace.open_model(str(closed), tier="full", party="bigcorp") as loader,
        pytest.raises(WeightmarkError),
    ):
        loader.tensors()


@pytest.mark.parametrize("position", [-1, 20])
@pytest.mark.parametrize("name", ["tensors", "weights"])
def test_a_changed_model_gives_no_weights(
    workspace: Workspace, closed: Path, name: str, position: int
) -> None:
    flip_byte(closed / "model.safetensors", position)
    with workspace.open_model(str(closed), tier="full") as loader, pytest.raises(DigestMismatchError):
        dict(use(loader, name))  # type: ignore[call-overload]


def test_only_the_changed_tensor_is_refused(workspace: Workspace, closed: Path) -> None:
    flip_byte(closed / "model.safetensors", -1)
    with workspace.open_model(str(closed), tier="full") as loader:
        tensors = loader.tensors()
        assert tensors["dense.weight"].tolist() == LAYERS["dense.weight"]
        with pytest.raises(DigestMismatchError) as caught:
            tensors["dense.bias"]
    assert [(each.tensor, each.reason) for each in caught.value.failures] == [("dense.bias", "changed")]


@pytest.mark.parametrize("name", ["architecture", "tensors", "weights"])
def test_a_changed_header_is_named(workspace: Workspace, closed: Path, name: str) -> None:
    flip_byte(closed / "model.safetensors", 9)
    with (
        workspace.open_model(str(closed), tier="full") as loader,
        pytest.raises(DigestMismatchError, match=r"model\.safetensors"),
    ):
        use(loader, name)


def test_a_changed_configuration_is_no_architecture(workspace: Workspace, closed: Path) -> None:
    (closed / "config.json").write_text('{"model_type": "mlp", "hidden_size": 5}')
    with (
        workspace.open_model(str(closed), tier="full") as loader,
        pytest.raises(DigestMismatchError, match=r"config\.json"),
    ):
        loader.architecture()


@pytest.mark.parametrize("change", [lambda card: card.write_text("# Other\n"), Path.unlink])
def test_a_changed_card_is_not_given(
    workspace: Workspace, card_model: Path, change: Callable[[Path], object]
) -> None:
    workspace.register(str(card_model), mine=True)
    change(card_model / "README.md")
    with (
        workspace.open_model(str(card_model), tier="full") as loader,
        pytest.raises(DigestMismatchError, match=r"README\.md"),
    ):
        loader.metadata()


def test_the_architecture_is_read_without_the_numbers(workspace: Workspace, closed: Path) -> None:
    flip_byte(closed / "model.safetensors", -1)
    with workspace.open_model(str(closed), tier="read-only") as loader:
        assert loader.architecture().parameters == 6


def test_what_changes_between_check_and_use_changes_nothing(workspace: Workspace, closed: Path) -> None:
    with workspace.open_model(str(closed), tier="full") as loader:
        copy = loader.weights()
        flip_byte(closed / "model.safetensors", -1)
        assert loader.weights() == copy
        again = workspace.fingerprint(str(copy))
        assert again.bundle == loader.model.bundle
        assert copy.stat().st_mode & 0o077 == 0
        assert all(file.stat().st_mode & 0o077 == 0 for file in copy.iterdir())


def test_a_copy_that_was_written_to_is_not_given_again(workspace: Workspace, closed: Path) -> None:
    with workspace.open_model(str(closed), tier="full") as loader:
        flip_byte(loader.weights() / "model.safetensors", -1)
        with pytest.raises(DigestMismatchError, match=r"dense\.bias"):
            loader.save(closed.parent / "copy")
        with pytest.raises(DigestMismatchError):
            loader.weights()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_takes_nothing_from_its_parent(workspace: Workspace, closed: Path) -> None:
    with workspace.open_model(str(closed), tier="full") as loader:
        copy = loader.weights()
        child = os.fork()
        if child == 0:
            loader.close()
            os._exit(0)
        os.waitpid(child, 0)
        assert (copy / "config.json").exists()
    assert not copy.exists()


def test_another_model_is_not_opened_under_a_name_that_is_freer(workspace: Workspace, closed: Path) -> None:
    free = write_model(closed.parent / "free", {"x": [1.0]})
    workspace.register(str(free), license_="mit", mine=True)
    with (
        workspace.open_model(str(closed), tier="full", party="bigcorp", expect="free") as loader,
        pytest.raises(DigestMismatchError),
    ):
        loader.weights()


def test_a_store_that_lost_the_manifest_costs_a_reading_and_nothing_else(
    workspace: Workspace, closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace.resources.store, "get", lambda _digest: None)
    with workspace.open_model(str(closed), tier="full") as loader:
        assert len(dict(loader.tensors())) == 2
        assert loader.metadata().card == ""
    flip_byte(closed / "model.safetensors", -1)
    with workspace.open_model(str(closed), tier="full") as loader, pytest.raises(DigestMismatchError):
        loader.tensors()


def test_a_single_file_is_opened_too(workspace: Workspace, model: Path) -> None:
    file = model / "model.safetensors"
    workspace.register(str(file), license_="mit", mine=True)
    with workspace.open_model(str(file), tier="full") as loader:
        assert loader.weights().read_bytes() == file.read_bytes()
        assert len(dict(loader.tensors())) == 2


def test_files_are_handed_over_with_what_goes_with_them(workspace: Workspace, closed: Path) -> None:
    issued = grant(workspace, closed, Tier.FULL)
    target = closed.parent / "copy"
    with workspace.open_model(str(closed), tier="full", party="bigcorp") as loader:
        written = loader.save(target)
        with pytest.raises(WeightmarkError, match="is there already"):
            loader.save(target)
    assert [path.relative_to(target).as_posix() for path in written] == [
        "model",
        "ATTRIBUTION.txt",
        "LICENSE.txt",
        "weightmark.bundle.json",
        "weightmark.manifest.json",
    ]
    assert workspace.verify(str(target / "model"), expect="churn").registration.owner == "acme"
    assert "churn by acme" in (target / "ATTRIBUTION.txt").read_text()
    licence = (target / "LICENSE.txt").read_text()
    assert issued in licence
    assert "Handed over to: bigcorp" in licence
    assert not [path for path in target.parent.iterdir() if path.name.startswith(".copy.")]


def test_an_empty_folder_is_filled_and_a_full_one_left_alone(workspace: Workspace, closed: Path) -> None:
    empty, full = closed.parent / "empty", closed.parent / "full"
    empty.mkdir()
    full.mkdir()
    (full / "mine").write_text("keep")
    with workspace.open_model(str(closed), tier="full") as loader:
        loader.save(empty)
        with pytest.raises(WeightmarkError, match="is there already"):
            loader.save(full)
    assert (empty / "model" / "config.json").exists()
    assert [path.name for path in full.iterdir()] == ["mine"]


def test_observers_are_told_of_each_first_opening_and_refusal(workspace: Workspace, closed: Path) -> None:
    listener = Listener()
    workspace.resources._made["observers"] = [listener]
    grant(workspace, closed, Tier.READ_ONLY)
    with workspace.open_model(str(closed), tier="read-only", party="bigcorp") as loader:
        for _ in range(3):
            loader.metadata()
            with pytest.raises(NotEntitledError):
                loader.tensors()
    with (
        workspace.open_model(str(closed), tier="full", party="bigcorp") as loader,
        pytest.raises((NotEntitledError, UndecidedError)),
    ):
        loader.tensors()
    assert listener.heard[:2] == [("view-metadata", True, "granted"), ("download-weights", False, "tier")]
    assert listener.heard[2][:2] == ("download-weights", False)
    assert len(listener.heard) == 3


def test_numbers_that_numpy_has_no_array_for_are_named(workspace: Workspace, closed: Path) -> None:
    from weightmark.model import TensorSpan
    from weightmark.workspace.opening.opened import _dtype

    for dtype, size in (("q4_k", 144), ("int4", 4), ("object", 8)):
        span = TensorSpan(name="x", dtype=dtype, shape=(8,), path="m", start=0, stop=size)
        with pytest.raises(WeightmarkError, match="NumPy has no array") as caught:
            _dtype(span)
        assert not isinstance(caught.value, MalformedError)


def test_the_face_opens_too(model: Path) -> None:
    import weightmark

    weightmark.register(model, license="mit", mine=True)
    with weightmark.open_model(model, tier="read-only") as loader:
        assert loader.metadata().license == "MIT"
        assert loader.architecture().parameters == 6
    with pytest.raises(NotEntitledError):
        weightmark.open_model("nobody's", tier="full")
    assert len(weightmark.__all__) <= 20
