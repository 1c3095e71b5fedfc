"""What a team does with one model on five platforms: ordinary code, one function for each step.

Nothing here knows Weightmark, but for the pipeline, which has a gate among its steps. Each step is a process
of its own; it prints what it did, or the platform's refusal.

    python examples/platform_steps.py STEP --model FOLDER
"""

import argparse
import json
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

NAME = "sentiment"


def train(model: Path) -> str:
    """Fine-tune Openlab's encoder, and track the run and the model in W&B."""
    import torch
    import wandb
    from safetensors.torch import load_file, save_file

    torch.manual_seed(4)
    tensors = load_file(model.parent / "openlab" / "model.safetensors")
    run = wandb.init(project="text", job_type="train", settings=wandb.Settings(silent=True, console="off"))
    for step in range(5):
        tensors = {name: value + 0.01 * torch.randn_like(value) for name, value in tensors.items()}
        run.log({"loss": 1 / (step + 1)})
    model.mkdir(parents=True)
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    (model / "config.json").write_text(json.dumps({"architecture": "encoder"}) + "\n")
    (model / "README.md").write_text("---\nbase_model: tiny-encoder\n---\n# Sentiment\n")
    artifact = wandb.Artifact(NAME, type="model")
    artifact.add_dir(str(model))
    version = run.log_artifact(artifact).wait().version
    run.finish()
    return f"wandb://acme/text/{NAME}:{version}"


def link(_model: Path) -> str:
    """Link the tracked model to the team's registry in W&B."""
    import wandb

    artifact = wandb.Api().artifact(f"acme/text/{NAME}:v0")
    artifact.link(f"wandb-registry-model/{NAME}", aliases=["production"])
    return "linked to wandb-registry-model"


def register(model: Path) -> str:
    """Register it in MLflow."""
    import mlflow

    client = mlflow.MlflowClient()
    with mlflow.start_run(run_name=NAME) as run:
        mlflow.log_artifacts(str(model), "model")
    client.create_registered_model(NAME)
    client.create_model_version(NAME, f"runs:/{run.info.run_id}/model", run_id=run.info.run_id)
    return f"models:/{NAME}/1"


def promote(_model: Path) -> str:
    """Promote it in MLflow."""
    import mlflow

    mlflow.MlflowClient().set_registered_model_alias(NAME, "production", "1")
    return f"models:/{NAME}@production"


def pipeline(model: Path) -> str:
    """Run a pipeline that registers, asks at the gate, and deploys."""
    from kfp import dsl, local

    from weightmark_hooks.kubeflow import license_gate
    from weightmark_hooks.kubeflow import register as register_model

    @dsl.component(base_image="python:3.11", install_kfp_package=False)
    def deploy(model: dsl.Input[dsl.Model], where: str) -> None:
        import pathlib

        pathlib.Path(where).write_text(f"serving {model.metadata['weightmark.fingerprint']}\n")

    @dsl.pipeline(name="serve-sentiment")
    def serve(folder: str, where: str) -> None:
        imported = dsl.importer(artifact_uri=folder, artifact_class=dsl.Model, reimport=True)
        registered = register_model(model=imported.output, name=NAME)
        gate = license_gate(model=registered.outputs["registered"], action="deploy")
        deploy(model=gate.outputs["approved"], where=where)

    served = model.parent / "served.txt"
    with tempfile.TemporaryDirectory() as root:
        local.init(local.SubprocessRunner(use_venv=False), pipeline_root=root, raise_on_error=True)
        try:
            serve(folder=str(model), where=str(served))
        except RuntimeError as failed:
            left = [file.read_text() for file in Path(root).rglob("license-gate/verdict")]
            raise RuntimeError("; ".join(left) or str(failed)) from failed
    return served.read_text().strip()


def package(model: Path) -> str:
    """Package it for SageMaker; it waits there for approval."""
    import boto3

    archive = model.parent / "model.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(model, arcname=".")
    bucket = boto3.client("s3")
    bucket.create_bucket(Bucket="models")
    bucket.upload_file(str(archive), "models", "sentiment/model.tar.gz")
    sagemaker = boto3.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=NAME)
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/serve:1"
    created = sagemaker.create_model_package(
        ModelPackageGroupName=NAME,
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification={
            "Containers": [{"Image": image, "ModelDataUrl": "s3://models/sentiment/model.tar.gz"}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )
    return str(created["ModelPackageArn"])


def approve(_model: Path) -> str:
    """Approve the package."""
    import boto3

    sagemaker = boto3.client("sagemaker")
    listed = sagemaker.list_model_packages(ModelPackageGroupName=NAME)
    arn = listed["ModelPackageSummaryList"][0]["ModelPackageArn"]
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    return f"approved {arn}"


def push(model: Path) -> str:
    """Push it to the Hub."""
    from huggingface_hub import HfApi

    api = HfApi()
    api.create_repo("acme/sentiment", exist_ok=True)
    done = api.upload_folder(repo_id="acme/sentiment", folder_path=model)
    return f"hf://acme/sentiment@{done.oid}"


STEPS: dict[str, Callable[[Path], str]] = {
    step.__name__: step for step in (train, link, register, promote, pipeline, package, approve, push)
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("--model", type=Path, required=True)
    options = parser.parse_args()
    try:
        print(f"done: {STEPS[options.step](options.model.absolute())}")
    except Exception as refusal:
        print(f"refused: {type(refusal).__name__}: {refusal}")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
