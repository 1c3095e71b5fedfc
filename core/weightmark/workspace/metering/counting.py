"""What was used so far, put into grants and requests before a decision.

What cannot be read is not known, and then the fail mode of each grant speaks.
"""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from weightmark.errors import WeightmarkError
from weightmark.licensing import IssuedGrant, Work
from weightmark.workspace.resource import Resources

_log = logging.getLogger(__name__)
_NOTHING: Mapping[str, int] = MappingProxyType({})
_Used = Mapping[str, Mapping[str, int]]


def count_grants(resources: Resources, grants: Sequence[IssuedGrant]) -> list[IssuedGrant]:
    """Fill in what was used under each grant that has limits, and under those that it stands under.

    Raises:
        Nothing: what cannot be read leaves ``used`` at None.
    """
    bounded = {issued.id for each in grants for issued in _chain(each) if issued.grant.bounds}
    if not bounded:
        return list(grants)
    used = _read(resources, bounded)
    return [_fill(issued, used) for issued in grants]


def usage_of(
    resources: Resources, works: Sequence[Work], grants: Sequence[IssuedGrant]
) -> Mapping[str, int] | None:
    """Give the use that works' own terms limit.

    Args:
        resources: the usage file.
        works: of several that limit the same, the most used counts.
        grants: from ``count_grants``.

    Returns:
        Units by entitlement name; None when use could not be counted, for a work or for a grant.

    Raises:
        Nothing.
    """
    for each in grants:
        if any(issued.grant.bounds and issued.used is None for issued in _chain(each)):
            return None
    bounded = {
        work.subject
        for work in works
        if work.terms is not None and work.terms.bounds and work.subject is not None
    }
    if not bounded:
        return _NOTHING
    used = _read(resources, bounded)
    if used is None:
        return None
    most: dict[str, int] = {}
    for units in used.values():
        for name, count in units.items():
            most[name] = max(count, most.get(name, 0))
    return most


def _read(resources: Resources, ids: Collection[str]) -> _Used | None:
    from weightmark.workspace.metering import meter

    try:
        return meter.used(resources, ids)
    except WeightmarkError as error:
        _log.warning("what was used so far cannot be read: %s", error.message)
        return None


def _chain(issued: IssuedGrant) -> Iterator[IssuedGrant]:
    yield issued
    for above in issued.under:
        yield from _chain(above)


def _fill(issued: IssuedGrant, used: _Used | None) -> IssuedGrant:
    under = tuple(_fill(above, used) for above in issued.under)
    if not issued.grant.bounds:
        return issued if under == issued.under else replace(issued, under=under)
    return replace(issued, used=None if used is None else used.get(issued.id, _NOTHING), under=under)
