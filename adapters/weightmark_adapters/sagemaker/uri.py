"""The URIs of SageMaker's model packages, read strictly."""

import re
from dataclasses import dataclass
from typing import Final

from weightmark.errors import MalformedError

SCHEME: Final = "sagemaker://"
APPROVED: Final = "approved"
LATEST: Final = "latest"

_NAME: Final = r"[a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,62}"
_ARN: Final = re.compile(
    r"arn:aws[a-z-]{0,20}:sagemaker:(?P<region>[a-z0-9-]{9,16}):(?P<account>[0-9]{12})"
    rf":(?P<kind>model-package|model-package-group)/(?P<name>{_NAME})(?:/(?P<version>[0-9]{{1,9}}))?"
)
_SHORT: Final = re.compile(rf"(?P<name>{_NAME})(?:/(?P<version>[0-9]{{1,9}})|@(?P<alias>[a-z]{{1,20}}))?")
_FORMS: Final = "Write sagemaker://GROUP/VERSION, sagemaker://GROUP@approved, or the ARN of a model package."


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageUri:
    """A URI taken apart; the fields that its kind does not have are empty.

    Attributes:
        arn: the ARN itself, when it is one.
        region: the region in the ARN.
        name: the group's name; the package's own name when it is in no group.
        version: its version, decimal digits without leading zeros.
        alias: ``approved`` or ``latest``.
        group: whether it names a group, or everything, and no package.
    """

    arn: str = ""
    region: str = ""
    name: str = ""
    version: str = ""
    alias: str = ""
    group: bool = False


def parse_uri(uri: str) -> PackageUri:
    """Take a URI apart.

    Args:
        uri: ``sagemaker://group/3``, ``sagemaker://group@approved``, ``sagemaker://group@latest``,
            ``sagemaker://group``, ``sagemaker://`` for everything, or the ARN of a model package or a group.

    Raises:
        MalformedError: it is none of these.

    >>> parse_uri("sagemaker://churn/3").version
    '3'
    >>> parse_uri("arn:aws:sagemaker:eu-west-1:123456789012:model-package/churn/3").region
    'eu-west-1'
    """
    if uri == SCHEME:
        return PackageUri(group=True)
    if uri.startswith(SCHEME):
        found = _SHORT.fullmatch(uri.removeprefix(SCHEME))
        alias = (found["alias"] or "") if found else ""
        if found is None or alias not in {"", APPROVED, LATEST}:
            raise MalformedError(f"{uri!r} names no model package", hint=_FORMS)
        version = (found["version"] or "").lstrip("0")
        if found["version"] and not version:
            raise MalformedError(f"{uri!r}: versions are counted from 1", hint=_FORMS)
        return PackageUri(name=found["name"], version=version, alias=alias, group=not version and not alias)
    found = _ARN.fullmatch(uri)
    if found is None or (found["kind"] == "model-package-group" and found["version"]):
        raise MalformedError(f"{uri!r} is not the ARN of a model package", hint=_FORMS)
    return PackageUri(
        arn=uri,
        region=found["region"],
        name=found["name"],
        version=found["version"] or "",
        group=found["kind"] == "model-package-group",
    )


def is_package_arn(uri: str) -> bool:
    """Say whether a URI is the ARN of a model package."""
    found = _ARN.fullmatch(uri)
    return found is not None and found["kind"] == "model-package"


def split_name(name: str) -> tuple[str, str]:
    """Take a group's name and a version out of a name or an ARN, as SageMaker's calls take either.

    >>> split_name("arn:aws:sagemaker:eu-west-1:123456789012:model-package/churn/3")
    ('churn', '3')
    >>> split_name("churn")
    ('churn', '')
    """
    _, _, tail = name.rpartition(":")
    parts = tail.split("/")
    if ":" in name:
        parts = parts[1:]
    return parts[0] if parts else "", parts[1] if len(parts) > 1 else ""
