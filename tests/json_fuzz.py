"""Changes one member of a JSON document, wherever it stands."""

from typing import Any

from hypothesis import strategies as st


def places(value: Any, here: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Give the path of every member, however deep; the document's own, which is empty, first."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(path for key, child in pairs for path in places(child, (*here, key)))]


def change_one(document: Any, choice: st.DataObject, value: Any, *, drop: bool) -> None:
    """Put a value in the place of some member, or take the member away."""
    path = choice.draw(st.sampled_from(places(document)[1:]))
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    if drop:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
