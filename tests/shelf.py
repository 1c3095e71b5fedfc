"""A platform of its own for tests: a folder for each version of a model, tags and aliases beside.

It is a stranger's plugin: ``weightmark`` finds it through an entry point that ``install`` writes. What can go
wrong with a platform is switched on with files, so that it also goes wrong in other processes.
"""

import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import ClassVar

from tests.workshop import write_model

from weightmark.discovery import Plugins
from weightmark.errors import MalformedError, PlatformError
from weightmark.hookspecs import NAMESPACE, hookimpl
from weightmark.model.card import read_facts
from weightmark.model.event import ModelEvent
from weightmark.ports import Registry
from weightmark.ports.registry import ListedVersion, PlatformStatus, ResolvedModel

ROOT = "SHELF_ROOT"


class Shelf:
    """The platform's own side: what its users and its operators do."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in (self.models, self.state):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def state(self) -> Path:
        return self.root / "state"

    def publish(self, name: str, version: int | str, values: Sequence[float], *, card: str = "") -> str:
        """Publish one version of a model with these numbers."""
        write_model(self.models / name / str(version), {"x": list(values)}, card=card)
        return f"shelf:/{name}/{version}"

    def point(self, name: str, alias: str, version: int | str) -> None:
        """Point an alias at a version: it is deployed now."""
        self.write(f"alias {name} {alias}", str(version))

    def alias(self, name: str, alias: str) -> str | None:
        return self.read(f"alias {name} {alias}")

    def aliases(self) -> dict[tuple[str, str], str]:
        found = [file.name.split(" ") for file in self.state.glob("alias *")]
        return {(name, alias): self.read(f"alias {name} {alias}") or "" for _, name, alias in found}

    def tags(self, uri: str) -> dict[str, str]:
        return json.loads(self.read(f"tags {uri.replace('/', '+')}") or "{}")

    def set_tags(self, uri: str, tags: Mapping[str, str]) -> None:
        self.write(f"tags {uri.replace('/', '+')}", json.dumps(tags))

    def break_it(self, what: str, how: str = "retryable", times: int = 1_000_000) -> None:
        """Let every call of a method, or what is done to a version, fail a number of times."""
        self.write(f"broken {what.replace('/', '+')}", f"{how} {times}")

    def mend(self, what: str) -> None:
        (self.state / f"broken {what.replace('/', '+')}").unlink(missing_ok=True)

    def fail_if_broken(self, *places: str) -> None:
        for place in places:
            name = f"broken {place.replace('/', '+')}"
            how, _, times = (self.read(name) or "").partition(" ")
            if not how:
                continue
            left = int(times) - 1
            self.write(name, f"{how} {left}") if left else self.mend(place)
            if how == "boom":
                raise RuntimeError("boom: secret-of-the-platform")
            after = float(how.removeprefix("after-")) if how.startswith("after-") else None
            raise PlatformError(
                f"the shelf is out of order at {place}", retryable=how != "final", retry_after=after
            )

    def read(self, name: str) -> str | None:
        try:
            return (self.state / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def write(self, name: str, text: str) -> None:
        handle, temporary = tempfile.mkstemp(dir=self.root)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(self.state / name)


class ShelfRegistry(Registry):
    """Our side: the adapter."""

    name: ClassVar[str] = "shelf"
    schemes: ClassVar[Sequence[str]] = ("shelf",)

    def __init__(self) -> None:
        self.shelf = Shelf(Path(os.environ[ROOT]))

    def resolve(self, uri: str) -> ResolvedModel:
        name, version = self._parse(uri)
        self.shelf.fail_if_broken("resolve", uri)
        folder = self.shelf.models / name / version
        if not folder.is_dir():
            raise PlatformError(f"the shelf has no {uri!r}")
        if delay := self.shelf.read("delay"):
            time.sleep(float(delay))
        exact = f"shelf:/{name}/{version}"
        return ResolvedModel(uri=exact, path=folder, name=name, version=version, facts=read_facts(folder))

    def pin(self, uri: str) -> str:
        return "shelf:/{}/{}".format(*self._parse(uri))

    def annotate(self, uri: str, tags: Mapping[str, str]) -> None:
        name, version = self._parse(uri)
        self.shelf.fail_if_broken("annotate")
        if not (self.shelf.models / name / version).is_dir():
            raise PlatformError(f"the shelf has no {uri!r}")
        present = self.shelf.tags(uri)
        if present != {**present, **tags}:
            self.shelf.set_tags(uri, {**present, **tags})

    def versions(self, uri: str) -> Iterator[ListedVersion]:
        wanted = uri.removeprefix("shelf:").strip("/")
        deployed = {f"{name}/{version}" for (name, _), version in self.shelf.aliases().items()}
        for model in sorted(self.shelf.models.iterdir()):
            for folder in sorted(model.iterdir()):
                self.shelf.fail_if_broken("versions")
                if wanted in ("", model.name):
                    exact = f"shelf:/{model.name}/{folder.name}"
                    yield ListedVersion(
                        uri=exact,
                        name=model.name,
                        version=folder.name,
                        deployed=f"{model.name}/{folder.name}" in deployed,
                        tags=self.shelf.tags(exact),
                    )

    def withdraw(self, event: ModelEvent, reason: str) -> bool:
        del reason
        self.shelf.fail_if_broken("withdraw")
        name, alias = event.name, event.context.get("alias", "")
        if self.shelf.alias(name, alias) != event.version:
            return False
        (self.shelf.state / f"alias {name} {alias}").unlink(missing_ok=True)
        return True

    def inspect(self) -> PlatformStatus:
        return PlatformStatus(installed="1.0", server=str(self.shelf.root), reachable=True, hint="")

    def _parse(self, uri: str) -> tuple[str, str]:
        parts = uri.removeprefix("shelf:/").split("/")
        if not uri.startswith("shelf:/") or len(parts) > 2 or not all(parts) or ".." in parts:
            raise MalformedError(f"{uri!r} is not on the shelf")
        if len(parts) == 1:
            name, _, alias = parts[0].partition("@")
            version = self.shelf.alias(name, alias)
            if version is None:
                raise PlatformError(f"the shelf has no {uri!r}")
            return name, version
        return parts[0], parts[1]


@hookimpl
def weightmark_registries() -> list[type[Registry]]:
    return [ShelfRegistry]


def plugins() -> Plugins:
    """Give what is installed, and the shelf, for a workspace in this process."""
    installed = {entry.name: entry for entry in entry_points(group=NAMESPACE)}
    own = EntryPoint("shelf", "tests.shelf", NAMESPACE)
    return Plugins({"shelf": own, **installed}.values())


def install(folder: Path, root: Path) -> dict[str, str]:
    """Install the shelf for other processes; give what their environment needs."""
    info = folder / "shelf-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shelf\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{NAMESPACE}]\nshelf = tests.shelf\n")
    here = str(Path(__file__).parents[1])
    return {"PYTHONPATH": os.pathsep.join((str(folder), here)), ROOT: str(root)}
