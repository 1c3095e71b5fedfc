"""What each component does in its container. kfp's artifacts come in, kfp's artifacts go out.

Whatever goes wrong is raised, which is how a task fails and holds back what depends on it. Before that its
reason is left for the exit handler of the run (``note``).
"""

from collections.abc import Mapping
from pathlib import Path

from weightmark.attribution import format_receipt
from weightmark.attribution.tag import write_verdict
from weightmark.encoding import parse_digest
from weightmark.errors import MalformedError, NotEntitledError, RefusedError
from weightmark.licensing import Outcome as Verdict
from weightmark.vocabulary import BUNDLE_MEDIA_TYPE, MANIFEST_MEDIA_TYPE, EventKind, Tag
from weightmark.workspace import Expectation, Outcome, Workspace, bundle_of, manifest_of, verify_fingerprint
from weightmark_hooks.kubeflow.failure import record_failure
from weightmark_hooks.kubeflow.page import Page, credits_page, failure_page, page_of
from weightmark_hooks.kubeflow.piece import Measures, Piece, pass_on, read_model, uri_of, write
from weightmark_hooks.kubeflow.telling import Told, telling

__all__ = ["attribute", "fingerprint", "license_gate", "record_failure", "register", "verify"]

USES = (EventKind.PROMOTE, EventKind.PUSH, EventKind.DEPLOY)
"""What the gate can be asked about."""

_DONE = {"promote": "promoted", "push": "published", "deploy": "deployed"}


def fingerprint(  # noqa: PLR0913, PLR0917 - as kfp hands them
    model: Piece, fingerprinted: Piece, measures: Measures, summary: Piece, manifest: Piece, run: str
) -> str:
    """Fingerprint a model, measure it, and pass it on; nothing is recorded.

    Returns:
        The fingerprint.

    Raises:
        RefusedError: it cannot be read safely.
    """
    with telling("fingerprint", Told(EventKind.LOG, run), model), Workspace.open() as workspace:
        found = workspace.fingerprint(read_model(model))
    files = found.manifest.files
    for name, value in (
        ("files", len(files)),
        ("bytes", sum(file.size for file in files)),
        ("tensors", len(found.manifest.tensors)),
    ):
        measures.log_metric(name, value)
    rows = (
        ("Fingerprint", found.bundle),
        ("Weights", found.weights or ""),
        ("Architecture", found.architecture or ""),
        ("Files", str(len(files))),
        ("Where", uri_of(model)),
    )
    page = Page(title="The model's fingerprint", rows=rows)
    write(summary, page.as_markdown())
    write(manifest, found.manifest.encode(), media_type=MANIFEST_MEDIA_TYPE, digest=found.manifest.digest)
    tags = {Tag.FINGERPRINT.value: found.bundle, Tag.WEIGHTS.value: found.weights or ""}
    pass_on(model, fingerprinted, {key: value for key, value in tags.items() if value})
    return found.bundle


def register(  # noqa: PLR0913 - what a pipeline may say of a model
    model: Piece,
    registered: Piece,
    receipt: Piece,
    summary: Piece,
    *,
    base: Piece | None = None,
    dataset: Piece | None = None,
    evaluated_on: Piece | None = None,
    name: str = "",
    version: str = "",
    stated: Mapping[str, str] | None = None,
    run: str = "",
) -> str:
    """Fingerprint, sign and record a model, with its licence and what it was made from; pass it on.

    Args:
        model: the model.
        registered: the same model, with the tags in its metadata.
        receipt: the signed bundle with the ledger's receipt.
        summary: what was recorded, for a person.
        base: the model that it was made from.
        dataset: what it was trained on.
        evaluated_on: what it was evaluated on.
        name: what to call it; empty for the artifact's metadata or name.
        version: its version; empty for the first digits of its fingerprint.
        stated: facts that count more than the artifact's metadata.
        run: the pipeline's run.

    Returns:
        The fingerprint.

    Raises:
        RefusedError: the gate refuses, or it could not be recorded.
    """
    told = Told(EventKind.REGISTER, run)
    with telling("register", told, model), Workspace.open() as workspace:
        resolved = read_model(model, stated=stated, base=base, dataset=dataset, evaluated_on=evaluated_on)
        outcome = told.ask(workspace, resolved, name=name or resolved.name or _name_of(model))
        if outcome.model is None:
            raise NotEntitledError(f"{resolved.uri} was not recorded")
        short = parse_digest(outcome.model.bundle)[1].hex()[:12]
        workspace.link(outcome, uri=resolved.uri, version=version or short)
        bundle = bundle_of(workspace.resources, outcome.model).encode()
    _write_bundle(receipt, bundle, outcome)
    write(summary, page_of(outcome, f"{outcome.model.name} is registered", verdict="recorded").as_markdown())
    pass_on(model, registered, outcome.tags())
    return outcome.model.bundle


def license_gate(  # noqa: PLR0913, PLR0917 - as kfp hands them
    model: Piece,
    approved: Piece,
    verdict: Piece,
    page: Piece,
    reason: str,
    action: str = "deploy",
    enforce: bool = True,  # noqa: FBT001, FBT002 - a pipeline's parameter
    run: str = "",
) -> bool:
    """Let a model pass if it is registered, signed, whole, and licensed for the action.

    Args:
        model: the model.
        approved: the same model when it may pass; nothing at all when it may not.
        verdict: the answer and every reason, for a person.
        page: the same as HTML.
        reason: the file that takes the reason in one line; empty when it may pass.
        action: ``promote``, ``push`` or ``deploy``.
        enforce: False to answer with no instead of failing; failing to check is a no too.
        run: the pipeline's run.

    Returns:
        Whether it may pass, for ``dsl.If``.

    Raises:
        RefusedError: it may not pass, or it could not be checked.
    """
    title = f"May this model be {_DONE.get(action, action)}?"
    told = Told(_kind_of(action), run)
    try:
        outcome = _judge(told, model, action)
    except RefusedError as error:
        shown, tags = _refused(title, told.outcome, error, uri_of(model))
        _show(shown, verdict, page, tags)
        approved.metadata.update(tags)
        _write_reason(reason, error.message)
        if enforce:
            raise
        return False
    _show(page_of(outcome, title), verdict, page, outcome.tags())
    pass_on(model, approved, outcome.tags())
    _write_reason(reason, "")
    return True


def verify(model: Piece, verified: Piece, report: Piece, expect: str = "", run: str = "") -> str:
    """Let a model pass if its files are the registered ones, under a signature and a ledger that we trust.

    Args:
        model: the model.
        verified: the same model.
        report: the evidence, for a person.
        expect: what it should be (a name, a URI, a digest); empty for what was registered from there.
        run: the pipeline's run.

    Returns:
        Its fingerprint.

    Raises:
        RefusedError: it does not hold, or it could not be checked.
    """
    told = Told(EventKind.LOAD, run)
    with telling("verify", told, model), Workspace.open() as workspace:
        resolved = read_model(model)
        outcome = told.ask(workspace, resolved)
        registered = workspace.find(expect) if expect else outcome.model
        if registered is None:
            raise NotEntitledError(
                f"{uri_of(model)} is not registered in the ledger {outcome.origin}",
                hint="Register it before, or say with `expect` what it should be.",
            )
        algorithm, found = parse_digest(registered.bundle)[0], outcome.fingerprint
        if found is None or found.algorithm is not algorithm:
            found = workspace.fingerprint(resolved, algorithm=algorithm)
        expectation = Expectation(
            bundle=bundle_of(workspace.resources, registered),
            manifest=manifest_of(workspace.resources, registered),
            trust=workspace.resources.trust,
        )
        evidence = verify_fingerprint(uri_of(model), found, expectation, workspace.clock())
    rows = (
        ("Model", registered.name),
        ("Owner", evidence.registration.owner),
        ("Signed by", ", ".join(evidence.evidence.identities)),
        ("Fingerprint", registered.bundle),
        ("Receipt", format_receipt(outcome.origin, registered.entry)),
        ("Where", uri_of(model)),
    )
    write(report, Page(title="These are the registered files", verdict="allowed", rows=rows).as_markdown())
    pass_on(model, verified, outcome.tags())
    return registered.bundle


def attribute(  # noqa: PLR0913, PLR0917 - as kfp hands them
    model: Piece, attributed: Piece, credited: Piece, page: Piece, bundle: Piece, run: str = ""
) -> str:
    """Say whose work a registered model is and what whoever passes it on owes; pass it on.

    Args:
        model: the model.
        attributed: the same model, with the credits in its metadata.
        credited: the credits, for a person.
        page: the same as HTML.
        bundle: the signed bundle, to lie beside the model wherever it goes.
        run: the pipeline's run.

    Returns:
        The credits in one line.

    Raises:
        RefusedError: it is not registered, was changed, or could not be checked.
    """
    told = Told(EventKind.LOAD, run)
    with telling("attribute", told, model), Workspace.open() as workspace:
        resolved = read_model(model)
        outcome = told.ask(workspace, resolved)
        if outcome.model is None:
            raise NotEntitledError(f"{uri_of(model)} is not registered", hint="Register it before.")
        signed = bundle_of(workspace.resources, outcome.model).encode()
    line = outcome.tags().get(Tag.CREDITS.value, "")
    _show(credits_page(outcome), credited, page, outcome.tags())
    _write_bundle(bundle, signed, outcome)
    pass_on(model, attributed, outcome.tags())
    return line


def _judge(told: Told, model: Piece, action: str) -> Outcome:
    with telling("license-gate", told, model):
        if told.kind != action:
            raise MalformedError(
                f"the gate was asked about {action!r}; it knows {', '.join(USES)}", hint="Mend the pipeline."
            )
        with Workspace.open() as workspace:
            return told.ask(workspace, read_model(model))


def _kind_of(action: str) -> EventKind:
    return EventKind(action) if action in list(USES) else EventKind.DEPLOY


def _name_of(model: Piece) -> str:
    return str(model.metadata.get("display_name") or "") or uri_of(model).rstrip("/").rsplit("/", 1)[-1]


def _refused(
    title: str, outcome: Outcome | None, error: RefusedError, uri: str
) -> tuple[Page, dict[str, str]]:
    if outcome is not None:
        return page_of(outcome, title), outcome.tags()
    word = Verdict.UNDECIDED if error.undecided else Verdict.REFUSED
    shown = failure_page(title, error.message, uri=uri, hint=error.hint, verdict=word.value)
    return shown, write_verdict(word.value, error.message)


def _show(shown: Page, markdown: Piece, page: Piece, tags: Mapping[str, str]) -> None:
    told = {key: tags[key] for key in (Tag.VERDICT.value, Tag.REASON.value) if key in tags}
    write(markdown, shown.as_markdown(), **told)
    write(page, shown.as_html(), **told)


def _write_reason(file: str, text: str) -> None:
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text(text, encoding="utf-8", errors="backslashreplace")


def _write_bundle(out: Piece, bundle: bytes, outcome: Outcome) -> None:
    tags = outcome.tags()
    known = {key: tags[key] for key in (Tag.RECEIPT.value, Tag.FINGERPRINT.value) if key in tags}
    write(out, bundle, media_type=BUNDLE_MEDIA_TYPE, **known)
