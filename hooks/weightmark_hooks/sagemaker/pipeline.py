"""Steps of SageMaker Pipelines as its definition has them, made without the SageMaker SDK.

A gate is three steps: a Lambda function that is asked, a condition on its answer, and a failure that gives
the reason. The steps go into a definition beside those that the SDK wrote, or into one of their own.

Source: SageMaker Pipelines, "Pipeline definition JSON schema", version 2020-12-01.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from weightmark.encoding import Json, encode

VERSION: Final = "2020-12-01"

Step = dict[str, Json]
"""A step of a pipeline."""


def parameter(name: str, default: str | None = None) -> Step:
    """Declare a parameter of a pipeline, of the type String."""
    made: Step = {"Name": name, "Type": "String"}
    return made if default is None else {**made, "DefaultValue": default}


def refer(path: str) -> Step:
    """Refer to a value that is known when the pipeline runs.

    >>> refer("Parameters.ModelPackageArn")
    {'Get': 'Parameters.ModelPackageArn'}
    """
    return {"Get": path}


def gate_steps(
    function_arn: str,
    arguments: Mapping[str, Json],
    *,
    name: str = "WeightmarkGate",
    then: Sequence[Step] = (),
    after: Sequence[str] = (),
) -> list[Step]:
    """Make a gate: the steps behind it run only when Weightmark allows it.

    Args:
        function_arn: the Lambda function with the handler ``weightmark_hooks.sagemaker.function.gate``.
        arguments: what it is asked: ``ModelPackageArn``, or ``ModelDataUrl`` and ``ModelPackageGroupName``.
        name: the name of the first step; the others' begin with it.
        then: the steps behind the gate.
        after: names of the steps that come before it, when no argument refers to them.

    Returns:
        The question and the condition.
    """
    asked: Step = {
        "Name": name,
        "Type": "Lambda",
        "Arguments": dict(arguments),
        "FunctionArn": function_arn,
        "OutputParameters": [
            {"OutputName": "allowed", "OutputType": "String"},
            {"OutputName": "reason", "OutputType": "String"},
        ],
    }
    if after:
        asked["DependsOn"] = list(after)
    refused: Step = {
        "Name": f"{name}Refused",
        "Type": "Fail",
        "Arguments": {"ErrorMessage": _output(name, "reason")},
    }
    condition: Step = {
        "Name": f"{name}Allowed",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [{"Type": "Equals", "LeftValue": _output(name, "allowed"), "RightValue": "true"}],
            "IfSteps": list(then),
            "ElseSteps": [refused],
        },
    }
    return [asked, condition]


def register_step(  # noqa: PLR0913  keywords, each with its default
    group: Json,
    image: Json,
    model_data: Json,
    *,
    name: str = "RegisterModel",
    approval: str = "PendingManualApproval",
    metadata: Mapping[str, str] | None = None,
    content_types: Sequence[str] = ("application/octet-stream",),
) -> Step:
    """Make the step that registers a model.

    Args:
        group: the model package group's name.
        image: the container's image.
        model_data: where its model.tar.gz is in S3.
        name: the step's name.
        approval: the approval status that it begins with.
        metadata: what is stated about it: ``license``, ``base_model``, ``owner``.
        content_types: what it takes and gives.
    """
    arguments: Step = {
        "ModelPackageGroupName": group,
        "InferenceSpecification": {
            "Containers": [{"Image": image, "ModelDataUrl": model_data}],
            "SupportedContentTypes": list(content_types),
            "SupportedResponseMIMETypes": list(content_types),
        },
        "ModelApprovalStatus": approval,
    }
    if metadata:
        arguments["CustomerMetadataProperties"] = dict(metadata)
    return {"Name": name, "Type": "RegisterModel", "Arguments": arguments}


def pipeline_definition(steps: Sequence[Step], parameters: Sequence[Step] = ()) -> str:
    """Write a pipeline's definition, as ``create_pipeline(PipelineDefinition=…)`` takes it."""
    definition: Step = {
        "Version": VERSION,
        "Metadata": {},
        "Parameters": list(parameters),
        "PipelineExperimentConfig": {
            "ExperimentName": refer("Execution.PipelineName"),
            "TrialName": refer("Execution.PipelineExecutionId"),
        },
        "Steps": list(steps),
    }
    return encode(definition).decode()


def _output(step: str, name: str) -> Step:
    return refer(f"Steps.{step}.OutputParameters['{name}']")
