"""What MLflow knows of where a model came from: its run's data sets, evaluations, and the models it used.

A data set is written ``mlflow-dataset:/NAME@DIGEST``, with MLflow's own name and digest; characters that a
list of names could not hold are percent-encoded. Not promised: that the data are those; nobody checks.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

from weightmark.vocabulary import Fact

PARENT_RUN: Final = "mlflow.parentRunId"
"""The tag by which MLflow nests runs."""

MAX_PARENTS: Final = 8
"""Runs above a run that are asked."""

MAX_DATASETS: Final = 64
"""Data sets of one kind that are named; a run with more is cut off there."""

_CONTEXT: Final = "mlflow.data.context"
_EVALUATING: Final = frozenset({"eval", "evaluate", "evaluation", "test", "testing", "validation", "val"})


def dataset_uri(name: str, digest: str) -> str:
    """Write the URI of a data set.

    >>> dataset_uri("sales, 2026", "6cb1c9e2")
    'mlflow-dataset:/sales%2C%202026@6cb1c9e2'
    """
    return f"mlflow-dataset:/{quote(name, safe='/._-')}@{quote(digest, safe='')}"


def read_lineage(model: Any, runs: Iterable[Any], base_of: Callable[[str, Any], str]) -> Mapping[str, str]:
    """Say by the keys of ``Fact`` what a logged model came from.

    Args:
        model: the logged model; None when there is none.
        runs: the run that made it, and the runs above it, nearest first.
        base_of: gives the best URI of a logged model that a run used; empty when it is no base of it.

    Returns:
        ``datasets``, ``evaluated_on`` and ``base_model``, as far as MLflow knows them.
    """
    trained: dict[str, None] = {}
    evaluated: dict[str, None] = {}
    bases: dict[str, None] = {}
    own = str(model.model_id) if model is not None else ""
    measured = _measured(model)
    for run in runs:
        for entry in getattr(run.inputs, "dataset_inputs", None) or ():
            uri = dataset_uri(str(entry.dataset.name), str(entry.dataset.digest))
            (evaluated if _is_evaluation(entry, uri in measured) else trained)[uri] = None
        for entry in getattr(run.inputs, "model_inputs", None) or ():
            if entry.model_id != own and (base := base_of(str(entry.model_id), run)):
                bases[base] = None
    evaluated |= {uri: None for uri in measured if uri not in trained}
    facts = {
        Fact.DATASETS.value: ",".join(list(trained)[:MAX_DATASETS]),
        Fact.EVALUATED_ON.value: ",".join(list(evaluated)[:MAX_DATASETS]),
        Fact.BASE_MODEL.value: ",".join(bases),
    }
    return {key: value for key, value in facts.items() if value}


def is_base(model: Any, run: Any) -> bool:
    """Say whether a model that a run took in is one that it built on: it did not make or measure it itself.

    MLflow notes a model as a run's input when the run evaluates it, too.
    """
    run_id = run.info.run_id
    measured = any(getattr(metric, "run_id", None) == run_id for metric in model.metrics or ())
    return model.source_run_id != run_id and not measured


def _is_evaluation(entry: Any, measured: bool) -> bool:  # noqa: FBT001 - a fact, not a switch
    """Say whether data were held out: their context says so, or else that the model was measured on them."""
    contexts = [str(tag.value).lower() for tag in entry.tags if tag.key == _CONTEXT]
    return any(context in _EVALUATING for context in contexts) if contexts else measured


def _measured(model: Any) -> dict[str, None]:
    """Give the data sets on which a logged model was measured, in order."""
    metrics = (model.metrics or ()) if model is not None else ()
    return {
        dataset_uri(str(metric.dataset_name), str(metric.dataset_digest)): None
        for metric in metrics
        if metric.dataset_name and metric.dataset_digest
    }
