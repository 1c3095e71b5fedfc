"""Enough of GraphQL to answer the clients of Weights & Biases: documents are parsed, selections executed.

Not promised: validation against types. A field that an object does not have is null, as a nullable field is;
a field of the root that nobody answers is an error.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(r'\.\.\.|"(?:[^"\\\n]|\\.)*"|[A-Za-z_]\w*|-?\d+(?:\.\d+)?|[{}()\[\]:!=@$|&]')
_IGNORED = re.compile(r"(?:[\s,\ufeff]|#[^\n]*)+")
_MAX = 200_000


class GraphqlError(Exception):
    """The document cannot be answered."""


@dataclass(kw_only=True)
class Selection:
    """A field, a fragment that is spread, or an inline fragment."""

    name: str = ""
    key: str = ""
    spread: str = ""
    on: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    directives: dict[str, dict[str, Any]] = field(default_factory=dict)
    selections: list["Selection"] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A variable's place in an argument."""

    name: str


@dataclass(kw_only=True)
class Document:
    """One operation and the fragments beside it."""

    kind: str = "query"
    name: str = ""
    defaults: dict[str, Any] = field(default_factory=dict)
    selections: list[Selection] = field(default_factory=list)
    fragments: dict[str, Selection] = field(default_factory=dict)


class Parser:
    """Reads one document."""

    def __init__(self, text: str) -> None:
        if len(text) > _MAX:
            raise GraphqlError("the document is too large")
        self._tokens = list(_tokens(text))
        self._at = 0

    def document(self) -> Document:
        found = Document()
        while self._at < len(self._tokens):
            word = self._peek()
            if word == "fragment":
                self._take()
                name = self._take()
                self._expect("on")
                on = self._take()
                self._directives()
                found.fragments[name] = Selection(on=on, selections=self._selections())
            else:
                if word != "{":
                    found.kind = self._take()
                    found.name = self._take() if self._peek() not in {"{", "("} else ""
                    found.defaults = self._variables()
                    self._directives()
                found.selections = self._selections()
        return found

    def _variables(self) -> dict[str, Any]:
        defaults: dict[str, Any] = {}
        if self._peek() != "(":
            return defaults
        self._take()
        while self._peek() != ")":
            self._expect("$")
            name = self._take()
            self._expect(":")
            while self._peek() not in {"$", ")", "="}:
                self._take()
            if self._peek() == "=":
                self._take()
                defaults[name] = self._value()
        self._take()
        return defaults

    def _selections(self) -> list[Selection]:
        self._expect("{")
        found: list[Selection] = []
        while self._peek() != "}":
            found.append(self._selection())
        self._take()
        return found

    def _selection(self) -> Selection:
        if self._peek() == "...":
            self._take()
            one = Selection()
            if self._peek() == "on":
                self._take()
                one.on = self._take()
            elif self._peek() not in {"{", "@"}:
                one.spread = self._take()
            one.directives = self._directives()
            if not one.spread:
                one.selections = self._selections()
            return one
        name = key = self._take()
        if self._peek() == ":":
            self._take()
            name = self._take()
        one = Selection(name=name, key=key, arguments=self._arguments(), directives=self._directives())
        if self._peek() == "{":
            one.selections = self._selections()
        return one

    def _directives(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        while self._at < len(self._tokens) and self._peek() == "@":
            self._take()
            name = self._take()
            found[name] = self._arguments()
        return found

    def _arguments(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._at < len(self._tokens) and self._peek() == "(":
            self._take()
            while self._peek() != ")":
                name = self._take()
                self._expect(":")
                found[name] = self._value()
            self._take()
        return found

    def _value(self) -> Any:
        token = self._take()
        if token == "$":
            return Variable(name=self._take())
        if token == "[":
            items: list[Any] = []
            while self._peek() != "]":
                items.append(self._value())
            self._take()
            return items
        if token == "{":
            pairs: dict[str, Any] = {}
            while self._peek() != "}":
                name = self._take()
                self._expect(":")
                pairs[name] = self._value()
            self._take()
            return pairs
        if token[0] == '"' or token[0] == "-" or token[0].isdigit():
            return json.loads(token)
        return {"true": True, "false": False, "null": None}.get(token, token)

    def _peek(self) -> str:
        if self._at >= len(self._tokens):
            raise GraphqlError("the document ends too early")
        return self._tokens[self._at]

    def _take(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _expect(self, token: str) -> None:
        if (found := self._take()) != token:
            raise GraphqlError(f"{token!r} was expected, not {found!r}")


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        if blank := _IGNORED.match(text, at):
            at = blank.end()
        elif token := _TOKEN.match(text, at):
            yield token.group()
            at = token.end()
        else:
            raise GraphqlError(f"{text[at]!r} cannot be read")


class Execution:
    """Answers one document.

    Args:
        document: what is asked.
        variables: its variables.
        types: the interfaces and unions that each type belongs to.
    """

    def __init__(
        self, document: Document, variables: Mapping[str, Any], types: Mapping[str, set[str]]
    ) -> None:
        self._document = document
        self._variables = {**document.defaults, **variables}
        self._types = types

    def run(self, root: Mapping[str, Callable[[dict[str, Any]], Any]]) -> dict[str, Any]:
        for one in self._document.selections:
            if one.name not in root and one.name != "__typename":
                raise GraphqlError(f"Cannot query field {one.name!r}")
        return self._object(root, self._document.selections)

    def _object(self, value: Mapping[str, Any], selections: list[Selection]) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        for one in selections:
            if not self._is_wanted(one):
                continue
            if one.name:
                found = self._field(value, one)
                answer[one.key] = _merge(answer.get(one.key), found)
            else:
                inner = self._document.fragments[one.spread] if one.spread else one
                if self._fits(value, inner.on):
                    for key, found in self._object(value, inner.selections).items():
                        answer[key] = _merge(answer.get(key), found)
        return answer

    def _field(self, value: Mapping[str, Any], one: Selection) -> Any:
        found = value.get(one.name)
        if callable(found):
            found = found({name: self._settle(given) for name, given in one.arguments.items()})
        return self._complete(found, one.selections)

    def _complete(self, found: Any, selections: list[Selection]) -> Any:
        if isinstance(found, list):
            return [self._complete(item, selections) for item in found]
        if isinstance(found, Mapping) and selections:
            return self._object(found, selections)
        return found

    def _fits(self, value: Mapping[str, Any], on: str) -> bool:
        kind = str(value.get("__typename", ""))
        return not on or not kind or on == kind or on in self._types.get(kind, set())

    def _is_wanted(self, one: Selection) -> bool:
        for name, arguments in one.directives.items():
            condition = bool(self._settle(arguments.get("if")))
            if (name == "include" and not condition) or (name == "skip" and condition):
                return False
        return True

    def _settle(self, value: Any) -> Any:
        if isinstance(value, Variable):
            return self._variables.get(value.name)
        if isinstance(value, list):
            return [self._settle(item) for item in value]
        if isinstance(value, dict):
            return {name: self._settle(item) for name, item in value.items()}
        return value


def _merge(old: Any, new: Any) -> Any:
    return {**old, **new} if isinstance(old, dict) and isinstance(new, dict) else new
