"""SageMaker's lineage: what a model package came from, and the receipt as one more artifact.

Not promised: completeness. Lineage is kept by the jobs and pipelines that made the model, and not every role
may read it; what cannot be asked is left out, with a warning.
"""

import logging
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Final

from weightmark.errors import PlatformError
from weightmark.vocabulary import Fact, Tag
from weightmark_adapters.sagemaker import sdk
from weightmark_adapters.sagemaker.uri import is_package_arn

RECEIPT: Final = "WeightmarkReceipt"
"""The type of the artifact that stands for a receipt."""

_log = logging.getLogger(__name__)
_MAX_STEPS: Final = 64
_told: Final[set[str]] = set()
_PAST: Final = frozenset({"ContributedTo", "DerivedFrom", "Produced", "SameAs", "AssociatedWith"})
_DATA: Final = frozenset({"dataset", "data"})


def read_lineage(client: Any, arn: str) -> dict[str, str]:
    """Give the data sets and the packages that a package came from.

    Args:
        client: boto3's client of SageMaker, one that asks once.
        arn: the package.

    Returns:
        Facts; none when SageMaker keeps no lineage for it, or it cannot be asked.

    Raises:
        PlatformError: SageMaker was too busy or could not be reached; asking again may help.
    """
    try:
        with sdk.speaking(arn):
            found = list(_ancestors(client, arn))
    except PlatformError as error:
        if _is_passing(error):
            raise
        why = sdk.code_of(error.__cause__)
        _log.log(logging.DEBUG if why in _told else logging.WARNING, "lineage is left out: %s", error.message)
        _told.add(why)
        return {}
    data = dict.fromkeys(uri for kind, uri in found if kind in _DATA)
    bases = dict.fromkeys(
        uri for kind, uri in found if kind not in _DATA and is_package_arn(uri) and uri != arn
    )
    facts = {Fact.DATASETS.value: ",".join(data), Fact.BASE_MODEL.value: ",".join(bases)}
    return {key: value for key, value in facts.items() if value}


def write_receipt(client: Any, arn: str, tags: Mapping[str, str]) -> str | None:
    """Make a receipt an artifact of the lineage graph, associated with the package's own artifact.

    Args:
        client: boto3's client of SageMaker.
        arn: the package.
        tags: Weightmark's.

    Returns:
        The ARN of the artifact; None when the package has no lineage, or has this receipt already.

    Raises:
        PlatformError: SageMaker refused or failed.
    """
    receipt = tags.get(Tag.RECEIPT, "")
    with sdk.speaking(arn):
        own = next(_artifacts(client, arn), None)
        source = f"weightmark:{receipt}"
        if not receipt or own is None or next(_artifacts(client, source), None) is not None:
            return None
        made = client.create_artifact(
            ArtifactName="weightmark-receipt",
            Source={"SourceUri": source},
            ArtifactType=RECEIPT,
            Properties={key: value for key, value in tags.items() if value},
        )["ArtifactArn"]
        client.add_association(
            SourceArn=made, DestinationArn=own["ArtifactArn"], AssociationType="AssociatedWith"
        )
    return str(made)


def _ancestors(client: Any, arn: str) -> Iterator[tuple[str, str]]:
    """Walk up from a package: the type and the source of every artifact that it came from."""
    waiting = deque(str(one["ArtifactArn"]) for one in _artifacts(client, arn))
    seen = set(waiting)
    steps = 0
    while waiting and steps < _MAX_STEPS:
        steps += 1
        for page in client.get_paginator("list_associations").paginate(DestinationArn=waiting.popleft()):
            for edge in page.get("AssociationSummaries") or ():
                source = str(edge.get("SourceArn", ""))
                if edge.get("AssociationType") not in _PAST or source in seen:
                    continue
                seen.add(source)
                waiting.append(source)
                if ":artifact/" in source:
                    found = client.describe_artifact(ArtifactArn=source)
                    yield str(found.get("ArtifactType", "")).lower(), str(found["Source"]["SourceUri"])


def _artifacts(client: Any, source: str) -> Iterator[Mapping[str, Any]]:
    for page in client.get_paginator("list_artifacts").paginate(SourceUri=source):
        yield from page.get("ArtifactSummaries") or ()


def _is_passing(error: PlatformError) -> bool:
    """Say whether it may go by itself; a plain 500, the answer of a server without lineage, may not."""
    status = getattr(error.__cause__, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode")
    return error.retryable and status not in {500, 501, 404}
