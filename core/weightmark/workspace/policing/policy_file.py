"""Files of policies: which engine reads one, and of which bytes it was read.

Read late, by ``policing``: most workspaces have no policy.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from weightmark.discovery import Plugins
from weightmark.encoding import Digest, digest_bytes
from weightmark.errors import UnknownPluginError
from weightmark.licensing.organisation.case import PolicyQuestion
from weightmark.licensing.organisation.judging import Judge
from weightmark.licensing.organisation.policy import OrganisationPolicy, Ruling
from weightmark.licensing.organisation.reading import MAX_POLICY, read_policy
from weightmark.licensing.organisation.wording import word_policy
from weightmark.ports import PolicyEngine
from weightmark.workspace.file import read_bounded


class TomlEngine(PolicyEngine):
    """Weightmark's own rules."""

    name: ClassVar[str] = "toml"

    def __init__(self, policy: OrganisationPolicy) -> None:
        self.policy = policy
        self._judge = Judge(policy)

    @classmethod
    def open(cls, path: Path, data: bytes) -> Self:
        """Read the rules.

        Raises:
            MalformedError: they are no rules; the message names the file, the line and the rule.
        """
        return cls(read_policy(data, file=path.name))

    def judge(self, question: PolicyQuestion) -> tuple[Ruling, ...]:
        """Say which rules are not kept."""
        return self._judge.judge(question)

    def words(self) -> list[str]:
        """Give the rules as sentences."""
        return word_policy(self.policy)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyInForce:
    """A policy, and of which bytes it was read.

    Attributes:
        path: its file.
        digest: of the file; what an auditor compares.
        engine: what is asked.
    """

    path: Path
    digest: Digest
    engine: PolicyEngine


def open_policy(path: Path, plugins: Plugins, data: bytes | None = None) -> PolicyInForce:
    """Read a policy.

    Args:
        path: its file; the suffix says in which language it is.
        plugins: what is installed.
        data: its bytes, when the caller has them already.

    Raises:
        MalformedError: it is no policy.
        UnknownPluginError: nothing installed reads such files.
        MissingExtraError: the library of its language is not installed.
        WeightmarkError: the file is not there, or cannot be read.
    """
    data = read_bounded(path, MAX_POLICY) if data is None else data
    suffix = path.suffix.removeprefix(".").lower()
    offered = plugins.policies | {TomlEngine.name: TomlEngine}
    if suffix not in offered:
        known = ", ".join(f".{name}" for name in sorted(offered))
        raise UnknownPluginError(
            f"nothing that is installed reads the policy {path}; there is something for {known}",
            hint="Name the file for its language, or install what reads it: `weightmark plugins`.",
        )
    return PolicyInForce(path=path, digest=digest_bytes(data), engine=offered[suffix].open(path, data))
