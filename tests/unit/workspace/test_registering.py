"""Registrations that come together are recorded together, and none spoils another."""

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.workshop import write_model

from weightmark import EventKind, ModelEvent
from weightmark.claims import Envelope
from weightmark.discovery import Plugins
from weightmark.errors import LedgerError, LicensingError, MalformedError
from weightmark.log import Receipt
from weightmark.vocabulary import Predicate
from weightmark.workspace import Configuration, Workspace
from weightmark.workspace.registering import Registrar

AT_ONCE = 12


@pytest.fixture
def filed(home: Path, plugins: Plugins) -> Iterator[Workspace]:
    with Workspace(Configuration.load(), plugins) as opened:
        yield opened


def event(folder: Path, number: int, **more: str) -> ModelEvent:
    model = write_model(folder / f"m{number}", {"x": [float(number)]})
    said = {"kind": EventKind.REGISTER, "uri": f"models:/m/{number}", "source": str(model)}
    return ModelEvent(**{**said, "name": "m", "version": str(number), **more})  # type: ignore[arg-type]


def batches(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Hold the first batch until all others wait; give how many statements each append had."""
    sizes: list[int] = []
    ledger = type(workspace.resources.ledger)
    whole = ledger.append_all

    def counted(self: object, envelopes: Sequence[Envelope]) -> list[Receipt]:
        if not sizes:
            registrar = workspace._road._registrar
            for _ in range(3000):
                if len(registrar._waiting) >= AT_ONCE - 1:
                    break
                threading.Event().wait(0.01)
        sizes.append(len(envelopes))
        return whole(self, envelopes)

    monkeypatch.setattr(ledger, "append_all", counted)
    return sizes


def test_who_comes_while_another_records_goes_with_the_next_batch(
    filed: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [event(tmp_path, number) for number in range(AT_ONCE)]
    sizes = batches(filed, monkeypatch)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(filed.handle, events))
    assert sizes == [2, 2 * (AT_ONCE - 1)]
    for number, outcome in enumerate(outcomes):
        assert outcome.model is not None
        assert outcome.receipt is not None
        assert filed.resources.index.at(f"models:/m/{number}") == outcome.model
        assert outcome.receipt.index == outcome.model.entry
    filed.resources.ledger.audit()


def test_one_that_is_refused_spoils_no_other(
    filed: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [event(tmp_path, number) for number in range(AT_ONCE)]
    events[5] = event(tmp_path, 5, owner="openlab")
    events[7] = event(tmp_path, 7, version="x" * 2000)
    batches(filed, monkeypatch)

    def handle(each: ModelEvent) -> object:
        try:
            return filed.handle(each).model
        except Exception as error:
            return type(error)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(handle, events))
    assert (found[5], found[7]) == (LicensingError, MalformedError)
    history = filed.resources.index.history()
    assert len(history) == 2 * (AT_ONCE - 2)
    assert all(entry.accepted for entry in history)


def test_the_same_files_in_one_batch_are_registered_once(
    filed: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = write_model(tmp_path / "same", {"x": [1.0]})
    events = [event(tmp_path, number, source=str(model)) for number in range(AT_ONCE)]
    batches(filed, monkeypatch)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(filed.handle, events))
    kinds = [entry.predicate_type for entry in filed.resources.index.history() if entry.accepted]
    assert kinds.count(Predicate.REGISTRATION) == 1
    assert kinds.count(Predicate.VERSION) == AT_ONCE
    assert len(kinds) == AT_ONCE + 1


def test_a_ledger_that_fails_fails_all_and_the_next_batch_goes_on(
    filed: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [event(tmp_path, number) for number in range(4)]

    def full(_self: object, _envelopes: Sequence[Envelope]) -> list[Receipt]:
        raise LedgerError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(type(filed.resources.ledger), "append_all", full)
        for each in events:
            with pytest.raises(LedgerError):
                filed.handle(each)
    assert all(filed.handle(each).receipt for each in events)


def test_an_interrupted_leader_leaves_nobody_with_a_yes(
    filed: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_self: object, _jobs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Registrar, "_record", interrupt)
        with pytest.raises(KeyboardInterrupt):
            filed.handle(event(tmp_path, 1))
    assert filed.handle(event(tmp_path, 1)).receipt is not None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks")
def test_a_process_that_was_forked_while_another_thread_led_goes_on(filed: Workspace, tmp_path: Path) -> None:
    first, second = event(tmp_path, 1), event(tmp_path, 2)
    registrar = filed._road._registrar
    inside, leave = threading.Event(), threading.Event()

    def lead() -> None:
        with registrar._leading:
            inside.set()
            leave.wait(30)

    thread = threading.Thread(target=lead)
    thread.start()
    inside.wait(30)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if filed.handle(first).receipt is not None else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    leave.set()
    thread.join()
    assert filed.handle(second).receipt is not None
    assert filed.handle(first).receipt is None
