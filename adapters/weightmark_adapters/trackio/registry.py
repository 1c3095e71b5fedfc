"""Artifacts in trackio's projects on this machine as a registry: ``trackio://project/name:v1``.

trackio's ``Api`` lists no artifacts, so this reads what trackio's own server and command line read: the
functions of ``trackio.sqlite_storage`` and ``trackio.cas``. They are not documented; a trackio that has them
no more is a ``PlatformError``.

Not promised: tags. trackio changes no metadata after a version is logged, so ``annotate`` writes nothing and
the ledger is asked instead; the hook writes the receipt before. Nor artifacts on a Space or a server.
"""

import atexit
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Final

from weightmark.errors import DigestMismatchError, MalformedError, PlatformError, WeightmarkError
from weightmark.model.path import check_path
from weightmark.ports import Registry
from weightmark.ports.registry import ListedVersion, PlatformStatus, ResolvedModel
from weightmark.vocabulary import HOOKS
from weightmark_adapters.trackio import sdk
from weightmark_adapters.trackio.facts import gather_facts, is_model, name_uri

_URI: Final = re.compile(
    r"trackio://(?P<project>[\w-]{1,128})(/(?P<name>[A-Za-z0-9._-]{1,128})(:(?P<spec>[A-Za-z0-9._-]{1,128}))?)?"
)
_VERSION: Final = re.compile(r"v(0|[1-9][0-9]{0,8})")
_FORMS: Final = "Write trackio://PROJECT/NAME:v3 or trackio://PROJECT/NAME:ALIAS."
_CHUNK: Final = 1 << 20


class TrackioRegistry(Registry):
    """The projects below TRACKIO_DIR."""

    name: ClassVar[str] = "trackio"
    schemes: ClassVar[Sequence[str]] = ("trackio",)

    def resolve(self, uri: str) -> ResolvedModel:
        """Copy a version's files out of the content store, each checked against its SHA-256.

        Raises:
            MalformedError: the URI is not one, or a card among the files cannot be read.
            PlatformError: there is no such version, or not all its files are on this machine.
            DigestMismatchError: a file is not what its digest says.
            MissingExtraError: trackio is not installed.
        """
        return _bring(uri, lambda folder: atexit.register(shutil.rmtree, folder, ignore_errors=True))

    @contextmanager
    def checkout(self, uri: str) -> Generator[ResolvedModel, None, None]:
        """Resolve for a while: the copy is deleted at the end.

        Raises:
            WeightmarkError: as ``resolve``.
        """
        folders: list[Path] = []
        try:
            yield _bring(uri, folders.append)
        finally:
            for folder in folders:
                shutil.rmtree(folder, ignore_errors=True)

    def annotate(self, uri: str, tags: Mapping[str, str]) -> None:
        """Write nothing: trackio has no means to change a version's metadata."""

    def pin(self, uri: str) -> str:
        """Replace an alias by the version it stands for now.

        Raises:
            MalformedError: the URI is not one.
            PlatformError: there is no such version.
        """
        place = _parse(uri)
        if _VERSION.fullmatch(place["spec"]):
            return uri
        return name_uri(place["project"], place["name"], f"v{_find(uri)['version']}")

    def versions(self, uri: str) -> Iterator[ListedVersion]:
        """List the models of a project or a name, oldest first; in use is what a local registry links to.

        Raises:
            MalformedError: the URI is not one.
            PlatformError: trackio failed.
        """
        place = _parse(uri, listing=True)
        with sdk.reading(uri):
            rows = sdk.load("trackio.sqlite_storage").SQLiteStorage.list_artifacts(place["project"])
            linked = _linked()
        for row in rows:
            if is_model(row["type"]) and place["name"] in {"", row["name"]}:
                for number in sorted(version["version"] for version in row["versions"]):
                    exact = name_uri(place["project"], row["name"], f"v{number}")
                    yield ListedVersion(
                        uri=exact, name=row["name"], version=f"v{number}", deployed=exact in linked
                    )

    def inspect(self) -> PlatformStatus:
        """Look whether trackio is installed, where it keeps what is logged, and whether it is guarded."""
        try:
            installed = str(sdk.load().__version__)
            place = Path(sdk.load("trackio.utils").TRACKIO_DIR)
        except WeightmarkError as error:
            return PlatformStatus(hint=error.hint)
        except Exception as error:
            return PlatformStatus(
                hint=f"trackio cannot be imported: {type(error).__name__}. Install it anew."
            )
        hooked = HOOKS if "trackio" in os.environ.get(HOOKS, "").replace(" ", "").lower().split(",") else ""
        return PlatformStatus(
            installed=installed,
            server=str(place),
            reachable=place.is_dir(),
            hooked=hooked,
            hint="" if hooked else "Set WEIGHTMARK_HOOKS=trackio where models are logged.",
        )


def _parse(uri: str, *, listing: bool = False) -> dict[str, str]:
    found = _URI.fullmatch(uri)
    parts = {key: value or "" for key, value in found.groupdict().items()} if found else {}
    if not parts or (listing and parts["spec"]) or not (listing or parts["name"]):
        raise MalformedError(f"{uri!r} names no artifact of trackio", hint=_FORMS)
    return parts


def _find(uri: str) -> dict[str, Any]:
    place = _parse(uri)
    with sdk.reading(uri):
        storage = sdk.load("trackio.sqlite_storage").SQLiteStorage
        record = storage.get_artifact_manifest(place["project"], place["name"], place["spec"] or None)
    if record is None:
        raise PlatformError(f"trackio has no {uri!r}", hint="Check TRACKIO_DIR, the name and the version.")
    return dict(record)


def _linked() -> set[str]:
    storage = sdk.load("trackio.registry_storage").RegistryStorage
    return {
        name_uri(link["source_project"], link["source_artifact"], f"v{link['source_version']}")
        for registry in storage.list_registries()
        for collection in storage.list_collections(registry["name"])
        for link in collection["links"]
    }


def _bring(uri: str, keep: Callable[[Path], object]) -> ResolvedModel:
    record, project = _find(uri), _parse(uri)["project"]
    with sdk.reading(uri):
        folder = Path(tempfile.mkdtemp(prefix="weightmark-"))
        keep(folder)
        for entry in record["manifest"]:
            _copy(project, entry, folder, uri)
        storage = sdk.load("trackio.sqlite_storage").SQLiteStorage
        used = storage.get_run_artifacts(project, record["producer_run_name"], record["producer_run_id"])
        rows = [
            (one["type"], name_uri(one["project"], one["name"], f"v{one['version']}"))
            for one in used["input"]
        ]
        facts = gather_facts(record["metadata"] or {}, folder, rows)
    version = f"v{record['version']}"
    exact = name_uri(project, record["name"], version)
    return ResolvedModel(uri=exact, path=folder, name=record["name"], version=version, facts=facts)


def _copy(project: str, entry: Mapping[str, Any], folder: Path, uri: str) -> None:
    path = str(entry["path"])
    check_path(path, what=f"the manifest of {uri!r}")
    if "ref" in entry:
        raise PlatformError(
            f"{uri!r} only refers to {path}, so its bytes cannot be fingerprinted",
            hint="Log the files themselves (add_file, add_dir) instead of a reference.",
        )
    cas = sdk.load("trackio.cas")
    target, known = folder / path, hashlib.sha256()
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        cas.blob_path(project, cas.validate_digest(entry["digest"])).open("rb") as source,
        target.open("wb") as copy,
    ):
        while data := source.read(_CHUNK):
            known.update(data)
            copy.write(data)
    if known.hexdigest() != entry["digest"]:
        raise DigestMismatchError(f"{path} of {uri!r} is not what its digest says: {entry['digest']}")
