"""A zoo that was made: what lies where, and what a comparison must say of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One model of a zoo that was made; the fields are a recipe's, and where it lies."""

    name: str
    path: str
    operation: str
    group: str
    verdicts: Mapping[str, Sequence[str]]
    layers: Mapping[str, Sequence[int | None]]
    shares: Mapping[str, float]
    seconds: float

    @property
    def parents(self) -> tuple[str, ...]:
        """The models of the zoo that it is made of, and that a comparison may find."""
        return tuple(self.verdicts)

    def is_relative_of(self, name: str) -> bool:
        """Say whether a comparison must find something of that model in this one."""
        return "no-evidence" not in self.verdicts.get(name, ("no-evidence",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Zoo:
    """A zoo on disk."""

    folder: Path
    entries: Mapping[str, Entry]

    def path(self, name: str) -> Path:
        """Give a model's folder."""
        return self.folder / self.entries[name].path

    def select(self, *groups: str) -> list[Entry]:
        """Give the models of these groups, in the order of their making."""
        return [entry for entry in self.entries.values() if entry.group in groups]
