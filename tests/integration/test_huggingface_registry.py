"""The adapter against the stand-in Hub: what a person and a sync ask of it."""

import re

import pytest
from tests.integration.huggingface.world import (
    ACME,
    APACHE_CARD,
    NC_CARD,
    OPENLAB,
    STRANGER,
    World,
    guarded,
    world,
)
from tests.workshop import Shell, write_model

from weightmark.errors import DigestMismatchError
from weightmark.model import Artifact
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind
from weightmark_adapters.huggingface import HuggingfaceRegistry

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]
__all__ = ["guarded", "world"]


@pytest.fixture
def registry(world) -> HuggingfaceRegistry:
    return HuggingfaceRegistry()


@pytest.fixture
def shell(world, tmp_path, monkeypatch) -> Shell:
    (tmp_path / "desk").mkdir()
    monkeypatch.chdir(tmp_path / "desk")
    return Shell(folder=tmp_path / "desk")


def publish(world: World, name: str = "acme/churn", card: str = APACHE_CARD) -> str:
    folder = write_model(world.folder / re.sub(r"\W", "-", name), card=card)
    return f"hf://{name}@{world.hub.shelf.publish(name, folder)}"


def test_a_model_is_brought_once_into_the_users_own_cache(world, registry):
    uri = publish(world)
    first = registry.resolve(uri)
    downloads = len(world.hub.calls(r"GET .*/resolve/.*safetensors"))
    assert registry.resolve(uri).path == first.path
    assert len(world.hub.calls(r"GET .*/resolve/.*safetensors")) == downloads == 1
    assert first.path.is_relative_to(world.folder / "hf")
    assert [file.path for file in Artifact.open(first.path, ignore=first.ignore).files] == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]


def test_a_checkout_leaves_nothing_behind(world, registry):
    with registry.checkout(publish(world)) as resolved:
        folder = resolved.path
        assert (folder / "model.safetensors").exists()
    assert not folder.exists()
    assert not [*(world.folder / "hf").rglob("*.safetensors")]


def test_what_is_not_what_the_hub_lists_is_named(world, registry):
    uri = publish(world)
    world.hub.tamper("acme/churn", "model.safetensors")
    world.hub.tamper("acme/churn", "config.json")
    for ask in (registry.resolve, lambda uri: registry.checkout(uri).__enter__()):
        with pytest.raises(DigestMismatchError) as caught:
            ask(uri)
        assert [failure.path for failure in caught.value.failures] == ["config.json", "model.safetensors"]


def test_a_file_changed_in_the_cache_is_found(world, registry):
    uri = publish(world)
    blob = (registry.resolve(uri).path / "model.safetensors").resolve()
    data = bytearray(blob.read_bytes())
    data[-1] ^= 1
    blob.write_bytes(data)
    with pytest.raises(DigestMismatchError, match=r"model\.safetensors"):
        registry.resolve(uri)


def test_facts_come_from_the_card_of_the_revision(world, registry):
    card = (
        "---\nlicense: other\nlicense_name: acme-licence\nbase_model: openlab/base\n"
        "base_model_relation: quantized\ndatasets: [a/b, c/d]\n---\n"
    )
    assert registry.resolve(publish(world, card=card)).facts == {
        "license": "acme-licence",
        "base_model": "openlab/base",
        "base_model_relation": "quantized",
        "datasets": "a/b,c/d",
    }


def test_an_organisations_models_are_listed_page_by_page_oldest_first(world, registry):
    names = [f"acme/m{number}" for number in range(7)]
    uris = [publish(world, name) for name in names]
    publish(world, "openlab/other")
    registry.annotate(uris[2], {"weightmark.owner": "acme"})
    world.hub.trace.clear()
    listed = registry.versions("hf://acme")
    assert next(listed).uri == uris[0]
    assert len(world.hub.calls("GET /api/models$")) == 1
    rest = [*listed]
    assert [one.uri for one in rest] == uris[1:]
    assert all(one.deployed and one.name in names for one in rest)
    assert len(world.hub.calls("GET /api/models$")) == 3


def test_a_models_tags_come_before_its_head(world, registry):
    from huggingface_hub import HfApi

    first = publish(world)
    HfApi().create_tag("acme/churn", tag="v1", revision=first.partition("@")[2])
    second = publish(world, card=NC_CARD)
    assert [(one.uri, one.deployed) for one in registry.versions("hf://acme/churn")] == [
        (first, False),
        (second, True),
    ]


def test_a_strangers_repository_is_registered_and_not_written_to(world, shell):
    uri = publish(world, "openlab/base", NC_CARD)
    result = shell.json("register", "hf://openlab/base")
    assert result["model"]["name"] == "openlab/base"
    assert result["model"]["license"] == "CC-BY-NC-4.0"
    assert world.workspace().find(uri).name == "openlab/base"
    assert "weightmark.json" not in world.hub.files("openlab/base")


def test_ones_own_repository_is_annotated_under_the_guard_too(guarded, shell):
    uri = publish(guarded)
    result = shell.json("register", "hf://acme/churn")
    tags = HuggingfaceRegistry().read_tags(uri)
    assert tags["weightmark.fingerprint"] == result["model"]["bundle"]
    shell.json("register", "hf://acme/churn@main")
    assert len(guarded.hub.calls("/commit/")) == 1
    assert shell.json("verify", "hf://acme/churn")["ok"]
    old = guarded.hub.read("acme/churn", "README.md")
    assert old.decode() == APACHE_CARD


def test_from_pretrained_after_annotation_is_still_checked(guarded, shell):
    from huggingface_hub import hf_hub_download

    from weightmark.errors import RefusedError

    publish(guarded)
    shell.json("register", "hf://acme/churn")
    path = hf_hub_download("acme/churn", "model.safetensors")
    assert guarded.hub.head("acme/churn") in path
    guarded.hub.tamper("acme/churn", "model.safetensors")
    with pytest.raises(RefusedError, match="was changed"):
        hf_hub_download("acme/churn", "model.safetensors", force_download=True)


def test_a_gated_model_says_who_accepts_what_and_where(world, shell):
    publish(world, "openlab/base", "---\nlicense: llama3.1\n---\n")
    repo = world.hub.shelf.repos["openlab/base"]
    repo.gated = "manual"
    said = shell.fail("register", "hf://openlab/base", code=1)
    assert "is gated" in said
    assert "llama3.1" in said
    assert f"accept them yourself at {world.hub.url}/openlab/base" in said
    assert repo.asked == repo.let_in == set()
    repo.let_in.add("alice")
    assert shell.json("register", "hf://openlab/base")["model"]["license"] == "LicenseRef-Llama-3.1"


def test_a_refused_use_is_told_in_one_discussion(world, registry):
    uri = publish(world)
    event = ModelEvent(kind=EventKind.DEPLOY, uri=uri)
    assert registry.withdraw(event, "clause 4") is False
    assert registry.withdraw(event, "clause 4") is False
    (told,) = world.hub.shelf.repos["acme/churn"].discussions
    assert "refused" in str(told["title"])


def test_two_who_annotate_at_once_both_stand(world, registry, monkeypatch):
    from huggingface_hub import HfApi

    first, second = publish(world), publish(world, card=NC_CARD)
    original, once = HfApi.create_commit, [True]

    def late(self, *args, **kwargs):
        if once.pop():
            once.append(False)
            registry.annotate(second, {"weightmark.owner": "openlab"})
        else:
            once.append(False)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(HfApi, "create_commit", late)
    registry.annotate(first, {"weightmark.owner": "acme"})
    assert registry.read_tags(first) == {"weightmark.owner": "acme"}
    assert registry.read_tags(second) == {"weightmark.owner": "openlab"}


def test_the_doctor_hears_what_is_there_and_no_secret(world, registry):
    status = registry.inspect()
    assert status.reachable is True
    assert status.server == world.hub.url
    assert "WEIGHTMARK_HOOKS=huggingface" in status.hint
    world.patch.setenv("WEIGHTMARK_HOOKS", "huggingface")
    assert registry.inspect().hooked == "WEIGHTMARK_HOOKS"
    world.token("hf_expiredexpired")
    assert "renew HF_TOKEN" in registry.inspect().hint
    for token in (ACME, OPENLAB, STRANGER, "hf_expired"):
        assert token not in repr(registry.inspect())
