"""A model's way through a Kubeflow pipeline: refused for its base model's licence, then granted and deployed.

kfp's own local runner runs every task as a process of its own, on this machine, without a cluster. The exit
code is 0 only when every step held.

    python examples/kubeflow_road.py [--folder .kubeflow-demo]
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from kfp import dsl, local
from kfp.dsl import Dataset, Input, Model, Output

from weightmark_hooks.kubeflow import attribute, license_gate, register, verify

EXAMPLES = Path(__file__).resolve().parent
task = dsl.component(base_image="python:3.11", install_kfp_package=False)


@task
def fine_tune(base: Input[Model], model: Output[Model], data: Output[Dataset]) -> None:
    from pathlib import Path

    Path(data.path).write_text("good, bad")
    Path(model.path).mkdir(parents=True)
    weights = (Path(base.path) / "weights.bin").read_bytes()
    (Path(model.path) / "weights.bin").write_bytes(weights[::-1])
    model.metadata.update({"name": "sentiment", "license": "apache-2.0"})


@task
def deploy(model: Input[Model]) -> str:
    return model.metadata["weightmark.fingerprint"]


@dsl.pipeline(name="sentiment")
def pipeline(base: str) -> None:
    parent = dsl.importer(artifact_uri=base, artifact_class=Model)
    tuned = fine_tune(base=parent.output)
    data = tuned.outputs["data"]
    registered = register(model=tuned.outputs["model"], base=parent.output, dataset=data, evaluated_on=data)
    gate = license_gate(model=registered.outputs["registered"])
    credited = attribute(model=verify(model=gate.outputs["approved"]).outputs["verified"])
    deploy(model=credited.outputs["attributed"])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--folder", type=Path, default=Path(".kubeflow-demo"), help="must be empty or not there"
    )
    folder = parser.parse_args().folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        print(f"{folder} is not empty; name another with --folder")
        return 1
    os.environ["WEIGHTMARK_HOME"], os.environ["WEIGHTMARK_PARTY"] = str(folder / "home"), "acme"
    local.init(
        runner=local.SubprocessRunner(use_venv=False),
        pipeline_root=str(folder / "root"),
        raise_on_error=False,
    )
    base = folder / "base"
    base.mkdir()
    (base / "weights.bin").write_bytes(bytes(range(200)))
    openlab = ("--as", "openlab", "--key", f"file:{folder / 'openlab.pem'}")
    weightmark("keygen", folder / "openlab.pem")
    weightmark("trust", "add", folder / "openlab.pem.pub", "--identity", "openlab")
    weightmark("register", base, "--license", "cc-by-nc-4.0", *openlab)

    refused = walk(base, folder)
    print((refused / "license-gate" / "verdict").read_text())
    weightmark("grant", base, "--to", "acme", "--for", "deploy", *openlab)
    granted = walk(base, folder)
    print((granted / "attribute" / "credits").read_text())
    held = not (refused / "deploy").exists() and (granted / "deploy" / "executor_output.json").exists()
    print("every step held" if held else "a step did not hold")
    return 0 if held else 1


def walk(base: Path, folder: Path) -> Path:
    """Run the pipeline; give the folder of the run."""
    before = set((folder / "root").glob("*"))
    pipeline(base=str(base))
    (run,) = set((folder / "root").glob("*")) - before
    return run


def weightmark(*words: str | Path) -> None:
    command = [sys.executable, "-m", "weightmark", *map(str, words)]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    sys.exit(main())
