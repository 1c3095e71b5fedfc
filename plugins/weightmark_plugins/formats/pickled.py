"""The value that a pickle stands for, built as plain data: nothing is imported and nothing is called.

What a pickle would import becomes a ``Name``, what it would call becomes ``Made``. Dictionaries become
``Pairs``, so that no key is ever hashed or compared.

Not promised: the value that Python would make. Who reads it decides which names are known.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from weightmark.errors import MalformedError
from weightmark_plugins.formats.foreign import check_name, refuse

MAX_STEPS: Final = 10_000_000
"""The most operations of one pickle: some 250,000 tensors."""

MAX_OBJECTS: Final = 2_000_000
"""The most lists, tuples, dictionaries and objects that one pickle makes."""

MAX_MEMO: Final = 2**32
"""The largest number of a remembered value."""

HINT: Final = (
    "The file was cut short, damaged or made to deceive: download it again, or save the model again."
)
"""What to do with a pickle that is damaged."""
_GETATTR: Final = frozenset({"builtins.getattr", "__builtin__.getattr"})


@dataclass(frozen=True, slots=True)
class Name:
    """Something in a module, not imported.

    Attributes:
        module: the module.
        name: what it is called there; dotted for what is inside a class.
    """

    module: str
    name: str

    @property
    def full(self) -> str:
        """The module and the name, with a dot."""
        return f"{self.module}.{self.name}"


@dataclass(slots=True, eq=False)
class Pairs:
    """A dictionary, as its keys and values in order."""

    items: list[tuple[object, object]] = field(default_factory=list[tuple[object, object]])


@dataclass(slots=True, eq=False)
class Made:
    """What a call would give, not called.

    Attributes:
        maker: what would be called.
        arguments: with which arguments.
        state: what its state would be set to.
        items: what would be put into it as keys and values.
        elements: what would be appended to it.
    """

    maker: Name
    arguments: tuple[object, ...]
    state: object = None
    items: list[tuple[object, object]] = field(default_factory=list[tuple[object, object]])
    elements: list[object] = field(default_factory=list[object])


@dataclass(slots=True, eq=False)
class Persistent:
    """Something that lies outside of the pickle, named by the pickle's own identifier."""

    identifier: object


def read_pickle(stream: io.BytesIO, what: str, outside: list[Persistent] | None = None) -> object:
    """Read one pickle, to its end and not beyond.

    Args:
        stream: where it begins.
        what: the file, for messages.
        outside: gathers what lies outside of the pickle.

    Returns:
        ``None``, booleans, numbers, text, bytes, lists and tuples as such; sets as lists; and the classes of
        this module. A value may contain itself.

    Raises:
        MalformedError: the pickle is damaged, too large, or names what runs code when it is loaded.

    Source: the pickle protocols 0 to 5, as Python's ``pickletools`` describes them.
    """
    import pickletools  # not needed to start

    machine = _Machine(what, [] if outside is None else outside)
    steps = 0
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            steps += 1
            if steps > MAX_STEPS or machine.objects > MAX_OBJECTS:
                raise MalformedError(
                    f"the pickle in {what} has more than {MAX_STEPS} operations or {MAX_OBJECTS} objects",
                    hint="Save the model in several files, or as safetensors.",
                )
            machine.step(opcode.name, argument)
    except (
        ValueError,
        LookupError,
        TypeError,
        OverflowError,
        Warning,
    ) as error:  # a warning, where it is one
        raise MalformedError(f"the pickle in {what} is damaged: {str(error)[:200]}", hint=HINT) from error
    return machine.result()


class _Machine:
    """The pickle machine's stack and memory."""

    def __init__(self, what: str, outside: list[Persistent]) -> None:
        self.what = what
        self.outside = outside
        self.objects = 0
        self._stack: list[object] = []
        self._marks: list[list[object]] = []
        self._memo: dict[int, object] = {}

    def step(self, opcode: str, argument: object) -> None:
        """Do one operation.

        Raises:
            MalformedError: it would run code, or there is none of this name.
            ValueError: it is not possible here; so are IndexError, KeyError and TypeError.
        """
        if opcode in _CONSTANTS:
            self._stack.append(_CONSTANTS[opcode])
        elif opcode in _LITERALS:
            self._stack.append(argument)
        elif opcode in _GETS:
            self._stack.append(self._memo[cast("int", argument)])
        elif opcode in _PUTS:
            self._put(cast("int", argument))
        else:
            action = _ACTIONS.get(opcode)
            if action is None:
                raise ValueError(f"the operation {opcode} has no place in a model")
            action(self, argument)

    def result(self) -> object:
        if len(self._stack) != 1 or self._marks:
            raise MalformedError(f"the pickle in {self.what} ends with values left over or none", hint=HINT)
        return self._stack[0]

    def _make(self, value: object) -> None:
        self.objects += 1
        self._stack.append(value)

    def _since_mark(self) -> list[object]:
        values = self._stack
        self._stack = self._marks.pop()
        return values

    def _put(self, number: int) -> None:
        if not 0 <= number < MAX_MEMO:
            raise ValueError("a value is remembered under a number that is too large")
        self._memo[number] = self._stack[-1]

    def _memoize(self, _: object) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _skip(self, _: object) -> None:
        pass

    def _mark(self, _: object) -> None:
        self.objects += 1
        self._marks.append(self._stack)
        self._stack = []

    def _pop(self, _: object) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._stack = self._marks.pop()

    def _pop_mark(self, _: object) -> None:
        self._since_mark()

    def _duplicate(self, _: object) -> None:
        self._stack.append(self._stack[-1])

    def _empty_list(self, _: object) -> None:
        self._make([])

    def _empty_pairs(self, _: object) -> None:
        self._make(Pairs())

    def _list(self, _: object) -> None:
        self._make(self._since_mark())

    def _tuple(self, _: object) -> None:
        self._make(tuple(self._since_mark()))

    def _pairs(self, _: object) -> None:
        self._make(Pairs(_couple(self._since_mark())))

    def _tuple_of(self, count: int) -> None:
        if len(self._stack) < count:
            raise ValueError("a tuple wants more values than there are")
        values = tuple(self._stack[-count:])
        del self._stack[-count:]
        self._make(values)

    def _tuple_1(self, _: object) -> None:
        self._tuple_of(1)

    def _tuple_2(self, _: object) -> None:
        self._tuple_of(2)

    def _tuple_3(self, _: object) -> None:
        self._tuple_of(3)

    def _append(self, _: object) -> None:
        self._extend([self._stack.pop()])

    def _appends(self, _: object) -> None:
        self._extend(self._since_mark())

    def _extend(self, values: list[object]) -> None:
        target = self._stack[-1]
        if isinstance(target, Made):
            target.elements.extend(values)
        elif isinstance(target, list):
            cast("list[object]", target).extend(values)
        else:
            raise TypeError("something is appended to what is no list")

    def _set_item(self, _: object) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._set([key, value])

    def _set_items(self, _: object) -> None:
        self._set(self._since_mark())

    def _set(self, values: list[object]) -> None:
        target = self._stack[-1]
        if not isinstance(target, Made | Pairs):
            raise TypeError("a key is set in what is no dictionary")
        target.items.extend(_couple(values))

    def _global(self, argument: object) -> None:
        module, _, name = cast("str", argument).partition(" ")
        self._name(module, name)

    def _stack_global(self, _: object) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise TypeError("a name is no text")
        self._name(module, name)

    def _name(self, module: str, name: str) -> None:
        check_name(module, name, self.what)
        self._make(Name(module, name))

    def _reduce(self, _: object) -> None:
        arguments, maker = self._stack.pop(), self._stack.pop()
        self._call(maker, arguments)

    def _new_with_keywords(self, _: object) -> None:
        keywords, arguments, maker = self._stack.pop(), self._stack.pop(), self._stack.pop()
        self._call(maker, arguments)
        made = self._stack[-1]
        if isinstance(made, Made) and isinstance(keywords, Pairs):
            made.items.extend(keywords.items)

    def _instance(self, argument: object) -> None:
        values = tuple(self._since_mark())
        self._global(argument)
        self._call(self._stack.pop(), values)

    def _object(self, _: object) -> None:
        maker, *values = self._since_mark()
        self._call(maker, tuple(values))

    def _call(self, maker: object, arguments: object) -> None:
        """Note a call; only what has a name can be called."""
        if not isinstance(maker, Name):
            raise MalformedError(
                f"the pickle in {self.what} calls a {type(maker).__name__} that has no name of its own",
                hint=HINT,
            )
        if not isinstance(arguments, tuple):
            raise TypeError("the arguments of a call are no tuple")
        values = cast("tuple[object, ...]", arguments)
        if maker.full in _GETATTR:
            self._pick(maker, values)
        else:
            self._make(Made(maker, values))

    def _pick(self, maker: Name, values: tuple[object, ...]) -> None:
        """Read ``getattr`` of a name and a word as the longer name."""
        if len(values) != 2 or not isinstance(values[0], Name) or not isinstance(values[1], str):  # noqa: PLR2004
            raise refuse(maker.full, self.what)
        self._name(values[0].module, f"{values[0].name}.{values[1]}")

    def _build(self, _: object) -> None:
        state = self._stack.pop()
        target = self._stack[-1]
        if not isinstance(target, Made):
            raise TypeError("a state is set of what is no object")
        target.state = state

    def _persistent(self, argument: object) -> None:
        self.outside.append(Persistent(argument))
        self._make(self.outside[-1])

    def _stack_persistent(self, _: object) -> None:
        identifier = self._stack.pop()
        fields = _fields(identifier)
        if len(fields) > 1 and fields[0] == "module" and isinstance(fields[1], Name):
            self._make(fields[1])  # old PyTorch keeps a class's source beside its name
        else:
            self._persistent(identifier)


def _fields(value: object) -> tuple[object, ...]:
    return cast("tuple[object, ...]", value) if isinstance(value, tuple) else ()


def _couple(values: list[object]) -> list[tuple[object, object]]:
    if len(values) % 2:
        raise ValueError("a key has no value")
    return list(zip(values[::2], values[1::2], strict=True))


_CONSTANTS: Final[Mapping[str, object]] = {
    "NONE": None,
    "NEWTRUE": True,
    "NEWFALSE": False,
    "EMPTY_TUPLE": (),
}
_GETS: Final = frozenset({"GET", "BINGET", "LONG_BINGET"})
_PUTS: Final = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_LITERALS: Final = frozenset(
    {
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
        *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    }
)
_ACTIONS: Final[Mapping[str, Callable[[_Machine, object], None]]] = {
    name: cast("Callable[[_Machine, object], None]", getattr(_Machine, method))
    for name, method in {
        **dict.fromkeys(("PROTO", "FRAME", "STOP"), "_skip"),
        "MEMOIZE": "_memoize",
        "MARK": "_mark",
        "POP": "_pop",
        "POP_MARK": "_pop_mark",
        "DUP": "_duplicate",
        "EMPTY_LIST": "_empty_list",
        "EMPTY_SET": "_empty_list",
        "EMPTY_DICT": "_empty_pairs",
        "LIST": "_list",
        "FROZENSET": "_list",
        "TUPLE": "_tuple",
        "DICT": "_pairs",
        "TUPLE1": "_tuple_1",
        "TUPLE2": "_tuple_2",
        "TUPLE3": "_tuple_3",
        "APPEND": "_append",
        "APPENDS": "_appends",
        "ADDITEMS": "_appends",
        "SETITEM": "_set_item",
        "SETITEMS": "_set_items",
        "GLOBAL": "_global",
        "STACK_GLOBAL": "_stack_global",
        "INST": "_instance",
        "OBJ": "_object",
        "REDUCE": "_reduce",
        "NEWOBJ": "_reduce",
        "NEWOBJ_EX": "_new_with_keywords",
        "BUILD": "_build",
        "PERSID": "_persistent",
        "BINPERSID": "_stack_persistent",
    }.items()
}
