"""The door for plugins: what is broken is set aside and named, and nothing else suffers."""

from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest

from weightmark import discovery
from weightmark.discovery import Plugins, choose
from weightmark.errors import PluginConflictError, UnknownPluginError

Install = Callable[..., list[EntryPoint]]

OBSERVER = """
from weightmark import hookimpl
from weightmark.ports import Observer

class {cls}(Observer):
    name = "{name}"
    def notice(self, event, outcome): pass

@hookimpl
def weightmark_observers(): return [{cls}]
"""

ABSTRACT = """
from weightmark import hookimpl
from weightmark.ports import Store

class Half(Store):
    name = "half"
    def close(self): pass

@hookimpl
def weightmark_stores(): return [Half]
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Write modules and give their entry points."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(**sources: str) -> list[EntryPoint]:
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(source)
        return [EntryPoint(name=name, value=name, group="weightmark") for name in sources]

    return write


def observer(cls: str, name: str) -> str:
    return OBSERVER.format(cls=cls, name=name)


def test_a_strangers_plugin_is_found(install: Install) -> None:
    plugins = Plugins(install(stranger_one=observer("Watcher", "watcher")))
    assert list(plugins.observers) == ["watcher"]
    assert plugins.broken == {}
    assert list(plugins.listing()) == [("observer", "watcher", "stranger_one.Watcher")]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_library_anywhere", "no_such_library_anywhere"),
        ("raise RuntimeError('out of order')", "out of order"),
        ("def broken(:", "syntax"),
        (
            "from weightmark import hookimpl\n@hookimpl\ndef weightmark_observerz(): return []",
            "weightmark_observerz",
        ),
        (
            "from weightmark import hookimpl\n@hookimpl\ndef weightmark_observers(more): return []",
            "weightmark_observers",
        ),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_set_aside(
    install: Install, source: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = f"bad_{abs(hash(source))}"
    plugins = Plugins(install(**{name: source, "good_one": observer("Good", "good")}))
    assert list(plugins.broken) == [name]
    assert reason in str(plugins.broken[name])
    assert list(plugins.observers) == ["good"]
    assert name in caplog.text


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise RuntimeError('out of order')", "out of order"),
        ("return [int]", "is not a Observer"),
        ("return ['watcher']", "is not a Observer"),
        ("return None", "NoneType"),
        ("return [Nameless]", "has no name"),
        ("return [Unnamed]", "has no name"),
    ],
)
def test_an_offer_that_is_none_is_set_aside(install: Install, body: str, reason: str) -> None:
    source = (
        "from weightmark import hookimpl\nfrom weightmark.ports import Observer\n"
        "class Nameless(Observer):\n    def notice(self, event, outcome): pass\n"
        "class Unnamed(Nameless): name = ''\n"
        f"@hookimpl\ndef weightmark_observers(): {body}\n"
    )
    name = f"offer_{abs(hash(body))}"
    plugins = Plugins(install(**{name: source, "good_two": observer("Good", "good")}))
    assert list(plugins.observers) == ["good"]
    assert reason in str(plugins.broken[name])


def test_an_abstract_class_is_set_aside_and_what_it_leaves_out_is_named(install: Install) -> None:
    plugins = Plugins(install(half_store=ABSTRACT))
    assert plugins.stores == {}
    assert str(plugins.broken["half_store"]) == "its Half leaves out get, open, put"


def test_what_a_half_broken_plugin_offers_beside_still_counts(install: Install) -> None:
    plugins = Plugins(install(half_good=ABSTRACT + observer("Watcher", "watcher")))
    assert plugins.stores == {}
    assert list(plugins.observers) == ["watcher"]


def test_two_offers_of_one_name_are_a_conflict_that_names_both(install: Install) -> None:
    entries = install(first_plugin=observer("A", "twin"), second_plugin=observer("B", "twin"))
    with pytest.raises(
        PluginConflictError, match="first_plugin and second_plugin both offer the Observer 'twin'"
    ):
        _ = Plugins(entries).observers
    with pytest.raises(PluginConflictError, match="first_plugin and second_plugin"):
        _ = Plugins(reversed(entries)).observers
    assert Plugins(entries).stores == {}


def test_the_order_of_installing_does_not_matter(install: Install) -> None:
    entries = install(z_plugin=observer("Z", "a"), a_plugin=observer("A", "z"))
    assert list(Plugins(entries).listing()) == list(Plugins(reversed(entries)).listing())


def test_safe_mode_leaves_out_all_but_our_own(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = install(stranger_two="raise RuntimeError('out of order')")
    own = [
        SimpleNamespace(name=entry.name, dist=SimpleNamespace(name="weightmark"), load=entry.load)
        for entry in install(own_plugin=observer("Own", "own"))
    ]
    monkeypatch.setattr(discovery, "entry_points", lambda **_: [*stranger, *own])
    assert list(Plugins().broken) == ["stranger_two"]
    monkeypatch.setenv(discovery.SAFE_MODE, "1")
    plugins = Plugins()
    assert plugins.broken == {}
    assert list(plugins.observers) == ["own"]


def test_choose_takes_names_and_uris_and_names_what_is_there() -> None:
    offered: dict[str, type] = {"sqlite": int, "memory": str}
    assert choose(offered, "sqlite:///x.db", "ledger") is int
    assert choose(offered, "memory", "ledger") is str
    with pytest.raises(UnknownPluginError, match="no ledger named 'evm'; installed: memory, sqlite"):
        choose(offered, "evm://host", "ledger")
    with pytest.raises(UnknownPluginError, match="installed: none"):
        choose({}, "evm", "ledger")


def test_what_is_installed_here_works() -> None:
    plugins = Plugins()
    assert plugins.broken == {}
    kinds = {kind for kind, _, _ in plugins.listing()}
    assert kinds >= {"signer", "ledger", "store", "format", "registry", "observer"}
