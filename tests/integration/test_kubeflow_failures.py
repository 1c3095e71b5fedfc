"""What goes wrong around Kubeflow, and what then holds: nothing is used unchecked, nothing is lost."""

import json
import multiprocessing
import os
from pathlib import Path

import pytest
from kfp import dsl
from kfp.dsl import HTML, Artifact, Markdown, Model
from tests.integration.kubeflow.model_registry_server import State, connect, serving
from tests.workshop import write_model

from weightmark.errors import (
    DigestMismatchError,
    LicensingError,
    MalformedError,
    PlatformError,
    RefusedError,
)
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind
from weightmark.workspace import Workspace
from weightmark_adapters.kubeflow import KubeflowRegistry
from weightmark_hooks.kubeflow import note, task

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]

URI = "model-registry://churn/v1"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WEIGHTMARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WEIGHTMARK_PARTY", "acme")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def server(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A Model Registry with one version in it."""
    with serving() as (address, state):
        monkeypatch.setenv("MODEL_REGISTRY_BASE_URL", address)
        model = write_model(tmp_path / "model").as_uri()
        connect(address).register_model(
            "churn", model, version="v1", model_format_name="safetensors", model_format_version="1"
        )
        yield state


def artifact(kind: type, path: Path, **metadata: str):
    return kind(name=path.name, uri=str(path), metadata=metadata)


def gate(model, folder: Path, **options):
    """Call the gate's function as its component does."""
    folder.mkdir(exist_ok=True)
    approved = artifact(Model, folder / "approved")
    verdict, page = artifact(Markdown, folder / "verdict"), artifact(HTML, folder / "page")
    answer = task.license_gate(model, approved, verdict, page, str(folder / "reason"), **options)
    return answer, approved


def register(model, folder: Path, **options) -> str:
    folder.mkdir(exist_ok=True)
    made = [artifact(kind, folder / name) for kind, name in ((Model, "registered"), (Artifact, "receipt"))]
    return task.register(model, *made, artifact(Markdown, folder / "summary"), **options)


# ---- the ledger


def test_without_the_ledger_the_gate_refuses_and_the_exit_handler_tells_why(home: Path, tmp_path: Path):
    model = artifact(Model, write_model(tmp_path / "model"))
    register(model, tmp_path / "a")
    (home / "weightmark.db").write_bytes(b"this is no database")
    for leftover in home.glob("weightmark.db-*"):
        leftover.unlink()
    with pytest.raises(RefusedError, match="could not check"):
        gate(model, tmp_path / "b", run="run-1")
    assert "Cannot be known" in (tmp_path / "b" / "verdict").read_text()
    (left,) = note.find("run-1")
    assert left["undecided"] is True
    assert left["outcome"] is None


def test_observers_are_told_of_what_could_not_be_checked_and_only_of_that(
    home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    model = artifact(Model, write_model(tmp_path / "model"))
    with pytest.raises(RefusedError):
        gate(model, tmp_path / "a", run="decided")
    (home / "weightmark.db").write_bytes(b"this is no database")
    for leftover in home.glob("weightmark.db-*"):
        leftover.unlink()
    with pytest.raises(RefusedError):
        gate(model, tmp_path / "b", run="undecided")
    status = dsl.PipelineTaskFinalStatus(
        state="FAILED",
        pipeline_job_resource_name="x",
        pipeline_task_name="exit-handler-1",
        error_code=1,
        error_message="the DAG failed",
    )
    told = {}
    for run in ("decided", "undecided"):
        caplog.clear()
        made = [artifact(kind, tmp_path / f"{run}-{kind.__name__}") for kind in (Markdown, HTML, Artifact)]
        assert "Weightmark" in task.record_failure(status, *made, run)
        told[run] = [record.message for record in caplog.records if record.name == "weightmark.events"]
    assert told["decided"] == []
    assert [line.startswith("deploy file:") for line in told["undecided"]] == [True]


def test_a_soft_gate_that_cannot_check_says_no(home: Path, tmp_path: Path):
    model = artifact(Model, write_model(tmp_path / "model"))
    register(model, tmp_path / "a")
    (home / "weightmark.db").write_bytes(b"this is no database")
    answer, approved = gate(model, tmp_path / "b", enforce=False)
    assert answer is False
    assert approved.uri != model.uri


def test_a_home_that_cannot_be_written_loses_the_note_and_not_the_refusal(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    del home
    (tmp_path / "blocked").write_text("a file where a folder should be")
    monkeypatch.setenv("WEIGHTMARK_HOME", str(tmp_path / "blocked"))
    model = artifact(Model, write_model(tmp_path / "model"))
    with pytest.raises(RefusedError):
        gate(model, tmp_path / "b", run="run-1")
    assert note.find("run-1") == []


# ---- the platform


def test_a_registry_that_is_down_is_retryable(server: State, monkeypatch: pytest.MonkeyPatch):
    del server
    monkeypatch.setenv("MODEL_REGISTRY_BASE_URL", "http://127.0.0.1:9")
    with pytest.raises(PlatformError) as caught:
        KubeflowRegistry().resolve(URI)
    assert caught.value.retryable
    assert "reached" in caught.value.hint


@pytest.mark.parametrize(
    ("status", "retryable", "word"),
    [
        (401, False, "token"),
        (403, False, "right"),
        (429, True, "later"),
        (500, True, "later"),
        (503, True, "later"),
    ],
)
def test_each_answer_of_the_registry_is_told_apart(server: State, status: int, retryable: bool, word: str):
    server.failures.append(("GET", status, {"Retry-After": "7"} if status == 429 else {}))
    with pytest.raises(PlatformError) as caught:
        KubeflowRegistry().resolve(URI)
    assert caught.value.retryable is retryable
    assert caught.value.retry_after == (7.0 if status == 429 else None)
    assert word in caught.value.hint


def test_an_expired_token_is_not_shown(server: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    server.token = "the-new-one"
    (tmp_path / "token").write_text("very-secret-old-token")
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "token"))
    with pytest.raises(PlatformError) as caught:
        KubeflowRegistry().resolve(URI)
    assert "very-secret" not in f"{caught.value} {caught.value.hint}"
    (tmp_path / "token").write_text("the-new-one\n")
    assert KubeflowRegistry().resolve(URI).version == "v1"


def test_a_token_is_not_sent_in_the_clear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "token").write_text("secret")
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setenv("MODEL_REGISTRY_BASE_URL", "http://registry.example.org")
    with pytest.raises(PlatformError, match="without encryption"):
        KubeflowRegistry().resolve(URI)


def test_a_registry_that_fails_in_the_middle_is_taken_up_again(server: State):
    server.failures.append(("PATCH", 503, {}))
    event = ModelEvent(kind=EventKind.REGISTER, uri=URI)
    with Workspace.open() as workspace:
        with pytest.raises(PlatformError) as caught:
            workspace.follow(event)
        assert caught.value.retryable
        entries = workspace.resources.ledger.checkpoint().checkpoint.size
        assert workspace.follow(event).allowed
        assert workspace.resources.ledger.checkpoint().checkpoint.size == entries
    (version,) = server.things["model_versions"].values()
    assert "weightmark.receipt" in version["customProperties"]


def test_a_registration_that_was_not_finished_is_said_to_be(server: State):
    server.things["model_artifacts"].clear()
    with pytest.raises(PlatformError, match="not finished"):
        KubeflowRegistry().resolve(URI)


def test_events_that_come_twice_and_in_the_wrong_order_end_the_same(server: State):
    del server
    deploy = ModelEvent(kind=EventKind.DEPLOY, uri=URI)
    created = ModelEvent(kind=EventKind.REGISTER, uri=URI)
    with Workspace.open() as workspace:
        for event in (deploy, created, deploy, created):
            assert workspace.follow(event).allowed
        model = workspace.find(URI)
        (linked,) = workspace.resources.index.versions(model.bundle)
        assert tuple(linked) == ("churn", "v1", URI)


# ---- the model's bytes


def test_a_model_that_is_not_there_yet_is_refused(home: Path, tmp_path: Path):
    del home
    with pytest.raises(RefusedError, match="there is nothing"):
        register(artifact(Model, tmp_path / "nothing"), tmp_path / "a")


def test_a_model_cut_short_is_refused(home: Path, tmp_path: Path):
    del home
    folder = write_model(tmp_path / "model")
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-4])
    with pytest.raises(RefusedError, match="could not check"):
        register(artifact(Model, folder), tmp_path / "a")


def test_the_same_uri_does_not_take_other_bytes(home: Path, tmp_path: Path):
    del home
    folder = write_model(tmp_path / "model")
    register(artifact(Model, folder), tmp_path / "a")
    write_model(folder, {"dense": [5.0, 6.0]})
    with pytest.raises(RefusedError, match="is not what was registered"):
        gate(artifact(Model, folder), tmp_path / "b")


def test_metadata_that_claims_to_be_ours_is_not_believed(home: Path, tmp_path: Path):
    del home
    model = artifact(
        Model,
        write_model(tmp_path / "model"),
        **{"weightmark.verdict": "allowed", "weightmark.owner": "acme", "weightmark.receipt": "x#1"},
    )
    with pytest.raises(RefusedError, match="is not registered"):
        gate(model, tmp_path / "b")


def test_an_action_that_the_gate_does_not_know_is_refused(home: Path, tmp_path: Path):
    del home
    model = artifact(Model, write_model(tmp_path / "model"))
    with pytest.raises(RefusedError, match="'shipping'"):
        gate(model, tmp_path / "b", action="shipping")


# ---- two at once


def _register_alone(model: str, folder: str, home: str) -> None:
    os.environ["WEIGHTMARK_HOME"], os.environ["WEIGHTMARK_PARTY"] = home, "acme"
    register(artifact(Model, Path(model)), Path(folder))


def test_two_tasks_that_register_the_same_model_record_it_once(home: Path, tmp_path: Path):
    model = write_model(tmp_path / "model")
    with Workspace.open() as workspace:
        _ = workspace.resources.signer, workspace.resources.trust
    spawn = multiprocessing.get_context("spawn")
    workers = [
        spawn.Process(target=_register_alone, args=(str(model), str(tmp_path / name), str(home)))
        for name in ("one", "two")
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0]
    with Workspace.open() as workspace:
        found = workspace.find(str(model))
        assert workspace.resources.ledger.checkpoint().checkpoint.size == 2
        assert found.owner == "acme"


# ---- objects


@pytest.fixture
def bucket(home: Path, monkeypatch: pytest.MonkeyPatch):
    """Moto's S3, with one model in it."""
    del home
    import boto3
    from moto.server import ThreadedMotoServer

    store = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    store.start()
    host, port = store.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3")
    client.create_bucket(Bucket="models")
    client.put_object(Bucket="models", Key="churn/weights.bin", Body=b"weights")
    yield client
    store.stop()


def test_a_store_that_only_the_registry_names_is_not_given_our_keys(bucket, server: State):
    del bucket
    (made,) = server.things["model_artifacts"].values()
    made["uri"] = "s3://models/churn?endpoint=http://127.0.0.1:9&defaultRegion=eu"
    with pytest.raises(PlatformError, match=r"lies in the store 'http://127.0.0.1:9'"):
        KubeflowRegistry().resolve(URI)
    made["uri"] = f"s3://models/churn?endpoint={os.environ['AWS_ENDPOINT_URL_S3']}&defaultRegion=eu"
    assert (KubeflowRegistry().resolve(URI).path / "weights.bin").read_bytes() == b"weights"


def test_a_store_that_is_down_is_retryable(bucket, monkeypatch: pytest.MonkeyPatch):
    del bucket
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(PlatformError) as caught:
        KubeflowRegistry().resolve("s3://models/churn")
    assert caught.value.retryable


def test_a_bucket_that_is_not_there_is_not_retryable(bucket):
    del bucket
    with pytest.raises(PlatformError) as caught:
        KubeflowRegistry().resolve("s3://no-such-bucket/churn")
    assert not caught.value.retryable


def test_objects_whose_names_climb_are_refused(bucket):
    bucket.put_object(Bucket="models", Key="evil/../../x", Body=b"x")
    with pytest.raises(MalformedError, match="climbs"):
        KubeflowRegistry().resolve("s3://models/evil")


def test_what_came_otherwise_than_the_stores_digest_is_refused(bucket, monkeypatch: pytest.MonkeyPatch):
    from weightmark_adapters.kubeflow import artifact as place

    answer = bucket.get_object(Bucket="models", Key="churn/weights.bin")

    class Flipped:
        def get_object(self, **_):
            return {**answer, "Body": answer["Body"], "ETag": '"' + "0" * 32 + '"'}

    target = Path(os.environ["WEIGHTMARK_HOME"]).parent / "fetched"
    with pytest.raises(DigestMismatchError):
        place._fetch(Flipped(), "models", {"Key": "churn/weights.bin", "Size": 7}, target)


def test_a_checkout_leaves_nothing_on_the_disk(bucket):
    del bucket
    with KubeflowRegistry().checkout("s3://models/churn") as resolved:
        kept = resolved.path.parent
        assert resolved.path.name == "churn"
        assert kept.exists()
    assert not kept.exists()


def test_another_partys_model_is_not_registered_as_ours(home: Path, tmp_path: Path):
    del home
    model = artifact(Model, write_model(tmp_path / "model"), owner="openlab")
    with pytest.raises(RefusedError, match="openlab") as caught:
        register(model, tmp_path / "a")
    assert isinstance(caught.value.__cause__, LicensingError)


def test_notes_are_bounded_and_damaged_ones_left_out(home: Path):
    assert note.leave("run", {"task": "gate", "message": "x" * 200_000, "outcome": {"big": "y" * 10}})
    (left,) = note.find("run")
    assert len(json.dumps(left)) < note.MAX_BYTES
    (folder,) = (home / "kubeflow").iterdir()
    (folder / "zzz.json").write_text("{no json")
    (folder / "zzzz.json").write_text("x" * (note.MAX_BYTES + 1))
    assert note.find("run") == [left]
    assert note.find("another") == []
    assert not note.leave("", {"task": "gate"})
