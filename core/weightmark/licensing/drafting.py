"""Drafts from JSON and from words: what a file or a command line says, not yet checked for contradictions.

The JSON is that of terms. Numbers may be negative and dates out of order here, so that everything that is
wrong with a file is named at once by ``building``.
"""

from typing import Final

from weightmark.encoding import Json, Record
from weightmark.licensing.building import Bound, Draft
from weightmark.licensing.capability import Capability, read_capabilities
from weightmark.licensing.duty import Condition, Duty, UseRestriction
from weightmark.licensing.scope import parse_scope
from weightmark.licensing.sharing import Reach, ShareAlike
from weightmark.licensing.work_kind import read_work_kinds

_LEAST: Final = -(2**53)
_CITED: Final = ("duties", "useRestrictions", "conditions")


def read_draft(value: Json, *, what: str = "the draft") -> Draft:
    """Read a draft from the JSON of terms; clauses may be left out.

    Args:
        value: an object with the members of terms.
        what: its name in messages.

    Raises:
        MalformedError: a field is unknown or of another type, or there is no name.
    """
    record = Record(_with_clauses(value), what)
    draft = Draft(
        id=record.text("id"),
        title=record.text("title", ""),
        url=record.text("url", ""),
        allow=read_capabilities(record, "permissions"),
        forbid=read_capabilities(record, "prohibitions"),
        commercial=record.boolean("commercial", default=True),
        duties=tuple(map(Duty.from_record, record.records("duties", required=False))),
        use_restrictions=tuple(
            map(UseRestriction.from_record, record.records("useRestrictions", required=False))
        ),
        conditions=tuple(map(Condition.from_record, record.records("conditions", required=False))),
        start=record.optional_time("start"),
        end=record.optional_time("end"),
        grace_days=record.integer("graceDays", least=_LEAST, default=0),
        renewal=record.text("renewal", ""),
        bounds=tuple(map(_read_bound, record.records("bounds", required=False))),
        territory=record.texts("territory", required=False),
        seats=record.integer("seats", least=_LEAST) if record.has("seats") else None,
        organisations=record.texts("organisations", required=False),
        purposes=frozenset(record.texts("purposes", required=False)),
        price=record.text("price", ""),
        share_alike=(
            ShareAlike.from_record(record.record("shareAlike")) if record.has("shareAlike") else None
        ),
        covers=read_work_kinds(record, "covers"),
        warranty=record.text("warranty", ""),
        law=record.text("law", ""),
    )
    record.done()
    return draft


def parse_capabilities(text: str) -> frozenset[Capability]:
    """Read names of capabilities, tiers and actions, with commas between them.

    A name that is a capability and a tier is the capability here.

    Args:
        text: such as ``infer, embed``.

    Raises:
        ValueError: a name is none of the three, or an action that takes no permission.

    >>> sorted(parse_capabilities("infer, fine-tune"))
    [<Capability.FINE_TUNE: 'fine-tune'>, <Capability.INFER: 'infer'>]
    """
    found: set[Capability] = set()
    for word in (part.strip().lower() for part in text.split(",")):
        found |= {Capability(word)} if word in tuple(Capability) else parse_scope(word)
    return frozenset(found)


def parse_bound(text: str) -> Bound:
    """Read a limit.

    Args:
        text: ``NAME:LIMIT``, then perhaps ``:UNIT``, then perhaps ``:OVERAGE``.

    Raises:
        ValueError: it has another form.

    >>> parse_bound("inferences:1000:requests:50").overage
    50
    """
    name, _, rest = text.partition(":")
    limit, _, rest = rest.partition(":")
    unit, _, overage = rest.partition(":")
    try:
        return Bound(name=name, unit=unit or name, limit=int(limit), overage=int(overage or 0))
    except ValueError as error:
        raise ValueError(f"{text[:60]!r} is no limit such as inferences:1000:requests") from error


def parse_sharing(text: str) -> ShareAlike:
    """Read a demand about derived works.

    Args:
        text: ``file``, ``derivative`` or ``combined``, then perhaps ``:`` and licences with commas between.

    Raises:
        ValueError: the reach is none of the three.

    >>> parse_sharing("derivative:GPL-3.0-only").outbound
    ('GPL-3.0-only',)
    """
    reach, _, licences = text.partition(":")
    if reach not in tuple(Reach):
        raise ValueError(f"{reach[:40]!r} is not one of {', '.join(Reach)}")
    outbound = tuple(licence.strip() for licence in licences.split(",") if licence.strip())
    return ShareAlike(reach=Reach(reach), outbound=outbound, clause="")


def _read_bound(record: Record) -> Bound:
    bound = Bound(
        name=record.text("name"),
        unit=record.text("unit", ""),
        limit=record.integer("limit", least=_LEAST),
        overage=record.integer("overage", least=_LEAST, default=0),
    )
    record.done()
    return bound


def _with_clauses(value: Json) -> Json:
    if not isinstance(value, dict):
        return value
    filled = {key: member for key, member in value.items() if key != "clauses"}
    for key in _CITED:
        members = filled.get(key)
        if isinstance(members, list):
            filled[key] = [
                {"clause": "", **member} if isinstance(member, dict) else member for member in members
            ]
    demand = filled.get("shareAlike")
    if isinstance(demand, dict):
        filled["shareAlike"] = {"clause": "", **demand}
    return filled
