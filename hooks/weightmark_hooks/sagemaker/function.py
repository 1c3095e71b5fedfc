"""Two AWS Lambda functions in one archive: one for EventBridge, one for a step of SageMaker Pipelines.

``weightmark_hooks.sagemaker.function.handler`` is told after the fact: it registers what waits for approval,
and rejects an approval that the licence does not allow. ``…function.gate`` is asked before.

Not promised: that one event comes once. EventBridge may send it again, late, and in another order; the end is
the same. What fails is raised, so that Lambda tries again and then puts the event into its dead-letter queue.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

from weightmark.encoding import Json, Record
from weightmark.errors import MalformedError, RefusedError
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind, Fact
from weightmark.workspace import ask, failing_closed, process_workspace
from weightmark_adapters.sagemaker import SagemakerRegistry
from weightmark_adapters.sagemaker.event import read_event
from weightmark_adapters.sagemaker.uri import is_package_arn, split_name

MAX_REASON: Final = 1024
_PLATFORM: Final = {"platform": "sagemaker", "delivered": "pipeline"}
_ACTIONS: Final = {"promote": EventKind.PROMOTE, "deploy": EventKind.DEPLOY}


def handler(event: Mapping[str, Any], context: object = None) -> dict[str, Json]:
    """Take one event of EventBridge.

    Args:
        event: a "SageMaker Model Package State Change"; any other is passed over.
        context: Lambda's; not used.

    Returns:
        What was done, for the log.

    Raises:
        WeightmarkError: it could not be handled; taking it again is safe.
    """
    del context
    told = read_event(Record(cast("Json", dict(event)), "the event"))
    if told is None:
        return {"status": "ignored"}
    outcome = process_workspace().follow(told)
    return {
        "status": "handled",
        "event": told.kind.value,
        "uri": told.uri,
        "allowed": outcome.allowed,
        "reason": outcome.refusal(),
    }


def gate(event: Mapping[str, Any], context: object = None) -> dict[str, str]:
    """Answer a pipeline's step: may this model go on?

    Args:
        event: ``ModelPackageArn`` for a package that is there, with ``action``: ``promote`` (when it is left
            out) or ``deploy``; or ``ModelDataUrl`` and ``ModelPackageGroupName`` for one that is about to be
            registered, with what is to be stated about it: ``license``, ``base_model``, ``datasets``.
        context: Lambda's; not used.

    Returns:
        ``allowed``, ``true`` or ``false``, and ``reason``; a failure to check is ``false``.
    """
    del context
    try:
        with failing_closed("this step of the pipeline"):
            _ask(event)
    except RefusedError as refusal:
        reason = f"{refusal.message} {refusal.hint}".strip()
        return {"allowed": "false", "reason": reason[:MAX_REASON]}
    return {"allowed": "true", "reason": ""}


def _ask(event: Mapping[str, Any]) -> None:
    registry = SagemakerRegistry()
    arn, data = str(event.get("ModelPackageArn") or ""), str(event.get("ModelDataUrl") or "")
    kind = _ACTIONS.get(str(event.get("action") or "promote"))
    if kind is None or bool(arn) == bool(data) or (arn and not is_package_arn(arn)):
        raise MalformedError(
            "the step must name either a ModelPackageArn or a ModelDataUrl, and the action promote or deploy"
        )
    if arn:
        group, version = split_name(arn)
        told = ModelEvent(kind=kind, uri=arn, name=group, version=version, context=_PLATFORM)
        with registry.checkout(arn) as resolved:
            ask(told, resolved=resolved)
        return
    group, _ = split_name(str(event.get("ModelPackageGroupName") or ""))
    stated = {fact.value: str(event[fact.value]) for fact in Fact if event.get(fact.value)}
    described = {"ModelPackageGroupName": group, "CustomerMetadataProperties": stated}
    with registry.checkout_described(described, containers=[{"ModelDataUrl": data}]) as resolved:
        for step in (EventKind.REGISTER, kind):
            told = ModelEvent(kind=step, uri=data, name=group, context=_PLATFORM)
            ask(told, resolved=resolved)
