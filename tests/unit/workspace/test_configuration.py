"""Where settings come from, and which are refused."""

from pathlib import Path

import pytest

from weightmark.encoding import Algorithm
from weightmark.errors import MalformedError
from weightmark.vocabulary import EventKind
from weightmark.workspace import Configuration, Requirement, WhenUndecided


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with nothing in it, where settings are looked for."""
    empty = tmp_path / "project"
    empty.mkdir()
    monkeypatch.chdir(empty)
    return empty


def load(**environ: str) -> Configuration:
    return Configuration.load(environ={"HOME": "/nobody", **environ})


def test_defaults_need_nothing(folder: Path) -> None:
    settings = load(WEIGHTMARK_HOME="/data")
    assert settings.file is None
    assert settings.ledger == settings.store == settings.index == "sqlite:////data/weightmark.db"
    assert settings.signer == "file:/data/keys/signer.pem"
    assert settings.trust == Path("/data/trust.json")
    assert settings.algorithm is Algorithm.SHA256
    assert settings.party.name
    assert settings.party.commercial
    assert settings.gates[EventKind.REGISTER].requires == frozenset()
    strict = {Requirement.REGISTERED, Requirement.SIGNED, Requirement.INTACT, Requirement.LICENSED}
    assert settings.gates[EventKind.DEPLOY].requires == strict


def test_weightmark_toml(folder: Path) -> None:
    (folder / "weightmark.toml").write_text(
        'party = "acme"\ncommercial = false\nalgorithm = "blake3"\norigin = "acme.example/log"\n'
        'observers = []\n[gates.deploy]\nrequires = ["registered"]\nundecided = "allow"\n'
    )
    settings = load()
    assert settings.file == folder / "weightmark.toml"
    assert (settings.party.name, settings.party.commercial) == ("acme", False)
    assert settings.algorithm is Algorithm.BLAKE3
    assert settings.origin == "acme.example/log"
    assert settings.observers == ()
    assert settings.gates[EventKind.DEPLOY].requires == {Requirement.REGISTERED}
    assert settings.gates[EventKind.DEPLOY].undecided is WhenUndecided.ALLOW
    assert settings.gates[EventKind.PUSH].undecided is WhenUndecided.REFUSE


def test_pyproject(folder: Path) -> None:
    (folder / "pyproject.toml").write_text('[project]\nname = "x"\n[tool.weightmark]\nparty = "acme"\n')
    settings = load()
    assert settings.party.name == "acme"
    assert settings.file == folder / "pyproject.toml"


def test_a_pyproject_without_our_section_is_passed_over(folder: Path) -> None:
    (folder / "weightmark.toml").write_text('party = "above"\n')
    below = folder / "src"
    below.mkdir()
    (below / "pyproject.toml").write_text('[project]\nname = "x"\n')
    import os

    os.chdir(below)
    assert load().party.name == "above"


def test_weightmark_toml_wins_over_pyproject(folder: Path) -> None:
    (folder / "pyproject.toml").write_text('[tool.weightmark]\nparty = "second"\n')
    (folder / "weightmark.toml").write_text('party = "first"\n')
    assert load().party.name == "first"


def test_the_environment_wins_over_the_file_and_the_caller_over_both(folder: Path) -> None:
    (folder / "weightmark.toml").write_text('party = "file"\ncommercial = true\n')
    assert load(WEIGHTMARK_PARTY="environment").party.name == "environment"
    assert load(WEIGHTMARK_COMMERCIAL="off").party.commercial is False
    settings = Configuration.load({"party": "caller"}, {"WEIGHTMARK_PARTY": "environment"})
    assert settings.party.name == "caller"


def test_a_named_file_is_read_from_anywhere(folder: Path, tmp_path: Path) -> None:
    named = tmp_path / "elsewhere.toml"
    named.write_text('party = "named"\n')
    (folder / "weightmark.toml").write_text('party = "here"\n')
    assert load(WEIGHTMARK_CONFIG=str(named)).party.name == "named"


def test_relative_paths_start_at_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "weightmark.toml").write_text(
        'home = "vault"\nledger = "sqlite:///data/log.db"\nindex = "sqlite:///data/index.db"\n'
        'store = "sqlite:///data/store.db"\nsigner = "file:keys/me.pem"\ntrust = "trust/root.json"\n'
    )
    below = folder / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    settings = load()
    assert settings.home == folder / "vault"
    assert settings.ledger == f"sqlite:///{folder}/data/log.db"
    assert settings.index == f"sqlite:///{folder}/data/index.db"
    assert settings.store == f"sqlite:///{folder}/data/store.db"
    assert settings.signer == f"file:{folder}/keys/me.pem"
    assert settings.trust == folder / "trust" / "root.json"


def test_absolute_and_other_uris_stay_as_they_are(folder: Path) -> None:
    (folder / "weightmark.toml").write_text(
        'ledger = "sqlite:////var/log.db"\nindex = "postgresql://host/db"\nsigner = "file:/keys/me.pem"\n'
    )
    settings = load()
    assert settings.ledger == settings.store == "sqlite:////var/log.db"
    assert settings.index == "postgresql://host/db"
    assert settings.signer == "file:/keys/me.pem"


def test_a_ledger_in_memory_keeps_everything_in_memory(folder: Path) -> None:
    settings = load(WEIGHTMARK_LEDGER="memory:")
    assert (settings.index, settings.store) == ("sqlite://", "memory:")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('partei = "acme"', "partei"),
        ("[gates.fly]\nrequires = []", "fly"),
        ('[gates.deploy]\nrequires = ["blessed"]', "blessed"),
        ('[gates.deploy]\nundecided = "perhaps"', "perhaps"),
        ('[gates.deploy]\nrequire = ["signed"]', "require"),
        ('[gates]\ndeploy = "strict"', "deploy"),
        ("party = 7", "party"),
        ('commercial = "yes"', "commercial"),
        ('algorithm = "md5"', "md5"),
        ('observers = "log"', "observers"),
        ("party = ", "weightmark.toml"),
        ("\ud800", "weightmark.toml"),
    ],
)
def test_a_wrong_setting_is_named(folder: Path, text: str, named: str) -> None:
    (folder / "weightmark.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(MalformedError, match=named) as caught:
        load()
    assert caught.value.hint.startswith("Mend the setting")


def test_a_section_that_is_no_table(folder: Path) -> None:
    (folder / "pyproject.toml").write_text('[tool]\nweightmark = "x"\n')
    with pytest.raises(MalformedError, match=r"pyproject\.toml"):
        load()
    (folder / "pyproject.toml").write_text('tool = "x"\n')
    assert load().file is None


def test_a_named_file_that_is_not_there(folder: Path) -> None:
    with pytest.raises(MalformedError, match="nowhere"):
        load(WEIGHTMARK_CONFIG="/nowhere.toml")


def test_an_override_that_is_no_setting_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="partei"):
        Configuration.load({"partei": "acme"})


@pytest.mark.parametrize("name", ["WEIGHTMARK_HOME", "WEIGHTMARK_TRUST"])
@pytest.mark.parametrize("value", ["", "~nobody-of-this-name/x", "a\0b"])
def test_a_folder_that_is_none_is_refused(name: str, value: str) -> None:
    with pytest.raises(MalformedError):
        Configuration.load(environ={name: value})


@pytest.mark.parametrize(
    "text", ['home = ""', 'home = "~nobody-of-this-name/x"', 'home = "a\\u0000b"', "a = " + "[" * 100_000]
)
def test_settings_that_cannot_be(text: str) -> None:
    Path("weightmark.toml").write_text(text)
    with pytest.raises(MalformedError):
        Configuration.load(environ={})
