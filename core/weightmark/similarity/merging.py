"""By which recipe a model was merged from others: the recipe, its coefficients, what each tensor leaves.

A recipe holds when what it leaves in every tensor is no more than the rounding of the child. Recipes of which
one is a case of another (a copy of linear, linear of task arithmetic) are named by the simplest.

Not promised: that the child was made so. What gives the same numbers cannot be told apart by numbers.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from weightmark.errors import Failure, MalformedError
from weightmark.similarity.fitting import Fit, Solver
from weightmark.similarity.masking import EXPLAINED, Masked, explain_masks
from weightmark.similarity.products import Family, Gathered, Products, Progress, gather

NEGLIGIBLE: Final = 0.05
"""The coefficient under which a parent counts as not contributing."""

TOLERANCE: Final = 0.02
"""How far a claimed coefficient may be from the recovered one."""

RECIPES: Final = (
    "copy",
    "lora",
    "linear",
    "slerp",
    "task-arithmetic",
    "passthrough",
    "by-tensor",
    "dare",
    "ties",
)
"""Every recipe that is looked for, the simplest first."""

_CASES: Final[Mapping[str, tuple[str, ...]]] = {
    "copy": ("linear", "slerp", "task-arithmetic", "passthrough", "by-tensor", "lora"),
    "linear": ("task-arithmetic", "by-tensor"),
    "slerp": ("by-tensor",),
    "task-arithmetic": ("by-tensor",),
    "passthrough": ("by-tensor",),
}
"""What says the same as a recipe in other words, or with more freedom."""

_MASKED: Final = ("dare", "ties")
_EXACT: Final = 1e-3
_CLOSE: Final = 1.1
_TWO: Final = 2
_MOST_ARCS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficient:
    """How much of one model is in the child.

    Attributes:
        name: what the user calls the model; ``adapter`` for the adapter.
        value: the coefficient.
        error: its standard error; None when the models do not tell it.
        contributes: whether it is not negligible.
    """

    name: str
    value: float
    error: float | None
    contributes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorFit:
    """What a recipe leaves in one tensor.

    Attributes:
        name: the tensor.
        fits: whether it is no more than rounding.
        residual: the norm of what is left by the norm of the child's distance from its origin; for ``dare``
            and ``ties`` the share of elements that are not explained.
        weights: the tensor's own coefficients, when the recipe gives each its own; by the parents' names.
    """

    name: str
    fits: bool
    residual: float
    weights: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One recipe, held against the child.

    Attributes:
        recipe: one of ``RECIPES``.
        holds: whether it explains every tensor of the child.
        coefficients: of each parent, and of the adapter.
        parameters: what else the recipe has: ``t`` of slerp; ``scale`` and ``density`` by parent.
        tensors: every tensor that could be looked at.
        left_out: tensors that could not, and why.
        explained: the share of the child's squared distance from its origin that is explained.
        also: other recipes that hold too and are not cases of this one.
        misfit: what is left, by what rounding lets expect.
    """

    recipe: str
    holds: bool
    coefficients: tuple[Coefficient, ...]
    parameters: Mapping[str, float]
    tensors: tuple[TensorFit, ...]
    left_out: Mapping[str, str]
    explained: float
    also: tuple[str, ...] = ()
    misfit: float = 0.0

    @property
    def idle(self) -> tuple[str, ...]:
        """The models that do not contribute."""
        return tuple(each.name for each in self.coefficients if not each.contributes)


class Merge:
    """A child and its possible parents, read once; recipes are held against it.

    Args:
        family: the models.
        progress: told how far reading is.

    Raises:
        MalformedError: a file is damaged, or no tensor can be looked at.
    """

    def __init__(self, family: Family, *, progress: Progress | None = None) -> None:
        self._family = family
        self._gathered: Gathered = gather(family, progress=progress)
        self._products: Sequence[Products] = self._gathered.products
        if not self._products:
            reasons = sorted(set(self._gathered.left_out.values()))
            raise MalformedError(
                f"no tensor of the child can be held against its parents: {'; '.join(reasons)[:200]}",
                hint="Name models of the same architecture, whose tensors have the same names.",
            )
        self._solver = Solver(self._products, origin_is_parent=family.base is None)
        self._names = [*family.parents, *(["adapter"] if family.adapter is not None else [])]

    def explain(self) -> Explanation:
        """Say which recipe explains the child.

        Returns:
            The simplest that holds; else the one that explains most, which does not hold.

        Raises:
            MalformedError: a file is damaged.
        """
        tried = [each for recipe in RECIPES if recipe not in _MASKED for each in self._try(recipe)]
        holding = [each for each in tried if each.holds]
        if not holding:
            tried += [each for recipe in _MASKED for each in self._try(recipe)]
            holding = [each for each in tried if each.holds]
        if not holding:
            # What gives every tensor its own coefficients always leaves less, and explains nothing.
            plain = [each for each in tried if each.recipe not in ("passthrough", "by-tensor")] or tried
            return max(plain, key=lambda each: each.explained)
        least = min(each.misfit for each in holding)
        near = [each for each in holding if each.misfit <= _CLOSE * least + 1e-9] or holding
        # An arc fits what a straight line fits wherever both are rounded away; the simple one is named.
        simplest = min(holding, key=lambda each: RECIPES.index(each.recipe))
        best = simplest if simplest in near or simplest.misfit <= _rounded(self._products) else near[0]
        also = [each.recipe for each in holding if _is_other(each.recipe, best.recipe)]
        return replace(best, also=tuple(also))

    def judge(self, recipe: str, weights: Sequence[float] | None = None) -> tuple[Explanation, list[Failure]]:
        """Hold a claim against the child.

        Args:
            recipe: one of ``RECIPES``.
            weights: the claimed coefficients of the parents, in their order; the place will do for slerp;
                None to leave them open.

        Returns:
            What the recipe explains, and everything that does not fit; nothing when the claim holds.

        Raises:
            ValueError: there is no such recipe, it needs other models, or the weights are not as many.
            MalformedError: a file is damaged.
        """
        if recipe not in RECIPES:
            raise ValueError(f"there is no recipe {recipe!r}; there are: {', '.join(RECIPES)}")
        found = next(iter(self._try(recipe)), None)
        if found is None:
            raise ValueError(_needs(recipe))
        failures = [
            Failure(tensor=each.name, reason=f"{each.residual:.1%} of it is not explained by {recipe}")
            for each in found.tensors
            if not each.fits
        ]
        failures += [Failure(tensor=name, reason=reason) for name, reason in self._unexplained().items()]
        failures += _against(found, list(self._family.parents), weights)
        if not found.holds and not failures:
            failures.append(Failure(reason=f"{recipe} explains the elements no better than chance"))
        return found, failures

    def _try(self, recipe: str) -> Iterator[Explanation]:
        """Hold one recipe against the child; nothing when the models do not allow it."""
        family, solver = self._family, self._solver
        match recipe:
            case "copy":
                yield from self._copies()
            case "lora" if family.adapter is not None:
                yield self._say("lora", solver.fit())
            case "linear" if len(family.parents) >= _TWO and family.adapter is None:
                yield self._say("linear", solver.fit(sums_to_one=True))
            case "slerp" if len(family.parents) >= _TWO and family.adapter is None:
                yield self._arc()
            case "task-arithmetic" if family.adapter is None:
                yield self._say("task-arithmetic", solver.fit(origin_free=family.base is None))
            case "passthrough" | "by-tensor" if len(family.parents) >= _TWO and family.adapter is None:
                fit = self._passed() if recipe == "passthrough" else solver.fit(by_tensor=True)
                yield self._say(recipe, fit)
            case "dare" | "ties" if family.base is not None and family.adapter is None:
                masked = explain_masks(family, self._products)
                if masked is not None and masked.recipe.startswith(recipe):
                    yield self._say_masked(masked)
            case _:
                return

    def _arc(self) -> Explanation:
        """Try the arc between each two parents; of very many the two that contribute most."""
        count = len(self._family.parents)
        pairs = list(itertools.combinations(range(count), _TWO))
        if count > _MOST_ARCS:
            row = self._of_parents(self._solver.fit().weights[0])
            first, second = sorted(np.argsort(-np.abs(row), kind="stable")[:_TWO].tolist())
            pairs = [(first, second)]
        arcs = [(pair, *self._solver.arc(*pair)) for pair in pairs]
        pair, fit, place, error = min(arcs, key=lambda arc: self._solver.misfit(arc[1]))
        found = self._say("slerp", fit, {"t": place})
        values = {pair[0]: 1.0 - place, pair[1]: place}
        coefficients = [
            replace(
                each, value=value, error=error if at in values else 0.0, contributes=abs(value) >= NEGLIGIBLE
            )
            for at, each in enumerate(found.coefficients)
            for value in [values.get(at, 0.0)]
        ]
        return replace(found, coefficients=tuple(coefficients))

    def _copies(self) -> Iterator[Explanation]:
        for weights in self._single():
            fit = self._solver.evaluate(weights)
            if fit.holds:
                yield self._say("copy", fit)
                return

    def _single(self) -> "np.ndarray":
        """Give the coefficients of taking one model whole: (models, sources + 1)."""
        count = len(self._family.others)
        added = count + (self._family.adapter is not None)
        return np.concatenate([np.ones((count + 1, 1)), np.eye(count + 1, added, -1)], axis=1)

    def _passed(self) -> Fit:
        """Give each tensor to the one model that leaves least."""
        hot = self._single()
        fits = [self._solver.evaluate(weights) for weights in hot]
        best = np.argmin(np.stack([fit.left for fit in fits]), axis=0)
        return self._solver.evaluate(hot[best])

    def _say(
        self,
        recipe: str,
        fit: Fit,
        parameters: Mapping[str, float] | None = None,
    ) -> Explanation:
        own = recipe in ("passthrough", "by-tensor")
        table = np.stack([self._of_parents(row) for row in fit.weights])
        shares = np.average(table, axis=0, weights=[each.size for each in self._products])
        peaks = np.abs(table).max(axis=0)
        errors = self._errors(fit)
        coefficients = [
            Coefficient(
                name=name,
                value=float(shares[index]),
                error=None if not np.isfinite(errors[index]) else float(errors[index]),
                contributes=bool((peaks[index] if own else abs(shares[index])) >= NEGLIGIBLE),
            )
            for index, name in enumerate(self._names)
        ]
        moved = self._solver.moved
        tensors = [
            TensorFit(
                name=each.name,
                fits=bool(fit.fits[at]),
                residual=float(np.sqrt(fit.left[at] / moved[at])) if moved[at] else float(fit.left[at] > 0),
                weights=dict(zip(self._names, map(float, table[at]), strict=True)) if own else {},
            )
            for at, each in enumerate(self._products)
        ]
        total = float(moved.sum())
        return Explanation(
            recipe=recipe,
            holds=fit.holds and not self._unexplained(),
            coefficients=tuple(coefficients),
            parameters=parameters or {},
            tensors=tuple(tensors),
            left_out=self._gathered.left_out,
            explained=1.0 - float(fit.left.sum()) / total if total else 1.0,
            misfit=self._solver.misfit(fit),
        )

    def _say_masked(self, masked: Masked) -> Explanation:
        names = list(self._family.parents)
        parameters = {f"scale of {name}": scale for name, scale in zip(names, masked.scales, strict=True)}
        parameters |= {f"density of {name}": part for name, part in zip(names, masked.densities, strict=True)}
        sizes = [each.size for each in self._products]
        coefficients = [
            Coefficient(name=name, value=weight, error=error, contributes=abs(weight) >= NEGLIGIBLE)
            for name, weight, error in zip(names, masked.weights, masked.errors, strict=True)
        ]
        return Explanation(
            recipe="ties" if masked.recipe == "ties" else "dare",
            holds=masked.holds and not self._unexplained(),
            coefficients=tuple(coefficients),
            parameters=parameters,
            tensors=tuple(
                TensorFit(name=name, fits=share >= EXPLAINED, residual=1.0 - share)
                for name, share in masked.explained.items()
            ),
            left_out=self._gathered.left_out,
            explained=float(np.average(list(masked.explained.values()), weights=sizes)),
        )

    def _of_parents(self, row: "np.ndarray") -> "np.ndarray":
        """Turn the coefficients of the origin and of distances into those of the models named."""
        if self._family.base is not None:
            return np.asarray(row[1:], np.float64)
        count = len(self._family.parents)
        return np.concatenate([[row[0] - row[1:count].sum()], row[1:]])

    def _errors(self, fit: Fit) -> "np.ndarray":
        if self._family.base is not None:
            return fit.errors
        first = np.sqrt((fit.errors[: len(self._family.parents) - 1] ** 2).sum())
        return np.concatenate([[first], fit.errors])

    def _unexplained(self) -> dict[str, str]:
        """Give the child's tensors that no recipe can speak of."""
        names = set(self._family.child.names)
        return {name: reason for name, reason in self._gathered.left_out.items() if name in names}


def _rounded(products: Sequence[Products]) -> float:
    """Give the misfit that rounding once is likely to leave: half of the bound in every tensor."""
    return 0.5 * float(sum(each.size for each in products)) / 9.0


def _is_other(recipe: str, best: str) -> bool:
    """Say whether a recipe that holds too says something else than the best one."""
    return recipe != best and recipe not in _CASES.get(best, ())


def _against(found: Explanation, parents: Sequence[str], weights: Sequence[float] | None) -> list[Failure]:
    """Hold claimed coefficients against the recovered ones."""
    if weights is None:
        return []
    if found.recipe == "slerp" and len(weights) == 1 and len(parents) == _TWO:
        weights = [1.0 - weights[0], weights[0]]
    if len(weights) != len(parents):
        raise ValueError(f"{len(weights)} weights were claimed for {len(parents)} parents")
    failures: list[Failure] = []
    for claimed, own in zip(weights, found.coefficients, strict=False):
        if own.error is None or _TWO * own.error > TOLERANCE:
            failures.append(Failure(reason=f"the coefficient of {own.name} cannot be told from the numbers"))
        elif abs(claimed - own.value) > TOLERANCE:
            failures.append(
                Failure(reason=f"the coefficient of {own.name} is {own.value:.3f}, not {claimed:.3f}")
            )
    return failures


def _needs(recipe: str) -> str:
    needs: Mapping[str, str] = {
        "lora": "lora needs an adapter",
        "slerp": "slerp needs two parents, and no adapter",
        "dare": "dare needs a base, and elements that show where a parent was dropped",
        "ties": "ties needs a base, and elements that show where a parent was trimmed",
        "copy": "the child is a copy of none of these models",
    }
    return needs.get(recipe, f"{recipe} needs at least two parents, and no adapter")
