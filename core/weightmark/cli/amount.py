"""Amounts as people write them: ``tokens=500``."""

import click

_MOST = (1 << 63) - 1


class Amount(click.ParamType[tuple[str, int]]):
    """A name and how many units of it, 0 or more."""

    name = "name=n"

    def convert(
        self, value: str | tuple[str, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Read it; a wrong one is a usage error."""
        if isinstance(value, tuple):
            return value
        name, _, digits = value.rpartition("=")
        if not name:
            self.fail(f"{value[:40]!r} is no amount such as tokens=500.", param, ctx)
        if digits.startswith("-"):
            self.fail(f"{value[:40]!r} is negative; an action takes 0 units or more.", param, ctx)
        if (
            not (digits.isascii() and digits.isdigit())
            or len(digits) > len(str(_MOST))
            or int(digits) > _MOST
        ):
            self.fail(f"{value[:40]!r} does not end in a whole number up to {_MOST}.", param, ctx)
        return name, int(digits)
