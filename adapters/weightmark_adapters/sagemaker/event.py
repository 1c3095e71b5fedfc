"""What EventBridge tells about a model package: "SageMaker Model Package State Change", read strictly.

Source: Amazon SageMaker Developer Guide, "Automating SageMaker with Amazon EventBridge".
"""

from typing import Final

from weightmark.encoding import Json, Record
from weightmark.errors import MalformedError
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind
from weightmark_adapters.sagemaker.package import is_promoted
from weightmark_adapters.sagemaker.uri import is_package_arn, split_name

SOURCE: Final = "aws.sagemaker"
STATE_CHANGE: Final = "SageMaker Model Package State Change"

_DECISIONS: Final = frozenset({"ModelApprovalStatus", "ModelLifeCycle", "InferenceSpecification"})
"""Fields whose change matters. Metadata is not among them: writing ours would call us again, without end."""


def read_event(message: Record) -> ModelEvent | None:
    """Say what an event means.

    Args:
        message: the event as EventBridge sends it.

    Returns:
        PROMOTE for a package that is approved, REGISTER for one that was made or waits; None for what needs
        no answer: other events, other fields, packages that failed or were rejected.

    Raises:
        MalformedError: it says that it is about a model package, and is not.
    """
    if message.text("source", "") != SOURCE or message.text("detail-type", "") != STATE_CHANGE:
        return None
    detail = message.record("detail")
    fields = set(detail.texts("UpdatedModelPackageFields", required=False))
    if fields and not fields & _DECISIONS:
        return None
    if detail.text("ModelPackageStatus", "Completed") != "Completed":
        return None
    described: dict[str, Json] = {
        key: value
        for key, value in detail.members().items()
        if key in {"ModelApprovalStatus", "ModelLifeCycle"} and isinstance(value, (str, dict))
    }
    promoted = is_promoted(described)
    if not promoted and fields and described.get("ModelApprovalStatus") == "Rejected":
        return None
    arn = detail.text("ModelPackageArn", "") or next(iter(message.texts("resources", required=False)), "")
    if not is_package_arn(arn):
        raise MalformedError(f"the event names {arn[:200]!r}, which is not the ARN of a model package")
    group, version = split_name(arn)
    return ModelEvent(
        kind=EventKind.PROMOTE if promoted else EventKind.REGISTER,
        uri=arn,
        name=detail.text("ModelPackageGroupName", "") or group,
        version=version,
        context={"platform": "sagemaker", "delivered": "eventbridge", "region": message.text("region", "")},
    )
