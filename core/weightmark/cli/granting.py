"""What the commands about grants share: the options that say what is granted, and how a grant is shown."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar, cast

import click

from weightmark.claims import (
    Amendment,
    Assignment,
    Claim,
    GrantClaim,
    Reinstatement,
    RenewalClaim,
    Revocation,
    SeatClaim,
    Suspension,
)
from weightmark.claims.subject import check_text
from weightmark.cli.option import Moment
from weightmark.encoding import Json, format_time
from weightmark.errors import MalformedError
from weightmark.index import KnownGrant
from weightmark.licensing import Entitlement, FailMode, IssuedGrant, Renewal, Tier, parse_scope
from weightmark.licensing.window import MOST_GRACE_DAYS, days_left
from weightmark.workspace.granting import state_of, waiting_of

F = TypeVar("F", bound=Callable[..., object])


class Words(click.ParamType[str]):
    """Text for people: at least one character, and all of them printable.

    Args:
        name: what it is, in messages.
        most: the most characters.
    """

    def __init__(self, name: str, most: int) -> None:
        self.name = name
        self._most = most

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check it; a wrong one is a usage error."""
        try:
            check_text(value, f"the {self.name}", least=1, most=self._most)
        except MalformedError as error:
            self.fail(f"{error.message}.", param, ctx)
        return value


NAME = Words("name", 256)
CAUSE = Words("cause", 1024)


class Bound(click.ParamType[Entitlement]):
    """A countable limit: ``calls=1000``, ``tokens=1000000+50000:tokens``."""

    name = "bound"

    def convert(
        self, value: str | Entitlement, param: click.Parameter | None, ctx: click.Context | None
    ) -> Entitlement:
        """Read it; a wrong one is a usage error."""
        if isinstance(value, Entitlement):
            return value
        name, _, rest = value.partition("=")
        number, _, unit = rest.partition(":")
        limit, _, overage = number.partition("+")
        try:
            return Entitlement(name=name, unit=unit or name, limit=int(limit), overage=int(overage or "0"))
        except ValueError:
            self.fail(f"{value[:40]!r} is no limit such as calls=1000 or calls=1000+50:requests.", param, ctx)


class Money(click.ParamType[tuple[Decimal, str]]):
    """An amount of money with its currency: ``12.50 EUR``."""

    name = "money"

    def convert(
        self, value: str | tuple[Decimal, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Decimal, str]:
        """Read it; a wrong one is a usage error."""
        if isinstance(value, tuple):
            return value
        number, _, currency = value.strip().partition(" ")
        try:
            return Decimal(number), currency.strip()
        except InvalidOperation:
            self.fail(f"{value[:40]!r} is no amount such as '12.50 EUR'.", param, ctx)


def terms_options(function: F) -> F:
    """Add the options that say what is granted; each is None, or empty, when it is not given."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


_OPTIONS = (
    click.option("--from", "start", metavar="TIME", type=Moment(), help="From when, in UTC; else now."),
    click.option(
        "--until",
        "end",
        metavar="TIME",
        type=Moment(),
        help="Until when (2027-12-31 or 2027-12-31T00:00:00Z); else for ever.",
    ),
    click.option(
        "--grace-days", type=click.IntRange(0, MOST_GRACE_DAYS), help="Days after the end in which it holds."
    ),
    click.option(
        "--commercial/--non-commercial", default=None, help="Whether for commercial use; else it is."
    ),
    click.option(
        "--purpose", "purposes", multiple=True, type=NAME, metavar="NAME", help="Only for this; repeatable."
    ),
    click.option(
        "--bound",
        "bounds",
        multiple=True,
        type=Bound(),
        metavar="NAME=LIMIT",
        help="A limit: calls=1000, calls=1000+50:requests; repeatable.",
    ),
    click.option(
        "--fail-mode",
        type=click.Choice([mode.value for mode in FailMode]),
        metavar="MODE",
        help=f"When use could not be counted: {', '.join(FailMode)}.",
    ),
    click.option(
        "--degrade-to",
        type=click.Choice([tier.value for tier in Tier]),
        metavar="TIER",
        help="The tier that is left with --fail-mode degrade.",
    ),
    click.option("--seats", type=click.IntRange(1), help="How many may use it by name; else anybody."),
    click.option("--notice-days", type=click.IntRange(0), help="Days from a revocation to its effect."),
    click.option(
        "--transferable/--not-transferable", default=None, help="Whether the grantee may hand it over."
    ),
    click.option("--renew-days", type=click.IntRange(1), help="It renews itself by so many days."),
    click.option("--renew-price", type=Money(), metavar="MONEY", help="For how much each time: '12.50 EUR'."),
    click.option("--price", metavar="REFERENCE", help="An order or a price; carried, not enforced."),
)


def read_terms_options(given: dict[str, Any], scope: str | None) -> dict[str, Any]:
    """Turn the options into the fields of a grant; only what was given is named.

    Args:
        given: what ``terms_options`` collected.
        scope: what ``--for`` says; None when it was not given.

    Raises:
        UsageError: they make no sense.
    """
    days, price = given.pop("renew_days"), given.pop("renew_price")
    fields = {name: value for name, value in given.items() if value is not None and value != ()}
    if price is not None and days is None:
        raise click.UsageError("--renew-price needs --renew-days, the time that it pays for.")
    if "degrade_to" in fields and fields.get("fail_mode") != FailMode.DEGRADE:
        raise click.UsageError("--degrade-to needs --fail-mode degrade.")
    try:
        if scope is not None:
            fields |= {"capabilities": parse_scope(scope), "tier": None}
        if days is not None:
            amount, currency = price or (Decimal(0), "")
            fields["renewal"] = Renewal(days=days, amount=amount, currency=currency)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    for name, kind in (("fail_mode", FailMode), ("degrade_to", Tier)):
        if name in fields:
            fields[name] = kind(fields[name])
    if "purposes" in fields:
        fields["purposes"] = frozenset(fields["purposes"])
    return fields


def summarize(known: KnownGrant, name: str, at: datetime) -> dict[str, Json]:
    """Give what a grant is at a moment, as JSON."""
    edition = known.life.edition(at)
    grant, end = edition.grant, ends_at(edition)
    return {
        "grant": known.id,
        "model": known.bundle,
        "name": name,
        "licensor": grant.licensor,
        "grantee": grant.grantee,
        "state": state_of(known.editions, at),
        "waits": list[Json](waiting_of(known)),
        "capabilities": list[Json](sorted(grant.allows)),
        "start": format_time(grant.start),
        "end": None if grant.end is None else format_time(grant.end),
        "revoked_at": None if edition.revoked_at is None else format_time(edition.revoked_at),
        "days_left": None if end is None else max((end - at).days, 0),
        "seats": grant.seats,
        "holders": list[Json](sorted(edition.holders)),
        "trial": grant.trial,
        "parent": grant.parent or None,
        "entry": known.entry,
    }


def ends_at(edition: IssuedGrant) -> datetime | None:
    """Give the first moment at which a grant holds no longer, after its grace; None when it has no end."""
    ends = [moment for moment in (edition.grant.window.last, edition.revoked_at) if moment is not None]
    return min(ends, default=None)


def left(edition: IssuedGrant, at: datetime) -> str | None:
    """Say how long a grant holds still; None when it has no end, or is over."""
    end = ends_at(edition)
    return None if end is None or end <= at else days_left(at, end)


def describe_claim(claim: Claim) -> str:
    """Say in a few words what a claim says of a grant beside its kind."""
    match claim:
        case GrantClaim() | Assignment():
            grantee = claim.grantee if isinstance(claim, Assignment) else claim.grant.grantee
            return f"to {grantee}"
        case Amendment():
            return "" if claim.grant.end is None else f"until {format_time(claim.grant.end)}"
        case Revocation() | Suspension() | Reinstatement():
            return claim.cause
        case RenewalClaim():
            paid = f", paid by {claim.payment}" if claim.payment else ""
            return f"until {format_time(claim.end)}{paid}"
        case SeatClaim():
            return f"{claim.holder} {'freed' if claim.freed else 'added'}"
        case _:
            return ""


def edition_json(edition: IssuedGrant) -> dict[str, Json]:
    """Write an edition of a grant as JSON."""
    return {
        "since": None if edition.since is None else format_time(edition.since),
        "until": None if edition.until is None else format_time(edition.until),
        "state": edition.state.value,
        "holders": list[Json](sorted(edition.holders)),
        "terms": cast("Json", edition.grant.to_json()),
    }
