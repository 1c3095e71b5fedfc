"""The page of one model, for people who follow the tag ``weightmark.link``, and its signed bundle.

Everything on it may have been written by strangers: all is escaped, nothing is executed, nothing is loaded.
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from importlib.resources import files
from typing import Final

from starlette.responses import HTMLResponse, Response

from weightmark.attribution import format_receipt
from weightmark.encoding import Digest, is_digest, printable
from weightmark.index import HistoryEntry, KnownParent, RegisteredModel
from weightmark.licensing import Action, Decision, IssuedGrant, Terms, Work, find_template
from weightmark.vocabulary import BUNDLE_MEDIA_TYPE, MANIFEST_MEDIA_TYPE
from weightmark.workspace import Workspace, bundle_of, manifest_of
from weightmark.workspace.lineage import works_of

STYLE: Final = files("weightmark_hooks.webhook").joinpath("page.css").read_text(encoding="utf-8")
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_HEADERS: Final = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
LONGEST: Final = 50
"""Rows of a table that are shown; the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What is known about one model."""

    model: RegisteredModel
    receipt: str
    works: tuple[Work, ...]
    parents: list[KnownParent]
    grants: list[IssuedGrant]
    places: list[tuple[str, str, str]]
    history: list[HistoryEntry]
    verdict: Decision
    party: str


def show_model(workspace: Workspace, reference: str) -> Response:
    """Give the page of a model.

    Args:
        workspace: whose ledger.
        reference: the digest of the model's files.

    Raises:
        WeightmarkError: the ledger or the index cannot be read.
    """
    model = _find(workspace, reference)
    if model is None:
        return _nothing()
    index = workspace.resources.index
    known = _Known(
        model=model,
        receipt=format_receipt(workspace.resources.ledger.origin, model.entry),
        works=works_of(index, model),
        parents=index.parents(model.bundle),
        grants=index.grants([digest for digest in (model.bundle, model.weights) if digest]),
        places=index.versions(model.bundle),
        history=index.history(model.bundle),
        verdict=workspace.check(model.bundle, Action.DEPLOY),
        party=workspace.configuration.party.name,
    )
    return HTMLResponse(_write(known), headers=_HEADERS)


def give_bundle(workspace: Workspace, reference: str) -> Response:
    """Give the signed registration with its receipt: what a stranger needs to verify the model offline.

    Raises:
        WeightmarkError: the ledger or the index cannot be read.
    """
    model = _find(workspace, reference)
    if model is None:
        return _nothing()
    return _file(bundle_of(workspace.resources, model).encode(), model, "bundle.json", BUNDLE_MEDIA_TYPE)


def give_manifest(workspace: Workspace, reference: str) -> Response:
    """Give the list of the model's files and tensors with their digests.

    Raises:
        WeightmarkError: the store or the index cannot be read.
    """
    model = _find(workspace, reference)
    manifest = None if model is None else manifest_of(workspace.resources, model)
    if model is None or manifest is None:
        return _nothing()
    return _file(manifest.encode(), model, "bundle.json.manifest.json", MANIFEST_MEDIA_TYPE)


def _find(workspace: Workspace, reference: str) -> RegisteredModel | None:
    if not is_digest(reference):
        return None
    workspace.resources.catch_up()
    model = workspace.resources.index.find(reference)
    return model if model is not None and model.bundle == reference else None


def _file(data: bytes, model: RegisteredModel, name: str, media_type: str) -> Response:
    sent = {**_HEADERS, "Content-Disposition": f'attachment; filename="{_short(model)}.{name}"'}
    return Response(data, media_type=media_type, headers=sent)


def _nothing() -> Response:
    text = "<h1>Nothing here</h1><p>No model with this fingerprint is registered in this ledger.</p>"
    return HTMLResponse(_frame("Not registered", text), HTTPStatus.NOT_FOUND, headers=_HEADERS)


def _write(known: _Known) -> str:
    model = known.model
    sections = (
        f"<header><p class=eyebrow>Registered model</p><h1>{_text(model.name)}</h1></header>",
        _verdict(known),
        _facts(known),
        _table("Credits and lineage", ("work", "owner", "licence", "how"), map(_work, known.works)),
        _table("Derived from", ("how", "what"), map(_parent, known.parents)),
        _table("Where it is", ("model", "version", "URI"), known.places[-LONGEST:]),
        _table("History", ("entry", "when", "what", "signed by", ""), map(_entry, known.history[-LONGEST:])),
        _offline(model),
    )
    return _frame(model.name, "".join(sections))


def _verdict(known: _Known) -> str:
    verdict = known.verdict
    reasons = "".join(
        f"<p>{_text(reason.message)}{_clause(reason.clause)} <em>{_text(reason.hint)}</em></p>"
        for reason in verdict.reasons
    )
    asked = f"Deploying it, for {_text(known.party)}: {verdict.outcome.value}"
    return f'<section class="verdict {verdict.outcome.value}"><h2>{asked}</h2>{reasons}</section>'


def _facts(known: _Known) -> str:
    model = known.model
    whose = " (who registered it; nobody has said whose it is)" if model.presumed else ""
    facts = {
        "Owner": _text(model.owner + whose),
        "Licence": _licence(model),
        "Fingerprint": _code(model.bundle),
        "Weights": _code(model.weights or "no tensors were found"),
        "Receipt": _code(known.receipt),
        "Registered": f"{model.registered_at:%Y-%m-%d %H:%M} UTC",
        "Grants": _text(_count_grants(known.grants)),
    }
    rows = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts.items())
    return f"<section><dl>{rows}</dl></section>"


def _offline(model: RegisteredModel) -> str:
    path, short = f"/models/{model.bundle}", _short(model)
    return (
        f'<footer><p>Verify a copy offline: take the <a href="{path}/bundle">signed bundle</a> and the'
        f' <a href="{path}/manifest">manifest</a>, then</p>'
        f"<pre>weightmark verify PATH --bundle {short}.bundle.json --trust TRUST.json</pre>"
        "<p>Take the trust root from whom you trust. Believe the signature, not this page.</p></footer>"
    )


def _short(model: RegisteredModel) -> str:
    return model.bundle.partition(":")[2][:12]


def _frame(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)} · Weightmark</title><style>{STYLE}</style></head><body><main>{body}</main>"
        "</body></html>"
    )


def _licence(model: RegisteredModel) -> str:
    terms = model.terms or (None if model.license is None else find_template(model.license))
    name = _text(model.license or ("terms of its own" if model.terms else "none stated"))
    return name if terms is None else f"{name}{_in_words(terms)}"


def _in_words(terms: Terms) -> str:
    said = [
        f"Permits {_words(terms.permissions) or 'nothing'}.",
        f"Forbids {_words(terms.prohibitions) or 'nothing in so many words'}.",
        "Commercial use is permitted." if terms.commercial else "Not for commercial use.",
        *(duty.sentence for duty in terms.duties),
        *(f"Not for: {restriction.sentence}" for restriction in terms.use_restrictions),
    ]
    return f"<ul>{''.join(f'<li>{_text(sentence)}</li>' for sentence in said)}</ul>"


def _words(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _count_grants(grants: list[IssuedGrant]) -> str:
    given = {issued.id: issued.revoked_at is not None for issued in grants}  # each stands there in editions
    return f"{len(given)} given, {sum(given.values())} revoked" if given else "none given"


def _work(work: Work) -> tuple[str, str, str, str]:
    how = work.relation.value.replace("-", " ")
    return work.name, work.owner or "unknown", work.license or "none stated", how


def _parent(parent: KnownParent) -> tuple[str, str]:
    return parent.relation.replace("-", " "), parent.uri or str(parent.bundle)


def _entry(entry: HistoryEntry) -> tuple[str, str, str, str, str]:
    what = entry.predicate_type.split("/")[-2] if "/" in entry.predicate_type else "?"
    note = "" if entry.accepted else f"does not count: {entry.note}"
    when = f"{entry.issued_at[:10]} {entry.issued_at[11:16]}"
    return str(entry.index), when, what, ", ".join(entry.signers), note


def _table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{_text(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    if not body:
        return ""
    return (
        f"<section><h2>{title}</h2><div class=scroll><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div></section>"
    )


def _clause(clause: str) -> str:
    return f" <small>({_text(clause)})</small>" if clause else ""


def _code(text: Digest | str) -> str:
    return f"<code>{_text(text)}</code>"


def _text(text: str) -> str:
    return escape(printable(text))
