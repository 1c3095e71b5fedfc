"""What a registered model is made of, for weighing licences together."""

from collections.abc import Sequence
from pathlib import Path

from tests.workshop import write_model

from weightmark import EventKind, ModelEvent
from weightmark.index import RegisteredModel
from weightmark.licensing import Answer, Joining, Terms, WorkKind, parse_use, weigh_together
from weightmark.licensing.expression import Known
from weightmark.ports import ResolvedModel
from weightmark.workspace import Workspace
from weightmark.workspace.composition import ingredients_of


class Shop:
    """Registers models of different numbers in one workspace."""

    def __init__(self, workspace: Workspace, folder: Path) -> None:
        self.workspace = workspace
        self.folder = folder
        self.made = 0

    def register(
        self,
        name: str,
        license_: str = "",
        *,
        bases: Sequence[str] = (),
        relation: str = "",
        data: Sequence[str] = (),
        owner: str = "",
    ) -> RegisteredModel:
        self.made += 1
        folder = write_model(self.folder / name, {"x": [float(self.made)]})
        uri = f"test:/{name}/1"
        facts = {"license": license_} if license_ else {}
        facts |= {"datasets": ",".join(data)} if data else {}
        facts |= {"owner": owner} if owner else {}
        event = ModelEvent(
            kind=EventKind.REGISTER,
            uri=uri,
            name=name,
            version="1",
            base_models=tuple(bases),
            relation=relation,
            license=license_ or None,
        )
        resolved = ResolvedModel(uri=uri, path=folder, name=name, version="1", facts=facts)
        found = self.workspace.handle(event, resolved=resolved).model
        assert found is not None
        return found

    def ask(self, model: RegisteredModel, use: str, joining: Joining = Joining.DERIVATIVE) -> Answer:
        found = ingredients_of(self.workspace.resources.index, model, party="acme")
        return weigh_together(found, parse_use(use), joining).verdict


def test_the_whole_lineage_is_walked(workspace: Workspace, tmp_path: Path) -> None:
    shop = Shop(workspace, tmp_path)
    shop.register("root", "apache-2.0")
    shop.register("left", "mit", bases=["root"])
    shop.register("right", "cc-by-nc-4.0", bases=["root"])
    model = shop.register("merged", "mit", bases=["left", "right"], relation="merge")
    found = ingredients_of(workspace.resources.index, model, party="acme")
    assert [ingredient.name for ingredient in found] == ["merged", "left", "right", "root"]
    assert {ingredient.kind for ingredient in found} == {None}
    assert shop.ask(model, "serve commercially") is Answer.REFUSED
    assert shop.ask(model, "serve for research") is Answer.ALLOWED


def test_data_sets_are_data_that_others_learnt_from(workspace: Workspace, tmp_path: Path) -> None:
    shop = Shop(workspace, tmp_path)
    shop.register("rows", "cc-by-nc-4.0")
    model = shop.register("net", "mit", data=["test:/rows/1"])
    found = ingredients_of(workspace.resources.index, model, party="acme")
    assert [(ingredient.name, ingredient.kind, ingredient.past) for ingredient in found] == [
        ("net", None, False),
        ("rows", WorkKind.DATA, True),
    ]
    assert shop.ask(model, "serve commercially") is Answer.UNKNOWN
    assert shop.ask(model, "serve for research") is Answer.ALLOWED


def test_a_data_set_that_nobody_registered_has_no_licence(workspace: Workspace, tmp_path: Path) -> None:
    shop = Shop(workspace, tmp_path)
    model = shop.register("net", "mit", data=["hf://datasets/a"])
    found = ingredients_of(workspace.resources.index, model, party="acme")
    assert (found[1].name, found[1].license) == ("hf://datasets/a", None)
    assert shop.ask(model, "serve") is Answer.UNKNOWN


def test_what_was_distilled_comes_from_outputs(workspace: Workspace, tmp_path: Path) -> None:
    shop = Shop(workspace, tmp_path)
    shop.register("base", "apache-2.0")
    shop.register("teacher", "llama2", bases=["base"])
    model = shop.register("student", "mit", bases=["teacher"], relation="distillation")
    found = ingredients_of(workspace.resources.index, model, party="acme")
    assert [ingredient.kind for ingredient in found] == [None, WorkKind.OUTPUTS, WorkKind.OUTPUTS]
    assert shop.ask(model, "publish") is Answer.REFUSED


def test_ones_own_model_does_not_bind_its_owner(workspace: Workspace, tmp_path: Path) -> None:
    shop = Shop(workspace, tmp_path)
    model = shop.register("mine", "cc-by-nc-4.0", owner="acme")
    own = ingredients_of(workspace.resources.index, model, party="acme")
    others = ingredients_of(workspace.resources.index, model, party="bigcorp")
    assert [ingredient.own for ingredient in (*own, *others)] == [True, False]
    assert shop.ask(model, "sell") is Answer.ALLOWED


def test_the_kind_may_be_said(workspace: Workspace, tmp_path: Path) -> None:
    shop = Shop(workspace, tmp_path)
    shop.register("base", "mit")
    model = shop.register("net", "mit", bases=["base"])
    found = ingredients_of(workspace.resources.index, model, party="acme", kind=WorkKind.CODE)
    assert {ingredient.kind for ingredient in found} == {WorkKind.CODE}


def test_known_terms_are_weighed_with_their_names(workspace: Workspace, tmp_path: Path) -> None:
    model = Shop(workspace, tmp_path).register("net", "mit")
    licence = ingredients_of(workspace.resources.index, model, party="acme")[0].license
    assert isinstance(licence, Known)
    assert isinstance(licence.terms, Terms)
