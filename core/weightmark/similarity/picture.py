"""A picture of what differs: layers across, tensors' roles down, colour for how far the numbers moved.

Not promised: that a dark field matters. How much a change means is for tests of the model.
"""

import math
import re
from pathlib import Path
from typing import Final

from weightmark.errors import WeightmarkError
from weightmark.extra import import_extra
from weightmark.similarity.difference import Change, ModelDifference, place_of
from weightmark.similarity.measure import Measure

SUFFIXES: Final = (".png", ".svg")
_MOST: Final = 400
"""The most layers or roles that are drawn."""

_RANGE: Final = 1e-5
"""The smallest norm with a shade of its own, as a share of the largest; grey is below it, or equal."""

_NUMBERS: Final = re.compile(r"(?<=[._/])\d+(?=[._/]|$)")

Cells = dict[tuple[str, int | None], float]


def draw_difference(difference: ModelDifference, file: Path, *, title: str) -> None:
    """Draw a heat map of the relative norms and write it.

    Args:
        difference: from ``diff_models``.
        file: where to; ``.png`` or ``.svg`` says which format.
        title: what stands above it.

    Raises:
        ValueError: the file's suffix is another one.
        MissingExtraError: matplotlib is not installed.
        WeightmarkError: the file cannot be written.
    """
    if file.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{file} ends neither in .png nor in .svg")
    # Its types are half known; what is drawn is checked by looking.
    plot = import_extra("matplotlib", extra="compare")
    colors = import_extra("matplotlib.colors", extra="compare")
    figures = import_extra("matplotlib.figure", extra="compare")
    import numpy as np

    cells, marks = norms_by_place(difference)
    roles = list(dict.fromkeys(role for role, _ in [*cells, *marks]))[:_MOST]
    layers = sorted({layer for _, layer in [*cells, *marks]}, key=lambda at: (at is None, at or 0))[:_MOST]
    field = np.full((max(1, len(roles)), max(1, len(layers))), np.nan)
    for row, role in enumerate(roles):
        for column, layer in enumerate(layers):
            field[row, column] = cells.get((role, layer), math.nan)
    with plot.rc_context({"svg.hashsalt": "weightmark", "svg.fonttype": "none"}):
        longest = max((len(role) for role in roles), default=0)
        figure = figures.Figure(figsize=(3 + 0.08 * longest + 0.3 * len(layers), 1.6 + 0.26 * len(roles)))
        axes = figure.add_subplot()
        moved = field[field > 0]  # what is not there is no number, and not above 0 either
        top = float(moved.max()) if moved.size else 1.0
        bottom = min(top / 100, max(float(moved.min()) / 2, top * _RANGE)) if moved.size else _RANGE
        field[field < bottom] = bottom / 2
        shades = plot.colormaps["magma_r"].with_extremes(under="#e4e4e4")
        image = axes.imshow(field, cmap=shades, norm=colors.LogNorm(bottom, top), aspect="auto")
        axes.set_yticks(range(len(roles)), roles, fontsize=7, parse_math=False)
        axes.set_xticks(range(len(layers)), ["-" if at is None else str(at) for at in layers], fontsize=7)
        for (role, layer), word in marks.items():
            if role in roles and layer in layers:
                place = (layers.index(layer), roles.index(role))
                axes.text(*place, word, ha="center", va="center", fontsize=7, color="tab:blue")
        axes.set_xlabel("layer (-: in none); grey: equal, white: not there")
        axes.set_title(title, fontsize=9, parse_math=False)
        figure.colorbar(image, label="norm of the change by the norm before", extend="min")
        try:
            figure.savefig(file, dpi=150, bbox_inches="tight", metadata={"Date": None} if _svg(file) else {})
        except OSError as error:
            raise WeightmarkError(
                f"the picture {file} cannot be written: {error.strerror}", hint="Name another file."
            ) from error


def norms_by_place(difference: ModelDifference) -> tuple[Cells, dict[tuple[str, int | None], str]]:
    """Give the relative norm at each role and layer, and a mark where there is none to give.

    Roles that differ only by further numbers, such as experts, are taken together.

    Returns:
        The norms, 0 where nothing changed; and ``+``, ``-``, ``≠`` for what came, went or changed its shape.

    Raises:
        Nothing.
    """
    sums: dict[tuple[str, int | None], Measure] = {}
    marks: dict[tuple[str, int | None], str] = {}
    for name in difference.equal:
        layer, role = place_of(name)
        sums.setdefault((_NUMBERS.sub("*", role), layer), Measure())
    signs = {Change.ADDED: "+", Change.REMOVED: "-", Change.RESHAPED: "≠"}
    for tensor in difference.tensors:
        place = (_NUMBERS.sub("*", tensor.role), tensor.layer)
        if tensor.change in signs:
            marks[place] = signs[tensor.change]
        elif tensor.measure is None and tensor.change is Change.CHANGED:
            marks[place] = "?"
        else:
            sums.setdefault(place, Measure()).add(tensor.measure or Measure())
    norms = {place: measure.relative_norm for place, measure in sums.items()}
    return {place: 1.0 if norm is None else norm for place, norm in norms.items()}, marks


def _svg(file: Path) -> bool:
    return file.suffix.lower() == ".svg"
