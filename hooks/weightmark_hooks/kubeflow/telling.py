"""What all tasks share: asking the workspace, failing closed, and leaving the reason behind."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from weightmark.encoding import Json
from weightmark.errors import RefusedError
from weightmark.model.event import ModelEvent
from weightmark.ports import ResolvedModel
from weightmark.vocabulary import EventKind, Fact
from weightmark.workspace import Outcome, Workspace, failing_closed
from weightmark.workspace.asking import refusal_of
from weightmark_hooks.kubeflow import note
from weightmark_hooks.kubeflow.piece import Piece, uri_of


class Told:
    """What one task asked, and what came of it when it came that far.

    Args:
        kind: what the model is about to go through.
        run: the pipeline's run; empty when not known.
    """

    def __init__(self, kind: EventKind, run: str) -> None:
        self.kind = kind
        self.run = run
        self.outcome: Outcome | None = None
        self._context = {"platform": "kubeflow"} | ({"run": run} if run else {})

    def ask(self, workspace: Workspace, resolved: ResolvedModel, *, name: str = "") -> Outcome:
        """Take the model down the road.

        Raises:
            RefusedError: the gate refuses.
            WeightmarkError: it could not be decided.
        """
        facts: Mapping[str, str] = resolved.facts if self.kind is EventKind.REGISTER else {}
        event = ModelEvent(
            kind=self.kind,
            uri=resolved.uri,
            name=name,
            license=facts.get(Fact.LICENSE),
            owner=facts.get(Fact.OWNER),
            context=self._context,
        )
        self.outcome = workspace.handle(event, resolved=resolved)
        if not self.outcome.allowed:
            raise refusal_of(self.outcome)
        return self.outcome


@contextmanager
def telling(task: str, told: Told, model: Piece) -> Generator[None, None, None]:
    """Fail closed, and leave the reason for the exit handler of the run.

    Args:
        task: the component's name.
        told: what the task asks.
        model: the model.

    Raises:
        RefusedError: for whatever was raised inside.
    """
    try:
        with failing_closed(f"the task {task} on {uri_of(model)}"):
            yield
    except RefusedError as error:
        left: dict[str, Json] = {
            "task": task,
            "event": told.kind.value,
            "message": error.message,
            "hint": error.hint,
            "undecided": error.undecided,
            "uri": uri_of(model),
            "outcome": None if told.outcome is None else told.outcome.to_json(),
        }
        note.leave(told.run, left)
        raise
