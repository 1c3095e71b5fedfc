"""Spans of time as people write them: ``30d``, ``12h``, ``90m``, ``45s``."""

import re
from datetime import timedelta
from typing import Final

import click

_FORM: Final = re.compile(r"([1-9][0-9]{0,8})([dhms])\Z")
_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_MOST: Final = timedelta(days=36_525)


class Span(click.ParamType[timedelta]):
    """A number of days, hours, minutes or seconds; a day has 24 hours."""

    name = "span"

    def convert(
        self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Read it; a wrong one is a usage error."""
        if isinstance(value, timedelta):
            return value
        match = _FORM.match(value)
        if match is None:
            self.fail(f"{value[:40]!r} is no span of time such as 30d, 12h, 90m or 45s.", param, ctx)
        span = timedelta(**{_UNITS[match[2]]: int(match[1])})
        if span > _MOST:
            self.fail(f"{value} is more than {_MOST.days} days.", param, ctx)
        return span
