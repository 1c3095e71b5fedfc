"""Steps of SageMaker Pipelines: the shape that the SDK writes; policies of the shape that AWS reads."""

import json
from importlib.resources import files
from pathlib import Path

import pytest
from botocore.session import get_session

from weightmark_hooks.sagemaker.pipeline import (
    gate_steps,
    parameter,
    pipeline_definition,
    refer,
    register_step,
)

SHIPPED = files("weightmark_hooks.sagemaker")
RECORDED = json.loads(
    (Path(__file__).parents[2] / "vectors" / "sagemaker" / "pipeline-definition.json").read_text()
)
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:weightmark-gate"


def shape(value):
    """Give keys and types of a definition, without names and values."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    return [shape(one) for one in value] if isinstance(value, list) else type(value).__name__


def test_a_gate_has_the_shape_that_the_sdk_writes():
    (recorded_gate, recorded_condition) = RECORDED["Steps"]
    gate, condition = gate_steps(
        FUNCTION,
        {"ModelPackageArn": refer("Parameters.ModelPackageArn"), "purpose": refer("Parameters.Purpose")},
    )
    assert shape(gate) == shape(recorded_gate)
    assert shape(condition) == shape(recorded_condition)
    assert gate["OutputParameters"] == recorded_gate["OutputParameters"]


def test_what_stands_behind_a_gate_runs_only_when_it_is_allowed():
    step = register_step("churn", "serve:1", "s3://b/k", metadata={"license": "mit"})
    gate, condition = gate_steps(FUNCTION, {}, name="Ask", then=[step], after=["Train"])
    assert gate["DependsOn"] == ["Train"]
    arguments = condition["Arguments"]
    assert arguments["IfSteps"] == [step]
    assert arguments["ElseSteps"][0]["Arguments"] == {
        "ErrorMessage": {"Get": "Steps.Ask.OutputParameters['reason']"}
    }
    assert arguments["Conditions"][0]["LeftValue"] == {"Get": "Steps.Ask.OutputParameters['allowed']"}


def test_the_step_that_registers_takes_what_create_model_package_takes():
    step = register_step("churn", "serve:1", "s3://b/k", metadata={"license": "mit"})
    taken = (
        get_session().get_service_model("sagemaker").operation_model("CreateModelPackage").input_shape.members
    )
    assert set(step["Arguments"]) <= set(taken)


def test_a_definition_has_the_sdks_keys():
    text = pipeline_definition([], [parameter("ModelPackageArn"), parameter("Purpose", "commercial")])
    definition = json.loads(text)
    assert set(RECORDED) - {"MlflowConfig"} == set(definition)
    for key in ("Version", "Parameters", "PipelineExperimentConfig", "Metadata"):
        assert definition[key] == RECORDED[key]


@pytest.mark.parametrize("name", ["scp.json", "role.json"])
def test_a_policy_names_actions_that_there_are(name):
    policy = json.loads(SHIPPED.joinpath(name).read_text())
    assert policy["Version"] == "2012-10-17"
    operations = set(get_session().get_service_model("sagemaker").operation_names)
    for statement in policy["Statement"]:
        assert set(statement) <= {"Sid", "Effect", "Action", "Resource", "Condition"}
        assert statement["Effect"] == ("Deny" if name == "scp.json" else "Allow")
        for action in statement["Action"]:
            service, _, operation = action.partition(":")
            assert service == "s3" or (service == "sagemaker" and operation in operations)


def test_the_policy_lets_one_role_approve():
    for statement in json.loads(SHIPPED.joinpath("scp.json").read_text())["Statement"]:
        assert set(statement["Action"]) == {"sagemaker:CreateModelPackage", "sagemaker:UpdateModelPackage"}
        (condition,) = statement["Condition"]["StringEquals"]
        assert condition in {"sagemaker:ModelApprovalStatus", "sagemaker:ModelLifeCycle:stage"}
        assert statement["Condition"]["ArnNotLike"]["aws:PrincipalArn"].endswith(":role/weightmark")


def test_the_rule_picks_the_events_that_are_read():
    pattern = json.loads(SHIPPED.joinpath("event-pattern.json").read_text())
    recorded = Path(__file__).parents[2] / "vectors" / "sagemaker" / "model-package-state-change.json"
    event = json.loads(recorded.read_text())
    assert all(event[key] in allowed for key, allowed in pattern.items())
