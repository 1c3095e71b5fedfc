"""What the library says of two models of the zoo, asked on one thread: the models are small."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.zoo.zoo import Zoo
from threadpoolctl import threadpool_limits

from weightmark.model import Artifact
from weightmark.similarity.alignment import align
from weightmark.similarity.catalog import Catalog, match_names
from weightmark.similarity.comparing import Side, compare_tensors
from weightmark.similarity.comparison import Comparison
from weightmark.similarity.forensics import Forensics, examine
from weightmark.similarity.measuring import measure
from weightmark.similarity.merging import Explanation, Merge
from weightmark.similarity.products import Family
from weightmark.similarity.values import ModelTensors
from weightmark_plugins.formats.safetensors import SafetensorsFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """The measurement of two models tensor by tensor, before any verdict: what must behave as chance does.

    Attributes:
        tensors: the z of each tensor.
        groups: the z of each group of tensors that are shuffled together.
        p_value: of all groups.
        log_bound: natural logarithm of the bound on it.
    """

    tensors: Sequence[float]
    groups: Sequence[float]
    p_value: float
    log_bound: float


def open_model(folder: Path) -> ModelTensors:
    """Open a folder of safetensors."""
    artifact, reader = Artifact.open(folder), SafetensorsFormat()
    return ModelTensors(artifact, reader.tensors(artifact, reader.claims(artifact)))


@cache
def ask_paths(first: Path, second: Path, parents: tuple[Path, ...] = ()) -> Comparison:
    """Compare the models in two folders; the same question is asked once."""
    one, other, *others = (
        Side(model=path.name, tensors=open_model(path)) for path in (first, second, *parents)
    )
    with threadpool_limits(1):
        return compare_tensors(one, other, parents=others)


def ask(zoo: Zoo, first: str, second: str, *parents: str) -> Comparison:
    """Compare two models of a zoo."""
    return ask_paths(zoo.path(first), zoo.path(second), tuple(map(zoo.path, parents)))


@cache
def _measured(first: Path, second: Path) -> Plain:
    one, other = Catalog(open_model(first)), Catalog(open_model(second))
    with threadpool_limits(1):
        found = measure(one, other, match_names(one, other))
    return Plain(
        tensors=[likeness.z for _, likeness in found.pairs],
        groups=[likeness.z for likeness in found.groups.values()],
        p_value=math.exp(found.log_p),
        log_bound=found.log_bound,
    )


def measure_plainly(zoo: Zoo, first: str, second: str) -> Plain:
    """Measure two models of a zoo by the names of their tensors."""
    return _measured(zoo.path(first), zoo.path(second))


def tell(wrong: dict[str, str]) -> str:
    """Write what is wrong, one model a line, for an assertion's message."""
    return "\n" + "\n".join(f"{name}: {what}" for name, what in wrong.items())


@cache
def _explained(child: Path, parents: tuple[Path, ...], base: Path | None) -> Explanation:
    family = Family(
        child=open_model(child),
        parents={path.name: open_model(path) for path in parents},
        base=open_model(base) if base is not None else None,
    )
    with threadpool_limits(1):
        return Merge(family).explain()


def explain(zoo: Zoo, name: str, *more: str) -> Explanation:
    """Explain a merge of the zoo by its parents, and by models that have no part in it."""
    shares = zoo.entries[name].shares
    base = None if "seed-1" in shares else "seed-1"
    return explain_as(zoo, name, (*shares, *more), base)


def explain_as(zoo: Zoo, name: str, parents: Sequence[str], base: str | None) -> Explanation:
    """Explain a model by these parents."""
    paths = tuple(map(zoo.path, parents))
    return _explained(zoo.path(name), paths, zoo.path(base) if base else None)


@cache
def _examined(first: Path, second: Path) -> Forensics:
    answer = ask_paths(first, second)
    with threadpool_limits(1):
        return examine(open_model(first), open_model(second), answer.pairs)


def operations_of(zoo: Zoo, first: str, second: str, least: float = 0.3) -> list[str]:
    """Say what was likely done to at least a share of the second model's numbers, the most common first."""
    found = _examined(zoo.path(first), zoo.path(second)).findings
    return [
        " ".join(filter(None, (each.label.operation.value, each.label.detail)))
        for each in found
        if each.share >= least
    ]


@cache
def _aligned(first: Path, second: Path) -> float:
    with threadpool_limits(1):
        found = align(Catalog(open_model(first)), Catalog(open_model(second)))
    return 0.0 if found is None else found.z


def align_deeply(zoo: Zoo, first: str, second: str) -> float:
    """Give the likeness after the stream was aligned by the vocabulary, whatever it is."""
    return _aligned(zoo.path(first), zoo.path(second))
