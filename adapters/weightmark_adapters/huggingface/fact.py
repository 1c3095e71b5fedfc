"""What the Hub itself says of a model: its tags, and the card that it has read.

Not promised: that it is about one revision. The Hub takes it from the default branch.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from weightmark.vocabulary import Fact


def read_hub_facts(tags: Sequence[str], card: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Read facts from the Hub's tags, and a licence's own name from the card.

    Args:
        tags: ``license:mit``, ``base_model:finetune:org/base``, ``dataset:org/data``.
        card: the card's front matter as the Hub gives it.

    Raises:
        Nothing.

    >>> read_hub_facts(["license:mit", "base_model:org/base", "base_model:adapter:org/base"])
    {'license': 'mit', 'base_model': 'org/base', 'base_model_relation': 'adapter'}
    """
    facts: dict[str, list[str]] = {}
    for tag in tags:
        key, _, value = tag.partition(":")
        if key == "base_model" and ":" in value:
            facts[Fact.BASE_MODEL_RELATION.value] = [value.partition(":")[0]]
        elif key in {"license", "base_model"}:
            facts.setdefault(key, []).append(value)
        elif key == "dataset":
            facts.setdefault(Fact.DATASETS.value, []).append(value)
    found = {key: ",".join(dict.fromkeys(values)) for key, values in facts.items()}
    named = (card or {}).get("license_name")
    if found.get(Fact.LICENSE) == "other" and isinstance(named, str):
        found[Fact.LICENSE.value] = named.strip()
    return found
