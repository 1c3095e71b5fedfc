"""The lint sees every way past the gate, on pipelines that kfp itself compiled, and bears hostile files."""

import json
from pathlib import Path

import pytest
import yaml
from kfp import dsl
from kfp.compiler import Compiler
from kfp.dsl import Artifact, Input, Model, Output
from tests.workshop import Shell

from weightmark.errors import MalformedError
from weightmark_hooks.kubeflow import attribute, fingerprint, license_gate, register, verify
from weightmark_hooks.kubeflow.lint import lint
from weightmark_hooks.kubeflow.pipeline import MAX_BYTES, Pipeline
from weightmark_hooks.kubeflow.shipping import FOLDER

pytestmark = pytest.mark.filterwarnings("ignore")

component = dsl.component(base_image="python:3.11", install_kfp_package=False)


@component
def train(model: Output[Model]):
    pass


@component
def convert(model: Input[Model], converted: Output[Model]):
    pass


@component
def deploy(model: Input[Model]):
    pass


@component
def upload(anything: Input[Artifact]):
    pass


def compiled(function, folder: Path) -> Path:
    file = folder / "pipeline.yaml"
    Compiler().compile(dsl.pipeline(name="tried")(function), package_path=str(file))
    return file


def findings(function, folder: Path, **options) -> list[tuple[str, str]]:
    data = compiled(function, folder).read_bytes()
    found = lint(Pipeline(data, what="the pipeline"), **options)
    return [(finding.rule, finding.task) for finding in found.findings]


def test_a_model_through_the_gate_is_clean(tmp_path):
    def pipeline():
        gate = license_gate(model=register(model=train().outputs["model"]).outputs["registered"])
        whole = verify(model=gate.outputs["approved"])
        deploy(model=attribute(model=whole.outputs["verified"]).outputs["attributed"])

    assert findings(pipeline, tmp_path) == []


def test_a_model_past_the_gate_is_found_although_a_gate_stands_beside(tmp_path):
    def pipeline():
        made = train()
        gate = license_gate(model=made.outputs["model"])
        deploy(model=made.outputs["model"]).after(gate)

    assert findings(pipeline, tmp_path) == [("ungated", "deploy")]


def test_what_only_passes_a_model_on_is_no_gate(tmp_path):
    def pipeline():
        known = fingerprint(model=train().outputs["model"])
        deploy(model=verify(model=known.outputs["fingerprinted"]).outputs["verified"])

    assert findings(pipeline, tmp_path) == [("ungated", "deploy")]


def test_what_is_made_of_a_gated_model_is_a_new_one(tmp_path):
    def pipeline():
        gate = license_gate(model=train().outputs["model"])
        deploy(model=convert(model=gate.outputs["approved"]).outputs["converted"])

    assert findings(pipeline, tmp_path) == [("ungated", "deploy")]


def test_an_imported_model_must_pass_too(tmp_path):
    def pipeline():
        deploy(model=dsl.importer(artifact_uri="gs://b/m", artifact_class=Model).output)

    assert findings(pipeline, tmp_path) == [("ungated", "deploy")]


def test_the_pipelines_own_input_must_pass_too(tmp_path):
    def pipeline(model: Input[Model]):
        deploy(model=model)

    assert findings(pipeline, tmp_path) == [("ungated", "deploy")]


def test_a_model_is_one_whatever_the_consumer_calls_it(tmp_path):
    def pipeline():
        upload(anything=train().outputs["model"])

    assert findings(pipeline, tmp_path) == [("ungated", "upload")]


def test_groups_are_looked_into(tmp_path):
    def looped():
        made = train()
        with dsl.ParallelFor(["a", "b"]) as _:
            deploy(model=made.outputs["model"])

    assert findings(looped, tmp_path) == [("ungated", "for-loop-2/deploy")]


def test_a_gate_in_an_inner_pipeline_counts_outside_of_it(tmp_path):
    @dsl.pipeline(name="inner")
    def inner() -> Model:
        return license_gate(model=train().outputs["model"]).outputs["approved"]

    @dsl.pipeline(name="open")
    def open_inner() -> Model:
        return train().outputs["model"]

    def pipeline():
        deploy(model=inner().output)
        upload(anything=open_inner().output)

    assert findings(pipeline, tmp_path) == [("ungated", "upload")]


def test_one_of_two_must_both_have_passed(tmp_path):
    @component
    def flip() -> str:
        return "heads"

    def pipeline():
        made = train()
        coin = flip()
        with dsl.If(coin.output == "heads"):
            first = license_gate(model=made.outputs["model"])
        with dsl.Else():
            second = convert(model=made.outputs["model"])
        deploy(model=dsl.OneOf(first.outputs["approved"], second.outputs["converted"]))

    assert findings(pipeline, tmp_path, allowed=["convert"]) == [("ungated", "deploy")]


def test_a_gate_that_may_be_answered_from_the_cache_is_found(tmp_path):
    def pipeline():
        gate = license_gate.component(model=train().outputs["model"])
        deploy(model=gate.outputs["approved"])

    assert findings(pipeline, tmp_path) == [("cached", "license-gate")]


def test_a_task_that_is_allowed_may_read_what_has_not_passed(tmp_path):
    def pipeline():
        deploy(model=train().outputs["model"])

    assert findings(pipeline, tmp_path, allowed=["deploy"]) == []


def test_a_component_that_only_has_the_gates_name_is_none(tmp_path):
    @component
    def license_gate(model: Input[Model], approved: Output[Model]) -> str:
        from weightmark_hooks.kubeflow import task

        approved.uri = model.uri
        return task.license_gate

    def pipeline():
        deploy(model=license_gate(model=train().outputs["model"]).outputs["approved"])

    assert ("ungated", "deploy") in findings(pipeline, tmp_path)


def test_a_component_with_a_line_before_the_gates_call_is_none(tmp_path):
    file = FOLDER / "demonstration_pipeline.yaml"
    text = file.read_text().replace(
        "def license_gate(", "import os; os.environ.clear()\\n\\ndef license_gate(", 1
    )
    assert "os.environ.clear()" in text
    found = lint(Pipeline(text.encode(), what="the pipeline"))
    assert ("ungated", "exit-handler-1/deploy") in [(f.rule, f.task) for f in found.findings]


def test_the_command_names_each_violation_and_ends_with_four(tmp_path):
    def pipeline():
        made = train()
        deploy(model=made.outputs["model"])
        upload(anything=made.outputs["model"])

    shell, file = Shell(folder=tmp_path), compiled(pipeline, tmp_path)
    said = shell.run("kfp", "lint", file, code=4).stdout
    assert "deploy takes the model 'model' from train, past the gate" in said
    assert "upload takes the model 'anything' from train, past the gate" in said
    told = shell.json("kfp", "lint", file, code=4)
    assert told["ok"] is False
    assert [finding["task"] for finding in told["findings"]] == ["deploy", "upload"]
    assert shell.json("kfp", "lint", file, "--allow", "deploy", "--allow", "upload")["ok"] is True


def test_the_shipped_pipeline_is_clean_on_the_command_line(tmp_path):
    told = Shell(folder=tmp_path).json("kfp", "lint", FOLDER / "demonstration_pipeline.yaml")
    assert told["gates"] == ["exit-handler-1/license-gate"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"root: 1",
        b"just: text",
        b"root: {dag: {tasks: {a: 1}}}",
        b"root: {dag: {tasks: {a: {componentRef: {name: none}}}}}",
        b"a: &a [x]\nroot: *a",
        b"root: !!python/object/apply:os.system [true]",
        b"\xff\xfe\x00",
        b"root: {dag: [",
        b"- " * 5000,
        json.dumps({"root": {"dag": {"tasks": {}}}, "components": []}).encode(),
    ],
)
def test_what_is_no_pipeline_is_said_to_be_none(data):
    with pytest.raises(MalformedError):
        lint(Pipeline(data, what="the file"))


def test_a_file_that_is_too_large_is_refused():
    with pytest.raises(MalformedError, match="larger"):
        Pipeline(b"#" * (MAX_BYTES + 1), what="the file")


def entangled(levels: int) -> bytes:
    """Write a pipeline whose groups each hand on what two inner groups hand on, so that the ways double."""
    inner = {"schemaTitle": "system.Model"}
    components = {
        f"c{level}": {
            "dag": {
                "tasks": {name: {"componentRef": {"name": f"c{level + 1}"}} for name in ("a", "b")},
                "outputs": {
                    "artifacts": {
                        "m": {
                            "artifactSelectors": [
                                {"producerSubtask": name, "outputArtifactKey": "m"} for name in ("a", "b")
                            ]
                        }
                    }
                },
            }
        }
        for level in range(levels)
    }
    components[f"c{levels}"] = {"outputDefinitions": {"artifacts": {"m": {"artifactType": inner}}}}
    components["use"] = {"inputDefinitions": {"artifacts": {"m": {"artifactType": inner}}}}
    source = {"taskOutputArtifact": {"producerTask": "top", "outputArtifactKey": "m"}}
    tasks = {
        "top": {"componentRef": {"name": "c0"}},
        "use": {"componentRef": {"name": "use"}, "inputs": {"artifacts": {"m": source}}},
    }
    return json.dumps({"root": {"dag": {"tasks": tasks}}, "components": components}).encode()


def test_a_pipeline_whose_ways_double_is_bounded():
    with pytest.raises(MalformedError, match="entangled"):
        lint(Pipeline(entangled(40), what="the file"))


def test_a_pipeline_that_runs_in_a_circle_is_refused():
    spec = {
        "root": {"dag": {"tasks": {"a": {"componentRef": {"name": "c"}}}}},
        "components": {"c": {"dag": {"tasks": {"a": {"componentRef": {"name": "c"}}}}}},
    }
    with pytest.raises(MalformedError, match="circle"):
        lint(Pipeline(json.dumps(spec).encode(), what="the file"))


def test_tasks_that_feed_each_other_are_refused():
    def task(other: str) -> dict:
        source = {"taskOutputArtifact": {"producerTask": other, "outputArtifactKey": "registered"}}
        return {"componentRef": {"name": "comp-register"}, "inputs": {"artifacts": {"model": source}}}

    shipped = yaml.safe_load((FOLDER / "register.yaml").read_text())
    shipped["root"] = {"dag": {"tasks": {"a": task("b"), "b": task("a")}}}
    with pytest.raises(MalformedError, match="circle"):
        lint(Pipeline(json.dumps(shipped).encode(), what="the file"))


@pytest.mark.parametrize(
    ("found", "forged"),
    [
        ("task.license_gate(model, approved,", "task.license_gate(reason, approved,"),
        ("enforce: bool = True", "enforce: bool = print()"),
        ("model: Input[Model],", "model: print(Input[Model]),"),
        (") -> bool:", ") -> print(bool):"),
        ("program_path=$(mktemp -d)", "pip install evil; program_path=$(mktemp -d)"),
        ("- sh\n        - -ec", "- evil\n        - -ec"),
        ("kfp.dsl.executor_main", "evil # kfp.dsl.executor_main"),
    ],
)
def test_a_gate_that_was_tampered_with_is_none(found, forged):
    text = (FOLDER / "demonstration_pipeline.yaml").read_text()
    start = text.index("exec-license-gate:")
    own = text[start:].replace("\\\n          \\ ", " ")
    assert found in own
    seen = lint(Pipeline((text[:start] + own.replace(found, forged, 1)).encode(), what="the pipeline"))
    assert ("ungated", "exit-handler-1/deploy") in [(f.rule, f.task) for f in seen.findings]


def test_a_model_of_another_family_is_a_model_too():
    text = (FOLDER / "demonstration_pipeline.yaml").read_text()
    plain = text.replace("system.Model", "google.VertexModel")
    gate = plain.index("exec-license-gate:")
    assert lint(Pipeline(plain.encode(), what="it")).findings == ()
    broken = plain[:gate] + plain[gate:].replace("license_gate", "other_gate")
    assert lint(Pipeline(broken.encode(), what="it")).findings != ()
