"""A compiled pipeline (IR YAML), read safely: the tasks, what they hand on, and which components they are."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from weightmark.errors import MalformedError

MAX_BYTES: Final = 8 << 20
"""A pipeline larger than 8 MiB is refused."""

MAX_SOURCE: Final = 1 << 17
_MODEL: Final = "Model"
"""What the names of all types of models end in: ``system.Model``, ``google.VertexModel``."""

_SCRIPT: Final = (
    "program_path=$(mktemp -d)"
    ' printf "%s" "$0" > "$program_path/ephemeral_component.py"'
    " _KFP_RUNTIME=true python3 -m kfp.dsl.executor_main"
    ' --component_module_path "$program_path/ephemeral_component.py" "$@"'
)
"""What kfp starts a component by that installs nothing."""

_IMPORT: Final = "from weightmark_hooks.kubeflow import task"


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One component of a pipeline.

    Attributes:
        name: its name in the file: ``comp-deploy``.
        tasks: the tasks inside, when it is a group of tasks; None when it runs a container.
        outputs: for a group: each output's selectors, as pairs of task and output.
        ours: which of Weightmark's components it is: ``license_gate``; empty when it is none.
        inputs: the types of its input artifacts.
        makes: the types of its output artifacts.
    """

    name: str
    tasks: Mapping[str, Mapping[str, Any]] | None
    outputs: Mapping[str, tuple[tuple[str, str], ...]]
    ours: str
    inputs: Mapping[str, str]
    makes: Mapping[str, str]

    def makes_model(self, output: str) -> bool:
        """Say whether an output is a model."""
        return self.makes.get(output, "").endswith(_MODEL)

    def takes_model(self, given: str) -> bool:
        """Say whether an input is declared to be a model."""
        return self.inputs.get(given, "").endswith(_MODEL)


class Pipeline:
    """A compiled pipeline.

    Args:
        data: the file's bytes.
        what: the file, for messages.

    Raises:
        MalformedError: it is too large, no YAML, or not a compiled pipeline.
    """

    def __init__(self, data: bytes, *, what: str) -> None:
        document = _read(data, what)
        self.what = what
        self._components = _mapping(document.get("components"), what)
        deployment = _mapping(document.get("deploymentSpec"), what)
        self._executors = _mapping(deployment.get("executors"), what)
        self._known: dict[str, Component] = {}
        self.root = self._component("root", _mapping(document.get("root"), what))
        if self.root.tasks is None:
            raise MalformedError(f"{what} is not a compiled pipeline: it has no tasks", hint=_HINT)

    def component(self, task: Mapping[str, Any]) -> Component:
        """Give the component that a task runs.

        Raises:
            MalformedError: there is no such component.
        """
        name = str(_mapping(task.get("componentRef"), self.what).get("name"))
        if name not in self._components:
            raise MalformedError(f"{self.what} has a task of the component {name!r}, which is not there")
        if name not in self._known:
            self._known[name] = self._component(name, _mapping(self._components[name], self.what))
        return self._known[name]

    def _component(self, name: str, spec: Mapping[str, Any]) -> Component:
        dag = _mapping(spec.get("dag"), self.what)
        tasks = {
            key: _mapping(task, self.what) for key, task in _mapping(dag.get("tasks"), self.what).items()
        }
        outputs = _mapping(_mapping(dag.get("outputs"), self.what).get("artifacts"), self.what)
        executor = _mapping(self._executors.get(str(spec.get("executorLabel"))), self.what)
        return Component(
            name=name,
            tasks=tasks if "dag" in spec else None,
            outputs={key: tuple(_selectors(value, self.what)) for key, value in outputs.items()},
            ours=_ours(executor),
            inputs=_types(spec.get("inputDefinitions"), self.what),
            makes=_types(spec.get("outputDefinitions"), self.what),
        )


_HINT: Final = "Compile it: `kfp dsl compile --py pipeline.py --output pipeline.yaml`."


def _read(data: bytes, what: str) -> Mapping[str, Any]:
    """Read the first document of a YAML file; nothing in it may stand for something elsewhere in it."""
    import yaml

    if len(data) > MAX_BYTES:
        raise MalformedError(f"{what} is larger than {MAX_BYTES} bytes", hint=_HINT)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(data, loader)):
            raise MalformedError(f"{what} has aliases (*name), which kfp does not write", hint=_HINT)
        document = next(iter(yaml.load_all(data, loader)), None)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise MalformedError(f"{what} is not readable YAML: {error}", hint=_HINT) from error
    found = _mapping(document, what)
    if "root" not in found:
        raise MalformedError(f"{what} is not a compiled pipeline: it has no root", hint=_HINT)
    return found


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise MalformedError(
            f"{what} is not a compiled pipeline: a {type(value).__name__} stands for a mapping"
        )
    return cast("Mapping[str, Any]", value)


def _selectors(value: object, what: str) -> Iterator[tuple[str, str]]:
    selectors = _mapping(value, what).get("artifactSelectors")
    if not isinstance(selectors, list):
        return
    for selector in cast("list[object]", selectors):
        found = _mapping(selector, what)
        yield str(found.get("producerSubtask", "")), str(found.get("outputArtifactKey", ""))


def _types(definitions: object, what: str) -> dict[str, str]:
    artifacts = _mapping(_mapping(definitions, what).get("artifacts"), what)
    return {
        key: str(_mapping(_mapping(value, what).get("artifactType"), what).get("schemaTitle", ""))
        for key, value in artifacts.items()
    }


def _ours(executor: Mapping[str, Any]) -> str:
    """Name the component of Weightmark that an executor runs, by its code; empty when it is another's."""
    container = executor.get("container")
    if not isinstance(container, Mapping):
        return ""
    told = cast("Mapping[str, Any]", container)
    command, args = told.get("command"), told.get("args")
    if not (isinstance(command, list) and isinstance(args, list)):
        return ""
    texts = [str(part) for part in cast("list[object]", command)]
    words = [str(part) for part in cast("list[object]", args)]
    if [" ".join(part.split()) for part in texts[:-1]] != ["sh", "-ec", _SCRIPT]:
        return ""
    match words:
        case ["--executor_input", "{{$}}", "--function_to_execute", asked] if _calls_only(texts[-1], asked):
            return asked
        case _:
            return ""


def _calls_only(source: str, name: str) -> bool:
    """Say whether a component's code does nothing but call Weightmark's function of its name."""
    try:
        module = ast.parse(source) if len(source) <= MAX_SOURCE else ast.Module([], [])
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    others = [node for node in module.body if node not in functions]
    if len(functions) != 1 or functions[0].name != name or functions[0].decorator_list:
        return False
    if not all(_is_preamble(node) for node in others) or not _is_plain(functions[0]):
        return False
    body = functions[0].body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    match body:
        case [ast.ImportFrom() as imported, ast.Return(value=ast.Call(func=called) as call)]:
            return (
                ast.unparse(imported) == _IMPORT
                and ast.unparse(called) == f"task.{name}"
                and _hands_on(call, [argument.arg for argument in functions[0].args.args])
            )
        case _:
            return False


def _is_plain(function: ast.FunctionDef) -> bool:
    """Say whether nothing is called where a function is declared, but the type of a path."""
    declared: list[ast.AST] = [function.args, *filter(None, [function.returns])]
    calls = [node for one in declared for node in ast.walk(one) if isinstance(node, ast.Call)]
    return all(ast.unparse(call) == "OutputPath(str)" for call in calls)


def _hands_on(call: ast.Call, names: list[str]) -> bool:
    """Say whether a function calls another with what it was given: each under its own name, in its order."""
    given = [ast.unparse(argument) for argument in call.args]
    pairs: list[tuple[object, ast.expr]] = []
    for keyword in call.keywords:
        if isinstance(keyword.value, ast.Dict):
            keys = [getattr(key, "value", None) for key in keyword.value.keys]
            pairs += zip(keys, keyword.value.values, strict=True)
        else:
            pairs.append((keyword.arg, keyword.value))
    return given == names[: len(given)] and all(
        isinstance(value, ast.Name) and value.id == key for key, value in pairs
    )


def _is_preamble(node: ast.stmt) -> bool:
    return ast.unparse(node) in {
        "import kfp",
        "from kfp import dsl",
        "from kfp.dsl import *",
        "from typing import *",
    }
