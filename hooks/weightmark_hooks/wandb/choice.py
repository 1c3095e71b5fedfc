"""Which artifacts and which aliases are guarded."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Self

from weightmark_adapters.wandb.lineage import is_model
from weightmark_adapters.wandb.listing import PROMOTING, is_promoting

ALIASES: Final = "WEIGHTMARK_WANDB_ALIASES"
"""The environment variable with the patterns of aliases that promote, joined by commas."""

TYPES: Final = "WEIGHTMARK_WANDB_TYPES"
"""The environment variable with the types of artifacts that are models, joined by commas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is guarded.

    Attributes:
        types: the types of artifacts that are models; empty for every type with ``model`` in its name.
        aliases: patterns of the aliases that put a version to use.
    """

    types: frozenset[str] = frozenset()
    aliases: tuple[str, ...] = PROMOTING

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read it from the environment.

        Args:
            environ: None for the process's own.
        """
        environ = os.environ if environ is None else environ
        return cls(types=frozenset(_split(environ, TYPES)), aliases=_split(environ, ALIASES) or PROMOTING)

    def guards(self, kind: str) -> bool:
        """Say whether artifacts of this type are models."""
        return kind in self.types if self.types else is_model(kind)

    def promoting(self, aliases: Iterable[str]) -> list[str]:
        """Pick the aliases that put a version to use."""
        return [alias for alias in aliases if is_promoting(alias, self.aliases)]


def _split(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in environ.get(name, "").split(",") if part.strip())
