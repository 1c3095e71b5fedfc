"""The one door through which plugins come in; nothing else touches pluggy's manager.

A plugin that cannot be loaded is set aside with its reason; it never keeps Weightmark from starting.
"""

from __future__ import annotations  # so that a port's module is read only when its kind is asked for

import logging
import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar, cast

import pluggy

from weightmark import hookspecs, ports
from weightmark.errors import PluginConflictError, PluginError, UnknownPluginError
from weightmark.forking import renew_in_child

_log = logging.getLogger(__name__)

SAFE_MODE = "WEIGHTMARK_SAFE_MODE"
"""Environment variable: when set, only Weightmark's own plugins are loaded."""


P = TypeVar("P")


class Plugins:
    """Every plugin that could be loaded, by kind and name.

    Our own are read when their kind is first asked for. Safe to use from many threads.

    Args:
        entries: the entry points to load; None for those installed.
        kinds: which of our own plugins to load, by the names of their entry points (``registry-file``) or the
            first word of these (``format``); None for all. A stranger's plugin is always loaded: its name
            says nothing about its kind.
    """

    def __init__(
        self, entries: Iterable[EntryPoint] | None = None, *, kinds: Collection[str] | None = None
    ) -> None:
        self._broken: dict[str, Exception] = {}
        self._waiting: dict[str, list[EntryPoint]] = {}
        self._lock = threading.RLock()
        self._manager = pluggy.PluginManager(hookspecs.NAMESPACE)
        self._manager.add_hookspecs(hookspecs)
        if entries is None:
            entries, self._waiting = _installed(kinds)
        self._load(entries)
        renew_in_child(self)

    def forget_threads(self) -> None:
        """Take a new lock: in a child the thread that held the old one may not exist."""
        self._lock = threading.RLock()

    @property
    def broken(self) -> dict[str, Exception]:
        """What could not be loaded: the entry point's name and why."""
        with self._lock:
            while self._waiting:
                self._load(self._waiting.popitem()[1])
            return self._broken

    @cached_property
    def signers(self) -> dict[str, type[ports.Signer]]:
        """Every signer offered, by URI scheme."""
        return self._offered("weightmark_signers", ports.Signer)

    @cached_property
    def ledgers(self) -> dict[str, type[ports.Ledger]]:
        """Every ledger offered, by URI scheme."""
        return self._offered("weightmark_ledgers", ports.Ledger)

    @cached_property
    def stores(self) -> dict[str, type[ports.Store]]:
        """Every store offered, by URI scheme."""
        return self._offered("weightmark_stores", ports.Store)

    @cached_property
    def formats(self) -> dict[str, type[ports.Format]]:
        """Every format offered, by name."""
        return self._offered("weightmark_formats", ports.Format)

    @cached_property
    def watermarks(self) -> dict[str, type[ports.Watermark]]:
        """Every watermark offered, by name."""
        return self._offered("weightmark_watermarks", ports.Watermark)

    @cached_property
    def payments(self) -> dict[str, type[ports.Payment]]:
        """Every payment provider offered, by name."""
        return self._offered("weightmark_payments", ports.Payment)

    @cached_property
    def registries(self) -> dict[str, type[ports.Registry]]:
        """Every registry offered, by name."""
        return self._offered("weightmark_registries", ports.Registry)

    @cached_property
    def observers(self) -> dict[str, type[ports.Observer]]:
        """Every observer offered, by name."""
        return self._offered("weightmark_observers", ports.Observer)

    @cached_property
    def runners(self) -> dict[str, type[ports.Runner]]:
        """Every runner offered, by name."""
        return self._offered("weightmark_runners", ports.Runner)

    @cached_property
    def policies(self) -> dict[str, type[ports.PolicyEngine]]:
        """Every policy engine offered, by the suffix of its files."""
        return self._offered("weightmark_policies", ports.PolicyEngine)

    @cached_property
    def commands(self) -> dict[str, type[ports.Command]]:
        """Every command offered, by name."""
        return self._offered("weightmark_commands", ports.Command)

    def listing(self) -> Iterator[tuple[str, str, str]]:
        """Give the kind, the name and the class of everything offered, and set aside what is not usable."""
        for spec in vars(hookspecs):
            if spec.startswith("weightmark_"):
                kind = spec.removeprefix("weightmark_")
                offered = cast("dict[str, type]", getattr(self, kind))
                for name, cls in sorted(offered.items()):
                    yield _one(kind), name, _place(cls)

    def _load(self, entries: Iterable[EntryPoint]) -> None:
        for entry in sorted(entries, key=lambda entry: entry.name):
            try:
                self._manager.register(entry.load(), name=entry.name)
                self._manager.check_pending()
            except Exception as error:
                if self._manager.has_plugin(entry.name):
                    self._manager.unregister(name=entry.name)
                self._broken[entry.name] = error
                _log.warning("the plugin %s was set aside: %s", entry.name, error)

    def _offered(self, spec: str, port: type[P]) -> dict[str, type[P]]:
        with self._lock:
            self._load(self._waiting.pop(_one(spec.removeprefix("weightmark_")), ()))
            return self._collect(spec, port)

    def _collect(self, spec: str, port: type[P]) -> dict[str, type[P]]:
        offers: dict[str, tuple[str, type[P]]] = {}
        hook = cast("pluggy.HookCaller", getattr(self._manager.hook, spec))
        for implementation in sorted(hook.get_hookimpls(), key=lambda found: found.plugin_name):
            plugin = implementation.plugin_name
            for name, cls in self._ask(plugin, implementation.function, port):
                if name in offers:
                    raise PluginConflictError(
                        f"the plugins {offers[name][0]} and {plugin} both offer the {port.__name__} {name!r}"
                    )
                offers[name] = (plugin, cls)
        return {name: cls for name, (_, cls) in offers.items()}

    def _ask(self, plugin: str, function: object, port: type[P]) -> list[tuple[str, type[P]]]:
        try:
            offers = cast("Callable[[], Sequence[type[P]]]", function)()
            return [(_check_offer(cls, port), cls) for cls in offers]
        except Exception as error:
            self._broken[plugin] = error
            _log.warning("the plugin %s was set aside: %s", plugin, error)
            return []


def choose(offered: dict[str, type[P]], name: str, kind: str) -> type[P]:
    """Take the plugin of a name.

    Args:
        offered: one of the properties of ``Plugins``.
        name: the name, or a URI whose scheme is the name.
        kind: for the message: "ledger".

    Raises:
        UnknownPluginError: there is none of this name.
    """
    scheme = name.split(":", 1)[0]
    if scheme not in offered:
        known = ", ".join(sorted(offered)) or "none"
        raise UnknownPluginError(f"there is no {kind} named {scheme!r}; installed: {known}")
    return offered[scheme]


def _installed(kinds: Collection[str] | None) -> tuple[list[EntryPoint], dict[str, list[EntryPoint]]]:
    """Give the strangers' entry points, and ours by the first word of their names, which is their kind."""
    alone = bool(os.environ.get(SAFE_MODE))
    installed = tuple(entry_points(group=hookspecs.NAMESPACE))
    # A distribution is asked for its name once: to answer it parses a file.
    distributions = {id(entry.dist): entry.dist for entry in installed}
    names = {key: None if each is None else each.name for key, each in distributions.items()}
    theirs: list[EntryPoint] = []
    ours: dict[str, list[EntryPoint]] = {}
    for entry in installed:
        kind = entry.name.split("-", 1)[0]
        if names[id(entry.dist)] != "weightmark":
            theirs += [] if alone else [entry]
        elif kinds is None or entry.name in kinds or kind in kinds:
            ours.setdefault(kind, []).append(entry)
    return theirs, ours


def _one(kind: str) -> str:
    return f"{kind.removesuffix('ies')}y" if kind.endswith("ies") else kind.removesuffix("s")


def _check_offer(cls: object, port: type) -> str:
    """Give the name of a class that can be used as it is."""
    if not isinstance(cls, type) or not issubclass(cls, port):
        raise PluginError(f"it offers {cls!r}, which is not a {port.__name__}")
    missing = sorted(cast("frozenset[str]", getattr(cls, "__abstractmethods__", frozenset[str]())))
    if missing:
        raise PluginError(f"its {cls.__name__} leaves out {', '.join(missing)}")
    name: object = getattr(cls, "name", None)
    if not isinstance(name, str) or not name:
        raise PluginError(f"its {cls.__name__} has no name")
    return name


def _place(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
