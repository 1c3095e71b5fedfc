"""What kfp hands to a task for an artifact, and how it is read and passed on."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from weightmark.errors import PlatformError
from weightmark.model.card import read_facts, state_facts
from weightmark.ports import ResolvedModel
from weightmark.vocabulary import Fact, is_reserved

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.\-]+:", re.IGNORECASE)


class Piece(Protocol):
    """An artifact, such as ``dsl.Model`` or ``dsl.Markdown``."""

    uri: str
    metadata: dict[str, Any]

    @property
    def path(self) -> str:
        """Where its bytes lie in the container."""
        ...


class Measures(Piece, Protocol):
    """``dsl.Metrics``."""

    def log_metric(self, metric: str, value: float) -> None:
        """Note one number."""
        ...


def uri_of(piece: Piece) -> str:
    """Give the URI that names an artifact in the ledger; a path on this machine becomes a ``file:`` URI."""
    return piece.uri if _SCHEME.match(piece.uri) else Path(piece.uri).resolve().as_uri()


def read_model(
    model: Piece,
    *,
    stated: Mapping[str, str] | None = None,
    base: Piece | None = None,
    dataset: Piece | None = None,
    evaluated_on: Piece | None = None,
) -> ResolvedModel:
    """Take a model as its task gets it, with all that is known of it.

    Args:
        model: the model.
        stated: facts that count more than the artifact's metadata, which counts more than the model's card.
        base: the model that it was made from.
        dataset: what it was trained on.
        evaluated_on: what it was evaluated on.

    Raises:
        PlatformError: there are no bytes where they should be.
        MalformedError: a card in the folder cannot be read.
    """
    path = Path(model.path)
    if not path.exists():
        raise PlatformError(
            f"the model {uri_of(model)!r} should lie at {str(path)!r}, but there is nothing",
            hint="See whether the task before wrote it, and whether it was let pass.",
        )
    known = {key: value for key, value in model.metadata.items() if isinstance(value, str)}
    facts = state_facts(stated or {}, known, read_facts(path))
    for fact, source in (
        (Fact.BASE_MODEL, base),
        (Fact.DATASETS, dataset),
        (Fact.EVALUATED_ON, evaluated_on),
    ):
        if source is not None:
            joined = [facts.get(fact, ""), uri_of(source)]
            facts[fact.value] = ",".join(filter(None, joined))
    return ResolvedModel(uri=uri_of(model), path=path, name=known.get("name", ""), facts=facts)


def pass_on(model: Piece, out: Piece, tags: Mapping[str, str]) -> None:
    """Make an output the same model: the same URI, the same bytes, its metadata and our tags."""
    out.uri = model.uri
    kept = {key: value for key, value in model.metadata.items() if not is_reserved(key)}
    out.metadata.update(kept)
    out.metadata.update(tags)


def write(out: Piece, content: str | bytes, **metadata: str) -> None:
    """Write an output's bytes, and its metadata."""
    path = Path(out.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace"))
    out.metadata.update(metadata)
