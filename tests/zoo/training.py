"""How the zoo's models learn: the same text in the same order for every one of them, on one thread."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from tests.zoo.network import Network, Weights, run
from tests.zoo.text import tokens_of
from torch import Tensor
from torch.nn import functional

ORDER = 1234
"""The seed of the order of the text: one for all, so that only their first weights tell models apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What is learned, for how long, and how fast."""

    steps: int
    rate: float
    corpus: str = "code"
    order: int = ORDER
    sequences: int = 8
    positions: int = 64
    cooled: bool = True


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread, and so the same numbers every time; then as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def batches(course: Course, vocabulary: int) -> Iterator[Tensor]:
    """Give each step's text, ``(sequences, positions + 1)``."""
    tokens = tokens_of(course.corpus, vocabulary)
    generator = torch.Generator().manual_seed(course.order)
    last = len(tokens) - course.positions - 1
    span = torch.arange(course.positions + 1)
    for _ in range(course.steps):
        starts = torch.randint(last, (course.sequences, 1), generator=generator)
        yield tokens[starts + span]


Loss = Callable[[Weights, Tensor], Tensor]


def _descend(learned: Weights, course: Course, vocabulary: int, loss: Loss) -> None:
    """Change ``learned`` in place, step by step."""
    values = [value.requires_grad_() for value in learned.values()]
    optimizer = torch.optim.AdamW(values, lr=course.rate, betas=(0.9, 0.95), weight_decay=0.01)
    warm = min(20, course.steps // 5 + 1)
    for step, ids in enumerate(batches(course, vocabulary)):
        left = 1 - step / course.steps if course.cooled else 1.0
        optimizer.param_groups[0]["lr"] = course.rate * min(1.0, (step + 1) / warm) * left
        optimizer.zero_grad(set_to_none=True)
        loss(learned, ids).backward()
        torch.nn.utils.clip_grad_norm_(values, 1.0)
        optimizer.step()
    for value in values:
        value.requires_grad_(requires_grad=False)


def train(network: Network, course: Course) -> Network:
    """Give the network after a course: every tensor has changed."""
    learned = network.cloned()

    def loss(weights: Weights, ids: Tensor) -> Tensor:
        logits = run(weights, network.shape, ids[:, :-1])
        return functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())

    _descend(learned.weights, course, network.shape.vocabulary, loss)
    return learned


def train_low_rank(network: Network, course: Course, rank: int, seed: int) -> Network:
    """Give the network with a LoRA of this rank on every matrix of its layers, folded in."""
    generator = torch.Generator().manual_seed(seed)
    names = [name for name in network.weights if name.endswith("_proj.weight")]
    factors: Weights = {}
    for name in names:
        rows, columns = network.weights[name].shape
        factors[f"{name}.a"] = torch.randn(rank, columns, generator=generator) / rank
        factors[f"{name}.b"] = torch.zeros(rows, rank)

    def folded(factors: Weights) -> Weights:
        changed = {
            name: network.weights[name] + factors[f"{name}.b"] @ factors[f"{name}.a"] for name in names
        }
        return network.weights | changed

    def loss(factors: Weights, ids: Tensor) -> Tensor:
        logits = run(folded(factors), network.shape, ids[:, :-1])
        return functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())

    _descend(factors, course, network.shape.vocabulary, loss)
    return Network(weights=folded(factors), shape=network.shape).cloned()


def distil(teacher: Network, student: Network, course: Course) -> Network:
    """Give the student after it has learned the teacher's answers, and none of its weights."""
    learned = student.cloned()

    def loss(weights: Weights, ids: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = run(teacher.weights, teacher.shape, ids[:, :-1]).log_softmax(-1)
        given = run(weights, student.shape, ids[:, :-1]).log_softmax(-1)
        return functional.kl_div(given, wanted, reduction="batchmean", log_target=True) / ids.shape[1]

    _descend(learned.weights, course, student.shape.vocabulary, loss)
    return learned


def measure_loss(network: Network, corpus: str = "code") -> float:
    """Give the mean cross-entropy in nats per piece, on text of an order that no course uses."""
    course = Course(steps=4, rate=0.0, corpus=corpus, order=99)
    with torch.no_grad():
        losses = [
            functional.cross_entropy(
                run(network.weights, network.shape, ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten()
            )
            for ids in batches(course, network.shape.vocabulary)
        ]
    return float(torch.stack(losses).mean())
