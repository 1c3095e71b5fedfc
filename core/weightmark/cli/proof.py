"""``weightmark verify --proof``: one thing of a model, checked with no model at hand."""

import sys
from pathlib import Path
from typing import cast

import click

from weightmark.claims import ModelProof, Policy, TrustRoot, verify_proof
from weightmark.claims.proof import MAX_SIZE as MAX_PROOF
from weightmark.claims.proof import ProofEvidence
from weightmark.claims.trust import MAX_SIZE as MAX_TRUST
from weightmark.cli.option import open_workspace
from weightmark.cli.output import EXIT_VERIFICATION, good, print_error, print_fields, print_json
from weightmark.encoding import Json, printable
from weightmark.errors import Failure, MalformedError, VerificationError
from weightmark.fingerprinting.held import check_bytes, check_file, check_tensor
from weightmark.fingerprinting.shown import ShownFile, ShownTensor
from weightmark.model import Artifact
from weightmark.workspace import read_bounded
from weightmark.workspace.proving import describe_proof
from weightmark.workspace.resource import now

NAMED = 10
"""Changes of an update that are named to a person."""


def verify_by_proof(
    file: Path, data: str | None, trust: Path | None, policy: Policy | None, *, as_json: bool
) -> None:
    """Verify a proof, and data against it when there are any; show what came of it."""
    uri = data or str(file)
    try:
        proof = ModelProof.decode(read_bounded(file, MAX_PROOF), what=f"the proof {file}")
        found = verify_proof(proof, _trust(trust), policy, now())
        if data is not None:
            _hold(proof, data)
    except (VerificationError, MalformedError) as error:
        _show_failure(uri, error, as_json=as_json)
        sys.exit(EXIT_VERIFICATION)
    _show(found, uri, data, as_json=as_json)


def _trust(trust: Path | None) -> TrustRoot:
    if trust is not None:
        return TrustRoot.decode(read_bounded(trust, MAX_TRUST))
    with open_workspace() as workspace:
        return workspace.resources.trust


def _hold(proof: ModelProof, data: str) -> None:
    artifact, shown = Artifact.open(data), proof.shown
    if not artifact.single:
        raise MalformedError(f"{data} is a folder; a proof is about one file", hint="Give the file itself.")
    (held,) = artifact.files
    if isinstance(shown, ShownFile):
        check_file(shown, held)
    elif not isinstance(shown, ShownTensor):
        raise MalformedError("the proof is about an update, with which no data can be compared")
    elif proof.part is not None:
        check_bytes(proof.part, shown.tensor, held)
    else:
        check_tensor(shown, held)
    artifact.check_unchanged()


def _show(found: ProofEvidence, uri: str, data: str | None, *, as_json: bool) -> None:
    result = describe_proof(found, uri)
    if as_json:
        print_json(result)
        return
    shown = cast("dict[str, Json]", result["shown"])
    what = _name(shown)
    verb = f"{uri} is {what}" if data is not None else f"{what[:1].upper()}{what[1:]} belongs to"
    name = printable(str(result["name"]))
    good(f"{verb} of {name}." if data is not None else f"{verb} {name}, as {result['owner']} registered it.")
    changes = cast("list[dict[str, Json]]", shown.get("changes") or [])
    fields = {key: shown.get(key) for key in ("dtype", "shape", "size", "root", "before", "after")}
    kept = {key: result[key] for key in ("bundle", "license", "receipt")}
    print_fields({**fields, **kept, "signed by": ", ".join(found.evidence.identities)})
    for change in changes[:NAMED]:
        click.echo(f"  {change['kind']}: {printable(str(change['name']))}")
    if len(changes) > NAMED:
        click.echo(f"  and {len(changes) - NAMED} more; --json names all.")


def _name(shown: dict[str, Json]) -> str:
    if shown["kind"] == "file":
        return f"the file {printable(str(shown['path']))}"
    if shown["kind"] == "update":
        return "the update"
    tensor = f"the tensor {printable(str(shown['name']))}"
    return f"bytes {shown['start']} to {shown['stop']} of {tensor}" if shown["kind"] == "bytes" else tensor


def _show_failure(uri: str, error: VerificationError | MalformedError, *, as_json: bool) -> None:
    failures = error.failures if isinstance(error, VerificationError) else (Failure(reason=error.message),)
    if as_json:
        rows: list[Json] = [
            {"path": failure.path, "tensor": failure.tensor, "reason": failure.reason} for failure in failures
        ]
        body: Json = {"type": type(error).__name__, "message": error.message, "hint": error.hint}
        print_json({"ok": False, "uri": uri, "failures": rows, "error": body})
        return
    print_error(error.message, hint=error.hint)
