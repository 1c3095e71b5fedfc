"""Makes the zoo: small Llamas that learned the same text from different seeds, and what people make of them.

    python -m tests.zoo.build reduced FOLDER

Every model is a folder with safetensors and ``config.json``; ``zoo.json`` says of each what it is made of
and what a comparison must find. A second run into the same folder takes what is there. By the seeds it is the
same every time, up to rounding, on the same Python, torch and processor.
"""

import fcntl
import hashlib
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tests.zoo.network import Network
from tests.zoo.recipes import SIZES, Recipe, Size, list_recipes
from tests.zoo.surgery import rename
from tests.zoo.training import one_thread
from tests.zoo.zoo import Entry, Zoo
from torch import Tensor

HERE = Path(__file__).resolve().parent
INDEX, STAMPS = "zoo.json", ".stamps"
LEARNING = ("network.py", "surgery.py", "text.py", "training.py")


def _stamp(size: Size, names: Sequence[str]) -> str:
    state = hashlib.sha256(f"{size} {sys.version} {torch.__version__}".encode())
    for name in names:
        state.update((HERE / name).read_bytes())
    return state.hexdigest()


def _write(network: Network, folder: Path, packaging: str) -> None:
    """Write a model as its recipe's packaging says."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    (folder / "config.json").write_text(json.dumps(network.shape.config(), indent=1))
    if packaging == "plain":
        save_file(_owned(network.weights), folder / "model.safetensors", metadata={"format": "pt"})
        return
    named = list(_owned(rename(network)).items())
    shards = 3
    for number in range(shards):
        part = dict(named[number::shards])
        save_file(part, folder / f"weights-{number + 1:05}-of-{shards:05}.safetensors")


def _owned(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().contiguous().clone() for name, value in weights.items()}


def load(folder: Path) -> Network:
    """Read a model of the zoo's own names."""
    config = json.loads((folder / "config.json").read_text())
    weights = {name: value.float() for name, value in load_file(folder / "model.safetensors").items()}
    return Network.of_config(weights, config)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process build at a time; the next one finds what the first has made."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class _Workshop:
    """Makes a zoo's models in turn; those that learned are taken from the folder when nothing changed."""

    def __init__(self, size: Size, folder: Path) -> None:
        self.size, self.folder = size, folder
        self.made: dict[str, Network] = {}
        self.stamp = _stamp(size, LEARNING)

    def get(self, name: str) -> Network:
        return self.made[name]

    def make(self, recipe: Recipe) -> Entry:
        started, path = time.perf_counter(), self.folder / recipe.name
        stamp, learned = self.folder / STAMPS / recipe.name, f"{self.stamp} {recipe.course}"
        if recipe.course and stamp.exists() and stamp.read_text() == learned:
            network = load(path)
        else:
            network = recipe.make(self.get, self.size)
            _write(network, path, recipe.packaging)
            stamp.parent.mkdir(exist_ok=True)
            stamp.write_text(learned)
        self.made[recipe.name] = network
        return Entry(
            name=recipe.name,
            path=recipe.name,
            operation=recipe.operation,
            group=recipe.group,
            verdicts=recipe.verdicts,
            layers=recipe.layers,
            shares=recipe.shares,
            seconds=round(time.perf_counter() - started, 2),
        )


def open_zoo(size: Size, folder: Path) -> Zoo:
    """Give a zoo, made first where it is not there or was made otherwise.

    Raises:
        OSError: the folder cannot be written.
    """
    with _alone(folder):
        index, stamp = folder / INDEX, _stamp(size, sorted(path.name for path in HERE.glob("*.py")))
        if index.exists():
            known = json.loads(index.read_text())
            if known["stamp"] == stamp:
                entries = [Entry(**entry) for entry in known["models"]]
                return Zoo(folder=folder, entries={entry.name: entry for entry in entries})
        with one_thread():
            workshop = _Workshop(size, folder)
            entries = [workshop.make(recipe) for recipe in list_recipes(size)]
        content = {"stamp": stamp, "size": size.name, "models": [asdict(entry) for entry in entries]}
        index.write_text(json.dumps(content, indent=1))
        return Zoo(folder=folder, entries={entry.name: entry for entry in entries})


def main(name: str, folder: str) -> None:
    """Make a zoo of the named size and say how long each model took."""
    zoo = open_zoo(SIZES[name], Path(folder))
    for entry in zoo.entries.values():
        sys.stdout.write(f"{entry.seconds:8.2f} s  {entry.group:<10} {entry.name}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
