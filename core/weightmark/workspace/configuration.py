"""Settings: from ``weightmark.toml`` or ``pyproject.toml``, the environment, the caller; later wins.

With no settings at all everything works, in the user's own data folder.
"""

import getpass
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from weightmark.encoding import Algorithm, Json, Record
from weightmark.errors import MalformedError, WeightmarkError
from weightmark.licensing import Party, Tier
from weightmark.vocabulary import EventKind
from weightmark.workspace.gate import DEFAULT_GATES, Gate, Requirement, VersionRule, WhenUndecided

FILE_NAME = "weightmark.toml"
_TEXTS = (
    *("party", "ledger", "index", "store", "signer", "trust", "origin", "home", "algorithm", "link", "realm"),
    "policy",
)
_REALM = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Every setting, with its default filled in.

    Attributes:
        home: the folder for keys and the database.
        party: who we are, and whether our use is commercial.
        ledger: the ledger's URI.
        index: the index's URL, as SQLAlchemy spells it.
        store: the store's URI.
        signer: the URI of the key that signs our statements.
        log_signer: the URI of the Ed25519 key that signs the ledger's checkpoints.
        trust: the trust root's file.
        origin: the ledger's name in its checkpoints; empty for one made from its key.
        algorithm: the hash function of fingerprints.
        gates: what each kind of event requires.
        link: where people can look models up, such as the address of ``weightmark serve``; written to the
            platforms beside the receipt. Empty for nowhere.
        realm: what stands in the ledger for the server in URIs that name none, such as ``models:/churn/1``; a
            host's name. Empty for nothing: the ledger then serves one such server.
        observers: names of the observers that are told.
        policy: the file of the organisation's policy, asked after every decision; None for none.
        versions: whether a version's number must say how far it goes beyond the one before.
        file: where settings were read from; None for nowhere.
    """

    home: Path
    party: Party
    ledger: str
    index: str = field(repr=False)
    store: str
    signer: str
    log_signer: str
    trust: Path
    origin: str = ""
    algorithm: Algorithm = Algorithm.SHA256
    gates: Mapping[EventKind, Gate] = field(default_factory=lambda: dict(DEFAULT_GATES))
    link: str = ""
    realm: str = ""
    observers: tuple[str, ...] = ("log",)
    policy: Path | None = None
    versions: VersionRule = VersionRule.OFF
    file: Path | None = None

    @classmethod
    def load(
        cls, overrides: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None
    ) -> "Configuration":
        """Read the settings.

        Args:
            overrides: settings from the caller, by the names in ``weightmark.toml``.
            environ: the environment; None for the process's own.

        Raises:
            MalformedError: a setting is not what it should be; the message names file and setting.
            TypeError: there is no setting of a name in ``overrides``.
        """
        environ = os.environ if environ is None else environ
        if unknown := set(overrides or ()) - {*_TEXTS, "commercial"}:
            raise TypeError(f"there is no setting {', '.join(sorted(unknown))}")
        try:
            return cls._load(overrides or {}, environ)
        except MalformedError as error:
            raise MalformedError(error.message, hint="Mend the setting, or take it out.") from error

    @classmethod
    def _load(cls, overrides: Mapping[str, str], environ: Mapping[str, str]) -> "Configuration":
        file = _find_file(environ)
        values, gates, observers, versions = _read_file(file) if file else ({}, {}, None, VersionRule.OFF)
        for name in (*_TEXTS, "commercial"):
            if (value := environ.get(f"WEIGHTMARK_{name.upper()}")) is not None:
                values[name] = value
        values |= overrides
        settings = _settle(values)
        told = settings.observers if observers is None else observers
        gates = {**DEFAULT_GATES, **gates}
        if settings.policy is not None:
            gates = {kind: _with_policy(kind, gate) for kind, gate in gates.items()}
        return replace(settings, gates=gates, file=file, observers=told, versions=versions)


def _with_policy(kind: EventKind, gate: Gate) -> Gate:
    """Let a gate of a use ask the policy, so that no hook passes over it as one that asks for nothing."""
    if kind in (EventKind.LOG, EventKind.REGISTER):
        return gate
    return replace(gate, requires=gate.requires | {Requirement.POLICY})


def _settle(values: Mapping[str, str]) -> Configuration:
    for name, value in values.items():
        if "\0" in value or (name in ("home", "trust", "policy") and not value):
            raise MalformedError(f"{name} is {value!r}; it must name a file or a folder")
    home = _expand(values["home"]) if "home" in values else _data_folder()
    ledger = values.get("ledger", f"sqlite:///{home / 'weightmark.db'}")
    beside = ledger if ledger.startswith("sqlite:") else f"sqlite:///{home / 'weightmark.db'}"
    in_memory = ledger.startswith("memory:")
    try:
        algorithm = Algorithm(values.get("algorithm", "sha256"))
    except ValueError:
        raise MalformedError(f"algorithm is {values['algorithm']!r}; it must be sha256 or blake3") from None
    name = values.get("party", "").strip() or _user()
    return Configuration(
        home=home,
        party=Party(name=name, commercial=_boolean(values.get("commercial", "true"))),
        ledger=ledger,
        index=values.get("index", "sqlite://" if in_memory else beside),
        store=values.get("store", ledger if in_memory else beside),
        signer=values.get("signer", f"file:{home / 'keys' / 'signer.pem'}"),
        log_signer=f"file:{home / 'keys' / 'log.pem'}",
        trust=_expand(values["trust"]) if "trust" in values else home / "trust.json",
        origin=values.get("origin", ""),
        link=_address(values.get("link", "")),
        realm=_host(values.get("realm", "")),
        algorithm=algorithm,
        policy=_expand(values["policy"]) if "policy" in values else None,
    )


def _address(text: str) -> str:
    if text and not text.startswith(("http://", "https://")):
        raise MalformedError(f"link is {text!r}; it must begin with http:// or https://")
    return text.rstrip("/")


def _host(text: str) -> str:
    if text and not _REALM.fullmatch(text):
        raise MalformedError(
            f"realm is {text!r}; it must be spelled like a host's name, such as mlflow.example.org"
        )
    return text


def _expand(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise MalformedError(f"{text!r} starts in a home folder that nobody has: {error}") from error


def _data_folder() -> Path:
    from platformdirs import user_data_path

    return user_data_path("weightmark", appauthor=False)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "me"


def _boolean(text: str) -> bool:
    if text.lower() in ("true", "1", "yes", "on"):
        return True
    if text.lower() in ("false", "0", "no", "off"):
        return False
    raise MalformedError(f"commercial is {text!r}; it must be true or false")


def _find_file(environ: Mapping[str, str]) -> Path | None:
    if named := environ.get("WEIGHTMARK_CONFIG"):
        file = Path(named)
        if not file.is_file():
            raise MalformedError(f"WEIGHTMARK_CONFIG names {named}, which is not a file")
        return file
    try:
        here = Path.cwd()
    except OSError as error:
        raise WeightmarkError(
            "the folder you are in is not there any more", hint="Change to a folder that is there."
        ) from error
    for folder in (here, *here.parents):
        if _is_file(folder / FILE_NAME):
            return folder / FILE_NAME
        pyproject = folder / "pyproject.toml"
        if _is_file(pyproject) and _section(pyproject) is not None:
            return pyproject
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False  # a folder above ours into which we may not look


def _section(file: Path) -> Json:
    import tomllib

    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, RecursionError, tomllib.TOMLDecodeError) as error:
        raise MalformedError(f"{file} cannot be read: {error}", hint="Mend the file.") from error
    if file.name != "pyproject.toml":
        return cast("Json", document)
    tools: object = document.get("tool")
    return cast("dict[str, Json]", tools).get("weightmark") if isinstance(tools, dict) else None


def _read_file(
    file: Path,
) -> tuple[dict[str, str], dict[EventKind, Gate], tuple[str, ...] | None, VersionRule]:
    record = Record(_section(file), str(file))
    folder = file.resolve().parent
    values: dict[str, str] = {}
    for name in _TEXTS:
        if record.has(name):
            values[name] = _anchored(name, record.text(name), folder)
    if record.has("commercial"):
        values["commercial"] = str(record.boolean("commercial"))
    observers = record.texts("observers") if record.has("observers") else None
    gates = _read_gates(record.record("gates")) if record.has("gates") else {}
    versions = _read_versions(record.record("versions")) if record.has("versions") else VersionRule.OFF
    record.done()
    return values, gates, observers, versions


def _read_versions(record: Record) -> VersionRule:
    rule = VersionRule(_one_of(record.text("enforce"), list(VersionRule), record.what))
    record.done()
    return rule


def _anchored(name: str, value: str, folder: Path) -> str:
    """Make a relative path in a file start at the file's own folder."""
    if name in ("home", "trust", "policy"):
        return str(folder / _expand(value)) if value else value
    if (
        name in ("ledger", "store", "index")
        and value.startswith("sqlite:///")
        and value[10:11] not in ("/", "")
    ):
        return f"sqlite:///{folder / value[10:]}"
    if name == "signer" and value.startswith("file:") and not value.startswith("file:/"):
        return f"file:{folder / value[5:]}"
    return value


def _read_gates(record: Record) -> dict[EventKind, Gate]:
    gates: dict[EventKind, Gate] = {}
    for key in record.members():
        if key not in list(EventKind):
            raise MalformedError(f"{record.what} has a gate {key!r}; there are: {', '.join(EventKind)}")
        gate = record.record(key)
        requires = gate.texts("requires") if gate.has("requires") else None
        gates[EventKind(key)] = Gate(
            requires=DEFAULT_GATES[EventKind(key)].requires
            if requires is None
            else _requirements(requires, gate.what),
            undecided=WhenUndecided(
                _one_of(gate.text("undecided", "refuse"), [*WhenUndecided, "closed"], gate.what)
            ),
            degrade_to=Tier(_one_of(gate.text("degrade-to", "metadata"), list(Tier), gate.what)),
        )
        gate.done()
    return gates


def _requirements(names: tuple[str, ...], what: str) -> frozenset[Requirement]:
    return frozenset(Requirement(_one_of(name, list(Requirement), what)) for name in names)


def _one_of(value: str, known: list[str], what: str) -> str:
    if value not in known:
        raise MalformedError(f"{what} says {value!r}; it must be one of: {', '.join(known)}")
    return value
