"""A model whose card names the model itself as its base."""

from pathlib import Path

from tests.workshop import write_model

from weightmark import EventKind, ModelEvent
from weightmark.workspace import Workspace


def register(workspace: Workspace, folder: Path, *bases: str, uri: str = "models:/churn/1"):
    event = ModelEvent(
        kind=EventKind.REGISTER, uri=uri, source=str(folder), name="churn", version="1", base_models=bases
    )
    return workspace.handle(event)


def test_what_is_registered_again_is_not_its_own_base(workspace: Workspace, model: Path) -> None:
    first = register(workspace, model)
    assert (first.notes, first.model is None) == ((), False)
    again = register(workspace, model, "churn")
    assert again.model is not None
    assert workspace.resources.index.parents(again.model.bundle) == []
    assert again.notes == ("churn is left out of the base models: it is this model itself.",)
    assert again.to_json()["notes"] == list(again.notes)


def test_a_base_that_is_the_version_itself_is_left_out_at_its_first_registration(
    workspace: Workspace, model: Path
) -> None:
    outcome = register(workspace, model, "models:/churn/1")
    assert outcome.model is not None
    assert workspace.resources.index.parents(outcome.model.bundle) == []
    assert "models:/churn/1 is left out" in outcome.notes[0]


def test_another_base_beside_it_is_recorded(workspace: Workspace, model: Path, tmp_path: Path) -> None:
    base = write_model(tmp_path / "base", {"x": [9.0]})
    found = workspace.handle(ModelEvent(kind=EventKind.REGISTER, uri=str(base), name="base")).model
    register(workspace, model)
    outcome = register(workspace, model, "churn", "base")
    assert outcome.model is not None
    assert found is not None
    parents = [parent.bundle for parent in workspace.resources.index.parents(outcome.model.bundle)]
    assert parents == [found.bundle]
