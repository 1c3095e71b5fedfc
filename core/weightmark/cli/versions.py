"""``weightmark versions``."""

import click

from weightmark.claims import VersionClaim
from weightmark.cli.option import open_workspace, speaker_options
from weightmark.cli.output import fails_clearly, good, json_option, print_json, print_table, progress_bar
from weightmark.encoding import Json, parse_digest
from weightmark.errors import DigestMismatchError, NotEntitledError
from weightmark.ports import ResolvedModel
from weightmark.workspace import Workspace
from weightmark.workspace.branching import (
    Edge,
    VersionNode,
    branch_uri,
    find_version,
    list_versions,
    parse_semantic,
)

_SHORT = 12


@click.command("versions")
@click.argument("model")
@click.option(
    "--compare", nargs=2, metavar="VERSION VERSION", help="Say what changed from one version to another."
)
@click.option(
    "--branch", nargs=2, metavar="NAME VERSION", help="Let a branch of this name point to a version."
)
@speaker_options
@json_option
@fails_clearly
def command(
    model: str,
    compare: tuple[str, str] | None,
    branch: tuple[str, str] | None,
    party: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Show the versions of MODEL, a name, as a graph: what came from what, and which branch points where.

    A branch is signed and recorded; whoever named it first may move it.

    \b
    Example:
      weightmark versions churn
      weightmark versions churn --compare 1.4.2 1.5.0
      weightmark versions churn --branch stable 1.5.0
    """
    if compare is not None and branch is not None:
        raise click.UsageError("--compare and --branch are two questions; ask one.")
    with open_workspace(party=party, key=key) as workspace:
        workspace.resources.catch_up()
        nodes = list_versions(workspace.resources, model)
        if not nodes:
            raise NotEntitledError(
                f"no model of the name {model!r} has versions",
                hint="Register one: `weightmark register PATH --name NAME --version 1.0.0`.",
            )
        if compare is not None:
            _compare(workspace, model, nodes, compare, as_json=as_json)
            return
        if branch is not None:
            _name(workspace, model, nodes, branch)
            nodes = list_versions(workspace.resources, model)
    if as_json:
        print_json({"model": model, "versions": [describe(node) for node in nodes]})
        return
    if branch is not None:
        good(f"{branch_uri(model, branch[0])} points to {branch[1]}.")
    _show(nodes)


def describe(node: VersionNode) -> dict[str, Json]:
    """Give a version in the words of ``--json``."""
    return {
        "version": node.version,
        "bundle": node.bundle,
        "uris": list(node.uris),
        "by": sorted(node.linkers),
        "entry": node.entry,
        "issued_at": node.issued_at,
        "parents": [
            {"name": edge.name, "relation": edge.relation, "within": edge.within} for edge in node.parents
        ],
        "branches": list(node.branches),
    }


def _show(nodes: list[VersionNode]) -> None:
    rows = [
        [
            node.version,
            "; ".join(_say(edge) for edge in node.parents) or "-",
            ", ".join(node.branches),
            node.issued_at,
            ", ".join(sorted(node.linkers)),
            parse_digest(node.bundle)[1].hex()[:_SHORT],
            ", ".join(node.uris) or "other files are there now",
        ]
        for node in nodes
    ]
    print_table(("version", "from", "branches", "when", "by", "files", "where"), rows)


def _say(edge: Edge) -> str:
    return edge.name if edge.relation == "follows" else f"{edge.name} ({edge.relation})"


def _name(workspace: Workspace, model: str, nodes: list[VersionNode], branch: tuple[str, str]) -> None:
    """Record that a branch points to a version; it moves only by whoever may link its URI."""
    name, version = branch
    resources = workspace.resources
    node = find_version(nodes, model, version, party=resources.configuration.party.name)
    uri = branch_uri(model, name)
    if name in node.branches:
        return
    held = resources.index.holders(uri)
    if held and resources.configuration.party.name not in held:
        raise NotEntitledError(
            f"the branch {uri} was named by {' and '.join(sorted(held))}, who alone may move it",
            hint="Take another name for the branch.",
        )
    registered = resources.index.find(node.bundle)
    if registered is None:
        raise NotEntitledError(f"{model} {version} is not registered any more")
    claim = VersionClaim(model=model, version=name, uri=uri, issued_at=workspace.clock())
    workspace.record(registered, claim)


def _compare(
    workspace: Workspace, model: str, nodes: list[VersionNode], names: tuple[str, str], *, as_json: bool
) -> None:
    """Say what changed between two versions whose files are still those that were registered."""
    from weightmark.cli import diff
    from weightmark.similarity.difference import diff_models
    from weightmark.similarity.semantic import propose
    from weightmark.workspace.reading import open_tensors

    party = workspace.configuration.party.name
    first, second = (find_version(nodes, model, name, party=party) for name in names)
    with progress_bar("Reading", shown=not as_json):
        models = [open_tensors(_resolve(workspace, node), workspace.plugins) for node in (first, second)]
        found = diff_models(*models)
    proposal, version = propose(found), parse_semantic(first.version)
    if as_json:
        told = diff.describe(found, proposal, version)
        print_json({"first": first.version, "second": second.version, **told, "changelog": None})
        return
    diff.show(found, proposal, version)


def _resolve(workspace: Workspace, node: VersionNode) -> ResolvedModel:
    """Find a version's files, and see that they are the registered ones."""
    if not node.uris:
        raise DigestMismatchError(
            f"the files of version {node.version} are nowhere any more: others took their place",
            hint="Put them back, or compare folders with `weightmark diff`.",
        )
    resolved = workspace.resolve(node.uris[0])
    found = workspace.fingerprint(resolved, algorithm=parse_digest(node.bundle)[0])
    if found.bundle != node.bundle:
        raise DigestMismatchError(
            f"{resolved.uri} does not hold the files of version {node.version} any more",
            hint="Put them back, or compare folders with `weightmark diff`.",
        )
    return resolved
