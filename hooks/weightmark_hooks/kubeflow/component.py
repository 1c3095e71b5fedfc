"""The components as kfp compiles them: their inputs and outputs, and one call each.

kfp copies the source of a component's function into the pipeline, so a function here stands alone: it imports
``weightmark_hooks.kubeflow.task`` in the container, calls one function there and returns what that returns.
"""

# What stands where types stand is kfp's own notation for artifacts, which type checkers cannot read.
# pyright: basic, reportMissingTypeStubs=false, reportInvalidTypeForm=false
# pyright: reportArgumentType=false, reportCallIssue=false
# mypy: disable-error-code="valid-type, untyped-decorator"

import functools
import os
from collections.abc import Mapping
from typing import Any, Final

from weightmark import __version__
from weightmark_adapters.kubeflow import sdk

IMAGE: Final = "WEIGHTMARK_KUBEFLOW_IMAGE"
"""The environment variable that names the image in which the components run."""


class Step:
    """One component, put into a pipeline with what it must not be without.

    It is told which run it belongs to, and kfp never answers for it from its cache.

    Args:
        component: kfp's component, for whoever compiles it alone.
        plain: the same without its optional artifacts, which takes its place where none of them is given:
            the local runner of kfp 2.16 cannot leave an artifact out.
    """

    def __init__(self, component: Any, plain: Any = None) -> None:
        self.component = component
        self._plain = plain

    @property
    def name(self) -> str:
        """The component's name: ``license-gate``."""
        return str(self.component.name)

    def __call__(self, **inputs: Any) -> Any:
        """Make a task of it, in the function of a pipeline.

        Args:
            inputs: the component's inputs, by name.

        Returns:
            kfp's task.
        """
        inputs.setdefault("run", sdk.load("kfp.dsl").PIPELINE_JOB_ID_PLACEHOLDER)
        component = self.component
        if self._plain is not None and inputs.keys() <= self._plain.component_spec.inputs.keys():
            component = self._plain
        task = component(**inputs)
        task.set_caching_options(enable_caching=False)
        return task


def image_name() -> str:
    """Name the image in which the components run."""
    return os.environ.get(IMAGE) or f"weightmark-python:{__version__}"


def steps() -> Mapping[str, Step]:
    """Give the components by name, for the image that is named now.

    Raises:
        MissingExtraError: kfp is not installed.
    """
    return steps_for(image_name())


@functools.cache
def steps_for(image: str) -> Mapping[str, Step]:
    """Give the components by name, for one image.

    Raises:
        MissingExtraError: kfp is not installed.
    """
    sdk.load("kfp")
    made = {**_measuring(image), **_recording(image), **_using(image), **_telling(image)}
    plain = {"register": _plain_register(image)}
    return {name: Step(component, plain.get(name)) for name, component in made.items()}


def _measuring(image: str) -> dict[str, Any]:
    from kfp.dsl import Artifact, Input, Markdown, Metrics, Model, Output, component

    def fingerprint(  # noqa: PLR0913, PLR0917 - kfp hands each by itself
        model: Input[Model],
        fingerprinted: Output[Model],
        measures: Output[Metrics],
        summary: Output[Markdown],
        manifest: Output[Artifact],
        run: str = "",
    ) -> str:
        """Fingerprint a model; nothing is recorded."""
        from weightmark_hooks.kubeflow import task

        return task.fingerprint(model, fingerprinted, measures, summary, manifest, run)

    return {"fingerprint": component(base_image=image, install_kfp_package=False)(fingerprint)}


def _recording(image: str) -> dict[str, Any]:
    from kfp.dsl import Artifact, Dataset, Input, Markdown, Model, Output, component

    def register(  # noqa: PLR0913, PLR0917 - what a pipeline may say of a model
        model: Input[Model],
        registered: Output[Model],
        receipt: Output[Artifact],
        summary: Output[Markdown],
        base: Input[Model] = None,
        dataset: Input[Dataset] = None,
        evaluated_on: Input[Dataset] = None,
        name: str = "",
        version: str = "",
        license: str = "",  # noqa: A002 - the word that every platform uses
        owner: str = "",
        base_model: str = "",
        base_model_relation: str = "",
        datasets: str = "",
        run: str = "",
    ) -> str:
        """Fingerprint, sign and record a model, with what it was made from."""
        from weightmark_hooks.kubeflow import task

        return task.register(
            model,
            registered,
            receipt,
            summary,
            base=base,
            dataset=dataset,
            evaluated_on=evaluated_on,
            name=name,
            version=version,
            stated={
                "license": license,
                "owner": owner,
                "base_model": base_model,
                "base_model_relation": base_model_relation,
                "datasets": datasets,
            },
            run=run,
        )

    return {"register": component(base_image=image, install_kfp_package=False)(register)}


def _plain_register(image: str) -> Any:
    from kfp.dsl import Artifact, Input, Markdown, Model, Output, component

    def register(  # noqa: PLR0913, PLR0917 - what a pipeline may say of a model
        model: Input[Model],
        registered: Output[Model],
        receipt: Output[Artifact],
        summary: Output[Markdown],
        name: str = "",
        version: str = "",
        license: str = "",  # noqa: A002 - the word that every platform uses
        owner: str = "",
        base_model: str = "",
        base_model_relation: str = "",
        datasets: str = "",
        run: str = "",
    ) -> str:
        """Fingerprint, sign and record a model."""
        from weightmark_hooks.kubeflow import task

        return task.register(
            model,
            registered,
            receipt,
            summary,
            name=name,
            version=version,
            stated={
                "license": license,
                "owner": owner,
                "base_model": base_model,
                "base_model_relation": base_model_relation,
                "datasets": datasets,
            },
            run=run,
        )

    return component(base_image=image, install_kfp_package=False)(register)


def _using(image: str) -> dict[str, Any]:
    from kfp.dsl import HTML, Input, Markdown, Model, Output, OutputPath, component

    make = component(base_image=image, install_kfp_package=False)

    def license_gate(  # noqa: PLR0913, PLR0917 - kfp hands each by itself
        model: Input[Model],
        approved: Output[Model],
        verdict: Output[Markdown],
        page: Output[HTML],
        reason: OutputPath(str),
        action: str = "deploy",
        enforce: bool = True,  # noqa: FBT001, FBT002 - a pipeline's parameter
        run: str = "",
    ) -> bool:
        """Let a model pass only if its licences allow the action; what depends on it is not run else."""
        from weightmark_hooks.kubeflow import task

        return task.license_gate(model, approved, verdict, page, reason, action, enforce, run)

    def verify(
        model: Input[Model],
        verified: Output[Model],
        report: Output[Markdown],
        expect: str = "",
        run: str = "",
    ) -> str:
        """Let a model pass only if its files are those that were registered, under a good signature."""
        from weightmark_hooks.kubeflow import task

        return task.verify(model, verified, report, expect, run)

    return {"license_gate": make(license_gate), "verify": make(verify)}


def _telling(image: str) -> dict[str, Any]:
    from kfp.dsl import HTML, Artifact, Input, Markdown, Model, Output, PipelineTaskFinalStatus, component

    make = component(base_image=image, install_kfp_package=False)

    def attribute(  # noqa: PLR0913, PLR0917 - kfp hands each by itself
        model: Input[Model],
        attributed: Output[Model],
        credits: Output[Markdown],  # noqa: A002 - the word for it
        page: Output[HTML],
        bundle: Output[Artifact],
        run: str = "",
    ) -> str:
        """Say whose work a registered model is, and give the signed bundle to pass on with it."""
        from weightmark_hooks.kubeflow import task

        return task.attribute(model, attributed, credits, page, bundle, run)

    def record_failure(
        status: PipelineTaskFinalStatus,
        report: Output[Markdown],
        page: Output[HTML],
        failure: Output[Artifact],
        run: str = "",
    ) -> str:
        """Say at the end of a pipeline why a gate stopped it, in the gate's own words."""
        from weightmark_hooks.kubeflow import task

        return task.record_failure(status, report, page, failure, run)

    return {"attribute": make(attribute), "record_failure": make(record_failure)}
