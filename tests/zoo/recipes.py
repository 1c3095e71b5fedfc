"""Every model of the zoo: of what it is made, how, and what a comparison must say of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from tests.zoo import compression, disguise, merging, surgery
from tests.zoo.network import Network, Shape, initialise
from tests.zoo.training import Course, distil, train, train_low_rank

Get = Callable[[str], Network]
LAYERS = 4
WHOLE: tuple[int | None, ...] = tuple(range(LAYERS))
DERIVED, CAST = ("derived",), ("derived", "repackaged")
PARTIAL, MIXED = ("partial",), ("derived", "merged", "partial")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large the zoo is: the same models, of other measures."""

    name: str
    shape: Shape
    course: Course
    seeds: int

    def course_of(self, share: float, **changed: object) -> Course:
        """Give a course of a share of the full number of steps."""
        return replace(self.course, steps=max(4, round(self.course.steps * share)), **changed)  # type: ignore[arg-type]


REDUCED = Size(
    name="reduced",
    shape=Shape(vocabulary=512, width=64, layers=LAYERS, heads=4, groups=2, head_width=16, units=192),
    course=Course(steps=100, rate=3e-3, sequences=4, positions=64),
    seeds=8,
)
FULL = Size(
    name="full",
    shape=Shape(vocabulary=2048, width=192, layers=LAYERS, heads=6, groups=6, head_width=32, units=512),
    course=Course(steps=500, rate=1.5e-3, sequences=8, positions=128),
    seeds=3,
)
NANO = Size(
    name="nano",
    shape=Shape(vocabulary=512, width=64, layers=LAYERS, heads=4, groups=2, head_width=16, units=192),
    course=Course(steps=250, rate=3e-3, sequences=8, positions=64),
    seeds=12,
)
SIZES = {size.name: size for size in (REDUCED, FULL, NANO)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One model.

    Args:
        group: ``plain``, ``disguised``, ``partial``, ``merged`` or ``foreign``, as the tables have it.
        verdicts: for each parent, what ``compare PARENT CHILD`` may say.
        layers: for each parent, which of its layers stands in each of the child's; ``None`` is none of them.
        shares: for each parent, its coefficient in the merge, where the recipe has one.
        course: what it learns, in words: while they stay the same, so does the model that was kept.
            Empty where nothing is learned, and nothing kept.
    """

    name: str
    operation: str
    group: str
    make: Callable[[Get, Size], Network]
    verdicts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    layers: Mapping[str, Sequence[int | None]] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)
    course: str = ""
    packaging: str = "plain"


def _seed(number: int) -> Recipe:
    return Recipe(
        name=f"seed-{number}",
        operation="trained",
        group="base",
        make=lambda _get, size: train(initialise(size.shape, number), size.course),
        course=f"seed {number}",
    )


def _learned(name: str, operation: str, parent: str, share: float, rate: float, **course: object) -> Recipe:
    def make(get: Get, size: Size) -> Network:
        return train(get(parent), size.course_of(share, rate=size.course.rate * rate, **course))

    return Recipe(
        name=name,
        operation=operation,
        group="plain",
        make=make,
        verdicts={parent: DERIVED},
        layers={parent: WHOLE},
        course=f"{parent} {share} {rate} {course}",
    )


def _changed(
    name: str,
    operation: str,
    change: Callable[[Network], Network],
    *,
    parent: str = "seed-1",
    group: str = "plain",
    verdicts: Sequence[str] = DERIVED,
    layers: Sequence[int | None] = WHOLE,
    packaging: str = "plain",
) -> Recipe:
    return Recipe(
        name=name,
        operation=operation,
        group=group,
        make=lambda get, _size: change(get(parent)),
        verdicts={"seed-1": verdicts},
        layers={"seed-1": layers},
        packaging=packaging,
    )


def _low_rank(get: Get, size: Size) -> Network:
    return train_low_rank(get("seed-1"), size.course_of(0.3, rate=2e-3, corpus="prose"), rank=8, seed=81)


def _student(get: Get, size: Size) -> Network:
    return distil(get("seed-1"), initialise(size.shape, 901), size.course)


def _same_start(_get: Get, size: Size) -> Network:
    return train(initialise(size.shape, 1), replace(size.course, corpus="prose"))


def _healed(get: Get, size: Size) -> Network:
    return train(get("two-layers"), replace(size.course, steps=50, rate=size.course.rate / 2, order=77))


def _widened(get: Get, size: Size) -> Network:
    wide = surgery.widen_units(get("seed-1"), 0.5, 61)
    return train(wide, size.course_of(0.1, rate=size.course.rate / 5, order=78))


def _widened_stream(get: Get, size: Size) -> Network:
    wide = surgery.widen_residual(get("seed-1"), size.shape.width // 4, 62)
    return train(wide, size.course_of(0.1, rate=size.course.rate / 5, order=79))


def _trained_surgery() -> list[Recipe]:
    one = {"seed-1": DERIVED}
    whole = {"seed-1": WHOLE}
    return [
        Recipe(
            name="lora-merged",
            operation="low-rank update",
            group="plain",
            make=_low_rank,
            verdicts=one,
            layers=whole,
            course="rank 8, 0.3, 2e-3, prose, seed 81",
        ),
        Recipe(
            name="same-start",
            operation="same initialisation, other text",
            group="plain",
            make=_same_start,
            verdicts=one,
            layers=whole,
            course="seed 1, prose",
        ),
        Recipe(
            name="student",
            operation="distilled",
            group="foreign",
            make=_student,
            verdicts={"seed-1": ("no-evidence",)},
            course="seed 901, of seed-1",
        ),
        Recipe(
            name="widened-units",
            operation="hidden units added",
            group="plain",
            make=_widened,
            verdicts=one,
            layers=whole,
            course="0.5, seed 61, 0.1, rate / 5, order 78",
        ),
        Recipe(
            name="widened-stream",
            operation="residual stream widened",
            group="plain",
            make=_widened_stream,
            verdicts=one,
            layers=whole,
            course="1/4, seed 62, 0.1, rate / 5, order 79",
        ),
        Recipe(
            name="two-layers-healed",
            operation="layers copied, then trained",
            group="partial",
            make=_healed,
            verdicts={"seed-1": PARTIAL, "seed-2": MIXED},
            layers={"seed-1": (None, 1, 2, None), "seed-2": (0, None, None, 3)},
            course="50 steps, rate / 2, order 77",
        ),
    ]


def _plain() -> list[Recipe]:
    return [
        _changed("copy", "none", lambda net: net, verdicts=("identical",)),
        _changed(
            "renamed-resharded",
            "renamed and resharded",
            lambda net: net,
            verdicts=("repackaged",),
            packaging="renamed",
        ),
        _changed("bf16", "cast", lambda net: compression.cast(net, torch.bfloat16), verdicts=CAST),
        _changed("fp16", "cast", lambda net: compression.cast(net, torch.float16), verdicts=CAST),
        _changed("int8", "quantised to 8 bits", compression.quantise_rows),
        _changed("int4-g64", "quantised to 4 bits", compression.quantise_groups),
        *[
            _changed(f"prune-{share}", "pruned", lambda net, share=share: compression.prune(net, share / 100))
            for share in (30, 50, 70)
        ],
        _changed("noise-10", "noise", lambda net: compression.add_noise(net, 0.1, 71)),
        _changed("noise-50", "noise", lambda net: compression.add_noise(net, 0.5, 72)),
        _changed("ft-int4", "fine-tuned, 4 bits", compression.quantise_groups, parent="ft-prose"),
        _changed("vocabulary-extended", "pieces added", lambda net: surgery.extend_vocabulary(net, 64, 63)),
        _changed("units-pruned", "hidden units removed", lambda net: surgery.prune_units(net, 0.25)),
        _changed(
            "layer-dropped",
            "layer dropped",
            lambda net: surgery.arrange_layers(net, (0, 1, 3)),
            layers=(0, 1, 3),
        ),
        _changed(
            "depth-doubled",
            "layers doubled",
            lambda net: surgery.arrange_layers(net, (0, 1, 2, 1, 2, 3)),
            layers=(0, 1, 2, 1, 2, 3),
        ),
    ]


def _disguised() -> list[Recipe]:
    changes: dict[str, tuple[Callable[[Network], Network], str]] = {
        "units-permuted": (lambda net: disguise.permute_units(net, 11), "seed-1"),
        "units-rescaled": (lambda net: disguise.rescale_units(net, 12), "seed-1"),
        "heads-permuted": (lambda net: disguise.permute_heads(net, 13), "seed-1"),
        "heads-rotated": (lambda net: disguise.rotate_heads(net, 14), "seed-1"),
        "inside-permuted": (lambda net: disguise.permute_inside(net, 21), "seed-1"),
        "stream-permuted": (lambda net: disguise.permute_residual(net, 15), "seed-1"),
        "stream-rotated": (lambda net: disguise.rotate_residual(net, 16), "seed-1"),
        "all-permuted": (lambda net: disguise.permute_all(net, 17), "seed-1"),
        "ft-units-permuted": (lambda net: disguise.permute_units(net, 18), "ft-prose"),
        "ft-all-permuted": (lambda net: disguise.permute_all(net, 19), "ft-prose"),
        "ft-rotated": (lambda net: disguise.rotate_residual(net, 20), "ft-prose"),
    }
    return [
        _changed(name, name.replace("-", " "), change, parent=parent, group="disguised", verdicts=CAST)
        for name, (change, parent) in changes.items()
    ]


def _partial() -> list[Recipe]:
    return [
        Recipe(
            name="two-layers",
            operation="layers copied",
            group="partial",
            make=lambda get, _size: surgery.transplant(get("seed-2"), get("seed-1"), {1: 1, 2: 2}),
            verdicts={"seed-1": PARTIAL, "seed-2": MIXED},
            layers={"seed-1": (None, 1, 2, None), "seed-2": (0, None, None, 3)},
        ),
        Recipe(
            name="embedding-copied",
            operation="embedding copied",
            group="partial",
            make=lambda get, _size: surgery.transplant_embedding(get("seed-2"), get("seed-1")),
            verdicts={"seed-1": PARTIAL, "seed-2": MIXED},
            layers={"seed-1": (None,) * LAYERS, "seed-2": WHOLE},
        ),
        Recipe(
            name="franken-merged",
            operation="layers of two models",
            group="partial",
            make=lambda get, _size: surgery.transplant(get("foreign-ft"), get("ft-code"), {0: 0, 1: 1}),
            verdicts={"seed-1": (*PARTIAL, "merged"), "seed-2": (*PARTIAL, "merged")},
            layers={"seed-1": (0, 1, None, None), "seed-2": (None, None, 2, 3)},
        ),
        Recipe(
            name="foreign-average",
            operation="averaged with a foreign model",
            group="partial",
            make=lambda get, _size: merging.average([get("seed-1"), get("seed-2")], [0.5, 0.5]),
            verdicts={"seed-1": MIXED, "seed-2": MIXED},
            layers={"seed-1": WHOLE, "seed-2": WHOLE},
            shares={"seed-1": 0.5, "seed-2": 0.5},
        ),
    ]


def _merged() -> list[Recipe]:
    def of_two(name: str, operation: str, shares: Sequence[float], make: Callable[..., Network]) -> Recipe:
        return Recipe(
            name=name,
            operation=operation,
            group="merged",
            make=lambda get, _size: make(get("seed-1"), get("ft-code"), get("ft-prose")),
            verdicts={"seed-1": ("derived", "merged")},
            layers={"seed-1": WHOLE},
            shares=dict(zip(("ft-code", "ft-prose"), shares, strict=True)),
        )

    def dare(base: Network, a: Network, b: Network) -> Network:
        return merging.drop_and_rescale(base, [a, b], [0.5, 0.5], drop=0.5, seed=91)

    def ties(base: Network, a: Network, b: Network) -> Network:
        return merging.trim_and_elect(base, [a, b], density=0.5, scale=1.0)

    return [
        of_two("merge-linear", "linear", (0.5, 0.5), lambda _s, a, b: merging.average([a, b], [0.5, 0.5])),
        of_two(
            "merge-linear-int8",
            "linear, 8 bits",
            (0.7, 0.3),
            lambda _s, a, b: compression.quantise_rows(merging.average([a, b], [0.7, 0.3])),
        ),
        of_two("merge-slerp", "slerp", (0.5, 0.5), lambda _s, a, b: merging.slerp(a, b, 0.5)),
        of_two(
            "merge-task",
            "task-arithmetic",
            (0.5, 0.2),
            lambda s, a, b: merging.add_tasks(s, [a, b], [0.5, 0.2]),
        ),
        of_two("merge-dare", "dare", (0.5, 0.5), dare),
        of_two("merge-ties", "ties", (1.0, 1.0), ties),
    ]


def list_recipes(size: Size) -> list[Recipe]:
    """Give every model of a zoo, parents before children."""
    seeds = [_seed(number) for number in range(1, size.seeds + 1)]
    if size is NANO:
        return seeds
    learned = [
        _learned("ft-code", "fine-tuned", "seed-1", 0.2, 0.3, order=71),
        _learned("ft-prose", "fine-tuned", "seed-1", 0.4, 0.5, corpus="prose"),
        _learned("ft-long", "fine-tuned", "seed-1", 0.6, 1.0, corpus="prose", order=72, cooled=False),
        _learned("foreign-ft", "fine-tuned", "seed-2", 0.2, 0.3, order=73),
        _learned("continued", "trained on", "seed-1", 3.0, 1.0, corpus="prose", order=74, cooled=False),
    ]
    return [*seeds, *learned, *_partial(), *_trained_surgery(), *_plain(), *_disguised(), *_merged()]
