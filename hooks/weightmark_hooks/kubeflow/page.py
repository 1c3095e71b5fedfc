"""What a person reads in the pipeline's user interface: the same content as Markdown and as HTML.

Names, reasons and licences come from strangers, so nothing of them is markup here.
"""

import html
import re
from dataclasses import dataclass
from typing import Final

from weightmark.attribution import format_receipt
from weightmark.encoding.printable import printable
from weightmark.licensing import Decision
from weightmark.workspace import Outcome

_MARKUP: Final = re.compile(r"([\\*_\[\]<>|~&]|^[-+#=])")
_NUMBERED: Final = re.compile(r"^(\d+)([.)])")
_COLOURS = {"allowed": "#137333", "refused": "#b3261e", "undecided": "#8a5300", "recorded": "#0b57d0"}
_WORDS = {"allowed": "Allowed", "refused": "Refused", "undecided": "Cannot be known", "recorded": "Recorded"}
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;color:#1f1f1f;margin:24px;max-width:760px}"
    "h1{font-size:20px;margin:0 0 4px}h2{font-size:15px;margin:20px 0 4px}"
    ".badge{display:inline-block;color:#fff;border-radius:4px;padding:2px 10px;font-weight:600}"
    "table{border-collapse:collapse;margin-top:12px;width:100%}"
    "th{text-align:left;font-weight:600;width:130px;vertical-align:top}"
    "th,td{padding:6px 12px 6px 0;border-top:1px solid #e3e3e3}"
    "td{overflow-wrap:anywhere}li{margin-bottom:8px}.small{color:#5f6368}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One reason or duty.

    Attributes:
        text: what it is.
        clause: where it is written; empty when nowhere.
        way: what to do about it; empty when nothing.
    """

    text: str
    clause: str = ""
    way: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What is told of one model.

    Attributes:
        title: what was asked: ``May churn be deployed?``.
        verdict: ``allowed``, ``refused``, ``undecided`` or ``recorded``; empty for none.
        rows: names and values; a row without a value is left out.
        reasons: why.
        duties: what is owed by whoever uses it.
    """

    title: str
    verdict: str = ""
    rows: tuple[tuple[str, str], ...] = ()
    reasons: tuple[Point, ...] = ()
    duties: tuple[Point, ...] = ()

    def as_markdown(self) -> str:
        """Write it as Markdown."""
        lines = [f"# {_plain(self.title)}", ""]
        if self.verdict:
            lines += [f"**{_WORDS[self.verdict]}**", ""]
        for heading, points in self._lists():
            lines += [f"## {heading}", "", *(_markdown_point(point) for point in points), ""]
        rows = [f"| {_plain(name)} | {_plain(value)} |" for name, value in self.rows if value]
        if rows:
            lines += [rows[0], "| --- | --- |", *rows[1:], ""]
        return "\n".join(lines)

    def as_html(self) -> str:
        """Write it as one HTML document, without scripts and without anything from elsewhere."""
        rows = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(printable(value))}</td></tr>"
            for name, value in self.rows
            if value
        )
        lists = "".join(
            f"<h2>{heading}</h2><ul>{''.join(_html_point(point) for point in points)}</ul>"
            for heading, points in self._lists()
        )
        badge = ""
        if self.verdict:
            colour, word = _COLOURS[self.verdict], _WORDS[self.verdict]
            badge = f'<p><span class="badge" style="background:{colour}">{word}</span></p>'
        return (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{_html(self.title)}</title>'
            f"<style>{_STYLE}</style></head><body><h1>{_html(self.title)}</h1>"
            f"{badge}{lists}<table>{rows}</table></body></html>\n"
        )

    def _lists(self) -> list[tuple[str, tuple[Point, ...]]]:
        named = (("Why", self.reasons), ("What is owed", self.duties))
        return [(heading, points) for heading, points in named if points]


def credits_page(outcome: Outcome) -> Page:
    """Tell whose work a model is, and what whoever passes it on owes."""
    rows = [
        (work.name, f"by {work.owner or 'an unknown owner'}, {work.license or 'no licence stated'}")
        for work in outcome.works
    ]
    if outcome.model is not None:
        rows += [
            ("Fingerprint", outcome.model.bundle),
            ("Receipt", format_receipt(outcome.origin, outcome.model.entry)),
        ]
    return Page(title="Whose work this model is", rows=tuple(rows), duties=_duties(outcome.decision))


def page_of(outcome: Outcome, title: str, *, verdict: str = "") -> Page:
    """Tell what came of an event.

    Args:
        outcome: what came of it.
        title: what was asked.
        verdict: the word to show; empty for the decision's.
    """
    told = outcome.decision if not outcome.allowed or not verdict else outcome.preview
    model = outcome.model
    rows: list[tuple[str, str]] = []
    if model is not None:
        parents = ", ".join(work.name for work in outcome.works[1:])
        rows = [
            ("Model", model.name),
            ("Owner", model.owner),
            ("Licence", model.license or "none stated"),
            ("Made from", parents),
            ("Fingerprint", model.bundle),
            ("Receipt", format_receipt(outcome.origin, model.entry)),
            ("Look it up", f"{outcome.link}/models/{model.bundle}" if outcome.link else ""),
        ]
    if verdict:
        rows.append(("Its use here", f"{told.outcome.value} ({told.code.value})"))
    rows.append(("Where", outcome.event.uri))
    return Page(
        title=title,
        verdict=verdict or told.outcome.value,
        rows=tuple(rows),
        reasons=_reasons(told),
        duties=_duties(told),
    )


def failure_page(title: str, message: str, *, uri: str, hint: str, verdict: str) -> Page:
    """Tell what could not be checked, or what was refused before there was a decision."""
    return Page(
        title=title, verdict=verdict, rows=(("Where", uri),), reasons=(Point(text=message, way=hint),)
    )


def _reasons(decision: Decision) -> tuple[Point, ...]:
    return tuple(
        Point(text=reason.message, clause=reason.clause, way=reason.hint) for reason in decision.reasons
    )


def _duties(decision: Decision) -> tuple[Point, ...]:
    return tuple(Point(text=duty.sentence, clause=duty.clause) for duty in decision.duties)


def _plain(text: str) -> str:
    """Keep Markdown, and the HTML that it lets through, from reading markup."""
    return _NUMBERED.sub(r"\1\\\2", _MARKUP.sub(r"\\\1", printable(text.strip()).replace("`", "'")))


def _html(text: str) -> str:
    return html.escape(printable(text))


def _markdown_point(point: Point) -> str:
    clause = f" ({_plain(point.clause)})" if point.clause else ""
    way = f"  \n  *What to do:* {_plain(point.way)}" if point.way else ""
    return f"- {_plain(point.text)}{clause}{way}"


def _html_point(point: Point) -> str:
    clause = f' <span class="small">({_html(point.clause)})</span>' if point.clause else ""
    way = f'<br><span class="small">What to do: {_html(point.way)}</span>' if point.way else ""
    return f"<li>{_html(point.text)}{clause}{way}</li>"
