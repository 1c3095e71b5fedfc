"""SageMaker's model registry, as a Registry: model packages and their groups."""

import logging
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, ClassVar, Final

from weightmark.errors import MissingExtraError, PlatformError, WeightmarkError
from weightmark.model.card import read_facts, state_facts
from weightmark.model.event import ModelEvent
from weightmark.ports import Registry
from weightmark.ports.download import delete_at_exit, deleted_after
from weightmark.ports.registry import ListedVersion, PlatformStatus, ResolvedModel
from weightmark.vocabulary import EventKind
from weightmark_adapters.sagemaker import lineage, sdk
from weightmark_adapters.sagemaker.api import Packages
from weightmark_adapters.sagemaker.metadata import merge
from weightmark_adapters.sagemaker.package import (
    Container,
    containers_of,
    is_live,
    is_promoted,
    package_facts,
    part,
    require_places,
)
from weightmark_adapters.sagemaker.s3 import DataPlace, bring
from weightmark_adapters.sagemaker.uri import is_package_arn, parse_uri, split_name

MAX_REASON: Final = 1024
"""Characters in an approval's description."""

_Shared = tuple[Callable[[Path], object], dict[tuple[DataPlace, ...], Path]]
_log = logging.getLogger(__name__)


class SagemakerRegistry(Registry):
    """The registry that boto3 finds: region, credentials and endpoint are its own.

    Args:
        session: a botocore session to make clients with; None for boto3's own.
        region: the region, when neither the URI nor the session names one.

    Attributes:
        packages: SageMaker's own calls.
    """

    name: ClassVar[str] = "sagemaker"
    schemes: ClassVar[Sequence[str]] = ("sagemaker", "arn")

    def __init__(self, session: Any = None, *, region: str = "") -> None:
        self._door = sdk.Door(session, region)
        self.packages = Packages(self._door)
        self._shared: ContextVar[_Shared | None] = ContextVar("weightmark-sagemaker-shared", default=None)

    def resolve(self, uri: str) -> ResolvedModel:
        """Turn a URI into files on this machine.

        Args:
            uri: ``sagemaker://group/3``, ``sagemaker://group@approved``, ``…@latest``, an ARN.

        Returns:
            The model; its archive unpacked, its URI the package's ARN. Deleted when the process ends.

        Raises:
            MalformedError: the URI is not one of SageMaker's, or the archive is damaged or unsafe.
            PlatformError: AWS refused, failed, or has no such package; or it does not fit on the disk.
            DigestMismatchError: what came is not what S3 or the package says.
            MissingExtraError: boto3 is not installed.
        """
        found = self.packages.describe(uri)
        return self._bring(found, delete_at_exit, known=self._lineage(found))

    @contextmanager
    def checkout(self, uri: str) -> Generator[ResolvedModel, None, None]:
        """Resolve for a while: what was brought is deleted at the end.

        Raises:
            WeightmarkError: as ``resolve``.
        """
        found = self.packages.describe(uri)
        with self._while(found, None, self._lineage(found)) as resolved:
            yield resolved

    @contextmanager
    def checkout_described(
        self, description: Mapping[str, Any], *, containers: Sequence[Container] | None = None
    ) -> Generator[ResolvedModel, None, None]:
        """Have a package's bytes for a while, as it is described or is about to be; lineage is not asked.

        Args:
            description: what SageMaker says about it, or the parameters of a call that makes one; without
                ``ModelPackageArn`` it has no version yet.
            containers: the containers whose bytes are meant; None for the package's own.

        Raises:
            WeightmarkError: as ``resolve``.
        """
        with self._while(description, containers, {}) as resolved:
            yield resolved

    @contextmanager
    def sharing(self) -> Generator[None, None, None]:
        """Bring the same bytes once, however often they are asked for in this thread until it ends.

        For one decision: what is read for its second question is what was read for its first.
        """
        with deleted_after() as keep:
            token = self._shared.set((keep, {}))
            try:
                yield
            finally:
                self._shared.reset(token)

    def pin(self, uri: str) -> str:
        """Give the ARN of the package that a URI stands for now.

        Raises:
            MalformedError: the URI is not one of SageMaker's.
            PlatformError: AWS refused, failed, or has no such package.
        """
        return uri if is_package_arn(uri) else str(self.packages.describe(uri)["ModelPackageArn"])

    def annotate(self, uri: str, tags: Mapping[str, str]) -> None:
        """Write tags to a package's customer metadata and to Weightmark's model card; only what is not there.

        Raises:
            MalformedError: the URI is not one of SageMaker's.
            PlatformError: AWS refused or failed.
        """
        found = self.packages.describe(uri)
        arn = str(found["ModelPackageArn"])
        present = dict(part(found, "CustomerMetadataProperties"))
        merged, left = merge(present, tags)
        if left:
            _log.warning("%s has no room for %s; its card has them", arn, ", ".join(left))
        if merged != present:
            self.packages.update(found, CustomerMetadataProperties=merged)
        try:
            self.packages.write_card(found, tags)
        except PlatformError as error:
            if error.retryable:
                raise
            _log.warning("the model card of %s is not written: %s", arn, error.message)

    def versions(self, uri: str) -> Iterator[ListedVersion]:
        """List the packages of a group, or of all groups, page by page, oldest first.

        Args:
            uri: ``sagemaker://group``, a group's ARN, or ``sagemaker://`` for one group after another.

        Raises:
            MalformedError: the URI is not one of SageMaker's.
            PlatformError: AWS refused or failed.
        """
        parsed = parse_uri(uri)
        if not parsed.group:
            yield _listed(self.packages.describe(uri))
            return
        for group in [parsed.arn or parsed.name] if parsed.name else self.packages.groups():
            yield from map(_listed, self.packages.summaries(group, parsed.region))

    def withdraw(self, event: ModelEvent, reason: str) -> bool:
        """Reject a package that is approved, and its stage, with the reason; a second time changes nothing.

        Returns:
            Whether the promotion is undone; False for other uses: an endpoint that runs is not stopped.

        Raises:
            PlatformError: AWS refused or failed.
        """
        found = self.packages.describe(event.uri)
        why = _short(reason)
        change: dict[str, Any] = {}
        if found.get("ModelApprovalStatus") == "Approved":
            change |= {"ModelApprovalStatus": "Rejected", "ApprovalDescription": why}
        cycle = part(found, "ModelLifeCycle")
        if is_live(cycle):
            stage = {"Stage": cycle["Stage"], "StageStatus": "Rejected", "StageDescription": why}
            change["ModelLifeCycle"] = stage
        if change:
            self.packages.update(found, **change)
        return event.kind is EventKind.PROMOTE

    def trace(self, uri: str, tags: Mapping[str, str]) -> str | None:
        """Put a receipt into SageMaker's lineage graph, as an artifact beside the package's own.

        Args:
            uri: the package.
            tags: Weightmark's, with the receipt among them.

        Returns:
            The artifact's ARN; None when the package has no lineage, or has this receipt already.

        Raises:
            PlatformError: AWS refused or failed.
        """
        arn = self.pin(uri)
        with sdk.speaking(arn):
            client = self._door.client("sagemaker", region=parse_uri(arn).region)
        return lineage.write_receipt(client, arn, tags)

    def inspect(self) -> PlatformStatus:
        """Look at what is installed and whether SageMaker answers; lists one group."""
        try:
            installed = str(sdk.load().__version__)
        except MissingExtraError as error:
            return PlatformStatus(hint=error.hint)
        hooked, server = _hooked(), ""
        hint = "" if hooked else "Set WEIGHTMARK_HOOKS=sagemaker, so that every call of boto3 asks first."
        reachable: bool | None = None
        try:
            with sdk.speaking("the model registry"):
                client = self._door.client("sagemaker", once=True)
                server = str(client.meta.endpoint_url)
                client.list_model_package_groups(MaxResults=1)
            reachable = True
        except WeightmarkError as error:
            hint = error.hint
            reachable = bool(sdk.code_of(error.__cause__)) if server else None
        except Exception as error:
            hint = f"Look at the configuration of boto3: {type(error).__name__}."
        return PlatformStatus(
            installed=installed, server=server, reachable=reachable, hooked=hooked, hint=hint
        )

    @contextmanager
    def _while(
        self,
        description: Mapping[str, Any],
        containers: Sequence[Container] | None,
        known: Mapping[str, str],
    ) -> Generator[ResolvedModel, None, None]:
        with deleted_after() as keep:
            yield self._bring(description, keep, containers, known=known)

    def _bring(
        self,
        description: Mapping[str, Any],
        keep: Callable[[Path], object],
        containers: Sequence[Container] | None = None,
        *,
        known: Mapping[str, str],
    ) -> ResolvedModel:
        arn = str(description.get("ModelPackageArn", ""))
        group, version = split_name(arn or str(description.get("ModelPackageGroupName", "")))
        uri = arn or f"sagemaker://{group}"
        places = require_places(containers_of(description) if containers is None else containers, uri)
        folder = self._fetch(places, uri, keep)
        return ResolvedModel(
            uri=uri,
            path=folder,
            name=str(description.get("ModelPackageGroupName") or group) if arn else group,
            version=version,
            facts=state_facts({}, *package_facts(description), known, read_facts(folder)),
        )

    def _fetch(self, places: tuple[DataPlace, ...], uri: str, keep: Callable[[Path], object]) -> Path:
        keep, known = self._shared.get() or (keep, {})
        if places not in known:
            folder = Path(tempfile.mkdtemp(prefix="weightmark-"))
            keep(folder)
            with sdk.speaking(uri):
                bring(self._door.client("s3"), places, folder)
            known[places] = folder
        return known[places]

    def _lineage(self, found: Mapping[str, Any]) -> dict[str, str]:
        arn = str(found["ModelPackageArn"])
        with sdk.speaking(arn):
            client = self._door.client("sagemaker", region=parse_uri(arn).region, once=True)
        return lineage.read_lineage(client, arn)


def _listed(summary: Mapping[str, Any]) -> ListedVersion:
    arn = str(summary["ModelPackageArn"])
    group, version = split_name(arn)
    return ListedVersion(
        uri=arn,
        name=str(summary.get("ModelPackageGroupName") or group),
        version=version,
        deployed=is_promoted(summary),
    )


def _short(reason: str) -> str:
    line = " ".join(reason.split())
    return line if len(line) <= MAX_REASON else line[: MAX_REASON - 1] + "…"


def _hooked() -> str:
    """Say how new sessions of botocore are guarded, without knowing by whom."""
    made: Sequence[object] = getattr(sdk.load("botocore"), "_INITIALIZERS", ())
    guarded = any(getattr(one, "__module__", "").startswith("weightmark_hooks.") for one in made)
    return "WEIGHTMARK_HOOKS" if guarded else ""
