"""``weightmark usage offline`` and ``weightmark usage settle-chain``."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import click

from weightmark.claims.offline.licence_file import MAX_SIZE as MAX_LICENCE
from weightmark.claims.offline.licence_file import verify_licence
from weightmark.claims.offline.usage_chain import MAX_CHAIN, UsageChain
from weightmark.claims.offline.usage_text import UsageText
from weightmark.claims.trust import MAX_SIZE as MAX_TRUST
from weightmark.claims.trust import TrustRoot
from weightmark.cli.option import open_workspace, speaker_options
from weightmark.cli.output import fails_clearly, good, json_option, print_fields, print_json
from weightmark.encoding import Digest, Json, format_time, parse_digest, printable
from weightmark.errors import MalformedError, UnknownGrantError
from weightmark.licensing import Grant
from weightmark.workspace import Workspace, read_bounded, write_whole
from weightmark.workspace.grant_name import is_grant_name
from weightmark.workspace.metering.bounds import editions_of
from weightmark.workspace.offline.clock import clock_of
from weightmark.workspace.offline.machine import LINUX, require_machine
from weightmark.workspace.offline.settling import Settled, settle_chain, settle_text
from weightmark.workspace.offline.usage import OfflineMeter

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_CHAIN = click.option(
    "--chain",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The chain; else one for each grant in the home folder.",
)
_TRUST = click.option(
    "--trust",
    "trust_file",
    metavar="FILE",
    type=_FILE,
    help="Whose keys count, for the licence file; else the workspace's trust root.",
)


@click.group("offline")
def offline() -> None:
    """Record use where there is no ledger, in a signed chain that is settled later.

    \b
    Example:
      weightmark usage offline record net.licence tokens 120
      weightmark usage offline export net.licence --out june.chain
    """


@offline.command("record")
@click.argument("grant")
@click.argument("name")
@click.argument("units", type=click.IntRange(1), default=1)
@click.option("--use-key", default="", metavar="KEY", help="What names this use; the same is recorded once.")
@_CHAIN
@_TRUST
@speaker_options
@json_option
@fails_clearly
def record(
    grant: str,
    name: str,
    units: int,
    use_key: str,
    chain: Path | None,
    trust_file: Path | None,
    party: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Record UNITS of NAME under GRANT: a licence file, or the id of a grant in the ledger here.

    When it answers, the use is on the disk. What the grant does not have left is not recorded.

    \b
    Example:
      weightmark usage offline record net.licence tokens 120 --use-key request-7
    """
    with _meter(grant, chain, trust_file, party, key) as meter:
        recorded = meter.record(name, units, key=use_key)
    if as_json:
        print_json(
            {
                "chain": str(meter.file),
                "grant": meter.id,
                "seq": recorded.seq,
                "key": recorded.key,
                "name": name,
                "units": units,
                "repeated": recorded.repeated,
                "used": recorded.used,
                "left": recorded.left,
            }
        )
        return
    left = "" if recorded.left is None else f"; {recorded.left} are left"
    was = "were recorded before" if recorded.repeated else "recorded"
    good(f"{units} {printable(name)} {was} as entry {recorded.seq}: {recorded.used} so far{left}.")


@offline.command("show")
@click.argument("grant")
@_CHAIN
@_TRUST
@speaker_options
@json_option
@fails_clearly
def show(
    grant: str,
    chain: Path | None,
    trust_file: Path | None,
    party: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Show what was recorded under GRANT.

    \b
    Example:
      weightmark usage offline show net.licence
    """
    with _meter(grant, chain, trust_file, party, key) as meter:
        facts = {"file": str(meter.file), **_facts(meter.show())}
    _answer(facts, as_json=as_json)


@offline.command("export")
@click.argument("grant")
@click.option(
    "--out", "-o", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Where it goes."
)
@click.option("--text", "as_text", is_flag=True, help="Print the signed totals as a short text besides.")
@_CHAIN
@_TRUST
@speaker_options
@json_option
@fails_clearly
def export(
    grant: str,
    out: Path | None,
    as_text: bool,
    chain: Path | None,
    trust_file: Path | None,
    party: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Seal what was recorded under GRANT and write it to a file, for the licensor.

    The text of --text is letters and digits: to be typed, read out, or shown as a QR code.

    \b
    Example:
      weightmark usage offline export net.licence --out june.chain
      weightmark usage offline export net.licence --text
    """
    if out is None and not as_text:
        raise click.UsageError("Say where it goes: --out FILE, or --text.")
    with _meter(grant, chain, trust_file, party, key) as meter:
        data = meter.export()
        recorded = meter.show()
        text = _text(recorded).sign(meter.public_key.key_id, meter.sign) if as_text else None
    if out is not None:
        write_whole(out.absolute(), data, shared=True)
    facts = {"file": None if out is None else str(out), **_facts(recorded), "text": text}
    _answer(facts, as_json=as_json)


@click.command("settle-chain")
@click.argument("file", type=_FILE, required=False)
@click.option("--text", metavar="TEXT", default="", help="Signed totals, in place of a file.")
@speaker_options
@json_option
@fails_clearly
def settle(file: Path | None, text: str, party: str | None, key: str | None, as_json: bool) -> None:
    """Verify an exported chain and count what of it is new. Only the grant's licensor may.

    The same export twice counts once; a longer one counts the rest. Two exports that begin alike and then
    differ are refused with both heads: a machine was put back or copied, and went on.

    \b
    Example:
      weightmark usage settle-chain june.chain
    """
    if (file is None) == (not text):
        raise click.UsageError("Give a file, or --text.")
    with open_workspace(party=party, key=key) as workspace:
        resources, now = workspace.resources, workspace.clock()
        if file is not None:
            settled = settle_chain(resources, read_bounded(file, MAX_CHAIN), now, what=str(file))
        else:
            settled = settle_text(resources, text, now)
    if as_json:
        print_json(_settled(settled))
        return
    if settled.entry is None:
        good(f"Nothing new: {settled.last} entries of {settled.chain} were settled before.")
        return
    totals = ", ".join(f"{units} {printable(name)}" for name, units in sorted(settled.totals.items()))
    good(f"Settled entries {settled.first} to {settled.last} of {printable(settled.party)}: {totals}.")
    print_fields({"grant": settled.grant, "chain": settled.chain, "entry": settled.entry})


@contextmanager
def _meter(
    grant: str, chain: Path | None, trust_file: Path | None, party: str | None, key: str | None
) -> Generator[OfflineMeter]:
    with open_workspace(party=party, key=key) as workspace:
        id_, granted = _grant(workspace, grant, trust_file)
        home, signer = workspace.configuration.home, workspace.resources.signer
        yield OfflineMeter(
            file=(chain or home / "usage-chains" / f"{parse_digest(id_)[1].hex()}.jsonl").absolute(),
            id=id_,
            grant=granted,
            party=workspace.configuration.party.name,
            public_key=signer.public_key,
            sign=signer.sign,
            clock=clock_of(home).check,
        )


def _grant(workspace: Workspace, grant: str, trust_file: Path | None) -> tuple[Digest, Grant]:
    """Give a grant: as a verified licence file has it, or as the ledger here has it now."""
    keeper = clock_of(workspace.configuration.home)
    file = Path(grant)
    if is_grant_name(grant) and not file.is_file():
        workspace.resources.catch_up()
        named = workspace.name_grant(grant)
        now = keeper.check()
        editions = [
            issued
            for issued in editions_of(workspace.resources, named)
            if issued.since is None or issued.since <= now
        ]
        if not editions:
            raise UnknownGrantError(f"the ledger has no grant {grant}")
        return named, editions[-1].grant
    if not file.is_file():
        raise MalformedError(
            f"{grant[:200]!r} is neither a licence file nor a grant's id",
            hint="Ask the licensor for one: `weightmark license issue GRANT --out FILE`.",
        )
    trust = (
        workspace.resources.trust
        if trust_file is None
        else TrustRoot.decode(read_bounded(trust_file, MAX_TRUST), what=str(trust_file))
    )
    now = keeper.check()
    licence = verify_licence(read_bounded(file, MAX_LICENCE), trust, now).licence
    if licence.machine:
        require_machine(licence.machine, LINUX)
    return Digest(licence.grant.id), licence.grant.grant


def _text(chain: UsageChain) -> UsageText:
    if not chain.entries:
        raise MalformedError("nothing was recorded", hint="Record a use first.")
    return UsageText.of(chain)


def _facts(chain: UsageChain) -> dict[str, Json]:
    return {
        "chain": chain.header.chain,
        "grant": chain.header.grant,
        "party": chain.header.party,
        "entries": len(chain.entries),
        "sealed": chain.sealed,
        "head": chain.entries[-1] if chain.entries else None,
        "began": None if chain.began is None else format_time(chain.began),
        "ended": None if chain.ended is None else format_time(chain.ended),
        "totals": dict(chain.totals),
    }


def _answer(facts: dict[str, Json], *, as_json: bool) -> None:
    if as_json:
        print_json(facts)
        return
    totals = facts.pop("totals")
    counted = totals.items() if isinstance(totals, dict) else ()
    shown = {
        **facts,
        "used": ", ".join(f"{units} {printable(name)}" for name, units in counted) or "nothing",
    }
    print_fields({name: value for name, value in shown.items() if value is not None})


def _settled(settled: Settled) -> dict[str, Json]:
    return {
        "chain": settled.chain,
        "grant": settled.grant,
        "party": settled.party,
        "first": settled.first,
        "last": settled.last,
        "totals": dict(settled.totals),
        "entry": settled.entry,
    }
