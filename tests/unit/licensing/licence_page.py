"""The tables of docs/reference/licences.md, as they must be; run this file to write them anew."""

from pathlib import Path

from weightmark.licensing import TEMPLATES, Capability, Terms
from weightmark.licensing.catalog import ALIASES
from weightmark.licensing.pointer import find_pointer, pointer_names

PAGE = Path(__file__).parents[3] / "docs/reference/licences.md"
RULES, NAMED, END = "<!-- rules -->\n", "<!-- named -->\n", "<!-- end -->\n"


def names_of(terms: Terms) -> str:
    return ", ".join(f"`{alias}`" for alias, known in ALIASES.items() if known == terms.id) or "-"


def short(terms: Terms, clause: str) -> str:
    return clause.removeprefix(terms.id.removeprefix("LicenseRef-")).strip()


def permits(terms: Terms) -> str:
    if not terms.permissions:
        return "nothing"
    missing = sorted(set(Capability) - terms.permissions)
    return f"everything but {', '.join(missing)}" if missing else "everything"


def row(terms: Terms) -> str:
    name = f"[`{terms.id}`]({terms.url})" if terms.url else f"`{terms.id}`"
    duties = "; ".join(f"{duty.id} ({short(terms, duty.clause)})" for duty in terms.duties) or "none"
    more = [f"not for {len(terms.use_restrictions)} purposes"] if terms.use_restrictions else []
    more += [f"only for {', '.join(sorted(terms.purposes))}"] if terms.purposes else []
    more += [f"{one.id} ({short(terms, one.clause)})" for one in terms.conditions]
    if terms.share_alike is not None:
        carried = ", ".join(terms.share_alike.outbound) or "the same restrictions"
        more.append(f"derived works carry {carried} ({short(terms, terms.share_alike.clause)})")
    commercial = "yes" if terms.commercial else "no"
    cells = (name, names_of(terms), permits(terms), commercial, duties, "; ".join(more) or "-")
    return f"| {' | '.join(cells)} |\n"


def tables() -> str:
    head = "| licence | also written | permits | commercial use | duties | and |\n"
    head += "| --- | --- | --- | --- | --- | --- |\n"
    named = "| name | title | text |\n| --- | --- | --- |\n"
    for name in pointer_names():
        pointer = find_pointer(name)
        assert pointer is not None
        named += f"| `{name}` | {pointer.title} | {f'<{pointer.url}>' if pointer.url else '-'} |\n"
    return f"{RULES}\n{head}{''.join(map(row, TEMPLATES))}\n{NAMED}\n## Known by name\n\n{named}\n{END}"


def write() -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.split(RULES)[0], text.split(END)[1]
    PAGE.write_text(before + tables() + after, encoding="utf-8")


if __name__ == "__main__":
    write()
