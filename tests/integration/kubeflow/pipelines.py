"""Pipelines as people write them, with Weightmark's components in them."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Model, Output

from weightmark_hooks.kubeflow import (
    attribute,
    fingerprint,
    license_gate,
    record_failure,
    register,
    verify,
)

component = dsl.component(base_image="python:3.11", install_kfp_package=False)


@component
def train(model: Output[Model], data: Output[Dataset], seed: str, license: str, name: str):
    import json
    import struct
    from pathlib import Path

    folder = Path(model.path)
    folder.mkdir(parents=True)
    header = json.dumps({"dense": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    header += b" " * (-len(header) % 8)
    numbers = struct.pack("<2f", float(seed), -1.25)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + numbers)
    Path(data.path).write_text("1,2,3")
    model.metadata.update({"license": license, "name": name, "epochs": 3})


@component
def tamper(model: Input[Model]):
    from pathlib import Path

    file = Path(model.path) / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


@component
def deploy(model: Input[Model]) -> str:
    from pathlib import Path

    return ",".join(sorted(file.name for file in Path(model.path).iterdir()))


@component
def keep() -> str:
    return "kept"


@dsl.pipeline(name="road")
def road(base: str, seed: str = "0.5", license: str = "apache-2.0"):
    parent = dsl.importer(artifact_uri=base, artifact_class=Model, reimport=False)
    trained = train(seed=seed, license=license, name="churn")
    known = fingerprint(model=trained.outputs["model"])
    registered = register(
        model=known.outputs["fingerprinted"],
        base=parent.output,
        dataset=trained.outputs["data"],
        evaluated_on=trained.outputs["data"],
        version="7",
    )
    gate = license_gate(model=registered.outputs["registered"])
    whole = verify(model=gate.outputs["approved"])
    credited = attribute(model=whole.outputs["verified"])
    deploy(model=credited.outputs["attributed"])


@dsl.pipeline(name="tampered")
def tampered(seed: str = "0.75"):
    trained = train(seed=seed, license="apache-2.0", name="churn")
    registered = register(model=trained.outputs["model"])
    changed = tamper(model=registered.outputs["registered"])
    whole = verify(model=registered.outputs["registered"]).after(changed)
    deploy(model=whole.outputs["verified"])


@dsl.pipeline(name="unregistered")
def unregistered():
    trained = train(seed="3.5", license="mit", name="stray")
    gate = license_gate(model=trained.outputs["model"])
    deploy(model=gate.outputs["approved"])


@dsl.pipeline(name="soft")
def soft(license: str, seed: str):
    trained = train(seed=seed, license=license, name="churn")
    registered = register(model=trained.outputs["model"])
    gate = license_gate(model=registered.outputs["registered"], enforce=False)
    with dsl.If(gate.outputs["Output"] == True):  # noqa: E712 - kfp's notation
        deploy(model=gate.outputs["approved"])
    with dsl.If(gate.outputs["Output"] == False):  # noqa: E712
        keep()


@dsl.pipeline(name="soft-unguarded")
def soft_unguarded(license: str, seed: str):
    trained = train(seed=seed, license=license, name="churn")
    registered = register(model=trained.outputs["model"])
    gate = license_gate(model=registered.outputs["registered"], enforce=False)
    deploy(model=gate.outputs["approved"])


@dsl.pipeline(name="many")
def many():
    models = [
        {"called": "one", "seed": "11.0", "license": "apache-2.0"},
        {"called": "two", "seed": "12.0", "license": "cc-by-nc-4.0"},
        {"called": "three", "seed": "13.0", "license": "mit"},
    ]
    with dsl.ParallelFor(models, parallelism=2) as item:
        trained = train(seed=item.seed, license=item.license, name=item.called)
        registered = register(model=trained.outputs["model"])
        gate = license_gate(model=registered.outputs["registered"], enforce=False)
        with dsl.If(gate.outputs["Output"] == True):  # noqa: E712
            deploy(model=gate.outputs["approved"])


@dsl.pipeline(name="handled")
def handled(license: str, seed: str = "0.25"):
    with dsl.ExitHandler(record_failure()):
        trained = train(seed=seed, license=license, name="churn")
        registered = register(model=trained.outputs["model"])
        gate = license_gate(model=registered.outputs["registered"])
        deploy(model=gate.outputs["approved"])
