"""The versions of a model as a graph: what came from what, and the branches that people named.

A version is a place that somebody linked to a model's name, with what was in it then. A branch is a name that
points to one of them: a signed version claim about that version's files, whose URI is ``branch:MODEL/NAME``.
So it is in the ledger like every fact, it moves only by those who may move it, and ``verify --expect
branch:MODEL/NAME`` takes it. Not promised: that a version came from the one before when nobody said so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from weightmark.claims import Statement, VersionClaim
from weightmark.encoding import Digest, format_time
from weightmark.errors import MalformedError, NotEntitledError
from weightmark.index import Index
from weightmark.model import Relation
from weightmark.model.lineage import DATA
from weightmark.similarity.semantic import Version
from weightmark.workspace.realm import out_of_realm
from weightmark.workspace.resource import Resources

SCHEME: Final = "branch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Where a version came from.

    Attributes:
        name: the version it came from; the name or URI of another model when that is not one of this one's.
        relation: how, as its owner stated it; ``follows`` when only the order is known.
        within: whether it is a version of the same model.
    """

    name: str
    relation: str
    within: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionNode:
    """One version of a model.

    Attributes:
        version: its name.
        bundle: the digest of its files.
        uris: the places that hold it, as far as anybody said; empty when other files took its place since.
        linkers: who said that it is this version.
        entry: the first ledger entry that did.
        issued_at: when that was said, RFC 3339, UTC.
        parents: what it came from.
        branches: the branches that point to it.
    """

    version: str
    bundle: Digest
    uris: tuple[str, ...]
    linkers: frozenset[str]
    entry: int
    issued_at: str
    parents: tuple[Edge, ...] = ()
    branches: tuple[str, ...] = ()


def branch_uri(model: str, name: str) -> str:
    """Give the URI of a branch.

    Raises:
        MalformedError: the name is empty, or has a slash or a space.
    """
    if not name or not name.isprintable() or set(name) & set("/ "):
        raise MalformedError(
            f"{name[:80]!r} cannot be a branch",
            hint="Take a word without spaces and slashes, such as stable.",
        )
    return f"{SCHEME}:{model}/{name}"


def list_versions(resources: Resources, model: str) -> list[VersionNode]:
    """List the versions of a model, in the order of the ledger, with what each came from.

    Args:
        resources: the ledger and the index, brought up to date by the caller.
        model: the model's name.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    nodes, branches = _gather(resources, model)
    return [
        VersionNode(
            version=node.version,
            bundle=node.bundle,
            uris=node.uris,
            linkers=node.linkers,
            entry=node.entry,
            issued_at=node.issued_at,
            parents=tuple(_edges(resources.index, node, nodes)),
            branches=tuple(name for name, bundle in branches.items() if bundle == node.bundle),
        )
        for node in nodes
    ]


def find_version(nodes: Sequence[VersionNode], model: str, name: str, *, party: str = "") -> VersionNode:
    """Find a version by its own name or that of a branch; of several the newest, our own before others'.

    Args:
        nodes: the versions, in the order of the ledger.
        model: the model's name, for the message.
        name: the version's or the branch's.
        party: ours: anybody may call other files by the same name and version.

    Raises:
        NotEntitledError: there is none.
    """
    found = [node for node in nodes if name == node.version or name in node.branches]
    if found:
        own = [node for node in found if party in node.linkers]
        return (own or found)[-1]
    raise NotEntitledError(
        f"{model} has no version and no branch {name!r}",
        hint=f"See what there is: `weightmark versions {model}`.",
    )


def _gather(resources: Resources, model: str) -> tuple[list[VersionNode], dict[str, Digest]]:
    """Read every version claim about a model of this name, and its branches as they are now."""
    places: dict[tuple[str, Digest], list[str]] = {}
    branches: dict[str, Digest] = {}
    for named in resources.index.named(model):
        if named.uri == f"{SCHEME}:{model}/{named.version}":
            branches[named.version] = named.bundle
        else:
            uri = out_of_realm(named.uri, resources.configuration.realm)
            places.setdefault((named.version, named.bundle), []).append(uri)
    nodes: dict[tuple[str, Digest], VersionNode] = {}
    said = {named.entry for named in resources.index.named(model)} | set(
        resources.index.version_entries(model)
    )
    for index in sorted(said):
        for entry in resources.ledger.entries(index, index + 1):
            statement = Statement.decode(entry.envelope.payload)
            claim = statement.claim
            if not isinstance(claim, VersionClaim) or claim.model != model:
                continue
            key = (claim.version, statement.subject.bundle)
            if claim.uri.startswith(f"{SCHEME}:") or key in nodes:
                continue
            nodes[key] = VersionNode(
                version=claim.version,
                bundle=key[1],
                uris=tuple(places.get(key, ())),
                linkers=_linkers(resources.index, model, key, index),
                entry=index,
                issued_at=format_time(claim.issued_at),
            )
    return list(nodes.values()), branches


def _linkers(index: Index, model: str, key: tuple[str, Digest], entry: int) -> frozenset[str]:
    for named in index.named(model):
        if (named.version, named.bundle) == key:
            return named.linkers
    return frozenset(
        signer for each in index.history(key[1]) if each.index == entry for signer in each.signers
    )


def _edges(index: Index, node: VersionNode, nodes: Sequence[VersionNode]) -> list[Edge]:
    by_bundle: Mapping[Digest, VersionNode] = {each.bundle: each for each in nodes}
    edges: list[Edge] = []
    for parent in index.parents(node.bundle):
        if parent.relation in {relation.value for relation in DATA}:
            continue
        known = None if parent.bundle is None else index.find(parent.bundle)
        within = None if known is None else by_bundle.get(known.bundle)
        other = parent.uri or ("" if known is None else known.name) or str(parent.bundle)
        edges.append(
            Edge(
                name=other if within is None else within.version,
                relation=parent.relation,
                within=within is not None,
            )
        )
    stated = any(edge.within and edge.relation != Relation.SAME_WEIGHTS for edge in edges)
    before = None if stated else previous(node.version, [each for each in nodes if each.entry < node.entry])
    if before is not None:
        edges.append(Edge(name=before.version, relation="follows", within=True))
    return edges


def previous(version: str, nodes: Sequence[VersionNode]) -> VersionNode | None:
    """Find the version that comes before another: the largest smaller one, else the one recorded last.

    Args:
        version: the version's name.
        nodes: in the order of the ledger.

    Raises:
        Nothing.
    """
    own = parse_semantic(version)
    if own is None:
        return nodes[-1] if nodes else None
    known = [(number, node) for node in nodes if (number := parse_semantic(node.version)) is not None]
    smaller = [(number, node) for number, node in known if not own < number]
    best: tuple[Version, VersionNode] | None = None
    for number, node in smaller:
        if best is None or not number < best[0]:
            best = number, node
    return None if best is None else best[1]


def parse_semantic(text: str) -> Version | None:
    """Read a semantic version; None when it is none.

    Raises:
        Nothing.
    """
    try:
        return Version.parse(text)
    except MalformedError:
        return None
