"""The end of a pipeline that failed: its gate's own reason, told where a person looks for it."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

from weightmark.encoding import Json
from weightmark.errors import WeightmarkError
from weightmark.licensing import Decision, Reason, ReasonCode
from weightmark.licensing import Outcome as Verdict
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import SCHEMA_VERSION, EventKind, Tag
from weightmark.workspace import Workspace
from weightmark_hooks.kubeflow import note
from weightmark_hooks.kubeflow.page import Page, Point
from weightmark_hooks.kubeflow.piece import Piece, write

_log = logging.getLogger(__name__)

SUCCEEDED = "SUCCEEDED"


class FinalStatus(Protocol):
    """``dsl.PipelineTaskFinalStatus``, as far as it is read."""

    state: str
    pipeline_task_name: str
    error_message: str | None


def record_failure(status: FinalStatus, report: Piece, page: Piece, failure: Piece, run: str = "") -> str:
    """Say why a gate stopped the pipeline, from what the gate left; kfp's own message when none did.

    Observers are told what a gate could not tell them itself: that it could not check at all.

    Args:
        status: how the pipeline ended, as kfp has it.
        report: the reason, for a person.
        page: the same as HTML.
        failure: the same as JSON.
        run: the pipeline's run.

    Returns:
        The reason; empty when the pipeline succeeded.

    Raises:
        Nothing: a pipeline's end is no place to fail.
    """
    notes = [] if status.state == SUCCEEDED else note.find(run)
    reason = "; ".join(str(left.get("message", "")) for left in notes)
    if not reason and status.state != SUCCEEDED:
        reason = f"No gate of Weightmark refused; Kubeflow says: {status.error_message or status.state}"
    shown = _page_of(status, notes, reason)
    metadata = {Tag.REASON.value: reason[:256]} if reason else {}
    write(report, shown.as_markdown(), **metadata)
    write(page, shown.as_html(), **metadata)
    content: dict[str, Json] = {
        "schema": SCHEMA_VERSION,
        "run": run,
        "state": status.state,
        "task": status.pipeline_task_name,
        "reason": reason,
        "failures": list(notes),
    }
    write(failure, json.dumps(content, indent=2, ensure_ascii=False), **metadata)
    _tell([left for left in notes if left.get("outcome") is None], run)
    return reason


def _page_of(status: FinalStatus, notes: list[dict[str, Any]], reason: str) -> Page:
    if status.state == SUCCEEDED:
        return Page(
            title="The pipeline ended well", verdict="allowed", rows=(("Task", status.pipeline_task_name),)
        )
    rows = [("Ended as", status.state), ("Stopped in", status.pipeline_task_name)]
    for left in notes:
        rows += [("Stopped by", str(left.get("task", ""))), ("Model", str(left.get("uri", "")))]
    points = tuple(point for left in notes for point in _points_of(left)) or (Point(text=reason),)
    certain = any(left.get("undecided") is False for left in notes)
    return Page(
        title="Why this pipeline was stopped",
        verdict="refused" if certain else "undecided",
        rows=tuple(rows),
        reasons=points,
    )


def _points_of(left: Mapping[str, Any]) -> list[Point]:
    """Give the reasons of the gate's own decision, or the message when it came to none."""
    outcome: Any = left.get("outcome")
    found: list[Point] = []
    if isinstance(outcome, Mapping):
        listed: Any = cast("Mapping[str, Any]", outcome).get("reasons")
        reasons = cast("Sequence[object]", listed if isinstance(listed, list) else ())
        for reason in reasons:
            texts = _texts(reason, "message", "clause", "hint")
            found.append(Point(text=texts[0], clause=texts[1], way=texts[2]))
    return found or [Point(text=str(left.get("message", "")), way=str(left.get("hint", "")))]


def _texts(value: object, *keys: str) -> list[str]:
    if not isinstance(value, dict):
        return ["" for _ in keys]
    told = cast("Mapping[str, Any]", value)
    return [str(told.get(key) or "") for key in keys]


def _tell(notes: list[dict[str, Any]], run: str) -> None:
    """Tell the observers of checks that could not be made; a task that could not check told nobody."""
    if not notes:
        return
    try:
        with Workspace.open() as workspace:
            for observer in workspace.resources.observers:
                for left in notes:
                    observer.notice(*_undecided(left, run))
    except WeightmarkError as error:
        _log.warning("the observers could not be told: %s", error.message)
    except Exception:
        _log.exception("the observers could not be told")


def _undecided(left: Mapping[str, Any], run: str) -> tuple[ModelEvent, dict[str, Json]]:
    uri, kind = str(left.get("uri", "")), str(left.get("event", ""))
    event = ModelEvent(
        kind=EventKind(kind) if kind in list(EventKind) else EventKind.DEPLOY,
        uri=uri,
        context={"platform": "kubeflow", "run": run, "task": str(left.get("task", ""))},
    )
    code = ReasonCode.NOT_ASKED
    reason = Reason(
        code=code, message=str(left.get("message", "")), clause="", work=uri, hint=str(left.get("hint", ""))
    )
    decision = Decision(
        outcome=Verdict.UNDECIDED, code=code, reasons=(reason,), duties=(), grant=None, until=None
    )
    told: dict[str, Json] = {"schema": SCHEMA_VERSION, "event": event.kind.value, "uri": uri}
    nothing: dict[str, Json] = {"model": None, "receipt": None, "recorded": False, "tags": {}}
    return event, told | decision.to_json() | nothing
