"""Pipelines run for real by kfp's local runner: what passes, what is stopped, and what is left to read."""

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.integration.kubeflow import pipelines
from tests.integration.kubeflow.local_run import Run, run
from tests.workshop import Shell, write_model

from weightmark.workspace import Workspace
from weightmark_hooks.kubeflow import record_failure

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]

TASKS = ("train", "fingerprint", "register", "license-gate", "verify", "attribute", "deploy")
NEW_RUNNER = tuple(int(part) for part in version("kfp").split(".")[:2]) >= (2, 17)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory):
    """Acme's workspace, for the tasks and for the command line."""
    folder = tmp_path_factory.mktemp("kubeflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEIGHTMARK_HOME", str(folder / "home"))
        patch.setenv("WEIGHTMARK_PARTY", "acme")
        patch.chdir(folder)
        yield Shell(folder=folder)


@pytest.fixture(scope="module")
def base(shell: Shell) -> Path:
    """Openlab's model, which nobody may use commercially."""
    folder = write_model(shell.folder / "base", {"dense": [9.0, 8.0, 7.0]})
    shell.run("register", folder, "--license", "cc-by-nc-4.0", "--name", "base", *shell.key("openlab"))
    return folder


@pytest.fixture(scope="module")
def refused(shell: Shell, base: Path) -> Run:
    """A run on a base model that may not be used so."""
    return run(pipelines.road, shell.folder / "root", base=str(base))


@pytest.fixture(scope="module")
def granted(shell: Shell, base: Path, refused: Run) -> Run:
    """The same run after openlab has granted the use."""
    del refused
    shell.run("grant", base, "--to", "acme", "--for", "deploy", *shell.key("openlab"))
    return run(pipelines.road, shell.folder / "root", base=str(base))


def test_a_gate_that_refuses_stops_what_depends_on_it(refused: Run):
    assert refused.failed()
    assert [refused.ran(task) for task in TASKS] == [True, True, True, False, False, False, False]


def test_the_reason_is_in_the_tasks_own_log_with_its_clause(refused: Run):
    assert "RefusedError: Weightmark refuses to deploy" in refused.text
    assert "CC-BY-NC-4.0" in refused.text
    assert "base" in refused.text


def test_a_refused_model_stays_where_it_is_and_stays_registered(shell: Shell, refused: Run):
    assert (refused.folder / "train" / "model" / "model.safetensors").exists()
    digest = refused.values("register")["Output"]
    assert shell.json("check", digest, code=4)["outcome"] == "refused"


def test_a_refusal_leaves_its_verdict_to_read(refused: Run):
    markdown, page = refused.read("license-gate", "verdict"), refused.read("license-gate", "page")
    assert "**Refused**" in markdown
    assert "What to do" in markdown
    assert "Refused</span>" in page
    assert "<script" not in page


def test_what_is_registered_carries_the_tags_as_strings(refused: Run):
    told = refused.metadata("register", "registered")
    assert told["weightmark.owner"] == "acme"
    assert told["weightmark.license"] == "Apache-2.0"
    assert told["weightmark.verdict"].startswith("refused")
    assert all(isinstance(value, str) for key, value in told.items() if key.startswith("weightmark."))
    assert told["epochs"] == 3


def test_the_pipeline_tells_the_lineage(shell: Shell, refused: Run, base: Path):
    with Workspace.open() as workspace:
        model = workspace.find(refused.values("register")["Output"])
        parents = {
            (str(parent.relation), parent.uri) for parent in workspace.resources.index.parents(model.bundle)
        }
    data = (refused.folder / "train" / "data").as_uri()
    assert any(relation == "trained-on" and uri == data for relation, uri in parents)
    assert {relation for relation, _ in parents} == {"fine-tune", "trained-on", "evaluated-on"}


def test_the_fingerprint_task_measures_and_the_receipt_is_a_bundle(refused: Run):
    measured = refused.metadata("fingerprint", "measures")
    assert (measured["files"], measured["tensors"]) == (1, 1)
    bundle = json.loads(refused.read("register", "receipt"))
    assert bundle["mediaType"].startswith("application/vnd.dev.sigstore.bundle")


def test_a_grant_lets_the_same_pipeline_through(granted: Run):
    assert not granted.failed(), granted.text
    assert [granted.ran(task) for task in TASKS] == [True] * len(TASKS)
    assert granted.values("deploy") == {"Output": "model.safetensors"}
    assert granted.values("license-gate") == {"Output": True}


def test_a_model_goes_through_unchanged_under_one_uri(granted: Run):
    made = granted.uri("train", "model")
    for task, output in (
        ("fingerprint", "fingerprinted"),
        ("register", "registered"),
        ("license-gate", "approved"),
        ("verify", "verified"),
        ("attribute", "attributed"),
    ):
        assert granted.uri(task, output) == made


def test_credits_name_everybody(granted: Run):
    line = granted.values("attribute")["Output"]
    assert line == "churn by acme (Apache-2.0), from base by openlab (CC-BY-NC-4.0)"
    assert "openlab" in granted.read("attribute", "credits")


def test_the_bundle_that_goes_with_the_model_verifies_offline(shell: Shell, granted: Run):
    trust = shell.folder / "trust.json"
    shell.run("trust", "export", trust)
    model, bundle = granted.folder / "train" / "model", granted.folder / "attribute" / "bundle"
    env = {"WEIGHTMARK_HOME": str(shell.folder / "stranger")}
    shell.run("verify", model, "--bundle", bundle, "--trust", trust, env=env)


def test_tampering_between_two_tasks_stops_the_pipeline(shell: Shell):
    stopped = run(pipelines.tampered, shell.folder / "root")
    assert stopped.failed()
    assert stopped.ran("tamper")
    assert not stopped.ran("verify")
    assert not stopped.ran("deploy")
    assert "is not what was registered" in stopped.text


def test_a_model_that_nobody_registered_is_refused(shell: Shell):
    stopped = run(pipelines.unregistered, shell.folder / "root")
    assert not stopped.ran("deploy")
    assert "is not registered" in stopped.text
    assert "Refused" in stopped.read("license-gate", "verdict")


@pytest.mark.parametrize(
    ("license", "seed", "deployed"), [("mit", "21", True), ("cc-by-nc-4.0", "22", False)]
)
def test_a_soft_gate_answers_for_dsl_if(shell: Shell, license: str, seed: str, deployed: bool):
    done = run(pipelines.soft, shell.folder / "root", license=license, seed=seed)
    assert not done.failed(), done.text
    assert done.values("license-gate")["Output"] is deployed
    # The local runner of kfp 2.16 reads no condition, and runs neither.
    assert (done.ran("deploy"), done.ran("keep")) == (deployed and NEW_RUNNER, not deployed and NEW_RUNNER)
    if not deployed:
        assert "CC-BY-NC-4.0" in done.read("license-gate", "reason")
        assert done.metadata("license-gate", "approved")["weightmark.verdict"].startswith("refused")


def test_a_soft_gate_hands_nothing_on_to_who_forgot_to_ask(shell: Shell):
    done = run(pipelines.soft_unguarded, shell.folder / "root", license="cc-by-nc-4.0", seed="23.0")
    assert done.failed()
    assert not done.ran("deploy")


def test_each_of_many_models_meets_its_own_gate(shell: Shell):
    done = run(pipelines.many, shell.folder / "root")
    assert not done.failed(), done.text
    answers = [
        json.loads(file.read_text())["parameterValues"]["Output"]
        for file in done.folder.rglob("executor_output.json")
        if file.parent.name.startswith("license-gate")
    ]
    assert answers, "no gate left an answer"
    with Workspace.open() as workspace:
        assert {workspace.find(name).license for name in ("one", "two", "three")} == {
            "Apache-2.0",
            "CC-BY-NC-4.0",
            "MIT",
        }


def finish(shell: Shell, run_id: str, *, state: str = "FAILED") -> dict[str, str]:
    """Run the exit handler as a cluster does: kfp's own executor, with the status that it gives."""
    folder = shell.folder / "exit"
    status = {
        "state": state,
        "pipelineJobResourceName": "handled-x7k2p",
        "pipelineTaskName": "exit-handler-1",
        "error": {"code": 9, "message": "The DAG failed: 1 of its tasks failed."},
    }
    made = {
        name: {"artifacts": [{"name": name, "type": {"schemaTitle": kind}, "uri": str(folder / name)}]}
        for name, kind in (
            ("report", "system.Markdown"),
            ("page", "system.HTML"),
            ("failure", "system.Artifact"),
        )
    }
    executor_input = {
        "inputs": {"parameterValues": {"status": status, "run": run_id}},
        "outputs": {
            "parameters": {"Output": {"outputFile": str(folder / "Output")}},
            "artifacts": made,
            "outputFile": str(folder / "executor_output.json"),
        },
    }
    container = record_failure.component.pipeline_spec.deployment_spec["executors"]["exec-record-failure"]
    command = [str(part) for part in container["container"]["command"]]
    command = [part.replace("python3", sys.executable) for part in command[:-1]] + command[-1:]
    args = [
        json.dumps(executor_input) if part == "{{$}}" else str(part)
        for part in container["container"]["args"]
    ]
    done = subprocess.run([*command, *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {name: (folder / name).read_text() for name in made}


def test_the_exit_handler_tells_the_gates_own_reason(shell: Shell):
    done = run(pipelines.handled, shell.folder / "root", license="cc-by-nc-4.0", seed="31.0")
    assert not done.ran("deploy")
    if NEW_RUNNER:
        told = {name: done.read("record-failure", name) for name in ("report", "page", "failure")}
    else:
        told = finish(shell, re.search(r'"run": "(\w+)"', done.text)[1])
    failure = json.loads(told["failure"])
    assert failure["failures"][0]["task"] == "license-gate"
    assert "CC-BY-NC-4.0" in failure["reason"]
    assert "CC" in told["report"]
    assert "Why this pipeline was stopped" in told["page"]


def test_the_exit_handler_of_another_run_does_not_tell_it(shell: Shell):
    told = finish(shell, "another-run")
    assert "No gate of Weightmark refused" in told["report"]
    assert "The DAG failed" in told["failure"]


def test_the_exit_handler_of_a_good_run_says_so(shell: Shell):
    told = finish(shell, "good-run", state="SUCCEEDED")
    assert "ended well" in told["report"]
    assert json.loads(told["failure"])["failures"] == []
