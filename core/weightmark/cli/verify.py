"""``weightmark verify``."""

import sys
from pathlib import Path

import click

from weightmark.claims import Bundle, Policy, Statement, TrustRoot
from weightmark.claims.bundle import MAX_SIZE as MAX_BUNDLE
from weightmark.claims.trust import MAX_SIZE as MAX_TRUST
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
from weightmark.cli.proof import verify_by_proof
from weightmark.cli.register import MANIFEST_SUFFIX
from weightmark.encoding import Json, parse_digest
from weightmark.errors import Failure, MalformedError, VerificationError
from weightmark.model import ModelManifest
from weightmark.model.manifest import MAX_SIZE as MAX_MANIFEST
from weightmark.workspace import (
    Expectation,
    Verification,
    Workspace,
    name_failure,
    read_bounded,
    verify_fingerprint,
)
from weightmark.workspace.reading import Progress

EXIT_FAILED = 3


@click.command("verify")
@click.argument("model", required=False)
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
@click.option(
    "--proof",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Verify one tensor, file or update by this proof, without the model.",
)
@click.option("--trust", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The trust root.")
@click.option("--signed-by", "identities", multiple=True, metavar="NAME", help="Who must have signed.")
@click.option(
    "--threshold",
    type=click.IntRange(1),
    help="How many of them; else all that are named, or what the trust root asks for.",
)
@json_option
@fails_clearly
def command(
    model: str | None,
    expect: str,
    bundle: Path | None,
    manifest: Path | None,
    proof: Path | None,
    trust: Path | None,
    identities: tuple[str, ...],
    threshold: int | None,
    as_json: bool,
) -> None:
    """Check MODEL against its registration: the signature, the ledger's proof, every file and tensor.

    With --bundle and --trust nothing else is needed: no ledger, no network, no settings. With --proof not
    even the model: MODEL, when it is given, is then a file with the numbers (.npy or their bytes) or the
    bytes that the proof is about.

    \b
    Example:
      weightmark verify models:/churn/3
      weightmark verify ./model --bundle model.bundle.json --trust trust.json
      weightmark verify --proof proof.json --trust trust.json
    """
    if proof is not None:
        if expect or bundle is not None or manifest is not None:
            raise click.UsageError("--proof brings its registration along: no --expect, no --bundle.")
        verify_by_proof(proof, model, trust, _policy(identities, threshold), as_json=as_json)
        return
    if model is None:
        raise click.UsageError("Missing argument 'MODEL'.")
    if bundle is not None and trust is None:
        raise click.UsageError("--bundle needs --trust: a bundle cannot vouch for its own signer.")
    if bundle is None and (trust or manifest) is not None:
        raise click.UsageError("--trust and --manifest go with --bundle; else your own ledger is asked.")
    if bundle is not None and expect:
        raise click.UsageError("--expect asks your own ledger; with --bundle the bundle is what is expected.")
    policy = _policy(identities, threshold)
    try:
        with open_workspace() as workspace, progress_bar("Hashing", shown=not as_json) as progress:
            if bundle is None:
                held = workspace.verify(model, expect=expect, policy=policy, progress=progress)
            else:
                expected = _expectation(bundle, manifest, trust, policy)
                held = _verify_offline(workspace, model, expected, progress)
    except (VerificationError, MalformedError) as error:
        _show_failure(model, error, as_json=as_json)
        sys.exit(EXIT_FAILED)
    _show(held, as_json=as_json)


def _verify_offline(
    workspace: Workspace, model: str, expected: Expectation, progress: Progress | None
) -> Verification:
    """Check a model against a bundle alone; no ledger is asked."""
    algorithm = parse_digest(Statement.decode(expected.bundle.envelope.payload).subject.bundle)[0]
    found = workspace.fingerprint(workspace.resolve(model), algorithm=algorithm, progress=progress)
    return verify_fingerprint(model, found, expected, workspace.clock())


def _policy(identities: tuple[str, ...], threshold: int | None) -> Policy | None:
    """Give what was asked for; None for what the trust root asks for."""
    if not identities and threshold is None:
        return None
    try:
        return Policy(threshold=threshold or len(identities) or 1, identities=frozenset(identities))
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _expectation(
    bundle: Path, manifest: Path | None, trust: Path | None, policy: Policy | None
) -> Expectation:
    beside = manifest or bundle.with_name(bundle.name + MANIFEST_SUFFIX)
    return Expectation(
        bundle=Bundle.decode(read_bounded(bundle, MAX_BUNDLE), what=f"the bundle {bundle}"),
        manifest=ModelManifest.decode(read_bounded(beside, MAX_MANIFEST)) if beside.exists() else None,
        trust=TrustRoot.decode(read_bounded(trust, MAX_TRUST)) if trust is not None else TrustRoot(),
        policy=policy,
    )


def _show(held: Verification, *, as_json: bool) -> None:
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
