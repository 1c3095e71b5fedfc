"""Whether the number of a new version says how far it goes beyond the one before.

What changed is read from the two manifests, so the earlier files need not be at hand: tensors that came,
went, changed their shape or their bytes, and files. How much numbers moved a manifest does not say; changed
numbers ask for ``minor``. Of ``config.json`` it says only that it changed: that asks for ``major``, unless
the earlier one still lies where it was registered and its keys can be compared.

Not promised: that a version that passes is well numbered. A larger step than is asked for is nobody's fault.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from weightmark.encoding import Json, format_digest
from weightmark.encoding.canonical import decode
from weightmark.errors import MalformedError, RefusedError
from weightmark.fingerprinting import Fingerprint
from weightmark.fingerprinting.architecture import CONFIG_PATH, MAX_CONFIG_SIZE, VOLATILE_KEYS
from weightmark.index import RegisteredModel
from weightmark.log.merkle import hash_leaf
from weightmark.model import ModelManifest
from weightmark.similarity.semantic import Level, Proposal, Reason, judge_files, judge_key
from weightmark.workspace.branching import VersionNode, list_versions, parse_semantic, previous
from weightmark.workspace.gate import VersionRule
from weightmark.workspace.recording import manifest_of
from weightmark.workspace.resource import Resources


def check_version(
    resources: Resources, model: str, version: str, new: Fingerprint | RegisteredModel, place: str
) -> None:
    """Refuse a version that is smaller than what changed asks for.

    Only versions that our own party linked are asked: anybody may call a model by any name.

    Args:
        resources: the settings, the ledger, the index and the store; the index is up to date.
        model: the model's name.
        version: the version's name.
        new: the files of that version, as they were read or as they are registered.
        place: where they lie, a path or a URI.

    Raises:
        RefusedError: the version is too small, no semantic one although that is asked for, or it cannot be
            judged.
    """
    rule = resources.configuration.versions
    if rule is VersionRule.OFF:
        return
    own = parse_semantic(version)
    if own is None:
        if rule is VersionRule.STRICT:
            raise RefusedError(
                f"{version!r} is no semantic version, and the settings ask for one",
                hint="Register it as three numbers joined by dots, such as 1.4.2.",
            )
        return
    party = resources.configuration.party.name
    nodes = [node for node in list_versions(resources, model) if party in node.linkers]
    before = previous(version, nodes)
    number = None if before is None else parse_semantic(before.version)
    if before is None or number is None or before.bundle == new.bundle:
        return
    proposal = _propose(resources, before, _manifest(resources, new), place)
    asked = number.raised(proposal.level)
    if own.core < asked.core or (own.core == number.core and own.before == number.before):
        reasons = "; ".join(reason.text for reason in proposal.reasons[:3])
        raise RefusedError(
            f"{model} {version} is too small a step from {before.version},"
            f" which asks for {proposal.level.word}: {reasons}",
            hint=f"Register it as {asked} or larger; `weightmark diff` shows what changed.",
        )


def propose_from_manifests(before: ModelManifest, after: ModelManifest, config: Proposal | None) -> Proposal:
    """Say what two manifests ask for.

    Args:
        before: the earlier version's.
        after: the new version's.
        config: what the changed keys of the configuration ask for; None when they are not known.

    Raises:
        Nothing.
    """
    return Proposal.of([*_of_tensors(before, after), *_of_files(before, after, config)])


def _propose(resources: Resources, before: VersionNode, manifest: ModelManifest | None, uri: str) -> Proposal:
    model = resources.index.find(before.bundle)
    earlier = None if model is None else manifest_of(resources, model)
    if earlier is None or manifest is None:
        raise RefusedError(
            f"the manifest of version {before.version} is not in the store, so that nothing can be compared",
            hint="Point the settings at the store with which it was registered.",
        )
    places = [_config_at(place, earlier) for place in before.uris]
    old = next((config for config in places if config is not None), None)
    new = _config_at(uri, manifest)
    config = None
    if old is not None and new is not None:
        keys = [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
        config = Proposal.of([judge_key(key) for key in keys if key not in VOLATILE_KEYS])
    return propose_from_manifests(earlier, manifest, config)


def _manifest(resources: Resources, of: Fingerprint | RegisteredModel) -> ModelManifest | None:
    return of.manifest if isinstance(of, Fingerprint) else manifest_of(resources, of)


def _of_tensors(before: ModelManifest, after: ModelManifest) -> Iterator[Reason]:
    old = {tensor.name: tensor for tensor in before.tensors}
    new = {tensor.name: tensor for tensor in after.tensors}
    moved = {(tensor.dtype, tensor.shape, tensor.root) for tensor in before.tensors}
    moved &= {(tensor.dtype, tensor.shape, tensor.root) for tensor in after.tensors}
    comparable = before.algorithm is after.algorithm
    for name in sorted(old.keys() | new.keys()):
        one, other = old.get(name), new.get(name)
        if one is None or other is None:
            there = one or other
            assert there is not None  # noqa: S101 - it is in one of the two
            if comparable and (there.dtype, there.shape, there.root) in moved:
                yield Reason(level=Level.PATCH, text=f"tensor {name} renamed, with the same numbers")
            else:
                yield Reason(level=Level.MAJOR, text=f"tensor {name} {'came' if one is None else 'went'}")
        elif one.shape != other.shape:
            yield Reason(level=Level.MAJOR, text=f"tensor {name} changed the shape")
        elif not comparable or (one.dtype, one.root) != (other.dtype, other.root):
            yield Reason(level=Level.MINOR, text=f"tensor {name} changed")


def _of_files(before: ModelManifest, after: ModelManifest, config: Proposal | None) -> Iterator[Reason]:
    with_tensors = {tensor.path for manifest in (before, after) for tensor in manifest.tensors}
    old = {file.path: file.root for file in before.files}
    new = {file.path: file.root for file in after.files}
    changes: dict[str, str] = {}
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) != new.get(path):
            changes[path] = "added" if path not in old else "removed" if path not in new else "changed"
    if CONFIG_PATH in changes:
        del changes[CONFIG_PATH]
        if config is None:
            text = f"{CONFIG_PATH} changed, and the earlier one is not at hand to see how"
            yield Reason(level=Level.MAJOR, text=text)
        else:
            yield from config.reasons or [
                Reason(level=Level.PATCH, text=f"{CONFIG_PATH} is written in another way")
            ]
    yield from (
        Reason(level=Level.PATCH, text=f"{path} {changes[path]}") for path in changes if path in with_tensors
    )
    yield from judge_files({path: change for path, change in changes.items() if path not in with_tensors})


def _config_at(uri: str, manifest: ModelManifest) -> Mapping[str, Json] | None:
    """Read the configuration at a place on this machine, if it is still the one in the manifest."""
    entry = next((file for file in manifest.files if file.path == CONFIG_PATH), None)
    if entry is None:
        return {}
    parts = urlsplit(uri)
    path = Path(unquote(parts.path) if parts.scheme == "file" else uri) / CONFIG_PATH
    try:
        if entry.size > MAX_CONFIG_SIZE or not entry.size or path.stat().st_size != entry.size:
            return None
        data = path.read_bytes()
        if format_digest(manifest.algorithm, hash_leaf(data, manifest.algorithm)) != entry.root:
            return None
        config = decode(data, what=CONFIG_PATH, constants=True)
    except (OSError, ValueError, MalformedError):
        return None
    return config if isinstance(config, dict) else None
