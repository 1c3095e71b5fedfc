"""``weightmark keygen``."""

import os

import click

from weightmark.cli.output import fails_clearly, good, json_option, print_fields, print_json
from weightmark.discovery import Plugins, choose
from weightmark.errors import WeightmarkError
from weightmark.vocabulary import PASSPHRASE

MAX_PASSPHRASE = 1023
"""Bytes of a passphrase that OpenSSL takes."""


@click.command("keygen")
@click.argument("key")
@click.option("--scheme", type=click.Choice(["ed25519", "p256"]), default="ed25519", show_default=True)
@click.option(
    "--protect", is_flag=True, help="Encrypt the key by a passphrase (asked, or WEIGHTMARK_PASSPHRASE)."
)
@json_option
@fails_clearly
def command(key: str, scheme: str, protect: bool, as_json: bool) -> None:
    """Make a signing key in the file KEY, readable by you only, and its public half in KEY.pub.

    An old key is never written over.

    \b
    Example:
      weightmark keygen openlab.pem
    """
    uri = key if key.startswith("file:") else f"file:{key}"
    passphrase = _new_passphrase() if protect else None
    signer = choose(Plugins().signers, uri, "signer").generate(uri, scheme=scheme, passphrase=passphrase)
    path = uri.removeprefix("file:")
    facts = {"key": uri, "public": f"{path}.pub", "scheme": scheme, "key_id": signer.public_key.key_id}
    if as_json:
        print_json(facts)
        return
    good(f"Key made: {path}")
    print_fields(facts)


def _new_passphrase() -> bytes:
    secret = os.environ.get(PASSPHRASE)
    if secret is None:
        secret = click.prompt("New passphrase", hide_input=True, confirmation_prompt=True, err=True)
    if not secret:
        raise WeightmarkError("an empty passphrase protects nothing", hint="Choose another passphrase.")
    passphrase = str(secret).encode("utf-8", "surrogatepass")
    if len(passphrase) > MAX_PASSPHRASE:
        raise WeightmarkError(
            f"the passphrase has {len(passphrase)} bytes; at most {MAX_PASSPHRASE} can protect a key",
            hint="Choose a shorter passphrase.",
        )
    return passphrase
