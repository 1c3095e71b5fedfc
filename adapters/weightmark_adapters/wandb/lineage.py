"""What an artifact's run says about it: the models and data sets that it used."""

import logging
import tempfile
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

from weightmark.errors import MalformedError
from weightmark.model.card import read_facts, split_names, state_facts
from weightmark.vocabulary import Fact
from weightmark_adapters.wandb.metadata import state_metadata
from weightmark_adapters.wandb.uri import version_uri

MAX_USED: Final = 1_000
"""So many artifacts of one run are looked at."""

_log = logging.getLogger(__name__)


def is_model(kind: str) -> bool:
    """Say whether an artifact of this type is a model; the registry goes by the same word."""
    return "model" in kind.lower()


def is_dataset(kind: str) -> bool:
    """Say whether an artifact of this type is data."""
    return "dataset" in kind.lower() or kind.lower() == "data"


def name_exactly(artifact: Any) -> str:
    """Give the URI of a logged artifact's own version, also when it was found through a link."""
    entity, project, name = artifact.source_entity, artifact.source_project, artifact.source_name
    if artifact.is_link and entity and project and name:
        return version_uri(entity, project, name)
    base = str(artifact.name).partition(":")[0]
    return version_uri(artifact.entity, artifact.project, f"{base}:{artifact.version}")


def used_facts(used: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Turn what a run used into facts.

    Args:
        used: types and URIs.
    """
    known = tuple(dict.fromkeys(used))
    facts = {
        Fact.BASE_MODEL.value: ",".join(uri for kind, uri in known if is_model(kind)),
        Fact.DATASETS.value: ",".join(uri for kind, uri in known if is_dataset(kind)),
    }
    return {key: value for key, value in facts.items() if value}


def used_by_run(artifact: Any) -> list[tuple[str, str]]:
    """Ask which artifacts the run used that logged this one: their types and URIs.

    Raises:
        Exception: the library's own errors.
    """
    run = artifact.logged_by()
    if run is None:
        return []
    found = islice(run.used_artifacts(), MAX_USED)
    return [(str(one.type), name_exactly(one)) for one in found if one.id != artifact.id]


def join_facts(stated: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    """Add what the platform knows to what users state: names are joined, all else is the users' to say.

    >>> join_facts({"base_model": "a"}, {"base_model": "b,a", "datasets": "c"})
    {'base_model': 'a,b', 'datasets': 'c'}
    """
    facts = {**known, **stated}
    for key in (Fact.BASE_MODEL.value, Fact.DATASETS.value):
        names = split_names(f"{stated.get(key, '')},{known.get(key, '')}")
        if names:
            facts[key] = ",".join(names)
    return facts


def stated_facts(metadata: Mapping[str, Any], description: str | None, folder: Path) -> dict[str, str]:
    """Give what users state: in metadata, else in a description with front matter, else in the files.

    Raises:
        MalformedError: a card in the folder cannot be read.
    """
    return state_facts(state_metadata(metadata), _from_description(description or ""), read_facts(folder))


def _from_description(text: str) -> dict[str, str]:
    if not text.startswith("---"):
        return {}
    with tempfile.TemporaryDirectory(prefix="weightmark-") as folder:
        Path(folder, "README.md").write_text(text, encoding="utf-8")
        try:
            return read_facts(Path(folder))
        except MalformedError as error:
            _log.warning("a description is not read as a card: %s", error.message)
            return {}
