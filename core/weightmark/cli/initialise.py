"""``weightmark init``."""

import json
from pathlib import Path

import click

from weightmark.cli.option import ask_secret
from weightmark.cli.output import fails_clearly, good, json_option, print_fields, print_json
from weightmark.errors import WeightmarkError
from weightmark.workspace import Configuration, Workspace, write_whole
from weightmark.workspace.configuration import FILE_NAME


@click.command("init")
@click.option("--party", metavar="NAME", help="Who you are; your models are recorded as owned by this name.")
@click.option(
    "--commercial/--non-commercial", default=None, help="Whether your use is commercial (the default)."
)
@click.option(
    "--home", metavar="FOLDER", help="Where keys and ledger are kept; else your user's data folder."
)
@json_option
@fails_clearly
def command(party: str | None, commercial: bool | None, home: str | None, as_json: bool) -> None:
    """Set up a workspace here: settings, keys, ledger, trust root.

    What is there already is kept. Without this command everything works too, with the defaults.

    \b
    Example:
      weightmark init --party acme
    """
    file = Path(FILE_NAME).absolute()
    written = not file.exists()
    if written:
        write_whole(file, _settings(party, commercial, home).encode(), shared=True)
    try:
        facts = _set_up(party, commercial)
    except BaseException:
        if written:
            file.unlink(missing_ok=True)
        raise
    if as_json:
        print_json({"written": written, **facts})
        return
    good(f"{FILE_NAME} written." if written else f"{facts['settings']} was there already; it is kept.")
    print_fields({**facts, "commercial": "yes" if facts["commercial"] else "no"})


def _set_up(party: str | None, commercial: bool | None) -> dict[str, str | bool]:
    """Make what is missing: keys, ledger, trust root, index; refuse what could record nothing."""
    with Workspace(Configuration.load(), ask_secret=ask_secret) as workspace:
        settings, resources = workspace.configuration, workspace.resources
        asked = (
            party or settings.party.name,
            settings.party.commercial if commercial is None else commercial,
        )
        if asked != (settings.party.name, settings.party.commercial):
            use = "commercial" if settings.party.commercial else "non-commercial"
            raise WeightmarkError(
                f"{settings.file or 'the environment'} says that you are {settings.party.name},"
                f" whose use is {use}; it is kept",
                hint=f"Mend it, or take it away first; WEIGHTMARK_* win over {FILE_NAME}.",
            )
        resources.catch_up()
        resources.require_own_key(workspace.clock())
        return {
            "party": settings.party.name,
            "commercial": settings.party.commercial,
            "settings": str(settings.file),
            "ledger": settings.ledger,
            "log": resources.ledger.origin,
            "key": resources.signer.public_key.key_id,
            "trust": str(settings.trust),
        }


def _settings(party: str | None, commercial: bool | None, home: str | None) -> str:
    lines = ["# Weightmark's settings. Environment variables WEIGHTMARK_* win over this file.", ""]
    if party is not None:
        lines.append(f"party = {_quote(party)}")
    if commercial is not None:
        lines.append(f"commercial = {str(commercial).lower()}")
    if home is not None:
        lines.append(f"home = {_quote(home)}")
    gate = 'requires = ["registered", "signed", "intact", "licensed"]'
    lines += ["", "[gates.promote]", gate, 'undecided = "refuse"', ""]
    return "\n".join(lines)


def _quote(text: str) -> str:
    """Write a TOML basic string; JSON's escapes are TOML's."""
    return json.dumps(text)
