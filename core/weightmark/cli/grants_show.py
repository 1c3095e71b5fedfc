"""``weightmark grants list`` and ``weightmark grants show``: the grants of a model, and the life of each."""

from datetime import datetime

import click

from weightmark.cli.granting import describe_claim, edition_json, left, summarize
from weightmark.cli.option import grant_argument, open_workspace
from weightmark.cli.output import fails_clearly, json_option, print_fields, print_json, print_table
from weightmark.encoding import Json, printable
from weightmark.index import KnownGrant
from weightmark.workspace import Workspace
from weightmark.workspace.granting import state_of, waiting_of


@click.command("list")
@click.argument("model")
@click.option("--to", "grantee", metavar="NAME", help="Only those that this party holds or held.")
@json_option
@fails_clearly
def list_grants(model: str, grantee: str | None, as_json: bool) -> None:
    """List the grants for MODEL, and how each stands now.

    \b
    Example:
      weightmark grants list ./model --to acme
    """
    with open_workspace() as workspace:
        registered, now = workspace.find(model), workspace.clock()
        workspace.resources.catch_up()
        known = _grants_of(workspace, registered.bundle, grantee)
        rows = [summarize(one, registered.name, now) for one in known]
    if as_json:
        print_json({"model": registered.bundle, "name": registered.name, "grants": list[Json](rows)})
        return
    table = [_row(one, now) for one in known]
    print_table(("grant", "grantee", "state", "until", "left", "seats"), table)


@click.command("show")
@grant_argument
@json_option
@fails_clearly
def show(grant: str, as_json: bool) -> None:
    """Show GRANT: how it stands now, its editions, and all that was said about it.

    \b
    Example:
      weightmark grants show sha256:3b0c…
    """
    with open_workspace() as workspace:
        known, now = workspace.find_grant(workspace.name_grant(grant)), workspace.clock()
        name = workspace.find(known.bundle).name
    history = _history(known)
    if as_json:
        editions: list[Json] = [edition_json(edition) for edition in known.editions]
        print_json({**summarize(known, name, now), "editions": editions, "history": list[Json](history)})
        return
    _print_grant(known, name, now)
    print_table(
        ("entry", "when", "what", "by", ""),
        [
            [
                str(row["entry"]),
                str(row["issued_at"]),
                str(row["what"]),
                ", ".join(entry.signers),
                printable(str(row["detail"]) if entry.accepted else f"does not count: {entry.note}"),
            ]
            for row, entry in zip(history, known.history, strict=True)
        ],
    )


def _grants_of(workspace: Workspace, bundle: str, grantee: str | None) -> list[KnownGrant]:
    found = workspace.resources.index.grants([workspace.find(bundle).bundle], grantee)
    return [workspace.find_grant(identifier) for identifier in dict.fromkeys(one.id for one in found)]


def _row(known: KnownGrant, now: datetime) -> list[str]:
    edition = known.life.edition(now)
    seats = "" if edition.grant.seats is None else f"{len(edition.holders)}/{edition.grant.seats}"
    end = edition.grant.end
    return [
        known.id,
        printable(edition.grant.grantee),
        state_of(known.editions, now),
        "" if end is None else f"{end:%Y-%m-%d %H:%M:%S}",
        left(edition, now) or "",
        seats,
    ]


def _print_grant(known: KnownGrant, name: str, now: datetime) -> None:
    edition = known.life.edition(now)
    grant = edition.grant
    seats = f"{len(edition.holders)}/{grant.seats}: {', '.join(sorted(edition.holders))}".rstrip(": ")
    print_fields(
        {
            "grant": known.id,
            "model": printable(name),
            "grantee": printable(grant.grantee),
            "licensor": printable(grant.licensor),
            "state": state_of(known.editions, now),
            "waits": "; ".join(waiting_of(known)) or None,
            "for": ", ".join(sorted(grant.allows)),
            "until": None if grant.end is None else f"{grant.end:%Y-%m-%d %H:%M:%S} UTC",
            "left": left(edition, now),
            "revoked": None if edition.revoked_at is None else f"{edition.revoked_at:%Y-%m-%d %H:%M:%S} UTC",
            "seats": None if grant.seats is None else printable(seats),
            "editions": len(known.editions),
            "under": grant.parent or None,
        }
    )


def _history(known: KnownGrant) -> list[dict[str, Json]]:
    return [
        {
            "entry": entry.index,
            "what": entry.predicate_type.split("/")[-2],
            "issued_at": entry.issued_at,
            "by": list[Json](entry.signers),
            "statement": entry.statement,
            "detail": describe_claim(known.claims[entry.index]) if entry.index in known.claims else "",
            "accepted": entry.accepted,
            "note": entry.note,
        }
        for entry in known.history
    ]
