"""What differs between two models, as an entry for a changelog.

Not promised: that it says why. Whoever publishes the version adds that.

Source: Keep a Changelog 1.1.0.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from weightmark.encoding import Json, printable
from weightmark.similarity.semantic import Proposal, Version

if TYPE_CHECKING:
    from weightmark.similarity.difference import ModelDifference
    from weightmark.similarity.measure import Measure

MOST: Final = 40
"""The most items under one heading."""

_WIDTH: Final = 60


def write_entry(
    difference: "ModelDifference", proposal: Proposal, version: Version | None, date: datetime
) -> str:
    """Write an entry for a changelog, in Markdown.

    Args:
        difference: what differs.
        proposal: from ``propose``.
        version: the version before; None for an entry without a number.
        date: when, with a zone.

    Raises:
        Nothing.
    """
    title = "Unreleased" if version is None else str(version.raised(proposal.level))
    lines = [f"## {title} - {date.astimezone(UTC):%Y-%m-%d}"]
    items = list(_items(difference))
    for heading in ("Added", "Removed", "Changed"):
        under = [text for at, text in items if at == heading]
        if len(under) > MOST:
            under = [*under[:MOST], f"… and {len(under) - MOST} more."]
        if under:
            lines += ["", f"### {heading}", "", *(f"- {text}" for text in under)]
    return "\n".join(lines if items else [*lines, "", "Nothing changed."]) + "\n"


def say_measure(measure: "Measure") -> tuple[str, str, str]:
    """Give relative norm, cosine and changed share as a person reads them; a dash for what there is not.

    Raises:
        Nothing.
    """
    norm, cosine = measure.relative_norm, measure.cosine
    return (
        "-" if norm is None else f"{norm:.3g}",
        "-" if cosine is None else f"{cosine:.6f}",
        f"{measure.changed:.1%}",
    )


def say_value(value: Json) -> str:
    """Give a value of the configuration on one short line; a dash for none.

    Raises:
        Nothing.
    """
    text = "-" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _items(difference: "ModelDifference") -> Iterator[tuple[str, str]]:
    moved = [tensor for tensor in difference.tensors if tensor.change == "changed"]
    if moved:
        norm, cosine, changed = say_measure(difference.total)
        said = f"Weights: {len(moved)} of {len(moved) + len(difference.equal)} tensors"
        yield "Changed", f"{said}, {changed} of the elements; relative norm {norm}, cosine {cosine}."
    for tensor in difference.tensors:
        before, after = (list(shape or ()) for shape in tensor.shapes)
        match tensor.change.value:
            case "added":
                yield "Added", f"Tensor {_code(tensor.name)}, {after}."
            case "removed":
                yield "Removed", f"Tensor {_code(tensor.name)}, {before}."
            case "reshaped":
                yield "Changed", f"Tensor {_code(tensor.name)} is {after}; it was {before}."
            case "renamed":
                yield "Changed", f"Tensor {_code(tensor.renamed_from)} is called {_code(tensor.name)}."
            case _:
                pass
    for key in difference.config:
        values = f"{_code(say_value(key.before))} to {_code(say_value(key.after))}"
        yield "Changed", f"{_code(key.key)}: {values}."
    for path, change in difference.files.items():
        yield change.value.capitalize(), f"{_code(path)}."


def _code(text: str) -> str:
    """Write a stranger's name so that Markdown takes it for nothing else."""
    return f"`{printable(text).replace('`', chr(39))}`"
