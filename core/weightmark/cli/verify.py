"""``weightmark verify``."""

import sys
from pathlib import Path

import click

from weightmark.claims import Bundle, Policy, Statement, TrustRoot
from weightmark.cli.option import open_workspace
from weightmark.cli.output import (
    fails_clearly,
    good,
    json_option,
    print_error,
    print_fields,
    print_json,
    progress_bar,
)
from weightmark.cli.register import MANIFEST_SUFFIX
from weightmark.encoding import Json, parse_digest
from weightmark.errors import Failure, MalformedError, VerificationError, WeightmarkError
from weightmark.model import ModelManifest
from weightmark.workspace import Expectation, Verification, Workspace, name_failure, verify_fingerprint

EXIT_FAILED = 3


@click.command("verify")
@click.argument("model")
@click.option("--expect", default="", metavar="MODEL", help="What it should be: a name, a URI, a digest.")
@click.option(
    "--bundle",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Verify offline, by this bundle.",
)
@click.option(
    "--manifest",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The bundle's manifest, to name what differs; else BUNDLE.manifest.json if it is there.",
)
@click.option("--trust", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The trust root.")
@click.option("--signed-by", "identities", multiple=True, metavar="NAME", help="Who must have signed.")
@click.option(
    "--threshold", type=click.IntRange(1), help="How many of them; else all that are named, or one."
)
@json_option
@fails_clearly
def command(
    model: str,
    expect: str,
    bundle: Path | None,
    manifest: Path | None,
    trust: Path | None,
    identities: tuple[str, ...],
    threshold: int | None,
    as_json: bool,
) -> None:
    """Check MODEL against its registration: the signature, the ledger's proof, every file and tensor.

    With --bundle and --trust nothing else is needed: no ledger, no network, no settings.

    \b
    Example:
      weightmark verify models:/churn/3
      weightmark verify ./model --bundle model.bundle.json --trust trust.json
    """
    if bundle is not None and trust is None:
        raise click.UsageError("--bundle needs --trust: a bundle cannot vouch for its own signer.")
    policy = _policy(identities, threshold)
    workspace = open_workspace()
    try:
        with progress_bar("Hashing", shown=not as_json) as progress:
            if bundle is None:
                held = workspace.verify(model, expect=expect, policy=policy, progress=progress)
            else:
                expected = _expectation(bundle, manifest, trust, policy)
                algorithm = parse_digest(Statement.decode(expected.bundle.envelope.payload).subject.bundle)[0]
                resolved = workspace.resolve(model)
                found = workspace.fingerprint(resolved, algorithm=algorithm, progress=progress)
                held = verify_fingerprint(model, found, expected, workspace.clock())
    except (VerificationError, MalformedError) as error:
        _show_failure(model, error, as_json=as_json)
        sys.exit(EXIT_FAILED)
    finally:
        workspace.close()
    _show(workspace, held, as_json=as_json)


def _policy(identities: tuple[str, ...], threshold: int | None) -> Policy:
    try:
        return Policy(threshold=threshold or len(identities) or 1, identities=frozenset(identities))
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _expectation(bundle: Path, manifest: Path | None, trust: Path | None, policy: Policy) -> Expectation:
    beside = manifest or bundle.with_name(bundle.name + MANIFEST_SUFFIX)
    return Expectation(
        bundle=Bundle.decode(_read(bundle), what=f"the bundle {bundle}"),
        manifest=ModelManifest.decode(_read(beside)) if beside.exists() else None,
        trust=TrustRoot.decode(_read(trust)) if trust is not None else TrustRoot(),
        policy=policy,
    )


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise WeightmarkError(
            f"{file} cannot be read: {error}", hint="Check the path and its permissions."
        ) from error


def _show(workspace: Workspace, held: Verification, *, as_json: bool) -> None:
    del workspace
    result = held.to_json()
    if as_json:
        print_json(result)
        return
    named = "" if result["name"] == held.uri else f" {result['name']},"
    good(f"{held.uri} is{named} as {result['owner']} registered it.")
    shown = {key: result[key] for key in ("bundle", "weights", "license", "receipt")}
    print_fields(shown | {"log size": result["log_size"], "signed by": ", ".join(held.evidence.identities)})


def _show_failure(model: str, error: VerificationError | MalformedError, *, as_json: bool) -> None:
    failures = error.failures if isinstance(error, VerificationError) else (Failure(reason=error.message),)
    if as_json:
        rows: list[Json] = [
            {"path": failure.path, "tensor": failure.tensor, "reason": failure.reason} for failure in failures
        ]
        body: Json = {"type": type(error).__name__, "message": error.message, "hint": error.hint}
        print_json({"ok": False, "uri": model, "failures": rows, "error": body})
        return
    named = [name_failure(failure) for failure in failures if failure.path]
    print_error(f"{model} is not what was registered." if named else error.message, *named, hint=error.hint)
