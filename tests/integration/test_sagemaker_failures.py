"""What can go wrong with SageMaker, on the real boto3: gates refuse, events are taken again."""

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.integration.sagemaker import fixture
from tests.integration.sagemaker.aws import BUCKET, Aws, package_of, serve
from tests.integration.sagemaker.proxy import Answer, Proxy, failure
from tests.integration.sagemaker.world import World, world_of

from weightmark.errors import LedgerError, MalformedError, PlatformError, RefusedError
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind
from weightmark_adapters.sagemaker import SagemakerRegistry
from weightmark_hooks.sagemaker import protect
from weightmark_hooks.sagemaker.function import handler
from weightmark_hooks.webhook.eventbridge import MAX_AGE_SECONDS, EventBridgeSource
from weightmark_hooks.webhook.inbox import Inbox
from weightmark_hooks.webhook.receiver import Receiver, create_app

aws, between, world = fixture.aws, fixture.between, fixture.world
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]

VECTOR = Path(__file__).parents[1] / "vectors" / "sagemaker" / "model-package-state-change.json"
KEY = "the connection's own key"
NO_BUSINESS = "cc-by-nc-4.0"


def told(arn: str, status: str, *fields: str, **more: Any) -> dict[str, Any]:
    """Give the recorded event for another package."""
    recorded = json.loads(VECTOR.read_text())
    detail = {**recorded["detail"], "ModelPackageArn": arn, "ModelApprovalStatus": status}
    detail |= {"UpdatedModelPackageFields": list(fields)} if fields else {}
    if not fields:
        del detail["UpdatedModelPackageFields"]
    return {**recorded, "resources": [arn], "detail": detail, **more}


def entries(world: World) -> int:
    return world.workspace().resources.ledger.checkpoint().checkpoint.size


# ---- the ledger is down


def test_nothing_is_sent_while_the_ledger_is_down(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    url, group = world.aws.upload(world.model("mit")), world.aws.group()
    waiting = world.published("mit")
    broken = world.folder / "home-is-a-file"
    broken.write_text("")
    monkeypatch.setenv("WEIGHTMARK_HOME", str(broken))
    protect()
    client = world.aws.client("sagemaker")
    with pytest.raises(RefusedError, match="could not check") as caught:
        client.create_model_package(**package_of(group, url))
    assert caught.value.undecided
    with pytest.raises(RefusedError):
        client.update_model_package(ModelPackageArn=waiting, ModelApprovalStatus="Approved")
    assert list(SagemakerRegistry().versions(f"sagemaker://{group}")) == []
    assert world.aws.describe(waiting)["ModelApprovalStatus"] == "PendingManualApproval"


def test_a_link_that_fails_leaves_the_package_with_its_receipt(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    protect()

    def fail(*_: Any, **__: Any) -> None:
        raise LedgerError("the disk is full")

    monkeypatch.setattr(world.workspace(), "link", fail)
    group, url = world.aws.group(), world.aws.upload(world.model("mit"))
    client = world.aws.client("sagemaker")
    arn = client.create_model_package(**package_of(group, url))["ModelPackageArn"]
    assert "weightmark.receipt" in world.tags(arn)
    monkeypatch.undo()


# ---- the platform is down, slow, or broken off


def test_a_platform_that_dies_in_the_middle_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, aws: Aws
) -> None:
    with serve() as mortal:
        made = world_of(mortal, tmp_path, monkeypatch)
        world = next(made)
        world.aws.client("s3").create_bucket(Bucket=BUCKET)
        arn = world.published("mit", ModelApprovalStatus="Approved")
        protect()
        client = world.aws.client("sagemaker")
        mortal.stop()
        with pytest.raises(PlatformError) as caught:
            handler(told(arn, "Approved", "ModelApprovalStatus"))
        assert caught.value.retryable
        with pytest.raises(RefusedError):
            client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
        next(made, None)
    del aws


def test_a_package_that_is_registered_but_not_yet_annotated_is_finished_the_next_time(
    world: World, between: Proxy
) -> None:
    arn = world.published(NO_BUSINESS, ModelApprovalStatus="Approved")
    between.answer("UpdateModelPackage", failure(500, "InternalFailure"))
    event = told(arn, "Approved", "ModelApprovalStatus")
    with pytest.raises(PlatformError) as caught:
        handler(event)
    assert caught.value.retryable
    count = entries(world)
    assert handler(event)["allowed"] is False
    assert entries(world) == count
    assert world.aws.describe(arn)["ModelApprovalStatus"] == "Rejected"


def test_a_download_that_breaks_off_is_retryable_and_leaves_nothing(world: World, between: Proxy) -> None:
    arn = world.published("mit")
    between.always("S3 GET", Answer(cut=0))
    with pytest.raises(PlatformError) as caught:
        SagemakerRegistry().resolve(arn)
    assert caught.value.retryable


# ---- credentials, rate limits


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("ExpiredTokenException", "expired"),
        ("UnrecognizedClientException", "does not know"),
        ("AccessDeniedException", "role"),
        ("InvalidSignatureException", "clock"),
    ],
)
def test_credentials_that_do_not_count_are_said_to_be(
    world: World, between: Proxy, code: str, hint: str
) -> None:
    arn = world.published("mit")
    between.always("DescribeModelPackage", failure(400, code, "no"))
    with pytest.raises(PlatformError) as caught:
        SagemakerRegistry().resolve(arn)
    assert not caught.value.retryable
    assert hint in caught.value.hint
    assert "testing" not in f"{caught.value.message}{caught.value.hint}"


def test_a_rate_limit_is_waited_for_by_boto3_and_then_said_with_its_time(
    world: World, between: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = world.published("mit")
    busy = failure(429, "ThrottlingException", "slow down", Retry_After="7")
    between.answer("DescribeModelPackage", busy)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    assert SagemakerRegistry().pin(f"sagemaker://{arn.split('/')[1]}/1") == arn
    assert between.asked.count("DescribeModelPackage") == 2
    between.always("DescribeModelPackage", busy)
    with pytest.raises(PlatformError) as caught:
        SagemakerRegistry().resolve(arn)
    assert (caught.value.retryable, caught.value.retry_after) == (True, 7.0)
    assert between.asked.count("DescribeModelPackage") == 4


def test_lineage_that_is_throttled_is_not_taken_for_none(world: World, between: Proxy) -> None:
    arn = world.published("mit")
    between.always("ListArtifacts", failure(400, "ThrottlingException"))
    with pytest.raises(PlatformError) as caught:
        SagemakerRegistry().resolve(arn)
    assert caught.value.retryable
    between.always("ListArtifacts", failure(400, "AccessDeniedException"))
    assert SagemakerRegistry().resolve(arn).facts["license"] == "mit"


# ---- partial uploads


def test_an_object_that_is_not_there_is_not_registered(world: World) -> None:
    protect()
    group = world.aws.group()
    with pytest.raises(RefusedError, match="NoSuchKey"):
        world.aws.client("sagemaker").create_model_package(**package_of(group, f"s3://{BUCKET}/none.tar.gz"))
    assert not (world.home / "weightmark.db").exists() or entries(world) == 0


def test_an_archive_that_was_broken_off_is_not_registered(world: World) -> None:
    url = world.aws.upload(world.model("mit"))
    key = url.removeprefix(f"s3://{BUCKET}/")
    s3 = world.aws.client("s3")
    data = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    s3.put_object(Bucket=BUCKET, Key=key, Body=data[: len(data) // 2])
    arn = world.aws.package(world.aws.group(), url)
    with pytest.raises(MalformedError, match="broken off"):
        handler(told(arn, "PendingManualApproval"))
    assert "weightmark.fingerprint" not in world.tags(arn)
    assert entries(world) == 0


# ---- events: twice, out of order, at once


def test_an_event_that_comes_twice_is_one_registration(world: World) -> None:
    arn = world.published("mit")
    handler(told(arn, "PendingManualApproval"))
    count, changed = entries(world), world.aws.describe(arn)["LastModifiedTime"]
    handler(told(arn, "PendingManualApproval"))
    assert entries(world) == count
    assert world.aws.describe(arn)["LastModifiedTime"] == changed


def test_an_approval_that_comes_before_the_creation_ends_the_same(world: World) -> None:
    arn = world.published(NO_BUSINESS, ModelApprovalStatus="Approved")
    handler(told(arn, "Approved", "ModelApprovalStatus"))
    tags, count = world.tags(arn), entries(world)
    handler(told(arn, "PendingManualApproval"))
    assert entries(world) == count
    assert world.aws.describe(arn)["ModelApprovalStatus"] == "Rejected"
    assert world.tags(arn)["weightmark.fingerprint"] == tags["weightmark.fingerprint"]


def test_two_workers_on_one_event_make_one_registration(world: World) -> None:
    arn = world.published(NO_BUSINESS, ModelApprovalStatus="Approved")
    start = threading.Barrier(2)
    event = told(arn, "Approved", "ModelApprovalStatus")

    def work(_number: int) -> Any:
        start.wait(timeout=30)
        return handler(event)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(work, range(2))
    assert first == second
    count = entries(world)
    handler(event)
    assert entries(world) == count


def test_two_sessions_that_register_one_model_make_one_registration(world: World) -> None:
    protect()
    url, groups = world.aws.upload(world.model("mit")), [world.aws.group(), world.aws.group()]
    clients = [boto3.Session().client("sagemaker") for _ in groups]

    def work(number: int) -> str:
        made = clients[number].create_model_package(**package_of(groups[number], url))
        return str(made["ModelPackageArn"])

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(work, range(2))
    assert world.tags(first) == world.tags(second)


# ---- the receiver: forged, replayed, skewed


class Mail:
    """The receiver, and EventBridge's side of it."""

    def __init__(self, world: World) -> None:
        self.now = datetime(2021, 2, 24, 17, 0, 14, tzinfo=UTC).timestamp()
        receiver = Receiver(
            [EventBridgeSource([b"the next key", KEY.encode()])],
            Inbox(world.folder / "inbox.db"),
            workspace=world.workspace(),
            clock=lambda: self.now,
        )
        self.app = create_app(receiver)

    def send(self, event: dict[str, Any], key: str | None = KEY) -> tuple[int, str]:
        headers = [] if key is None else [(b"x-api-key", key.encode())]
        return asyncio.run(self._post(json.dumps(event).encode(), headers))

    async def _post(self, body: bytes, headers: list[tuple[bytes, bytes]]) -> tuple[int, str]:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/hooks/eventbridge",
            "raw_path": b"/hooks/eventbridge",
            "root_path": "",
            "query_string": b"",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        await self.app(scope, receive, send)
        return sent[0]["status"], json.loads(sent[1]["body"])["status"]


@pytest.fixture
def mail(world: World) -> Mail:
    return Mail(world)


def test_the_receiver_registers_and_rejects(world: World, mail: Mail) -> None:
    arn = world.published(NO_BUSINESS, ModelApprovalStatus="Approved")
    assert mail.send(told(arn, "Approved", "ModelApprovalStatus")) == (200, "handled")
    assert world.aws.describe(arn)["ModelApprovalStatus"] == "Rejected"
    assert mail.send(told(arn, "Approved", "CustomerMetadataProperties", id="2")) == (200, "ignored")


@pytest.mark.parametrize("key", [None, "", "the connection's own kez", KEY * 2, "é"])
def test_a_forged_event_is_refused(world: World, mail: Mail, key: str | None) -> None:
    arn = world.published("mit")
    assert mail.send(told(arn, "PendingManualApproval"), key) == (401, "refused")
    assert world.tags(arn) == {}


def test_a_replayed_event_is_taken_once(world: World, mail: Mail) -> None:
    arn = world.published("mit")
    event = told(arn, "PendingManualApproval")
    assert mail.send(event) == (200, "handled")
    mail.now += 3600
    assert mail.send(event) == (200, "already handled")
    mail.now += 86_400
    assert mail.send(event) == (401, "refused")


def test_an_event_that_was_repeated_for_hours_is_still_taken(world: World, mail: Mail) -> None:
    arn = world.published("mit")
    mail.now += MAX_AGE_SECONDS - 1
    assert mail.send(told(arn, "PendingManualApproval")) == (200, "handled")


def test_an_event_from_the_future_is_refused(world: World, mail: Mail) -> None:
    mail.now -= 301
    assert mail.send(told(world.published("mit"), "PendingManualApproval")) == (401, "refused")


@pytest.mark.parametrize(
    "broken", [{"id": ""}, {"id": "a b"}, {"time": "yesterday"}, {"detail": []}, {"resources": 3}]
)
def test_an_event_that_is_none_is_malformed(mail: Mail, broken: dict[str, Any]) -> None:
    event = told("", "PendingManualApproval", **broken)
    event["detail"] = broken.get("detail", {"ModelPackageStatus": "Completed"})
    assert mail.send(event) == (400, "malformed")


def test_a_failure_that_may_pass_is_sent_again(world: World, mail: Mail, between: Proxy) -> None:
    arn = world.published("mit")
    between.answer("DescribeModelPackage", failure(429, "ThrottlingException"))
    event = told(arn, "PendingManualApproval")
    assert mail.send(event) == (503, "failed")
    assert mail.send(event) == (200, "handled")
    gone = arn.rpartition("/")[0] + "/9"
    assert mail.send(told(gone, "PendingManualApproval", id="3")) == (422, "failed")


def test_an_event_of_the_registry_is_followed_like_any_other(world: World) -> None:
    arn = world.published("mit")
    started = time.monotonic()
    outcome = world.workspace().follow(ModelEvent(kind=EventKind.REGISTER, uri=arn))
    assert outcome.allowed
    assert time.monotonic() - started < 30
