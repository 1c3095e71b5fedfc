"""From what differs between two models to the next version's number, by rules that are written down.

``major``: whoever uses the model may have to change something. A tensor came, went or has another shape; a
key of the configuration changed that shapes the network; the tensors' mean cosine, weighted by elements, fell
under ``RETRAINED``.

``minor``: it answers differently. Numbers changed by more than ``ROUNDING``; a key that steers answers, the
tokenizer or code changed.

``patch``: it answers the same. Card, licence, other files, names, files of the tensors, number types that
keep every value, keys that only training or saving reads.

Not promised: that an answer changes for the better, or how much. Tests of the model say that.

Source: Semantic Versioning 2.0.0, semver.org.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final, Self

from weightmark.errors import MalformedError

if TYPE_CHECKING:
    from weightmark.similarity.difference import ModelDifference

RETRAINED: Final = 0.5
"""A mean cosine of the tensors, weighted by elements, under which a model counts as another one."""

ROUNDING: Final = 1e-6
"""The relative norm of a change up to which it counts as rounding."""

_NUMBER: Final = r"(0|[1-9]\d{0,8})"
_VERSION: Final = re.compile(
    rf"(v?){_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-([0-9A-Za-z.-]{{1,100}}))?(?:\+[0-9A-Za-z.-]{{1,100}})?"
)
_SAVING: Final = re.compile(
    r"(_|.*\._).*|(.*\.)?(transformers_version|diffusers_version|(torch_)?dtype|use_cache|gradient_checkpointing"
    r"|return_dict|return_dict_in_generate|output_(attentions|hidden_states|scores)|torchscript"
    r"|initializer_range|.*_?dropout(_prob|_rate)?|.*_pdrop|.*_drop(out)?_rate|use_bfloat16)"
)
_ANSWERING: Final = re.compile(
    r"(temperature|top_[kp]|do_sample|num_beams|max_(new_tokens|length)|min_length|repetition_penalty"
    r"|length_penalty|no_repeat_ngram_size|early_stopping|bad_words_ids|suppress_tokens"
    r"|(bos|eos|pad|sep|cls|mask|unk|decoder_start|forced_[a-z]+)_token_id|prefix|problem_type"
    r"|task_specific_params(\..*)?|generation_config(\..*)?)"
)
_ANSWERING_FILES: Final = re.compile(
    r"(.*/)?(tokenizer[^/]*|vocab[^/]*|merges\.txt|special_tokens_map\.json|added_tokens\.json|spiece\.model"
    r"|sentencepiece[^/]*\.model|chat_template[^/]*|generation_config\.json|preprocessor_config\.json"
    r"|processor_config\.json|scheduler_config\.json|modules\.json|[^/]*\.py)"
)


class Level(IntEnum):
    """How far a version goes beyond the one before."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3

    @property
    def word(self) -> str:
        """The level in lower case."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One thing that asks for a level.

    Attributes:
        level: the least level that it asks for.
        text: what it is, for a person.
    """

    level: Level
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What the next version should be.

    Attributes:
        level: the highest level that a reason asks for.
        reasons: everything that was found, the weightiest first.
    """

    level: Level
    reasons: tuple[Reason, ...]

    @classmethod
    def of(cls, reasons: Sequence[Reason]) -> Self:
        """Make it from its reasons; without any the level is ``none``."""
        ordered = sorted(reasons, key=lambda reason: -reason.level)
        return cls(level=ordered[0].level if ordered else Level.NONE, reasons=tuple(ordered))


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A semantic version, without its build metadata.

    Attributes:
        core: major, minor, patch.
        before: the parts of the pre-release; empty for a release.
        mark: ``v`` when it was written with one.
    """

    core: tuple[int, int, int]
    before: tuple[str, ...] = ()
    mark: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a version.

        Raises:
            MalformedError: it is not a semantic one.

        >>> Version.parse("1.4.2") < Version.parse("v1.10.0")
        True
        """
        found = _VERSION.fullmatch(text)
        if found is None:
            raise MalformedError(
                f"{text[:80]!r} is not a semantic version",
                hint="Write three numbers joined by dots, such as 1.4.2.",
            )
        mark, *numbers, before = found.groups()
        core = (int(numbers[0]), int(numbers[1]), int(numbers[2]))
        return cls(core=core, before=tuple(before.split(".")) if before else (), mark=mark)

    def __lt__(self, other: Self) -> bool:
        """Say whether this one comes first, by semver.org, section 11."""
        return self._order() < other._order()

    def __str__(self) -> str:
        """Write it."""
        text = self.mark + ".".join(map(str, self.core))
        return f"{text}-{'.'.join(self.before)}" if self.before else text

    def raised(self, level: Level) -> "Version":
        """Give the next release.

        Before 1.0.0 nothing is promised yet, so ``major`` and ``minor`` raise the second number.

        Args:
            level: how far it goes; ``none`` leaves the version as it is.

        >>> str(Version.parse("1.4.2").raised(Level.MINOR))
        '1.5.0'
        >>> str(Version.parse("0.4.2").raised(Level.MAJOR))
        '0.5.0'
        """
        major, minor, patch = self.core
        if level is Level.NONE:
            return self
        if level is Level.PATCH:
            core = (major, minor, patch if self.before else patch + 1)
        elif level is Level.MINOR or major == 0:
            core = (major, minor + 1, 0)
        else:
            core = (major + 1, 0, 0)
        return Version(core=core, mark=self.mark)

    def _order(self) -> tuple[tuple[int, int, int], bool, list[tuple[bool, int, str]]]:
        parts = [
            (not part.isdigit(), int(part) if part.isdigit() else 0, "" if part.isdigit() else part)
            for part in self.before
        ]
        return self.core, not self.before, parts


def propose(difference: "ModelDifference") -> Proposal:
    """Propose how far the next version should go.

    Args:
        difference: from ``diff_models``.

    Raises:
        Nothing.
    """
    return Proposal.of(
        [
            *_of_tensors(difference),
            *_of_numbers(difference),
            *(judge_key(key.key) for key in difference.config),
            *judge_files(difference.files),
        ]
    )


def judge_key(key: str) -> Reason:
    """Say how much a changed key of the configuration matters.

    Args:
        key: the path of keys, joined by dots.

    Raises:
        Nothing.
    """
    if _SAVING.fullmatch(key):
        return Reason(level=Level.PATCH, text=f"{key} changed, which says nothing about the answers")
    if _ANSWERING.fullmatch(key):
        return Reason(level=Level.MINOR, text=f"{key} changed, which steers the answers")
    return Reason(level=Level.MAJOR, text=f"{key} changed, which shapes the network")


def judge_files(paths: Mapping[str, str]) -> Iterator[Reason]:
    """Say how much files beside configuration and tensors matter.

    Args:
        paths: what became of each: ``changed``, ``added``, ``removed``.

    Raises:
        Nothing.
    """
    for path, change in paths.items():
        answers = _ANSWERING_FILES.fullmatch(path) is not None
        level = Level.MINOR if answers else Level.PATCH
        yield Reason(level=level, text=f"{path} {change}" + (", which steers the answers" if answers else ""))


def _of_tensors(difference: "ModelDifference") -> Iterator[Reason]:
    words = {"added": "came", "removed": "went", "reshaped": "changed the shape"}
    for change, word in words.items():
        names = [tensor.name for tensor in difference.tensors if tensor.change == change]
        if names:
            yield Reason(level=Level.MAJOR, text=f"{_count(names)} {word}")
    renamed = [tensor.name for tensor in difference.tensors if tensor.change == "renamed"]
    if renamed:
        yield Reason(level=Level.PATCH, text=f"{_count(renamed)} renamed, with the same numbers")


def _of_numbers(difference: "ModelDifference") -> Iterator[Reason]:
    changed = [tensor for tensor in difference.tensors if tensor.change == "changed"]
    unknown = [tensor.name for tensor in changed if tensor.measure is None]
    if unknown:
        yield Reason(
            level=Level.MINOR, text=f"{_count(unknown)} has other bytes, whose numbers are not known"
        )
    moved = [tensor for tensor in changed if tensor.measure is not None and tensor.measure.moved]
    if len(moved) + len(unknown) < len(changed):
        kept = [tensor.name for tensor in changed if tensor.measure is not None and not tensor.measure.moved]
        yield Reason(level=Level.PATCH, text=f"{_count(kept)} stored as another type, with every value kept")
    if not moved:
        return
    names = [tensor.name for tensor in moved]
    norm, cosine = difference.total.relative_norm, difference.mean_cosine
    said = f"{_count(names)} changed" + ("" if norm is None else f", by {norm:.2g} of the norm over all")
    if cosine is not None and cosine < RETRAINED:
        text = f"{said}: at a mean cosine of {cosine:.2f} it is another model"
        yield Reason(level=Level.MAJOR, text=text)
    elif norm is not None and norm <= ROUNDING and not any(t.measure and t.measure.strange for t in moved):
        yield Reason(level=Level.PATCH, text=f"{said}, no more than rounding")
    else:
        yield Reason(level=Level.MINOR, text=said)


def _count(names: Sequence[str]) -> str:
    return f"tensor {names[0]}" if len(names) == 1 else f"{len(names)} tensors (such as {names[0]})"
