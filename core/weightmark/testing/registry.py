"""What every registry must keep, as tests to be inherited.

An adapter's own test module subclasses the suite, says which registry is meant and how a folder is published
there, and inherits the tests::

    class TestMyRegistry(RegistrySuite):
        registry_type = MyRegistry
        unknown = "my:/nothing/1"
        malformed = ("my:",)

        def publish(self, folder): ...

Not promised: anything about a platform's rights and limits; that is for the adapter's own tests.
"""

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from weightmark.errors import MalformedError, PlatformError
from weightmark.model.event import ModelEvent
from weightmark.ports.registry import Registry
from weightmark.vocabulary import Fact, Tag

CARD = b"---\nlicense: mit\nbase_model: [hf:one/base, hf:two/base]\n---\n# A model\n"
FILES: Mapping[str, bytes] = {
    "README.md": CARD,
    "weights.bin": bytes(range(256)) * 64,
    "nested/vocabulary.txt": b"a\nb\n",
}


class RegistrySuite(ABC):
    """Tests for one registry; subclass it under a name that begins with ``Test``.

    Attributes:
        registry_type: the class under test.
        unknown: a well-formed URI of a model that is not there.
        malformed: URIs of the registry's schemes that no model can have.
    """

    registry_type: ClassVar[type[Registry]]
    unknown: ClassVar[str]
    malformed: ClassVar[Sequence[str]]

    @abstractmethod
    def publish(self, folder: Path) -> str:
        """Publish a folder as one version of a model.

        Args:
            folder: a model's files.

        Returns:
            The URI of exactly this version.
        """

    def find_alias(self, uri: str) -> str | None:
        """Give another URI that stands for the version now; None when the platform has no aliases."""
        del uri
        return None

    def listing(self, uri: str) -> str | None:
        """Give a URI under which the platform lists the version; None when it cannot list."""
        del uri
        return None

    def promote(self, uri: str) -> ModelEvent | None:
        """Put the version to use and give the event that tells of it; None when the platform has no uses."""
        del uri
        return None

    def is_promoted(self, event: ModelEvent) -> bool:
        """Say whether the use is still there, past the adapter."""
        del event
        return True

    def secrets(self) -> Sequence[str]:
        """Give what must stand in no message: the credentials that the tests work with."""
        return ()

    def read_tags(self, uri: str) -> Mapping[str, str] | None:
        """Read the version's tags past the adapter; None when the platform keeps none."""
        del uri
        return None

    @pytest.fixture
    def registry(self) -> Registry:
        """Give the registry, made as Weightmark makes it."""
        return self.registry_type()

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Give a model's folder."""
        root = tmp_path / "model"
        for name, content in FILES.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        return root

    @pytest.fixture
    def uri(self, folder: Path) -> str:
        """Give the URI of the published model."""
        return self.publish(folder)

    def test_it_has_a_name_and_schemes(self) -> None:
        """It can be chosen by name, and says which URIs are its own."""
        assert self.registry_type.name
        assert self.registry_type.schemes

    def test_the_same_bytes_come_back(self, registry: Registry, uri: str) -> None:
        """Every file is there under its name, and nothing else but what the platform is known to add."""
        resolved = registry.resolve(uri)
        artifact = resolved.open()
        found = {file.path: artifact.read(file.path, 0, file.size) for file in artifact.files}
        assert found == dict(FILES)

    def test_its_uri_names_the_same_version(self, registry: Registry, uri: str) -> None:
        """The URI in the answer resolves to the same answer."""
        resolved = registry.resolve(uri)
        again = registry.resolve(resolved.uri)
        assert (again.uri, again.name, again.version) == (resolved.uri, resolved.name, resolved.version)

    def test_an_alias_becomes_its_version(self, registry: Registry, uri: str) -> None:
        """An alias is followed, and does not stand in the answer."""
        alias = self.find_alias(uri)
        if alias is None:
            pytest.skip("the platform has no aliases")
        resolved = registry.resolve(alias)
        assert resolved.uri == registry.resolve(uri).uri != alias

    def test_pinning_leaves_a_version_as_it_is(self, registry: Registry, uri: str) -> None:
        """What names one version already is given back; an alias becomes the version's URI."""
        exact = registry.resolve(uri).uri
        assert registry.pin(exact) == exact
        alias = self.find_alias(uri)
        if alias is not None:
            assert registry.pin(alias) == exact

    def test_a_checkout_is_the_same_model_and_is_tidied_up(
        self, registry: Registry, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Inside it the files are there; afterwards nothing is left of what was downloaded for it."""
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(scratch))
        with registry.checkout(uri) as resolved:
            artifact = resolved.open()
            found = {file.path: artifact.read(file.path, 0, file.size) for file in artifact.files}
            assert found == dict(FILES)
            exact = resolved.uri
        assert [path for path in scratch.rglob("*") if path.is_file()] == []
        assert registry.resolve(exact).uri == exact

    def test_a_checkout_that_ends_in_an_error_is_tidied_up(
        self, registry: Registry, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is raised inside comes out, and nothing is left behind."""
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(scratch))
        with pytest.raises(ZeroDivisionError), registry.checkout(uri):
            raise ZeroDivisionError
        assert [path for path in scratch.rglob("*") if path.is_file()] == []

    def test_what_was_published_is_listed(self, registry: Registry, uri: str) -> None:
        """The version is listed once, under the URI that its resolution has, and page by page."""
        where = self.listing(uri)
        if where is None:
            pytest.skip("the platform cannot list")
        listing = registry.versions(where)
        assert isinstance(listing, Iterator), "a list of everything does not fit into memory"
        resolved = registry.resolve(uri)
        (listed,) = [version for version in listing if version.uri == resolved.uri]
        assert (listed.name, listed.version) == (resolved.name, resolved.version)
        assert not listed.deployed

    def test_what_is_in_use_is_listed_as_such(self, registry: Registry, uri: str) -> None:
        """A version that was promoted is listed as deployed."""
        where, event = self.listing(uri), self.promote(uri)
        if where is None or event is None:
            pytest.skip("the platform cannot list, or has no uses")
        exact = registry.resolve(uri).uri
        assert [version.deployed for version in registry.versions(where) if version.uri == exact] == [True]

    def test_a_use_is_withdrawn_once_and_for_all(self, registry: Registry, uri: str) -> None:
        """What is withdrawn is gone, also when it is withdrawn twice; the model itself is untouched."""
        event = self.promote(uri)
        if event is None or not registry.withdraw(event, "clause 4.1 forbids it"):
            pytest.skip("the platform has no uses, or no means to undo them")
        assert not self.is_promoted(event)
        registry.withdraw(event, "clause 4.1 forbids it")
        assert not self.is_promoted(event)
        self.test_the_same_bytes_come_back(registry, uri)

    def test_it_says_what_is_there_and_no_secret(self, registry: Registry, uri: str) -> None:
        """Looking at the platform gives an answer, names what is installed, and repeats no credential."""
        del uri
        status = registry.inspect()
        assert status.installed
        assert not [secret for secret in self.secrets() if secret in repr(status)]

    def test_the_card_is_read(self, registry: Registry, uri: str) -> None:
        """The licence and the base models on the model's card are among the facts."""
        facts = registry.resolve(uri).facts
        assert facts[Fact.LICENSE] == "mit"
        assert facts[Fact.BASE_MODEL] == "hf:one/base,hf:two/base"

    def test_an_unknown_model_is_said_to_be(self, registry: Registry) -> None:
        """A model that is not there is a PlatformError that can be read, and repeating does not help."""
        with pytest.raises(PlatformError) as caught:
            registry.resolve(self.unknown)
        assert caught.value.message
        assert not caught.value.retryable

    def test_a_malformed_uri_is_refused(self, registry: Registry) -> None:
        """A URI that cannot be one is a MalformedError, before the platform is asked."""
        for uri in self.malformed:
            with pytest.raises(MalformedError):
                registry.resolve(uri)

    def test_nothing_is_written_to_what_is_not_there(self, registry: Registry, uri: str) -> None:
        """Tags for a model that is not there are a PlatformError, where the platform keeps tags."""
        if self.read_tags(uri) is None:
            pytest.skip("the platform keeps no tags")
        with pytest.raises(PlatformError):
            registry.annotate(self.unknown, {Tag.OWNER.value: "acme"})

    def test_tags_are_written_once(self, registry: Registry, uri: str) -> None:
        """Tags are there after they were written, the same when written again, and replaced by others."""
        first = {Tag.OWNER.value: "acme", Tag.REASON.value: "clause 4.1; ask Openlab — “soon”"}
        registry.annotate(uri, first)
        registry.annotate(uri, first)
        if self.read_tags(uri) is None:
            pytest.skip("the platform keeps no tags")
        written = self.read_tags(uri) or {}
        assert {key: written.get(key) for key in first} == first
        registry.annotate(uri, {Tag.OWNER.value: "openlab"})
        assert (self.read_tags(uri) or {}).get(Tag.OWNER) == "openlab"

    def test_tags_do_not_touch_the_model(self, registry: Registry, uri: str) -> None:
        """Writing tags changes no byte of the model."""
        registry.annotate(uri, {Tag.VERDICT.value: "allowed"})
        self.test_the_same_bytes_come_back(registry, uri)
