"""What a model's own folder says about it: licence, base models, owner.

Only small text files are read, with readers that build plain values and run nothing.
Not promised: that what they say is true; a card states, a claim signs.
"""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias, cast

from weightmark.encoding.canonical import decode
from weightmark.errors import MalformedError
from weightmark.model.lineage import Relation
from weightmark.vocabulary import Fact

MAX_CARD_BYTES: Final = 1 << 20
"""A card, an MLmodel file or an adapter's configuration larger than this (1 MiB) is refused."""

Yaml: TypeAlias = "bool | int | float | str | Sequence[Yaml] | Mapping[Yaml, Yaml] | None"

_FRONT_MATTER: Final = re.compile(rb"(?ms)\A(?:\xef\xbb\xbf)?---[ \t]*\r?\n(.*?)^---[ \t]*\r?$")
_SPDX: Final = re.compile(r"(?m)^\W{0,8}SPDX-License-Identifier:([\w.+\-() \t]{1,200}+)[^\w\n]{0,4}$")
_LICENSE_FILES: Final = ("LICENSE", "LICENSE.txt", "LICENSE.md")

FACT_FILES: Final = frozenset(
    {"MLmodel", "README.md", "model_card_data.yaml", "adapter_config.json", *_LICENSE_FILES}
)
"""Where a folder states facts; ``read_facts`` looks at no other file."""
_HUB_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")
_CHECKPOINT: Final = re.compile(r"checkpoint-\d+$")


def read_facts(folder: Path) -> dict[str, str]:
    """Read what a model's folder states about the model.

    Asked in order, and the first that answers wins: the ``metadata`` of ``MLmodel``, the front matter of
    ``README.md``, ``model_card_data.yaml``, ``adapter_config.json``, the SPDX line of a ``LICENSE`` file, the
    ``source_model_name`` that MLflow's transformers flavour keeps in ``MLmodel``. A base that
    ``adapter_config.json`` names is the base of an adapter, unless a card says another relation.

    Args:
        folder: the model's folder; a path to a file has no facts.

    Returns:
        The facts found, by the keys of ``vocabulary.Fact``; several base models are joined by commas.

    Raises:
        MalformedError: one of these files is larger than 1 MiB, or is not what its name says.

    Source: Hugging Face model card metadata; MLflow's MLmodel format; SPDX 2.3 annex E.
    """
    facts: dict[str, str] = {}
    mlmodel = _read_yaml(folder / "MLmodel", _read(folder / "MLmodel"))
    for facts_found in (
        _from_metadata(mlmodel.get("metadata")),
        _from_readme(folder / "README.md"),
        _from_yaml(folder / "model_card_data.yaml"),
        _from_adapter(folder / "adapter_config.json"),
        _from_license(folder),
        _from_flavors(mlmodel.get("flavors")),
    ):
        base, found = facts.get(Fact.BASE_MODEL), facts_found.get(Fact.BASE_MODEL)
        if base is not None and found is not None and base != found:
            facts_found.pop(Fact.BASE_MODEL_RELATION, None)  # it is about the other base
        facts = {**facts_found, **facts}
    return facts


def state_facts(values: Mapping[str, str], *sources: Mapping[str, str]) -> dict[str, str]:
    """Pick the facts out of key-value pairs such as a platform's tags.

    Args:
        values: the pairs that count most.
        sources: more pairs, each counting less than those before it.

    Returns:
        The facts found, by the keys of ``vocabulary.Fact``; an empty value is no answer.

    Raises:
        Nothing.

    >>> state_facts({"license": "mit", "team": "x"}, {"license": "apache-2.0", "owner": "acme"})
    {'license': 'mit', 'owner': 'acme'}
    """
    facts: dict[str, str] = {}
    for fact in Fact:
        stated = (pairs.get(fact.value, "").strip() for pairs in (values, *sources))
        answer = next((value for value in stated if value), "")
        if answer:
            facts[fact.value] = answer
    return facts


def split_names(text: str) -> tuple[str, ...]:
    """Take apart names that a fact joins by commas.

    Args:
        text: the fact, such as the base models of a merge.

    Returns:
        The names, in order, each once.

    Raises:
        Nothing.

    >>> split_names("models:/base/1, hf://acme/small,models:/base/1")
    ('models:/base/1', 'hf://acme/small')
    """
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _from_metadata(metadata: Yaml) -> dict[str, str]:
    return _card_facts(metadata) if isinstance(metadata, Mapping) else {}


def _from_flavors(flavors: Yaml) -> dict[str, str]:
    """Read which model of the Hub a transformers model was made from; a path on some machine names none."""
    flavor = flavors.get("transformers") if isinstance(flavors, Mapping) else None
    name = flavor.get("source_model_name") if isinstance(flavor, Mapping) else None
    if not isinstance(name, str) or not _HUB_NAME.fullmatch(name) or _CHECKPOINT.search(name):
        return {}
    facts = {Fact.BASE_MODEL.value: name}
    if isinstance(flavor, Mapping) and "peft_adaptor" in flavor:
        facts[Fact.BASE_MODEL_RELATION.value] = Relation.ADAPTER.value
    return facts


def _from_readme(path: Path) -> dict[str, str]:
    found = _FRONT_MATTER.match(_read(path) or b"")
    return _card_facts(_read_yaml(path, found.group(1))) if found else {}


def _from_yaml(path: Path) -> dict[str, str]:
    return _card_facts(_read_yaml(path, _read(path)))


def _from_adapter(path: Path) -> dict[str, str]:
    data = _read(path)
    if data is None:
        return {}
    content = decode(data, what=str(path))
    if not isinstance(content, Mapping):
        raise MalformedError(f"{path} must be an object")
    base = content.get("base_model_name_or_path")
    if not isinstance(base, str) or not base.strip():
        return {}
    return {Fact.BASE_MODEL.value: base.strip(), Fact.BASE_MODEL_RELATION.value: Relation.ADAPTER.value}


def _from_license(folder: Path) -> dict[str, str]:
    for name in _LICENSE_FILES:
        data = _read(folder / name)
        found = _SPDX.findall((data or b"").decode("utf-8", "replace"))
        names = {text.strip(" \t-") for text in found}
        if len(names) == 1 and "" not in names:
            return {Fact.LICENSE.value: names.pop()}
    return {}


def _card_facts(card: Mapping[Yaml, Yaml]) -> dict[str, str]:
    license_id = _join(card.get("license"))
    if license_id == "other":
        license_id = _join(card.get("license_name")) or license_id
    facts = {fact.value: _join(card.get(fact.value)) for fact in Fact} | {Fact.LICENSE.value: license_id}
    return {key: value for key, value in facts.items() if value}


def _join(value: Yaml) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, Sequence):
        named = dict.fromkeys(item for item in value if isinstance(item, str))  # an alias repeats at no cost
        return ",".join(item.strip() for item in named if item.strip())
    return ""


def _read_yaml(path: Path, data: bytes | None) -> Mapping[Yaml, Yaml]:
    if not data:
        return {}
    import yaml

    try:
        content = _parser()(data)
    except (yaml.YAMLError, ValueError, KeyError, RecursionError) as error:
        raise MalformedError(f"{path} is not readable YAML: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise MalformedError(f"{path} must hold keys and values, not {type(content).__name__}")
    return content


@functools.cache
def _parser() -> Callable[[bytes], Yaml]:
    """Make a reader whose work grows with the text alone.

    Merge keys (``<<``) are refused: merged again and again, a few lines fill the memory. Numbers and dates
    stay text, as a card's author wrote them.
    """
    import yaml

    class CardLoader(yaml.SafeLoader):
        def flatten_mapping(self, node: yaml.MappingNode) -> None:
            """Merge nothing, so that the key itself is constructed, for which there is no constructor."""

    def as_text(loader: CardLoader, node: yaml.Node) -> str:
        return str(loader.construct_scalar(cast("yaml.ScalarNode", node)))

    for kind in ("int", "float", "timestamp"):
        CardLoader.add_constructor(f"tag:yaml.org,2002:{kind}", as_text)
    return lambda data: cast("Yaml", yaml.load(data, CardLoader))  # noqa: S506  it is a SafeLoader


def _read(path: Path) -> bytes | None:
    """Read a small file; None when there is none."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_CARD_BYTES + 1)
    except OSError as error:
        raise MalformedError(
            f"{path} cannot be read: {error.strerror}", hint="Check who may read it."
        ) from error
    if len(data) > MAX_CARD_BYTES:
        raise MalformedError(f"{path} is larger than {MAX_CARD_BYTES} bytes, too large for a card")
    return data
