"""Grants and works as they stand inside a licence file.

Not here: the file around them; see ``licence_file``.
"""

from enum import StrEnum
from typing import TypeVar

from weightmark.encoding import Json, Record, format_time
from weightmark.errors import MalformedError
from weightmark.licensing.grant import Grant, GrantState, IssuedGrant
from weightmark.licensing.terms import Terms
from weightmark.licensing.work import Relation, Work

_Member = TypeVar("_Member", bound=StrEnum)

MAX_ABOVE = 8
"""How many grants may stand above a sublicence, one over the other."""


def issued_to_json(issued: IssuedGrant) -> dict[str, Json]:
    """Write one edition of a grant; what is empty is left out.

    Raises:
        Nothing.
    """
    members: dict[str, Json] = {
        "holders": sorted(issued.holders),
        "revokedAt": None if issued.revoked_at is None else format_time(issued.revoked_at),
        "since": None if issued.since is None else format_time(issued.since),
        "under": [issued_to_json(above) for above in issued.under],
        "until": None if issued.until is None else format_time(issued.until),
    }
    return {
        "grant": issued.grant.to_json(),
        "id": issued.id,
        "state": issued.state,
        **{key: member for key, member in members.items() if member not in (None, [])},
    }


def read_issued(record: Record, depth: int = 0) -> IssuedGrant:
    """Read one edition of a grant, strictly.

    Raises:
        MalformedError: a field is missing, unknown or of another type, or too many grants stand above it.
    """
    if depth > MAX_ABOVE:
        raise MalformedError(f"{record.what} stands under more than {MAX_ABOVE} other grants")
    inner = record.record("grant")
    issued = IssuedGrant(
        id=record.digest("id"),
        grant=Grant.from_json(inner.members(), what=inner.what),
        revoked_at=record.optional_time("revokedAt"),
        since=record.optional_time("since"),
        until=record.optional_time("until"),
        state=_member(record, "state", GrantState),
        holders=frozenset(record.texts("holders", required=False)),
        under=tuple(read_issued(above, depth + 1) for above in record.records("under", required=False)),
    )
    record.done()
    return issued


def work_to_json(work: Work) -> dict[str, Json]:
    """Write what a decision needs of a work; what is empty is left out.

    Raises:
        Nothing.
    """
    members: dict[str, Json] = {
        "license": work.license,
        "licensors": sorted(work.licensors),
        "presumed": work.presumed or None,
        "subject": work.subject,
        "terms": None if work.terms is None else work.terms.to_json(),
        "weights": work.weights,
    }
    return {
        "name": work.name,
        "owner": work.owner,
        "relation": work.relation,
        **{key: member for key, member in members.items() if member not in (None, [])},
    }


def read_work(record: Record) -> Work:
    """Read a work, strictly.

    Raises:
        MalformedError: a field is missing, unknown or of another type.
    """
    terms = record.record("terms") if record.has("terms") else None
    work = Work(
        name=record.text("name"),
        subject=record.optional_digest("subject"),
        owner=record.text("owner"),
        license=record.optional_text("license"),
        terms=None if terms is None else Terms.from_json(terms.members(), what=terms.what),
        presumed=record.boolean("presumed", default=False),
        relation=_member(record, "relation", Relation),
        weights=record.optional_digest("weights"),
        licensors=frozenset(record.texts("licensors", required=False)),
    )
    record.done()
    return work


def _member(record: Record, key: str, kind: type[_Member]) -> _Member:
    text = record.text(key)
    try:
        return kind(text)
    except ValueError as error:
        raise MalformedError(
            f"{key!r} in {record.what} is {text[:40]!r}, not one of {', '.join(kind)}"
        ) from error
