"""SageMaker's calls about model packages, each marked as our own and its errors turned into ours.

Not promised: that two who write to one package at the same moment both get through. SageMaker takes the
metadata as a whole and has no condition for it, so the last one wins.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from weightmark.errors import MalformedError, PlatformError
from weightmark_adapters.sagemaker import card, sdk
from weightmark_adapters.sagemaker.uri import APPROVED, PackageUri, parse_uri, split_name

_MISSING: Final = frozenset({"ResourceNotFound", "ValidationException"})


class Packages:
    """The model packages that boto3 finds.

    Args:
        door: makes the clients.
    """

    def __init__(self, door: sdk.Door) -> None:
        self._door = door

    def describe(self, uri: str) -> Mapping[str, Any]:
        """Give what SageMaker says about the package that a URI stands for now.

        Raises:
            MalformedError: the URI names none.
            PlatformError: AWS refused, failed, or has no such package.
        """
        parsed = parse_uri(uri)
        if parsed.group:
            raise MalformedError(
                f"{uri!r} names a group and no package in it",
                hint=f"Name a version: {uri.rstrip('/')}/1, or {uri.rstrip('/')}@approved.",
            )
        with sdk.speaking(uri):
            client = self._client(parsed.region)
            if parsed.arn:
                return _described(client, parsed.arn)
            if parsed.alias:
                return _described(client, _newest(client, uri, parsed))
            return _describe_version(client, parsed)

    def describe_model(self, name: str) -> Mapping[str, Any]:
        """Give what SageMaker says about a model, which is what endpoints run.

        Raises:
            PlatformError: AWS refused, failed, or has no such model.
        """
        with sdk.speaking(name):
            found: Mapping[str, Any] = self._client().describe_model(ModelName=name)
        return found

    def describe_endpoint_config(self, name: str) -> Mapping[str, Any]:
        """Give what SageMaker says about an endpoint's configuration.

        Raises:
            PlatformError: AWS refused, failed, or has no such configuration.
        """
        with sdk.speaking(name):
            found: Mapping[str, Any] = self._client().describe_endpoint_config(EndpointConfigName=name)
        return found

    def groups(self) -> Iterator[str]:
        """Give the names of all groups, oldest first."""
        key = "ModelPackageGroupSummaryList"
        for summary in self._pages("", "list_model_package_groups", key, {}):
            yield str(summary["ModelPackageGroupName"])

    def summaries(self, group: str, region: str) -> Iterator[Mapping[str, Any]]:
        """Give the packages of a group as they are listed, oldest first."""
        more = {"ModelPackageGroupName": group}
        yield from self._pages(region, "list_model_packages", "ModelPackageSummaryList", more)

    def update(self, found: Mapping[str, Any], **change: Any) -> None:
        """Change a package; what it has now is sent with the change.

        Servers differ in whether they keep the metadata, the approval and its description when a call leaves
        them out.

        Args:
            found: from ``describe``.
            change: parameters of UpdateModelPackage.

        Raises:
            PlatformError: AWS refused or failed.
        """
        arn = str(found["ModelPackageArn"])
        keys = ("ModelApprovalStatus", "ApprovalDescription", "CustomerMetadataProperties")
        whole = {key: found[key] for key in keys if found.get(key)} | change
        with sdk.speaking(arn):
            self._client(parse_uri(arn).region).update_model_package(ModelPackageArn=arn, **whole)

    def write_card(self, found: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        """Write Weightmark's model card of a package, unless it says so already.

        Raises:
            PlatformError: AWS refused or failed.
        """
        arn = str(found["ModelPackageArn"])
        group, version = split_name(arn)
        name = card.card_name(group, version)
        with sdk.speaking(f"the model card {name}"):
            client = self._client(parse_uri(arn).region)
            try:
                present = str(client.describe_model_card(ModelCardName=name)["Content"])
            except Exception as error:
                if sdk.code_of(error) not in _MISSING:
                    raise
                content = card.write_card(arn, group, tags)
                client.create_model_card(ModelCardName=name, Content=content, ModelCardStatus="Draft")
                return
            content = card.write_card(arn, group, tags, present)
            if content != present:
                client.update_model_card(ModelCardName=name, Content=content)

    def _client(self, region: str = "") -> Any:
        return self._door.client("sagemaker", region=region)

    def _pages(
        self, region: str, operation: str, key: str, more: Mapping[str, Any]
    ) -> Iterator[Mapping[str, Any]]:
        """Give what a listing has; our calls are marked page by page, since others run between two pages."""
        order = {"SortBy": "CreationTime", "SortOrder": "Ascending", "MaxResults": 100}
        token: dict[str, str] = {}
        while True:
            with sdk.speaking(more.get("ModelPackageGroupName", "sagemaker://")):
                page = getattr(self._client(region), operation)(**more, **order, **token)
            yield from page.get(key) or ()
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}


def _described(client: Any, arn: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = client.describe_model_package(ModelPackageName=arn)
    return found


def _describe_version(client: Any, parsed: PackageUri) -> Mapping[str, Any]:
    group = str(
        client.describe_model_package_group(ModelPackageGroupName=parsed.name)["ModelPackageGroupArn"]
    )
    start = group.partition(":model-package-group/")[0]
    # SageMaker writes the ARNs of packages in lower case, whatever the group's name is.
    first, *rest = dict.fromkeys(
        f"{start}:model-package/{name}/{parsed.version}" for name in (parsed.name.lower(), parsed.name)
    )
    try:
        return _described(client, first)
    except Exception as error:
        if not rest or sdk.code_of(error) not in _MISSING:
            raise
        return _described(client, rest[0])


def _newest(client: Any, uri: str, parsed: PackageUri) -> str:
    answer = client.list_model_packages(
        ModelPackageGroupName=parsed.name,
        SortBy="CreationTime",
        SortOrder="Descending",
        MaxResults=1,
        **({"ModelApprovalStatus": "Approved"} if parsed.alias == APPROVED else {}),
    )
    for summary in answer.get("ModelPackageSummaryList") or ():
        return str(summary["ModelPackageArn"])
    raise PlatformError(f"{uri!r}: the group {parsed.name!r} has no {parsed.alias} package")
