"""SageMaker's model cards: what one attached to a package states, and the one that Weightmark writes.

A package's metadata takes few characters; the card ``weightmark-GROUP-VERSION`` says the same as it is, in
``additional_information.custom_details``, the place that the card's schema leaves to its users.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final, cast

from weightmark.encoding import Json, decode, encode
from weightmark.errors import MalformedError
from weightmark.model.card import state_facts
from weightmark.vocabulary import Fact

MAX_NAME: Final = 63
MAX_VALUE: Final = 1024
"""Characters in a custom detail, by the card's schema."""

_MAX_CONTENT: Final = 100_000


def card_name(name: str, version: str) -> str:
    """Name the card of a package; cut when it would be too long, and still of no other package.

    >>> card_name("churn", "3")
    'weightmark-churn-3'
    """
    whole = "-".join(part for part in ("weightmark", name, version) if part)
    if len(whole) <= MAX_NAME:
        return whole
    mark = hashlib.sha256(whole.encode()).hexdigest()[:10]
    return f"{whole[: MAX_NAME - 11].rstrip('-')}-{mark}"


def write_card(arn: str, name: str, tags: Mapping[str, str], content: str = "") -> str:
    """Write the content of Weightmark's card.

    Args:
        arn: the package.
        name: its group.
        tags: what is to be said.
        content: what the card says now; what others added to it stays.

    Returns:
        The content, as JSON; the same for the same tags.
    """
    card = _read(content)
    overview = _section(card, "model_overview")
    overview |= {
        "model_name": name,
        "model_id": arn,
        "model_description": "Ownership, licence and credits, as Weightmark recorded them.",
    }
    information = _section(card, "additional_information")
    details = _section(information, "custom_details")
    details |= {key: value[:MAX_VALUE] for key, value in tags.items() if value}
    information["custom_details"] = details
    card |= {"model_overview": overview, "additional_information": information}
    return encode(cast("Json", card)).decode()


def card_facts(content: str) -> dict[str, str]:
    """Read what a card attached to a package states: facts among its custom details, its training data.

    A card that cannot be read states nothing; SageMaker itself checks its schema.
    """
    card = _read(content)
    details = _section(_section(card, "additional_information"), "custom_details")
    facts = state_facts({str(key): str(value) for key, value in details.items() if isinstance(value, str)})
    job = _section(_section(card, "training_details"), "training_job_details")
    data = job.get("training_datasets")
    if isinstance(data, list) and Fact.DATASETS not in facts:
        texts = cast("list[object]", data)
        named = [one.strip() for one in texts if isinstance(one, str) and one.strip()]
        if named:
            facts[Fact.DATASETS.value] = ",".join(named)
    return facts


def _read(content: str) -> dict[str, Any]:
    if not content or len(content) > _MAX_CONTENT:
        return {}
    try:
        card = decode(content.encode(), what="the model card")
    except MalformedError:
        return {}
    return dict(card) if isinstance(card, dict) else {}


def _section(card: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = card.get(name)
    return dict(cast("dict[str, Any]", found)) if isinstance(found, dict) else {}
