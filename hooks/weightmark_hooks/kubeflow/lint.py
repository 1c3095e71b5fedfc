"""Whether every model in a pipeline meets a gate before it is used.

A model is what a task puts out as ``system.Model``. It has passed when it comes from ``license_gate``, or
from there through our components that pass a model on unchanged. What any other task makes of it is a new
model, which must pass anew.

Not promised: anything about models that leave the pipeline past its artifacts: by a path, a bucket, a
parameter, an artifact of another type.
"""

from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

from weightmark.encoding import Json
from weightmark.errors import MalformedError
from weightmark_hooks.kubeflow.pipeline import Component, Pipeline

GATE: Final = "license_gate"
PASSING_ON: Final = frozenset({"fingerprint", "register", "verify", "attribute"})
"""Our components whose model comes out as it went in."""

_MOST_STEPS: Final = 20_000
_DEEPEST: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that lets a model past the gate.

    Attributes:
        task: the task's name, with the groups that it is in: ``exit-handler-1/deploy``.
        rule: ``ungated`` or ``cached``.
        message: what is wrong.
        hint: what to do.
    """

    task: str
    rule: str
    message: str
    hint: str

    def to_json(self) -> dict[str, Json]:
        """Give it in the words of ``--json``."""
        return {"task": self.task, "rule": self.rule, "message": self.message, "hint": self.hint}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found in one pipeline.

    Attributes:
        findings: what lets a model past the gate.
        gates: the tasks that are gates.
        uses: how many tasks take a model.
    """

    findings: tuple[Finding, ...]
    gates: tuple[str, ...]
    uses: int


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where an artifact comes from."""

    maker: str
    is_model: bool
    gated: bool


_NOTHING: Final = _Origin("nothing", is_model=False, gated=True)


@dataclass(frozen=True, slots=True)
class _Scope:
    """The tasks of one group, and what the group was given."""

    path: str
    component: Component
    given: Mapping[str, _Origin]

    def name(self, task: str) -> str:
        return f"{self.path}{task}"


def lint(pipeline: Pipeline, *, allowed: Collection[str] = ()) -> Report:
    """Follow every model through a pipeline.

    Args:
        pipeline: the pipeline.
        allowed: names of tasks that may read a model that has not passed, such as those that evaluate it.

    Raises:
        MalformedError: tasks or components that are named are not there, or run in a circle.
    """
    return _Linter(pipeline, frozenset(allowed)).run()


class _Linter:
    def __init__(self, pipeline: Pipeline, allowed: Collection[str]) -> None:
        self._pipeline = pipeline
        self._allowed = allowed
        self._steps = 0
        self._depth = 0
        self._findings: list[Finding] = []
        self._gates: list[str] = []
        self._uses = 0

    def run(self) -> Report:
        root = self._pipeline.root
        given = {
            key: _Origin("the pipeline's own input", is_model=root.takes_model(key), gated=False)
            for key in root.inputs
        }
        self._walk(_Scope("", root, given))
        return Report(findings=tuple(self._findings), gates=tuple(self._gates), uses=self._uses)

    @contextmanager
    def _deeper(self) -> Generator[None, None, None]:
        """Bound the work: a file may repeat its groups, or run in a circle."""
        self._steps += 1
        self._depth += 1
        if self._steps > _MOST_STEPS or self._depth > _DEEPEST:
            raise MalformedError(f"{self._pipeline.what} is too entangled, or runs in a circle")
        yield
        self._depth -= 1

    def _walk(self, scope: _Scope) -> None:
        with self._deeper():
            for name, task in (scope.component.tasks or {}).items():
                component = self._pipeline.component(task)
                given = self._given(scope, task, component)
                if component.tasks is not None:
                    self._walk(_Scope(f"{scope.path}{name}/", component, given))
                else:
                    self._check(scope.name(name), name, task, component, given)

    def _check(
        self,
        path: str,
        name: str,
        task: Mapping[str, Any],
        component: Component,
        given: Mapping[str, _Origin],
    ) -> None:
        models = {
            key: origin for key, origin in given.items() if origin.is_model or component.takes_model(key)
        }
        self._uses += bool(models)
        if component.ours == GATE:
            self._gates.append(path)
            if _part(task, "cachingOptions").get("enableCache") is True:
                self._findings.append(
                    Finding(
                        task=path,
                        rule="cached",
                        message=f"{path} is a gate, and Kubeflow may answer for it from its cache",
                        hint="Call set_caching_options(False) on its task.",
                    )
                )
        if component.ours or name in self._allowed:
            return
        for key, origin in models.items():
            if not origin.gated:
                self._findings.append(
                    Finding(
                        task=path,
                        rule="ungated",
                        message=f"{path} takes the model {key!r} from {origin.maker}, past the gate",
                        hint="Give it the output 'approved' of a license_gate.",
                    )
                )

    def _given(self, scope: _Scope, task: Mapping[str, Any], component: Component) -> dict[str, _Origin]:
        """Find out where each input artifact of a task comes from."""
        given: dict[str, _Origin] = {}
        for key, source in _part(task, "inputs", "artifacts").items():
            given[key] = self._source(scope, source)
        iterator = _part(task, "artifactIterator")
        if iterator:
            items = _part(iterator, "items")
            given[str(iterator.get("itemInput", ""))] = given.get(
                str(items.get("inputArtifact", "")), _NOTHING
            )
        for key in component.inputs:
            given.setdefault(key, _NOTHING)
        return given

    def _source(self, scope: _Scope, source: object) -> _Origin:
        found = _part({"source": source}, "source")
        produced = _part(found, "taskOutputArtifact")
        if produced:
            return self._output(
                scope, str(produced.get("producerTask", "")), str(produced.get("outputArtifactKey", ""))
            )
        key = str(found.get("componentInputArtifact", ""))
        if key not in scope.given:
            raise MalformedError(
                f"{self._pipeline.what} has an input that comes from nowhere: {str(found)[:80]}"
            )
        return scope.given[key]

    def _output(self, scope: _Scope, name: str, key: str) -> _Origin:
        """Find out what one output of a task is."""
        task = (scope.component.tasks or {}).get(name)
        if task is None:
            raise MalformedError(f"{self._pipeline.what} names the task {name!r}, which is not there")
        with self._deeper():
            return self._made(scope, name, task, key)

    def _made(self, scope: _Scope, name: str, task: Mapping[str, Any], key: str) -> _Origin:
        component = self._pipeline.component(task)
        path = scope.name(name)
        if component.tasks is not None:
            inner = _Scope(f"{path}/", component, self._given(scope, task, component))
            return _worst(self._output(inner, *selector) for selector in component.outputs.get(key, ()))
        is_model = component.makes_model(key)
        if component.ours == GATE:
            return _Origin(path, is_model=is_model, gated=True)
        if component.ours in PASSING_ON and is_model:
            origin = self._given(scope, task, component).get("model", _NOTHING)
            return _Origin(path, is_model=True, gated=origin.gated)
        return _Origin(path, is_model=is_model, gated=False)


def _worst(origins: Iterator[_Origin]) -> _Origin:
    """Of what an output may be, take what has not passed."""
    found = list(origins)
    return next((origin for origin in found if not origin.gated), found[0] if found else _NOTHING)


def _part(value: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    for key in keys:
        inner = value.get(key)
        value = cast("Mapping[str, Any]", inner) if isinstance(inner, dict) else {}
    return value
